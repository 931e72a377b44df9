//! What restic may do wrong: nothing is lost, it is told, and the next run carries on.

use std::fs;

use cloud_sync::cloud::provision::OLDEST;
use serde_json::json;

use crate::support::beginnings::{
    LEVEL, REGION, everyone_has_something_to_do, goes_on, play_first, played, two_in_sync,
};
use crate::support::fake::{Fake, STEPS};
use crate::support::pc::{assert_same, ran};
use crate::support::unchanged::Unchanged;
use crate::support::{Cloud, Pc, Ran};

#[test]
fn a_restic_that_cannot_be_had_is_named() {
    let cloud = Cloud::server();
    let (a, b) = played(&cloud);
    let c = cloud.pc("C");
    let (before, before_c) = (Unchanged::of(&a, &cloud), Unchanged::of(&c, &cloud));
    let no_program = cloud.home.path().join("text");
    fs::write(&no_program, "I am no program").unwrap();
    let old = Fake::new(&json!({"version": {"stdout": ["restic 0.14.0 compiled with go1.19 on linux/amd64"]}}));
    let other = Fake::new(&json!({"version": {"stdout": ["GNU coreutils 9.1"]}}));
    let silent = Fake::new(&json!({"version": {"exit": 1}}));
    let flood = Fake::new(&json!({"version": {"flood": true}}));
    let missing = cloud.home.path().join("no-such-restic");
    let too_old = format!("it is restic 0.14.0, and {OLDEST} is the oldest that will do");
    for (exe, reason) in [
        (missing.as_path(), "no-such-restic"),
        (no_program.as_path(), "could not start restic"),
        (&a.dir, "could not start restic"),
        (old.exe(), &too_old),
        (other.exe(), "does not tell its version"),
        (silent.exe(), "does not tell its version"),
        (flood.exe(), "no end of text"),
    ] {
        let run = |pc: &Pc, verb| ran(pc.command(&[verb]).env("CLOUD_SYNC_RESTIC_BINARY", exe));
        run(&a, "push").expect(1, "ahead", "failed").says("--restic-binary").says(reason);
        run(&c, "pull").expect(1, "unknown", "failed").says("--restic-binary").says(reason);
    }
    // None on the PATH, or only one that is too old.
    for path in [cloud.home.path(), old.exe().parent().unwrap()] {
        let run = |pc: &Pc, verb| {
            let mut command = pc.command(&[verb, "--no-download"]);
            ran(command.env_remove("CLOUD_SYNC_RESTIC_BINARY").env("PATH", path))
        };
        for (pc, verb, divergence) in [(&a, "push", "ahead"), (&c, "pull", "unknown")] {
            run(pc, verb)
                .expect(1, divergence, "failed")
                .says(&format!("no restic {OLDEST} or newer"))
                .says("install restic");
        }
    }
    before.assert_kept(&a, &cloud);
    before_c.assert_kept(&c, &cloud);
    goes_on(&cloud, &a, &b);
}

/// Runs each of `steps` with a restic that does each of `wrongs` in it and checks what comes of
/// it; then all is well again.
fn each_step(steps: &[(&str, &str)], wrongs: &[serde_json::Value], check: impl Fn(&str, Ran)) {
    let cloud = Cloud::server();
    let (a, b, c) = everyone_has_something_to_do(&cloud);
    for (verb, step) in steps {
        let pc = if *verb == "push" { &c } else { &a };
        let before = Unchanged::of(pc, &cloud);
        for wrong in wrongs {
            let fake = Fake::new(&json!({*step: wrong}));
            check(&format!("{step} {wrong}"), fake.run(pc, &[verb, "--strict"]));
            #[cfg(target_os = "linux")]
            fake.assert_gone();
            before.assert_kept(pc, &cloud);
        }
    }
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    c.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &c);
    assert_eq!(cloud.heads().len(), 1);
}

