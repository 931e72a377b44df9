//! A ledger as bytes.
use super::Ledger;
use std::collections::BTreeMap;
/// Parts.
pub type Parts = BTreeMap<String, Vec<u8>>;
/// Error.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// Newer.
    #[error("x")]
    Newer,
}
