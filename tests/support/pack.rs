//! A pack, as packwiz leaves it on a PC.

use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::Pc;

/// What the pack ships here, and what the player built.
pub const CASTLE: &str = "schematics/castle.schem";
pub const HOUSE: &str = "schematics/house.schem";

/// packwiz installs a pack of these files, the newest version of it.
pub fn install(pc: &Pc, files: &[(&str, &str)]) {
    for (path, content) in files {
        pc.write(path, content);
    }
    note(pc, files);
}

/// packwiz notes that these files are the pack's, and what they contained.
pub fn note(pc: &Pc, files: &[(&str, &str)]) {
    let entry = |(path, content): &(&str, &str)| {
        let hash = json!({ "type": "sha256", "value": hex::encode(Sha256::digest(content)) });
        ((*path).to_owned(), json!({ "hash": hash, "cachedLocation": path }))
    };
    let files: serde_json::Map<_, _> = files.iter().map(entry).collect();
    let hash = json!({ "type": "sha256", "value": "00" });
    let manifest = json!({ "packFileHash": hash, "indexFileHash": hash, "cachedFiles": files, "cachedSide": "client" });
    pc.write("packwiz.json", manifest.to_string());
}
