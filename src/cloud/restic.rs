//! restic, the program: one method per verb. It knows arguments, environment and answers,
//! and nothing of what they are for.

mod ended;
mod error;
mod event;
mod listing;
mod lists;
mod own_files;
mod process;
mod surroundings;
mod verbs;
mod version;

pub use error::{ResticError, Result};
pub use event::{ItemError, Status};
pub use listing::Listing;
pub use lists::{as_argument, exclude_line, exclude_path, include_line, write_lines, write_names};
pub use process::{Health, Waits};
pub use verbs::{Backup, Restic, Saved};
pub use version::{Version, version};
