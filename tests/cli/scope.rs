//! What our walk sees and what restic stores is the same set of files.
