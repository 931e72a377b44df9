//! A pack that packwiz keeps up to date, and what of it is the player's; and `scope`, which tells.

#[cfg(unix)]
use std::fs;

use serde_json::{Value, json};

use crate::support::evening::{LEVEL, play_first};
use crate::support::pack::{install, note};
use crate::support::pc::{Ran, ran};
use crate::support::{Cloud, Pc};

const CASTLE: &str = "schematics/castle.schem";
const HOUSE: &str = "schematics/house.schem";

/// What the newest version in the cloud holds, as `pc` saved it.
fn saved(cloud: &Cloud, pc: &Pc) -> Vec<String> {
    cloud.files_of(&pc.base().unwrap()).into_iter().collect()
}

fn lines(ran: &Ran) -> Vec<&str> {
    ran.stdout.lines().map(|line| line.strip_prefix("cloud-sync: ").unwrap()).collect()
}

#[test]
fn what_the_pack_owns_is_neither_saved_nor_overwritten() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    install(&a, &[(CASTLE, "of the pack"), ("mods/a.jar", "mod")]);
    a.write(HOUSE, "built");
    a.push().expect(0, "ahead", "saved");
    assert_eq!(saved(&cloud, &a), [HOUSE]);

    // B has no pack, so that its castle is its own.
    b.pull().expect(0, "behind", "restored");
    b.write(CASTLE, "built on B");
    b.write(HOUSE, "built on");
    b.push().expect(0, "ahead", "saved");
    assert_eq!(saved(&cloud, &b), [CASTLE, HOUSE]);
    a.pull().expect(0, "behind", "restored");
    assert_eq!((a.read(CASTLE), a.read(HOUSE)), ("of the pack".to_owned(), "built on".to_owned()));

    // packwiz updates and removes its files without anyone else taking note.
    install(&a, &[(CASTLE, "of the pack, version 2")]);
    a.push().expect(0, "in_sync", "nothing");
    a.remove(CASTLE);
    a.push().expect(0, "in_sync", "nothing");
    b.pull().expect(0, "in_sync", "nothing");
    assert_eq!(b.read(CASTLE), "built on B");
}

#[test]
fn settings_that_the_pack_ships_are_the_players_from_then_on() {
    const OWN: [&str; 5] =
        ["options.txt", "optionsof.txt", "optionsshaders.txt", "servers.dat", "shaderpacks/Bright.zip.txt"];
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    let shipped: Vec<_> = OWN.into_iter().chain(["shaderpacks/Bright.zip"]).map(|path| (path, "shipped")).collect();
    for pc in [&a, &b] {
        pc.write_scope(&["*.txt", "servers.dat", "shaderpacks/"], &[]);
    }
    install(&a, &shipped);
    for path in OWN {
        a.write(path, "as the player likes it");
    }
    a.push().expect(0, "ahead", "saved");
    assert_eq!(saved(&cloud, &a), OWN);
    note(&b, &shipped);
    b.pull().expect(0, "behind", "restored");
    for path in OWN {
        assert_eq!(b.read(path), "as the player likes it", "{path}");
    }
}

#[test]
fn settings_that_a_pack_update_put_back_to_its_own_are_the_players_again_with_the_pull() {
    const SHIPPED: &str = "fov:0.0\nlang:en_us\n";
    const OWN: &str = "fov:0.9\nlang:fr_fr\n";
    for played in ["nothing", "here", "there", "on both"] {
        let cloud = Cloud::folder();
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        install(&a, &[("options.txt", SHIPPED)]);
        a.write("options.txt", OWN);
        a.write(LEVEL, "day 1");
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");

        // The pack has a new version, and its packwiz.json says which.
        install(&a, &[("options.txt", SHIPPED), (CASTLE, "new")]);
        let divergence = match played {
            "nothing" => "in_sync",
            "here" => "ahead",
            "there" => "behind",
            _ => "diverged",
        };
        if divergence == "ahead" || divergence == "diverged" {
            a.write("saves/Other/level.dat", "day 1");
        }
        if divergence == "behind" || divergence == "diverged" {
            b.write(LEVEL, "day 2");
            b.push().expect(0, "ahead", "saved");
        }
        assert_eq!(a.pull().json["divergence"], divergence);
        assert_eq!(a.read("options.txt"), OWN, "{played}");
        a.push();
        b.pull();
        assert_eq!(b.read("options.txt"), OWN, "{played}");
        a.status().expect(0, "in_sync", "nothing");
    }
}

