//! Random values.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use proptest::prelude::*;

use super::{Saved, dot, png};
use crate::model::{Card, Digest, Exempt, Ledger, Mode, More, Played, Push, Source, Unit, Version, World};

fn when() -> impl Strategy<Value = Option<DateTime<Utc>>> {
    prop::option::of((0..4_000_000_000_i64, 0..1_000_000_000_u32))
        .prop_map(|time| time.and_then(|(seconds, nanos)| DateTime::from_timestamp(seconds, nanos)))
}

fn push() -> impl Strategy<Value = Push> {
    let worlds = || prop::collection::vec(".{0,5}", 0..3);
    (".{0,9}", when(), worlds(), worlds(), 0..3_u64).prop_map(|(machine, time, worlds, gone, others)| Push {
        machine,
        time,
        worlds,
        gone,
        others,
    })
}

fn card() -> impl Strategy<Value = Card> {
    let text = || prop::option::of(".{0,9}");
    let sources = [Source::Statistics, Source::Age];
    let played = prop::option::of((any::<u64>(), prop::sample::select(sources.to_vec())));
    let modes = prop::option::of((0..4_i64).prop_map(|mode| Mode::of(mode).unwrap()));
    let icon = prop::option::of((1..=64_u32, 1..=64_u32).prop_map(|(width, height)| png(width, height)));
    let world = (text(), when(), any::<Option<u64>>(), played, text(), modes, any::<bool>(), text());
    (any::<usize>(), any::<u64>(), icon, world).prop_map(|(files, bytes, icon, world)| {
        let (name, last_played, day, played, version, mode, hardcore, problem) = world;
        let played = played.map(|(secs, source)| Played { time: Duration::from_secs(secs), source });
        let world = World { name, last_played, day, played, version, mode, hardcore, problem };
        Card { files, bytes, world, icon }
    })
}

fn any_digest() -> impl Strategy<Value = Digest> {
    prop_oneof![any::<[u8; 16]>().prop_map(Digest::Content), any::<[u8; 16]>().prop_map(Digest::Stats)]
}

fn version() -> impl Strategy<Value = Version> {
    let texts = || prop::collection::vec(".{0,5}", 0..3);
    let exempt = (texts(), texts(), prop::collection::btree_set(".{0,5}", 0..3))
        .prop_map(|(include, exclude, paths)| Exempt { include, exclude, paths });
    let more = (
        prop::option::of(".{0,20}"),
        any::<[bool; 2]>(),
        prop::option::of(any_digest()),
        prop::option::of(exempt),
        prop::option::of(card()),
    );
    (any_digest(), any::<i64>(), prop::option::of(more)).prop_map(|(digest, time, more)| {
        let more = more.map_or_else(More::default, |(value, [weak, kept_both], copy_of, exempt, card)| More {
            value,
            weak,
            kept_both,
            copy_of,
            exempt,
            card,
        });
        Version::new(digest, time).with(more)
    })
}

fn unit() -> impl Strategy<Value = Unit> {
    prop_oneof![
        "[a-z ]{1,9}(/[^/\0]{2,9}x){0,2}".prop_map(Unit::File),
        ".{0,9}".prop_map(Unit::Option),
        ".{0,9}".prop_map(Unit::Server),
        "[^/\0]{0,9}x".prop_map(Unit::World),
    ]
}

/// What a snapshot may say. `repeat` makes it so large that it is in parts.
pub(super) fn saved() -> impl Strategy<Value = Saved> {
    let pushes = prop::collection::btree_map(0..50_u64, push(), 1..9);
    // For each version a dot, and what is lacked: nothing, files that nobody holds, or that one does.
    let versions = || {
        prop::collection::vec(
            (any::<prop::sample::Index>(), version(), any::<[bool; 2]>(), any::<prop::sample::Index>()),
            1..4,
        )
    };
    let units = prop::collection::vec((unit(), versions()), 0..12);
    let repeat = prop_oneof![3 => Just(1_u64), 1 => Just(60_u64)];
    (pushes, units, repeat, any::<u64>()).prop_map(|(pushes, units, repeat, files)| {
        let dots: Vec<_> = pushes.keys().map(|number| dot(*number)).collect();
        let mut ledger =
            Ledger { pushes: dots.iter().copied().zip(pushes.into_values()).collect(), ..Ledger::default() };
        let mut lacks: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (unit, versions) in units {
            for number in 0..repeat {
                let unit = if number == 0 { unit.clone() } else { Unit::File(format!("{number}{}", unit.name())) };
                let Ok(unit) = Unit::try_from(String::from(unit)) else { continue };
                for (place, version, [is_lacked, is_held], holder) in &versions {
                    let dot = *place.get(&dots);
                    ledger.units.entry(unit.clone()).or_default().insert(dot, version.clone());
                    let lacked = lacks.entry(unit.clone()).or_default();
                    lacked.remove(&dot);
                    if *is_lacked {
                        lacked.insert(dot, is_held.then(|| *holder.get(&dots)));
                    }
                }
            }
        }
        lacks.retain(|_, lacked| !lacked.is_empty());
        Saved { push: dots[0], ledger, files, lacks }
    })
}
