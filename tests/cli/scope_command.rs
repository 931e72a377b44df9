//! The command `scope`, which tells what is synced here, and why a file is or is not.

#[cfg(unix)]
use std::fs;

use serde_json::json;

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, play_first};
use crate::support::pack::{CASTLE, HOUSE, install};
use crate::support::pc::{Ran, ran};

fn lines(ran: &Ran) -> Vec<&str> {
    ran.stdout.lines().map(|line| line.strip_prefix("cloud-sync: ").unwrap()).collect()
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

    let status = a.status().json;
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
            "is not synced: the exclude pattern `saves/*/session.lock` keeps it out; it is built in and holds whatever scope.json says".to_owned(),
            None,
        ),
        (
            "saves/World/voxy/x/y.db",
            false,
            "is not synced: the exclude pattern `saves/*/voxy` keeps out saves/World/voxy, with all that is in it".to_owned(),
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
