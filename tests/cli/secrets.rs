//! The password goes to the cloud and to restic's environment, and nowhere else.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use cloud_sync::cloud::repository::Repository;
use cloud_sync::context::Account;
use cloud_sync::credentials::Token;
use serde_json::json;

use crate::support::beginnings::LEVEL;
#[cfg(unix)]
use crate::support::beginnings::two_in_sync;
use crate::support::cloud::{PASSWORD, good_token, holds_password};
use crate::support::fake::{Fake, Run};
use crate::support::http::{Answer, HttpServer};
use crate::support::pc::{files, ran};
use crate::support::{Cloud, Pc, Ran};

/// Nothing that a run said, and nothing of ours but the token, holds the password.
#[track_caller]
fn assert_kept(pc: &Pc, ran: &Ran) {
    assert!(!holds_password(ran.stdout.as_bytes()), "stdout tells the password: {}", ran.stdout);
    assert!(!holds_password(ran.stderr.as_bytes()), "stderr tells the password: {}", ran.stderr);
    for file in files(&pc.path(".cloud-sync")) {
        let is_token = file == pc.path(".cloud-sync/token");
        assert_eq!(holds_password(&fs::read(&file).unwrap()), is_token, "{}", file.display());
    }
}

/// The names of a run's variables that begin with `prefix`.
fn variables<'a>(run: &'a Run, prefix: &str) -> BTreeSet<&'a str> {
    let names = run.environment.iter().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    names.filter(|name| name.starts_with(prefix)).collect()
}

#[test]
fn the_password_is_in_restics_environment_and_nowhere_else() {
    let cloud = Cloud::server_without_repository();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    let restic = Fake::recording(&json!({}));
    let say = |arguments: &[&str], json: bool| {
        let mut command = a.typed(arguments);
        command.arg("-v").env("CLOUD_SYNC_RESTIC_BINARY", restic.exe()).args(json.then_some("--json"));
        let ran = ran(&mut command);
        assert_kept(&a, &ran);
        ran
    };

    assert_eq!(a.login(&cloud.url, &good_token()).code, 0);
    a.write(LEVEL, "day 1");
    a.write("options.txt", "fov:0.5");
    for json in [false, true] {
        assert_eq!(say(&["push"], json).code, 0);
        b.pull().expect(0, "behind", "restored");
        b.write(LEVEL, format!("day 2, {json}"));
        b.push().expect(0, "ahead", "saved");
        for command in ["status", "pull", "doctor", "undo", "push"] {
            let ran = say(&[command], json);
            assert_eq!(ran.code, 0, "{command}: {}\n{}", ran.stdout, ran.stderr);
        }
        a.write(LEVEL, "day 3");
    }
    let runs = restic.runs();
    for verb in ["version", "init", "backup", "dump", "ls", "restore", "key"] {
        assert!(runs.iter().any(|run| run.verb() == verb), "restic {verb} was not run");
    }
    for run in &runs {
        assert!(!holds_password(run.arguments.as_bytes()), "{}", run.arguments);
        let told: Vec<_> = run.environment.iter().filter(|line| holds_password(line.as_bytes())).cloned().collect();
        let passwords = [format!("RESTIC_PASSWORD={PASSWORD}"), format!("RESTIC_REST_PASSWORD={PASSWORD}")];
        let is_version = run.verb() == "version";
        assert!(told.iter().all(|line| passwords.contains(line)), "{told:?}");
        assert_eq!(told.len(), if is_version { 0 } else { 2 }, "{}", run.arguments);
    }
}

