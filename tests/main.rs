//! Stories: PCs, a cloud, what the player did, and what each disk holds afterwards. All of
//! them run the real program against the real restic.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics to fail")]
#![expect(clippy::print_stdout, reason = "a seed that failed is told")]

mod support;

mod cli {
    mod answers;
    #[cfg(target_os = "linux")]
    mod bench;
    mod catch_up;
    mod design;
    #[cfg(all(target_os = "linux", feature = "window"))]
    mod dialogs;
    mod disk;
    mod during_pull;
    mod during_push;
    mod files;
    mod game;
    mod history;
    mod instance;
    #[cfg(unix)]
    mod interrupts;
    mod kill;
    mod later;
    mod layers;
    mod left_out;
    #[cfg(unix)]
    mod links;
    mod login;
    mod model;
    mod network;
    mod packwiz;
    #[cfg(target_os = "linux")]
    mod prompt;
    mod provision;
    mod restic;
    mod scope;
    mod scope_command;
    mod secrets;
    mod settings;
    mod setup;
    mod speed;
    mod status;
    mod stories;
    #[cfg(unix)]
    mod tree;
    mod undo;
    mod unheld;
    mod units;
    mod unsaved;
    mod walk;
    #[cfg(all(target_os = "linux", feature = "window"))]
    mod window;
    #[cfg(target_os = "linux")]
    mod wine;
    mod world;
}
