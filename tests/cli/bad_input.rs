//! What a player, a launcher or a disk may get wrong: a clear message, an exit code, and nothing lost.

use std::fs;
#[cfg(unix)]
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

#[cfg(unix)]
use crate::support::cloud::tags;
use crate::support::evening::{LEVEL, REGION, play_first, two_in_sync};
use crate::support::fake::Fake;
#[cfg(unix)]
use crate::support::pc::make_pipe;
use crate::support::pc::{assert_same, ran, tree};
use crate::support::whole::Whole;
use crate::support::{Cloud, Pc};

// The address.

#[test]
fn without_an_address_nothing_is_synced() {
    let cloud = Cloud::server();
    let a = cloud.pc("A");
    play_first(&a);
    let before = Whole::of(&a, &cloud);
    for verb in ["pull", "push", "status", "login"] {
        let mut command = a.bare();
        command.args([verb, "--json", "--pack-folder"]).arg(&a.dir);
        ran(&mut command).expect(2, "unknown", "failed").says("not set up yet").says("--url=");
        before.assert_kept(&a, &cloud);
    }
}

// The token.

#[test]
fn a_token_file_that_holds_no_token_is_named_with_the_reason() {
    let cloud = Cloud::server();
    let (mut a, _) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    let before = Whole::of(&a, &cloud);
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
    let before = Whole::of(&a, &cloud);
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
    let before = Whole::of(&a, &cloud);
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
        let (before_a, before_c) = (Whole::of(&a, &cloud), Whole::of(&c, &cloud));
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

// What lies in our own folder and in the repository.

#[test]
fn a_repository_from_the_future_is_left_alone() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    let config = cloud.repository.join("config");
    let known = fs::read(&config).unwrap();
    fs::set_permissions(&config, fs::metadata(cloud.home.path().join("token")).unwrap().permissions()).unwrap();
    fs::write(&config, include_bytes!("../fixtures/newer-config")).unwrap();
    let before = Whole::of(&a, &cloud);
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
    let newer = String::from_utf8(good.clone()).unwrap().replacen("\"version\":3", "\"version\":4", 1);
    for (content, reason) in [
        (good[..good.len() / 2].to_vec(), "it is damaged"),
        (b"".to_vec(), "it is damaged"),
        (b"\0\xff\x01\x02".to_vec(), "it is damaged"),
        (newer.into_bytes(), "a newer cloud-sync (version 4)"),
    ] {
        fs::write(&file, &content).unwrap();
        let before = Whole::of(&a, &cloud);
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
        let before = Whole::of(&a, &cloud);
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
fn a_remembered_address_that_cannot_be_read_is_named() {
    let cloud = Cloud::server();
    let (a, _) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    let before = Whole::of(&a, &cloud);
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
    let before = Whole::of(&a, &cloud);
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

// The instance.

/// What A and B do evening by evening must arrive, wherever A's instance is.
fn round_trip(a: &Pc, b: &Pc) {
    play_first(a);
    a.write("saves/World/session.lock", "");
    a.write("saves/World/logs/latest.log", "of no use elsewhere");
    a.write("mods/big.jar", "not synced");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.names(), ["options.txt", LEVEL, REGION], "from {}", a.dir.display());

    b.write(LEVEL, "day 2");
    b.remove("options.txt");
    b.write("saves/Second/level.dat", "new");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    let mut expected = b.tree();
    for own in ["saves/World/session.lock", "saves/World/logs/latest.log", "mods/big.jar"] {
        expected.insert(own.to_owned(), a.read(own).into_bytes());
    }
    assert!(a.tree() == expected, "{:?}", a.tree().keys());
    a.pull().expect(0, "in_sync", "nothing");
    b.push().expect(0, "in_sync", "nothing");
    a.assert_tidy();
}

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

/// Whatever makes restic pass over a file, the file does not count as saved.
#[test]
fn what_restic_passes_over_is_named_and_saved_later() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    a.write("saves/Second/level.dat", "new");
    let fake = Fake::new(&json!({"backup": {"real_with": ["--exclude", "Second"]}}));
    fake.run(&a, &["push"]).expect(8, "ahead", "saved").says("passed over").warns("saves/Second/level.dat");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(LEVEL), "day 2");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
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
    run("pull", &[]).expect(3, "diverged", "cancelled");
    run("pull", &[("CLOUD_SYNC_ON_CONFLICT", "cancel")]).expect(1, "diverged", "cancelled");
    run("pull", &[("CLOUD_SYNC_ON_CONFLICT", "use-remote"), ("CLOUD_SYNC_STRICT", "true")]).expect(
        0,
        "diverged",
        "took_remote",
    );
    assert_same(&a, &b);

    let before = Whole::of(&a, &cloud);
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
    let before = Whole::of(&a, &cloud);
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

// Files.

#[cfg(unix)]
#[test]
fn odd_names_of_files_travel_unharmed() {
    let cloud = Cloud::server();
    let (a, b) = (cloud.pc("A"), cloud.pc("B"));
    let names = [
        "-x",
        "--exclude=*",
        "a[1].txt",
        "a[1",
        "a*b",
        "a?b",
        " leading",
        "trailing ",
        "trailing nbsp\u{a0}",
        "trailing.",
        "$HOME",
        "$$",
        "${HOME}",
        "#x",
        "!x",
        "back\\slash",
        "\\",
        "new\nline",
        "return\r",
        "tab\t",
        "bell\u{7}",
        "quo\"te",
        "{a,b}",
        "~",
        "Ünï ✓ 世界",
        "de\u{301}compose\u{301}",
        ":",
        "a:b",
        "CON",
        "...",
    ];
    let own_scope = r##"{
        "include": ["saves/", "-x", "*b", "#x", "$HOME", " leading", "trailing "],
        "exclude": ["**/left $out [xy]*"]
    }"##;
    for scope in [None, Some(own_scope)] {
        for pc in [&a, &b] {
            scope.inspect(|scope| pc.write(".cloud-sync/scope.json", scope));
        }
        for (number, name) in names.iter().enumerate() {
            a.write(&format!("saves/World/{name}"), format!("file {number} {scope:?}"));
            a.write(&format!("saves/folder {name}/level.dat"), format!("world {number} {scope:?}"));
            if scope.is_some() {
                a.write(name, format!("top {number}"));
                a.write(&format!("saves/left $out x{name}"), "left out");
            }
        }
        // So many others that those are fetched by their names.
        for number in 0..400 {
            a.write(&format!("saves/World/region/{number}"), "");
        }
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        for (number, name) in names.iter().enumerate().filter(|_| scope.is_some()) {
            a.remove(&format!("saves/left $out x{name}"));
            let synced = ["-x", "a*b", "a?b", "a:b", "#x", "$HOME", " leading", "trailing "].contains(name);
            if !synced {
                a.remove(name);
            }
            assert_eq!(b.has(name), synced, "{number} {name:?}");
        }
        assert_same(&a, &b);

        for name in names {
            b.write(&format!("saves/World/{name}"), "edited");
        }
        b.remove("saves/World/region/7");
        b.push().expect(0, "ahead", "saved");
        a.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);

        for name in names {
            a.remove(&format!("saves/folder {name}"));
        }
        a.push().expect(0, "ahead", "saved");
        b.pull().expect(0, "behind", "restored");
        assert_same(&a, &b);
        b.pull().expect(0, "in_sync", "nothing");
        b.run(&["undo"]).expect(0, "unknown", "undone");
        for (number, name) in names.iter().enumerate() {
            let brought_back = b.read(&format!("saves/folder {name}/level.dat"));
            assert_eq!(brought_back, format!("world {number} {scope:?}"));
        }
        b.run(&["undo"]).expect(0, "unknown", "undone");
        assert_same(&a, &b);
        a.assert_tidy();
        b.assert_tidy();
    }
}

