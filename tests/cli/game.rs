//! The game: what `run` does around it, and what everyone keeps away from while it runs.

use std::process::Stdio;

use crate::support::Cloud;
use crate::support::beginnings::{LEVEL, two_in_sync};
use crate::support::game::{self, Game};
use crate::support::pc::{assert_same, ran};
use crate::support::unchanged::Unchanged;

#[test]
fn nothing_is_brought_into_a_running_game() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    let game = Game::in_world(&a, "World");
    let before = Unchanged::of(&a, &cloud);
    let refused = a.pull().expect(4, "unknown", "stopped").says("the game is running").says("the world World");
    if cfg!(unix) {
        refused.says(&format!("(process {})", game.id()));
    }
    a.run(&["pull", "--on-conflict=use-remote"]).expect(4, "unknown", "stopped");
    before.assert_kept(&a, &cloud);
    assert!(a.undo_files().is_empty());

    game.close();
    a.pull().expect(0, "behind", "restored");
    assert_eq!(a.read(LEVEL), "day 2");
}

#[test]
fn a_push_saves_what_the_running_game_does_not_have_open() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    let mut game = Game::in_world(&a, "World");
    game.tell(&format!("write {LEVEL} half written"));
    a.write("saves/Other/level.dat", "of yesterday");
    a.write("options.txt", "fov:0.7\n");
    a.push().expect(8, "ahead", "saved").warns("saves/World").warns("the running game has it open");
    let head = a.base().unwrap();
    assert_eq!(cloud.content(&head, "saves/Other/level.dat"), "of yesterday");
    assert!(!cloud.files_of(&head).contains(LEVEL));
    // With nothing else to save that is all it says.
    a.push().expect(8, "in_sync", "nothing").warns("saves/World");
    // The other PC does not take the world for deleted.
    b.pull().expect(0, "behind", "restored");
    assert_eq!((b.read(LEVEL), b.read("options.txt")), ("day 1".to_owned(), "fov:0.7\n".to_owned()));
    assert_eq!(b.read("saves/Other/level.dat"), "of yesterday");

    game.tell(&format!("write {LEVEL} day 2"));
    game.close();
    a.push().expect(0, "ahead", "saved");
    assert_eq!(cloud.content(&a.base().unwrap(), LEVEL), "day 2");
}

#[test]
fn a_world_that_a_push_left_out_is_no_question_when_it_comes() {
    for b_pushes in [false, true] {
        let cloud = Cloud::server();
        let (a, b) = two_in_sync(&cloud);
        let mut game = Game::in_world(&a, "World");
        a.write("options.txt", "fov:0.7\n");
        a.push().expect(8, "ahead", "saved").warns("saves/World");
        b.pull().expect(0, "behind", "restored");
        if b_pushes {
            assert_eq!(b.push().code, 0);
        }
        game.tell(&format!("write {LEVEL} day 2"));
        game.close();
        assert_eq!(a.push().code, 0);
        assert_eq!(b.pull().code, 0, "B has not played that world");
        for pc in [&a, &b, &a] {
            pc.push();
            assert_eq!(pc.pull().code, 0);
            assert_eq!(pc.read(LEVEL), "day 2", "on {}", pc.name);
        }
        a.remove("saves/World/session.lock");
        assert_same(&a, &b);
    }
}

#[test]
fn a_world_that_a_push_left_out_and_another_pc_went_on_with_is_mixed_on_no_third_one() {
    const OLD: &str = "saves/World/region/r.1.0.mca";
    let cloud = Cloud::folder();
    let (a, b) = two_in_sync(&cloud);
    a.write(OLD, "of day 1");
    a.push().expect(0, "ahead", "saved");
    b.pull().expect(0, "behind", "restored");
    let c = cloud.pc("C");
    c.pull().expect(0, "behind", "restored");
    let game = Game::in_world(&a, "World");
    a.write("options.txt", "fov:0.7\n");
    a.push().expect(8, "ahead", "saved").warns("saves/World");
    b.pull().expect(0, "behind", "restored");
    b.remove(OLD);
    b.write(LEVEL, "day 2 on B");
    b.push().expect(0, "ahead", "saved");
    c.pull().expect(0, "behind", "restored");
    assert_eq!(c.read(LEVEL), "day 2 on B");
    assert!(!c.has(OLD), "two versions of a world are mixed");
    assert_same(&b, &c);
    game.close();
}

