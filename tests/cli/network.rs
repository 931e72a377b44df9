//! Servers that are gone, broken, full or somebody else.
