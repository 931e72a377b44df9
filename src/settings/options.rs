//! `options.txt`: a `key:value` per line.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest as _, Sha256};

use super::{Sides, Winner, additions, whose};

/// What fits one machine and its screen, and never another.
///
/// The resource packs belong here, too: the game drops from its list what it does not find, so a
/// PC that lacks a pack would push its shortened list to all the others.
const OWN: &[&str] = &[
    "anisotropicFiltering",
    "ao",
    "biomeBlendRadius",
    "chunkSectionFadeInTime",
    "cloudRange",
    "cutoutLeaves",
    "enableVsync",
    "entityDistanceScaling",
    "entityShadows",
    "fancyGraphics",
    "fboEnable",
    "fullscreen",
    "fullscreenResolution",
    "gamma",
    "glDebugVerbosity",
    "graphicsMode",
    "graphicsPreset",
    "guiScale",
    "improvedTransparency",
    "inactivityFpsLimit",
    "incompatibleResourcePacks",
    "maxAnisotropyBit",
    "maxFps",
    "menuBackgroundBlurriness",
    "mipmapLevels",
    "mouseSensitivity",
    "mouseWheelSensitivity",
    "overrideHeight",
    "overrideWidth",
    "particles",
    "prioritizeChunkUpdates",
    "rawMouseInput",
    "renderClouds",
    "renderDistance",
    "resourcePacks",
    "simulationDistance",
    "soundDevice",
    "startedCleanly",
    "syncChunkWrites",
    "textureFiltering",
    "touchscreen",
    "useNativeTransport",
    "useVbo",
    "weatherRadius",
];

/// What the game notes for itself; nobody misses it.
const VOLATILE: &[&str] = &[
    "joinedFirstServer",
    "lastServer",
    "onboardAccessibility",
    "realmsNotifications",
    "skipMultiplayerWarning",
    "telemetryOptInExtra",
    "tutorialStep",
    VERSION,
];

/// The format of all the values, so it is the side's whose values hold.
const VERSION: &str = "version";

/// The value of a key; none of a line without a colon.
type Value<'a> = Option<&'a [u8]>;

struct Line<'a> {
    key: &'a [u8],
    value: Value<'a>,
    text: &'a [u8],
    end: &'a [u8],
}

impl<'a> Line<'a> {
    fn parse(line: &'a [u8]) -> Self {
        let length = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        let (text, end) = line.split_at(length);
        match text.iter().position(|byte| *byte == b':') {
            Some(colon) => Self { key: &text[..colon], value: Some(&text[colon + 1..]), text, end },
            None => Self { key: text, value: None, text, end },
        }
    }
}

struct Options<'a> {
    mark: &'a [u8],
    lines: Vec<Line<'a>>,
    /// The number of the last line of each key, which is the one that the game goes by. Empty lines
    /// are nothing.
    last: HashMap<&'a [u8], usize>,
}

impl<'a> Options<'a> {
    /// None if these are no options: a file that a crash left empty or full of zeros says nothing
    /// about what the player wants.
    fn parse(content: &'a [u8]) -> Option<Self> {
        const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
        let mark = if content.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let (mark, text) = content.split_at(mark);
        let lines: Vec<_> = text.split_inclusive(|byte| *byte == b'\n').map(Line::parse).collect();
        let keyed = lines.iter().enumerate().filter(|(_, line)| !line.text.is_empty());
        let last = keyed.map(|(number, line)| (line.key, number)).collect();
        let is_text = lines.iter().any(|line| line.value.is_some()) && !content.contains(&0);
        is_text.then_some(Self { mark, lines, last })
    }

    fn get(&self, key: &[u8]) -> Option<Value<'a>> {
        self.last.get(key).map(|number| self.lines[*number].value)
    }

    /// How its lines end, if one does.
    fn line_end(&self) -> Option<&'static [u8]> {
        let end = self.lines.iter().map(|line| line.end).find(|end| end.ends_with(b"\n"))?;
        Some(if end.ends_with(b"\r\n") { b"\r\n" } else { b"\n" })
    }
}

