//! The repository: where it is, what its snapshots know, and the restic that reads and writes it.

mod endpoint;
pub mod ledgers;
pub mod provision;
pub mod remote;
pub mod repository;
pub mod restic;
