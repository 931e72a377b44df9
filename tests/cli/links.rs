//! Links on a player's disk: what lies behind them, and what they must not lead to.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::beginnings::{LEVEL, REGION, play_first, round_trip, two_in_sync};
use crate::support::pc::{assert_same, tree};
use crate::support::{Cloud, Pc};

fn link(target: impl AsRef<Path>, link: impl AsRef<Path>) {
    std::os::unix::fs::symlink(target, link).unwrap();
}

#[track_caller]
fn assert_link(pc: &Pc, path: &str, target: &Path) {
    assert_eq!(fs::read_link(pc.path(path)).unwrap(), target, "{path} on {} is that link no more", pc.name);
}

#[test]
fn saves_that_lie_elsewhere_are_synced_and_the_link_stays() {
    let cloud = Cloud::server();
    let (a, b, c) = (cloud.pc("A"), cloud.pc("B"), cloud.pc("C"));
    let (elsewhere_a, elsewhere_b) = (a.home.join("my saves [1]"), b.home.join("saves"));
    for (pc, elsewhere) in [(&a, &elsewhere_a), (&b, &elsewhere_b)] {
        fs::create_dir(elsewhere).unwrap();
        link(elsewhere, pc.path("saves"));
    }
    round_trip(&a, &b);
    for own in ["saves/World/session.lock", "saves/World/voxy", "mods"] {
        a.remove(own);
    }
    c.pull().expect(0, "behind", "restored");
    assert_same(&a, &c);
    c.remove("saves/Second");
    c.write(LEVEL, "day 3");
    c.push().expect(0, "ahead", "saved");
    for pc in [&a, &b] {
        pc.pull().expect(0, "behind", "restored").warns("Second was deleted");
        assert_same(pc, &c);
    }
    assert_link(&a, "saves", &elsewhere_a);
    assert_link(&b, "saves", &elsewhere_b);
    assert_eq!(fs::read(elsewhere_b.join("World/level.dat")).unwrap(), b"day 3");
    a.run(&["undo"]).expect(0, "unknown", "undone");
    assert_eq!(a.read("saves/Second/level.dat"), "new");
    assert_link(&a, "saves", &elsewhere_a);
}

#[test]
fn a_world_that_lies_elsewhere_is_synced_and_the_link_stays() {
    let cloud = Cloud::server();
    let (a, b, c) = (cloud.pc("A"), cloud.pc("B"), cloud.pc("C"));
    play_first(&a);
    a.write("saves/Plain/level.dat", "a real folder");
    for pc in [&a, &b] {
        let elsewhere = pc.home.join("elsewhere");
        fs::create_dir_all(pc.path("saves")).unwrap();
        if pc.has("saves/World") {
            fs::rename(pc.path("saves/World"), &elsewhere).unwrap();
        } else {
            fs::create_dir(&elsewhere).unwrap();
        }
        link(&elsewhere, pc.path("saves/World"));
    }
    a.push().expect(0, "ahead", "saved");
    for pc in [&b, &c] {
        pc.pull().expect(0, "behind", "restored");
        assert_same(&a, pc);
    }
    for (day, from) in [&c, &b, &a].into_iter().enumerate() {
        from.write(LEVEL, format!("evening {day}"));
        from.write(&format!("saves/World/region/r.{day}.mca"), "explored");
        from.push().expect(0, "ahead", "saved");
        for pc in [&a, &b, &c].into_iter().filter(|pc| pc.name != from.name) {
            pc.pull().expect(0, "behind", "restored");
            assert_same(from, pc);
        }
    }
    for pc in [&a, &b] {
        assert_link(pc, "saves/World", &pc.home.join("elsewhere"));
        assert_eq!(fs::read(pc.home.join("elsewhere/level.dat")).unwrap(), b"evening 2");
    }
    assert!(fs::symlink_metadata(c.path("saves/World")).unwrap().is_dir());
}

#[test]
fn what_the_player_links_is_followed_and_stays_a_link() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    let disk = cloud.home.path().join("big disk");
    fs::create_dir_all(disk.join("saves")).unwrap();
    fs::create_dir_all(disk.join("screenshots")).unwrap();
    fs::create_dir_all(disk.join("World")).unwrap();
    link(disk.join("saves"), a.path("saves"));
    link(disk.join("screenshots"), a.path("screenshots"));
    link(disk.join("World"), disk.join("saves/Linked World"));
    a.write("saves/Linked World/level.dat", "day 1");
    a.write("saves/Linked World/session.lock", "x");
    a.write("saves/World/level.dat", "day 1");
    a.write("screenshots/1.png", "x");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.names(), ["saves/Linked World/level.dat", "saves/World/level.dat", "screenshots/1.png"]);

    b.write("saves/Linked World/level.dat", "day 2");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_eq!(fs::read_to_string(disk.join("World/level.dat")).unwrap(), "day 2");
    assert!(a.path("saves").is_symlink() && a.path("saves/Linked World").is_symlink());
}

