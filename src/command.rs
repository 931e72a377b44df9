//! The commands: context in, outcome out.

pub mod before;
pub mod doctor;
pub mod login;
pub mod run;
pub mod scope;
pub mod status;
pub mod sync;
pub mod undo;