/// What the options mean to the player on every PC.
pub(super) fn meaning(content: &[u8]) -> Option<[u8; 32]> {
    let options = Options::parse(content)?;
    let keys = options.last.keys().filter(|key| !is_of_this_machine(key));
    let sorted: BTreeMap<_, _> = keys.map(|key| (*key, options.get(key).flatten())).collect();
    let mut digest = Sha256::new();
    for (key, value) in sorted {
        // No line holds a line feed, so nothing can be taken for something else.
        digest.update(key);
        if let Some(value) = value {
            digest.update(b":");
            digest.update(value);
        }
        digest.update(b"\n");
    }
    Some(digest.finalize().into())
}

/// This PC's options with the cloud's changes. The lines that stay keep their order and their
/// ends; what comes from the cloud follows the line that it follows there.
pub(super) fn merge(sides: &Sides<'_>) -> Option<Vec<u8>> {
    let ancestor = sides.ancestor.and_then(Options::parse);
    let local = Options::parse(sides.local)?;
    let cloud = Options::parse(sides.cloud)?;
    let merged = |key: &[u8]| {
        let (ours, theirs) = (local.get(key), cloud.get(key));
        let holds = if key == VERSION.as_bytes() && ours.is_some() && theirs.is_some() {
            sides.winner
        } else if is_of_this_machine(key) {
            if ours.is_some() { Winner::Local } else { Winner::Cloud }
        } else {
            whose(ancestor.as_ref().and_then(|ancestor| ancestor.get(key)), ours, theirs, sides.winner)
        };
        if holds == Winner::Local { ours } else { theirs }
    };

    // Of a key that only the cloud has, its last line counts.
    let counts = |number, key| local.last.contains_key(key) || cloud.last.get(key) == Some(&number);
    let cloud_lines = cloud.lines.iter().enumerate().filter(|(number, line)| counts(*number, line.key));
    let mut added = additions(
        cloud_lines.map(|(_, line)| line.key),
        |key| local.last.contains_key(key),
        |key| merged(key).is_some(),
    );

    let mut text = Text { content: Vec::new(), end: local.line_end().or(cloud.line_end()).unwrap_or(b"\n") };
    for (number, line) in local.lines.iter().enumerate() {
        let is_last = local.last.get(line.key) == Some(&number);
        match merged(line.key) {
            None if !line.text.is_empty() => {}
            Some(value) if is_last && value != line.value => text.push(&joined(line.key, value), line.end),
            _ => text.push(line.text, line.end),
        }
        if is_last {
            text.push_all(added.remove(&Some(line.key)), merged);
        }
    }
    text.push_all(added.remove(&None), merged);
    let merged = [local.mark, &text.content].concat();
    Options::parse(&merged)?;
    Some(merged)
}

/// The lines as they are written.
struct Text {
    content: Vec<u8>,
    end: &'static [u8],
}

impl Text {
    fn push(&mut self, text: &[u8], end: &[u8]) {
        self.content.extend_from_slice(text);
        self.content.extend_from_slice(end);
    }

    fn push_all<'a>(&mut self, keys: Option<Vec<&'a [u8]>>, merged: impl Fn(&[u8]) -> Option<Value<'a>>) {
        for key in keys.unwrap_or_default() {
            if self.content.last().is_some_and(|byte| *byte != b'\n') {
                self.content.extend_from_slice(self.end);
            }
            if let Some(value) = merged(key) {
                self.push(&joined(key, value), self.end);
            }
        }
    }
}

fn joined(key: &[u8], value: Value<'_>) -> Vec<u8> {
    match value {
        Some(value) => [key, value].join(&b':'),
        None => key.to_vec(),
    }
}