#[test]
fn a_pull_is_not_undone_under_a_running_game() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    a.pull().expect(0, "behind", "restored");
    let game = Game::in_world(&a, "World");
    let before = Unchanged::of(&a, &cloud);
    a.run(&["undo"]).expect(4, "unknown", "stopped").says("the game is running").says("close the game");
    before.assert_kept(&a, &cloud);
    game.close();
    a.run(&["undo"]).expect(0, "unknown", "undone");
    assert_eq!(a.read(LEVEL), "day 1");
}

#[test]
fn a_pull_or_push_waits_for_the_game_to_save_and_close() {
    for verb in ["pull", "push"] {
        let cloud = Cloud::server();
        let (a, _) = two_in_sync(&cloud);
        let mut game = Game::in_world(&a, "World");
        a.run(&["pull", "--wait-for-game=0"]).expect(4, "unknown", "stopped");
        let waiting = Game::start(a.command(&[verb, "--wait-for-game=60", "--verbose"]).stdin(Stdio::null()));
        waiting.wait_for("cloud-sync: waiting for the game to close");
        game.tell(&format!("write {LEVEL} day 2"));
        game.tell("close saves/World");
        let (status, _) = waiting.close();
        assert!(status.success());
        assert_eq!(cloud.content(&a.base().unwrap(), LEVEL), "day 2");
        game.close();
    }
}

#[test]
fn a_game_gets_its_launch_script_through_us_and_is_saved_after_its_crash() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2 on B");
    b.push().expect(0, "ahead", "saved");
    let line = game::command_line();
    let mut game = Game::start(a.command(&["run"]).arg("--").args(&line).current_dir(&a.dir));
    game.tell("open saves/World");
    assert_eq!(a.read(LEVEL), "day 2 on B");
    // Nobody launches the same instance twice.
    let before = Unchanged::of(&a, &cloud);
    ran(a.command(&["run"]).arg("--").args(&line).current_dir(&a.dir))
        .expect(4, "unknown", "stopped")
        .says("the game was not started");
    before.assert_kept(&a, &cloud);
    game.tell(&format!("write {LEVEL} day 3 on A"));
    game.write("crash 9");
    let (status, rest) = game.close();
    assert_eq!(status.code(), Some(9), "{rest:?}");
    b.pull().expect(0, "behind", "restored");
    assert_eq!(b.read(LEVEL), "day 3 on A");
}

#[test]
fn a_game_that_is_not_there_is_told_of_and_nothing_is_lost() {
    let cloud = Cloud::server();
    let (a, b) = two_in_sync(&cloud);
    b.write(LEVEL, "day 2");
    b.push().expect(0, "ahead", "saved");
    ran(a.command(&["run"]).args(["--", "no-such-game", "-Xmx4G"]))
        .expect(1, "behind", "failed")
        .says("the game could not be started: no-such-game")
        .says("the wrapper command");
    assert_eq!(a.read(LEVEL), "day 2");
    // The launcher adds it; by hand it is forgotten easily, or the dashes are.
    for line in [&["run"][..], &["run", "--"], &["run", "java"]] {
        assert_eq!(a.run(line).code, 2, "{line:?}");
    }
}

