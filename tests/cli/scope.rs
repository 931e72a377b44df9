//! The scope: what it takes in and leaves out, and what becomes of files when it changes.

use crate::support::beginnings::{LEVEL, OTHER, REGION, two_in_sync};
use crate::support::pc::assert_same;
use crate::support::{Cloud, Pc};

/// Saves on A, brings it to an empty B, and gives the names of what came.
fn what_travels(a: &Pc, b: &Pc) -> Vec<String> {
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    b.names()
}

#[test]
fn the_default_scope_takes_what_players_own_and_leaves_the_rest() {
    const SYNCED: &[&str] = &[
        "XaeroWaypoints/Multiplayer_example/dim%0/waypoints.txt",
        "XaeroWorldMap/World/null/mw$default/0_0.zip",
        "command_history.txt",
        "hotbar.nbt",
        "journeymap/config/5.9/journeymap.core.config",
        "journeymap/data/sp/World/waypoints/Home.json",
        "options.txt",
        "optionsof.txt",
        "optionsshaders.txt",
        "saves/World/DIM-1/region/r.0.0.mca",
        "saves/World/accounts.json",
        "saves/World/datapacks/p/data/n/function/cache/a.mcfunction",
        "saves/World/icon.png",
        "saves/World/level.dat",
        "saves/World/level.dat_old",
        "saves/World/playerdata/uuid.dat",
        "saves/World/region/r.-1.0.mca",
        "schematics/house.litematic",
        "screenshots/2026-01-01_12.00.00.png",
        "voxelmap/example.points",
        "xaero/minimap/World/dim%0/mw$default_1.txt",
    ];
    const LEFT: &[&str] = &[
        ".DS_Store",
        ".bobby/example/0.bin",
        ".env",
        ".fabric/remappedJars/x.jar",
        ".mixin.out/class/A.class",
        "Thumbs.db",
        "accounts.json",
        "assets/indexes/1.json",
        "auth.json",
        "backups/World.zip",
        "bin/minecraft.jar",
        "config/axiom/.license",
        "config/sodium-fingerprint.json",
        "config/sodium-options.json",
        "coremods/a.jar",
        "crash-reports/crash.txt",
        "credentials.json",
        "debug/profile.txt",
        "downloads/pack.zip",
        "essential/microsoft_accounts.json",
        "ftbbackups2/World.zip",
        "hs_err_pid1.log",
        "instance.cfg",
        "journeymap/icon/entity/a.png",
        "kubejs/startup_scripts/a.js",
        "launcher_accounts.json",
        "launcher_profiles.json",
        "libraries/a.jar",
        "local/crash_assistant/log.txt",
        "logs/latest.log",
        "mmc-pack.json",
        "mods/.connector/a.jar",
        "mods/a.jar",
        "mods/a.pw.toml",
        "natives/a.so",
        "options.txt.bak",
        "packwiz-installer-bootstrap.jar",
        "packwiz.json",
        "realms_persistence.json",
        "xaero/.DS_Store",
        "xaero/.env.local",
        "xaero/Distant_Horizons_server_data/x.sqlite",
        "xaero/accounts.json",
        "xaero/credentials.toml",
        "saves/World/data/DistantHorizons.sqlite",
        "saves/World/data/DistantHorizons.sqlite-wal",
        "xaero/desktop.ini",
        "xaero/launcher_msa_credentials.bin",
        "xaero/level1234.tmp",
        "saves/World/voxy/latest.db",
        "saves/World/session.lock",
        "xaero/tokens.json",
        "saves/World/voxy/storage/1.sst",
        "screenshots/Thumbs.db",
        "screenshots/auth.json",
        "server-resource-packs/pack",
        "servers.dat_old",
        "simplebackups/World.zip",
        "usercache.json",
        "usernamecache.json",
        "versions/1/1.json",
        "voxelmap/cache/example/0,0.zip",
        "xaero/cache/0.zip",
        "xaero/microsoft_accounts.json",
    ];
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    for path in SYNCED.iter().chain(LEFT) {
        let content = if *path == "options.txt" { "fov:0.5\n".to_owned() } else { format!("content of {path}") };
        a.write(path, content);
    }
    assert_eq!(what_travels(&a, &b), SYNCED);
    assert!(cloud.files_of(&a.base().unwrap()).iter().eq(SYNCED));
}

#[test]
fn a_world_may_be_called_like_an_excluded_folder() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    for world in ["logs", "cache", ".cache", "voxy", "World.tmp"] {
        a.write(&format!("saves/{world}/level.dat"), "x");
        a.write(&format!("saves/{world}/voxy/latest.db"), "x");
    }
    assert_eq!(
        what_travels(&a, &b),
        [
            "saves/.cache/level.dat",
            "saves/World.tmp/level.dat",
            "saves/cache/level.dat",
            "saves/logs/level.dat",
            "saves/voxy/level.dat"
        ]
    );
}

