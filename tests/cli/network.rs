//! What a network, a server or restic itself may do wrong: the launch goes on or is told why not, nothing is lost, and the next run carries on.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use cloud_sync::provision::OLDEST;
use serde_json::json;

use crate::support::evening::{LEVEL, REGION, play_first, two_in_sync};
use crate::support::fake::Fake;
use crate::support::http::{Answer, Gate, HttpServer};
use crate::support::pc::{assert_same, ran};
use crate::support::whole::Whole;
use crate::support::{Cloud, Pc, Ran};

const LIST: &str = "application/vnd.x.restic.rest.v2";

/// A launch must not wait for a dead network.
#[track_caller]
fn quick(pc: &Pc, arguments: &[&str]) -> Ran {
    let begin = Instant::now();
    let ran = pc.run(arguments);
    assert!(begin.elapsed() < Duration::from_secs(5), "{arguments:?} took {:?}", begin.elapsed());
    ran
}

/// Both wait for the same dead network; once is enough.
fn at_once(one: impl FnOnce() + Send, other: impl FnOnce() + Send) {
    std::thread::scope(|threads| {
        threads.spawn(one);
        other();
    });
}

/// Checks that a run was offline and said so, and lets the launch go on.
#[track_caller]
fn offline(ran: Ran, code: i32, reason: &str) {
    let ran = ran.expect(code, "unknown", "offline").says("the cloud cannot be reached").says(reason);
    assert_eq!(ran.json["error"].is_null(), code == 0);
    assert_eq!(ran.stderr.contains("cloud-sync: error: the cloud cannot be reached"), code == 7, "{}", ran.stderr);
}

/// A played on while B did not, behind a gate.
fn played(cloud: &Cloud) -> (Pc, Pc) {
    let (a, b) = two_in_sync(cloud);
    a.write(LEVEL, "day 2");
    (a, b)
}

/// The network is back: everything arrives.
#[track_caller]
fn goes_on(cloud: &Cloud, a: &Pc, b: &Pc) {
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(a, b);
    assert_eq!(b.read(LEVEL), "day 2");
    assert_eq!(cloud.heads().len(), 1);
    cloud.check();
}

// The network.

#[test]
fn a_server_that_is_gone_is_offline_at_once() {
    let mut cloud = Cloud::server();
    let (a, b) = played(&cloud);
    let before = Whole::of(&a, &cloud);
    cloud.stop();
    for verb in ["pull", "push"] {
        offline(quick(&a, &[verb]), 0, "saved the next time");
        offline(quick(&a, &[verb, "--strict"]), 7, "refused");
    }
    before.assert_kept(&a, &cloud);
    // As a launcher's log has it.
    let said = ran(&mut a.hook(&["pull"])).stdout;
    assert!(said.starts_with("cloud-sync: warning: the cloud cannot be reached"), "{said}");
    cloud.start();
    goes_on(&cloud, &a, &b);
}

#[test]
fn a_port_that_takes_no_connection_is_offline_in_time() {
    let cloud = Cloud::server();
    let (mut a, b) = played(&cloud);
    let before = Whole::of(&a, &cloud);
    let good = a.url.clone();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    a.url = format!("http://{}", silent.local_addr().unwrap());
    let c = Pc { url: a.url.clone(), ..cloud.pc("C") };
    at_once(|| offline(quick(&a, &["push"]), 0, "in time"), || offline(quick(&c, &["pull", "--strict"]), 7, "in time"));
    before.assert_kept(&a, &cloud);
    a.url = good;
    goes_on(&cloud, &a, &b);
}

fn never_ends(answer: Answer) {
    let mut cloud = Cloud::server();
    let gate = Gate::before(&mut cloud);
    let (a, b) = played(&cloud);
    let c = cloud.pc("C");
    let before = Whole::of(&a, &cloud);
    gate.answers(answer);
    at_once(|| offline(quick(&a, &["push", "--strict"]), 7, "in time"), || offline(quick(&c, &["pull"]), 0, "in time"));
    before.assert_kept(&a, &cloud);
    gate.opens();
    goes_on(&cloud, &a, &b);
    c.pull().expect(0, "behind", "restored");
}

