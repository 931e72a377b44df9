//! The evenings that many stories begin with.

use super::pc::assert_same;
use super::{Cloud, Pc};

pub const LEVEL: &str = "saves/World/level.dat";
pub const REGION: &str = "saves/World/region/r.0.0.mca";

/// A first evening: a world, settings, and things that are nobody else's business.
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

/// A crashed with unsaved edits; B played on and saved.
pub fn diverged(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = two_in_sync(cloud);
    a.write(LEVEL, "day 2 on A");
    b.write(LEVEL, "day 2 on B");
    b.write("saves/World/region/r.1.0.mca", "explored on B");
    b.push().expect(0, "ahead", "saved");
    (a, b)
}
