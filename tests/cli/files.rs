//! Files of all kinds and names, whoever made them: they travel unharmed, or are left out and told.

use std::fs;

use serde_json::json;

use crate::support::Cloud;
#[cfg(target_os = "linux")]
use crate::support::Pc;
#[cfg(target_os = "linux")]
use crate::support::beginnings::play_first;
use crate::support::beginnings::{LEVEL, REGION, two_in_sync};
use crate::support::fake::Fake;
use crate::support::pc::assert_same;
#[cfg(unix)]
use crate::support::pc::make_pipe;

#[cfg(unix)]
#[test]
fn odd_names_of_files_travel_unharmed() {
    let cloud = Cloud::server();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    let names = [
        "-x",
        "--exclude=*",
        "a[1].txt",
        "a[1",
        "a*b",
        "a?b",
        " leading",
        "trailing ",
        "trailing nbsp\u{a0}",
        "trailing.",
        "$HOME",
        "$$",
        "${HOME}",
        "#x",
        "!x",
        "back\\slash",
        "\\",
        "new\nline",
        "return\r",
        "tab\t",
        "bell\u{7}",
        "quo\"te",
        "{a,b}",
        "~",
        "Ünï ✓ 世界",
        "de\u{301}compose\u{301}",
        ":",
        "a:b",
        "CON",
        "...",
    ];
    let own_scope = r##"{
        "include": ["saves/", "-x", "*b", "#x", "$HOME", " leading", "trailing "],
        "exclude": ["**/left $out [xy]*"]
    }"##;
    for scope in [None, Some(own_scope)] {
        for pc in [&a, &b] {
            scope.inspect(|scope| pc.write(".cloud-sync/scope.json", scope));
        }
        for (number, name) in names.iter().enumerate() {
            a.write(&format!("saves/World/{name}"), format!("file {number} {scope:?}"));
            a.write(&format!("saves/folder {name}/level.dat"), format!("world {number} {scope:?}"));
            if scope.is_some() {
                a.write(name, format!("top {number}"));
                a.write(&format!("saves/left $out x{name}"), "left out");
            }
        }
        // So many others that those are fetched by their names.
        for number in 0..400 {
            a.write(&format!("saves/World/region/{number}"), "");
        }
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        for (number, name) in names.iter().enumerate().filter(|_| scope.is_some()) {
            a.remove(&format!("saves/left $out x{name}"));
            let synced = ["-x", "a*b", "a?b", "a:b", "#x", "$HOME", " leading", "trailing "].contains(name);
            if !synced {
                a.remove(name);
            }
            assert_eq!(b.has(name), synced, "{number} {name:?}");
        }
        assert_same(&a, &b);

        for name in names {
            b.write(&format!("saves/World/{name}"), "edited");
        }
        b.remove("saves/World/region/7");
        b.push().expect(0, "ahead", "saved");
        a.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);

        for name in names {
            a.remove(&format!("saves/folder {name}"));
        }
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);
        b.pull().expect(0, "in_sync", "nothing");
        b.run(&["undo"]).expect(0, "unknown", "undone");
        for (number, name) in names.iter().enumerate() {
            let brought_back = b.read(&format!("saves/folder {name}/level.dat"));
            assert_eq!(brought_back, format!("world {number} {scope:?}"));
        }
        b.run(&["undo"]).expect(0, "unknown", "undone");
        assert_same(&a, &b);
        a.assert_tidy();
        b.assert_tidy();
    }
}

