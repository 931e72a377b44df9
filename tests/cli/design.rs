//! DESIGN.md and README.md against the code.