#[test]
fn a_new_pc_on_which_the_pack_alone_has_put_settings_has_nothing_of_its_own() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    install(&b, &[("options.txt", "fov:0.0\nrenderDistance:2\n")]);
    b.push().expect(0, "blank", "nothing");
    play_first(&a);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read("options.txt"), a.read("options.txt"));

    // Installed anew, with our folder still there: that is no loss of all worlds.
    b.remove("saves");
    install(&b, &[("options.txt", "fov:0.0\nrenderDistance:2\n")]);
    b.push().expect(5, "local_lost", "stopped");
    b.pull().expect(0, "local_lost", "restored");
    assert_eq!(b.read(LEVEL), a.read(LEVEL));
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
            b.pull().expect(0, "in_sync", "restored");
            assert_eq!(b.read("config/mod.toml"), "of A");
        }
        b.write("options.txt", "fov:0.9\n");
        b.push().expect(0, "ahead", "saved");
        a.pull().expect(0, "behind", "restored");
        assert_eq!(a.read("config/mod.toml"), "of A");
        a.push();
        b.pull();
        assert_eq!(b.read("config/mod.toml"), "of A");
        assert_eq!(b.read("options.txt"), a.read("options.txt"));
    }
}

#[test]
fn a_world_that_came_with_the_pack_is_synced_whole() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    let hub = [("saves/Hub/level.dat", "new"), ("saves/Hub/region/r.0.0.mca", "spawn"), ("saves/Hub/icon.png", "x")];
    install(&a, &hub);
    a.write("saves/Hub/level.dat", "played");
    a.write("saves/Hub/playerdata/alex.dat", "at spawn");
    a.write("options.txt", "fov:0.5");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    note(&b, &hub);
    assert_eq!(b.read("saves/Hub/level.dat"), "played");
    assert_eq!(b.read("saves/Hub/region/r.0.0.mca"), "spawn");
    b.remove("saves/Hub");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored").warns("Hub was deleted on another PC");
    assert!(!a.has("saves/Hub"));
}

#[test]
fn a_file_that_the_pack_takes_over_stays_where_it_is_on_every_pc() {
    let cloud = Cloud::server();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    play_first(&a);
    note(&a, &[("mods/a.jar", "")]);
    a.write(CASTLE, "ours");
    a.write(HOUSE, "ours");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    note(&b, &[("mods/a.jar", "")]);

    // A gets the next version of the pack, in which the castle is the pack's.
    install(&a, &[(CASTLE, "of the pack")]);
    a.push().expect(0, "in_sync", "nothing");
    a.write(LEVEL, "day 2");
    a.remove(HOUSE);
    a.push().expect(0, "ahead", "saved");
    assert!(!saved(&cloud, &a).iter().any(|path| path == CASTLE));

    // B does not have it yet: what A did not save may be the pack's, or deleted, and stays.
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read(CASTLE), b.read(HOUSE)), ("day 2".into(), "ours".into(), "ours".into()));
    b.push().expect(0, "ahead", "saved");
    assert!(saved(&cloud, &b).iter().any(|path| path == CASTLE));
    a.pull().expect(0, "behind", "restored");
    assert_eq!((a.read(CASTLE), a.read(HOUSE)), ("of the pack".into(), "ours".into()));

    // Now it does, and deletions travel again, but not that of the castle.
    note(&b, &[(CASTLE, "of the pack")]);
    b.pull().expect(0, "in_sync", "nothing");
    a.remove(HOUSE);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(CASTLE), "ours");
    assert!(!b.has(HOUSE));
    b.status().expect(0, "in_sync", "nothing");

    // The pack lets go of the castle again: then it is a file like any other.
    note(&a, &[]);
    a.push().expect(0, "ahead", "saved");
    assert!(saved(&cloud, &a).iter().any(|path| path == CASTLE));
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(CASTLE), "ours");
}