#[test]
fn a_restic_that_repeats_the_password_is_not_quoted() {
    for password in [PASSWORD, "pa\"ss\\word:\u{e9}$x"] {
        let cloud = Cloud::folder();
        let a = cloud.pc("A");
        a.write(".cloud-sync/token", format!("steve:{password}"));
        a.write(LEVEL, "day 1");
        let words = format!("the password {password} is odd");
        let impossible = if cfg!(windows) { &['"', '\\', ':'][..] } else { &['"'][..] };
        let named = cloud.home.path().join(password.replace(impossible, ""));
        fs::write(&named, "").unwrap();
        let exit_error = json!({"message_type": "exit_error", "code": 1, "message": format!("Fatal: {words}")});
        let item = json!({"message_type": "error", "error": {"message": words}, "item": named});
        for (stderr, exit) in [(words, 1), (exit_error.to_string(), 1), (item.to_string(), 1), (item.to_string(), 3)] {
            let restic = Fake::new(&json!({"backup": {"real_first": exit == 3, "stderr": [stderr], "exit": exit}}));
            let url = format!("--url={}", cloud.url);
            for json in [None, Some("--json")] {
                let ran = ran(a.typed(&["push", "-v", &url]).args(json).env("CLOUD_SYNC_RESTIC_BINARY", restic.exe()));
                assert_ne!(ran.code, 0);
                assert!(exit == 3 || ran.stderr.contains("the password *** is odd"), "{}", ran.stderr);
                let error = ran.json["error"]["message"].to_string();
                for text in [&ran.stdout, &ran.stderr, &a.logs(), &error] {
                    let escaped = json!(password).to_string();
                    let escaped = escaped.trim_matches('"');
                    assert!(!text.contains(password) && !text.contains(escaped), "{text}");
                }
            }
        }
    }
}

#[test]
fn nothing_that_can_be_debugged_tells_the_password() {
    let token = Token::parse(&good_token()).unwrap();
    let repository = Repository::parse("https://sync.example.org", "steve", false).unwrap();
    let account = Account { repository, token };
    let text = format!("{account:?} {account:#?} {:?}", account.token.password());
    assert!(text.contains("steve") && text.contains("***"));
    assert!(!holds_password(text.as_bytes()), "{text}");
}

/// What would lead restic astray if it saw it.
fn hostile_environment(home: &Path) -> Vec<(&'static str, String)> {
    let other = home.join("other").display().to_string();
    vec![
        ("RESTIC_HOST", "zzz".to_owned()),
        ("RESTIC_PASSWORD", "another".to_owned()),
        ("RESTIC_PASSWORD_FILE", other.clone()),
        ("RESTIC_PASSWORD_COMMAND", "echo another".to_owned()),
        ("RESTIC_REPOSITORY", other.clone()),
        ("RESTIC_REPOSITORY_FILE", other.clone()),
        ("RESTIC_CACERT", "/nonexistent".to_owned()),
        ("RESTIC_TLS_CLIENT_CERT", "/nonexistent".to_owned()),
        ("RESTIC_COMPRESSION", "bad".to_owned()),
        ("RESTIC_FEATURES", "bad".to_owned()),
        ("RESTIC_PACK_SIZE", "bad".to_owned()),
        ("RESTIC_READ_CONCURRENCY", "bad".to_owned()),
        ("RESTIC_KEY_HINT", "bad".to_owned()),
        ("RESTIC_CACHE_DIR", other),
        ("RESTIC_REST_USERNAME", "alex".to_owned()),
        ("RESTIC_REST_PASSWORD", "another".to_owned()),
        ("RESTIC_HTTP_USER_AGENT", "x".to_owned()),
        ("RESTIC_PROGRESS_FPS", "bad".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "aws".to_owned()),
        ("RCLONE_CONFIG", "/nonexistent".to_owned()),
        ("B2_ACCOUNT_KEY", "b2".to_owned()),
        ("OS_PASSWORD", "os".to_owned()),
        ("GODEBUG", "http2client=0".to_owned()),
        ("TZ", "Asia/Kathmandu".to_owned()),
        ("PWD", "/".to_owned()),
    ]
}

