//! A pack that packwiz keeps up to date, and what of it is the player's.

#[cfg(unix)]
use std::fs;

use serde_json::json;

use crate::support::beginnings::{LEVEL, play_first, two_in_sync};
use crate::support::pack::{CASTLE, HOUSE, install, note};
use crate::support::pc::ran;
use crate::support::{Cloud, Pc};

/// The settings that a pack brings.
const SHIPPED: &str = "fov:0.0\nlang:en_us\n";

/// What the newest version in the cloud holds, as `pc` saved it.
fn saved(cloud: &Cloud, pc: &Pc) -> Vec<String> {
    cloud.files_of(&pc.base().unwrap()).into_iter().collect()
}

/// A list with one server, as the game writes it.
fn servers(name: &str) -> Vec<u8> {
    let text = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat();
    let tag = |kind: u8, name: &str| [&[kind][..], &text(name)].concat();
    let server = [tag(8, "ip"), text("play.example.org"), tag(8, "name"), text(name), vec![0]].concat();
    [tag(10, ""), tag(9, "servers"), vec![10, 0, 0, 0, 1], server, vec![0]].concat()
}

/// What the player made of a file of settings.
fn own(path: &str) -> Vec<u8> {
    match path {
        "options.txt" => b"fov:0.9\n".to_vec(),
        "servers.dat" => servers("as the player likes it"),
        _ => b"as the player likes it".to_vec(),
    }
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
        a.write(path, own(path));
    }
    a.push().expect(0, "ahead", "saved");
    assert_eq!(saved(&cloud, &a), OWN);
    note(&b, &shipped);
    b.pull().expect(0, "behind", "restored");
    for path in OWN {
        assert_eq!(b.tree()[path], own(path), "{path}");
    }
}

#[test]
fn settings_that_a_pack_update_put_back_to_its_own_are_the_players_again_with_the_pull() {
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
            "nothing" | "there" => "behind",
            _ => "diverged",
        };
        if matches!(played, "here" | "on both") {
            a.write("saves/Other/level.dat", "day 1");
        }
        if matches!(played, "there" | "on both") {
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
fn what_was_not_saved_is_no_question_when_a_pack_reset_the_settings() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.write("screenshots/1.png", "picture");
    install(&a, &[("options.txt", SHIPPED)]);
    a.pull().expect(0, "diverged", "restored");
    assert_eq!((a.read(LEVEL), a.read("options.txt")), ("day 2".to_owned(), "fov:0.5\n".to_owned()));
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(LEVEL), "day 2");
}

#[test]
fn a_push_does_not_save_the_settings_of_the_pack_over_the_players() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    // The launch was offline, so that the pull could do nothing about it.
    install(&a, &[("options.txt", SHIPPED)]);
    a.write(LEVEL, "day 2");
    a.push().expect(0, "diverged", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read("options.txt"), "fov:0.5\n");
    a.pull();
    assert_eq!(a.read("options.txt"), "fov:0.5\n");
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

    // B does not have it yet: what A did not save stays, and what A deleted goes.
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read(CASTLE), b.has(HOUSE)), ("day 2".into(), "ours".into(), false));
    b.push().expect(0, "in_sync", "nothing");

    // Now it does.
    note(&b, &[(CASTLE, "of the pack")]);
    b.pull().expect(0, "in_sync", "nothing");
    a.write(LEVEL, "day 3");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(CASTLE), "ours");
    b.status().expect(0, "in_sync", "nothing");

    // The pack lets go of the castle again: then it is a file like any other, and A's the later one.
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
fn a_command_runs_before_the_pull_and_stops_it_if_it_fails() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.push().expect(0, "ahead", "saved");
    let pull = |script: &str| {
        let mut command = b.command(&["pull"]);
        ran(command.args(["--", "sh", "-c", script]).current_dir(&b.dir))
    };
    let failed = pull("echo broken > mark; exit 42");
    failed.expect(42, "unknown", "failed").says("sh failed with exit code 42");
    assert_eq!((b.read("mark"), b.read(LEVEL)), ("broken\n".to_owned(), "day 1".to_owned()));
    pull("kill -9 $$").expect(128 + 9, "unknown", "failed");
    // What the pack brings along, the pull replaces by the player's own.
    let pulled = pull("echo of the pack > options.txt; echo hello");
    assert!(pulled.stdout.starts_with("hello\n"));
    assert_eq!((pulled.code, b.read(LEVEL)), (0, "day 2".to_owned()));
    let mut missing = b.command(&["pull"]);
    ran(missing.args(["--", "no-such-program"])).expect(1, "unknown", "failed").says("no-such-program");
}

#[cfg(unix)]
#[test]
fn a_pull_that_runs_packwiz_first_sees_what_it_has_just_installed() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write("options.txt", "fov:0.9\n");
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
    assert_eq!(b.read("options.txt"), "fov:0.9\n");
    assert_eq!((b.read(LEVEL), b.read(CASTLE)), ("day 1".to_owned(), "of the pack".to_owned()));

    // The next version of the pack has no castle; what the player built is free to come.
    a.write(LEVEL, "day 2");
    a.push().expect(0, "ahead", "saved");
    let mut command = b.command(&["pull"]);
    let update = format!("rm {CASTLE}; printf '{{\"cachedFiles\": {{}}}}' > packwiz.json");
    ran(command.args(["--", "sh", "-c", &update]).current_dir(&b.dir)).expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read(CASTLE)), ("day 2".to_owned(), "built on A".to_owned()));
}
