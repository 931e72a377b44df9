//! Addresses, flags and variables, and what lies in our own folder and in the repository: a clear
//! message where they are no good, and nothing lost.

use std::fs;

use serde_json::json;

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, REGION, play_first, two_in_sync};
use crate::support::pc::{assert_same, ran};
use crate::support::unchanged::Unchanged;

#[test]
fn without_an_address_nothing_is_synced() {
    let cloud = Cloud::server();
    let a = cloud.pc("A");
    play_first(&a);
    let before = Unchanged::of(&a, &cloud);
    for verb in ["pull", "push", "status", "login"] {
        let mut command = a.bare();
        command.args([verb, "--json", "--pack-folder"]).arg(&a.dir);
        ran(&mut command).expect(2, "unknown", "failed").says("not set up yet").says("--url=");
        before.assert_kept(&a, &cloud);
    }
}

#[test]
fn a_repository_from_the_future_is_left_alone() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    let config = cloud.repository.join("config");
    let known = fs::read(&config).unwrap();
    fs::set_permissions(&config, fs::metadata(cloud.home.path().join("token")).unwrap().permissions()).unwrap();
    fs::write(&config, include_bytes!("../fixtures/newer-config")).unwrap();
    let before = Unchanged::of(&a, &cloud);
    let c = cloud.pc("C");
    a.push().expect(1, "ahead", "failed").says("unsupported repository version 3").says("newer");
    c.pull().expect(1, "unknown", "failed").says("unsupported repository version 3").says("newer");
    before.assert_kept(&a, &cloud);
    assert!(c.tree().is_empty());

    fs::write(&config, known).unwrap();
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_state_that_cannot_be_used_stops_everything() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    let file = a.path(".cloud-sync/state.json");
    let good = fs::read(&file).unwrap();
    let newer = String::from_utf8(good.clone()).unwrap().replacen("\"version\":4", "\"version\":5", 1);
    for (content, reason) in [
        (good[..good.len() / 2].to_vec(), "it is damaged"),
        (b"".to_vec(), "it is damaged"),
        (b"\0\xff\x01\x02".to_vec(), "it is damaged"),
        (newer.into_bytes(), "a newer cloud-sync (version 5)"),
    ] {
        fs::write(&file, &content).unwrap();
        let before = Unchanged::of(&a, &cloud);
        for verb in ["pull", "push", "status"] {
            a.run(&[verb]).expect(5, "unknown", "stopped").says("state.json").says(reason).says("rename that file");
        }
        before.assert_kept(&a, &cloud);
        assert_eq!(fs::read(&file).unwrap(), content);
    }
    // The hint works.
    fs::rename(&file, a.path(".cloud-sync/state.json.bad")).unwrap();
    a.run(&["pull", "--on-conflict=use-remote"]).expect(0, "first_link", "took_remote");
    assert_same(&a, &b);
    assert_eq!(a.undo_files()[LEVEL], b"day 1");
}

#[test]
fn a_damaged_journal_stops_everything() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    let journal = a.path(".cloud-sync/journal.json");
    for content in [&b""[..], b"{\"version\":1,\"source\":\"stag", b"\0\xff", b"{\"version\":9}", b"[]"] {
        fs::write(&journal, content).unwrap();
        let before = Unchanged::of(&a, &cloud);
        for verb in ["pull", "push", "undo", "status"] {
            a.run(&[verb]).expect(5, "unknown", "stopped").says("journal.json cannot be read").says(".cloud-sync/undo");
        }
        before.assert_kept(&a, &cloud);
        assert_eq!(fs::read(&journal).unwrap(), content);
    }
    fs::remove_file(&journal).unwrap();
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn something_else_in_the_place_of_our_folder_is_left_alone() {
    let cloud = Cloud::server();
    let a = cloud.pc("A");
    play_first(&a);
    fs::write(a.path(".cloud-sync"), "somebody's").unwrap();
    for verb in ["pull", "push", "undo"] {
        a.run(&[verb]).expect(1, "unknown", "failed").says(".cloud-sync: it is in the way and is no folder");
    }
    assert_eq!(fs::read(a.path(".cloud-sync")).unwrap(), b"somebody's");
    assert!(cloud.snapshots().is_empty());
}

#[test]
fn an_undo_copy_that_came_with_a_modpack_moves_nothing_from_elsewhere() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    play_first(&a);
    a.push().expect(0, "ahead", "saved");
    let outside = cloud.home.path().join("notes.txt");
    fs::write(&outside, "precious").unwrap();
    fs::write(a.dir.parent().unwrap().join("notes.txt"), "precious").unwrap();
    for (name, number, added) in [
        ("x", 1, "../notes.txt".to_owned()),
        ("y", 2, outside.display().to_string()),
        ("z", u64::MAX, "saves/World/level.dat".to_owned()),
    ] {
        let note = json!({
            "number": number, "at": "2026-01-01T00:00:00Z", "command": "pull", "added": [added], "worlds": [],
        });
        a.write(&format!(".cloud-sync/undo/{name}/undo.json"), note.to_string());
        fs::create_dir_all(a.path(&format!(".cloud-sync/undo/{name}/files"))).unwrap();
        a.run(&["undo"]).expect(1, "unknown", "failed").says("nothing to undo");
    }
    assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
    assert!(a.dir.parent().unwrap().join("notes.txt").exists() && a.has("saves/World/level.dat"));
}

