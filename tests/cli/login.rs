//! Signing in and out, and tokens that are missing, damaged or wrong.

use std::fs;
use std::process::Stdio;

use crate::support::beginnings::{LEVEL, play_first, two_in_sync};
use crate::support::cloud::{PASSWORD, good_token, holds_password};
use crate::support::pc::{assert_same, files, ran};
use crate::support::unchanged::Unchanged;
use crate::support::{Cloud, Pc};

fn token_of(pc: &Pc) -> Option<String> {
    fs::read_to_string(pc.path(".cloud-sync/token")).ok()
}

#[test]
fn login_keeps_a_token_that_is_right_and_remembers_the_address() {
    for cloud in [Cloud::server(), Cloud::server_without_repository(), Cloud::folder()] {
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        for text in [good_token(), format!("\u{feff}steve:{PASSWORD}\r\n"), format!("steve:{PASSWORD}")] {
            assert_eq!(a.login(&cloud.url, &text).code, 0);
            assert_eq!(token_of(&a), Some(good_token()));
        }
        b.write(LEVEL, "day 1");
        b.push().expect(0, "ahead", "saved");
        ran(&mut a.typed(&["pull", "--json"])).expect(0, "behind", "restored");
        assert_eq!(a.read(LEVEL), "day 1");
        ran(&mut a.typed(&["status", "--json"])).expect(0, "in_sync", "nothing");
    }
}

#[test]
fn login_keeps_no_token_that_is_wrong() {
    for cloud in [Cloud::server(), Cloud::folder()] {
        let a = cloud.pc("A");
        a.login(&cloud.url, "steve:wrong\n").expect(6, "signed_out", "signed_out");
        assert_eq!(token_of(&a), None);
        assert!(!a.has(".cloud-sync/config.json"), "the address of a failed login is remembered");
        // A good one that is there stays.
        assert_eq!(a.login(&cloud.url, &good_token()).code, 0);
        a.login(&cloud.url, "steve:wrong\n").expect(6, "signed_out", "signed_out");
        assert_eq!(token_of(&a), Some(good_token()));
    }
}

#[test]
fn login_keeps_no_token_that_nobody_could_check() {
    let mut cloud = Cloud::server();
    let a = cloud.pc("A");
    cloud.stop();
    a.login(&cloud.url, &good_token()).expect(7, "unknown", "offline");
    assert_eq!(token_of(&a), None);
    assert!(!a.has(".cloud-sync/config.json"));
}

#[test]
fn login_takes_nothing_that_is_no_token() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    for text in ["", "\n", PASSWORD, "steve:", ":correct horse", "steve:correct horse\nalex:x\n", "../x:correct horse"]
    {
        let ran = a.login(&cloud.url, text).expect(1, "unknown", "failed").says("user:password");
        assert!(!holds_password(ran.stdout.as_bytes()) && !holds_password(ran.stderr.as_bytes()), "{}", ran.stderr);
        assert!(!a.has(".cloud-sync"));
    }
    let stdin = cloud.home.path().join("stdin");
    fs::write(&stdin, b"steve:\xff\xfe").unwrap();
    let mut command = a.typed(&["login", "--token-stdin", "--json", &format!("--url={}", cloud.url)]);
    ran(command.stdin(Stdio::from(fs::File::open(stdin).unwrap()))).expect(1, "unknown", "failed");
    assert!(!a.has(".cloud-sync"));
}

#[test]
fn a_rejected_token_is_never_deleted() {
    let cloud = Cloud::server();
    let a = cloud.pc("A");
    assert_eq!(a.login(&cloud.url, &good_token()).code, 0);
    a.write(LEVEL, "day 1");
    a.write(".cloud-sync/token", "steve:changed on the server\n");
    for command in ["pull", "push", "status"] {
        ran(&mut a.typed(&[command, "--json"])).expect(0, "signed_out", "signed_out").says("cloud-sync login");
        ran(&mut a.typed(&[command, "--json", "--strict"])).expect(6, "signed_out", "signed_out");
    }
    assert_eq!(ran(&mut a.typed(&["doctor"])).code, 1);
    assert_eq!(token_of(&a).as_deref(), Some("steve:changed on the server\n"));
    assert!(cloud.snapshots().is_empty());
}

#[test]
fn logout_deletes_the_token_and_nothing_else() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    assert_eq!(a.login(&cloud.url, &good_token()).code, 0);
    a.write(LEVEL, "day 1");
    assert_eq!(ran(&mut a.typed(&["push"])).code, 0);
    let contents = || files(&a.dir).into_iter().map(|file| (fs::read(&file).unwrap(), file)).collect::<Vec<_>>();
    let mut before = contents();
    ran(&mut a.typed(&["logout", "--json"])).expect(0, "unknown", "signed_out");
    before.retain(|(_, file)| *file != a.path(".cloud-sync/token"));
    assert_eq!(contents(), before);
    ran(&mut a.typed(&["logout", "--json"])).expect(0, "unknown", "signed_out");
    assert_eq!(contents(), before);
    ran(&mut a.typed(&["pull", "--json", "--strict"])).expect(6, "signed_out", "signed_out");
    assert_eq!(a.read(LEVEL), "day 1");
}

