//! Every text of the window that no other front has. They are whole sentences with gaps, so
//! that they can be translated.

use std::time::Duration;

use crate::content::world::{Advice, Further};
use crate::player::{Answer, Step, counted, human_bytes};
use crate::verb::Verb;

/// How the line begins in which it says why it cannot open.
pub const NO_WINDOW: &str = "cloud-sync: no window: ";
/// What a push that took a while says at its end.
pub const SAVED: &str = "Everything is saved. You can play on your other PC.";

/// The name of the window.
pub const TITLE: &str = "cloud-sync";

/// Before anything is known.
pub const ONE_MOMENT: &str = "One moment ...";
/// After a cancel.
pub const STOPPING: &str = "Stopping ...";
/// After the player chose to play without syncing.
pub const GOING_ON: &str = "Going on without syncing ...";

/// Gives up what is in progress, and the launch with it.
pub const CANCEL_LAUNCH: &str = "Cancel the launch";
/// Gives up what is in progress.
pub const CANCEL: &str = "Cancel";
/// Goes on without what is in progress.
pub const PLAY_WITHOUT: &str = "Play without syncing";

/// The heading over the token.
pub const CONNECT_HEADING: &str = "Connect to the cloud";
/// The label of the token's field.
pub const TOKEN: &str = "Token";
/// How a token looks.
pub const TOKEN_LOOKS: &str = "user:password";
/// Where tokens come from.
pub const TOKEN_FROM: &str = "You get a token from whoever runs the server.";
/// Shows the token in clear.
pub const SHOW_TOKEN: &str = "Show the token";
/// Sends the token.
pub const CONNECT: &str = "Connect";
/// While the token is tried.
pub const CHECKING: &str = "Checking ...";
/// Goes on without a token.
pub const SKIP: &str = "Play without syncing this time";

/// The heading where there is no cloud.
pub const OFFLINE_HEADING: &str = "The cloud cannot be reached";
/// What playing without it means.
pub const OFFLINE_MEANS: &str = "You can play. What you play is saved at the next chance.";
/// Tries again.
pub const RETRY: &str = "Try again";
/// Starts the game without the cloud.
pub const PLAY_ANYWAY: &str = "Play anyway";

/// That no answer loses anything.
pub const NOTHING_IS_DELETED: &str = "Nothing is deleted: the other version stays in the history.";
/// Goes on with the answers.
pub const CONTINUE: &str = "Continue";
/// The list of worlds, for screen readers.
pub const WORLDS: &str = "Worlds with two versions";
/// The title of this PC's version.
pub const THIS_PC: &str = "This PC";
/// The title of the cloud's version.
pub const THE_CLOUD: &str = "The cloud";
/// Marks the version that was played longer.
pub const RECOMMENDED: &str = "Recommended";
/// Where a version does not say.
pub const NOT_KNOWN: &str = "not known";
/// The row that is left out where it says nothing new.
pub const NAME: &str = "name";
/// How to end what is done.
pub const CLOSES: &str = "This window closes by itself.";

/// What is wrong with what was entered.
pub fn no_token(reason: &str) -> String {
    format!("That is no token: {reason}.")
}

/// The heading over what is in progress.
pub fn progress_heading(verb: Option<Verb>) -> &'static str {
    match verb {
        Some(Verb::Pull) => "Syncing before the game",
        Some(Verb::Push) => "Saving what you played",
        _ => "Syncing",
    }
}

/// What happens now.
pub fn step(step: Step) -> &'static str {
    match step {
        Step::FetchRestic => "Fetching restic, the program that keeps your versions",
        Step::Fetch => "Fetching what other PCs saved",
        Step::Save => "Saving what is new on this PC",
    }
}

/// How much of it is done: `120 of 340 MB`, or `120 MB` where the whole is not known.
pub fn amount(done: u64, total: u64) -> String {
    let done = human_bytes(done);
    if total == 0 {
        return done;
    }
    let total = human_bytes(total);
    match (done.split_once(' '), total.split_once(' ')) {
        (Some((number, unit)), Some((_, other))) if unit == other => format!("{number} of {total}"),
        _ => format!("{done} of {total}"),
    }
}

