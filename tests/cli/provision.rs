//! restic is found, or fetched, checked and put in place in one step; nothing else ever runs.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use cloud_sync::cloud::provision::pins::{self, Pin};
use cloud_sync::cloud::provision::{OLDEST, fetch};
use cloud_sync::error::{Kind, Result};
use cloud_sync::player::plain::{Plain, Volume};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::support::fake::Fake;
use crate::support::http::{Answer, HttpServer};
use crate::support::pc::ran;
use crate::support::{Cloud, Pc, tools};

const PROGRAM: &[u8] = b"#!/bin/sh\necho I am the program\n";
const BZ2: &str = "restic_test.bz2";
const ZIP: &str = "restic_test.zip";

fn sha256(content: &[u8]) -> &'static str {
    hex::encode(Sha256::digest(content)).leak()
}

fn bz2(program: &[u8]) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    writer.write_all(program).unwrap();
    writer.finish().unwrap()
}

fn zip(program: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("restic_test.exe", zip::write::SimpleFileOptions::default()).unwrap();
    writer.write_all(program).unwrap();
    writer.finish().unwrap().into_inner()
}

fn pin(asset: &'static str, archive: &[u8], program: Option<&[u8]>) -> Pin {
    Pin { asset, archive: sha256(archive), program: program.map(sha256) }
}

fn archive(body: impl Into<Vec<u8>>) -> Answer {
    Answer::body("application/octet-stream", body)
}

/// A folder to fetch into.
struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("restic")
    }

    fn fetch(&self, pin: &Pin, release: &str) -> Result<()> {
        fetch(pin, release, &self.file(), &Plain::new(Volume::Silent))
    }

    /// Everything in it.
    fn contents(&self) -> Vec<(String, Vec<u8>)> {
        contents(self.0.path())
    }
}

fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let mut found: Vec<_> = entries
        .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap_or_default()))
        .collect();
    found.sort();
    found
}

#[test]
fn what_is_fetched_is_unpacked_checked_and_can_be_run() {
    for (asset, body) in [(BZ2, bz2(PROGRAM)), (ZIP, zip(PROGRAM))] {
        for program in [Some(PROGRAM), None] {
            let home = Home::new();
            // What was kept before is damaged.
            fs::write(home.file(), "half a progr").unwrap();
            let pin = pin(asset, &body, program);
            let content = body.clone();
            let server = HttpServer::new(move |path| {
                let wanted = path == format!("/v1/{asset}");
                if wanted { archive(content.clone()) } else { Answer::status("404 Not Found") }
            });
            home.fetch(&pin, &format!("{}/v1/", server.url)).unwrap();
            assert_eq!(server.requests(), 1);
            let mut expected = vec![("restic".to_owned(), PROGRAM.to_vec())];
            if program.is_none() {
                // Where the program has no pin, what the checked archive held is the pin.
                expected.push(("restic.sha256".to_owned(), sha256(PROGRAM).as_bytes().to_vec()));
            }
            assert_eq!(home.contents(), expected);
            #[cfg(unix)]
            {
                // A child of another test may hold the file open for a moment.
                let is_settled = |ran: &std::io::Result<_>| {
                    !ran.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::ExecutableFileBusy)
                };
                let mut runs = std::iter::repeat_with(|| Command::new(home.file()).output());
                let output = runs.find(is_settled).unwrap().unwrap();
                assert_eq!(output.stdout, b"I am the program\n");
            }
        }
    }
}