#[test]
fn a_damaged_packwiz_json_is_told_and_owns_nothing() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    play_first(&a);
    install(&a, &[(CASTLE, "of the pack")]);
    a.push().expect(0, "ahead", "saved");
    let whole = a.read("packwiz.json");
    let half = &whole[..whole.len() / 2];
    let deep = "[".repeat(100_000);
    for text in ["", half, "null", "\u{0}", "{\"cachedFiles\": [1]}", &deep] {
        a.write("packwiz.json", text);
        for command in ["status", "pull", "push"] {
            let told = a.run(&[command]);
            assert_eq!(told.code, 0, "{}", told.stdout);
            let warnings = told.json["warnings"].as_array().unwrap();
            let about: Vec<_> = warnings.iter().filter(|text| text.to_string().contains("packwiz.json")).collect();
            assert_eq!(about.len(), 1, "{command}: {warnings:?}");
        }
        let said = ran(&mut a.isolated(&["doctor"]));
        assert!(said.code == 1 && said.stdout.contains("LOOK  pack: packwiz.json cannot be read"), "{}", said.stdout);
        ran(&mut a.isolated(&["scope", "--json"])).warns("packwiz.json cannot be read");
    }
    assert!(saved(&cloud, &a).iter().any(|path| path == CASTLE));
    // packwiz mends it.
    a.write("packwiz.json", whole);
    a.write(LEVEL, "day 2");
    let pushed = a.push().expect(0, "ahead", "saved");
    assert_eq!(pushed.json["warnings"], json!([]));
    assert!(!saved(&cloud, &a).iter().any(|path| path == CASTLE));
    assert!(ran(&mut a.isolated(&["doctor"])).stdout.contains("ok    pack: 1 file"));
}

#[cfg(unix)]
#[test]
fn a_hostile_packwiz_json_takes_nothing_away_but_files_of_that_very_name() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    let outside = cloud.home.path().join("outside.txt");
    fs::write(&outside, "x").unwrap();
    play_first(&a);
    for path in [HOUSE, "schematics/*.schem", "schematics/$HOME", "screenshots/1.png"] {
        a.write(path, "mine");
    }
    let names = [
        "saves",
        "saves/World",
        "saves/World/level.dat",
        "schematics",
        "screenshots/",
        "../outside.txt",
        outside.to_str().unwrap(),
        ".cloud-sync/state.json",
        "*",
        "schematics/*.schem",
        "schematics/$HOME",
        "./screenshots/../options.txt",
        "options.txt",
    ];
    let whole: Vec<_> = names.into_iter().map(|path| (path, "x")).collect();
    note(&a, &whole);
    a.push().expect(0, "ahead", "saved");
    let expected = ["options.txt", LEVEL, "saves/World/region/r.0.0.mca", HOUSE, "screenshots/1.png"];
    assert_eq!(saved(&cloud, &a), expected);
    note(&b, &whole);
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read(HOUSE)), ("day 1".to_owned(), "mine".to_owned()));
    assert_eq!(fs::read_to_string(&outside).unwrap(), "x");
}

#[cfg(unix)]
#[test]
fn a_pull_that_runs_packwiz_first_sees_what_it_has_just_installed() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write("options.txt", "as the player likes it");
    a.write(CASTLE, "built on A");
    a.write(LEVEL, "day 1");
    a.push().expect(0, "ahead", "saved");

    // A new PC: packwiz installs the pack with its options and its castle, then the pull comes.
    note(&b, &[(CASTLE, "of the pack"), ("options.txt", "of the pack")]);
    let manifest = b.home.join("packwiz.json");
    fs::rename(b.path("packwiz.json"), &manifest).unwrap();
    let packwiz = format!(
        "mkdir -p schematics && printf 'of the pack' > {CASTLE} && printf 'of the pack' > options.txt && cp '{}' packwiz.json",
        manifest.display()
    );
    let mut command = b.command(&["pull"]);
    let pulled = ran(command.args(["--", "sh", "-c", &packwiz]).current_dir(&b.dir));
    pulled.expect(0, "behind", "restored");
    assert_eq!(b.read("options.txt"), "as the player likes it");
    assert_eq!((b.read(LEVEL), b.read(CASTLE)), ("day 1".to_owned(), "of the pack".to_owned()));

    // The next version of the pack has no castle; what the player built is free to come.
    a.write(LEVEL, "day 2");
    a.push().expect(0, "ahead", "saved");
    let mut command = b.command(&["pull"]);
    let update = format!("rm {CASTLE}; printf '{{\"cachedFiles\": {{}}}}' > packwiz.json");
    ran(command.args(["--", "sh", "-c", &update]).current_dir(&b.dir)).expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read(CASTLE)), ("day 2".to_owned(), "built on A".to_owned()));
}