/// How fast it is, in bytes per second.
pub fn rate(rate: u64) -> String {
    format!("{}/s", human_bytes(rate))
}

/// How long it will take; not more exactly than anybody can know.
pub fn time_left(left: Duration) -> String {
    match left.as_secs() {
        0..10 => "a few seconds left".to_owned(),
        seconds @ 10..60 => format!("about {} s left", seconds.div_ceil(10) * 10),
        seconds @ 60..3600 => format!("about {} min left", seconds.div_ceil(60)),
        seconds => format!("about {} h left", seconds.div_ceil(3600)),
    }
}

/// The heading of a conflict: about the one world, or about how many.
pub fn conflict_heading(worlds: &[&str]) -> String {
    match worlds {
        [world] => format!("Two versions of \"{world}\""),
        worlds => format!("{} have two versions", counted(worlds.len(), "world")),
    }
}

/// How it came to two versions.
pub fn conflict_story(whose: Option<&str>, other: &str) -> String {
    match whose {
        None => format!("You played here and on {other}, each time without the other version."),
        Some(whose) => format!("You played on {whose} and on {other}, each time without the other version."),
    }
}

/// When the cloud's version was saved.
pub fn saved(when: &str) -> String {
    format!("saved {when}")
}

/// Which version is further, and why.
pub fn advice(advice: &Advice) -> String {
    let reason = &advice.reason;
    match advice.further {
        // Which one is recommended is marked on the versions and on the answers.
        Further::Here | Further::There => format!("Recommended, since {reason}."),
        Further::Neither => format!("No recommendation: {reason}."),
    }
}

/// What an answer does.
pub fn meaning(answer: Answer) -> &'static str {
    match answer {
        Answer::Later => "You play on here, and are asked again next time.",
        Answer::KeepBoth => "This PC's stays, and the other comes as a second world.",
        Answer::KeepLocal => "It is the newest for all PCs from the next push on.",
        Answer::UseRemote => "It comes here, and this PC's goes to the undo copy.",
    }
}

/// That there are more versions than can be shown.
pub fn more_versions(more: usize) -> String {
    format!("The cloud has {}; the next sync looks at them.", counted(more, "more version"))
}

/// Gives every world the answer of this one.
pub fn same_for_all(worlds: usize) -> String {
    format!("The same for all {worlds} worlds")
}

/// How many worlds have an answer.
pub fn decided(decided: usize, worlds: usize) -> String {
    match (decided, worlds) {
        (0, 1) => "You are asked again next time.".to_owned(),
        (0, _) => "You are asked about all of them again next time.".to_owned(),
        (decided, worlds) if decided == worlds => String::new(),
        (decided, worlds) => format!("{decided} of {worlds} decided; you are asked about the others next time."),
    }
}

/// An answer, where there is little room.
pub fn answer_in_short(answer: Answer, other: &str) -> String {
    match answer {
        Answer::Later => "decide later".to_owned(),
        Answer::KeepBoth => "keep both".to_owned(),
        Answer::KeepLocal => "this PC's version".to_owned(),
        Answer::UseRemote => format!("{other}'s version"),
    }
}

/// A version for screen readers, which see no cards.
pub fn version(title: &str, machine: &str, recommended: bool) -> String {
    let mark = if recommended { ", recommended" } else { "" };
    format!("{title} ({machine}){mark}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_name_their_unit_once_if_they_can() {
        assert_eq!(amount(120_000_000, 340_000_000), "120 of 340 MB");
        assert_eq!(amount(900_000, 340_000_000), "900 KB of 340 MB");
        assert_eq!(amount(900_000, 0), "900 KB");
    }

    #[test]
    fn the_time_left_is_no_more_exact_than_it_can_be() {
        for (seconds, text) in
            [(3, "a few seconds left"), (41, "about 50 s left"), (61, "about 2 min left"), (3600, "about 1 h left")]
        {
            assert_eq!(time_left(Duration::from_secs(seconds)), text);
        }
    }
}
