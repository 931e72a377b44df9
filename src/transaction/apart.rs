//! Units that a transaction leaves as they are, while the others go on.

use crate::model::Unit;

/// A unit that stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// The unit.
    pub unit: Unit,
    /// Why it stays.
    pub why: Why,
}

/// Why a unit stays as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// It was changed after the transaction was cut off.
    Changed,
    /// Nobody but its owner may write to one of its folders.
    NotWritable {
        /// The folder, by its path in the instance.
        folder: String,
        /// Its owner, where the system tells.
        owner: Option<String>,
    },
    /// A file of it could not be moved.
    Stuck(String),
}

impl Apart {
    /// What happened, and what helps, in words.
    pub fn text(&self) -> String {
        let name = self.unit.name();
        match &self.why {
            Why::Changed => format!(
                "{name} was played after a restore of it was cut off; it stays as it is now, and what it was before is in the undo copy"
            ),
            Why::NotWritable { folder, owner } => {
                let whose = owner.as_ref().map(|owner| format!(", which belongs to {owner}")).unwrap_or_default();
                format!(
                    "{name} stays as it is here: nothing may be written to {folder}{whose}; give yourself the right to write there, and run it again"
                )
            }
            Why::Stuck(reason) => format!(
                "{name} stays as it is here: {reason}; close what has its files open, make room if the disk is full, and run it again"
            ),
        }
    }
}