#[test]
fn no_inherited_variable_leads_restic_astray() {
    for cloud in [Cloud::server_without_repository(), Cloud::folder()] {
        let (a, b) = (cloud.pc("A"), cloud.pc("B"));
        let restic = Fake::recording(&json!({}));
        let run = |pc: &Pc, command: &str| {
            let mut command = pc.command(&[command]);
            command.env("CLOUD_SYNC_RESTIC_BINARY", restic.exe()).envs(hostile_environment(cloud.home.path()));
            ran(&mut command)
        };
        a.write(LEVEL, "day 1");
        run(&a, "push").expect(0, "ahead", "saved");
        run(&b, "pull").expect(0, "behind", "restored");
        b.write(LEVEL, "day 2");
        run(&b, "push").expect(0, "ahead", "saved");
        run(&a, "status").expect(0, "behind", "nothing");
        run(&a, "pull").expect(0, "behind", "restored");
        assert_eq!(a.read(LEVEL), "day 2");
        assert!(!cloud.home.path().join("other").exists());
        let hosts: Vec<_> = cloud.snapshots().iter().map(|snapshot| snapshot["hostname"].clone()).collect();
        assert_eq!(hosts, ["A", "B"]);

        let ours = BTreeSet::from([
            "RESTIC_CACHE_DIR",
            "RESTIC_PASSWORD",
            "RESTIC_PROGRESS_FPS",
            "RESTIC_REPOSITORY",
            "RESTIC_REST_PASSWORD",
            "RESTIC_REST_USERNAME",
        ]);
        for run in restic.runs() {
            let is_version = run.verb() == "version";
            assert_eq!(variables(&run, "RESTIC_"), if is_version { BTreeSet::new() } else { ours.clone() });
            for prefix in ["AWS_", "RCLONE_", "B2_", "OS_", "GODEBUG", "CLOUD_SYNC_"] {
                assert_eq!(variables(&run, prefix), BTreeSet::new(), "{}", run.arguments);
            }
            assert!(run.environment.iter().all(|line| !line.contains("another") && line != "PWD=/"));
        }
    }
}

#[test]
fn credentials_of_a_backend_reach_that_backend_alone() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    let restic = Fake::new(&json!({}));
    restic.tell(&json!({"list": {"record": restic.record()}}));
    // Somebody must listen there.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let s3 = format!("s3:http://{}/bucket", listener.local_addr().unwrap());
    for (url, passed, dropped) in [(s3.as_str(), "AWS_", "RCLONE_"), ("rclone:remote:path", "RCLONE_", "AWS_")] {
        let _ = fs::remove_file(restic.record());
        let mut command = a.command(&["status"]);
        command.arg(format!("--url={url}")).env("CLOUD_SYNC_RESTIC_BINARY", restic.exe());
        let mut command = replace_url(&command, url);
        ran(command.envs(hostile_environment(cloud.home.path()))).expect(0, "blank", "nothing");
        let runs = restic.runs();
        assert_eq!(runs.len(), 1);
        assert_eq!(variables(&runs[0], passed).len(), 1, "{url}");
        assert_eq!(variables(&runs[0], dropped).len(), 0, "{url}");
    }
}

/// The same command for another repository.
fn replace_url(command: &Command, url: &str) -> Command {
    let mut other = Command::new(command.get_program());
    let kept = command.get_args().filter(|argument| !argument.to_string_lossy().starts_with("--url="));
    other.args(kept).arg(format!("--url={url}")).env_clear();
    other.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    other.stdin(Stdio::null());
    other
}

#[cfg(unix)]
#[test]
fn our_files_are_for_this_user_alone_whatever_the_umask() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    for umask in ["000", "022"] {
        let cloud = Cloud::folder();
        let a = cloud.pc("A");
        // An older version, or an unpacked modpack, may have left it open to all.
        fs::create_dir(a.path(".cloud-sync")).unwrap();
        fs::set_permissions(a.path(".cloud-sync"), fs::Permissions::from_mode(0o777)).unwrap();
        let under_umask = |command: &Command| {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"]);
            shell.arg(command.get_program()).args(command.get_args()).env_clear().current_dir(&a.dir);
            shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell
        };
        let url = format!("--url={}", cloud.url);
        let token = fs::File::open(cloud.token_file()).unwrap();
        let signed_in = ran(under_umask(&a.typed(&["login", "--token-stdin", &url])).stdin(Stdio::from(token)));
        assert_eq!(signed_in.code, 0, "{}", signed_in.stderr);
        a.write(LEVEL, "day 1");
        assert_eq!(ran(&mut under_umask(&a.typed(&["push"]))).code, 0);
        assert_eq!(mode(&a.path(".cloud-sync")), 0o700);
        for name in ["token", "state.json", "config.json"] {
            assert_eq!(mode(&a.path(".cloud-sync").join(name)), 0o600, "{name} under umask {umask}");
        }
    }
}