/// Names that are no text; the disks of macOS do not take them.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_are_left_out_and_cost_nothing_else() {
    use std::os::unix::ffi::OsStrExt as _;
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let odd = |pc: &Pc, name: &[u8]| pc.path("saves/World").join(std::ffi::OsStr::from_bytes(name));
    let names = [&b"bad\xff.dat"[..], b"*\xff", b"\xff[1] ", b"\xff\n", b"\xff\\", b"\xff$HOME", b"#\xff"];
    for name in names {
        fs::write(odd(&a, name), "A's").unwrap();
    }
    fs::create_dir(odd(&a, b"folder\xff")).unwrap();
    fs::write(odd(&a, b"folder\xff/x"), "A's").unwrap();
    fs::write(odd(&b, b"only on B\xff"), "B's").unwrap();
    a.write("saves/World/bad", "a neighbour");
    a.remove(REGION);
    let pushed = a.push().expect(0, "ahead", "saved").warns("not valid Unicode").warns("saves/World/bad");
    assert_eq!(pushed.json["warnings"].as_array().unwrap().len(), names.len() + 1, "{}", pushed.json["warnings"]);
    let held: Vec<_> = cloud.files_of(&a.base().unwrap()).into_iter().collect();
    assert_eq!(held, ["options.txt", "saves/World/bad", LEVEL]);

    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read("saves/World/bad"), "a neighbour");
    assert!(!b.has(REGION), "a deletion did not travel");
    assert_eq!(fs::read(odd(&b, b"only on B\xff")).unwrap(), b"B's");
    for name in names {
        assert_eq!(fs::read(odd(&a, name)).unwrap(), b"A's");
        assert!(!odd(&b, name).exists());
    }
    a.push().expect(0, "in_sync", "nothing");
    b.push().expect(0, "in_sync", "nothing");
}

