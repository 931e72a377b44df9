//! `packwiz.json`, in which packwiz-installer notes what it put into the instance. It brings,
//! replaces and removes these files by itself, on each PC, so that they must not travel.
//!
//! What belongs to the pack is out of scope file by file and under its very name, as a pattern would
//! exclude it, and is never removed. Folders cannot be owned, so that a hostile list takes nothing away
//! but the files it names. `packwiz.json` itself always belongs to the pack: another PC's would tell
//! packwiz of files that are not there. Everything in `saves` is the player's, even a world that came
//! with the pack: it is played from the first start, and a world of which the untouched half stays behind
//! is a broken one.
//!
//! A damaged `packwiz.json` owns nothing, with a warning. To stop would keep a player from worlds that
//! have nothing to do with it; at worst files of the pack travel until packwiz writes it anew.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha512};

use crate::paths::is_plain;
use crate::reading::read_at_most;

/// Where packwiz-installer keeps its notes, in the game folder.
pub const MANIFEST: &str = "packwiz.json";

/// Real ones have a few hundred bytes per file.
const MAX_MANIFEST: u64 = 16 << 20;
/// So that a hostile one is looked through in seconds.
const MAX_PATH: usize = 512;
const MAX_DEPTH: usize = 32;
/// The player's own files are small; one that is larger was not shipped.
const MAX_SHIPPED: u64 = 1 << 20;

/// What packwiz put into an instance; nothing where it was never at work.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    /// The files by their paths, and what they contained if the hash is of a kind that we know.
    files: BTreeMap<String, Option<Content>>,
    problem: Option<String>,
}

/// The hash of a file's content, in lower-case hex.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Sha256(String),
    Sha512(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    cached_files: Option<BTreeMap<String, Option<CachedFile>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CachedFile {
    /// None where the file is optional and switched off, or only for servers.
    cached_location: Option<String>,
    /// Of the entry in the pack's index.
    hash: Option<Value>,
    /// Of the content, where the index names a file about the file.
    linked_file_hash: Option<Value>,
}

impl Pack {
    /// What `packwiz.json` in the folder `instance` says. One that cannot be read owns nothing.
    pub fn load(instance: &Path) -> Self {
        let text = match read_at_most(&instance.join(MANIFEST), MAX_MANIFEST) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Self::default(),
            Err(error) => return Self::damaged(&error),
        };
        // Java on Windows may write names in an old code page; only these are then not known.
        let text = String::from_utf8_lossy(&text);
        serde_json::from_str(&text).map_or_else(|error| Self::damaged(&error), Self::of)
    }

    fn damaged(why: &dyn std::fmt::Display) -> Self {
        let problem = format!(
            "{MANIFEST} cannot be read ({why}), so the pack's files in synced folders are synced like your own; let packwiz install the pack again"
        );
        Self { problem: Some(problem), ..Self::default() }
    }

    fn of(manifest: Manifest) -> Self {
        let entries = manifest.cached_files.unwrap_or_default().into_values().flatten();
        let files = entries.filter_map(|entry| {
            let path = plain_path(entry.cached_location.as_deref()?)?;
            Some((path, entry.linked_file_hash.or(entry.hash).as_ref().and_then(Content::parse)))
        });
        Self { files: files.collect(), problem: None }
    }

    /// Why it could not be read.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// The files that packwiz looks after, and no player does. Its own notes are such a file
    /// even where it has none yet: those of another PC would tell it of files that are not here.
    pub fn owned(&self) -> impl Iterator<Item = &str> {
        let owned = self.files.keys().map(String::as_str).filter(|path| !is_players(path));
        owned.chain([MANIFEST])
    }

    /// Whether the pack ships the file at `path`, whoever it belongs to from then on.
    pub fn ships(&self, path: &str) -> bool {
        self.files.contains_key(path)
    }

    /// Whether `file`, which is a file of the player at `path`, is what the pack came with.
    pub fn is_as_shipped(&self, path: &str, file: &Path) -> bool {
        if !is_players_settings(path) {
            return false;
        }
        let Some(Some(content)) = self.files.get(path) else { return false };
        read_at_most(file, MAX_SHIPPED).is_ok_and(|found| content.is_of(&found))
    }
}

impl Content {
    fn parse(hash: &Value) -> Option<Self> {
        let value = hash.get("value")?.as_str()?.to_ascii_lowercase();
        match hash.get("type")?.as_str()?.to_ascii_lowercase().as_str() {
            "sha256" => Some(Self::Sha256(value)),
            "sha512" => Some(Self::Sha512(value)),
            _ => None,
        }
    }

