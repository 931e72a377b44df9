mod random;

use chrono::DateTime;
use proptest::prelude::*;
use serde::Serialize;

use super::super::icon::MAX_ICON;
use super::limits::{MAX_EXEMPT, MAX_MACHINE, MAX_NAME, MAX_VALUE, MAX_VERSIONS, MAX_WORLDS};
use super::*;
use crate::model::{Card, Digest, Exempt, More, Push, Version};
use random::saved;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct State {
    #[serde(with = "crate::model::form::compact")]
    ledger: Ledger,
}

fn dot(number: u64) -> Dot {
    Dot::new(number.to_be_bytes())
}

/// Random bytes, but always the same.
fn noise(number: u64) -> [u8; 32] {
    *blake3::hash(&number.to_le_bytes()).as_bytes()
}

fn digest(number: u64) -> Digest {
    Digest::Content(*noise(number).first_chunk().unwrap())
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".as_slice(), &size, b"\x08\x06\0\0\0 and so on"].concat()
}

/// `saved` as its reader knows it.
fn held(mut saved: Saved) -> Saved {
    hold(&mut saved.ledger, saved.push, &saved.lacks);
    saved
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_is_read(saved in saved()) {
        let parts = saved.write();
        let held = held(saved.clone());
        prop_assert_eq!(Saved::read(&parts).unwrap(), held.clone());
        // Holders are nobody's business but the reader's.
        prop_assert_eq!(held.write(), parts);
        let text = serde_json::to_string(&State { ledger: held.ledger.clone() }).unwrap();
        prop_assert_eq!(serde_json::from_str::<State>(&text).unwrap().ledger, held.ledger);
    }

    #[test]
    fn damage_is_no_panic(saved in saved(), places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let mut parts = saved.write();
        for (place, byte) in places {
            let (_, bytes) = parts.iter_mut().nth(place.index(saved.write().len())).unwrap();
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let _ = Saved::read(&parts);
    }
}

fn file(number: u64) -> Unit {
    let hash = hex::encode(noise(number));
    Unit::File(format!("config/{}/{}-{number}.json", &hash[..8], &hash[8..24]))
}

fn large(units: u64, pushes: u64) -> Saved {
    let name = |number| Dot::new(*noise(number).first_chunk().unwrap());
    let push = |number: u64| Push {
        machine: "some-laptop".to_owned(),
        time: DateTime::from_timestamp(1_700_000_000 + number.cast_signed(), 123_000_000),
        worlds: vec![format!("World {}", number % 7)],
        others: number % 11,
        ..Push::default()
    };
    let version = |number| (name(number % pushes), Version::new(digest(number), 1_700_000_000_000));
    let ledger = Ledger {
        pushes: (0..pushes).map(|number| (name(number), push(number))).collect(),
        units: (0..units).map(|number| (file(number), [version(number)].into_iter().collect())).collect(),
    };
    Saved { ledger, push: name(0), files: units, lacks: BTreeMap::new() }
}

#[test]
fn a_push_costs_what_it_changes() {
    let mut saved = large(100_000, 5_000);
    let before = saved.write();
    let new = dot(1);
    saved.ledger.pushes.insert(new, Push { machine: "another".to_owned(), ..Push::default() });
    saved.push = new;
    for number in 0..20 {
        let versions = [(new, Version::new(digest(number + 1_000_000), 0))].into_iter().collect();
        saved.ledger.units.insert(file(number * 4_999), versions);
    }
    let after = saved.write();
    assert!(before.keys().eq(after.keys()));
    let changed: Vec<_> = after.iter().filter(|(name, bytes)| before[*name] != **bytes).collect();
    let bytes: usize = changed.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!((3..=22).contains(&changed.len()) && bytes < 200_000, "{} files, {bytes} bytes", changed.len());
    let mut folders: BTreeMap<&str, usize> = BTreeMap::new();
    after
        .keys()
        .filter_map(|name| name.rsplit_once('/'))
        .for_each(|(folder, _)| *folders.entry(folder).or_default() += 1);
    assert!(folders.values().all(|count| *count <= 64) && folders.len() <= 80, "{folders:?}");
    assert_eq!(Saved::read(&after).unwrap(), held(saved));
}

#[test]
fn a_small_ledger_is_one_file() {
    assert_eq!(large(100, 100).write().len(), 1);
    let saved = large(2_000, 5_000);
    assert!(saved.write().len() > 50);
    assert_eq!(Saved::read(&saved.write()).unwrap(), held(saved));
}

#[test]
fn a_version_is_a_row() {
    let mut saved = one(Unit::World("A".to_owned()), Version::new(digest(0), 5));
    let text = |saved: &Saved| String::from_utf8(saved.write()["ledger.json"].clone()).unwrap();
    let digest = digest(0);
    let expected = format!(
        r#"{{"form":1,"push":"0000000000000001","files":0,"pushes":[
["0000000000000001",{{}}]
],"units":[
["w/A",[["0000000000000001","{digest}",5]]]
]}}
"#
    );
    assert_eq!(text(&saved), expected);
    saved.lacks.insert(Unit::World("A".to_owned()), BTreeMap::from([(dot(1), None)]));
    assert_eq!(text(&saved), expected.replace(",5]", r#",5,{"lacks":[]}]"#));
}

fn one(unit: Unit, version: Version) -> Saved {
    let ledger = Ledger {
        pushes: BTreeMap::from([(dot(1), Push::default())]),
        units: BTreeMap::from([(unit, [(dot(1), version)].into_iter().collect())]),
    };
    Saved { ledger, push: dot(1), files: 0, lacks: BTreeMap::new() }
}

fn read(text: &str) -> Result<Saved, FormError> {
    Saved::read(&Parts::from([("ledger.json".to_owned(), text.as_bytes().to_vec())]))
}

/// A ledger of the push 1 with these units.
fn with_units(units: &str) -> String {
    format!(r#"{{"form":1,"push":"{}","files":0,"pushes":[["{}",{{}}]],"units":[{units}]}}"#, dot(1), dot(1))
}

fn refused(text: &str) -> String {
    match read(text) {
        Err(FormError::Damaged(reason)) => reason,
        other => panic!("{text:.200}: {other:?}"),
    }
}

#[test]
fn a_newer_form_is_told_from_damage() {
    assert_eq!(read(r#"{"form":7,"what":[[{}]]}"#), Err(FormError::Newer(7)));
    let mut parts = large(2_000, 10).write();
    parts.insert("ledger.json".to_owned(), br#"{"form":2,"units":{}}"#.to_vec());
    assert_eq!(Saved::read(&parts), Err(FormError::Newer(2)));
    for text in ["", "{}", r#"{"form":0}"#, r#"{"form":-1}"#, r#"{"form":"1"}"#, r#"{"form":1}"#, "[1]"] {
        refused(text);
    }
    assert!(Saved::read(&Parts::new()).is_err());
}

#[test]
fn each_part_is_there_and_no_other() {
    let parts = large(2_000, 100).write();
    for name in parts.keys() {
        let mut parts = parts.clone();
        parts.remove(name);
        assert!(Saved::read(&parts).is_err(), "{name}");
    }
    let mut more = parts.clone();
    more.insert("ledger/u-9/u-ffff.json".to_owned(), b"[]".to_vec());
    assert!(Saved::read(&more).is_err());
    let head = |counts: &str| {
        let push = large(1, 1).push;
        let text = format!(r#"{{"form":1,"push":"{push}","files":0,"parts":{counts}}}"#).into_bytes();
        let mut parts = parts.clone();
        parts.insert("ledger.json".to_owned(), text);
        Saved::read(&parts)
    };
    let units = (parts.len() - 3).to_string();
    let hash = hash_of(&parts);
    let counts =
        |pushes: &str, units: &str, hash: &str| format!(r#"{{"pushes":{pushes},"units":{units},"hash":"{hash}"}}"#);
    assert!(head(&counts("2", &units, &hash)).is_ok(), "{:?}", parts.keys());
    let huge = "9223372036854775808";
    for (pushes, count) in [("0", "0"), ("3", "1"), ("2", huge), (huge, huge)] {
        assert!(head(&counts(pushes, count, &hash)).is_err(), "{pushes}, {count}");
    }
    assert!(head(&counts("2", &units, "0")).is_err());
}

/// A run that was killed may leave a restic that reads while the next run writes.
#[test]
fn parts_of_two_pushes_are_no_ledger() {
    let (one, other) = (large(2_000, 100).write(), large(2_001, 100).write());
    assert!(one.keys().eq(other.keys()), "they are in other parts");
    for name in one.keys().filter(|name| one[*name] != other[*name]) {
        let mut mixed = one.clone();
        mixed.insert(name.clone(), other[name].clone());
        assert!(Saved::read(&mixed).is_err(), "{name}");
    }
}

#[test]
fn what_nobody_writes_is_refused() {
    let one = dot(1);
    let row = format!(r#""{one}","{}",1"#, digest(1));
    assert!(read(&with_units(&format!(r#"["f/a",[[{row}]]]"#))).is_ok());
    for units in [
        format!(r#"["f/a",[[{row}],[{row}]]]"#),
        format!(r#"["f/a",[[{row}]]],["f/a",[[{row}]]]"#),
        r#"["f/a",[]]"#.to_owned(),
        format!(r#"["f/a",[["{}","{}",1]]]"#, dot(2), digest(1)),
        format!(r#"["f/a",[[{row},{{"lacks":["{}"]}}]]]"#, dot(2)),
        format!(r#"["f/a",[[{row},{{"lacks":["{one}","{one}"]}}]]]"#),
        format!(r#"["f/a",[[{row},{{"holders":["{one}"]}}]]]"#),
        format!(r#"["f/a",[[{row},{{"other":1}}]]]"#),
        format!(r#"["f/a",[[{row},{{}},1]]]"#),
        format!(r#"["f/a",[["{one}","{}"]]]"#, digest(1)),
        format!(r#"["f/a",[["{one}","1234",1]]]"#),
        format!(r#"["f/a",[["one","{}",1]]]"#, digest(1)),
        format!(r#"["f/../a",[[{row}]]]"#),
        format!(r#"["f//etc/passwd",[[{row}]]]"#),
        format!(r#"["f/saves/A/level.dat",[[{row}]]]"#),
        format!(r#"["w/..",[[{row}]]]"#),
        format!(r#"["x/a",[[{row}]]]"#),
        "[".repeat(100_000),
    ] {
        refused(&with_units(&units));
    }
    refused(&with_units("").replace(r#""files":0"#, r#""files":0,"parts":{"pushes":1,"units":1}"#));
    refused(&with_units("").replace(r#""push":"0000000000000001""#, r#""push":"0000000000000002""#));
    let twice = format!(r#"["{one}",{{}}],["{one}",{{}}]"#);
    refused(&with_units("").replace(&format!(r#"["{one}",{{}}]"#), &twice));
    let reason = refused(&with_units(&format!(r#"["f/a",[[{row},{{"\u001b[2J{}":1}}]]]"#, "x".repeat(9_999))));
    assert!(reason.len() <= 300 && !reason.contains('\u{1b}'), "{reason}");
}

#[test]
fn what_is_too_much_is_refused() {
    let unit = || Unit::Option("a".to_owned());
    let check = |saved: &Saved, is_fine: bool| assert_eq!(Saved::read(&saved.write()).is_ok(), is_fine);
    let value = |length| More { value: Some("x".repeat(length)), ..More::default() };
    let exempt = |length| More {
        exempt: Some(Exempt { include: vec![String::new(); length], ..Exempt::default() }),
        ..More::default()
    };
    for (more, is_fine) in [
        (value(MAX_VALUE), true),
        (value(MAX_VALUE + 1), false),
        (exempt(MAX_EXEMPT), true),
        (exempt(MAX_EXEMPT + 1), false),
    ] {
        check(&one(unit(), Version::new(digest(1), 1).with(more)), is_fine);
    }
    for (length, is_fine) in [(MAX_NAME - 2, true), (MAX_NAME - 1, false)] {
        check(&one(Unit::Option("x".repeat(length)), Version::new(digest(1), 1)), is_fine);
    }
    for (count, is_fine) in [(MAX_VERSIONS as u64, true), (MAX_VERSIONS as u64 + 1, false)] {
        let mut saved = one(unit(), Version::new(digest(1), 1));
        saved.ledger.pushes = (1..=count).map(|number| (dot(number), Push::default())).collect();
        let version = |number| (dot(number), Version::new(digest(1), 1));
        saved.ledger.units.insert(unit(), (1..=count).map(version).collect());
        check(&saved, is_fine);
    }
    for (count, is_fine) in [(MAX_WORLDS, true), (MAX_WORLDS + 1, false)] {
        let mut saved = one(unit(), Version::new(digest(1), 1));
        saved.ledger.pushes.insert(dot(1), Push { gone: vec![String::new(); count], ..Push::default() });
        check(&saved, is_fine);
    }
}

#[test]
fn a_long_machine_is_cut() {
    let mut saved = one(Unit::Option("a".to_owned()), Version::new(digest(1), 1));
    saved.ledger.pushes.insert(dot(1), Push { machine: "ö".repeat(MAX_MACHINE + 1), ..Push::default() });
    assert_eq!(Saved::read(&saved.write()).unwrap().ledger.pushes[&dot(1)].machine, "ö".repeat(MAX_MACHINE));
}

#[test]
fn a_picture_that_is_none_is_left_out() {
    let card = |icon: &[u8]| {
        let icon = format!("\"{}\"", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, icon));
        let row = format!(r#""{}","{}",1"#, dot(1), digest(1));
        let text = |icon| with_units(&format!(r#"["w/A",[[{row},{{"card":{{"files":1,"bytes":2,"icon":{icon}}}}}]]]"#));
        assert_eq!(read(&text("\"!\"")), read(&text("null")));
        let saved = read(&text(&icon)).unwrap();
        let version = saved.ledger.units[&Unit::World("A".to_owned())].get(dot(1)).unwrap();
        version.card().unwrap().icon.clone()
    };
    let padded = |length: usize| [png(64, 64), vec![0; length - png(64, 64).len()]].concat();
    for fine in [png(64, 64), png(1, 1), padded(MAX_ICON)] {
        assert_eq!(card(&fine), Some(fine));
    }
    for bad in [
        png(65, 64),
        png(64, 65),
        png(0, 1),
        padded(MAX_ICON + 1),
        vec![],
        png(1, 1)[..20].to_vec(),
        b"GIF89a".to_vec(),
    ] {
        assert_eq!(card(&bad), None);
    }
    let more = More { card: Some(Card { icon: Some(png(65, 1)), ..Card::default() }), ..More::default() };
    let saved = one(Unit::World("A".to_owned()), Version::new(digest(1), 1).with(more));
    assert!(!String::from_utf8_lossy(&saved.write()["ledger.json"]).contains("icon"));
}
