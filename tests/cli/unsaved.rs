//! What a player did and no push has saved yet stays done, whatever another PC saves in between.

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, OTHER, two_in_sync};
use crate::support::game::Game;
use crate::support::pc::assert_same;

#[test]
fn a_push_names_a_world_that_is_still_open_although_another_pc_has_pushed() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    b.write(OTHER, "of B");
    b.push().expect(0, "ahead", "saved");
    let mut game = Game::in_world(&a, "World");
    game.tell(&format!("write {LEVEL} day 2"));
    a.push().expect(8, "behind", "nothing").warns("saves/World").warns("the running game has it open");
    game.close();
    a.push().expect(0, "diverged", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read(OTHER)), ("day 2".to_owned(), "of B".to_owned()));
}

#[test]
fn a_world_that_was_deleted_here_stays_deleted_when_another_pc_has_pushed() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.remove("saves/World");
    b.write(OTHER, "of B");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "diverged", "restored").warns("World is not here any more");
    assert_eq!((a.has("saves/World"), a.read(OTHER)), (false, "of B".to_owned()));
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored").warns("World was deleted on another PC");
    assert_eq!((b.has("saves/World"), b.read(OTHER)), (false, "of B".to_owned()));
}

#[test]
fn what_was_undone_here_stays_undone_when_another_pc_has_pushed() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    a.run(&["undo"]).expect(0, "unknown", "undone");
    b.write(OTHER, "of B");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "diverged", "restored");
    assert_eq!((a.read(LEVEL), a.read(OTHER)), ("day 1".to_owned(), "of B".to_owned()));
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    assert_eq!(b.read(LEVEL), "day 1");
}

#[test]
fn undo_takes_back_the_last_pull_that_changed_something() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    // Both made the same file, and this pull finds what it brings.
    a.write("hotbar.nbt", "sword");
    b.write("hotbar.nbt", "sword");
    b.push().expect(0, "ahead", "saved");
    let joined = a.run(&["pull", "--catch-up=never"]);
    assert_eq!((joined.code, joined.json["undo"].as_str()), (0, None), "{}", joined.stdout);
    a.run(&["undo"]).expect(0, "unknown", "undone");
    assert_eq!((a.read(LEVEL), a.read("hotbar.nbt")), ("day 1".to_owned(), "sword".to_owned()));
}

#[test]
fn a_setting_that_one_pc_changed_holds_after_both_took_in_the_other() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let set = |pc: &crate::support::Pc, fov: &str, lang: &str| {
        pc.write("options.txt", format!("fov:{fov}\nlang:{lang}\n"));
    };
    set(&a, "0.5", "en_us");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    // Crosswise: each pushes what the other has not seen, and takes in the other's.
    set(&a, "0.6", "en_us");
    set(&b, "0.5", "de_de");
    a.push().expect(0, "ahead", "saved");
    b.push().expect(0, "diverged", "saved");
    a.pull().expect(0, "behind", "restored");
    b.pull().expect(0, "behind", "restored");
    set(&a, "0.9", "de_de");
    a.push().expect(0, "ahead", "saved");
    // The later file holds another value of the one that only A changed.
    set(&b, "0.6", "fr_fr");
    b.pull().expect(0, "diverged", "restored");
    a.pull().expect(0, "behind", "restored");
    for pc in [&a, &b] {
        let options = pc.read("options.txt");
        assert!(options.contains("fov:0.9") && options.contains("lang:fr_fr"), "{options}");
    }
}

#[test]
fn settings_that_were_deleted_elsewhere_leave_what_fits_this_machine() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    b.write("options.txt", &(b.read("options.txt") + "fullscreen:true\n"));
    a.remove("options.txt");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read("options.txt"), "fullscreen:true\n");
}

#[test]
fn a_world_in_place_of_the_only_other_one_is_no_loss_of_everything() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write(LEVEL, "day 1");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    a.remove("saves/World");
    a.write(OTHER, "a new beginning");
    a.push().expect(0, "ahead", "saved").warns("World");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    assert_eq!((b.has("saves/World"), b.read(OTHER)), (false, "a new beginning".to_owned()));
}

#[test]
fn a_part_of_a_world_travels_although_its_name_is_left_out_elsewhere() {
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    let parts = [
        "saves/World/datapacks/p/data/n/function/cache/a.mcfunction",
        "saves/World/logs/story.txt",
        "saves/World/credentials.dat",
        "saves/World/tokens.json",
    ];
    let rebuilt = ["saves/World/data/DistantHorizons.sqlite", "saves/World/voxy/storage.db"];
    for path in parts.iter().chain(&rebuilt) {
        a.write(path, "of A");
    }
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(parts.map(|path| b.has(path)), [true; 4]);
    assert_eq!(rebuilt.map(|path| b.has(path)), [false; 2]);
}
