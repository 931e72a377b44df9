//! What our walk sees and what restic stores is the same set of files.

use std::fs;

use crate::support::{Cloud, Pc};

/// Saves on A, brings it to an empty B, and gives the names of what came.
fn what_travels(a: &Pc, b: &Pc) -> Vec<String> {
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    b.names()
}

#[test]
fn the_default_scope_takes_what_players_own_and_leaves_the_rest() {
    const SYNCED: &[&str] = &[
        "XaeroWaypoints/Multiplayer_example/dim%0/waypoints.txt",
        "XaeroWorldMap/World/null/mw$default/0_0.zip",
        "command_history.txt",
        "hotbar.nbt",
        "journeymap/config/5.9/journeymap.core.config",
        "journeymap/data/sp/World/waypoints/Home.json",
        "options.txt",
        "optionsof.txt",
        "optionsshaders.txt",
        "saves/World/DIM-1/region/r.0.0.mca",
        "saves/World/icon.png",
        "saves/World/level.dat",
        "saves/World/level.dat_old",
        "saves/World/playerdata/uuid.dat",
        "saves/World/region/r.-1.0.mca",
        "schematics/house.litematic",
        "screenshots/2026-01-01_12.00.00.png",
        "servers.dat",
        "voxelmap/example.points",
        "xaero/minimap/World/dim%0/mw$default_1.txt",
    ];
    const LEFT: &[&str] = &[
        ".DS_Store",
        ".bobby/example/0.bin",
        ".env",
        ".fabric/remappedJars/x.jar",
        ".mixin.out/class/A.class",
        "Thumbs.db",
        "accounts.json",
        "assets/indexes/1.json",
        "auth.json",
        "backups/World.zip",
        "bin/minecraft.jar",
        "config/axiom/.license",
        "config/sodium-fingerprint.json",
        "config/sodium-options.json",
        "coremods/a.jar",
        "crash-reports/crash.txt",
        "credentials.json",
        "debug/profile.txt",
        "downloads/pack.zip",
        "essential/microsoft_accounts.json",
        "ftbbackups2/World.zip",
        "hs_err_pid1.log",
        "instance.cfg",
        "journeymap/icon/entity/a.png",
        "kubejs/startup_scripts/a.js",
        "launcher_accounts.json",
        "launcher_profiles.json",
        "libraries/a.jar",
        "local/crash_assistant/log.txt",
        "logs/latest.log",
        "mmc-pack.json",
        "mods/.connector/a.jar",
        "mods/a.jar",
        "mods/a.pw.toml",
        "natives/a.so",
        "options.txt.bak",
        "packwiz-installer-bootstrap.jar",
        "packwiz.json",
        "realms_persistence.json",
        "saves/World/.DS_Store",
        "saves/World/.env.local",
        "saves/World/Distant_Horizons_server_data/x.sqlite",
        "saves/World/accounts.json",
        "saves/World/credentials.toml",
        "saves/World/data/DistantHorizons.sqlite",
        "saves/World/data/DistantHorizons.sqlite-wal",
        "saves/World/desktop.ini",
        "saves/World/launcher_msa_credentials.bin",
        "saves/World/level.dat_new",
        "saves/World/level1234.tmp",
        "saves/World/logs/latest.log",
        "saves/World/session.lock",
        "saves/World/tokens.json",
        "saves/World/voxy/storage/1.sst",
        "screenshots/Thumbs.db",
        "screenshots/auth.json",
        "server-resource-packs/pack",
        "servers.dat_old",
        "simplebackups/World.zip",
        "usercache.json",
        "usernamecache.json",
        "versions/1/1.json",
        "voxelmap/cache/example/0,0.zip",
        "xaero/cache/0.zip",
        "xaero/microsoft_accounts.json",
    ];
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    for path in SYNCED.iter().chain(LEFT) {
        a.write(path, format!("content of {path}"));
    }
    assert_eq!(what_travels(&a, &b), SYNCED);
    assert!(cloud.files_of(&a.base().unwrap()).iter().eq(SYNCED));
}

#[test]
fn a_world_may_be_called_like_an_excluded_folder() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    for world in ["logs", "cache", ".cache", "voxy", "World.tmp"] {
        a.write(&format!("saves/{world}/level.dat"), "x");
        a.write(&format!("saves/{world}/logs/latest.log"), "x");
    }
    assert_eq!(
        what_travels(&a, &b),
        [
            "saves/.cache/level.dat",
            "saves/World.tmp/level.dat",
            "saves/cache/level.dat",
            "saves/logs/level.dat",
            "saves/voxy/level.dat"
        ]
    );
}

