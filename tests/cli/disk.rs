//! A disk that cannot hold a world, or has no more room; and one that lets us read or write only a
//! part.

#[cfg(target_os = "linux")]
use std::fs;

use serde_json::json;

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, two_in_sync};
use crate::support::fake::Fake;
use crate::support::pc::assert_same;
use crate::support::unchanged::Unchanged;

#[test]
fn a_disk_that_fills_up_during_a_pull_costs_nothing() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    let before = Unchanged::of(&a, &cloud);
    let full = "{\"message_type\":\"exit_error\",\"code\":1,\"message\":\"Fatal: write /x: no space left on device\"}";
    let fake = Fake::new(&json!({"restore": {"stderr": [full], "exit": 1}}));
    fake.run(&a, &["pull"]).expect(1, "behind", "failed").says("no space left").says("free some space");
    before.assert_kept(&a, &cloud);
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

/// On a real disk that is full, where a namespace of our own may be had.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_really_full_costs_nothing() {
    use std::process::Command;

    use crate::support::pc::ran;

    let may = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return;
    }
    // Too small for the files and a reserve; room enough, but not for so many files.
    for (size, words) in [("size=35m", "the disk is too full"), ("size=200m,nr_inodes=70", "no space left on device")] {
        let cloud = Cloud::server();
        let (a, b) = two_in_sync(&cloud);
        for number in 0..100 {
            b.write(&format!("saves/World/data/{number}"), vec![number; 40_000]);
        }
        b.push().expect(0, "ahead", "saved");
        let before = Unchanged::of(&a, &cloud);
        let script = "set -e; old=$1 disk=$2; shift 2; cp -a \"$disk/.\" \"$old\"; mount -t tmpfs -o $size none \"$disk\"
            cp -a \"$old/.\" \"$disk\"; code=0; \"$@\" || code=$?; rm -r \"$old\"; cp -a \"$disk\" \"$old\"; exit $code";
        let copy = a.home.join("copy");
        fs::create_dir(&copy).unwrap();
        let inner = a.command(&["pull"]);
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script, "sh"]).arg(&copy).arg(&a.dir);
        command.arg(inner.get_program()).args(inner.get_args()).current_dir(&a.home).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("size", size);
        ran(&mut command).expect(1, "behind", "failed").says(words).says("free some space");
        // What the disk held then is what A has now.
        fs::remove_dir_all(&a.dir).unwrap();
        fs::rename(&copy, &a.dir).unwrap();
        before.assert_kept(&a, &cloud);
        a.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);
    }
}

#[test]
fn a_folder_for_temporary_files_that_is_not_there_stops_nothing() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let nowhere = cloud.home.path().join("nowhere");
    let run = |pc: &crate::support::Pc, verb: &str| {
        let mut command = pc.command(&[verb]);
        crate::support::pc::ran(command.env("TMPDIR", &nowhere).env("TMP", &nowhere).env("TEMP", &nowhere))
    };
    b.write(LEVEL, "day 2");
    run(&b, "push").expect(0, "ahead", "saved");
    run(&a, "pull").expect(0, "behind", "restored");
    assert_same(&a, &b);
    a.assert_tidy();
}

/// The cache is on a disk of its own, which is full.
#[cfg(target_os = "linux")]
#[test]
fn a_full_cache_stops_nothing() {
    use std::process::Command;

    use crate::support::pc::ran;

    let may = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).output();
    if !may.is_ok_and(|output| output.status.success()) {
        return;
    }
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    let cache = a.home.join("full");
    fs::create_dir(&cache).unwrap();
    let script = "mount -t tmpfs -o size=1m none \"$1\"; head -c 2000000 /dev/zero > \"$1/full\" 2> /dev/null; shift; exec \"$@\"";
    for (verb, divergence, outcome) in [("pull", "behind", "restored"), ("push", "ahead", "saved")] {
        let inner = a.command(&[verb]);
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script, "sh"]).arg(&cache);
        command.arg(inner.get_program()).args(inner.get_args()).current_dir(&a.home).env_clear();
        command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        ran(command.env("CLOUD_SYNC_CACHE_DIR", &cache)).expect(0, divergence, outcome);
        a.write(LEVEL, "day 3");
    }
}

/// restic takes a full disk for a server that is away, and would try for ever.
#[test]
fn a_cloud_that_is_full_is_not_called_offline() {
    let cloud = Cloud::folder();
    let (a, _) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    let full =
        "Save(<data/17d2eb1b3b>) returned error, retrying after 1.2s: write /cloud/data/17: no space left on device";
    let fake = Fake::new(&json!({"backup": {"stderr": [full], "hang": true}}));
    fake.run(&a, &["push"]).expect(1, "ahead", "failed").says("no space left").says("free some space");
    a.push().expect(0, "ahead", "saved");
}

#[cfg(unix)]
mod permissions {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use serde_json::json;