#[test]
fn a_restic_that_prints_no_end_of_text_is_ended() {
    each_step(&STEPS, &[json!({"flood": true})], |what, said| {
        let said = said.says("makes no sense").says("no end of text").says("cloud-sync doctor");
        assert_eq!((said.code, said.json["outcome"].as_str()), (1, Some("failed")), "{what}");
    });
    let cloud = Cloud::server_without_repository();
    let a = cloud.pc("A");
    play_first(&a);
    let fake = Fake::new(&json!({"init": {"flood": true}}));
    fake.run(&a, &["push"]).expect(1, "ahead", "failed").says("no end of text");
    a.push().expect(0, "ahead", "saved");
}

#[test]
fn a_restic_that_says_nothing_or_nonsense_is_a_failure() {
    let nonsense = [
        json!({}),
        json!({"stdout": ["Hello"]}),
        json!({"stdout": ["{\"message_type\":\"summary\"", "{}"]}),
        json!({"stdout": ["[{\"id\":\"short\"}]"]}),
        json!({"exit": 99, "stderr": ["something new"]}),
        json!({"exit": 2, "stderr": ["panic: runtime error", "goroutine 1 [running]:"]}),
    ];
    each_step(&STEPS, &nonsense, |what, said| {
        assert_eq!((said.code, said.json["outcome"].as_str()), (1, Some("failed")), "{what}: {}", said.stdout);
        said.says("restic").says("hint\":\"");
    });
}

fn makes_no_progress(steps: &[(&str, &str)]) {
    each_step(steps, &[json!({"hang": true})], |what, said| {
        assert_eq!((said.code, said.json["outcome"].as_str()), (7, Some("offline")), "{what}: {}", said.stdout);
        said.says("nothing came for 1 second");
    });
}

#[test]
fn a_backup_that_makes_no_progress_is_offline() {
    makes_no_progress(&STEPS[..1]);
}

#[test]
fn a_restore_that_makes_no_progress_is_offline() {
    makes_no_progress(&STEPS[3..]);
}

#[test]
fn a_listing_that_makes_no_progress_is_offline() {
    makes_no_progress(&STEPS[1..3]);
}

