//! The window, which is a process of its own: a broken driver or a crash of it takes no sync
//! with it. It shows what it is told on stdin and says on stdout what the player does.

pub mod protocol;