/// Names that are no text; the disks of macOS do not take them.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_are_left_out_and_cost_nothing_else() {
    use std::os::unix::ffi::OsStrExt as _;
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let odd = |pc: &Pc, name: &[u8]| pc.path("saves/World").join(std::ffi::OsStr::from_bytes(name));
    let names = [&b"bad\xff.dat"[..], b"*\xff", b"\xff[1] ", b"\xff\n", b"\xff\\", b"\xff$HOME", b"#\xff"];
    for name in names {
        fs::write(odd(&a, name), "A's").unwrap();
    }
    fs::create_dir(odd(&a, b"folder\xff")).unwrap();
    fs::write(odd(&a, b"folder\xff/x"), "A's").unwrap();
    fs::write(odd(&b, b"only on B\xff"), "B's").unwrap();
    a.write("saves/World/bad", "a neighbour");
    a.remove(REGION);
    let pushed = a.push().expect(0, "ahead", "saved").warns("not valid Unicode").warns("saves/World/bad");
    assert_eq!(pushed.json["warnings"].as_array().unwrap().len(), names.len() + 1, "{}", pushed.json["warnings"]);
    let held: Vec<_> = cloud.files_of(&a.base().unwrap()).into_iter().collect();
    assert_eq!(held, ["options.txt", "saves/World/bad", LEVEL]);

    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read("saves/World/bad"), "a neighbour");
    assert!(!b.has(REGION), "a deletion did not travel");
    assert_eq!(fs::read(odd(&b, b"only on B\xff")).unwrap(), b"B's");
    for name in names {
        assert_eq!(fs::read(odd(&a, name)).unwrap(), b"A's");
        assert!(!odd(&b, name).exists());
    }
    a.push().expect(0, "in_sync", "nothing");
    b.push().expect(0, "in_sync", "nothing");
}

/// Other clients save such names, and a listing cannot tell them.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_in_the_cloud_are_skipped() {
    use std::os::unix::ffi::OsStrExt as _;
    let cloud = Cloud::server();
    let theirs = cloud.pc("theirs");
    play_first(&theirs);
    fs::write(theirs.path("saves/World").join(std::ffi::OsStr::from_bytes(b"bad\xff.dat")), "theirs").unwrap();
    cloud.restic_in(&theirs.dir, &["backup", "saves", "options.txt"]);

    let a = cloud.pc("A");
    a.pull().expect(0, "behind", "restored").warns("saves/World/bad");
    assert_eq!(a.names(), ["options.txt", LEVEL, REGION]);
    a.write(LEVEL, "day 2");
    a.push().expect(0, "ahead", "saved");
}

#[test]
fn a_file_takes_the_place_of_a_folder_and_the_other_way_round() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write("screenshots/thing", "a file");
    a.write("saves/World/data", "a file, too");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");

    b.remove("screenshots/thing");
    b.write("screenshots/thing/inner", "in a folder");
    b.remove("saves/World/data");
    b.write("saves/World/data/deep/raids.dat", "in a folder, too");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    assert_eq!(a.undo_files()["screenshots/thing"], b"a file");

    a.remove("screenshots/thing");
    a.write("screenshots/thing", "a file again");
    a.remove("saves/World/data");
    a.write("saves/World/data", "a file again, too");
    a.push().expect(0, "ahead", "saved");
    // Nobody else's business, but in the way.
    b.write("saves/World/data/DistantHorizons.sqlite", "B's");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read("saves/World/data"), "a file again, too");
    let undone = b.undo_files();
    assert_eq!(undone["screenshots/thing/inner"], b"in a folder");
    assert!(undone.values().any(|content| content == b"B's"), "{:?}", undone.keys());
    assert_same(&a, &b);
    b.pull().expect(0, "in_sync", "nothing");

    // Where they never met, the cloud wins, and what was in its way is kept.
    let c = cloud.pc("C");
    c.write("screenshots/thing/mine", "C's");
    c.write("options.txt/x", "C's, too");
    c.pull().expect(0, "first_link", "restored");
    assert_same(&a, &c);
    assert_eq!(c.undo_files()["screenshots/thing/mine"], b"C's");
    assert_eq!(c.undo_files()["options.txt/x"], b"C's, too");
    c.run(&["undo"]).expect(0, "unknown", "undone");
    assert_eq!(c.read("screenshots/thing/mine"), "C's");
    assert_eq!(c.read("options.txt/x"), "C's, too");
}

/// Paths end sooner elsewhere, and wine takes minutes to walk this one.
#[test]
#[cfg(target_os = "linux")]
fn folders_may_lie_deep() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write(&format!("saves/World/{}end", "d/".repeat(1500)), "deep");
    a.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "in_sync", "nothing");
    b.status().expect(0, "behind", "nothing");
}