    use crate::support::beginnings::{LEVEL, REGION, diverged, two_in_sync};
    use crate::support::pc::{assert_same, ran};
    use crate::support::unchanged::{Unchanged, as_ordinary_user, permit};
    use crate::support::{Cloud, Pc, Ran};

    /// Runs a command as somebody whom permissions stop.
    fn run(cloud: &Cloud, pc: &Pc, arguments: &[&str]) -> Ran {
        ran(as_ordinary_user(cloud, &mut pc.command(arguments)))
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_and_saved_when_it_can() {
        let cloud = Cloud::server();
        let (a, b) = two_in_sync(&cloud);
        a.write(LEVEL, "day 2");
        a.write("saves/World/data/secret.dat", "nobody may read this");
        permit(&a, "saves/World/data/secret.dat", 0o000);
        a.write("options.txt", "fov:0.9\n");
        let files = a.tree();
        let said = run(&cloud, &a, &["push"]).expect(8, "ahead", "saved");
        said.warns("saves/World/data/secret.dat: it cannot be read").says("saves/World");
        assert!(a.tree() == files);
        // Once more there is nothing that could be saved, and so no other snapshot.
        run(&cloud, &a, &["push"]).expect(8, "in_sync", "nothing");
        assert_eq!(cloud.snapshots().len(), 2);

        // B's world is not mixed with a part of A's.
        b.pull().expect(0, "behind", "restored");
        assert_eq!((b.read(LEVEL), b.read("options.txt")), ("day 1".to_owned(), "fov:0.9\n".to_owned()));
        permit(&a, "saves/World/data/secret.dat", 0o600);
        run(&cloud, &a, &["push"]).expect(0, "ahead", "saved");
        assert_eq!(cloud.heads(), [a.base().unwrap()].into());
        b.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);
    }

    #[test]
    fn a_catch_up_that_had_to_leave_a_file_out_is_known_when_versions_are_joined() {
        let cloud = Cloud::folder();
        let (a, b) = two_in_sync(&cloud);
        a.write(LEVEL, "day 2 on A");
        a.write("screenshots/secret.png", "nobody may read this");
        permit(&a, "screenshots/secret.png", 0o000);
        b.write(LEVEL, "day 2 on B");
        b.push().expect(0, "ahead", "saved");
        run(&cloud, &a, &["pull", "--on-conflict=use-remote"]).expect(0, "diverged", "took_remote");
        assert_eq!(a.read(LEVEL), "day 2 on B");
        // A's own version is no news to A.
        let again = run(&cloud, &a, &["pull"]);
        assert_eq!(again.code, 0, "{}", again.stdout);
        permit(&a, "screenshots/secret.png", 0o600);
        run(&cloud, &a, &["push"]).expect(0, "ahead", "saved");
        assert_eq!(cloud.heads().len(), 1);
    }

