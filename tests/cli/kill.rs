//! Killed at any moment of pull and push: after one more run every file is whole.
