//! `options.txt`: a `key:value` per line.

use std::collections::{BTreeMap, HashMap};

use super::changes::{Changes, MAX_VALUE};

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

/// What the game notes for itself; nobody misses it. The version is the format of this PC's values,
/// which the game brings up to date by itself.
const VOLATILE: &[&str] = &[
    "joinedFirstServer",
    "lastServer",
    "onboardAccessibility",
    "realmsNotifications",
    "skipMultiplayerWarning",
    "telemetryOptInExtra",
    "tutorialStep",
    "version",
];

/// What some editors put before the first line.
const BYTE_ORDER_MARK: &str = "\u{feff}";

struct Line<'a> {
    text: &'a [u8],
    end: &'a [u8],
}

impl<'a> Line<'a> {
    /// The first line, and what follows. A carriage return of its own ends a line for the game, too.
    fn parse(content: &'a [u8]) -> (Self, &'a [u8]) {
        let length = content.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(content.len());
        let (text, rest) = content.split_at(length);
        let length = if rest.starts_with(b"\r\n") { 2 } else { rest.len().min(1) };
        let (end, rest) = rest.split_at(length);
        (Self { text, end }, rest)
    }

    fn key(&self) -> &'a [u8] {
        self.text.split(|byte| *byte == b':').next().unwrap_or_default()
    }

    /// The value of the unit that it is, if it is one.
    fn value(&self) -> Option<&'a str> {
        std::str::from_utf8(self.text).ok().filter(|text| key_of(text).is_some())
    }
}

/// The key of the unit that has this value, if one can.
fn key_of(value: &str) -> Option<&str> {
    let key = value.split_once(':').map_or(value, |(key, _)| key);
    let is_line = !value.is_empty() && !value.contains(['\r', '\n', '\0']) && !value.starts_with(BYTE_ORDER_MARK);
    (is_line && value.len() <= MAX_VALUE && !is_of_this_machine(key)).then_some(key)
}

fn is_of_this_machine(key: &str) -> bool {
    OWN.iter().chain(VOLATILE).any(|name| *name == key)
}

#[derive(Default)]
struct Options<'a> {
    mark: &'a [u8],
    lines: Vec<Line<'a>>,
    /// The number of the last line of each key, which is the one that the game goes by. Empty lines
    /// are nothing.
    last: HashMap<&'a [u8], usize>,
}

impl<'a> Options<'a> {
    /// None if these are no options.
    fn parse(content: &'a [u8]) -> Option<Self> {
        let mark = if content.starts_with(BYTE_ORDER_MARK.as_bytes()) { BYTE_ORDER_MARK.len() } else { 0 };
        let (mark, mut rest) = content.split_at(mark);
        let mut lines = Vec::new();
        while !rest.is_empty() {
            let line;
            (line, rest) = Line::parse(rest);
            lines.push(line);
        }
        let keyed = lines.iter().enumerate().filter(|(_, line)| !line.text.is_empty());
        let last = keyed.map(|(number, line)| (line.key(), number)).collect();
        let is_text = lines.iter().any(|line| line.text.contains(&b':')) && !content.contains(&0);
        is_text.then_some(Self { mark, lines, last })
    }

    /// The value of the unit with this key.
    fn value(&self, key: &[u8]) -> Option<&'a str> {
        self.last.get(key).and_then(|number| self.lines[*number].value())
    }

    /// How its lines end.
    fn line_end(&self) -> &'static [u8] {
        let end = self.lines.iter().map(|line| line.end).find(|end| end.ends_with(b"\n"));
        if end == Some(b"\r\n") { b"\r\n" } else { b"\n" }
    }

    /// What is to be done of `changes`. What is here and no unit stays, so it cannot be removed.
    fn accept<'c>(&self, changes: &Changes<'c>) -> BTreeMap<&'c [u8], Option<&'c str>> {
        let is_possible = |key: &str, value: Option<&str>| match value {
            Some(value) => key_of(value) == Some(key),
            None => self.value(key.as_bytes()).is_some(),
        };
        let possible = changes.iter().filter(|(key, value)| is_possible(key, **value));
        possible.map(|(key, value)| (key.as_bytes(), *value)).collect()
    }

    /// The file with these changes.
    fn with(&self, changes: &Changes<'_>) -> Vec<u8> {
        let changes = self.accept(changes);
        let mut content = self.mark.to_vec();
        for (number, line) in self.lines.iter().enumerate() {
            let is_last = self.last.get(line.key()) == Some(&number);
            let text = match changes.get(line.key()) {
                Some(None) if !line.text.is_empty() => continue,
                Some(Some(value)) if is_last && line.value().is_some() => value.as_bytes(),
                _ => line.text,
            };
            content.extend_from_slice(text);
            content.extend_from_slice(line.end);
        }
        let end = self.line_end();
        let added = changes.iter().filter(|(key, _)| self.value(key).is_none()).filter_map(|(_, value)| *value);
        for value in added {
            if content.len() > self.mark.len() && !content.ends_with(b"\n") && !content.ends_with(b"\r") {
                content.extend_from_slice(end);
            }
            content.extend_from_slice(value.as_bytes());
            content.extend_from_slice(end);
        }
        content
    }
}

/// The values by their keys.
pub(super) fn read(content: &[u8]) -> Option<BTreeMap<String, String>> {
    let options = Options::parse(content)?;
    let values = options.last.values().filter_map(|number| options.lines[*number].value());
    Some(values.filter_map(|value| Some((key_of(value)?.to_owned(), value.to_owned()))).collect())
}

/// The file with these changes.
pub(super) fn write(content: &[u8], changes: &Changes<'_>) -> Option<Vec<u8>> {
    Options::parse(content).map(|options| options.with(changes))
}

/// A file with these values.
pub(super) fn create(values: &Changes<'_>) -> Vec<u8> {
    Options::default().with(values)
}

#[cfg(test)]
mod tests;
