//! What must be as it was where nothing was to happen, and the player without root's powers.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::cloud::Cloud;
use super::pc::Pc;

/// All that a failed run may not change: files, state and snapshots.
pub struct Unchanged {
    tree: BTreeMap<String, Vec<u8>>,
    state: Option<Value>,
    snapshots: BTreeSet<String>,
}

impl Unchanged {
    pub fn of(pc: &Pc, cloud: &Cloud) -> Self {
        let state = fs::read(pc.path(".cloud-sync/state.json")).ok().map(|text| match serde_json::from_slice(&text) {
            // What a push was about to save is written down before, and is nobody's until its snapshot turns up.
            Ok(Value::Object(mut state)) => {
                let mut places = state.remove("repositories").unwrap_or_default();
                for place in places.as_object_mut().unwrap().values_mut() {
                    *place = place["base"].take();
                }
                places
            }
            _ => Value::String(String::from_utf8_lossy(&text).into_owned()),
        });
        let folder = fs::read_dir(cloud.repository.join("snapshots"));
        let snapshots = folder.map_or_else(
            |_| BTreeSet::new(),
            |entries| entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(),
        );
        Self { tree: pc.tree(), state, snapshots }
    }

    /// Checks that nothing has changed since.
    #[track_caller]
    pub fn assert_kept(&self, pc: &Pc, cloud: &Cloud) {
        let now = Self::of(pc, cloud);
        let (names, before) = (now.tree.keys(), self.tree.keys());
        assert!(names.clone().eq(before.clone()), "{} has {names:?}, and not {before:?}", pc.name);
        for (path, content) in &self.tree {
            assert!(now.tree[path] == *content, "{path} on {} has changed", pc.name);
        }
        assert_eq!(now.state, self.state, "the state of {} has changed", pc.name);
        assert_eq!(now.snapshots, self.snapshots, "the repository has changed");
    }
}

/// Makes `command` run as somebody whom permissions stop, who gets all that is in the cloud's
/// folder.
#[cfg(unix)]
pub fn as_ordinary_user<'a>(cloud: &Cloud, command: &'a mut std::process::Command) -> &'a mut std::process::Command {
    use std::os::unix::fs::lchown;
    use std::os::unix::process::CommandExt as _;
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        return command;
    }
    let mut open = vec![cloud.home.path().to_owned()];
    while let Some(path) = open.pop() {
        lchown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        if fs::symlink_metadata(&path).unwrap().is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    command.uid(NOBODY).gid(NOBODY)
}

/// Sets the permissions of a file or folder of the PC.
#[cfg(unix)]
pub fn permit(pc: &Pc, path: &str, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(pc.path(path), fs::Permissions::from_mode(mode)).unwrap();
}
