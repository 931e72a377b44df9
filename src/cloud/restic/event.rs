//! What restic says with `--json`, a line at a time. Unknown messages and fields are
//! ignored: restic may add to them at any time.

use std::path::{MAIN_SEPARATOR, Path};

use serde::Deserialize;

use crate::paths::is_plain;

/// One message on restic's stdout or stderr.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
pub enum Event {
    /// How far it is.
    Status(Status),
    /// What it did; `backup` and `restore` end with one.
    Summary(Summary),
    /// One file could not be read or written.
    Error(ItemError),
    /// Why it gives up.
    ExitError {
        /// The text, which may have several lines.
        #[serde(default)]
        message: String,
    },
    /// Something else.
    #[serde(other)]
    Unknown,
}

/// How far a `backup` or `restore` is. Numbers that restic leaves out are 0.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Files in all, as far as known.
    pub total_files: u64,
    /// Bytes in all, as far as known.
    pub total_bytes: u64,
    #[serde(alias = "files_restored")]
    /// Files that are done.
    pub files_done: u64,
    #[serde(alias = "bytes_restored")]
    /// Bytes that are done.
    pub bytes_done: u64,
    /// What it is working at.
    pub current_files: Vec<String>,
}

/// What a `backup` did.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Files that the snapshot holds.
    pub total_files_processed: u64,
    /// Bytes that were new to the repository, as they were sent.
    pub data_added_packed: u64,
    /// The snapshot; absent where none was made.
    pub snapshot_id: Option<String>,
    /// What `check` found.
    pub num_errors: u64,
}

/// One file that could not be read or written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ItemError {
    error: ErrorText,
    /// The file, as restic names it.
    pub item: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
struct ErrorText {
    message: String,
}

impl ItemError {
    /// Where the file is in the instance at `root`, if it is there. restic names what it cannot open
    /// by its whole path, and what it cannot read by that in the instance.
    pub fn path_in(&self, root: &Path) -> Option<String> {
        let item = Path::new(&self.item);
        let inner = if item.is_absolute() { item.strip_prefix(root).ok()? } else { item };
        let inner = inner.to_str()?.replace(MAIN_SEPARATOR, "/");
        is_plain(&inner).then_some(inner)
    }

    /// Whether it is the repository that has lost something, and no file that cannot be read.
    pub fn blames_repository(&self) -> bool {
        self.error.message.contains("the repository could be damaged")
    }

    /// What went wrong with it.
    pub fn message(&self) -> &str {
        &self.error.message
    }
}

/// The event that `line` is, or nothing where it is plain text.
pub fn parse(line: &[u8]) -> Option<Event> {
    line.starts_with(b"{").then(|| serde_json::from_slice(line).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_restic_0_19_1_are_understood() {
        let status = br#"{"message_type":"status","percent_done":0.5,"total_files":2,"files_done":1,"total_bytes":9,"bytes_done":4,"current_files":["/a"]}"#;
        let Some(Event::Status(status)) = parse(status) else { panic!() };
        assert_eq!((status.files_done, status.bytes_done, status.current_files.len()), (1, 4, 1));

        let restored =
            br#"{"message_type":"status","percent_done":0.5,"total_files":2,"files_restored":1,"bytes_restored":4}"#;
        let Some(Event::Status(status)) = parse(restored) else { panic!() };
        assert_eq!((status.files_done, status.bytes_done), (1, 4));

        let error = br#"{"message_type":"error","error":{"message":"open x: permission denied"},"during":"archival","item":"/i/x"}"#;
        let Some(Event::Error(error)) = parse(error) else { panic!() };
        assert_eq!((error.item.as_str(), error.message()), ("/i/x", "open x: permission denied"));

        #[cfg(unix)]
        for (item, path) in [
            ("/i/saves/W/r.mca", Some("saves/W/r.mca")),
            ("saves/W/r.mca", Some("saves/W/r.mca")),
            ("/elsewhere/r.mca", None),
            ("../r.mca", None),
        ] {
            let error = ItemError { error: ErrorText::default(), item: item.to_owned() };
            assert_eq!(error.path_in(Path::new("/i")).as_deref(), path, "{item}");
        }

        let exit = br#"{"message_type":"exit_error","code":12,"message":"wrong password"}"#;
        assert_eq!(parse(exit), Some(Event::ExitError { message: "wrong password".to_owned() }));
    }

    #[test]
    fn what_is_new_or_no_json_is_no_error() {
        assert_eq!(parse(br#"{"message_type":"excluded_item","item":"x"}"#), Some(Event::Unknown));
        assert_eq!(parse(b"Load(<data/1234>) returned error, retrying after 1s"), None);
        assert_eq!(parse(b"{\"message_type\":"), None);
    }
}