#[test]
fn a_token_file_that_holds_no_token_is_named_with_the_reason() {
    let cloud = Cloud::server();
    let (mut a, _) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    let before = Unchanged::of(&a, &cloud);
    let good = a.token_file.clone();
    a.token_file = cloud.home.path().join("odd-token");
    for (content, reason) in [
        (&b""[..], "it is empty"),
        (b"\r\n", "it is empty"),
        (b"correct horse", "it has no colon"),
        (b"steve:", "one half is missing"),
        (b"steve:correct horse\nalex:correct horse\n", "more than one line"),
        (b"\xff\xfes\0t\0", "not UTF-8"),
        (b"\x7fELF\x02\x01\x01\0:\0", "control characters"),
    ] {
        fs::write(&a.token_file, content).unwrap();
        for verb in ["pull", "push", "status"] {
            a.run(&[verb]).expect(1, "unknown", "failed").says("odd-token").says(reason).says("user:password");
            before.assert_kept(&a, &cloud);
        }
    }
    a.token_file = good;
    a.push().expect(0, "ahead", "saved");
}

#[test]
fn a_token_file_that_cannot_be_read_is_named() {
    let cloud = Cloud::server();
    let (mut a, _) = two_in_sync(&cloud);
    let before = Unchanged::of(&a, &cloud);
    a.token_file = a.dir.clone();
    a.pull().expect(1, "unknown", "failed").says("the token file").says("cannot be used");
    a.token_file = a.dir.join("no-such-token");
    for verb in ["pull", "push"] {
        a.run(&[verb]).expect(1, "unknown", "failed").says("no-such-token does not exist");
    }
    before.assert_kept(&a, &cloud);
}

#[test]
fn tokens_from_other_systems_editors_are_taken() {
    let cloud = Cloud::server();
    let (mut a, _) = two_in_sync(&cloud);
    a.token_file = cloud.home.path().join("notepad-token");
    for (day, content) in
        ["steve:correct horse\r\n", "\u{feff}steve:correct horse\r\n", "steve:correct horse"].into_iter().enumerate()
    {
        fs::write(&a.token_file, content).unwrap();
        a.write(LEVEL, format!("evening {day}"));
        a.push().expect(0, "ahead", "saved");
    }
}

#[test]
fn nobody_signed_in_and_nobody_to_ask_lets_the_launch_go_on() {
    let cloud = Cloud::server();
    let a = cloud.pc("A");
    play_first(&a);
    let before = Unchanged::of(&a, &cloud);
    for verb in ["pull", "push"] {
        for (strict, code) in [(&[][..], 0), (&["--strict"], 6)] {
            let mut command = a.bare();
            command.args([verb, "--json", "--url", &a.url, "--pack-folder"]).arg(&a.dir).args(strict);
            ran(&mut command).expect(code, "signed_out", "signed_out").says("not signed in").says("cloud-sync login");
        }
    }
    before.assert_kept(&a, &cloud);
}

#[test]
fn another_password_than_the_repositorys_is_signed_out() {
    for cloud in [Cloud::folder(), Cloud::server()] {
        let (mut a, _) = two_in_sync(&cloud);
        let mut c = cloud.pc("C");
        a.write(LEVEL, "day 2");
        let (before_a, before_c) = (Unchanged::of(&a, &cloud), Unchanged::of(&c, &cloud));
        let good = a.token_file.clone();
        let wrong = cloud.home.path().join("wrong-token");
        fs::write(&wrong, "steve:another password\n").unwrap();
        (a.token_file, c.token_file) = (wrong.clone(), wrong.clone());
        for (strict, code) in [(&[][..], 0), (&["--strict"], 6)] {
            let args = |verb| [&[verb], strict].concat();
            c.run(&args("pull")).expect(code, "signed_out", "signed_out").says("password").says("sign in");
            a.run(&args("push")).expect(code, "signed_out", "signed_out").says("password").says("sign in");
        }
        before_a.assert_kept(&a, &cloud);
        before_c.assert_kept(&c, &cloud);
        assert_eq!(fs::read_to_string(&wrong).unwrap(), "steve:another password\n");

        (a.token_file, c.token_file) = (good.clone(), good);
        a.push().expect(0, "ahead", "saved");
        c.pull().expect(0, "behind", "restored");
        assert_same(&a, &c);
    }
}

#[test]
fn what_a_killed_login_left_half_written_is_told_and_goes() {
    const HALF: &str = ".cloud-sync/.cloud-sync-new-Ab12Cd";
    let cloud = Cloud::server();
    let a = cloud.pc("A");
    a.write(".cloud-sync/token", good_token());
    a.write(HALF, good_token());
    let told = ran(&mut a.typed(&["doctor"]));
    assert!(told.stdout.contains("1 file half written"), "{}", told.stdout);
    assert_eq!(ran(&mut a.typed(&["logout"])).code, 0);
    assert_eq!((a.has(".cloud-sync/token"), a.has(HALF)), (false, false));

    a.write(HALF, "half a state");
    a.write(LEVEL, "day 1");
    a.push().expect(0, "ahead", "saved");
    assert!(!a.has(HALF));
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_a_file_of_ours_is_named_and_holds_nobody_up() {
    use crate::support::pc::make_pipe;
    let cloud = Cloud::folder();
    let (mut a, _) = two_in_sync(&cloud);
    for name in ["state.json", "scope.json"] {
        let file = a.path(&format!(".cloud-sync/{name}"));
        let aside = file.with_extension("aside");
        let had_one = fs::rename(&file, &aside).is_ok();
        make_pipe(&file);
        let pulled = a.pull();
        assert!(pulled.code != 0 && pulled.stdout.contains(name), "{}", pulled.stdout);
        fs::remove_file(&file).unwrap();
        if had_one {
            fs::rename(&aside, &file).unwrap();
        }
    }
    let token = cloud.home.path().join("pipe");
    make_pipe(&token);
    a.token_file = token;
    a.pull().expect(1, "unknown", "failed").says("no ordinary file");
}