#[test]
fn an_instance_in_a_folder_called_like_an_exclude_loses_nothing() {
    let cloud = Cloud::folder();
    let (mut a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.dir = a.dir.join("saves/World/cache/logs/config/minecraft.tmp");
    fs::create_dir_all(&a.dir).unwrap();
    a.write("saves/World/level.dat", "day 1");
    a.write("saves/World/logs/latest.log", "x");
    a.write("options.txt", "fov:0.5");
    assert_eq!(what_travels(&a, &b), ["options.txt", "saves/World/level.dat"]);
}

#[test]
fn a_narrower_scope_on_one_pc_removes_nothing_on_the_other() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write("saves/World/level.dat", "day 1");
    a.write("saves/Other/level.dat", "day 1");
    a.write("options.txt", "fov:0.5");
    b.write_scope(&["saves/World/"], &[]);
    assert_eq!(what_travels(&a, &b), ["saves/World/level.dat"]);

    b.write("saves/World/level.dat", "day 2");
    b.push().expect(0, "ahead", "saved");
    assert!(cloud.files_of(&b.base().unwrap()).iter().eq(["saves/World/level.dat"]));
    a.pull().expect(0, "behind", "restored");
    assert_eq!(a.read("saves/World/level.dat"), "day 2");
    assert_eq!(a.read("saves/Other/level.dat"), "day 1");
    assert_eq!(a.read("options.txt"), "fov:0.5");

    // Nor does narrowing the own scope count as having deleted what is now outside.
    a.write_scope(&["saves/World/"], &[]);
    a.push().expect(0, "in_sync", "nothing");
    a.pull().expect(0, "in_sync", "nothing");
    assert_eq!(a.read("options.txt"), "fov:0.5");
}

#[test]
fn a_push_before_the_pull_saves_nothing_over_what_is_in_the_scope_only_now() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    b.write_scope(&["saves/", "config/foo.cfg"], &[]);
    b.write("saves/World/level.dat", "day 1");
    b.write("config/foo.cfg", "B's long work");
    b.push().expect(0, "ahead", "saved");
    a.write_scope(&["saves/"], &[]);
    a.write("config/foo.cfg", "as it came with the pack");
    a.pull().expect(0, "behind", "restored");
    // A pack brought a new scope.json while the game ran.
    a.write_scope(&["saves/", "config/foo.cfg"], &[]);
    a.write("saves/World/level.dat", "day 2");
    a.push().expect(0, "ahead", "saved").warns("config/foo.cfg");
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read("config/foo.cfg"), b.read("saves/World/level.dat")), ("B's long work".into(), "day 2".into()));
    a.pull();
    assert_eq!(a.read("config/foo.cfg"), "B's long work");
    assert_eq!(a.undo_files()["config/foo.cfg"], b"as it came with the pack");
    a.push().expect(0, "in_sync", "nothing");
    b.push().expect(0, "in_sync", "nothing");
}

#[test]
fn a_wider_scope_brings_what_the_narrower_one_left_out() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.write("options.txt", "fov:0.5");
    a.write("config/mod.toml", "x");
    a.write("config/mod.toml.tmp", "x");
    a.write_scope(&["config/", "options.txt"], &["**/*.tmp"]);
    assert_eq!(what_travels(&a, &b), ["options.txt"], "B has the built-in scope");

    b.write_scope(&["config/", "options.txt"], &["**/*.tmp"]);
    a.write("options.txt", "fov:0.75");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.names(), ["config/mod.toml", "options.txt"]);
}

#[test]
fn an_exclude_above_an_include_wins_for_both_of_us() {
    let cloud = Cloud::folder();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    for pc in [&a, &b] {
        pc.write_scope(&["config/keep/", "options.txt"], &["config/"]);
    }
    a.write("config/keep/a.toml", "x");
    a.write("options.txt", "x");
    assert_eq!(what_travels(&a, &b), ["options.txt"]);

    // A PC without that exclude saved it; here it stays out all the same, and is no edit.
    let c = cloud.pc("C");
    c.write_scope(&["config/keep/", "options.txt"], &[]);
    c.pull().expect(0, "behind", "restored");
    c.write("config/keep/a.toml", "from C");
    c.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.names(), ["options.txt"]);
    b.status().expect(0, "in_sync", "nothing");
    a.pull().expect(0, "behind", "restored");
    assert_eq!(a.read("config/keep/a.toml"), "x");
}