#[test]
fn what_is_not_the_expected_file_leaves_no_trace() {
    let good = bz2(PROGRAM);
    let other = bz2(b"#!/bin/sh\necho evil\n");
    let cut = good[..good.len() - 9].to_vec();
    let empty_zip = zip::ZipWriter::new(Cursor::new(Vec::new())).finish().unwrap().into_inner();
    let html = b"<html>Welcome to our hotel</html>".to_vec();
    let right = pin(BZ2, &good, Some(PROGRAM));
    let moved = Answer::Reply { status: "302 Found", headers: vec![("Location", format!("/{BZ2}"))], body: Vec::new() };
    let cases: Vec<(&str, Pin, Answer, &str)> = vec![
        ("another archive", right, archive(other.clone()), "is not the one that is expected"),
        ("a login page", right, Answer::body("text/html", html.clone()), "is not the one that is expected"),
        ("nothing", right, archive(""), "is not the one that is expected"),
        ("a cut archive, well sent", right, archive(cut.clone()), "is not the one that is expected"),
        ("more than the archive", right, archive([&good[..], b"x"].concat()), "is not the one that is expected"),
        ("a broken line", right, Answer::Short { promised: good.len(), body: cut.clone() }, "broke off"),
        ("not found", right, Answer::status("404 Not Found"), "404"),
        ("a server in trouble", right, Answer::status("503 Service Unavailable"), "503"),
        ("no answer", right, Answer::Reset, "could not fetch restic"),
        ("a circle", right, moved, "redirect"),
        ("another program", pin(BZ2, &other, Some(PROGRAM)), archive(other.clone()), "the program in it"),
        ("another program, zipped", pin(ZIP, &zip(b"evil"), Some(PROGRAM)), archive(zip(b"evil")), "the program in it"),
        ("no archive at all", pin(BZ2, &html, Some(PROGRAM)), archive(html.clone()), "could not unpack"),
        ("half an archive", pin(BZ2, &cut, None), archive(cut.clone()), "could not unpack"),
        ("no zip", pin(ZIP, &html, None), archive(html.clone()), "could not open the archive"),
        ("an empty zip", pin(ZIP, &empty_zip, None), archive(empty_zip.clone()), "could not open the archive"),
    ];
    for (what, pin, answer, reason) in cases {
        for before in [None, Some("kept before")] {
            let home = Home::new();
            before.inspect(|text| fs::write(home.file(), text).unwrap());
            let answer = answer.clone();
            let server = HttpServer::new(move |_| answer.clone());
            let error = home.fetch(&pin, &server.url).unwrap_err();
            let kind =
                if matches!(what, "a broken line" | "no answer" | "a circle") { Kind::Offline } else { Kind::Failed };
            assert_eq!(error.kind, kind, "{what}");
            assert!(error.message().contains(reason), "{what}: {}", error.message());
            assert!(error.message().contains(&server.url), "{what}: {}", error.message());
            assert!(error.hint_text().unwrap().contains("--restic-binary"));
            let expected: Vec<_> = before.map(|text| ("restic".to_owned(), text.into())).into_iter().collect();
            assert_eq!(home.contents(), expected, "{what}");
        }
    }
}

#[test]
fn a_redirect_to_where_the_releases_really_are_is_followed() {
    let body = bz2(PROGRAM);
    let pin = pin(BZ2, &body, Some(PROGRAM));
    let store = HttpServer::new(move |path| {
        if path == "/store/1?signature=x" { archive(body.clone()) } else { Answer::status("404 Not Found") }
    });
    let location = format!("{}/store/1?signature=x", store.url);
    let server = HttpServer::new(move |_| Answer::Reply {
        status: "302 Found",
        headers: vec![("Location", location.clone())],
        body: b"<html>moved</html>".to_vec(),
    });
    let home = Home::new();
    home.fetch(&pin, &server.url).unwrap();
    assert_eq!(home.contents(), [("restic".to_owned(), PROGRAM.to_vec())]);
}

#[test]
fn many_at_once_end_with_one_good_file_and_nobody_sees_half_of_it() {
    // Large, so that it takes a while to write.
    let program: Vec<u8> = (0..4_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let body = zip(&program);
    let pin = pin(ZIP, &body, Some(&program));
    let server = HttpServer::new(move |_| archive(body.clone()));
    let home = Home::new();
    let done = AtomicBool::new(false);
    thread::scope(|threads| {
        let reader = threads.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                if let Ok(found) = fs::read(home.file()) {
                    assert!(found == program, "half a program was in place");
                }
            }
        });
        let fetching: Vec<_> = (0..4).map(|_| threads.spawn(|| home.fetch(&pin, &server.url))).collect();
        let results: Vec<_> = fetching.into_iter().map(|fetching| fetching.join().unwrap()).collect();
        done.store(true, Ordering::SeqCst);
        for result in results {
            result.unwrap();
        }
        reader.join().unwrap();
    });
    assert!(home.contents() == [("restic".to_owned(), program)]);
}