#[test]
fn a_list_that_restic_leaves_empty_is_no_empty_cloud() {
    let cloud = Cloud::server();
    let (a, b, _) = everyone_has_something_to_do(&cloud);
    let base = a.base();
    let before = Unchanged::of(&a, &cloud);
    for wrong in [
        json!({"stdout": ["[]"]}),
        json!({"stdout": ["[]"], "stderr": ["could not load snapshots: unexpected HTTP response (403): 403 Forbidden"]}),
        // It tells of one and leaves out the other.
        json!({"stdout": [format!("[{{\"id\":\"{}\",\"time\":\"2026-01-01T00:00:00Z\"}}]", base.clone().unwrap())]}),
    ] {
        let fake = Fake::new(&json!({"snapshots": wrong}));
        for verb in ["pull", "status"] {
            fake.run(&a, &[verb]).expect(1, "unknown", "failed").says("did not tell of snapshot");
            before.assert_kept(&a, &cloud);
        }
    }
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_listing_of_another_snapshot_or_of_half_of_it_removes_nothing() {
    let cloud = Cloud::server();
    let (a, b, _) = everyone_has_something_to_do(&cloud);
    let head = b.base().unwrap();
    let listing = cloud.restic(&["ls", "--json", "--no-lock", &head]);
    let lines: Vec<_> = listing.lines().collect();
    let other = cloud.restic(&["ls", "--json", "--no-lock", &a.base().unwrap()]);
    let twice: Vec<_> = lines.iter().chain(lines.last()).collect();
    let before = Unchanged::of(&a, &cloud);
    for wrong in
        [json!({"stdout": lines[1..]}), json!({"stdout": other.lines().collect::<Vec<_>>()}), json!({"stdout": twice})]
    {
        let fake = Fake::new(&json!({"ls": wrong}));
        fake.run(&a, &["pull"]).expect(1, "behind", "failed").says("makes no sense");
        before.assert_kept(&a, &cloud);
    }
    // One that breaks off without a word is taken for what it is: incomplete.
    let options = lines.iter().position(|line| line.contains("options.txt")).unwrap();
    let fake = Fake::new(&json!({"ls": {"stdout": lines[..=options]}}));
    fake.run(&a, &["pull"]).expect(0, "behind", "restored");
    assert!(a.has(LEVEL) && a.has(REGION), "half a listing removed files");
}

#[test]
fn a_listing_that_alone_tells_what_is_new_is_not_believed_blindly() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let old = cloud.restic(&["ls", "--json", "--no-lock", &a.base().unwrap()]);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    let listing = cloud.restic(&["ls", "--json", "--no-lock", &b.base().unwrap()]);
    let lines: Vec<_> = listing.lines().collect();
    let before = Unchanged::of(&a, &cloud);
    for (wrong, code, outcome) in [
        (json!({"stdout": lines[1..]}), 1, "failed"),
        (json!({"stdout": old.lines().collect::<Vec<_>>()}), 1, "failed"),
        (json!({"stdout": lines.iter().chain(lines.last()).collect::<Vec<_>>()}), 1, "failed"),
        (json!({"exit": 1, "stdout": lines}), 1, "failed"),
        (json!({"flood": true}), 1, "failed"),
        (json!({"hang": true}), 7, "offline"),
    ] {
        let fake = Fake::new(&json!({"ls": wrong}));
        fake.run(&a, &["pull", "--strict"]).expect(code, "unknown", outcome);
        before.assert_kept(&a, &cloud);
    }
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn two_runs_that_get_in_each_others_way_are_no_failure() {
    let cloud = Cloud::server();
    let (a, b, _) = everyone_has_something_to_do(&cloud);
    // As restic says when another one is just making the same cache.
    let wrong = json!({"times": 1, "exit": 1, "stderr": ["strconv.ParseUint: parsing \"\": invalid syntax"]});
    let fake = Fake::new(&json!({"snapshots": wrong, "ls": wrong}));
    fake.run(&a, &["pull"]).expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_file_that_is_locked_for_a_moment_is_saved_with_the_rest() {
    let cloud = Cloud::server();
    let (a, b) = played(&cloud);
    let base = a.base();
    let locked = json!({
        "message_type": "error", "error": {"message": "sharing violation"}, "during": "archival", "item": a.path(LEVEL),
    });
    let without = ["--exclude".to_owned(), a.path(LEVEL).display().to_string()];
    let script = |times: usize| json!({"backup": {"real_with": without, "stderr": [locked.to_string()], "exit": 3, "times": times}});
    Fake::new(&script(2)).run(&a, &["push"]).expect(0, "ahead", "saved");
    assert_eq!(cloud.snapshots().len(), 4);
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);

    // Three times is too often. What was made then lacks it, and another one follows that says so.
    let (known, files) = (a.base(), a.tree());
    assert_ne!(known, base);
    a.write(LEVEL, "day 3");
    a.write("options.txt", "fov:0.9\n");
    let said = Fake::new(&script(3)).run(&a, &["push"]).expect(8, "ahead", "saved");
    said.warns(LEVEL).says("cannot be read").says("push again");
    assert_eq!(cloud.snapshots().len(), 8);
    assert!(cloud.files_of(&a.base().unwrap()).iter().eq(["options.txt"]));
    // B plays no mix of two days.
    let region = b.tree()[REGION].clone();
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read("options.txt")), ("day 2".to_owned(), "fov:0.9\n".to_owned()));
    assert!(b.tree()[REGION] == region);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    assert!(b.tree() != files);
}

#[test]
fn a_version_of_which_something_is_missing_is_mixed_with_nothing() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.write(REGION, "day 2");
    // As restic names what it can open and not read; nothing that we do helps.
    let error = json!({"message_type": "error", "error": {"message": "?"}, "during": "archival", "item": REGION});
    let without = ["--exclude".to_owned(), a.path(REGION).display().to_string()];
    let fake = Fake::new(&json!({"backup": {"real_with": without, "stderr": [error.to_string()], "exit": 3}}));
    fake.run(&a, &["push"]).expect(8, "ahead", "nothing").warns(REGION);
    let before = b.tree();
    b.pull();
    assert!(b.tree() == before, "half of another day came");
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    assert!(c.tree() == before);
    a.push().expect(0, "ahead", "saved");
    for pc in [&b, &c] {
        pc.pull().expect(0, "behind", "restored");
        assert_same(&a, pc);
    }
}

