//! Stories: PCs, a cloud, what the player did, and what each disk holds afterwards. All of
//! them run the real program against the real restic.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test panics to fail")]
#![expect(clippy::print_stdout, reason = "a seed that failed is told")]

mod support;

mod cli {
    mod answers;
    mod bad_input;
    #[cfg(target_os = "linux")]
    mod bench;
    mod care;
    mod catch_up;
    mod design;
    #[cfg(all(target_os = "linux", feature = "window"))]
    mod dialogs;
    mod game;
    mod history;
    mod kill;
    mod left_out;
    mod meanwhile;
    mod network;
    mod packwiz;
    #[cfg(target_os = "linux")]
    mod prompt;
    mod provision;
    mod review;
    mod scope;
    mod secrets;
    mod settings;
    mod speed;
    mod stories;
    mod units;
    mod walk;
    #[cfg(all(target_os = "linux", feature = "window"))]
    mod window;
    #[cfg(target_os = "linux")]
    mod wine;
    mod world;
}