/// Whatever makes restic pass over a file, the file does not count as saved.
#[test]
fn what_restic_passes_over_is_named_and_saved_later() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.write("saves/Second/level.dat", "new");
    let fake = Fake::new(&json!({"backup": {"real_with": ["--exclude", "Second"]}}));
    fake.run(&a, &["push"]).expect(8, "ahead", "saved").says("cannot be read").warns("saves/Second/level.dat");
    // The last attempt leaves out that world, and says so.
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.has("saves/Second")), ("day 2".to_owned(), false));
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn hard_links_to_the_old_files_keep_the_old_content() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    // Several blobs, of which some stay the same: over such a file restic writes zeros.
    let old: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut new = old.clone();
    new[6_000_000..6_000_100].fill(0xAA);
    a.write(REGION, &old);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    let (inside, outside) = (b.path("saves/World/region/copy.mca"), b.home.join("another instance.mca"));
    fs::hard_link(b.path(REGION), &inside).unwrap();
    fs::hard_link(b.path(REGION), &outside).unwrap();
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");

    a.write(REGION, &new);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert!(fs::read(b.path(REGION)).unwrap() == new, "the pulled file is corrupt");
    assert!(fs::read(&inside).unwrap() == old && fs::read(&outside).unwrap() == old, "a link's other name has changed");
    assert_same(&a, &b);
}

/// Reading a pipe would wait for ever.
#[cfg(unix)]
#[test]
fn pipes_and_sockets_are_left_out() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    make_pipe(&a.path("saves/World/pipe"));
    make_pipe(&a.path("saves/pipe"));
    let _socket = std::os::unix::net::UnixListener::bind(a.path("saves/World/socket")).unwrap();
    let said = a.push().expect(0, "ahead", "saved");
    said.warns("saves/World/pipe: it is no ordinary file").warns("saves/pipe").warns("saves/World/socket");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.names(), ["options.txt", LEVEL, REGION]);
    b.write("saves/World/pipe", "a file");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert!(!fs::symlink_metadata(a.path("saves/World/pipe")).unwrap().is_file());
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_session_lock_stops_nothing() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write("saves/World/level.dat", "x");
    make_pipe(&a.path("saves/World/session.lock"));
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.names(), ["saves/World/level.dat"]);
}

#[test]
fn what_a_killed_copy_left_is_not_synced() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write("saves/World/level.dat", "day 1");
    a.write("saves/World/region/.cloud-sync-new-Ab12Cd", "half of a region");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert!(b.has("saves/World/level.dat") && !b.has("saves/World/region/.cloud-sync-new-Ab12Cd"));
    let head = cloud.heads().into_iter().next().unwrap();
    assert_eq!(cloud.files_of(&head), ["saves/World/level.dat".to_owned()].into());
}

#[test]
fn a_file_that_was_only_rewritten_is_no_edit() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let mut later = a;
    later.clock = 60;
    later.write("options.txt", "fov:0.5\n");
    later.write(LEVEL, "day 1");
    later.status().expect(0, "in_sync", "nothing");
    later.push().expect(0, "in_sync", "nothing");
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    later.pull().expect(0, "behind", "restored");
    assert_same(&later, &b);
}

#[test]
fn a_file_does_not_take_the_place_of_a_world() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write("saves/Castle/level.dat", "only here, and not saved");
    b.write("saves/Castle", "a file of that name");
    b.push().expect(0, "ahead", "saved");
    for _ in 0..2 {
        a.run(&["pull", "--catch-up=never"]).expect(5, "diverged", "stopped").says("saves/Castle");
        assert_eq!(a.read("saves/Castle/level.dat"), "only here, and not saved");
    }
    // As the hint says.
    fs::rename(a.path("saves/Castle"), a.path("saves/Fort")).unwrap();
    a.pull().expect(0, "diverged", "restored");
    assert_eq!((a.read("saves/Castle"), a.has("saves/Fort/level.dat")), ("a file of that name".to_owned(), true));
}

#[test]
fn a_world_does_not_take_the_place_of_a_file() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write("saves/Castle", "a file of that name");
    b.write("saves/Castle/level.dat", "a world");
    b.push().expect(0, "ahead", "saved");
    a.run(&["pull", "--catch-up=never"]).expect(5, "diverged", "stopped").says("saves/Castle");
    assert_eq!(a.read("saves/Castle"), "a file of that name");
    a.remove("saves/Castle");
    a.pull().expect(0, "behind", "restored");
    assert_eq!(a.read("saves/Castle/level.dat"), "a world");
}