#[test]
fn what_no_attempt_can_read_is_taken_in_by_the_next_push() {
    let cloud = Cloud::server();
    let (a, b) = played(&cloud);
    let (base, locked) = (a.base(), a.path("options.txt"));
    let error = json!({"message_type": "error", "error": {"message": "?"}, "during": "archival", "item": locked});
    let fake = Fake::new(&json!({"backup": {"real_first": true, "stderr": [error.to_string()], "exit": 3}}));
    fake.run(&a, &["push"]).expect(8, "ahead", "nothing").says("could not be read");
    assert_eq!(a.base(), base);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
}

#[test]
fn a_backup_that_fails_says_why_and_the_next_one_carries_on() {
    let cloud = Cloud::server();
    let (a, b) = played(&cloud);
    let before = Unchanged::of(&a, &cloud);
    let summary =
        |id: &str| json!({"message_type": "summary", "total_files_processed": 3, "snapshot_id": id}).to_string();
    let fatal = |text: &str| json!({"message_type": "exit_error", "code": 1, "message": text}).to_string();
    let http = |status: &str| fatal(&format!("Fatal: unable to save snapshot: unexpected HTTP response ({status}): x"));
    let full = "the cloud is full; ask whoever runs it for more space";
    let unlisted = "0".repeat(64);
    let no_summary = json!({"message_type": "summary", "total_files_processed": 3}).to_string();
    for (wrong, code, outcome, words) in [
        (json!({"stderr": [http("507")], "exit": 1}), 1, "failed", full),
        (json!({"stderr": [http("401")], "exit": 1}), 6, "signed_out", "sign in again"),
        (json!({"stderr": [http("403")], "exit": 1}), 6, "signed_out", "sign in again"),
        (json!({"stderr": [http("429")], "exit": 1}), 7, "offline", "429"),
        (json!({"stderr": [http("500")], "exit": 1}), 7, "offline", "the next time the cloud answers"),
        (json!({"stderr": [http("503")], "exit": 1}), 7, "offline", "503"),
        (json!({"exit": 11}), 7, "offline", "locked for maintenance"),
        (json!({"exit": 12}), 6, "signed_out", "the password does not open the repository"),
        (json!({"stdout": [no_summary]}), 1, "failed", "backup names no snapshot"),
        (json!({"stdout": [summary("")]}), 1, "failed", "backup names no snapshot"),
        (json!({"stdout": [summary(&unlisted)]}), 1, "failed", "took the snapshot 00000000, and does not have it"),
        (json!({"stdout": [no_summary], "exit": 3}), 1, "failed", "backup names no snapshot"),
    ] {
        let fake = Fake::new(&json!({"backup": wrong}));
        let divergence = if outcome == "signed_out" { "signed_out" } else { "ahead" };
        fake.run(&a, &["push", "--strict"]).expect(code, divergence, outcome).says(words);
        let lax = if code > 5 { 0 } else { code };
        fake.run(&a, &["push"]).expect(lax, divergence, outcome).says(words);
        before.assert_kept(&a, &cloud);
    }
    goes_on(&cloud, &a, &b);
}

#[test]
fn a_cloud_that_lost_an_index_gets_everything_once_more() {
    let cloud = Cloud::server();
    let (a, b) = played(&cloud);
    for entry in fs::read_dir(cloud.repository.join("index")).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    fs::remove_dir_all(a.home.join("cache")).unwrap();
    a.push().expect(0, "ahead", "saved").warns("the cloud has lost a part of what it was given");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    a.push().expect(0, "in_sync", "nothing");
}

#[test]
fn a_cloud_that_lost_data_for_good_is_named_and_nothing_counts_as_saved() {
    let cloud = Cloud::server();
    let (a, _) = played(&cloud);
    let mut open = vec![cloud.repository.join("data")];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { open.push(path) } else { fs::remove_file(path).unwrap() }
        }
    }
    fs::remove_dir_all(a.home.join("cache")).unwrap();
    for _ in 0..2 {
        a.push().expect(1, "ahead", "failed").says("the cloud is damaged").says("repair");
    }
    assert_eq!(ran(&mut a.typed(&["doctor", "--url", &cloud.url])).code, 1);
}