#[test]
fn a_password_travels_in_clear_only_where_the_player_says_so() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    // Stands in for every host there is.
    let proxy = HttpServer::new(|_| Answer::status("404 Not Found"));
    for url in ["http://sync.example.org", "rest:http://sync.example.org/steve/", "HTTP://sync.example.org"] {
        for command in ["pull", "push", "status"] {
            let asked = proxy.requests();
            let command = a.command(&[command]);
            let run = |flag: Option<&str>| {
                ran(replace_url(&command, url).args(flag).env("http_proxy", &proxy.url).env("NO_PROXY", ""))
            };
            run(None).expect(2, "unknown", "failed");
            assert_eq!(proxy.requests(), asked, "{url} was asked");
            if url.starts_with("http:") {
                run(Some("--insecure-http")).expect(0, "blank", "nothing");
                assert_eq!(proxy.requests(), asked + 1);
            }
        }
    }
}

#[test]
fn a_password_for_this_pc_takes_no_way_round_through_a_proxy() {
    let cloud = Cloud::server();
    let a = cloud.pc("A");
    let proxy = HttpServer::new(|_| Answer::status("404 Not Found"));
    a.write(LEVEL, "day 1");
    for command in ["push", "pull", "status"] {
        let mut command = a.command(&[command]);
        command.env("http_proxy", &proxy.url).env("HTTP_PROXY", &proxy.url).env("ALL_PROXY", &proxy.url);
        assert_eq!(ran(&mut command).code, 0);
    }
    assert_eq!(proxy.requests(), 0);
    assert_eq!(cloud.snapshots().len(), 1);
}

#[test]
fn a_password_in_the_address_is_refused_and_not_repeated() {
    let cloud = Cloud::folder();
    let a = cloud.pc("A");
    for url in [
        "https://steve:hunter2@sync.example.org",
        "https://steve:hunter2@",
        "https://:hunter2@sync.example.org/x",
        "rest:https://steve:hunter2@sync.example.org/steve/",
        "rest:http+unix://steve:hunter2@/run/restic.sock:/steve/",
        "sftp://steve:hunter2@sync.example.org/srv",
        "steve:hunter2",
        "steve:hunter2@sync.example.org",
    ] {
        for command in ["pull", "push", "status", "login"] {
            let mut command = replace_url(&a.command(&[command, "-v"]), url);
            if command.get_args().any(|argument| argument == "login") {
                let token = fs::File::open(cloud.token_file()).unwrap();
                command.arg("--token-stdin").stdin(Stdio::from(token));
            }
            let ran = ran(&mut command);
            assert_eq!(ran.code, 2, "{url}: {}", ran.stdout);
            assert!(!ran.stdout.contains("hunter2") && !ran.stderr.contains("hunter2"), "{url}: {}", ran.stderr);
        }
    }
    for file in files(&a.dir) {
        assert!(!String::from_utf8_lossy(&fs::read(&file).unwrap()).contains("hunter2"), "{}", file.display());
    }
}

#[test]
fn a_token_in_the_place_of_something_else_is_not_repeated() {
    let cloud = Cloud::server();
    let a = cloud.pc("A");
    let token = good_token().trim().to_owned();
    let file = format!("--token-file={token}");
    for arguments in
        [&["push", &token][..], &["push", "--json", &token], &["pull", "--json", &file], &["undo", "x", &token]]
    {
        let mut command = a.bare();
        command.args(arguments).current_dir(&a.dir).args(["--url", &cloud.url]);
        let output = command.output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        let said = [output.stdout, output.stderr].concat();
        assert!(!holds_password(&said), "{arguments:?}: {}", String::from_utf8_lossy(&said));
    }
}

#[cfg(unix)]
#[test]
fn a_token_that_others_can_read_is_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let cloud = Cloud::server();
    let (a, _) = two_in_sync(&cloud);
    fs::set_permissions(&a.token_file, fs::Permissions::from_mode(0o644)).unwrap();
    a.pull().expect(0, "in_sync", "nothing").warns("others on this PC can read your token");
    fs::set_permissions(&a.token_file, fs::Permissions::from_mode(0o600)).unwrap();
    let quiet = a.pull();
    assert_eq!(quiet.json["warnings"], json!([]));
}
