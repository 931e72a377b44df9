//! What our walk sees, what restic stores and what arrives is the same set of files, for any tree
//! under any scope.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use cloud_sync::content::settings::Settings;
use cloud_sync::instance::Instance;
use cloud_sync::instance::left_out::Why;
use cloud_sync::instance::scope::Scope;
use cloud_sync::instance::tree::Tree;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{TestCaseResult, TestRunner};

use crate::support::pc::make_pipe;
use crate::support::{Cloud, Pc};

const ORDINARY: &[&str] = &["World", "a", "b", "region", "level.dat", "x.mca"];
const HOSTILE: &[&str] = &[
    " lead",
    "trail ",
    " ",
    "b c",
    "nbsp\u{a0}",
    "\u{2028}",
    "[x]",
    "[",
    "]",
    "[a-c]",
    "*",
    "**",
    "a*",
    "?",
    "$HOME",
    "$",
    "$$",
    "${HOME}",
    "#",
    "#a",
    "!",
    "!a",
    "{a}",
    "{",
    "}",
    "a,b",
    "\u{e9}",
    "e\u{301}",
    "\u{65e5}\u{672c}",
    "\\",
    "back\\slash",
    "\\[x]",
    "new\nline",
    "\n",
    "cr\rx",
    "crlf\r\n",
    "tab\t",
    "\u{1}",
    "\u{7f}",
    "-",
    "-x",
    "--",
    "~",
    "...",
    "..a",
    "^",
    "%41",
    "a:b",
    "\"",
    "'",
    "|",
    "\u{feff}",
    "a.tmp",
    "logs",
    "cache",
    "session.lock",
    ".env",
    ".env.local",
    "accounts.json",
    "credentials.toml",
    ".cloud-sync",
    ".Cloud-Sync",
    "c",
];
const NOT_TEXT: &[&[u8]] = &[b"\xff", b"a\xfe.mca", b"\xe9\n", b"$\xff ", b"\xff\xa0"];
const FIRST: &[&str] = &["saves", "screenshots", "options.txt", "config"];
const WILD: &[&str] = &["*", "a*", "*a", "*.tmp", "*.mca", "[a-c]", "[ab]*", "x.[a-m]*", "*[ ]", "**"];
const USUAL: &[&str] =
    &["saves/", "saves/**", "**/World/", "**/*.mca", "*/*/**/logs/", "a*", "[a-c]", "saves/*/", "*/*/**/*.tmp"];
const INSTANCES: &[&str] =
    &["minecraft", "[x] $HOME", "a*", "logs", "trail ", "#", "{a}", "\\", "\u{e9}", "nbsp\u{a0}", "-x", "$$", " "];

#[derive(Clone, Debug)]
enum Kind {
    File(u8),
    Folder,
    Pipe,
    /// A link to that place: in the instance, or outside where there is none.
    Link(Option<Vec<OsString>>),
}

#[derive(Clone, Debug)]
struct Case {
    instance: &'static str,
    include: Vec<String>,
    exclude: Vec<String>,
    entries: Vec<(Vec<OsString>, Kind)>,
    /// Which of them the pack owns, be they what they may.
    owned: Vec<Index>,
}

fn name() -> impl Strategy<Value = OsString> {
    prop_oneof![
        5 => select(ORDINARY).prop_map(OsString::from),
        6 => select(HOSTILE).prop_map(OsString::from),
        1 => select(NOT_TEXT).prop_map(|bytes| OsString::from_vec(bytes.to_vec())),
    ]
}

fn path() -> impl Strategy<Value = Vec<OsString>> {
    let first = prop_oneof![
        4 => Just(OsString::from("saves")),
        2 => Just(OsString::from("screenshots")),
        2 => select(FIRST).prop_map(OsString::from),
        2 => name(),
    ];
    (first, prop::collection::vec(name(), 0..4)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        16 => any::<u8>().prop_map(Kind::File),
        1 => Just(Kind::Folder),
        1 => Just(Kind::Pipe),
        2 => prop::option::weighted(0.7, path()).prop_map(Kind::Link),
    ]
}

/// A pattern that is taken: those that are refused are tested elsewhere.
fn pattern() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        2 => select(ORDINARY), 3 => select(HOSTILE), 2 => select(FIRST), 3 => select(WILD)
    ];
    let parts = prop::collection::vec(part, 1..4);
    let usual = select(USUAL);
    let any = (parts, any::<bool>()).prop_map(|(parts, slash)| parts.join("/") + if slash { "/" } else { "" });
    let any = prop_oneof![3 => any, 1 => usual.prop_map(str::to_owned)];
    any.prop_filter("refused", |pattern| Scope::new(&[pattern], &[]).is_ok())
}