#[cfg(unix)]
mod wrapped {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, Stdio};

    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    use serde_json::json;

    use crate::support::beginnings::{LEVEL, diverged, two_in_sync};
    use crate::support::fake::Fake;
    use crate::support::game::{DEADLINE, Game};
    use crate::support::http::Gate;
    use crate::support::pc::{heard, ran};
    use crate::support::{Cloud, Pc, Ran};

    /// A game that does what a shell's script says.
    fn wrap(mut command: Command, pc: &Pc, script: &str) -> Command {
        command.args(["--", "sh", "-c", script]).current_dir(&pc.dir);
        command
    }

    fn game(pc: &Pc, script: &str) -> Command {
        wrap(pc.command(&["run"]), pc, script)
    }

    /// Starts a game and waits until it says that it is ready.
    fn ready(command: &mut Command) -> Game {
        let game = Game::start(command.stderr(Stdio::piped()));
        game.wait_for("ready");
        game
    }

    fn pid(game: &Game) -> Pid {
        Pid::from_raw(i32::try_from(game.id()).unwrap()).unwrap()
    }

    /// Waits for the end, and for the JSON of it.
    fn end(game: Game) -> Ran {
        let (status, lines) = game.close();
        let json = lines.last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_default();
        Ran { code: status.code().unwrap_or(-1), stdout: lines.join("\n"), stderr: String::new(), json }
    }

    #[test]
    fn a_game_gets_stdin_stdout_stderr_folder_and_variables_untouched() {
        let cloud = Cloud::server();
        let (a, b) = two_in_sync(&cloud);
        b.write("options.txt", "fov:0.9\n");
        b.push().expect(0, "ahead", "saved");
        let mut command = a.bare();
        command.args(["run", "--quiet"]).arg(format!("--url={}", a.url)).arg("--token-file").arg(&a.token_file);
        command.env("LAUNCHER", "a b  c");
        let script = "cat; cat options.txt; printf '%s' \"$LAUNCHER\"; printf oops >&2; exit 3";
        let mut command = wrap(command, &a, script);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let launch_script =
            [b"accessToken \xff\x00\x03 ".to_vec(), vec![b'x'; 200_000], b"\r\nlaunch".to_vec()].concat();
        let mut stdin = child.stdin.take().unwrap();
        let written = launch_script.clone();
        let launcher = std::thread::spawn(move || stdin.write_all(&written));
        let output = child.wait_with_output().unwrap();
        launcher.join().unwrap().unwrap();
        assert!(output.stdout == [&launch_script[..], b"fov:0.9\na b  c"].concat());
        assert_eq!((output.status.code(), &output.stderr[..]), (Some(3), &b"oops"[..]));
    }

    #[test]
    fn what_was_played_is_saved_however_the_game_ended() {
        let cloud = Cloud::server();
        let (a, _) = two_in_sync(&cloud);
        let ends = [("exit 0", 0), ("exit 3", 3), ("kill -KILL $$", 137), ("ulimit -c 0; kill -SEGV $$", 139)];
        for (end, code) in ends {
            let played = ran(&mut game(&a, &format!("echo 'ended by {end}' > {LEVEL}; {end}")));
            let played = played.expect(code, "ahead", "saved");
            assert_eq!((&played.json["command"], &played.json["error"]), (&json!("run"), &json!(null)));
            assert_eq!(cloud.content(&a.base().unwrap(), LEVEL), format!("ended by {end}\n"));
        }
        ran(&mut game(&a, "exit 5")).expect(5, "in_sync", "nothing");
    }

    #[test]
    fn a_conflict_that_nobody_can_answer_starts_no_game() {
        let cloud = Cloud::server();
        let (a, _) = diverged(&cloud);
        let before = a.tree();
        let refused = ran(&mut game(&a, "touch mark")).expect(3, "diverged", "cancelled");
        assert_eq!(refused.json["command"], "run");
        refused.says("the game was not started");
        assert_eq!(a.tree(), before);
        ran(game(&a, "cat saves/World/level.dat > mark").env("CLOUD_SYNC_ON_CONFLICT", "keep-local"))
            .expect(0, "ahead", "saved");
        assert_eq!(a.read("mark"), "day 2 on A");
    }

    #[test]
    fn a_game_starts_offline_and_what_was_played_is_saved_later() {
        let mut cloud = Cloud::server();
        let (a, _) = two_in_sync(&cloud);
        cloud.stop();
        let play = format!("echo day 2 > {LEVEL}; exit 7");
        let offline = ran(&mut game(&a, &play)).expect(7, "unknown", "offline").warns("cannot be reached");
        // Both the pull and the push say so.
        assert_eq!(offline.json["warnings"].as_array().unwrap().len(), 2);
        assert_eq!(offline.stderr, "");
        let mut strict = a.command(&["run", "--strict"]);
        strict.args(["--", "touch", "mark"]).current_dir(&a.dir);
        ran(&mut strict).expect(7, "unknown", "offline").says("the game was not started");
        assert!(!a.has("mark"));
        cloud.start();
        a.push().expect(0, "ahead", "saved");
        assert_eq!(cloud.content(&a.base().unwrap(), LEVEL), "day 2\n");
    }

    #[test]
    fn a_push_that_fails_is_told_and_leaves_the_exit_code_to_the_game() {
        let cloud = Cloud::server();
        let (a, _) = two_in_sync(&cloud);
        let fake = Fake::new(&json!({"backup": {"exit": 1, "stderr": ["Fatal: the disk is made of cheese"]}}));
        let mut played = wrap(fake.command(&a, &["run"]), &a, &format!("echo day 2 > {LEVEL}"));
        let played = ran(&mut played).expect(0, "ahead", "failed");
        assert!(played.json["error"]["message"].as_str().unwrap().contains("made of cheese"));
        assert!(played.stderr.contains("cloud-sync: error: "), "{}", played.stderr);
        a.push().expect(0, "ahead", "saved");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_game_dies_with_us_as_it_would_with_the_launchers_kill() {
        let cloud = Cloud::server();
        let (a, _) = two_in_sync(&cloud);
        let played = ready(&mut game(&a, &format!("echo day 2 > {LEVEL}; echo ready; exec sleep 300")));
        kill_process(pid(&played), Signal::KILL).unwrap();
        // The end of its stdout is the end of all that had it.
        let (status, rest) = played.close();
        assert_eq!((status.code(), rest), (None, Vec::new()));
        // What nobody could save then is saved before the next game.
        assert_eq!(ran(&mut game(&a, &format!("cat {LEVEL}"))).stdout.lines().next(), Some("day 2"));
        assert_eq!(cloud.content(&a.base().unwrap(), LEVEL), "day 2\n");
    }

    /// A game that saves when it is asked to end.
    fn saves_when_asked() -> String {
        format!("trap 'echo saved at the end > {LEVEL}; exit 143' TERM; echo ready; while :; do sleep 0.1; done")
    }

    #[test]
    fn a_launcher_that_asks_us_to_end_asks_the_game_and_all_is_saved() {
        let cloud = Cloud::server();
        let (a, _) = two_in_sync(&cloud);
        let played = ready(&mut game(&a, &saves_when_asked()));
        kill_process(pid(&played), Signal::TERM).unwrap();
        end(played).expect(143, "ahead", "saved");
        assert_eq!(cloud.content(&a.base().unwrap(), LEVEL), "saved at the end\n");
    }

    #[test]
    fn a_ctrl_c_that_ends_the_game_at_once_does_not_end_the_push() {
        let cloud = Cloud::server();
        let (a, _) = two_in_sync(&cloud);
        // Whoever is told first: the game, or we.
        for day in 2..7 {
            let play = format!("echo day {day} > {LEVEL}; echo ready; exec sleep 300");
            let played = ready(game(&a, &play).process_group(0));
            kill_process_group(pid(&played), Signal::INT).unwrap();
            let ended = end(played);
            assert!(matches!(ended.code, 130 | 143), "{}", ended.code);
            assert_eq!(ended.json["outcome"], "saved");
            assert_eq!(cloud.content(&a.base().unwrap(), LEVEL), format!("day {day}\n"));
        }
    }

    #[test]
    fn being_asked_to_end_again_during_the_push_ends_it() {
        let mut cloud = Cloud::server();
        let gate = Gate::before(&mut cloud);
        let (a, _) = two_in_sync(&cloud);
        let held = gate.holds("POST /steve/data/");
        let played = ready(&mut game(&a, &saves_when_asked()));
        kill_process(pid(&played), Signal::TERM).unwrap();
        held.recv_timeout(DEADLINE).expect("nothing was pushed");
        kill_process(pid(&played), Signal::TERM).unwrap();
        end(played).expect(143, "ahead", "failed");
        gate.opens();
        a.push().expect(0, "ahead", "saved");
        assert_eq!(cloud.content(&a.base().unwrap(), LEVEL), "saved at the end\n");
    }

    #[test]
    fn being_asked_to_end_during_the_pull_starts_no_game() {
        let mut cloud = Cloud::server();
        let gate = Gate::before(&mut cloud);
        let (a, b) = two_in_sync(&cloud);
        b.write(LEVEL, "day 2");
        b.push().expect(0, "ahead", "saved");
        let held = gate.holds("GET /steve/data/");
        let child: Child = game(&a, "touch mark").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        held.recv_timeout(DEADLINE).expect("nothing was pulled");
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        heard(child.wait_with_output().unwrap())
            .expect(130, "unknown", "failed")
            .says("interrupted")
            .says("the game was not started");
        gate.opens();
        assert!(!fs::exists(a.path("mark")).unwrap());
    }
}
