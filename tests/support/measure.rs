//! What a benchmark measures, by hyperfine, and the table that it makes of it.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// What a case is to reach.
#[derive(Clone, Copy)]
pub enum Goal {
    /// So many times as fast.
    Faster(f64),
    /// At most so many times as long.
    Times(f64),
    /// At most so many milliseconds longer.
    Longer(f64),
    /// At most so many milliseconds.
    Under(f64),
    /// Not slower.
    Ahead,
}

impl Goal {
    fn text(self) -> String {
        match self {
            Self::Faster(times) => format!("{times} times faster"),
            Self::Times(times) => format!("at most {times} times"),
            Self::Longer(millis) => format!("at most {millis} ms more"),
            Self::Under(millis) => format!("under {millis} ms"),
            Self::Ahead => "ahead".to_owned(),
        }
    }

    fn ratio(self, ours: f64, theirs: f64) -> String {
        match self {
            Self::Longer(_) => format!("{:+.1} ms", (ours - theirs) * 1e3),
            Self::Under(_) => String::new(),
            _ if theirs > ours * 2.0 => format!("{:.0} times faster", theirs / ours),
            _ => format!("{:.2} times", ours / theirs),
        }
    }

    fn is_reached(self, ours: f64, theirs: f64) -> bool {
        match self {
            Self::Faster(times) => theirs >= ours * times,
            Self::Times(times) => ours <= theirs * times,
            Self::Longer(millis) => (ours - theirs) * 1e3 <= millis,
            Self::Under(millis) => ours * 1e3 <= millis,
            Self::Ahead => ours <= theirs,
        }
    }
}

/// One side of a case: what is measured, and what comes before each time.
pub struct Side {
    pub name: &'static str,
    pub prepare: String,
    pub command: String,
    pub goal: Goal,
}

impl Side {
    pub fn new(name: &'static str, goal: Goal, prepare: impl Into<String>, command: impl Into<String>) -> Self {
        Self { name, goal, prepare: prepare.into(), command: command.into() }
    }
}

/// The median in seconds, and the peak of the memory in bytes.
#[derive(Clone, Copy, Default)]
pub struct Measured {
    pub median: f64,
    pub memory: f64,
}

/// The rows so far, and who measures.
pub struct Table {
    /// Without it, everything runs once and nothing is measured.
    hyperfine: Option<PathBuf>,
    /// Where its scripts lie.
    scripts: PathBuf,
    rows: RefCell<Vec<String>>,
}

impl Table {
    pub fn new(hyperfine: Option<PathBuf>, scripts: PathBuf) -> Self {
        Self { hyperfine, scripts, rows: RefCell::default() }
    }

    /// Measures the sides against each other; ours is the first.
    pub fn measure(&self, name: &str, size: &str, round_trip: u64, sides: &[Side]) -> Vec<Measured> {
        let Some(hyperfine) = &self.hyperfine else {
            for side in sides {
                script(&side.prepare);
                script(&side.command);
            }
            return Vec::new();
        };
        fs::create_dir_all(&self.scripts).unwrap();
        let results = self.scripts.join("results.json");
        let is_quick = sides.iter().all(|side| side.prepare.is_empty());
        let mut command = Command::new(hyperfine);
        command.args(["-N", "--style=none", "--warmup=2", if is_quick { "--runs=15" } else { "--runs=5" }]);
        command.arg("--export-json").arg(&results);
        for side in sides {
            let file = self.scripts.join(format!("{}.sh", side.name));
            fs::write(&file, &side.prepare).unwrap();
            command.arg("--prepare").arg(format!("bash -eu '{}'", file.display()));
        }
        for side in sides {
            // One program is run by itself; what needs a shell gets the smallest.
            command.arg(format!("sh -c \"{}\"", side.command.replace('\\', "\\\\").replace('"', "\\\"")));
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let results: Value = serde_json::from_slice(&fs::read(results).unwrap()).unwrap();
        let measured = |result: &Value| Measured {
            median: result["median"].as_f64().unwrap(),
            memory: result["memory_usage_byte"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_f64)
                .fold(0.0, f64::max),
        };
        let measured: Vec<_> = results["results"].as_array().unwrap().iter().map(measured).collect();
        let ours = measured[0];
        let alone = [(&sides[0], &ours)];
        let others: Vec<_> =
            if sides.len() == 1 { alone.to_vec() } else { sides.iter().zip(&measured).skip(1).collect() };
        for (side, theirs) in others {
            let (goal, is_alone) = (side.goal, sides.len() == 1);
            self.tell(format!(
                "| {name} | {size} | {round_trip} ms | {} | {} | {} | {} | {} | {} |",
                if is_alone { "" } else { side.name },
                seconds(ours.median),
                if is_alone { String::new() } else { seconds(theirs.median) },
                goal.ratio(ours.median, theirs.median),
                goal.text(),
                if goal.is_reached(ours.median, theirs.median) { "yes" } else { "**no**" }
            ));
        }
        measured
    }

    pub fn tell(&self, row: String) {
        println!("{row}");
        self.rows.borrow_mut().push(row);
    }

    pub fn text(&self) -> String {
        let mut table = String::from(
            "| case | instance | round trip | against | cloud-sync | the other | ratio | to reach | reached |\n|---|---|---|---|---|---|---|---|---|\n",
        );
        for row in &*self.rows.borrow() {
            let _ = writeln!(table, "{row}");
        }
        table
    }
}

/// Runs a script that must succeed.
pub fn script(lines: &str) {
    let output = Command::new("bash").args(["-euc", lines]).output().unwrap();
    assert!(
        output.status.success(),
        "{lines}\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

fn seconds(time: f64) -> String {
    if time < 0.1 { format!("{:.1} ms", time * 1e3) } else { format!("{time:.2} s") }
}
