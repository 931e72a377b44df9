//! Which of two versions of a world is further. Clocks have no say: they may be wrong, and the
//! one who played last need not have played longer.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{Source, World};

/// Which of two versions is further, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advice {
    /// The one that is further.
    pub further: Further,
    /// The reason, as part of a sentence.
    pub reason: String,
}

/// The one of two versions that is further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Further {
    /// This PC's.
    Here,
    /// The cloud's.
    There,
    /// Neither, or it is not known.
    Neither,
}

/// Compares this PC's version of a world with the cloud's by how long they were played.
pub fn recommend(here: &World, there: &World) -> Advice {
    let neither = |reason: &str| Advice { further: Further::Neither, reason: reason.to_owned() };
    let (Some(ours), Some(theirs)) = (here.played, there.played) else {
        return neither("their play time is not known");
    };
    if ours.source != theirs.source {
        return neither("their play time is not known");
    }
    if ours.time.abs_diff(theirs.time) < Duration::from_mins(1) {
        return neither(match ours.source {
            Source::Statistics => "both were played equally long",
            Source::Age => "both have run equally long",
        });
    }
    let (further, whose, longer, shorter) = if ours.time > theirs.time {
        (Further::Here, "this PC's", ours.time, theirs.time)
    } else {
        (Further::There, "the cloud's", theirs.time, ours.time)
    };
    let how = match ours.source {
        Source::Statistics => "was played",
        Source::Age => "has run",
    };
    let more = in_words(whole_minutes(longer).saturating_sub(whole_minutes(shorter)));
    let reason = format!("{whose} {how} {more} longer ({} against {})", in_words(longer), in_words(shorter));
    Advice { further, reason }
}

/// `time` in hours and minutes.
pub fn in_words(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

/// So that the difference is that of the times as they are written.
fn whole_minutes(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs() / 60 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Played;

    fn played(source: Source, hours: u64, minutes: u64, seconds: u64) -> World {
        let time = Duration::from_secs((hours * 60 + minutes) * 60 + seconds);
        World { played: Some(Played { time, source }), ..World::default() }
    }

    #[test]
    fn the_one_that_was_played_longer_is_further() {
        use Source::{Age, Statistics};
        let (short, long) = (played(Statistics, 11, 55, 50), played(Statistics, 14, 5, 10));
        let advice = recommend(&short, &long);
        assert_eq!(advice.further, Further::There);
        assert_eq!(advice.reason, "the cloud's was played 2 h 10 min longer (14 h 5 min against 11 h 55 min)");
        let advice = recommend(&long, &short);
        assert_eq!(advice.further, Further::Here);
        assert_eq!(advice.reason, "this PC's was played 2 h 10 min longer (14 h 5 min against 11 h 55 min)");
        let advice = recommend(&played(Age, 1, 0, 0), &played(Age, 0, 59, 0));
        assert_eq!(advice.further, Further::Here);
        assert_eq!(advice.reason, "this PC's has run 1 min longer (1 h against 59 min)");
    }

    #[test]
    fn without_a_difference_or_without_knowing_nothing_is_advised() {
        use Source::{Age, Statistics};
        let known = played(Statistics, 1, 0, 0);
        for (other, reason) in [
            (played(Statistics, 1, 0, 59), "both were played equally long"),
            (played(Age, 2, 0, 0), "their play time is not known"),
            (World::default(), "their play time is not known"),
        ] {
            for (here, there) in [(&known, &other), (&other, &known)] {
                let advice = recommend(here, there);
                assert_eq!((advice.further, advice.reason.as_str()), (Further::Neither, reason));
            }
        }
    }
}