#[test]
fn a_remembered_address_that_cannot_be_read_is_named() {
    let cloud = Cloud::server();
    let (a, _) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    let before = Unchanged::of(&a, &cloud);
    for content in [&b"{\"url\":"[..], b"\0\xff", b"{\"url\":7}"] {
        a.write(".cloud-sync/config.json", content);
        for verb in ["pull", "push"] {
            let mut command = a.bare();
            command.args([verb, "--json", "--pack-folder"]).arg(&a.dir).arg("--token-file").arg(&a.token_file);
            ran(&mut command).expect(1, "unknown", "failed").says("config.json is damaged").says("cloud-sync login");
        }
    }
    before.assert_kept(&a, &cloud);
}

#[test]
fn a_scope_that_makes_no_sense_syncs_nothing() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    b.write(REGION, "explored");
    b.push().expect(0, "ahead", "saved");
    let before = Unchanged::of(&a, &cloud);
    for (content, reason) in [
        ("{\"include\": [\"saves/\"", "could not parse it"),
        ("", "could not parse it"),
        ("{\"include\": [\"saves/\"], \"url\": \"https://evil.example.org\"}", "unknown field"),
        ("{\"include\": []}", "it includes nothing"),
        ("{\"include\": [\"../../Documents\"]}", "must not lead out"),
        ("{\"include\": [\"saves/../../x\"]}", "must not lead out"),
        ("{\"include\": [\"/etc\"]}", "not an absolute one"),
        ("{\"include\": [\"C:/Users\"]}", "not an absolute one"),
        ("{\"include\": [\"~/x\"]}", "not an absolute one"),
        ("{\"include\": [\".cloud-sync/\"]}", "never synced"),
        ("{\"include\": [\"saves/\"], \"exclude\": [\"saves/[z-a]\"]}", "pattern"),
        ("{\"include\": [\"saves/\"], \"exclude\": [\"saves/[\"]}", "pattern"),
        ("{\"include\": [\"saves/\"], \"exclude\": [\"!saves\"]}", "begins with !"),
    ] {
        a.write(".cloud-sync/scope.json", content);
        for verb in ["pull", "push", "status"] {
            a.run(&[verb])
                .expect(1, "unknown", "failed")
                .says("scope.json is not a valid scope")
                .says(reason)
                .says("mend the file");
        }
        before.assert_kept(&a, &cloud);
    }
}

#[test]
fn variables_do_what_flags_do() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let run = |verb: &str, variables: &[(&str, &str)]| {
        let mut command = a.bare();
        command.arg(verb).env("CLOUD_SYNC_URL", &a.url).env("CLOUD_SYNC_TOKEN_FILE", &a.token_file);
        command.env("CLOUD_SYNC_PACK_FOLDER", &a.dir).env("CLOUD_SYNC_JSON", "1").envs(variables.iter().copied());
        ran(&mut command)
    };
    for no in ["0", "false", "", "no", "off"] {
        let said = ran(a.hook(&["push"]).env("CLOUD_SYNC_JSON", no));
        assert_eq!((said.code, said.stdout.as_str()), (0, "cloud-sync: nothing to save\n"), "{no:?}: {}", said.stderr);
    }
    a.write(LEVEL, "day 2 on A");
    b.write(LEVEL, "day 2 on B");
    run("push", &[("CLOUD_SYNC_MACHINE", "Steve's PC")]).expect(0, "ahead", "saved");
    assert_eq!(cloud.snapshots().iter().filter(|snapshot| snapshot["hostname"] == "Steve's PC").count(), 1);
    b.push().expect(0, "diverged", "saved");
    run("pull", &[]).expect(3, "behind", "cancelled");
    run("pull", &[("CLOUD_SYNC_ON_CONFLICT", "cancel")]).expect(1, "behind", "cancelled");
    run("pull", &[("CLOUD_SYNC_ON_CONFLICT", "use-remote"), ("CLOUD_SYNC_STRICT", "true")]).expect(
        0,
        "behind",
        "took_remote",
    );
    assert_same(&a, &b);

    let before = Unchanged::of(&a, &cloud);
    let nowhere = ("CLOUD_SYNC_URL", "http://127.0.0.1:1");
    run("pull", &[nowhere]).expect(0, "unknown", "offline");
    for yes in ["1", "true", "yes", "on"] {
        run("pull", &[nowhere, ("CLOUD_SYNC_STRICT", yes)]).expect(7, "unknown", "offline");
    }
    run("pull", &[("CLOUD_SYNC_ON_CONFLICT", "maybe")]).says("maybe").expect(2, "unknown", "failed");
    run("pull", &[("CLOUD_SYNC_URL", "http://example.org")]).expect(2, "unknown", "failed").says("--insecure-http");
    before.assert_kept(&a, &cloud);
    a.remove("saves");
    a.remove("options.txt");
    run("push", &[]).expect(5, "local_lost", "stopped");
    run("push", &[("CLOUD_SYNC_ALLOW_EMPTY", "1")]).expect(0, "local_lost", "saved");
}

#[test]
fn unknown_flags_are_refused_and_json_stays_json() {
    let cloud = Cloud::server();
    let (a, _) = two_in_sync(&cloud);
    let before = Unchanged::of(&a, &cloud);
    for (arguments, word) in [
        (&["pull", "--frobnicate"][..], "--frobnicate"),
        (&["push", "--on-conflict=maybe"], "maybe"),
        (&["sync"], "sync"),
        (&[], "subcommand"),
        (&["pull", "--quiet", "--verbose"], "--verbose"),
    ] {
        let said = a.run(arguments).expect(2, "unknown", "failed").says(word).says("--help");
        assert!(said.stderr.contains(word), "{}", said.stderr);
    }
    before.assert_kept(&a, &cloud);
}