/// Other clients save such names, and a listing cannot tell them.
#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_text_in_the_cloud_are_skipped() {
    use std::os::unix::ffi::OsStrExt as _;
    let cloud = Cloud::server();
    let theirs = cloud.pc("theirs");
    play_first(&theirs);
    fs::write(theirs.path("saves/World").join(std::ffi::OsStr::from_bytes(b"bad\xff.dat")), "theirs").unwrap();
    cloud.restic_in(&theirs.dir, &["backup", "saves", "options.txt"]);

    let a = cloud.pc("A");
    a.pull().expect(0, "behind", "restored").warns("saves/World/bad");
    assert_eq!(a.names(), ["options.txt", LEVEL, REGION]);
    a.write(LEVEL, "day 2");
    a.push().expect(0, "ahead", "saved");
}

#[test]
fn a_file_takes_the_place_of_a_folder_and_the_other_way_round() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write("screenshots/thing", "a file");
    a.write("saves/World/data", "a file, too");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");

    b.remove("screenshots/thing");
    b.write("screenshots/thing/inner", "in a folder");
    b.remove("saves/World/data");
    b.write("saves/World/data/deep/raids.dat", "in a folder, too");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert_same(&a, &b);
    assert_eq!(a.undo_files()["screenshots/thing"], b"a file");

    a.remove("screenshots/thing");
    a.write("screenshots/thing", "a file again");
    a.remove("saves/World/data");
    a.write("saves/World/data", "a file again, too");
    a.push().expect(0, "ahead", "saved");
    // Nobody else's business, but in the way.
    b.write("saves/World/data/deep/session.lock", "B's");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read("saves/World/data"), "a file again, too");
    let undone = b.undo_files();
    assert_eq!(undone["screenshots/thing/inner"], b"in a folder");
    assert!(undone.values().any(|content| content == b"B's"), "{:?}", undone.keys());
    assert_same(&a, &b);
    b.pull().expect(0, "in_sync", "nothing");

    // Where they never met, the cloud wins, and what was in its way is kept.
    let c = cloud.pc("C");
    c.write("screenshots/thing/mine", "C's");
    c.write("options.txt/x", "C's, too");
    c.pull().expect(0, "first_link", "restored");
    assert_same(&a, &c);
    assert_eq!(c.undo_files()["screenshots/thing/mine"], b"C's");
    assert_eq!(c.undo_files()["options.txt/x"], b"C's, too");
    c.run(&["undo"]).expect(0, "unknown", "undone");
    assert_eq!(c.read("screenshots/thing/mine"), "C's");
    assert_eq!(c.read("options.txt/x"), "C's, too");
}