#[test]
fn a_server_that_never_answers_is_offline_in_time() {
    never_ends(Answer::Hang);
}

#[test]
fn a_server_that_never_ends_its_answer_is_offline_in_time() {
    never_ends(Answer::Drip);
}

#[test]
fn a_host_without_an_address_is_offline() {
    let cloud = Cloud::server();
    let (mut a, b) = played(&cloud);
    let before = Whole::of(&a, &cloud);
    let good = a.url.clone();
    a.url = "https://no-such-host.invalid".to_owned();
    for (verb, strict, code) in [("pull", "--no-gui", 0), ("push", "--strict", 7)] {
        offline(quick(&a, &[verb, strict]), code, "");
    }
    before.assert_kept(&a, &cloud);
    a.url = good;
    goes_on(&cloud, &a, &b);
}

#[test]
fn a_cloud_folder_whose_disk_is_not_there_is_offline() {
    let cloud = Cloud::folder();
    let (a, b) = played(&cloud);
    let before = Whole::of(&a, &cloud);
    let elsewhere = cloud.home.path().join("unplugged");
    fs::rename(&cloud.repository, &elsewhere).unwrap();
    // No folder, and an empty mount point.
    for mount_point in [false, true] {
        if mount_point {
            fs::create_dir(&cloud.repository).unwrap();
        }
        for verb in ["pull", "push"] {
            offline(a.run(&[verb]), 0, "holds no repository any more");
            offline(a.run(&[verb, "--strict"]), 7, "plug in or mount its disk");
        }
        let told = a.run(&["status", "--verbose"]).stdout;
        assert!(told.contains("synced here: 3 files") && told.contains(": 1 changed"), "{told}");
        assert_eq!(cloud.repository.exists(), mount_point);
    }
    fs::remove_dir(&cloud.repository).expect("something was written into the mount point");
    fs::rename(&elsewhere, &cloud.repository).unwrap();
    before.assert_kept(&a, &cloud);
    goes_on(&cloud, &a, &b);
}

#[test]
fn the_first_push_makes_no_cloud_where_a_disk_is_not_plugged_in() {
    let mut cloud = Cloud::folder();
    let disk = cloud.home.path().join("media/stick");
    cloud.url = disk.join("cloud").display().to_string();
    let a = cloud.pc("A");
    a.write(LEVEL, "day 1");
    for verb in ["pull", "push", "status"] {
        a.run(&[verb]).expect(0, "unknown", "offline").warns("there is no folder");
        assert!(!disk.exists(), "{verb} made it");
    }
    fs::create_dir_all(&disk).unwrap();
    a.push().expect(0, "ahead", "saved");
}