#[test]
fn a_narrower_scope_on_one_pc_removes_nothing_on_the_other() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write("saves/World/level.dat", "day 1");
    a.write("saves/Other/level.dat", "day 1");
    a.write("options.txt", "fov:0.5");
    b.write_scope(&["saves/World/"], &[]);
    assert_eq!(what_travels(&a, &b), ["saves/World/level.dat"]);

    b.write("saves/World/level.dat", "day 2");
    b.push().expect(0, "ahead", "saved");
    assert!(cloud.files_of(&b.base().unwrap()).iter().eq(["saves/World/level.dat"]));
    a.pull().expect(0, "behind", "restored");
    assert_eq!(a.read("saves/World/level.dat"), "day 2");
    assert_eq!(a.read("saves/Other/level.dat"), "day 1");
    assert_eq!(a.read("options.txt"), "fov:0.5");

    // Nor does narrowing the own scope count as having deleted what is now outside.
    a.write_scope(&["saves/World/"], &[]);
    a.push().expect(0, "in_sync", "nothing");
    a.pull().expect(0, "in_sync", "nothing");
    assert_eq!(a.read("options.txt"), "fov:0.5");
}

#[test]
fn a_push_before_the_pull_saves_nothing_over_what_is_in_the_scope_only_now() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    b.write_scope(&["saves/", "config/foo.cfg"], &[]);
    b.write("saves/World/level.dat", "day 1");
    b.write("config/foo.cfg", "B's long work");
    b.push().expect(0, "ahead", "saved");
    a.write_scope(&["saves/"], &[]);
    a.write("config/foo.cfg", "as it came with the pack");
    a.pull().expect(0, "behind", "restored");
    // A pack brought a new scope.json while the game ran.
    a.write_scope(&["saves/", "config/foo.cfg"], &[]);
    a.write("saves/World/level.dat", "day 2");
    a.push().expect(0, "diverged", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read("config/foo.cfg"), b.read("saves/World/level.dat")), ("B's long work".into(), "day 2".into()));
    a.pull();
    assert_eq!(a.read("config/foo.cfg"), "B's long work");
    assert_eq!(a.undo_files()["config/foo.cfg"], b"as it came with the pack");
    a.push().expect(0, "in_sync", "nothing");
    b.push().expect(0, "in_sync", "nothing");
}

#[test]
fn a_wider_scope_brings_what_the_narrower_one_left_out() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write("options.txt", "fov:0.5");
    a.write("config/mod.toml", "x");
    a.write("config/mod.toml.tmp", "x");
    a.write_scope(&["config/", "options.txt"], &["**/*.tmp"]);
    assert_eq!(what_travels(&a, &b), ["options.txt"], "B has the built-in scope");

    b.write_scope(&["config/", "options.txt"], &["**/*.tmp"]);
    a.write("options.txt", "fov:0.75");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.names(), ["config/mod.toml", "options.txt"]);
}

#[test]
fn an_exclude_above_an_include_wins_for_both_of_us() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    for pc in [&a, &b] {
        pc.write_scope(&["config/keep/", "options.txt"], &["config/"]);
    }
    a.write("config/keep/a.toml", "x");
    a.write("options.txt", "fov:0.5\n");
    assert_eq!(what_travels(&a, &b), ["options.txt"]);

    // A PC without that exclude saved it; here it stays out all the same, and is no edit.
    let c = cloud.pc("C");
    c.write_scope(&["config/keep/", "options.txt"], &[]);
    c.pull().expect(0, "behind", "restored");
    c.write("config/keep/a.toml", "from C");
    c.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.names(), ["options.txt"]);
    b.status().expect(0, "in_sync", "nothing");
    a.pull().expect(0, "behind", "restored");
    assert_eq!(a.read("config/keep/a.toml"), "x");
}

#[test]
fn a_scope_that_grows_brings_what_is_new_in_it_and_deletes_nothing_elsewhere() {
    for pulls_first in [true, false] {
        let cloud = Cloud::folder();
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        a.write_scope(&["options.txt", "config/"], &[]);
        b.write_scope(&["options.txt"], &[]);
        a.write("options.txt", "fov:0.5\n");
        a.write("config/mod.toml", "of A");
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        assert!(!b.has("config/mod.toml"));
        b.write_scope(&["options.txt", "config/"], &[]);
        if pulls_first {
            b.pull().expect(0, "behind", "restored");
            assert_eq!(b.read("config/mod.toml"), "of A");
        }
        b.write("options.txt", "fov:0.9\n");
        assert_eq!(b.push().json["outcome"], "saved");
        a.pull().expect(0, "behind", "restored");
        assert_eq!(a.read("config/mod.toml"), "of A");
        a.push();
        b.pull();
        assert_eq!(b.read("config/mod.toml"), "of A");
        assert_eq!(b.read("options.txt"), a.read("options.txt"));
    }
}

