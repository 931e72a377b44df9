//! Paths in an instance, as snapshots and listings have them: relative to it, with `/` between
//! the names on every system.

use crate::platform;

/// The folders that lead to `path`, the topmost first, and `path` itself.
pub fn with_ancestors(path: &str) -> impl Iterator<Item = &str> {
    folders_to(path).chain([path])
}

/// The folders that lead to `path`, the topmost first.
pub fn folders_to(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').map(|(end, _)| &path[..end])
}

/// The folder that `path` is in; the empty one is the instance itself.
pub fn parent(path: &str) -> &str {
    split(path).0
}

/// The last name of `path`.
pub fn name(path: &str) -> &str {
    split(path).1
}

/// The folder that `path` is in, and its last name.
pub fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

/// What is called `name` in the folder `parent`.
pub fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}/{name}") }
}

/// Whether `path` lies in the folder `outer`; everything lies in the empty one.
pub fn is_below(path: &str, outer: &str) -> bool {
    match path.strip_prefix(outer) {
        Some(rest) if outer.is_empty() => !rest.is_empty(),
        Some(rest) => rest.starts_with('/') && rest.len() > 1,
        None => false,
    }
}

/// Whether `path` is `outer` or lies in it.
pub fn is_within(path: &str, outer: &str) -> bool {
    path == outer || is_below(path, outer)
}

/// Whether `path` is relative and has no empty part, no `.` and no `..`.
pub fn is_plain(path: &str) -> bool {
    path.split('/').all(|name| !matches!(name, "" | "." | "..") && !name.contains('\0'))
}

/// Whether `path` is such a path and names no drive, stream or device of this system, either.
pub fn stays_inside(path: &str) -> bool {
    is_plain(path) && !platform::leads_elsewhere(path)
}

/// The world that the file at `path` belongs to, as the name of its folder in `saves`.
pub fn world_of(path: &str) -> Option<&str> {
    in_world(path).map(|(world, _)| world)
}

/// The world that the file at `path` belongs to, and the file's path in it.
pub fn in_world(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix("saves/")?.split_once('/')
}

/// The folder of a world.
pub fn folder_of(world: &str) -> String {
    join("saves", world)
}

/// The world whose folder `path` is.
pub fn world_at(path: &str) -> Option<&str> {
    path.strip_prefix("saves/").filter(|world| !world.contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_taken_apart_and_put_together() {
        let path = "saves/World/region/r.mca";
        assert_eq!(folders_to(path).collect::<Vec<_>>(), ["saves", "saves/World", "saves/World/region"]);
        assert_eq!(join(parent(path), name(path)), path);
        assert_eq!(join(parent("options.txt"), name("options.txt")), "options.txt");
    }

    #[test]
    fn names_that_begin_alike_are_not_in_each_other() {
        assert!(is_within("saves/World", "saves/World") && is_within("saves/World/x", "saves/World"));
        assert!(is_within("saves", "") && is_within("", "") && !is_below("", ""));
        assert!(!is_within("saves/World 2/x", "saves/World") && !is_below("saves/World", "saves/World"));
    }

    #[test]
    fn a_file_beside_the_worlds_is_in_none() {
        assert_eq!(in_world("saves/World/data/x.dat"), Some(("World", "data/x.dat")));
        assert_eq!((world_of("saves/notes.txt"), world_of("screenshots/a/b.png")), (None, None));
        assert_eq!((world_at("saves/World"), world_at("saves/World/x")), (Some("World"), None));
    }

    #[test]
    fn what_leads_out_of_the_instance_is_known() {
        for path in ["", "/etc/passwd", "saves/../../x", "saves//x", "./x", "saves/", "a\0b"] {
            assert!(!is_plain(path), "{path:?}");
        }
        assert!(is_plain("saves/World/..x/r.mca"));
    }
}
