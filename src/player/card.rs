//! A conflict in words: what is known of the two versions of a world, and what may be done.

use chrono::{DateTime, Local, Utc};

use super::{Answer, Card, Conflict, Contested, counted, human_bytes};
use crate::content::world::{Advice, Further, in_words};

/// What is asked about each world.
pub const QUESTION: &str = "What do you want to do with this world";
/// What can be done; the first discards nothing and decides nothing.
pub const ANSWERS: [Answer; 4] = [Answer::Later, Answer::KeepBoth, Answer::KeepLocal, Answer::UseRemote];
/// Which keys do what.
pub const KEYS: &str = "Arrow keys choose, Enter takes it; Escape decides later; Ctrl-C stops, and no game starts.";
/// What else can be done.
pub const CANCEL: &str = "Cancel: change nothing, and do not start the game";

/// What has happened, and that nothing is lost by it.
pub fn heading(conflict: &Conflict) -> Vec<String> {
    let worlds = match &conflict.worlds[..] {
        [world] => format!("the world {}", world.folder),
        worlds => counted(worlds.len(), "world"),
    };
    let whose = conflict.whose.as_deref().unwrap_or("This PC");
    let mut lines = vec![
        format!("{whose} and {} both played {worlds}, each without the other's version.", conflict.other_machine),
        "All else is joined by itself. Nothing is deleted: the other version stays in the history.".to_owned(),
    ];
    if conflict.more > 0 {
        let more = counted(conflict.more, "more version");
        lines.push(format!("The cloud has {more}; the next pull looks at them."));
    }
    lines
}

/// Whether the same answer is for the `others`.
pub fn same_for(others: &[Contested]) -> String {
    match others {
        [world] => format!("The same for the other world ({})?", world.folder),
        worlds => format!("The same for the other {} worlds?", worlds.len()),
    }
}

/// Both versions of a world side by side, and which one was played longer.
pub fn table(conflict: &Conflict, world: &Contested) -> Vec<String> {
    let (here, there) = (rows(&world.here), rows(&world.there));
    let titles = [title_here(conflict), format!("the cloud ({})", conflict.other_machine)];
    let saved = ("saved", conflict.time.map_or_else(|| "not yet".to_owned(), when), when(conflict.other_time));
    let rows: Vec<_> = here
        .into_iter()
        .zip(there)
        .map(|((label, here), (_, there))| (label, here, there))
        .filter(|(_, here, there)| !here.is_empty() || !there.is_empty())
        .chain([saved])
        .collect();
    let width = |text: &str| text.chars().count();
    let first = rows.iter().map(|(label, ..)| width(label)).max().unwrap_or_default();
    let second = rows.iter().map(|(_, here, _)| width(here)).chain([width(&titles[0])]).max().unwrap_or_default();
    let line = |label: &str, here: &str, there: &str| {
        let line = format!("  {label:first$}  {here:second$}  {there}");
        line.trim_end().to_owned()
    };
    let mut lines = vec![format!("World {}", world.folder), line("", &titles[0], &titles[1])];
    lines.extend(rows.iter().map(|(label, here, there)| line(label, here, there)));
    lines.push(format!("  {}", advice(&world.advice)));
    for (title, card) in titles.iter().zip([&world.here, &world.there]) {
        lines.extend(card.world.problem.iter().map(|problem| format!("  {title}: {problem}")));
    }
    lines
}

/// Where this PC's version is from.
pub fn title_here(conflict: &Conflict) -> String {
    match &conflict.whose {
        None => format!("this PC ({})", conflict.machine),
        Some(whose) => format!("this PC ({}), as {whose} saved it", conflict.machine),
    }
}

/// One version, row by row.
pub fn rows(card: &Card) -> [(&'static str, String); 6] {
    let world = &card.world;
    let text = |value: Option<String>| value.unwrap_or_default();
    [
        ("name", text(world.name.clone())),
        ("last played", text(world.last_played.map(when))),
        ("in-game day", text(world.day.map(|day| day.to_string()))),
        ("played", text(world.played.map(|played| in_words(played.time)))),
        ("Minecraft", text(world.version.clone())),
        ("size", format!("{}, {}", human_bytes(card.bytes), counted(card.files, "file"))),
    ]
}

/// Which version is further, and why.
pub fn advice(advice: &Advice) -> String {
    let what = match advice.further {
        Further::Here => "Recommended: this PC's",
        Further::There => "Recommended: the cloud's",
        Further::Neither => "No recommendation",
    };
    format!("{what}; {}", advice.reason)
}

/// An answer as it is offered.
pub fn offer(conflict: &Conflict, world: &Contested, answer: Answer) -> String {
    let title = title(conflict, world, answer);
    match answer {
        Answer::Later => format!("{title}: play on here, and be asked again next time"),
        Answer::KeepBoth => format!("{title}: {}'s comes as a second world", conflict.other_machine),
        Answer::KeepLocal => format!("{title}: it is the newest from the next push on"),
        Answer::UseRemote => format!("{title}: this PC's goes to the undo copy"),
    }
}

/// The name of an answer.
pub fn title(conflict: &Conflict, world: &Contested, answer: Answer) -> String {
    let is_advised = match answer {
        Answer::KeepLocal => world.advice.further == Further::Here,
        Answer::UseRemote => world.advice.further == Further::There,
        Answer::KeepBoth | Answer::Later => false,
    };
    let mark = if is_advised { " (recommended)" } else { "" };
    match answer {
        Answer::Later => "Decide later".to_owned(),
        Answer::KeepBoth => "Keep both".to_owned(),
        Answer::KeepLocal => format!("This PC's version{mark}"),
        Answer::UseRemote => format!("{}'s version{mark}", conflict.other_machine),
    }
}

/// A time as a player reads it.
pub fn when(time: DateTime<Utc>) -> String {
    time.with_timezone(&Local).format("%a %d %b %Y %H:%M").to_string()
}