fn case() -> impl Strategy<Value = Case> {
    let include = prop::collection::vec(pattern(), 1..4);
    let include = (include, any::<bool>(), any::<bool>()).prop_map(|(mut include, saves, screenshots)| {
        include.extend(saves.then(|| "saves/".to_owned()));
        include.extend(screenshots.then(|| "screenshots/".to_owned()));
        include
    });
    let exclude = prop::collection::vec(pattern(), 0..4);
    let entries = prop::collection::vec((path(), kind()), 4..40);
    let owned = prop::collection::vec(any::<Index>(), 0..8);
    (select(INSTANCES), include, exclude, entries, owned)
        .prop_map(|(instance, include, exclude, entries, owned)| Case { instance, include, exclude, entries, owned })
}

/// Makes what can be made: a name may be taken, or be one that this disk does not keep.
fn make(pc: &Pc, outside: &Path, entries: &[(Vec<OsString>, Kind)]) {
    for (path, kind) in entries {
        let place = pc.dir.join(path.iter().collect::<PathBuf>());
        if fs::create_dir_all(place.parent().unwrap()).is_err() || fs::symlink_metadata(&place).is_ok() {
            continue;
        }
        match kind {
            Kind::File(byte) => drop(fs::write(&place, vec![*byte; usize::from(*byte)])),
            Kind::Folder => drop(fs::create_dir(&place)),
            Kind::Pipe => make_pipe(&place),
            Kind::Link(Some(target)) => {
                symlink(pc.dir.join(target.iter().collect::<PathBuf>()), &place).unwrap();
            }
            Kind::Link(None) => symlink(outside, &place).unwrap(),
        }
    }
}

/// The regular files below `folder` that no link leads to, as far as their names are text.
fn plain_files(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(inner) = open.pop() {
        for entry in fs::read_dir(folder.join(&inner)).unwrap().map(Result::unwrap) {
            let path = inner.join(entry.file_name());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                found.extend(path.to_str().map(str::to_owned));
            }
        }
    }
    found
}

fn through_link(pc: &Pc, path: &str) -> bool {
    path.match_indices('/').any(|(end, _)| pc.path(&path[..end]).is_symlink())
}

/// `packwiz.json` of a pack that owns these places.
fn manifest(case: &Case) -> String {
    let owned = case.owned.iter().map(|index| index.get(&case.entries).0.iter().collect::<PathBuf>());
    let entry = |path: PathBuf| serde_json::json!({ "cachedLocation": path.to_string_lossy() });
    let files: serde_json::Map<_, _> =
        owned.enumerate().map(|(number, path)| (number.to_string(), entry(path))).collect();
    serde_json::json!({ "cachedFiles": files }).to_string()
}

/// What is in the instance but the pack's own notes, which never travel.
fn tree(pc: &Pc) -> BTreeMap<String, Vec<u8>> {
    let mut tree = pc.tree();
    tree.remove("packwiz.json");
    tree
}

fn walk(pc: &Pc, scope: &Scope) -> BTreeSet<String> {
    Tree::walk(&pc.dir, scope).unwrap().files.into_keys().collect()
}

fn contents(pc: &Pc, paths: &BTreeSet<String>) -> BTreeMap<String, Vec<u8>> {
    paths.iter().map(|path| (path.clone(), fs::read(pc.path(path)).unwrap())).collect()
}