/// Reading a pipe would wait for ever.
#[cfg(unix)]
#[test]
fn pipes_and_sockets_are_left_out() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    a.write(LEVEL, "day 2");
    make_pipe(&a.path("saves/World/pipe"));
    make_pipe(&a.path("saves/pipe"));
    let _socket = std::os::unix::net::UnixListener::bind(a.path("saves/World/socket")).unwrap();
    let said = a.push().expect(0, "ahead", "saved");
    said.warns("saves/World/pipe: it is no ordinary file").warns("saves/pipe").warns("saves/World/socket");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.names(), ["options.txt", LEVEL, REGION]);
    b.write("saves/World/pipe", "a file");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    assert!(!fs::symlink_metadata(a.path("saves/World/pipe")).unwrap().is_file());
}

// Links.

#[cfg(unix)]
fn link(target: impl AsRef<Path>, link: impl AsRef<Path>) {
    std::os::unix::fs::symlink(target, link).unwrap();
}

#[cfg(unix)]
#[track_caller]
fn assert_link(pc: &Pc, path: &str, target: &Path) {
    assert_eq!(fs::read_link(pc.path(path)).unwrap(), target, "{path} on {} is that link no more", pc.name);
}

#[cfg(unix)]
#[test]
fn saves_that_lie_elsewhere_are_synced_and_the_link_stays() {
    let cloud = Cloud::server();
    let (a, b, c) = (cloud.pc("A"), cloud.pc("B"), cloud.pc("C"));
    let (elsewhere_a, elsewhere_b) = (a.home.join("my saves [1]"), b.home.join("saves"));
    for (pc, elsewhere) in [(&a, &elsewhere_a), (&b, &elsewhere_b)] {
        fs::create_dir(elsewhere).unwrap();
        link(elsewhere, pc.path("saves"));
    }
    round_trip(&a, &b);
    for own in ["saves/World/session.lock", "saves/World/logs", "mods"] {
        a.remove(own);
    }
    c.pull().expect(0, "behind", "restored");
    assert_same(&a, &c);
    c.remove("saves/Second");
    c.write(LEVEL, "day 3");
    c.push().expect(0, "ahead", "saved");
    for pc in [&a, &b] {
        pc.pull().expect(0, "behind", "restored").warns("Second was deleted");
        assert_same(pc, &c);
    }
    assert_link(&a, "saves", &elsewhere_a);
    assert_link(&b, "saves", &elsewhere_b);
    assert_eq!(fs::read(elsewhere_b.join("World/level.dat")).unwrap(), b"day 3");
    a.run(&["undo"]).expect(0, "unknown", "undone");
    assert_eq!(a.read("saves/Second/level.dat"), "new");
    assert_link(&a, "saves", &elsewhere_a);
}

#[cfg(unix)]
#[test]
fn a_world_that_lies_elsewhere_is_synced_and_the_link_stays() {
    let cloud = Cloud::server();
    let (a, b, c) = (cloud.pc("A"), cloud.pc("B"), cloud.pc("C"));
    play_first(&a);
    a.write("saves/Plain/level.dat", "a real folder");
    for pc in [&a, &b] {
        let elsewhere = pc.home.join("elsewhere");
        fs::create_dir_all(pc.path("saves")).unwrap();
        if pc.has("saves/World") {
            fs::rename(pc.path("saves/World"), &elsewhere).unwrap();
        } else {
            fs::create_dir(&elsewhere).unwrap();
        }
        link(&elsewhere, pc.path("saves/World"));
    }
    a.push().expect(0, "ahead", "saved");
    for pc in [&b, &c] {
        pc.pull().expect(0, "behind", "restored");
        assert_same(&a, pc);
    }
    for (day, from) in [&c, &b, &a].into_iter().enumerate() {
        from.write(LEVEL, format!("evening {day}"));
        from.write(&format!("saves/World/region/r.{day}.mca"), "explored");
        from.push().expect(0, "ahead", "saved");
        for pc in [&a, &b, &c].into_iter().filter(|pc| pc.name != from.name) {
            pc.pull().expect(0, "behind", "restored");
            assert_same(from, pc);
        }
    }
    for pc in [&a, &b] {
        assert_link(pc, "saves/World", &pc.home.join("elsewhere"));
        assert_eq!(fs::read(pc.home.join("elsewhere/level.dat")).unwrap(), b"evening 2");
    }
    assert!(fs::symlink_metadata(c.path("saves/World")).unwrap().is_dir());
}

