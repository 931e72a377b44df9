//! Stories: PCs, a cloud, what the player did, and what each disk holds afterwards. All of
//! them run the real program against the real restic.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics to fail")]
#![expect(clippy::print_stdout, reason = "a seed that failed is told")]

mod support;

mod cli {
    mod answers;
    #[cfg(target_os = "linux")]
    mod bench;
    mod care;
    mod catch_up;
    mod design;
    #[cfg(all(target_os = "linux", feature = "window"))]
    mod dialogs;
    mod disk;
    mod files;
    mod game;
    mod history;
    mod instance;
    #[cfg(unix)]
    mod interrupts;
    mod kill;
    mod later;
    mod left_out;
    #[cfg(unix)]
    mod links;
    mod login;
    mod meanwhile;
    mod model;
    mod network;
    mod packwiz;
    #[cfg(target_os = "linux")]
    mod prompt;
    mod provision;
    mod restic;
    #[cfg(unix)]
    mod same_set;
    mod scope;
    mod scope_command;
    mod secrets;
    mod settings;
    mod setup;
    mod speed;
    mod stories;
    mod undo;
    mod units;
    mod walk;
    #[cfg(all(target_os = "linux", feature = "window"))]
    mod window;
    #[cfg(target_os = "linux")]
    mod wine;
    mod world;
}