#[test]
fn what_a_narrower_scope_left_out_comes_when_it_widens() {
    for widens_before_the_push in [true, false] {
        let cloud = Cloud::folder();
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        a.write_scope(&["options.txt", "saves/", "config/"], &[]);
        b.write_scope(&["options.txt", "saves/"], &[]);
        a.write("options.txt", "fov:0.5\n");
        a.write("config/mod.toml", "of A");
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        a.write(OTHER, "x");
        a.push().expect(0, "ahead", "saved");
        if widens_before_the_push {
            b.write_scope(&["options.txt", "saves/", "config/"], &[]);
        }
        b.write(LEVEL, "x");
        b.push().expect(0, "diverged", "saved");
        b.write_scope(&["options.txt", "saves/", "config/"], &[]);
        b.pull().expect(0, "behind", "restored");
        assert_eq!(b.read("config/mod.toml"), "of A");
        b.push().expect(0, "in_sync", "nothing");
        a.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);
    }
}

#[test]
fn what_was_not_saved_is_no_question_when_the_scope_grows() {
    let cloud = Cloud::folder();
    let (a, _) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.remove(REGION);
    a.write("hotbar.nbt", "x");
    a.write_scope(&["saves/", "options.txt", "hotbar.nbt"], &[]);
    a.pull().expect(0, "ahead", "saved");
    assert_eq!(a.read(LEVEL), "day 2");
    assert!(!a.has(REGION), "what was deleted here is back");
}

/// Two PCs with another world each, under one name, of which only A's is in its scope.
fn with_worlds_of_their_own(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write("options.txt", "fov:0.5\n");
    a.write(LEVEL, "A's world");
    a.write("screenshots/1.png", "of A");
    a.push().expect(0, "ahead", "saved");
    b.write_scope(&["options.txt"], &[]);
    b.pull().expect(0, "behind", "restored");
    b.write(LEVEL, "B's world");
    (a, b)
}

#[test]
fn a_push_of_a_scope_that_grew_does_not_supersede_a_world_unseen() {
    let cloud = Cloud::folder();
    let (a, b) = with_worlds_of_their_own(&cloud);
    b.remove(".cloud-sync/scope.json");
    b.push().expect(0, "diverged", "saved");
    a.pull().expect(3, "behind", "cancelled").says("played World,");
    b.pull().expect(3, "behind", "cancelled").says("played World,");
    b.answer("keep-local").expect(0, "behind", "kept_local");
    assert_eq!(b.read("screenshots/1.png"), "of A");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_decision_put_off_about_what_a_new_scope_takes_in_stays_open() {
    let cloud = Cloud::folder();
    let (a, b) = with_worlds_of_their_own(&cloud);
    b.write("screenshots/1.png", "of B");
    b.remove(".cloud-sync/scope.json");
    b.answer("later").expect(0, "diverged", "later");
    assert_eq!(b.answer("later").code, 0);
    assert_eq!(b.read(LEVEL), "B's world");
    assert_eq!(b.tree().into_iter().filter(|(path, _)| path.starts_with("screenshots/")).count(), 2);
    b.push();
    a.pull().expect(3, "behind", "cancelled").says("played World,");
    b.pull().expect(3, "behind", "cancelled").says("played World,");
    a.answer("keep-both").expect(0, "behind", "kept_both");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_part_of_a_world_that_one_scope_leaves_out_stays_with_those_who_have_it() {
    let cloud = Cloud::folder();
    let (a, b, c) = (cloud.pc("A"), cloud.pc("B"), cloud.pc("C"));
    a.write(LEVEL, "day 1");
    a.write("saves/World/backups/old.dat", "only on A");
    a.push().expect(0, "ahead", "saved");
    b.write(".cloud-sync/scope.json", r#"{"exclude": ["saves/*/backups/"]}"#);
    b.pull().expect(0, "behind", "restored");
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    // C gets the world from B, and never hears of the rest.
    c.pull().expect(0, "behind", "restored");
    assert!(!c.has("saves/World/backups"));
    c.write(LEVEL, "day 3");
    c.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_eq!((a.read(LEVEL), a.read("saves/World/backups/old.dat")), ("day 3".to_owned(), "only on A".to_owned()));
    // What A saves tells of it again, and what A then deletes is deleted.
    a.write(LEVEL, "day 4");
    a.push().expect(0, "ahead", "saved");
    c.pull().expect(0, "behind", "restored");
    assert_eq!(c.read("saves/World/backups/old.dat"), "only on A");
    a.remove("saves/World/backups");
    a.push().expect(0, "ahead", "saved");
    c.pull().expect(0, "behind", "restored");
    assert!(!c.has("saves/World/backups"));
}
