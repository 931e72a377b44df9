//! How fast something is, and how long it will take; known only after some seconds.

use std::collections::VecDeque;
use std::time::Duration;

use crate::player::{Progress, Step};

/// How much of the past counts.
const WINDOW: Duration = Duration::from_secs(12);

/// Before that, any number would be a guess.
const KNOWN_AFTER: Duration = Duration::from_secs(3);

/// What was done when.
#[derive(Debug, Default)]
pub struct Pace {
    step: Step,
    samples: VecDeque<(Duration, u64)>,
}

impl Pace {
    /// Notes how far it is at `now`.
    pub fn note(&mut self, now: Duration, progress: &Progress) {
        let goes_back = self.samples.back().is_some_and(|(_, bytes)| progress.bytes < *bytes);
        if progress.step != self.step || goes_back {
            self.samples.clear();
            self.step = progress.step;
        }
        self.samples.push_back((now, progress.bytes));
        // One sample older than the window stays, so that what is left spans it.
        while self.samples.get(1).is_some_and(|(time, _)| now.saturating_sub(*time) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Bytes per second, once that is known.
    pub fn rate(&self) -> Option<u64> {
        let ((first, before), (last, after)) = (self.samples.front()?, self.samples.back()?);
        let took = last.saturating_sub(*first);
        let millis = u64::try_from(took.as_millis()).ok()?;
        let rate = after.saturating_sub(*before).saturating_mul(1000).checked_div(millis)?;
        (took >= KNOWN_AFTER && rate > 0).then_some(rate)
    }

    /// How long the rest will take, once that is known.
    pub fn left(&self, progress: &Progress) -> Option<Duration> {
        let rest = progress.total_bytes.checked_sub(progress.bytes).filter(|rest| *rest > 0)?;
        rest.checked_div(self.rate()?).map(Duration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: Step, bytes: u64) -> Progress {
        Progress { step, bytes, total_bytes: 1000, ..Progress::default() }
    }

    #[test]
    fn it_is_known_after_some_seconds_and_follows_the_last_ones() {
        let mut pace = Pace::default();
        let note = |pace: &mut Pace, second, bytes| pace.note(Duration::from_secs(second), &at(Step::Fetch, bytes));
        note(&mut pace, 0, 0);
        note(&mut pace, 2, 20);
        assert_eq!(pace.rate(), None);
        note(&mut pace, 4, 40);
        assert_eq!((pace.rate(), pace.left(&at(Step::Fetch, 40))), (Some(10), Some(Duration::from_secs(96))));
        for second in 5..60 {
            note(&mut pace, second, 40 + (second - 4) * 2);
        }
        assert_eq!(pace.rate(), Some(2));
    }

    #[test]
    fn another_step_or_a_step_back_begins_anew() {
        let mut pace = Pace::default();
        pace.note(Duration::ZERO, &at(Step::Fetch, 0));
        pace.note(Duration::from_secs(5), &at(Step::Fetch, 50));
        assert!(pace.rate().is_some());
        pace.note(Duration::from_secs(6), &at(Step::Save, 60));
        assert_eq!(pace.rate(), None);
        pace.note(Duration::from_secs(12), &at(Step::Save, 90));
        pace.note(Duration::from_secs(13), &at(Step::Save, 10));
        assert_eq!(pace.rate(), None);
    }
}
