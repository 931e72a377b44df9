//! The table: what an instance and its repository are to each other, and what each command
//! does about it. Values in, values out.

use serde::Serialize;

use crate::snapshot::Lineage;

/// The instance against its manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// The manifest has files and the disk has none of them; or neither has any.
    Absent,
    /// Every file is as the manifest has it.
    Clean,
    /// Something was added, changed or removed; or a push is owed.
    Edited,
}

/// How this PC and the cloud compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Divergence {
    /// There is no token, or the cloud does not take it.
    SignedOut,
    /// The cloud could not be asked.
    Unknown,
    /// Nothing here, nothing there.
    Blank,
    /// Both are the same.
    InSync,
    /// This PC has something the cloud lacks.
    Ahead,
    /// The cloud has something this PC lacks.
    Behind,
    /// Both have files, and this PC has never synced with this cloud.
    FirstLink,
    /// Both went on from where they last agreed.
    Diverged,
    /// The cloud lost what it had.
    RemoteEmptied,
    /// This PC lost what it had.
    LocalLost,
}

/// What `pull` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Nothing.
    Nothing,
    /// Save the edits if that is quick, else leave them for the push.
    CatchUp,
    /// Bring the cloud's files.
    Restore,
    /// Bring the cloud's files beside the local ones; worlds that differ are a conflict.
    Link,
    /// Settle what both sides changed.
    Reconcile,
    /// Forget the base; every file stays.
    ForgetBase,
}

/// What `push` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Push {
    /// Nothing.
    Nothing,
    /// Nothing, and say that the cloud is newer.
    CloudIsNewer,
    /// Save on top of the base.
    Save,
    /// Save as a root of its own: there is no base to build on.
    SaveAnew,
    /// Save on top of the base, beside the other head; the next launch asks.
    SaveBeside,
    /// Stop: an empty instance is not saved over a full one.
    Stop,
}

/// The table. `Neither` and `HeadOnly` have no manifest, so nothing can be clean there; were
/// it ever so, the files would count as edits.
#[expect(clippy::match_same_arms, reason = "one arm per row and column, to be read beside the table in DESIGN.md")]
pub fn classify(lineage: Lineage, local: Local) -> Divergence {
    match (lineage, local) {
        (Lineage::Neither, Local::Absent) => Divergence::Blank,
        (Lineage::Neither, Local::Clean | Local::Edited) => Divergence::Ahead,
        (Lineage::HeadOnly, Local::Absent) => Divergence::Behind,
        (Lineage::HeadOnly, Local::Clean | Local::Edited) => Divergence::FirstLink,
        (Lineage::BaseOnly, Local::Absent | Local::Clean | Local::Edited) => Divergence::RemoteEmptied,
        (Lineage::Same, Local::Absent) => Divergence::LocalLost,
        (Lineage::Same, Local::Clean) => Divergence::InSync,
        (Lineage::Same, Local::Edited) => Divergence::Ahead,
        (Lineage::Moved | Lineage::BaseRemoved, Local::Absent) => Divergence::LocalLost,
        (Lineage::Moved | Lineage::BaseRemoved, Local::Clean) => Divergence::Behind,
        (Lineage::Moved | Lineage::BaseRemoved, Local::Edited) => Divergence::Diverged,
        (Lineage::Forked, Local::Absent) => Divergence::LocalLost,
        (Lineage::Forked, Local::Clean | Local::Edited) => Divergence::Diverged,
    }
}

/// What `pull` does about it.
pub fn pull(divergence: Divergence) -> Pull {
    match divergence {
        Divergence::SignedOut | Divergence::Unknown | Divergence::Blank | Divergence::InSync => Pull::Nothing,
        Divergence::Ahead => Pull::CatchUp,
        Divergence::Behind | Divergence::LocalLost => Pull::Restore,
        Divergence::FirstLink => Pull::Link,
        Divergence::Diverged => Pull::Reconcile,
        Divergence::RemoteEmptied => Pull::ForgetBase,
    }
}

/// What `push` does about it.
pub fn push(divergence: Divergence) -> Push {
    match divergence {
        Divergence::SignedOut | Divergence::Unknown | Divergence::Blank | Divergence::InSync => Push::Nothing,
        Divergence::Ahead => Push::Save,
        Divergence::Behind => Push::CloudIsNewer,
        Divergence::FirstLink | Divergence::RemoteEmptied => Push::SaveAnew,
        Divergence::Diverged => Push::SaveBeside,
        Divergence::LocalLost => Push::Stop,
    }
}
