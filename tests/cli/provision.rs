//! Finding and fetching restic.
