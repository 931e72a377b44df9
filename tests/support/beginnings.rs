//! The evenings that many stories begin with, and how they end.

use super::pc::assert_same;
use super::{Cloud, Pc};

pub const LEVEL: &str = "saves/World/level.dat";
pub const REGION: &str = "saves/World/region/r.0.0.mca";
/// Of a second world.
pub const OTHER: &str = "saves/Other/level.dat";

/// A first evening: a world with a large region file, and settings.
pub fn play_first(pc: &Pc) {
    pc.write(LEVEL, "day 1");
    pc.write(REGION, vec![7; 1_500_000]);
    pc.write("options.txt", "fov:0.5\n");
}

/// Two PCs that are in sync on a first version.
pub fn two_in_sync(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    play_first(&a);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    (a, b)
}

/// Two PCs that are in sync on two worlds.
pub fn two_worlds(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = two_in_sync(cloud);
    a.write(OTHER, "other 1");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    (a, b)
}

/// A crashed with unsaved edits; B played on and saved.
pub fn diverged(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = two_in_sync(cloud);
    a.write(LEVEL, "day 2 on A");
    b.write(LEVEL, "day 2 on B");
    b.write("saves/World/region/r.1.0.mca", "explored on B");
    b.push().expect(0, "ahead", "saved");
    (a, b)
}

/// What A and B do evening by evening must arrive, wherever A's instance is.
pub fn round_trip(a: &Pc, b: &Pc) {
    play_first(a);
    a.write("saves/World/session.lock", "");
    a.write("saves/World/voxy/latest.db", "of no use elsewhere");
    a.write("mods/big.jar", "not synced");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.names(), ["options.txt", LEVEL, REGION], "from {}", a.dir.display());

    b.write(LEVEL, "day 2");
    b.remove("options.txt");
    b.write("saves/Second/level.dat", "new");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    let mut expected = b.tree();
    for own in ["saves/World/session.lock", "saves/World/voxy/latest.db", "mods/big.jar"] {
        expected.insert(own.to_owned(), a.read(own).into_bytes());
    }
    assert!(a.tree() == expected, "{:?}", a.tree().keys());
    a.pull().expect(0, "in_sync", "nothing");
    b.push().expect(0, "in_sync", "nothing");
    a.assert_tidy();
}

/// A played on while B did not.
pub fn played(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = two_in_sync(cloud);
    a.write(LEVEL, "day 2");
    (a, b)
}

/// After `played`, when all is well again: everything arrives.
#[track_caller]
pub fn goes_on(cloud: &Cloud, a: &Pc, b: &Pc) {
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(a, b);
    assert_eq!(b.read(LEVEL), "day 2");
    assert_eq!(cloud.heads().len(), 1);
    cloud.check();
}

/// B has saved twice what A lacks, and C has something to save.
pub fn everyone_has_something_to_do(cloud: &Cloud) -> (Pc, Pc, Pc) {
    let (a, b) = two_in_sync(cloud);
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    b.write(LEVEL, "day 2, noon");
    b.push().expect(0, "ahead", "saved");
    b.write(LEVEL, "day 2");
    b.write("saves/World/region/r.1.0.mca", "explored");
    b.push().expect(0, "ahead", "saved");
    c.pull().expect(0, "behind", "restored");
    c.write("options.txt", "fov:0.9\n");
    (a, b, c)
}

/// Everybody pulls and pushes, twice, after which nobody has anything new, and all have the same.
#[track_caller]
pub fn settle(cloud: &Cloud, pcs: &[&Pc]) {
    settle_with(cloud, pcs, "ask");
}

/// The same where there are decisions left, with this answer to all of them.
#[track_caller]
pub fn settle_with(cloud: &Cloud, pcs: &[&Pc], answer: &str) {
    for round in 0..3 {
        for pc in pcs {
            for said in [pc.answer(answer), pc.push()] {
                assert_eq!(said.code, 0, "{}: {}", pc.name, said.stdout);
                assert!(round < 2 || said.json["outcome"] == "nothing", "{}: {}", pc.name, said.stdout);
            }
        }
    }
    let questions = cloud.open_questions(&pcs[0].base().unwrap());
    assert!(questions.is_empty(), "still open: {questions:?}");
    for pc in &pcs[1..] {
        assert_same(pcs[0], pc);
    }
}