#[test]
fn a_scope_file_that_makes_no_sense_stops_the_sync_and_names_the_reason() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    a.write("saves/World/level.dat", "day 1");
    for (text, reason) in [
        ("{", "could not parse"),
        ("{\"include\": []}", "includes nothing"),
        ("{\"include\": [\"../other\"]}", "lead out of the instance"),
        ("{\"include\": [\"/etc\"]}", "absolute"),
        ("{\"include\": [\".cloud-sync/\"]}", "never synced"),
        ("{\"include\": [\"saves/\"], \"url\": \"https://evil\"}", "unknown field"),
        ("{\"include\": [\"saves/\"], \"exclude\": [\"!saves\"]}", "begins with !"),
    ] {
        a.write(".cloud-sync/scope.json", text);
        for command in ["push", "pull", "status"] {
            a.run(&[command]).expect(1, "unknown", "failed").says(reason);
        }
    }
    assert!(cloud.snapshots().is_empty());
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_read_is_left_out_and_told_wherever_it_is() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    for beside_a_link in [false, true] {
        let cloud = Cloud::folder();
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        for world in ["World", "Locked"] {
            a.write(&format!("saves/{world}/level.dat"), "day 1");
        }
        if beside_a_link {
            // Every other world is then named to restic by itself, and what is named is not excluded.
            let elsewhere = cloud.home.path().join("elsewhere");
            fs::create_dir(&elsewhere).unwrap();
            symlink(elsewhere, a.path("saves/Linked")).unwrap();
        }
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        let lock = |mode| fs::set_permissions(a.path("saves/Locked"), fs::Permissions::from_mode(mode)).unwrap();
        lock(0);
        if fs::read_dir(a.path("saves/Locked")).is_ok() {
            return; // Nothing is locked to root.
        }
        a.write("saves/World/level.dat", "day 2");
        a.push().expect(8, "ahead", "saved").warns("saves/Locked: it cannot be read");
        lock(0o700);
        assert!(cloud.files_of(&a.base().unwrap()).iter().eq(["saves/World/level.dat"]));
        assert_eq!(cloud.snapshots().len(), 2);
        b.pull().expect(0, "behind", "restored");
        assert_eq!(b.names(), ["saves/Locked/level.dat", "saves/World/level.dat"]);
    }
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::support::pc::{make_pipe, tree};

    /// A folder outside the instance, with a file in it.
    fn outside(cloud: &Cloud) -> std::path::PathBuf {
        let outside = cloud.home.path().join("outside");
        fs::create_dir_all(outside.join("sub/deep")).unwrap();
        fs::write(outside.join("id_rsa"), "private").unwrap();
        fs::write(outside.join("sub/id_rsa"), "private").unwrap();
        outside
    }

    #[test]
    fn an_include_that_leads_out_through_a_link_takes_nothing_and_writes_nothing_there() {
        for include in ["link/", "link/sub/", "link/**/id_rsa", "**/id_rsa", "*/sub/"] {
            let cloud = Cloud::folder();
            let (a, b) = (cloud.pc("A"), cloud.pc("B"));
            let outside = outside(&cloud);
            for pc in [&a, &b] {
                pc.write_scope(&[include, "options.txt"], &[]);
            }
            a.write("options.txt", "x");
            symlink(&outside, a.path("link")).unwrap();
            a.push().expect(0, "ahead", "saved");
            assert!(cloud.files_of(&a.base().unwrap()).iter().eq(["options.txt"]), "{include}");

            // B has a folder of that name; what it saves must not come out behind A's link.
            b.pull().expect(0, "behind", "restored");
            b.write("link/sub/id_rsa", "evil");
            b.write("link/id_rsa", "evil");
            b.push().expect(0, "ahead", "saved");
            let before = tree(&outside);
            a.pull().expect(5, "behind", "stopped").says("a folder on the way is a link");
            assert_eq!(tree(&outside), before, "{include}");
        }
    }

    #[test]
    fn what_the_player_links_is_followed_and_stays_a_link() {
        let cloud = Cloud::folder();
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        let disk = cloud.home.path().join("big disk");
        fs::create_dir_all(disk.join("saves")).unwrap();
        fs::create_dir_all(disk.join("screenshots")).unwrap();
        fs::create_dir_all(disk.join("World")).unwrap();
        symlink(disk.join("saves"), a.path("saves")).unwrap();
        symlink(disk.join("screenshots"), a.path("screenshots")).unwrap();
        symlink(disk.join("World"), disk.join("saves/Linked World")).unwrap();
        a.write("saves/Linked World/level.dat", "day 1");
        a.write("saves/Linked World/session.lock", "x");
        a.write("saves/World/level.dat", "day 1");
        a.write("screenshots/1.png", "x");
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        assert_eq!(b.names(), ["saves/Linked World/level.dat", "saves/World/level.dat", "screenshots/1.png"]);

        b.write("saves/Linked World/level.dat", "day 2");
        b.push().expect(0, "ahead", "saved");
        a.pull().expect(0, "behind", "restored");
        assert_eq!(fs::read_to_string(disk.join("World/level.dat")).unwrap(), "day 2");
        assert!(a.path("saves").is_symlink() && a.path("saves/Linked World").is_symlink());
    }

    #[test]
    fn links_in_a_circle_are_not_walked_for_ever() {
        let cloud = Cloud::folder();
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        for pc in [&a, &b] {
            pc.write_scope(&["**/*.dat", "saves/"], &[]);
        }
        a.write("saves/World/level.dat", "x");
        a.write("one/1.dat", "x");
        a.write("two/2.dat", "x");
        for link in ["one/up", "two/up", "saves/up", "saves/World/up"] {
            symlink("..", a.path(link)).unwrap();
            symlink(".", a.path(&format!("{link}-here"))).unwrap();
        }
        symlink("../two", a.path("one/across")).unwrap();
        symlink("../one", a.path("two/across")).unwrap();
        a.push().expect(0, "ahead", "saved");
        let files = cloud.files_of(&a.base().unwrap());
        let expected = ["one/1.dat", "one/across/2.dat", "saves/World/level.dat", "two/2.dat", "two/across/1.dat"];
        assert!(files.iter().eq(expected), "{files:?}");
    }

    #[test]
    fn our_own_folder_never_travels_whatever_leads_there() {
        let cloud = Cloud::folder();
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        // The game folder of another instance, linked as a world.
        b.write(".cloud-sync/token", "steve:secret");
        b.write("level.dat", "x");
        a.write("saves/World/.cloud-sync/token", "steve:secret");
        a.write("saves/World/level.dat", "x");
        symlink(&b.dir, a.path("saves/Other")).unwrap();
        symlink("../.cloud-sync", a.path("saves/Ours")).unwrap();
        a.push().expect(0, "ahead", "saved");
        let files = cloud.files_of(&a.base().unwrap());
        assert!(files.iter().eq(["saves/Other/level.dat", "saves/World/level.dat"]), "{files:?}");
    }

    #[test]
    fn a_pipe_in_place_of_a_session_lock_stops_nothing() {
        let cloud = Cloud::folder();
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        a.write("saves/World/level.dat", "x");
        make_pipe(&a.path("saves/World/session.lock"));
        assert_eq!(what_travels(&a, &b), ["saves/World/level.dat"]);
    }
}