fn is_of_this_machine(key: &[u8]) -> bool {
    OWN.iter().chain(VOLATILE).any(|name| name.as_bytes() == key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::settings::{Settings, Sides, Winner};

    fn merged(ancestor: Option<&str>, local: &str, cloud: &str, winner: Winner) -> String {
        let ancestor = ancestor.map(str::as_bytes);
        let sides = Sides { ancestor, local: local.as_bytes(), cloud: cloud.as_bytes(), winner };
        String::from_utf8(Settings::Options.merge(&sides).unwrap()).unwrap()
    }

    fn same(one: &str, other: &str) -> bool {
        Settings::Options.meaning(one.as_bytes()) == Settings::Options.meaning(other.as_bytes())
    }

    #[test]
    fn what_each_pc_changed_is_on_both_afterwards() {
        let ancestor = "version:3700\nfov:0.0\nlang:en_us\nkey_key.jump:key.keyboard.space\n";
        let local = "version:3700\nfov:0.5\nlang:en_us\nkey_key.jump:key.keyboard.space\n";
        let cloud = "version:3955\nfov:0.0\nlang:de_de\nkey_key.jump:key.keyboard.space\nkey_new.map:key.keyboard.m\n";
        let both = "version:3955\nfov:0.5\nlang:de_de\nkey_key.jump:key.keyboard.space\nkey_new.map:key.keyboard.m\n";
        assert_eq!(merged(Some(ancestor), local, cloud, Winner::Cloud), both);
        let here = both.replace("3955", "3700");
        assert_eq!(merged(Some(ancestor), local, cloud, Winner::Local), here);
    }

    #[test]
    fn the_winner_has_its_way_only_where_both_changed_the_same() {
        let ancestor = "a:1\nb:1\nc:1\nd:1\n";
        let local = "a:2\nb:2\nc:1\nd:2\n";
        let cloud = "a:3\nb:1\nc:3\n";
        assert_eq!(merged(Some(ancestor), local, cloud, Winner::Cloud), "a:3\nb:2\nc:3\nd:2\n");
        assert_eq!(merged(Some(ancestor), local, cloud, Winner::Local), "a:2\nb:2\nc:3\nd:2\n");
    }

    #[test]
    fn without_a_common_version_nothing_is_taken_away() {
        let (local, cloud) = ("a:1\nb:1\n", "x:3\na:2\nc:3\n");
        assert_eq!(merged(None, local, cloud, Winner::Cloud), "a:2\nc:3\nb:1\nx:3\n");
        assert_eq!(merged(None, local, cloud, Winner::Local), "a:1\nc:3\nb:1\nx:3\n");
    }

    #[test]
    fn the_screen_and_the_packs_of_this_pc_stay_its_own() {
        let local = "fov:0.0\nguiScale:4\nresourcePacks:[\"vanilla\"]\nlastServer:a\n";
        let cloud = "fov:1.0\nguiScale:2\nresourcePacks:[\"vanilla\",\"file/Faithful.zip\"]\nlastServer:b\nmaxFps:60\n";
        let follows = "fov:1.0\nguiScale:4\nresourcePacks:[\"vanilla\"]\nlastServer:a\nmaxFps:60\n";
        assert_eq!(merged(Some(local), local, cloud, Winner::Cloud), follows);
        assert_eq!(merged(None, local, cloud, Winner::Cloud), follows);
        assert!(same(follows, cloud));
        assert!(same("fov:1.0\n", follows));
        // Only these keys differ: nothing is to be done.
        assert_eq!(merged(None, &follows.replace("60", "144"), follows, Winner::Cloud), follows.replace("60", "144"));
    }

    #[test]
    fn lines_keep_their_ends_and_what_nobody_knows() {
        let ancestor = "\u{feff}a:1\r\n# mine\r\nurl:http://x:80/\r\n\r\nb:1";
        let cloud = "a:2\n# mine\nurl:http://x:80/\n\nb:1\nc:1\n";
        let follows = "\u{feff}a:2\r\n# mine\r\nurl:http://x:80/\r\n\r\nb:1\r\nc:1\r\n";
        assert_eq!(merged(Some(ancestor), ancestor, cloud, Winner::Cloud), follows);
        assert!(same(follows, cloud));
    }

    #[test]
    fn of_two_lines_with_one_key_the_last_one_counts_and_both_stay() {
        assert!(same("a:1\na:2\n", "a:2\n"));
        assert_eq!(merged(Some("a:2\n"), "a:1\na:2\nb:1\n", "a:3\n", Winner::Local), "a:1\na:3\nb:1\n");
        assert_eq!(merged(None, "b:1\n", "a:1\na:2\n", Winner::Local), "b:1\na:2\n");
    }

    #[test]
    fn bytes_that_are_no_text_survive() {
        let sides = Sides { ancestor: None, local: b"a:\xff\xfe\n", cloud: b"b:\x80\n", winner: Winner::Local };
        assert_eq!(Settings::Options.merge(&sides).unwrap(), b"a:\xff\xfe\nb:\x80\n");
    }

    #[test]
    fn a_file_that_a_crash_left_empty_or_zeroed_is_not_merged() {
        for broken in [&b""[..], b"\0\0\0", b"a:1\nb:\0\0", b"\n\n", b"nothing"] {
            let sides = Sides { ancestor: None, local: broken, cloud: b"a:1\n", winner: Winner::Local };
            assert_eq!(Settings::Options.merge(&sides), None);
            let sides = Sides { ancestor: None, local: b"a:1\n", cloud: broken, winner: Winner::Local };
            assert_eq!(Settings::Options.merge(&sides), None);
            assert_eq!(Settings::Options.follow(b"a:1\n", broken), None);
            let sides = Sides { ancestor: Some(broken), local: b"a:1\n", cloud: b"b:1\n", winner: Winner::Local };
            assert_eq!(Settings::Options.merge(&sides).unwrap(), b"a:1\nb:1\n");
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
            if mark { format!("\u{feff}{text}") } else { text }
        })
    }

    fn winner() -> impl Strategy<Value = Winner> {
        prop_oneof![Just(Winner::Local), Just(Winner::Cloud)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn merging_again_changes_nothing(ancestor in prop::option::of(file()), local in file(), cloud in file(), winner in winner()) {
            let (local, cloud) = (local.as_bytes(), cloud.as_bytes());
            let sides = Sides { ancestor: ancestor.as_deref().map(str::as_bytes), local, cloud, winner };
            if let Some(once) = Settings::Options.merge(&sides) {
                let again = Settings::Options.merge(&Sides { local: &once, ..sides });
                prop_assert_eq!(again.as_ref(), Some(&once));
                let settled = Sides { ancestor: Some(cloud), local: &once, ..sides };
                prop_assert_eq!(Settings::Options.merge(&settled), Some(once));
            }
        }

        #[test]
        fn who_edited_nothing_gets_what_the_other_means(local in file(), cloud in file(), winner in winner()) {
            let (local, cloud) = (local.as_bytes(), cloud.as_bytes());
            let sides = Sides { ancestor: Some(local), local, cloud, winner };
            let meaning = |content: &[u8]| Settings::Options.meaning(content);
            if let Some(merged) = Settings::Options.merge(&sides) {
                prop_assert_eq!(meaning(&merged), meaning(cloud));
                prop_assert_eq!(Settings::Options.follow(local, cloud), Some(merged));
                let sides = Sides { ancestor: Some(cloud), ..sides };
                prop_assert_eq!(Settings::Options.merge(&sides), Some(local.to_vec()));
            }
        }

        #[test]
        fn no_bytes_are_too_odd(
            ancestor in prop::option::of(any::<Vec<u8>>()), local in any::<Vec<u8>>(), cloud in any::<Vec<u8>>(), winner in winner(),
        ) {
            Settings::Options.meaning(&local);
            Settings::Options.follow(&local, &cloud);
            Settings::Options.merge(&Sides { ancestor: ancestor.as_deref(), local: &local, cloud: &cloud, winner });
        }
    }
}
