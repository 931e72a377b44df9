use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::content::settings::Settings;
use crate::content::settings::changes::MAX_VALUE;
use crate::content::settings::testing::{Changes, applied, between, try_all};
use crate::model::Unit;

fn unit(key: &str) -> Unit {
    Unit::Option(key.to_owned())
}

/// Values for their keys, and removals of keys after a minus.
fn changes(texts: &[&str]) -> Changes {
    let change = |text: &&str| match text.strip_prefix('-') {
        Some(key) => (unit(key), None),
        None => (unit(text.split(':').next().unwrap()), Some((*text).to_owned())),
    };
    texts.iter().map(change).collect()
}

fn written(content: &str, texts: &[&str]) -> String {
    let content = Settings::Options.write(content.as_bytes(), &changes(texts)).unwrap();
    String::from_utf8(content).unwrap()
}

fn read(content: &[u8]) -> Vec<String> {
    Settings::Options.read(content).unwrap().into_values().collect()
}

#[test]
fn each_line_is_a_unit_and_its_value_is_all_of_it() {
    let content = "fov:0.5\r\n\r\nurl:http://x:80/\r\n# mine\n:odd\nlang:de_de";
    let units = Settings::Options.read(content.as_bytes()).unwrap();
    let expected =
        [("", ":odd"), ("# mine", "# mine"), ("fov", "fov:0.5"), ("lang", "lang:de_de"), ("url", "url:http://x:80/")];
    assert_eq!(units, expected.map(|(key, value)| (unit(key), value.to_owned())).into());
}

#[test]
fn changed_lines_stay_in_their_places_and_new_ones_follow_in_the_order_of_their_keys() {
    let content = "version:3700\nfov:0.0\nlang:en_us\nchat:1\n";
    let changes = ["lang:de_de", "-fov", "zoom:1", "autoJump:true", "-nothing"];
    assert_eq!(written(content, &changes), "version:3700\nlang:de_de\nchat:1\nautoJump:true\nzoom:1\n");
}

#[test]
fn the_screen_and_the_packs_of_this_pc_stay_its_own() {
    let content = "fov:0.0\nguiScale:4\nresourcePacks:[\"vanilla\"]\nlastServer:a\nversion:3700\n";
    assert_eq!(read(content.as_bytes()), ["fov:0.0"]);
    let changes = ["-resourcePacks", "guiScale:2", "maxFps:60", "version:9999", "gamma", "-lastServer"];
    assert_eq!(written(content, &changes), content);
    let values = BTreeMap::from([(unit("gamma"), "gamma:1".to_owned()), (unit("fov"), "fov:1".to_owned())]);
    assert_eq!(Settings::Options.create(&values), b"fov:1\n");
}

#[test]
fn lines_keep_their_ends_and_what_nobody_knows() {
    let content = "\u{feff}a:1\r\n# mine\r\n\r\nb:1\rc:1";
    assert_eq!(written(content, &["a:2", "c:2"]), "\u{feff}a:2\r\n# mine\r\n\r\nb:1\rc:2");
    assert_eq!(written(content, &["d:1", "e:1"]), format!("{content}\r\nd:1\r\ne:1\r\n"));
    assert_eq!(written("a:1", &["b:1"]), "a:1\nb:1\n");
    assert_eq!(written("\u{feff}a:1\n", &["-a", "b:1"]), "\u{feff}b:1\n");
}

#[test]
fn of_lines_with_one_key_the_last_one_counts_and_all_are_removed() {
    let content = "a:1\nb:1\na:2\n";
    assert_eq!(read(content.as_bytes()), ["a:2", "b:1"]);
    assert_eq!(written(content, &["a:3"]), "a:1\nb:1\na:3\n");
    assert_eq!(written(content, &["-a"]), "b:1\n");
}

#[test]
fn a_line_that_is_no_text_or_too_long_stays_as_it_is() {
    let long = format!("long:{}", "x".repeat(MAX_VALUE));
    let content = [b"a:\xff\n\xfe:1\nb:1\n", long.as_bytes(), b"\n"].concat();
    assert_eq!(read(&content), ["b:1"]);
    let changes = changes(&["-a", "-long", &long, "-\u{fffd}"]);
    assert_eq!(Settings::Options.write(&content, &changes), Some(content.clone()));
    // A value that comes for its key follows it, and so counts.
    let set = Settings::Options.write(&content, &BTreeMap::from([(unit("a"), Some("a:1".to_owned()))]));
    assert_eq!(set, Some([&content[..], b"a:1\n"].concat()));
    let longest = format!("a:{}", "x".repeat(MAX_VALUE - 2));
    assert_eq!(read(written("b:1\n", &[&longest]).as_bytes()), [longest, "b:1".to_owned()]);
}