/// A command of a PC that has no restic but those in `folders`.
fn without_restic(pc: &Pc, arguments: &[&str], folders: &[&Path]) -> Command {
    let mut command = pc.command(arguments);
    command.env_remove("CLOUD_SYNC_RESTIC_BINARY").env("PATH", std::env::join_paths(folders).unwrap());
    // Whatever a test forgets must not go to the network.
    command.env("CLOUD_SYNC_RESTIC_MIRROR", "http://127.0.0.1:1");
    command
}

fn version(text: &str) -> Value {
    json!({ "stdout": [format!(r#"{{"message_type":"version","version":"{text}"}}"#)] })
}

/// A restic that records what it does, but for telling its version, which it does like this.
fn recorder(version: &Value) -> Fake {
    Fake::recording(&json!({ "version": version }))
}

/// One that is as good as the real one.
fn good_restic() -> Fake {
    recorder(&json!({"real_first": true}))
}

/// Two PCs, of which A has a version to bring and an own file.
fn behind(cloud: &Cloud) -> Pc {
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    b.write("saves/World/level.dat", "day 1");
    b.push().expect(0, "ahead", "saved");
    a.write("mods/a.jar", "mod");
    a
}

#[test]
fn a_server_that_sends_garbage_in_place_of_restic_changes_nothing() {
    for answer in [
        Answer::body("text/html", "<html>Welcome to our hotel</html>"),
        archive(vec![0; 100_000]),
        Answer::status("404 Not Found"),
    ] {
        let cloud = Cloud::folder();
        let a = behind(&cloud);
        let empty = cloud.home.path().join("empty");
        let server = HttpServer::new(move |_| answer.clone());
        let before = a.tree();
        let pulled = ran(without_restic(&a, &["pull"], &[&empty]).env("CLOUD_SYNC_RESTIC_MIRROR", &server.url))
            .expect(1, "unknown", "failed")
            .says("could not fetch restic from")
            .says("--restic-binary");
        assert!(pulled.stderr.contains(&format!("{}/{}", server.url, pins::here().unwrap().asset)));
        assert_eq!(server.requests(), 1, "a mismatch is no reason to try again");
        assert_eq!(a.tree(), before);
        let names: Vec<_> = contents(&a.path(".cloud-sync")).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["lock", "logs"]);
        // With a restic it goes on as if nothing had been.
        a.pull().expect(0, "behind", "restored");
    }
}

#[test]
fn a_kept_program_that_is_not_the_one_that_was_fetched_never_runs() {
    let cloud = Cloud::folder();
    let a = behind(&cloud);
    let name = format!("restic-{}{}", pins::VERSION, std::env::consts::EXE_SUFFIX);
    let kept = recorder(&version(pins::VERSION));
    let good = good_restic();
    let ours = a.path(".cloud-sync");
    fs::create_dir(&ours).unwrap();
    // A program that would do perfectly, had anyone vouched for it.
    fs::copy(kept.exe(), ours.join(&name)).unwrap();
    fs::copy(kept.file("script.json"), ours.join("script.json")).unwrap();
    if pins::here().unwrap().program.is_some() {
        let hash = sha256(&fs::read(kept.exe()).unwrap());
        fs::write(ours.join(format!("{name}.sha256")), hash).unwrap();
    }
    let garbage = HttpServer::new(|_| Answer::body("text/html", "<html></html>"));
    let empty = cloud.home.path().join("empty");
    let mut command = without_restic(&a, &["pull"], &[&empty]);
    ran(command.env("CLOUD_SYNC_RESTIC_MIRROR", &garbage.url))
        .expect(1, "unknown", "failed")
        .says("is not the one that is expected");
    assert_eq!(garbage.requests(), 1, "it was not fetched anew");
    ran(&mut without_restic(&a, &["pull"], &[good.folder()])).expect(0, "behind", "restored");
    assert!(!good.runs().is_empty());
    assert_eq!(kept.runs().len(), 0, "a program that nobody vouches for was run");
}

#[test]
fn the_restic_that_is_named_beats_all_others() {
    let cloud = Cloud::folder();
    let a = behind(&cloud);
    let on_path = good_restic();
    let named = good_restic();
    let flag = format!("--restic-binary={}", named.exe().display());
    ran(&mut without_restic(&a, &["pull", &flag], &[on_path.folder()])).expect(0, "behind", "restored");
    assert!(!named.runs().is_empty());
    assert_eq!(on_path.runs().len(), 0);

    // A bare name is one on the PATH, not what a modpack left in the current folder.
    let trap = good_restic();
    a.write("saves/World/level.dat", "day 2");
    let mut command = without_restic(&a, &["push", "--restic-binary=restic"], &[Path::new("."), on_path.folder()]);
    ran(command.current_dir(trap.folder())).expect(0, "ahead", "saved");
    assert!(!on_path.runs().is_empty());
    assert_eq!(trap.runs().len(), 0);
}

#[test]
fn a_named_restic_that_will_not_do_is_told_and_not_replaced() {
    let cloud = Cloud::folder();
    let a = behind(&cloud);
    let on_path = good_restic();
    let old = recorder(&version("0.18.0"));
    let stranger = recorder(&json!({"stdout": ["hello"]}));
    let missing = cloud.home.path().join("missing");
    for (exe, reason) in [
        (old.exe(), format!("it is restic 0.18.0, and {OLDEST} is the oldest that will do")),
        (stranger.exe(), "it does not tell its version".to_owned()),
        (missing.as_path(), "could not start restic".to_owned()),
        (cloud.home.path(), "could not start restic".to_owned()),
    ] {
        let flag = format!("--restic-binary={}", exe.display());
        ran(&mut without_restic(&a, &["pull", &flag], &[on_path.folder()]))
            .expect(1, "unknown", "failed")
            .says(&reason);
    }
    assert_eq!((old.runs().len(), stranger.runs().len(), on_path.runs().len()), (0, 0, 0));
    assert!(!a.has("saves"));
}

#[test]
fn what_is_on_the_path_is_taken_if_it_is_new_enough() {
    let cloud = Cloud::folder();
    let a = behind(&cloud);
    let old = recorder(&version("0.18.0"));
    let older = recorder(&json!({"stdout": ["restic 0.14.0 compiled with go1.19.8 on linux/amd64"]}));
    let broken = recorder(&json!({"stderr": ["Segmentation fault"], "exit": 139}));
    let good = good_restic();
    let (text, nested) = (cloud.home.path().join("text"), cloud.home.path().join("nested"));
    let exe = format!("restic{}", std::env::consts::EXE_SUFFIX);
    fs::create_dir_all(&text).unwrap();
    fs::write(text.join(&exe), "no program").unwrap();
    fs::create_dir_all(nested.join(&exe)).unwrap();
    let all = [&old, &older, &broken].map(Fake::folder);
    let unusable = [&all[..], &[&text, &nested, Path::new(good.folder().file_name().unwrap())]].concat();

    // The good one's, written as a relative folder, does not count.
    let mut command = without_restic(&a, &["pull", "--no-download"], &unusable);
    ran(command.current_dir(good.folder().parent().unwrap()))
        .expect(1, "unknown", "failed")
        .says(&format!("no restic {OLDEST} or newer is on this PC"))
        .says("install restic, name it with --restic-binary, or allow the download");
    assert!(!a.has("saves"));

    let usable = [&unusable[..], &[good.folder()]].concat();
    ran(&mut without_restic(&a, &["pull", "--no-download"], &usable)).expect(0, "behind", "restored");
    assert!(!good.runs().is_empty());
    assert_eq!((old.runs().len(), older.runs().len(), broken.runs().len()), (0, 0, 0));
    assert_ne!(tools::restic(), good.exe());
}

#[test]
fn no_download_asks_no_server() {
    let cloud = Cloud::folder();
    let a = behind(&cloud);
    let empty = cloud.home.path().join("empty");
    let server = HttpServer::new(|_| Answer::status("404 Not Found"));
    for command in ["pull", "status", "doctor"] {
        let mut command = without_restic(&a, &[command, "--no-download"], &[&empty]);
        command.env("CLOUD_SYNC_RESTIC_MIRROR", &server.url);
        let _ = ran(&mut command);
    }
    // Nor do the commands that change nothing.
    for command in ["status", "doctor"] {
        let mut command = without_restic(&a, &[command], &[&empty]);
        let ran = ran(command.env("CLOUD_SYNC_RESTIC_MIRROR", &server.url));
        assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    }
    assert_eq!(server.requests(), 0);
}