#[test]
fn answers_that_say_nothing_of_the_repository_are_offline() {
    let mut cloud = Cloud::server();
    let gate = Gate::before(&mut cloud);
    let (a, b) = played(&cloud);
    let c = cloud.pc("C");
    let (before, before_c) = (Whole::of(&a, &cloud), Whole::of(&c, &cloud));
    let portal = HttpServer::new(|_| Answer::body("text/html", "<html>Welcome to our hotel</html>"));
    let redirect =
        |status, to: &str| Answer::Reply { status, headers: vec![("Location", to.to_owned())], body: b"[]".to_vec() };
    let half = format!("[{{\"name\":\"{}\"", a.base().unwrap());
    let (no_server, broke_off) = ("no restic server", "broke off");
    for (answer, reason) in [
        (Answer::body("text/html; charset=utf-8", "<html>Please sign in</html>"), no_server),
        (Answer::body("text/html", "[]"), no_server),
        (Answer::body("", "[]"), no_server),
        (redirect("302 Found", &portal.url), no_server),
        (redirect("307 Temporary Redirect", &portal.url), no_server),
        (redirect("302 Found", &cloud.url), "redirect"),
        (Answer::status("204 No Content"), "204"),
        (Answer::status("400 Bad Request"), "400"),
        (Answer::status("407 Proxy Authentication Required"), "407"),
        (Answer::status("429 Too Many Requests"), "429"),
        (Answer::status("500 Internal Server Error"), "500"),
        (Answer::status("502 Bad Gateway"), "502"),
        (Answer::status("503 Service Unavailable"), "503"),
        (Answer::status("507 Insufficient Storage"), "507"),
        (Answer::status("511 Network Authentication Required"), "511"),
        (Answer::Reset, ""),
        (Answer::Short { promised: 1000, body: half.into_bytes() }, broke_off),
        (Answer::Short { promised: 3, body: b"[]".to_vec() }, broke_off),
        (Answer::body(LIST, ""), no_server),
        (Answer::body(LIST, "{}"), no_server),
        (Answer::body("application/json", "{\"error\":\"quota\"}"), no_server),
        (Answer::body("application/json", "null"), no_server),
        (Answer::body("application/json", "[{\"id\":7}]"), no_server),
        (Answer::body("application/json", "[\"hello\",\"world\"]"), no_server),
        (Answer::body("application/json", "[{\"name\":\"index.html\",\"size\":12}]"), no_server),
        (Answer::body(LIST, "[]trailing"), no_server),
        (Answer::body(LIST, &b"[\"\xff\"]"[..]), no_server),
    ] {
        gate.answers(answer);
        offline(a.run(&["pull"]), 0, reason);
        offline(a.run(&["push", "--strict"]), 7, reason);
        offline(c.run(&["pull"]), 0, reason);
        before.assert_kept(&a, &cloud);
        before_c.assert_kept(&c, &cloud);
    }
    gate.opens();
    c.pull().expect(0, "behind", "restored");
    goes_on(&cloud, &a, &b);
}

#[test]
fn a_login_that_is_rejected_keeps_the_token_and_the_files() {
    for (status, reason) in [("401 Unauthorized", "user or password is wrong"), ("403 Forbidden", "forbidden")] {
        let mut cloud = Cloud::server();
        let gate = Gate::before(&mut cloud);
        let (mut a, b) = played(&cloud);
        // The token where `login` puts it.
        fs::copy(&a.token_file, a.path(".cloud-sync/token")).unwrap();
        a.token_file = a.path(".cloud-sync/token");
        let before = Whole::of(&a, &cloud);
        let token = fs::read(&a.token_file).unwrap();
        gate.answers(Answer::status(status));
        for verb in ["pull", "push"] {
            a.run(&[verb]).expect(0, "signed_out", "signed_out").says(reason).says("cloud-sync login");
            a.run(&[verb, "--strict"]).expect(6, "signed_out", "signed_out").says("sign in with");
        }
        before.assert_kept(&a, &cloud);
        assert_eq!(fs::read(&a.token_file).unwrap(), token);
        gate.opens();
        goes_on(&cloud, &a, &b);
    }
}

#[test]
fn an_empty_list_means_empty_and_costs_no_file() {
    for answer in [Answer::body(LIST, "[]"), Answer::body("application/vnd.x.restic.rest.v1", "[]")] {
        let mut cloud = Cloud::server();
        let gate = Gate::before(&mut cloud);
        let (a, b) = two_in_sync(&cloud);
        let files = a.tree();
        gate.answers(answer);
        a.status().expect(0, "remote_emptied", "nothing");
        a.pull().expect(0, "remote_emptied", "nothing").warns("the cloud is empty; your files here stay");
        assert!(a.tree() == files);
        assert_eq!(a.base(), None);

        // It was not so: the files are the same, and nobody is asked.
        gate.opens();
        a.pull().expect(0, "first_link", "restored");
        assert!(a.tree() == files);
        a.write(LEVEL, "day 2");
        goes_on(&cloud, &a, &b);
    }
}