#[test]
fn a_value_made_to_do_harm_is_ignored() {
    let long = format!("a:{}", "x".repeat(MAX_VALUE));
    for (key, value) in [
        ("a", "a:1\ngamma:9"),
        ("a", "a:1\rgamma:9"),
        ("a", "a:1\n"),
        ("a", "a:\0"),
        ("a", "b:1"),
        ("a", ":a"),
        ("a", ""),
        ("a", long.as_str()),
        ("", ""),
        ("a:1", "a:1"),
        ("gamma", "a:1"),
        ("gamma", "gamma"),
        ("\u{feff}a", "\u{feff}a:1"),
    ] {
        let values = BTreeMap::from([(unit(key), value.to_owned())]);
        assert_eq!(Settings::Options.create(&values), b"", "{key:?} {value:?}");
        let changes = between(&BTreeMap::new(), &values);
        assert_eq!(Settings::Options.write(b"x:1\n", &changes), Some(b"x:1\n".to_vec()), "{key:?} {value:?}");
    }
}

#[test]
fn a_file_that_a_crash_left_empty_or_zeroed_says_nothing() {
    for broken in [&b""[..], b"\0\0\0", b"a:1\nb:\0\0", b"\n\n", b"nothing", b"\xef\xbb\xbf"] {
        assert_eq!(Settings::Options.read(broken), None);
        assert_eq!(Settings::Options.write(broken, &changes(&["a:1"])), None);
    }
}

fn file() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        8 => "[a-f]:[0-2]",
        2 => "(gamma|maxFps|lastServer|version|resourcePacks):[0-2]",
        1 => "[a-d#]|[ab]:|:|a:b:c\r|",
    ];
    let end = prop_oneof![Just("\n"), Just("\n"), Just("\r\n")];
    let lines = prop::collection::vec((line, end), 0..12);
    (any::<bool>(), lines, any::<bool>()).prop_map(|(mark, lines, ends)| {
        let mut text: String = lines.iter().flat_map(|(line, end)| [line.as_str(), end]).collect();
        if !ends {
            text.truncate(text.trim_end().len());
        }
        // One line that always stays, so that there are options.
        if mark { format!("\u{feff}ao:true\n{text}") } else { format!("ao:true\n{text}") }
    })
}

fn some_changes() -> impl Strategy<Value = Changes> {
    let set = "[a-h](:[0-3])?|:|:x".prop_map(|text| changes(&[&text]));
    let removed = "-[a-h]|-".prop_map(|text| changes(&[&text]));
    prop::collection::vec(prop_oneof![set, removed], 0..6).prop_map(|all| all.into_iter().flatten().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_written_is_read_and_written_again_changes_nothing(content in file(), changes in some_changes()) {
        let before = Settings::Options.read(content.as_bytes()).unwrap();
        let written = Settings::Options.write(content.as_bytes(), &changes).unwrap();
        let after = applied(before.clone(), &changes);
        prop_assert_eq!(Settings::Options.read(&written), Some(after.clone()));
        prop_assert_eq!(Settings::Options.write(&written, &changes), Some(written.clone()));
        if after == before {
            prop_assert_eq!(written, content.into_bytes());
        }
    }

    #[test]
    fn another_pcs_file_comes_over_whole(local in file(), cloud in file()) {
        let (local, cloud) = (local.as_bytes(), cloud.as_bytes());
        let (ours, theirs) = (Settings::Options.read(local).unwrap(), Settings::Options.read(cloud).unwrap());
        let written = Settings::Options.write(local, &between(&ours, &theirs)).unwrap();
        prop_assert_eq!(Settings::Options.read(&written), Some(theirs.clone()));
        let created = Settings::Options.create(&theirs);
        prop_assert!(Settings::Options.read(&created).is_none_or(|units| units == theirs));
    }

    #[test]
    fn no_bytes_are_too_odd(
        content in any::<Vec<u8>>(), text in "([a-c:\r\n\u{feff}\u{0}\u{df}])*", key in "[a-c:]?", value in ".*",
    ) {
        let changes = BTreeMap::from([(unit(&key), Some(value)), (unit("a"), Some("a:1".to_owned())), (unit("b"), None)]);
        try_all(Settings::Options, &content, &changes);
        try_all(Settings::Options, text.as_bytes(), &changes);
    }
}