#[test]
fn scope_lists_what_is_synced_here_the_largest_first() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    play_first(&a);
    a.write("saves/Small One/level.dat", "x");
    a.write("saves/note.txt", "12345");
    a.write("screenshots/1.png", vec![0; 2500]);
    a.write("screenshots/2.png", vec![0; 500]);
    a.write("mods/a.jar", vec![0; 9000]);
    install(&a, &[(CASTLE, "of the pack"), ("mods/b.jar", "")]);
    let before = a.tree();

    let told = ran(&mut a.isolated(&["scope"]));
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert_eq!(
        lines(&told),
        [
            " 1.5 MB  saves/World (2 files)",
            " 3.0 KB  screenshots (2 files)",
            "    8 B  options.txt (1 file)",
            "    5 B  saves (1 file)",
            "    1 B  saves/Small One (1 file)",
            " 1.5 MB  in all (7 files)",
            "not synced: 1 file in these folders that packwiz brings to each PC",
        ]
    );
    let told = ran(&mut a.isolated(&["scope", "--json"])).expect(0, "unknown", "nothing");
    assert_eq!(told.stdout.lines().count(), 1);
    assert_eq!(told.json["command"], "scope");
    let parts = told.json["scope"].as_array().unwrap();
    assert_eq!(parts[0], json!({ "path": "saves/World", "files": 2, "bytes": 1_500_005 }));
    assert_eq!(parts.len(), 5);
    assert_eq!(a.tree(), before);
    assert!(!a.has(".cloud-sync"), "something was written");

    let status: Value = a.status().json;
    assert!(status.get("scope").is_none(), "{status}");
}

#[cfg(unix)]
#[test]
fn scope_tells_what_is_left_out_and_why() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    a.write(LEVEL, "day 1");
    a.write("elsewhere/x.txt", "x");
    std::os::unix::fs::symlink("elsewhere/x.txt", a.path("options.txt")).unwrap();
    let told = ran(&mut a.isolated(&["scope"]));
    assert_eq!(told.code, 0);
    assert!(told.stdout.contains("warning: not synced: options.txt: it is a link"), "{}", told.stdout);
    let told = ran(&mut a.isolated(&["scope", "explain", "options.txt"]));
    assert_eq!(lines(&told), ["options.txt is not synced: it is a link"]);
}

#[test]
fn an_empty_instance_has_an_empty_scope() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    assert_eq!(lines(&ran(&mut a.isolated(&["scope"]))), ["    0 B  in all (0 files)"]);
    assert_eq!(ran(&mut a.isolated(&["scope", "--json"])).json["scope"], json!([]));
    a.write(".cloud-sync/scope.json", "{");
    ran(&mut a.isolated(&["scope", "--json"])).expect(1, "unknown", "failed").says("not a valid scope");
}

#[test]
fn scope_explains_why_a_file_is_synced_or_not() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    play_first(&a);
    for path in ["saves/World/session.lock", "saves/World/voxy/x/y.db", "mods/mine.jar", "journeymap/data/x", HOUSE] {
        a.write(path, "x");
    }
    install(&a, &[(CASTLE, "x"), ("mods/a.jar", "x"), ("options.txt", "x"), ("saves/World/icon.png", "x")]);
    let as_a_whole = "it is part of the world World, which is kept or replaced as a whole";
    let of_saves = "the include pattern `saves` takes in saves, with all that is in it";
    let cases: &[(&str, bool, String, Option<&str>)] = &[
        (LEVEL, true, format!("is synced: {of_saves}"), Some(as_a_whole)),
        ("saves/World/region", true, format!("is synced: {of_saves}"), Some(as_a_whole)),
        (
            "saves/World",
            true,
            format!("is synced: {of_saves}"),
            Some("it is the world World, which is kept or replaced as a whole"),
        ),
        (
            "saves",
            true,
            "is synced: the include pattern `saves` takes it in".to_owned(),
            Some("it is where the worlds are, each of which is kept or replaced as a whole"),
        ),
        (
            "saves/World/icon.png",
            true,
            format!("is synced: {of_saves}; the pack ships it, but from then on it is yours"),
            Some(as_a_whole),
        ),
        (
            "options.txt",
            true,
            "is synced: the include pattern `options.txt` takes it in; the pack ships it, but from then on it is yours"
                .to_owned(),
            Some("it is a file of settings, which are joined one by one"),
        ),
        (
            HOUSE,
            true,
            "is synced: the include pattern `schematics` takes in schematics, with all that is in it".to_owned(),
            Some("it is a file that is kept or replaced by itself"),
        ),
        (
            "journeymap",
            true,
            "is synced in part: no include pattern takes it in as a whole, only what may be in it".to_owned(),
            None,
        ),
        (
            CASTLE,
            false,
            "is not synced: it belongs to the pack, and packwiz brings it to each PC".to_owned(),
            None,
        ),
        ("mods/mine.jar", false, "is not synced: no include pattern takes it in".to_owned(), None),
        (
            "mods/a.jar",
            false,
            "is not synced: no include pattern takes it in; it comes with the pack, and packwiz brings it to each PC"
                .to_owned(),
            None,
        ),
        (
            "saves/World/session.lock",
            false,
            "is not synced: the exclude pattern `**/session.lock` keeps it out; it is built in and holds whatever scope.json says".to_owned(),
            None,
        ),
        (
            "saves/World/voxy/x/y.db",
            false,
            "is not synced: the exclude pattern `*/*/**/voxy` keeps out saves/World/voxy, with all that is in it".to_owned(),
            None,
        ),
        (
            ".cloud-sync/token",
            false,
            "does not exist here, and would not be synced: it is in .cloud-sync, which is this program's own and never synced".to_owned(),
            None,
        ),
        (
            "saves/New World/level.dat",
            true,
            format!("does not exist here, but would be synced: {of_saves}"),
            Some("it is part of the world New World, which is kept or replaced as a whole"),
        ),
    ];
    for (path, synced, verdict, unit) in cases {
        let told = ran(&mut a.isolated(&["scope", "explain", path]));
        assert_eq!(told.code, 0, "{}", told.stderr);
        let first = format!("{path} {verdict}");
        assert_eq!(lines(&told), [&first[..]].into_iter().chain(*unit).collect::<Vec<_>>());
        let told = ran(&mut a.isolated(&["scope", "explain", path, "--json"])).expect(0, "unknown", "nothing");
        let reason = verdict.split_once(": ").unwrap().1;
        assert_eq!(told.json["scope"], json!({ "path": path, "synced": synced, "reason": reason }));
    }
}

