//! Settings go where the player goes; what only fits one machine stays on it.

use crate::support::beginnings::{LEVEL, two_in_sync};
use crate::support::{Cloud, Pc};

const DESKTOP: &str = "version:3955\nfov:0.5\nrenderDistance:32\nsoundDevice:\"Studio\"\nkey_key.jump:key.keyboard.space\nkey_key.mod.map:key.keyboard.m\n";
const LAPTOP: &str = "version:3955\nfov:0.5\nrenderDistance:8\nsoundDevice:\"\"\nkey_key.jump:key.keyboard.space\nkey_key.mod.map:key.keyboard.m\n";

/// Two PCs of different strength that agree on what the player chose.
fn two_machines(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = two_in_sync(cloud);
    a.write("options.txt", DESKTOP);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    b.write("options.txt", LAPTOP);
    (a, b)
}

fn set(pc: &Pc, key: &str, value: &str) {
    let lines = pc.read("options.txt").lines().map(str::to_owned).collect::<Vec<_>>();
    let set = |line: String| if line.split(':').next() == Some(key) { format!("{key}:{value}") } else { line };
    pc.write("options.txt", lines.into_iter().map(set).map(|line| line + "\n").collect::<String>());
}

#[test]
fn what_fits_only_this_machine_is_no_edit_and_stays() {
    let cloud = Cloud::server();
    let (a, b) = two_machines(&cloud);
    b.status().expect(0, "in_sync", "nothing");
    b.push().expect(0, "in_sync", "nothing");
    set(&a, "fov", "0.7");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read("options.txt"), LAPTOP.replace("fov:0.5", "fov:0.7"));
    b.status().expect(0, "in_sync", "nothing");

    // And the other way round, along with a world.
    set(&b, "key_key.jump", "key.keyboard.j");
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    let expected = DESKTOP.replace("fov:0.5", "fov:0.7").replace("keyboard.space", "keyboard.j");
    assert_eq!(a.read("options.txt"), expected);
    a.pull().expect(0, "in_sync", "nothing");
}

#[test]
fn settings_that_two_pcs_changed_are_joined_key_by_key() {
    let cloud = Cloud::server();
    let (a, b) = two_machines(&cloud);
    set(&a, "fov", "0.9");
    a.push().expect(0, "ahead", "saved");
    set(&b, "key_key.jump", "key.keyboard.j");
    b.write("options.txt", b.read("options.txt") + "a line nobody knows\n");
    b.pull().expect(0, "diverged", "restored");
    b.push().expect(0, "in_sync", "nothing");
    let joined = LAPTOP.replace("fov:0.5", "fov:0.9").replace("keyboard.space", "keyboard.j") + "a line nobody knows\n";
    assert_eq!(b.read("options.txt"), joined);
    a.pull().expect(0, "behind", "restored");
    let expected = DESKTOP.replace("fov:0.5", "fov:0.9").replace("keyboard.space", "keyboard.j");
    assert_eq!(a.read("options.txt"), expected + "a line nobody knows\n");
    for pc in [&a, &b] {
        pc.pull().expect(0, "in_sync", "nothing");
        pc.push().expect(0, "in_sync", "nothing");
    }
}

#[test]
fn of_one_setting_that_both_changed_the_later_file_has_it_and_the_other_is_kept() {
    let cloud = Cloud::server();
    let (mut a, b) = two_machines(&cloud);
    set(&b, "fov", "0.1");
    b.push().expect(0, "ahead", "saved");
    a.clock = -600;
    set(&a, "fov", "0.9");
    a.pull().expect(0, "diverged", "restored");
    assert_eq!(a.read("options.txt"), DESKTOP.replace("fov:0.5", "fov:0.1"));
    let kept = String::from_utf8(a.undo_files()["options.txt"].clone()).unwrap();
    assert_eq!(kept, DESKTOP.replace("fov:0.5", "fov:0.9"));
    a.run(&["undo"]).expect(0, "unknown", "undone");
    assert_eq!(a.read("options.txt"), DESKTOP.replace("fov:0.5", "fov:0.9"));
}

#[test]
fn a_new_pc_gets_the_players_settings_and_keeps_its_own() {
    let cloud = Cloud::server();
    let (a, _) = two_machines(&cloud);
    set(&a, "fov", "0.9");
    a.push().expect(0, "ahead", "saved");
    let fresh = cloud.pc("fresh");
    fresh.pull().expect(0, "behind", "restored");
    assert_eq!(fresh.read("options.txt"), a.read("options.txt"), "nothing of its own that could stay");
    let used = cloud.pc("used");
    used.write("options.txt", "renderDistance:4\nfov:0.0\nkey_key.only.here:x\n");
    used.pull().expect(0, "first_link", "restored");
    let options = used.read("options.txt");
    for line in ["renderDistance:4", "fov:0.9", "key_key.only.here:x", "key_key.mod.map:key.keyboard.m"] {
        assert!(options.lines().any(|one| one == line), "{line} is not in {options}");
    }
}

/// A crash can leave it empty or full of zeros, which is nothing that a player wanted.
#[test]
fn settings_that_were_damaged_are_brought_back_and_damage_nobody_elses() {
    let cloud = Cloud::server();
    let (a, b) = two_machines(&cloud);
    for damaged in ["", "\0\0\0\0", "half of a l"] {
        a.write("options.txt", damaged);
        a.write(LEVEL, format!("played with {damaged:?}"));
        assert_eq!(a.push().code, 0);
        assert_eq!(b.pull().code, 0);
        assert_eq!(b.read("options.txt"), LAPTOP);
        assert_eq!(b.read(LEVEL), a.read(LEVEL));
        a.pull().expect(0, "behind", "restored");
        assert!(a.read("options.txt").contains("fov:0.5"), "{}", a.read("options.txt"));
        assert_eq!(a.undo_files()["options.txt"], damaged.as_bytes());
        a.pull().expect(0, "in_sync", "nothing");
    }
}