/// Any tree under any scope.
#[cfg(unix)]
mod same_set {
    use std::collections::{BTreeMap, BTreeSet};
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;
    use std::os::unix::fs::symlink;
    use std::path::{Path, PathBuf};

    use cloud_sync::instance::Instance;
    use cloud_sync::scope::Scope;
    use cloud_sync::snapshot::files_digest;
    use cloud_sync::tree::Tree;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};
    use proptest::test_runner::{TestCaseResult, TestRunner};

    use super::*;
    use crate::support::cloud::tags;
    use crate::support::pc::make_pipe;

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
        (select(INSTANCES), include, exclude, entries, owned).prop_map(
            |(instance, include, exclude, entries, owned)| Case { instance, include, exclude, entries, owned },
        )
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
        let plain: BTreeSet<_> = plain_files(&a.dir).into_iter().filter(|path| scope.contains(path)).collect();
        let reached: BTreeSet<_> = walked.iter().filter(|path| !through_link(&a, path)).cloned().collect();
        prop_assert_eq!(&reached, &plain, "the walk and the scope disagree");
        for path in &walked {
            prop_assert!(scope.contains(path), "{:?} was walked and is not in the scope", path);
        }

        let pushed = a.push();
        prop_assert_eq!(pushed.code, 0, "{}\n{}", pushed.stdout, pushed.stderr);
        if walked.is_empty() {
            prop_assert!(cloud.snapshots().is_empty());
            return Ok(());
        }
        let snapshots = cloud.snapshots();
        prop_assert_eq!(snapshots.len(), 1, "it took more than one attempt: {}", pushed.stdout);
        let base = a.base().unwrap();
        prop_assert_eq!(&cloud.files_of(&base), &walked, "the walk and restic disagree");
        prop_assert_eq!(&snapshots[0]["summary"]["total_files_processed"], walked.len());
        let digest = format!("files={}", files_digest(walked.iter().map(String::as_str)));
        prop_assert!(tags(&snapshots[0]).contains(&digest), "{:?} lacks {}", tags(&snapshots[0]), digest);

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
}