fn check(case: &Case) -> TestCaseResult {
    let cloud = Cloud::folder();
    let (mut a, mut b) = (cloud.pc("A"), cloud.pc("B"));
    for pc in [&mut a, &mut b] {
        pc.dir = pc.dir.join(case.instance);
        fs::create_dir(&pc.dir).unwrap();
        pc.dir = pc.dir.canonicalize().unwrap();
        let [include, exclude] =
            [&case.include, &case.exclude].map(|list| list.iter().map(String::as_str).collect::<Vec<_>>());
        pc.write_scope(&include, &exclude);
        pc.write("packwiz.json", manifest(case));
    }
    let outside = cloud.home.path().join("outside");
    fs::create_dir_all(outside.join("World")).unwrap();
    fs::write(outside.join("World/level.dat"), "outside").unwrap();
    fs::write(outside.join("a"), "outside").unwrap();
    make(&a, &outside, &case.entries);

    let scope = Scope::load(&Instance::open(&a.dir).unwrap()).unwrap();
    let walked = walk(&a, &scope);
    // A world with a link in it does not travel.
    let left_out = Tree::walk(&a.dir, &scope).unwrap().left_out;
    let torn: BTreeSet<_> = left_out.iter().filter(|left| left.why == Why::Torn).map(|left| &left.path).collect();
    let is_in = |path: &str, world: &str| path.strip_prefix(world).is_some_and(|rest| rest.starts_with('/'));
    let is_whole = |path: &String| !torn.iter().any(|world| is_in(path, world));
    let has_link = |world: &str| left_out.iter().any(|left| left.why == Why::Link && is_in(&left.path, world));
    prop_assert!(torn.iter().all(|world| has_link(world)), "no link in one of {:?}", torn);
    let plain = plain_files(&a.dir).into_iter().filter(|path| scope.contains(path) && is_whole(path));
    let plain: BTreeSet<_> = plain.collect();
    let reached: BTreeSet<_> = walked.iter().filter(|path| !through_link(&a, path)).cloned().collect();
    prop_assert_eq!(&reached, &plain, "the walk and the scope disagree");
    for path in &walked {
        prop_assert!(scope.contains(path), "{:?} was walked and is not in the scope", path);
    }

    let pushed = a.push();
    let code = if torn.is_empty() { 0 } else { 8 };
    prop_assert_eq!(pushed.code, code, "{}\n{}", pushed.stdout, pushed.stderr);
    // Empty settings are damaged ones, and say nothing.
    let is_silent = |path: &String| Settings::of(path).is_some() && fs::metadata(a.path(path)).unwrap().len() == 0;
    if walked.iter().all(is_silent) {
        prop_assert!(cloud.snapshots().is_empty());
        return Ok(());
    }
    let snapshots = cloud.snapshots();
    prop_assert_eq!(snapshots.len(), 1, "it took more than one attempt: {}", pushed.stdout);
    let base = a.base().unwrap();
    prop_assert_eq!(&cloud.files_of(&base), &walked, "the walk and restic disagree");
    let own = cloud.own_files_of(&base).len();
    prop_assert_eq!(&snapshots[0]["summary"]["total_files_processed"], walked.len() + own);

    let pulled = b.pull();
    prop_assert_eq!(pulled.code, 0, "{}\n{}", pulled.stdout, pulled.stderr);
    prop_assert_eq!(tree(&b), contents(&a, &walked), "B got something else");

    let places: BTreeSet<_> = walked.iter().map(|path| a.path(path).canonicalize().unwrap()).collect();
    if places.len() < walked.len() {
        // A link gave a file two names, which cannot change one without the other.
        return Ok(());
    }
    // A few of them change: now each is fetched by its name. One goes.
    for path in walked.iter().step_by(3) {
        b.write(path, format!("B was here: {path}"));
    }
    let gone = walked.iter().nth(1).cloned();
    if let Some(path) = &gone {
        b.remove(path);
    }
    let (pushed, pulled) = (b.push(), a.pull());
    prop_assert_eq!((pushed.code, pulled.code), (0, 0), "{}\n{}", pushed.stdout, pulled.stdout);
    prop_assert_eq!(cloud.files_of(&b.base().unwrap()), walk(&b, &scope), "the walk and restic disagree on B");
    let left = &walked - &BTreeSet::from_iter(gone);
    prop_assert_eq!(tree(&b), contents(&a, &left), "A got something else");
    prop_assert_eq!(walk(&a, &scope), left);
    for pc in [&a, &b] {
        let status = pc.status();
        prop_assert_eq!(status.json["divergence"].as_str(), Some("in_sync"), "{}", status.stdout);
    }
    Ok(())
}

#[test]
fn what_is_walked_is_what_is_stored_is_what_arrives() {
    let cases = std::env::var("PROPTEST_CASES").map_or(40, |cases| cases.parse().unwrap());
    let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 300, ..Default::default() };
    let outcome = TestRunner::new(config).run(&case(), |case| check(&case));
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

// Elsewhere some of them are one and the same.
#[cfg(target_os = "linux")]
#[test]
fn the_names_are_as_hostile_as_they_look() {
    let folder = tempfile::tempdir().unwrap();
    for name in HOSTILE {
        fs::write(folder.path().join(name), "").unwrap();
    }
    assert_eq!(plain_files(folder.path()).len(), HOSTILE.len());
}

#[test]
fn a_ledger_in_parts_arrives_and_shrinks_again() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    let picture = |nth: usize| format!("screenshots/2026-11-01_12.00.00_{nth}.png");
    (0..1500).for_each(|nth| a.write(&picture(nth), "picture"));
    a.push().expect(0, "ahead", "saved");
    assert!(a.path(".cloud-sync/ledger").is_dir());
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(&picture(1499)), "picture");
    b.write(&picture(0), "another");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_eq!(a.read(&picture(0)), "another");
    (10..1500).for_each(|nth| a.remove(&picture(nth)));
    a.push().expect(0, "ahead", "saved");
    assert!(!a.path(".cloud-sync/ledger").exists());
    b.pull().expect(0, "behind", "restored");
    assert!(!b.path(&picture(10)).exists());
    assert_eq!(b.read(&picture(9)), "picture");
}
