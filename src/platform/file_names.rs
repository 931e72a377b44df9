//! Which names Windows can hold.

/// Whether Windows can hold a file or folder of this name: no character and no device of its own,
/// no dot or space at the end, which it would drop, no more letters than it has room for, and not
/// the form in which it makes up a second, short name for something else (`PROGRA~1`).
pub fn can_be_on_windows(name: &str) -> bool {
    const LONGEST: usize = 255;
    let has_odd =
        name.chars().any(|letter| letter < ' ' || matches!(letter, '<' | '>' | ':' | '"' | '\\' | '|' | '?' | '*'));
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_uppercase();
    let is_device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        || ["COM", "LPT"].iter().any(|kind| stem.strip_prefix(kind).is_some_and(is_port));
    let is_long = name.encode_utf16().count() > LONGEST;
    !has_odd && !is_device && !is_long && !is_short_name(name) && !name.ends_with(['.', ' '])
}

fn is_short_name(name: &str) -> bool {
    let (base, extension) = name.split_once('.').unwrap_or((name, ""));
    let numbered = base.rsplit_once('~').is_some_and(|(start, number)| {
        !start.is_empty() && !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit())
    });
    numbered && base.len() <= 8 && extension.len() <= 3
}

fn is_port(number: &str) -> bool {
    let mut letters = number.chars();
    letters.next().is_some_and(|letter| letter.is_ascii_digit() || matches!(letter, '\u{b9}' | '\u{b2}' | '\u{b3}'))
        && letters.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_refuses_names_that_other_systems_have() {
        for name in [
            "SOMEWO~1",
            "level~12.dat",
            "CON",
            "con",
            "nul.txt",
            "aux .dat",
            "COM1",
            "lpt9.log",
            "COM\u{b9}",
            "CONIN$",
            "a:b",
            "what?",
            "a*b",
            "<x>",
            "a|b",
            "say \"hi\"",
            "back\\slash",
            "tab\there",
            "dot.",
            "space ",
            "...",
            &"n".repeat(256),
        ] {
            assert!(!can_be_on_windows(name), "{name:?}");
        }
        for name in [
            "World",
            "CONSOLE",
            "Nulls",
            "com",
            "COM10",
            "COMX",
            "lpt",
            "a.con",
            ".minecraft",
            "W\u{f6}rld (1)",
            " leading",
            "r.0.0.mca",
            "100%",
            "$x",
            "#1!",
            "\u{1f980}",
            &"n".repeat(255),
        ] {
            assert!(can_be_on_windows(name), "{name:?}");
        }
    }
}
