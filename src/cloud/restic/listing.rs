//! The files of a snapshot, as `restic ls` tells of them.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::error::{ResticError, Result};
use super::process::Line;
use crate::model::{Snapshot, Stat};

/// The files of a snapshot.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The snapshot.
    pub snapshot: Snapshot,
    /// Its regular files by path, without the leading slash.
    pub files: BTreeMap<String, Stat>,
    /// Its folders, which may be empty.
    pub folders: Vec<String>,
    /// Links, pipes, names that are no text: what is never restored.
    pub specials: Vec<String>,
}

/// A listing while it is read.
#[derive(Default)]
pub struct Reading {
    snapshot: Option<Snapshot>,
    files: BTreeMap<String, Stat>,
    folders: Vec<String>,
    specials: Vec<String>,
    broken: Option<String>,
}

impl Reading {
    /// Takes in a line.
    pub fn take(&mut self, line: &[u8]) -> Line {
        match serde_json::from_slice::<Node>(line) {
            Ok(Node { struct_type: StructType::Snapshot, .. }) => match serde_json::from_slice::<Snapshot>(line) {
                Ok(found) => self.snapshot = Some(found),
                Err(error) => self.broken = Some(format!("ls: {error}")),
            },
            Ok(node) => self.take_node(&node),
            Err(error) if line.starts_with(b"{") => self.broken = Some(format!("ls: {error}")),
            Err(_) => return Line::Unknown,
        }
        Line::Progress
    }

    fn take_node(&mut self, node: &Node) {
        let path = node.path.strip_prefix('/').unwrap_or(&node.path).to_owned();
        let stat = Stat { size: node.size, mtime: node.mtime.timestamp_nanos_opt().unwrap_or(i64::MAX) };
        if node.kind == NodeKind::Dir {
            self.folders.push(path);
        } else if node.kind != NodeKind::File || path.contains(char::REPLACEMENT_CHARACTER) {
            self.specials.push(path);
        } else if self.files.insert(path, stat).is_some() {
            self.broken = Some(format!("the snapshot names {} twice", node.path));
        }
    }

    /// The listing, if all of it made sense.
    pub fn finish(self) -> Result<Listing> {
        let Self { snapshot, files, folders, specials, broken } = self;
        match (snapshot, broken) {
            (Some(snapshot), None) => Ok(Listing { snapshot, files, folders, specials }),
            (_, Some(broken)) => Err(ResticError::Garbage(broken)),
            (None, None) => Err(ResticError::Garbage("the listing names no snapshot".to_owned())),
        }
    }
}

#[derive(Deserialize)]
struct Node {
    struct_type: StructType,
    #[serde(default)]
    path: String,
    #[serde(default, rename = "type")]
    kind: NodeKind,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    mtime: DateTime<Utc>,
}

#[derive(PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StructType {
    Snapshot,
    Node,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NodeKind {
    File,
    Dir,
    #[default]
    #[serde(other)]
    Special,
}
