//! Which folder the instance is, wherever it lies and however a launcher names it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, play_first, round_trip, two_in_sync};
use crate::support::pc::{assert_same, ran, tree};

#[test]
fn odd_paths_of_instances_are_no_matter() {
    let names = [
        "a pack of spaces",
        "$HOME",
        "$$ ${PATH}",
        "[1.21] Modded [x",
        "#1",
        "Ünï ✓ 世界",
        "-x",
        "{a,b}",
        "~tilde",
        "!bang",
        "saves",
        "logs",
        "cache",
        ".cloud-sync",
    ];
    let unix_names = ["trailing.", " leading and trailing ", "star*", "what?", "back\\slash", "quo\"te'", "NBSP\u{a0}"];
    let names: Vec<_> = names.iter().chain(unix_names.iter().filter(|_| cfg!(unix))).collect();
    // Several at once, one in the other.
    for names in names.chunks(7) {
        let cloud = Cloud::server();
        let (mut a, b) = (cloud.pc("A"), cloud.pc("B"));
        a.dir = names.iter().fold(a.home.join("launcher"), |folder, name| folder.join(name));
        fs::create_dir_all(&a.dir).unwrap();
        round_trip(&a, &b);
    }
}

#[cfg(unix)]
#[test]
fn an_instance_behind_a_link_is_the_instance_itself() {
    let cloud = Cloud::server();
    let (mut a, b) = (cloud.pc("A"), cloud.pc("B"));
    let real = a.home.join("cache/logs/saves");
    fs::create_dir_all(&real).unwrap();
    a.dir = a.home.join("link [1]");
    std::os::unix::fs::symlink(&real, &a.dir).unwrap();
    round_trip(&a, &b);
    assert!(fs::symlink_metadata(&a.dir).unwrap().is_symlink());
    // By its real name it is the same, and in sync.
    a.dir = real;
    a.pull().expect(0, "in_sync", "nothing");
}

/// restic saves nothing that lies in its cache, and says nothing of it.
#[test]
fn an_instance_in_the_folder_that_is_named_as_the_cache_is_saved_all_the_same() {
    let cloud = Cloud::server();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    play_first(&a);
    let mut command = a.command(&["push"]);
    ran(command.env("CLOUD_SYNC_CACHE_DIR", a.dir.parent().unwrap())).expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn an_instance_in_a_folder_called_like_an_exclude_loses_nothing() {
    let cloud = Cloud::folder();
    let (mut a, b) = (cloud.pc("A"), cloud.pc("B"));
    a.dir = a.dir.join("saves/World/cache/logs/config/minecraft.tmp");
    fs::create_dir_all(&a.dir).unwrap();
    a.write("saves/World/level.dat", "day 1");
    a.write("saves/World/voxy/latest.db", "x");
    a.write("options.txt", "fov:0.5");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.names(), ["options.txt", "saves/World/level.dat"]);
}

#[test]
fn a_folder_that_is_no_instance_is_refused() {
    let cloud = Cloud::server();
    let mut a = cloud.pc("A");
    let dir = a.dir.clone();
    a.write("options.txt", "fov:0.5\n");
    for (folder, reason) in [
        (dir.join("no such folder"), "os error"),
        (dir.join("options.txt"), "not a folder"),
        (PathBuf::from("/"), "root"),
    ] {
        a.dir = folder;
        for verb in ["pull", "push", "status", "undo", "doctor"] {
            let said = a.run(&[verb]).expect(2, "unknown", "failed");
            said.says("the instance folder").says(reason).says("INST_MC_DIR");
        }
    }
    assert_eq!(tree(&dir).into_keys().collect::<Vec<_>>(), ["options.txt"]);
    assert!(!dir.join(".cloud-sync").exists());
    assert!(cloud.snapshots().is_empty());
}

#[test]
fn a_path_that_a_launcher_split_is_put_together_or_refused() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let mut a = a;
    let base = a.home.join("My");
    a.dir = a.home.join("My Fine Pack");
    for folder in ["My", "My Fine", "Fine"] {
        fs::create_dir_all(a.home.join(folder).join("saves/Wrong")).unwrap();
        fs::write(a.home.join(folder).join("saves/Wrong/level.dat"), "never to be synced").unwrap();
    }
    fs::create_dir_all(&a.dir).unwrap();
    let split = |verb: &str, words: &[&str]| {
        let mut command = a.bare();
        command.args([verb, "--json"]).arg(format!("--pack-folder={}", base.display())).args(words);
        command.args(["--url", &a.url, "--token-file"]).arg(&a.token_file);
        ran(&mut command)
    };
    split("pull", &["Fine", "Pack"]).expect(0, "behind", "restored");
    assert_same(&a, &b);
    a.write(LEVEL, "day 2");
    split("push", &["Fine", "Pack"]).expect(0, "ahead", "saved");

    let snapshots = cloud.snapshots().len();
    for words in [&["Fine", "Packs"][..], &["Pack"], &["Fine", "Pack", "minecraft"]] {
        for verb in ["pull", "push"] {
            split(verb, words).expect(2, "unknown", "failed").says("unexpected argument").says("in quotes");
        }
    }
    let mut stray = a.bare();
    stray.args(["push", "Pack", "--json", "--url", &a.url, "--token-file"]).arg(&a.token_file);
    ran(&mut stray).expect(2, "unknown", "failed").says("unexpected argument: Pack");
    assert_eq!(cloud.snapshots().len(), snapshots);
    for folder in ["My", "My Fine", "Fine"] {
        assert!(!a.home.join(folder).join(".cloud-sync").exists(), "{folder} was synced");
        assert_eq!(tree(&a.home.join(folder)).len(), 1);
    }
}

#[test]
fn the_instance_is_found_where_launchers_put_it() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let mut day = 1;
    let mut check = |with: &dyn Fn(&mut Command) -> &mut Command| {
        day += 1;
        b.write(LEVEL, format!("day {day}"));
        b.push().expect(0, "ahead", "saved");
        let mut command = a.bare();
        command.args(["pull", "--json", "--url", &a.url, "--token-file"]).arg(&a.token_file);
        ran(with(&mut command)).expect(0, "behind", "restored");
        assert_same(&a, &b);
    };
    check(&|command| command.env("INST_MC_DIR", &a.dir));
    check(&|command| command.current_dir(&a.dir));
    check(&|command| command.env("INST_MC_DIR", "").current_dir(&a.dir));
    // What is said more clearly wins.
    check(&|command| command.env("INST_MC_DIR", &b.dir).arg("--pack-folder").arg(&a.dir));
    check(&|command| command.env("INST_MC_DIR", &b.dir).env("CLOUD_SYNC_PACK_FOLDER", &a.dir));
    check(&|command| command.env("CLOUD_SYNC_PACK_FOLDER", "").env("INST_MC_DIR", &a.dir));
}

#[test]
fn a_second_run_waits_for_the_first() {
    let cloud = Cloud::server();
    let a = cloud.pc("A");
    play_first(&a);
    let mut both: Vec<_> =
        (0..2).map(|_| a.command(&["push"]).stdout(std::process::Stdio::piped()).spawn().unwrap()).collect();
    for child in &mut both {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(cloud.snapshots().len(), 1);
}