#[test]
fn a_world_with_a_link_in_it_is_not_saved_in_part() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let elsewhere = a.home.join("big disk");
    fs::rename(a.path("saves/World/region"), &elsewhere).unwrap();
    link(&elsewhere, a.path("saves/World/region"));
    a.write(LEVEL, "day 2");
    a.write("hotbar.nbt", "of A");
    let warned = a.push().expect(8, "ahead", "saved");
    warned.warns("saves/World/region: it is a link").warns("saves/World: a part of it cannot be saved");

    // B's world stays the one that it is, and is not mixed with half of A's.
    let before = b.tree();
    b.pull();
    assert_eq!(b.read("hotbar.nbt"), "of A");
    b.remove("hotbar.nbt");
    assert!(b.tree() == before, "a partial snapshot changed or removed a file");
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    assert!(c.tree()[LEVEL] == before[LEVEL] && c.tree()[REGION] == before[REGION]);
    b.write(REGION, "explored on B");
    b.push().expect(0, "ahead", "saved");
    let before = a.tree();
    a.pull().expect(0, "behind", "restored").warns("World stays as it is here");
    assert_eq!((a.read(LEVEL), a.tree()[REGION] == before[REGION]), ("day 2".to_owned(), true));
    assert_link(&a, "saves/World/region", &elsewhere);

    // Without the link it is a world that both played.
    fs::remove_file(a.path("saves/World/region")).unwrap();
    fs::rename(&elsewhere, a.path("saves/World/region")).unwrap();
    a.pull().expect(3, "diverged", "cancelled");
    a.run(&["pull", "--on-conflict=keep-local"]).expect(0, "behind", "kept_local");
    assert_eq!(a.read(LEVEL), "day 2");
}

#[test]
fn saves_on_a_disk_that_is_not_there_are_not_taken_for_deleted() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let disk = a.home.join("usb");
    fs::rename(a.path("saves"), &disk).unwrap();
    link(&disk, a.path("saves"));
    a.push().expect(0, "in_sync", "nothing");
    let unplugged = a.home.join("unplugged");
    fs::rename(&disk, &unplugged).unwrap();
    a.write("options.txt", "fov:0.7\n");
    a.push().expect(0, "ahead", "saved").warns("saves: it is a link");
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read("options.txt")), ("day 1".to_owned(), "fov:0.7\n".to_owned()));
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    let before = a.tree();
    a.pull().expect(0, "behind", "restored").warns("World stays as it is here: saves: it is a link");
    assert!(a.tree() == before);

    // It is as it was when it was last saved, so nobody is asked.
    fs::rename(&unplugged, &disk).unwrap();
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

/// A folder outside the instance, with a file in it.
fn outside(cloud: &Cloud) -> PathBuf {
    let outside = cloud.home.path().join("outside");
    fs::create_dir_all(outside.join("sub/deep")).unwrap();
    fs::write(outside.join("id_rsa"), "private").unwrap();
    fs::write(outside.join("sub/id_rsa"), "private").unwrap();
    outside
}

#[test]
fn an_include_that_leads_out_through_a_link_takes_nothing_and_writes_nothing_there() {
    for include in ["link/", "link/sub/", "link/**/id_rsa", "**/id_rsa", "*/sub/"] {
        let cloud = Cloud::folder();
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        let outside = outside(&cloud);
        for pc in [&a, &b] {
            pc.write_scope(&[include, "options.txt"], &[]);
        }
        a.write("options.txt", "fov:0.5\n");
        link(&outside, a.path("link"));
        a.push().expect(0, "ahead", "saved");
        assert!(cloud.files_of(&a.base().unwrap()).iter().eq(["options.txt"]), "{include}");

        // B has a folder of that name; what it saves must not come out behind A's link.
        b.pull().expect(0, "behind", "restored");
        b.write("link/sub/id_rsa", "evil");
        b.write("link/id_rsa", "evil");
        b.push().expect(0, "ahead", "saved");
        let before = tree(&outside);
        a.pull().expect(0, "behind", "restored").warns("stays as it is here: link: it is a link");
        assert_eq!(tree(&outside), before, "{include}");
    }
}

#[test]
fn links_in_a_circle_are_not_walked_for_ever() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    for pc in [&a, &b] {
        pc.write_scope(&["**/*.dat", "saves/"], &[]);
    }
    a.write("saves/World/level.dat", "x");
    a.write("one/1.dat", "x");
    a.write("two/2.dat", "x");
    for up in ["one/up", "two/up", "saves/up", "saves/World/up"] {
        link("..", a.path(up));
        link(".", a.path(&format!("{up}-here")));
    }
    link("../two", a.path("one/across"));
    link("../one", a.path("two/across"));
    a.push().expect(8, "ahead", "saved").warns("saves/World: a part of it");
    let files = cloud.files_of(&a.base().unwrap());
    let expected = ["one/1.dat", "one/across/2.dat", "two/2.dat", "two/across/1.dat"];
    assert!(files.iter().eq(expected), "{files:?}");
}

#[test]
fn our_own_folder_never_travels_whatever_leads_there() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    // The game folder of another instance, linked as a world.
    b.write(".cloud-sync/token", "steve:secret");
    b.write("level.dat", "x");
    a.write("saves/World/.cloud-sync/token", "steve:secret");
    a.write("saves/World/level.dat", "x");
    link(&b.dir, a.path("saves/Other"));
    link("../.cloud-sync", a.path("saves/Ours"));
    a.push().expect(0, "ahead", "saved");
    let files = cloud.files_of(&a.base().unwrap());
    assert!(files.iter().eq(["saves/Other/level.dat", "saves/World/level.dat"]), "{files:?}");
}
