//! What a network or a server may do wrong: the launch goes on or is told why not, nothing is lost,
//! and the next run carries on.

use std::fs;
use std::net::TcpListener;
#[cfg(unix)]
use std::process::Command;
use std::time::{Duration, Instant};

#[cfg(unix)]
use serde_json::json;

use crate::support::beginnings::{LEVEL, goes_on, played, two_in_sync};
#[cfg(unix)]
use crate::support::fake::Fake;
use crate::support::http::{Answer, Gate, HttpServer};
use crate::support::pc::{assert_same, ran};
use crate::support::unchanged::Unchanged;
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

#[test]
fn a_server_that_is_gone_is_offline_at_once() {
    let mut cloud = Cloud::server();
    let (a, b) = played(&cloud);
    let before = Unchanged::of(&a, &cloud);
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
    let before = Unchanged::of(&a, &cloud);
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
    let before = Unchanged::of(&a, &cloud);
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
    let before = Unchanged::of(&a, &cloud);
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
    let before = Unchanged::of(&a, &cloud);
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
    let (before, before_c) = (Unchanged::of(&a, &cloud), Unchanged::of(&c, &cloud));
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
        let before = Unchanged::of(&a, &cloud);
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

        // It was not so: the files are the same, and nobody is asked.
        gate.opens();
        a.pull().expect(0, "in_sync", "nothing");
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
    let before = Unchanged::of(&a, &cloud);
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
    assert_eq!(b.read(LEVEL), "day 2");
}

#[test]
fn a_server_that_is_full_keeps_the_base_and_costs_nothing() {
    let mut cloud = Cloud::server();
    let gate = Gate::before(&mut cloud);
    let (a, b) = played(&cloud);
    let before = Unchanged::of(&a, &cloud);
    gate.refuses("POST /steve/data/", "507 Insufficient Storage");
    a.push().expect(1, "ahead", "failed").says("507").says("the cloud is full");
    before.assert_kept(&a, &cloud);
    gate.opens();
    goes_on(&cloud, &a, &b);
}

#[cfg(unix)]
#[test]
fn a_server_that_goes_away_in_the_middle_of_an_upload_is_offline() {
    use std::process::Stdio;

    use crate::support::pc::heard;

    let mut cloud = Cloud::server();
    let (a, b) = played(&cloud);
    let before = Unchanged::of(&a, &cloud);
    let fake = Fake::new(&json!({}));
    let (pipe, started) = fake.pipe("started");
    let retry = "Save(<data/0123456789>) returned error, retrying after 552.330144ms: connection refused";
    fake.tell(&json!({"backup": {"hang": true, "record": pipe, "stderr": [retry]}}));
    let mut push = fake.command(&a, &["push"]);
    let push = push.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    started.recv_timeout(Duration::from_mins(1)).expect("restic did not get so far");
    cloud.stop();
    let said = heard(push.wait_with_output().unwrap()).expect(0, "ahead", "offline");
    said.says("connection refused").says("the next time the cloud answers");
    #[cfg(target_os = "linux")]
    fake.assert_gone();
    before.assert_kept(&a, &cloud);
    cloud.start();
    goes_on(&cloud, &a, &b);
}

/// Only restic can read such a place, and it would try for a long time.
#[cfg(unix)]
#[test]
fn a_place_that_only_restic_can_read_is_offline_as_soon_as_a_server_is() {
    let cloud = Cloud::folder();
    let (mut a, _) = two_in_sync(&cloud);
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut places = vec![format!("s3:http://127.0.0.1:{free}/bucket")];
    if Command::new("ssh").arg("-V").output().is_ok() {
        places.push(format!("sftp://nobody@127.0.0.1:{free}//srv/sky"));
    }
    a.write(LEVEL, "day 2");
    for place in places {
        a.url = place;
        let fake = Fake::new(&json!({"*": {"hang": true}}));
        for verb in ["pull", "push"] {
            let said = fake.run(&a, &[verb]).expect(0, "unknown", "offline");
            said.warns("the cloud cannot be reached").warns("refused");
        }
    }
}

#[cfg(unix)]
#[test]
fn what_the_server_answered_is_said() {
    let cloud = Cloud::server();
    let (a, _) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    for status in ["500 Internal Server Error", "429 Too Many Requests"] {
        let code = &status[..3];
        let line = format!(
            "Save(<data/17d2>) returned error, retrying after 1.2s: unexpected HTTP response ({code}): {status}"
        );
        let fake = Fake::new(&json!({"backup": {"stderr": [line], "hang": true}}));
        let said = fake.run(&a, &["push"]).expect(0, "ahead", "offline");
        said.warns(&format!("the server answered {code}"));
    }
}