#[test]
fn no_repository_where_one_was_costs_no_file() {
    let mut cloud = Cloud::server();
    let gate = Gate::before(&mut cloud);
    let (a, b) = played(&cloud);
    let before = Whole::of(&a, &cloud);
    gate.answers(Answer::status("404 Not Found"));
    // It cannot be made there, either.
    let said = a.run(&["push"]);
    assert_eq!((said.code, said.json["divergence"].as_str()), (1, Some("remote_emptied")), "{}", said.stderr);
    said.says("404");
    before.assert_kept(&a, &cloud);
    b.pull().expect(0, "remote_emptied", "nothing").warns("or it is out of order");
    // What B makes meanwhile is not taken for something old when the server is well again.
    b.write("hotbar.nbt", "made meanwhile");
    gate.opens();
    b.pull().expect(0, "ahead", "saved");
    assert_eq!(b.read("hotbar.nbt"), "made meanwhile");
    a.pull().expect(0, "diverged", "restored");
    a.push();
    b.pull();
    assert_same(&a, &b);
    assert_eq!((b.read(LEVEL), cloud.heads().len()), ("day 2".to_owned(), 1));
}

// restic.

#[test]
fn a_restic_that_cannot_be_had_is_named() {
    let cloud = Cloud::server();
    let (a, b) = played(&cloud);
    let c = cloud.pc("C");
    let (before, before_c) = (Whole::of(&a, &cloud), Whole::of(&c, &cloud));
    let no_program = cloud.home.path().join("text");
    fs::write(&no_program, "I am no program").unwrap();
    let old = Fake::new(&json!({"version": {"stdout": ["restic 0.14.0 compiled with go1.19 on linux/amd64"]}}));
    let other = Fake::new(&json!({"version": {"stdout": ["GNU coreutils 9.1"]}}));
    let silent = Fake::new(&json!({"version": {"exit": 1}}));
    let flood = Fake::new(&json!({"version": {"flood": true}}));
    let missing = cloud.home.path().join("no-such-restic");
    let too_old = format!("it is restic 0.14.0, and {OLDEST} is the oldest that will do");
    for (exe, reason) in [
        (&missing, "no-such-restic"),
        (&no_program, "could not start restic"),
        (&a.dir, "could not start restic"),
        (&old.exe(), &too_old),
        (&other.exe(), "does not tell its version"),
        (&silent.exe(), "does not tell its version"),
        (&flood.exe(), "no end of text"),
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

/// Who pulls or pushes, and the verb of restic that does wrong then.
const STEPS: [(&str, &str); 4] = [("push", "backup"), ("pull", "snapshots"), ("pull", "ls"), ("pull", "restore")];

/// B has saved twice what A lacks, and C has something to save.
fn everyone_has_something_to_do(cloud: &Cloud) -> (Pc, Pc, Pc) {
    let (a, b) = two_in_sync(cloud);
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    b.write(LEVEL, "day 2, noon");
    b.push().expect(0, "ahead", "saved");
    b.write(LEVEL, "day 2");
    b.write("saves/World/region/r.1.0.mca", "explored");
    b.push().expect(0, "ahead", "saved");
    c.pull().expect(0, "behind", "restored");
    c.write("options.txt", "fov:0.9\n");
    (a, b, c)
}

/// Runs each of `steps` with a restic that does each of `wrongs` in it and checks what comes of
/// it; then all is well again.
fn each_step(steps: &[(&str, &str)], wrongs: &[serde_json::Value], check: impl Fn(&str, Ran)) {
    let cloud = Cloud::server();
    let (a, b, c) = everyone_has_something_to_do(&cloud);
    for (verb, step) in steps {
        let pc = if *verb == "push" { &c } else { &a };
        let before = Whole::of(pc, &cloud);
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
        said.says("makes no progress");
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
    let before = Whole::of(&a, &cloud);
    for wrong in [
        json!({"stdout": ["[]"]}),
        json!({"stdout": ["[]"], "stderr": ["could not load snapshots: unexpected HTTP response (403): 403 Forbidden"]}),
        // It tells of one and leaves out the other.
        json!({"stdout": [format!("[{{\"id\":\"{}\",\"time\":\"2026-01-01T00:00:00Z\"}}]", base.clone().unwrap())]}),
    ] {
        let fake = Fake::new(&json!({"snapshots": wrong}));
        for verb in ["pull", "push", "status"] {
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
    let before = Whole::of(&a, &cloud);
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
    let before = Whole::of(&a, &cloud);
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
    let script = |times: usize| json!({"backup": {"real_first": true, "stderr": [locked.to_string()], "exit": 3, "times": times}});
    Fake::new(&script(2)).run(&a, &["push"]).expect(0, "ahead", "saved");
    assert_eq!(cloud.snapshots().len(), 4);
    assert_eq!(cloud.heads(), [a.base().unwrap()].into());
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);

    // Three times is too often; what it made is no base, and the next push takes it in.
    let (known, files) = (a.base(), a.tree());
    assert_ne!(known, base);
    a.write(LEVEL, "day 3");
    let said = Fake::new(&script(9)).run(&a, &["push"]).expect(8, "ahead", "saved");
    said.warns(LEVEL).says("could not be read").says("push again");
    assert_eq!(a.base(), known);
    assert_eq!(cloud.snapshots().len(), 7);
    b.pull().expect(0, "behind", "restored");
    a.push().expect(0, "ahead", "saved");
    assert_eq!(cloud.heads(), [a.base().unwrap()].into());
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    assert!(b.tree() != files);
}

#[test]
fn a_backup_that_fails_says_why_and_the_next_one_carries_on() {
    let cloud = Cloud::server();
    let (a, b) = played(&cloud);
    let before = Whole::of(&a, &cloud);
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
        (json!({"stdout": [summary(&unlisted)]}), 1, "failed", "does not list the snapshot 00000000"),
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
fn a_server_that_is_full_keeps_the_base_and_costs_nothing() {
    let mut cloud = Cloud::server();
    let gate = Gate::before(&mut cloud);
    let (a, b) = played(&cloud);
    let before = Whole::of(&a, &cloud);
    gate.refuses("POST /steve/data/", "507 Insufficient Storage");
    a.push().expect(1, "ahead", "failed").says("507").says("the cloud is full");
    before.assert_kept(&a, &cloud);
    gate.opens();
    goes_on(&cloud, &a, &b);
}

#[cfg(unix)]
mod signals {
    use std::process::{Child, Command, Stdio};
    use std::sync::mpsc::Receiver;

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;
    use crate::support::pc::heard;

    fn spawn(command: &mut Command) -> Child {
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits until restic is at work.
    #[track_caller]
    fn await_start<T>(started: &Receiver<T>) -> T {
        started.recv_timeout(Duration::from_mins(1)).expect("restic did not get so far")
    }

    /// Sends the signal and waits for the end.
    #[track_caller]
    fn end(child: Child, signal: Signal) -> Ran {
        kill_process(Pid::from_child(&child), signal).unwrap();
        let said = heard(child.wait_with_output().unwrap());
        assert_eq!((said.code, said.json["outcome"].as_str()), (130, Some("failed")), "{}", said.stderr);
        said.says("interrupted")
    }

    fn interrupts(signal: Signal, ignore: bool, steps: &[(&str, &str)]) {
        let cloud = Cloud::server();
        let (a, b, c) = everyone_has_something_to_do(&cloud);
        for (verb, step) in steps {
            let pc = if *verb == "push" { &c } else { &a };
            let before = Whole::of(pc, &cloud);
            let fake = Fake::new(&json!({}));
            let (pipe, started) = fake.pipe("started");
            fake.tell(&json!({*step: {"hang": true, "record": pipe, "ignore_signals": ignore}}));
            let child = spawn(&mut fake.command(pc, &[verb]));
            await_start(&started);
            end(child, signal);
            #[cfg(target_os = "linux")]
            fake.assert_gone();
            before.assert_kept(pc, &cloud);
        }
        a.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);
        c.push().expect(0, "ahead", "saved");
        a.pull().expect(0, "behind", "restored");
        assert_same(&a, &c);
    }

    #[test]
    fn an_interrupt_ends_restic_and_leaves_everything_whole() {
        let steps = [&STEPS[..], &[("push", "version"), ("pull", "version")]].concat();
        interrupts(Signal::INT, false, &steps);
        interrupts(Signal::TERM, false, &steps);
    }

    #[test]
    fn a_restic_that_ignores_an_interrupt_is_ended() {
        interrupts(Signal::INT, true, &STEPS[..1]);
    }

    #[test]
    fn a_restic_that_ignores_being_asked_to_end_is_ended() {
        interrupts(Signal::TERM, true, &STEPS[3..]);
    }

    #[test]
    fn an_interrupt_during_a_real_upload_leaves_everything_whole() {
        let mut cloud = Cloud::server();
        let gate = Gate::before(&mut cloud);
        let (a, b) = played(&cloud);
        let before = Whole::of(&a, &cloud);
        let held = gate.holds("POST /steve/data/");
        let child = spawn(&mut a.command(&["push"]));
        await_start(&held);
        end(child, Signal::INT);
        before.assert_kept(&a, &cloud);
        gate.opens();
        goes_on(&cloud, &a, &b);
    }

    #[test]
    fn an_interrupt_during_a_real_download_leaves_everything_whole() {
        let mut cloud = Cloud::server();
        let gate = Gate::before(&mut cloud);
        let (a, b) = two_in_sync(&cloud);
        b.write(LEVEL, "day 2");
        b.write(REGION, vec![9; 2_000_000]);
        b.push().expect(0, "ahead", "saved");
        // The folders of that version get into A's cache, the files do not.
        a.write(LEVEL, "day 2 on A");
        a.pull().expect(3, "diverged", "cancelled");
        let before = Whole::of(&a, &cloud);
        let held = gate.holds("GET /steve/data/");
        let child = spawn(&mut a.command(&["pull", "--on-conflict=use-remote"]));
        await_start(&held);
        end(child, Signal::INT);
        before.assert_kept(&a, &cloud);
        assert!(a.undo_files().is_empty());
        gate.opens();
        a.run(&["pull", "--on-conflict=use-remote"]).expect(0, "diverged", "took_remote");
        assert_same(&a, &b);
        a.assert_tidy();
    }

    #[test]
    fn a_server_that_goes_away_in_the_middle_of_an_upload_is_offline() {
        let mut cloud = Cloud::server();
        let (a, b) = played(&cloud);
        let before = Whole::of(&a, &cloud);
        let fake = Fake::new(&json!({}));
        let (pipe, started) = fake.pipe("started");
        let retry = "Save(<data/0123456789>) returned error, retrying after 552.330144ms: connection refused";
        fake.tell(&json!({"backup": {"hang": true, "record": pipe, "stderr": [retry]}}));
        let child = spawn(&mut fake.command(&a, &["push"]));
        await_start(&started);
        cloud.stop();
        let said = heard(child.wait_with_output().unwrap()).expect(0, "ahead", "offline");
        said.says("connection refused").says("the next time the cloud answers");
        #[cfg(target_os = "linux")]
        fake.assert_gone();
        before.assert_kept(&a, &cloud);
        cloud.start();
        goes_on(&cloud, &a, &b);
    }
}
