//! Where systems differ: one function per concern, in a file per system. Nobody else asks which
//! system it is.

#[cfg(any(windows, test))]
mod file_names;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(test)]
pub use file_names::can_be_on_windows;
#[cfg(unix)]
pub use unix::*;
#[cfg(windows)]
pub use windows::*;