    #[test]
    fn what_cannot_be_read_is_not_left_behind_in_the_other_version_of_its_world() {
        let cloud = Cloud::folder();
        let (a, b) = diverged(&cloud);
        a.write("saves/World/data/secret.dat", "nobody may read this");
        permit(&a, "saves/World/data/secret.dat", 0o000);
        let before = a.tree();
        let use_remote = ["pull", "--on-conflict=use-remote"];
        run(&cloud, &a, &use_remote).expect(0, "behind", "restored").warns("World stays as it is here");
        assert!(a.tree() == before);
        permit(&a, "saves/World/data/secret.dat", 0o600);
        run(&cloud, &a, &use_remote).expect(0, "diverged", "took_remote");
        assert_same(&a, &b);
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_named_and_removes_nothing_elsewhere() {
        for mode in [0o000, 0o600] {
            let cloud = Cloud::server();
            let (a, b) = two_in_sync(&cloud);
            a.write(LEVEL, "day 2");
            let files = a.tree();
            permit(&a, "saves/World/region", mode);
            let said = run(&cloud, &a, &["push"]).expect(8, "in_sync", "nothing");
            said.warns("saves/World/region: it cannot be read").warns("saves/World: a part of it cannot be saved");
            // A pull cannot put anything there, and so changes nothing.
            b.write(REGION, "explored");
            b.write(LEVEL, "day 3");
            b.push().expect(0, "ahead", "saved");
            run(&cloud, &a, &["pull"]).expect(0, "behind", "restored").warns("World stays as it is here");
            permit(&a, "saves/World/region", 0o700);
            assert!(a.tree() == files);

            // Now that it can be read, it is a world that both played.
            run(&cloud, &a, &["pull"]).expect(3, "diverged", "cancelled");
            run(&cloud, &a, &["pull", "--on-conflict=use-remote"]).expect(0, "behind", "took_remote");
            assert_same(&a, &b);
        }
    }

    #[test]
    fn a_world_with_a_folder_that_cannot_be_written_stays_whole_and_all_else_comes() {
        let cloud = Cloud::server();
        let (a, b) = two_in_sync(&cloud);
        b.write(LEVEL, "day 2");
        b.write(REGION, "explored");
        b.write("options.txt", "fov:0.9\n");
        b.push().expect(0, "ahead", "saved");
        permit(&a, "saves/World/region", 0o500);
        let pulled = run(&cloud, &a, &["pull"]);
        pulled.says("World stays as it is here").says("saves/World/region").expect(0, "behind", "restored");
        assert_eq!((a.read(LEVEL), a.read("options.txt")), ("day 1".to_owned(), "fov:0.9\n".to_owned()));
        // Nothing is stuck, and the next pull tries again.
        run(&cloud, &a, &["push"]).expect(0, "behind", "nothing");
        run(&cloud, &a, &["pull"]).expect(0, "behind", "restored");
        permit(&a, "saves/World/region", 0o700);
        run(&cloud, &a, &["pull"]).expect(0, "behind", "restored");
        assert_same(&a, &b);
        assert_eq!(a.undo_files()[LEVEL], b"day 1");
        a.assert_tidy();
    }

    #[test]
    fn a_file_that_nobody_can_read_gives_way_to_the_one_that_comes() {
        let cloud = Cloud::server();
        let (a, b) = two_in_sync(&cloud);
        b.write(REGION, "explored");
        b.write("options.txt", "fov:0.9\n");
        b.push().expect(0, "ahead", "saved");
        permit(&a, REGION, 0o000);
        run(&cloud, &a, &["pull"]).expect(0, "behind", "restored");
        assert_same(&a, &b);
    }

    #[test]
    fn what_cannot_be_read_is_told_by_every_pull() {
        let cloud = Cloud::folder();
        let (a, b) = two_in_sync(&cloud);
        a.write(LEVEL, "day 2 on A");
        permit(&a, LEVEL, 0o000);
        b.write(LEVEL, "day 2 on B");
        b.push().expect(0, "ahead", "saved");
        for _ in 0..3 {
            run(&cloud, &a, &["pull"]).says("saves/World: a part of it cannot be saved");
        }
    }

    /// A run as root may have filled it.
    #[test]
    fn a_cache_that_holds_anothers_files_is_named_and_stops_nothing() {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let cloud = Cloud::server();
        let (a, b) = two_in_sync(&cloud);
        b.write(LEVEL, "day 2");
        b.push().expect(0, "ahead", "saved");
        let mut command = a.command(&["pull"]);
        as_ordinary_user(&cloud, &mut command);
        let repository = fs::read_dir(a.home.join("cache")).unwrap().map(|entry| entry.unwrap().path());
        for folder in { repository }.filter(|path| path.is_dir()) {
            std::os::unix::fs::lchown(folder.join("snapshots"), Some(0), Some(0)).unwrap();
            fs::set_permissions(folder.join("snapshots"), fs::Permissions::from_mode(0o700)).unwrap();
        }
        ran(&mut command).expect(0, "behind", "restored").warns("belongs to another user");
        assert_same(&a, &b);
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_left_out_and_told_wherever_it_is() {
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
                std::os::unix::fs::symlink(elsewhere, a.path("saves/Linked")).unwrap();
            }
            a.push().expect(0, "ahead", "saved");
            b.pull().expect(0, "behind", "restored");
            permit(&a, "saves/Locked", 0);
            a.write("saves/World/level.dat", "day 2");
            run(&cloud, &a, &["push"]).expect(8, "ahead", "saved").warns("saves/Locked: it cannot be read");
            permit(&a, "saves/Locked", 0o700);
            assert!(cloud.files_of(&a.base().unwrap()).iter().eq(["saves/World/level.dat"]));
            assert_eq!(cloud.snapshots().len(), 2);
            b.pull().expect(0, "behind", "restored");
            assert_eq!(b.names(), ["saves/Locked/level.dat", "saves/World/level.dat"]);
        }
    }

    #[test]
    fn an_instance_that_cannot_be_written_is_left_as_it_is() {
        let cloud = Cloud::server();
        let (a, b) = two_in_sync(&cloud);
        let c = cloud.pc("C");
        c.write("options.txt", "mine");
        a.write("options.txt", "fov:0.9\n");
        b.write(LEVEL, "day 2");
        b.push().expect(0, "ahead", "saved");
        // Neither where it was synced before nor where it never was.
        for (pc, locked) in [(&c, ""), (&a, ".cloud-sync")] {
            let before = Unchanged::of(pc, &cloud);
            permit(pc, locked, 0o500);
            for verb in ["pull", "push"] {
                let said = run(&cloud, pc, &[verb]);
                assert_eq!((said.code, &said.json["outcome"]), (1, &json!("failed")), "{}", said.stderr);
                said.says(".cloud-sync").says("ermission denied");
            }
            permit(pc, locked, 0o700);
            before.assert_kept(pc, &cloud);
        }
    }
}
