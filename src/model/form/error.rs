//! Why some bytes are no ledger.

/// The form that is written here, and the newest that is read.
pub const FORM: u64 = 1;
/// Why some bytes are no ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// They are of this form, which is newer than those that are known here.
    #[error("the ledger is of form {0}, and this version of cloud-sync reads forms up to {FORM}")]
    Newer(u64),
    /// They are no ledger, or one that nobody would write.
    #[error("the ledger is damaged: {0}")]
    Damaged(String),
}

impl FormError {
    /// Damaged for this reason.
    pub fn damaged(reason: impl std::fmt::Display) -> Self {
        // The reason may quote what was read: anything, at any length.
        let shown = |char: char| if char.is_control() { ' ' } else { char };
        Self::Damaged(reason.to_string().chars().take(300).map(shown).collect())
    }
}