    fn is_of(&self, content: &[u8]) -> bool {
        match self {
            Self::Sha256(hash) => *hash == hex::encode(Sha256::digest(content)),
            Self::Sha512(hash) => *hash == hex::encode(Sha512::digest(content)),
        }
    }
}

/// Whether a file belongs to the player even if the pack came with it. Packs ship these for a
/// first start; a world is played from then on, and half a world must never be synced.
fn is_players(path: &str) -> bool {
    path == "saves" || path.starts_with("saves/") || is_players_settings(path)
}

fn is_players_settings(path: &str) -> bool {
    let is_shader_settings = || {
        path.strip_prefix("shaderpacks/").is_some_and(|name| {
            !name.contains('/') && name.strip_suffix(".txt").is_some_and(|shader| !shader.is_empty())
        })
    };
    matches!(path, "options.txt" | "optionsof.txt" | "optionsshaders.txt" | "servers.dat") || is_shader_settings()
}

/// `text` as the path of a file in the instance, with `/` between folders; none if it is
/// absolute, leads out, or cannot be a file's.
fn plain_path(text: &str) -> Option<String> {
    let path = text.replace('\\', "/");
    let path = path.strip_prefix("./").unwrap_or(&path);
    let has_drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    let is_odd = path.chars().any(|one| one.is_control() || one == char::REPLACEMENT_CHARACTER);
    let is_deep = path.len() > MAX_PATH || path.split('/').count() > MAX_DEPTH;
    (!is_deep && !has_drive && !is_odd && is_plain(path)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    fn pack(cached_files: &Value) -> Pack {
        Pack::of(serde_json::from_value(serde_json::json!({ "cachedFiles": cached_files })).unwrap())
    }

    fn owned(pack: &Pack) -> Vec<&str> {
        pack.owned().collect()
    }

    /// A pack that has a file at `location` and nothing else.
    fn one_file(location: &str) -> Pack {
        pack(&serde_json::json!({ "x": { "hash": { "type": "sha1", "value": "00" }, "cachedLocation": location } }))
    }

    #[test]
    fn it_owns_what_is_on_disk_under_the_name_it_has_there() {
        let pack = pack(&serde_json::json!({
            "mods/a.pw.toml": {
                "hash": { "type": "sha256", "value": "00" },
                "linkedFileHash": { "type": "murmur2", "value": -17 },
                "cachedLocation": "mods/a.jar"
            },
            "config/b.toml": { "hash": { "type": "sha256", "value": "00" }, "cachedLocation": ".\\config\\b.toml" },
            "mods/off.pw.toml": { "hash": { "type": "sha256", "value": "00" }, "isOptional": true, "optionValue": false },
            "mods/server.pw.toml": { "cachedLocation": null, "onlyOtherSide": true },
            "nothing": null
        }));
        assert_eq!(owned(&pack), ["config/b.toml", "mods/a.jar", MANIFEST]);
    }

    #[test]
    fn what_a_player_plays_with_is_the_players_though_the_pack_ships_it() {
        for path in [
            "options.txt",
            "optionsof.txt",
            "optionsshaders.txt",
            "servers.dat",
            "shaderpacks/Bright.zip.txt",
            "saves",
            "saves/Hub/level.dat",
            "saves/readme.txt",
        ] {
            let pack = one_file(path);
            assert_eq!(owned(&pack), [MANIFEST], "{path}");
            assert!(pack.ships(path), "{path}");
        }
        for path in ["config/options.txt", "shaderpacks/a/b.txt", "shaderpacks/Bright.zip", "saved/x", "hotbar.nbt"] {
            assert_eq!(owned(&one_file(path)), [path, MANIFEST]);
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_or_nowhere_are_ignored() {
        let (long, deep) = ("a".repeat(MAX_PATH + 1), "a/".repeat(MAX_DEPTH) + "b");
        for path in [
            "",
            ".",
            "..",
            "./",
            "/etc/passwd",
            "\\\\server\\share",
            "C:\\Windows\\x",
            "c:x",
            "../x",
            "a/../b",
            "a//b",
            "a/./b",
            "a/",
            "a\nb",
            "a\0b",
            "a\u{fffd}b",
            &long,
            &deep,
        ] {
            assert_eq!(owned(&one_file(path)), [MANIFEST], "{path:?}");
        }
    }

    #[test]
    fn a_file_is_as_shipped_if_its_content_has_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("options.txt");
        fs::write(&file, "fov:0.5").unwrap();
        let sha256 = hex::encode(Sha256::digest("fov:0.5")).to_uppercase();
        let sha512 = hex::encode(Sha512::digest("fov:0.5"));
        let is_shipped = |entry: Value| {
            let mut entry = entry;
            entry["cachedLocation"] = "options.txt".into();
            pack(&serde_json::json!({ "x": entry })).is_as_shipped("options.txt", &file)
        };
        let hash = |kind: &str, value: &str| serde_json::json!({ "type": kind, "value": value });
        assert!(is_shipped(serde_json::json!({ "hash": hash("sha256", &sha256) })));
        assert!(is_shipped(serde_json::json!({ "hash": hash("sha512", &sha512), "linkedFileHash": null })));
        assert!(is_shipped(
            serde_json::json!({ "hash": hash("sha256", "00"), "linkedFileHash": hash("sha512", &sha512) })
        ));
        for entry in [
            serde_json::json!({ "hash": hash("sha256", &sha512) }),
            serde_json::json!({ "hash": hash("sha1", &sha256) }),
            serde_json::json!({ "hash": hash("md5", &sha256) }),
            serde_json::json!({ "hash": { "type": "murmur2", "value": 17 } }),
            serde_json::json!({ "hash": "sha256" }),
            serde_json::json!({ "hash": null }),
            serde_json::json!({}),
            // The hash of the file about the file says nothing about the file.
            serde_json::json!({ "hash": hash("sha256", &sha256), "linkedFileHash": hash("sha1", "00") }),
        ] {
            assert!(!is_shipped(entry.clone()), "{entry}");
        }
    }

    #[test]
    fn only_a_players_settings_can_be_as_shipped() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        fs::write(&file, "x").unwrap();
        let hash = serde_json::json!({ "type": "sha256", "value": hex::encode(Sha256::digest("x")) });
        for (path, shipped) in [
            ("servers.dat", true),
            ("shaderpacks/Bright.zip.txt", true),
            ("saves/Hub/level.dat", false),
            ("config/a.toml", false),
        ] {
            let pack = pack(&serde_json::json!({ "x": { "hash": hash, "cachedLocation": path } }));
            assert_eq!(pack.is_as_shipped(path, &file), shipped, "{path}");
            assert!(!pack.is_as_shipped("options.txt", &file));
            assert!(!pack.is_as_shipped(path, &folder.path().join("gone")));
            assert!(!pack.is_as_shipped(path, folder.path()));
        }
        let pack = pack(&serde_json::json!({ "x": { "hash": hash, "cachedLocation": "options.txt" } }));
        fs::write(&file, vec![b'x'; usize::try_from(MAX_SHIPPED).unwrap() + 1]).unwrap();
        assert!(!pack.is_as_shipped("options.txt", &file));
    }

    #[test]
    fn a_damaged_file_owns_nothing_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let deep = "[".repeat(1_000_000);
        for text in ["", "{", "null", "[]", "17", "{\"cachedFiles\": 3}", "{\"cachedFiles\": {\"a\": []}}", &deep] {
            fs::write(folder.path().join(MANIFEST), text).unwrap();
            let pack = Pack::load(folder.path());
            assert!(
                pack.problem().is_some_and(|problem| problem.contains("packwiz.json cannot be read")),
                "{text:.40}"
            );
            assert_eq!(owned(&pack), [MANIFEST]);
        }
        File::create(folder.path().join(MANIFEST)).unwrap().set_len(MAX_MANIFEST + 1).unwrap();
        assert!(Pack::load(folder.path()).problem().unwrap().contains("larger than"));
        fs::remove_file(folder.path().join(MANIFEST)).unwrap();
        assert_eq!(Pack::load(folder.path()).problem(), None);
        fs::create_dir(folder.path().join(MANIFEST)).unwrap();
        assert!(Pack::load(folder.path()).problem().unwrap().contains("no ordinary file"));
    }

    #[test]
    fn a_name_in_an_old_code_page_does_not_spoil_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let text = b"{\"cachedFiles\": {\"a\": {\"hash\": {}, \"cachedLocation\": \"mods/\xfcber.jar\"},
            \"b\": {\"hash\": {}, \"cachedLocation\": \"mods/b.jar\"}}, \"cachedSide\": \"client\"}";
        fs::write(folder.path().join(MANIFEST), text).unwrap();
        let pack = Pack::load(folder.path());
        assert_eq!((owned(&pack), pack.problem()), (vec!["mods/b.jar", MANIFEST], None));
    }
}