#[cfg(unix)]
#[test]
fn a_link_deeper_in_a_world_is_left_out_and_removes_nothing_elsewhere() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let elsewhere = a.home.join("big disk");
    fs::rename(a.path("saves/World/region"), &elsewhere).unwrap();
    link(&elsewhere, a.path("saves/World/region"));
    link("/nowhere", a.path("saves/World/dangling"));
    a.write(LEVEL, "day 2");
    a.remove("options.txt");
    let warned = a.push().expect(0, "ahead", "saved");
    warned.warns("saves/World/region: it is a link").warns("saves/World/dangling: it is a link");
    let snapshots = cloud.snapshots();
    let head = snapshots.iter().find(|snapshot| snapshot["id"].as_str() == a.base().as_deref()).unwrap();
    assert!(tags(head).contains(&"partial".to_owned()), "{head}");

    let region = b.tree()[REGION].clone();
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(LEVEL), "day 2");
    assert!(b.tree()[REGION] == region, "B lost what A had moved behind a link");
    assert!(b.has("options.txt"), "a partial snapshot removed a file");
    assert_link(&a, "saves/World/region", &elsewhere);
    assert_eq!(fs::read(elsewhere.join("r.0.0.mca")).unwrap(), region);

    // B explores; the new region cannot take its place behind A's link, and nothing is changed.
    b.write(REGION, "explored on B");
    b.push().expect(0, "ahead", "saved");
    let before = Whole::of(&a, &cloud);
    a.pull().expect(5, "behind", "stopped").says(REGION).says("a folder on the way is a link");
    before.assert_kept(&a, &cloud);
    assert_link(&a, "saves/World/region", &elsewhere);
}

#[cfg(unix)]
#[test]
fn saves_on_a_disk_that_is_not_there_are_not_taken_for_deleted() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let disk = a.home.join("usb");
    fs::rename(a.path("saves"), &disk).unwrap();
    link(&disk, a.path("saves"));
    a.push().expect(0, "in_sync", "nothing");
    let unplugged = a.home.join("unplugged");
    fs::rename(&disk, &unplugged).unwrap();
    a.write("options.txt", "fov:0.7\n");
    a.push().expect(0, "ahead", "saved").warns("saves: it is a link");
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read("options.txt")), ("day 1".to_owned(), "fov:0.7\n".to_owned()));
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    let before = Whole::of(&a, &cloud);
    a.pull().expect(5, "behind", "stopped").says("a folder on the way is a link");
    before.assert_kept(&a, &cloud);

    // It is as it was when it was last saved, so nobody is asked.
    fs::rename(&unplugged, &disk).unwrap();
    a.pull().expect(0, "diverged", "restored");
    assert_same(&a, &b);
}

#[test]
fn hard_links_to_the_old_files_keep_the_old_content() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    // Several blobs, of which some stay the same: over such a file restic writes zeros.
    let old: Vec<u8> = (0..3_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut new = old.clone();
    new[6_000_000..6_000_100].fill(0xAA);
    a.write(REGION, &old);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    let (inside, outside) = (b.path("saves/World/region/copy.mca"), b.home.join("another instance.mca"));
    fs::hard_link(b.path(REGION), &inside).unwrap();
    fs::hard_link(b.path(REGION), &outside).unwrap();
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");

    a.write(REGION, &new);
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    assert!(fs::read(b.path(REGION)).unwrap() == new, "the pulled file is corrupt");
    assert!(fs::read(&inside).unwrap() == old && fs::read(&outside).unwrap() == old, "a link's other name has changed");
    assert_same(&a, &b);
}

// Permissions and space.

#[cfg(unix)]
mod permissions {
    use super::*;
    use crate::support::pc::Ran;
    use crate::support::whole::{as_ordinary_user, permit};

    /// Runs a verb as somebody whom permissions stop.
    fn run(cloud: &Cloud, command: &mut Command) -> Ran {
        ran(as_ordinary_user(cloud, command))
    }