#[test]
fn a_path_to_explain_may_be_written_in_many_ways() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    play_first(&a);
    a.write("saves/World/options.txt", "of a mod");
    let asked = |from: &str, path: &str| {
        let told = ran(a.isolated(&["scope", "explain", path, "--json"]).current_dir(a.dir.join(from)));
        if told.code == 0 { told.json["scope"]["path"].as_str().unwrap().to_owned() } else { told.code.to_string() }
    };
    let absolute = a.path(LEVEL).to_str().unwrap().to_owned();
    for (from, path, meant) in [
        ("", LEVEL, LEVEL),
        ("", "./saves//World/level.dat", LEVEL),
        ("", "saves/World/", "saves/World"),
        ("saves", "World/level.dat", LEVEL),
        ("saves", "../options.txt", "options.txt"),
        // Not in the current folder, so it is meant from the instance.
        ("saves", "options.txt", "options.txt"),
        ("saves/World", "options.txt", "saves/World/options.txt"),
        ("..", LEVEL, LEVEL),
        ("..", "minecraft/options.txt", "options.txt"),
        ("saves", &absolute, LEVEL),
        ("", "..", "2"),
        ("", ".", "2"),
        ("", "../other/options.txt", "2"),
        ("", "/etc/passwd", "2"),
        ("", "saves/../../x", "2"),
    ] {
        assert_eq!(asked(from, path), meant, "{path} from {from:?}");
    }
    ran(&mut a.isolated(&["scope", "explain", "/etc/passwd", "--json"]))
        .expect(2, "unknown", "failed")
        .says("/etc/passwd is not inside the instance");
    for arguments in [&["scope", "explain"][..], &["scope", "explain", ""], &["scope", "what"]] {
        assert_eq!(ran(&mut a.isolated(arguments)).code, 2, "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn links_on_the_way_to_what_is_explained_are_no_trouble() {
    use std::os::unix::fs::symlink;
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    let disk = cloud.home.path().join("big disk");
    fs::create_dir_all(disk.join("World")).unwrap();
    symlink(&disk, a.path("saves")).unwrap();
    a.write(LEVEL, "day 1");
    symlink(&a.dir, cloud.home.path().join("short")).unwrap();
    for path in [a.path(LEVEL), cloud.home.path().join("short").join(LEVEL)] {
        let told = ran(&mut a.isolated(&["scope", "explain", path.to_str().unwrap(), "--json"]));
        assert_eq!((&told.json["scope"]["path"], &told.json["scope"]["synced"]), (&json!(LEVEL), &json!(true)));
    }
}
