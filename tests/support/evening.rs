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
    assert_eq!(cloud.heads().len(), 1);
    for pc in &pcs[1..] {
        assert_same(pcs[0], pc);
    }
}