    #[test]
    fn a_file_that_cannot_be_read_is_named_and_saved_when_it_can() {
        let cloud = Cloud::server();
        let (a, b) = two_in_sync(&cloud);
        a.write(LEVEL, "day 2");
        a.write("saves/World/data/secret.dat", "nobody may read this");
        permit(&a, "saves/World/data/secret.dat", 0o000);
        let files = a.tree();
        let said = run(&cloud, &mut a.command(&["push"])).expect(8, "ahead", "saved");
        said.says("cannot be read").warns("saves/World/data/secret.dat");
        assert!(a.tree() == files);
        // Once more there is nothing that could be saved, and so no other snapshot.
        run(&cloud, &mut a.command(&["push"])).expect(8, "in_sync", "nothing");
        assert_eq!(cloud.snapshots().len(), 2);

        // What B pulls of it removes nothing of B's.
        b.pull().expect(0, "behind", "restored");
        assert_eq!(b.read(LEVEL), "day 2");
        permit(&a, "saves/World/data/secret.dat", 0o600);
        run(&cloud, &mut a.command(&["push"])).expect(0, "ahead", "saved");
        assert_eq!(cloud.heads(), [a.base().unwrap()].into());
        b.pull().expect(0, "behind", "restored");
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
            let said = run(&cloud, &mut a.command(&["push"])).expect(8, "ahead", "saved");
            said.says("saves/World/region").warns("saves/World/region: it cannot be read");
            b.pull().expect(0, "behind", "restored");
            assert_eq!(b.read(LEVEL), "day 2");
            assert!(b.has(REGION), "an unreadable folder was taken for a deleted one");
            // A pull cannot put anything there, and so changes nothing.
            b.write(REGION, "explored");
            b.write(LEVEL, "day 3");
            b.push().expect(0, "ahead", "saved");
            run(&cloud, &mut a.command(&["pull"])).expect(5, "behind", "stopped").says(REGION).says("cannot be read");
            permit(&a, "saves/World/region", 0o700);
            assert!(a.tree() == files);

            // What was not saved is as it was, so nobody is asked.
            run(&cloud, &mut a.command(&["pull"])).expect(0, "diverged", "restored");
            assert_same(&a, &b);
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
            let before = Whole::of(pc, &cloud);
            permit(pc, locked, 0o500);
            for verb in ["pull", "push"] {
                let said = run(&cloud, &mut pc.command(&[verb]));
                assert_eq!((said.code, &said.json["outcome"]), (1, &json!("failed")), "{}", said.stderr);
                said.says(".cloud-sync").says("ermission denied");
            }
            permit(pc, locked, 0o700);
            before.assert_kept(pc, &cloud);
        }
    }

    #[test]
    fn a_world_that_cannot_be_written_is_not_half_replaced() {
        let cloud = Cloud::server();
        let (a, b) = two_in_sync(&cloud);
        b.write(LEVEL, "day 2");
        b.write(REGION, "explored");
        b.write("options.txt", "fov:0.9\n");
        b.push().expect(0, "ahead", "saved");
        permit(&a, "saves/World/region", 0o500);
        let said = run(&cloud, &mut a.command(&["pull"]));
        assert_eq!(said.code, 1, "{}", said.stdout);
        said.says(REGION).says("ermission denied");
        // It is not finished, and nothing else goes on before it is.
        run(&cloud, &mut a.command(&["push"])).expect(1, "unknown", "failed").says("ermission denied");
        assert_eq!(cloud.snapshots().len(), 2);
        permit(&a, "saves/World/region", 0o700);
        let pulled = run(&cloud, &mut a.command(&["pull"]));
        assert_eq!(pulled.code, 0, "{}", pulled.stderr);
        assert_same(&a, &b);
        assert_eq!(a.undo_files()[LEVEL], b"day 1");
        a.assert_tidy();
    }
}

#[test]
fn a_disk_that_fills_up_during_a_pull_costs_nothing() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    let before = Whole::of(&a, &cloud);
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
        let before = Whole::of(&a, &cloud);
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
        let note = serde_json::json!({
            "number": number, "at": "2026-01-01T00:00:00Z", "command": "pull", "added": [added], "worlds": [],
        });
        a.write(&format!(".cloud-sync/undo/{name}/undo.json"), note.to_string());
        fs::create_dir_all(a.path(&format!(".cloud-sync/undo/{name}/files"))).unwrap();
        a.run(&["undo"]).expect(1, "unknown", "failed").says("nothing to undo");
    }
    assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
    assert!(a.dir.parent().unwrap().join("notes.txt").exists() && a.has("saves/World/level.dat"));
}
