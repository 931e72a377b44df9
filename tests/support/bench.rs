//! cloud-sync against what a player could run instead, case by case.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::cloud::{Cloud, PASSWORD, copy_template};
use super::measure::{Goal, Measured, Side, Table, script};
use super::proxy::slow_line;
use super::tools;

/// How large the instances are, and who measures.
pub struct Scale {
    /// Files of about 5 MB, as the regions of a world are.
    pub regions: usize,
    /// The bytes in each.
    pub region: usize,
    /// Small files.
    pub small: usize,
    /// The files of the instance that has many.
    pub many: usize,
    /// The round trips to the server, in milliseconds.
    pub round_trips: &'static [u64],
    /// hyperfine; without it, everything runs once and nothing is measured.
    pub hyperfine: Option<PathBuf>,
    /// The program under test.
    pub program: PathBuf,
    /// rustic, if it is here.
    pub rustic: Option<PathBuf>,
}

/// A bench with its cloud, its instances and its results.
pub struct Bench {
    scale: Scale,
    cloud: Cloud,
    table: Table,
}

/// What restic and rustic are told to save: what cloud-sync finds by itself.
const ROOTS: &str = "saves options.txt";
/// The files that change between two evenings.
const CHANGED: usize = 20;

impl Bench {
    /// Runs all cases and gives the table.
    pub fn run(scale: Scale) -> String {
        let cloud = Cloud::server_without_repository();
        let table = Table::new(scale.hyperfine.clone(), cloud.home.path().join("scripts"));
        let bench = Self { scale, cloud, table };
        bench.make_repositories();
        bench.make_instances();
        let mut line = String::new();
        for round_trip in bench.scale.round_trips {
            let server = bench.cloud.url.trim_start_matches("http://").to_owned();
            line = match round_trip {
                0 => server,
                _ => slow_line(&server, Duration::from_millis(*round_trip)),
            };
            bench.saving(&line, *round_trip);
            bench.nothing_new(&line, *round_trip, "one");
            bench.bringing(&line, *round_trip);
        }
        bench.many(&line);
        bench.table.text()
    }

    fn dir(&self, name: &str) -> String {
        self.cloud.home.path().join(name).display().to_string()
    }

    /// cloud-sync, restic and rustic have a repository each.
    fn make_repositories(&self) {
        for name in ["steve", "alex/restic", "alex/rustic"] {
            let repository = self.cloud.home.path().join("srv").join(name);
            if self.scale.hyperfine.is_none() {
                copy_template(&repository);
            } else {
                // A key as everybody has it.
                script(&format!("{} init", self.restic_at(&format!("local:{}", repository.display()))));
            }
            script(&format!(
                "mkdir -p '{0}/empty/{name}' && cp -a '{1}/.' '{0}/empty/{name}'",
                self.dir("."),
                repository.display()
            ));
        }
    }

    fn make_instances(&self) {
        let one = self.cloud.home.path().join("one");
        for number in 0..self.scale.regions {
            write(&one.join(format!("saves/World {}/region/r.{number}.0.mca", number % 3)), number, self.scale.region);
        }
        for number in 0..self.scale.small {
            write(
                &one.join(format!("saves/World {}/advancements/{number}.json", number % 3)),
                number,
                200 + number * 37 % 9000,
            );
        }
        fs::write(one.join("options.txt"), "fov:0.5\n").unwrap();
        let many = self.cloud.home.path().join("many");
        for number in 0..self.scale.many {
            write(&many.join(format!("saves/World {}/data/{number}.dat", number % 1000)), number, 150);
        }
        // What the same instances are on the PCs of those who use something else.
        script(&format!("cd '{}' && cp -a one one-restic && cp -a one one-rustic", self.dir(".")));
    }

    fn ours(&self, command: &str, line: &str, instance: &str, cache: &str) -> String {
        format!(
            "CLOUD_SYNC_RESTIC_BINARY='{}' CLOUD_SYNC_CACHE_DIR='{}' '{}' {command} --quiet --strict --url http://{line} --token-file '{}' --pack-folder '{}'",
            tools::restic().display(),
            self.dir(cache),
            self.scale.program.display(),
            self.cloud.token_file().display(),
            self.dir(instance)
        )
    }

    fn restic_at(&self, repository: &str) -> String {
        format!(
            "RESTIC_PASSWORD='{PASSWORD}' RESTIC_REST_USERNAME=alex RESTIC_REST_PASSWORD='{PASSWORD}' RESTIC_CACHE_DIR='{}' '{}' --quiet -r '{repository}'",
            self.dir("cache-restic"),
            tools::restic().display()
        )
    }

    fn restic(&self, line: &str) -> String {
        self.restic_at(&format!("rest:http://{line}/alex/restic/"))
    }

    fn rustic(&self, line: &str) -> Option<String> {
        let program = self.scale.rustic.as_ref()?;
        let password = PASSWORD.replace(' ', "%20");
        Some(format!(
            "RUSTIC_PASSWORD='{PASSWORD}' RUSTIC_CACHE_DIR='{}' '{}' --no-progress --log-level error -r 'rest:http://alex:{password}@{line}/alex/rustic/'",
            self.dir("cache-rustic"),
            program.display()
        ))
    }

    /// The sides of a case: ours, restic's, and rustic's where it is here.
    fn sides(
        &self,
        line: &str,
        goal: Goal,
        ours: [String; 2],
        theirs: [String; 2],
        in_rust: impl FnOnce(&str) -> [String; 2],
    ) -> Vec<Side> {
        let side = |name, goal, [prepare, command]: [String; 2]| Side { name, prepare, command, goal };
        let mut sides = vec![side("cloud-sync", goal, ours), side("restic", goal, theirs)];
        sides.extend(self.rustic(line).map(|program| side("rustic", Goal::Ahead, in_rust(&program))));
        sides
    }

    /// Pushes: the first one, one of a few files, one of nothing.
    fn saving(&self, line: &str, round_trip: u64) {
        let restic = self.restic(line);
        let reset = |name: &str, cache: &str, rest: &str| {
            format!("cd '{}' && rm -rf srv/{name} {cache} {rest} && cp -a empty/{name} srv/{name}", self.dir("."))
        };
        let save = |instance: &str, program: &str, more: &str| {
            format!("cd '{}' && {program} backup {more} {ROOTS}", self.dir(instance))
        };
        let sides = self.sides(
            line,
            Goal::Times(1.1),
            [reset("steve", "cache", "one/.cloud-sync"), self.ours("push", line, "one", "cache")],
            [reset("alex/restic", "cache-restic", ""), save("one-restic", &restic, "")],
            |rustic| [reset("alex/rustic", "cache-rustic", ""), save("one-rustic", rustic, "")],
        );
        self.case("first push", "one", round_trip, &sides);

        let parent = self.newest_of_restic();
        let sides = self.sides(
            line,
            Goal::Times(1.1),
            [self.change("one"), self.ours("push", line, "one", "cache")],
            [self.change("one-restic"), save("one-restic", &restic, &format!("--parent {parent}"))],
            |rustic| [self.change("one-rustic"), save("one-rustic", rustic, "")],
        );
        self.case("push, 20 files changed", "one", round_trip, &sides);

        let sides = self.sides(
            line,
            Goal::Faster(30.0),
            [String::new(), self.ours("push", line, "one", "cache")],
            [String::new(), save("one-restic", &restic, "--skip-if-unchanged")],
            |rustic| [String::new(), save("one-rustic", rustic, "--skip-if-unchanged")],
        );
        self.case("push, nothing changed", "one", round_trip, &sides);
    }

    /// The pull before most games.
    fn nothing_new(&self, line: &str, round_trip: u64, instance: &'static str) {
        let restic = self.restic(line);
        let goal = Goal::Faster(if round_trip == 0 { 40.0 } else { 10.0 });
        let ours = self.ours("pull", line, instance, "cache");
        let mut sides = self.sides(
            line,
            goal,
            [String::new(), ours],
            [String::new(), format!("{restic} snapshots --json --latest 1")],
            |rustic| [String::new(), format!("{rustic} snapshots --json")],
        );
        if on_path("curl") {
            let goal = if round_trip == 0 { Goal::Longer(15.0) } else { Goal::Times(1.5) };
            let accept = "Accept: application/vnd.x.restic.rest.v2";
            let curl = format!("curl -sf -u 'steve:{PASSWORD}' -H '{accept}' http://{line}/steve/snapshots/");
            sides.push(Side::new("curl", goal, "", curl));
        }
        self.case("pull, nothing new", instance, round_trip, &sides);
    }

    /// Pulls: of a few files, and of everything.
    fn bringing(&self, line: &str, round_trip: u64) {
        let restic = self.restic(line);
        // Each has the evening before in its instance, and another PC's new evening in its cloud.
        script(&format!(
            "cd '{0}' && rm -rf two old && cp -a one two && mkdir old && cp -a cache old/cache && cp -a cache-restic old/cache-restic",
            self.dir(".")
        ));
        self.keep_old("one", "old/one");
        self.keep_old("one-restic", "old/one-restic");
        script(&format!("{} && {}", self.change("two"), self.ours("push --machine two", line, "two", "cache-two")));
        let changed = format!(
            "cd '{0}' && cp -a one-restic two-restic && {1} && cd two-restic && {restic} backup {ROOTS}",
            self.dir("."),
            self.change("two-restic")
        );
        script(&format!("rm -rf '{}'; {changed}", self.dir("two-restic")));
        if let Some(rustic) = self.rustic(line) {
            script(&format!("cd '{}' && cp -a cache-rustic old/cache-rustic", self.dir(".")));
            self.keep_old("one-rustic", "old/one-rustic");
            let changed = format!(
                "cd '{0}' && cp -a one-rustic two-rustic && {1} && cd two-rustic && {rustic} backup {ROOTS}",
                self.dir("."),
                self.change("two-rustic")
            );
            script(&format!("rm -rf '{}'; {changed}", self.dir("two-rustic")));
        }
        let back = |instance: &str, cache: &str| {
            format!(
                "cd '{0}' && rm -rf {cache} {instance}/.cloud-sync/undo && cp -a old/{cache} {cache} && cp -a old/{instance}/. {instance}",
                self.dir(".")
            )
        };
        let sides = self.sides(
            line,
            Goal::Times(1.1),
            [back("one", "cache"), self.ours("pull", line, "one", "cache")],
            [
                back("one-restic", "cache-restic"),
                format!(
                    "cd '{}' && {restic} snapshots --json && {restic} restore latest --target .",
                    self.dir("one-restic")
                ),
            ],
            |rustic| {
                [
                    back("one-rustic", "cache-rustic"),
                    format!(
                        "cd '{}' && {rustic} snapshots --json && {rustic} restore latest .",
                        self.dir("one-rustic")
                    ),
                ]
            },
        );
        self.case("pull, 20 files changed", "one", round_trip, &sides);
        self.assert_same("one", "two");

        let fresh = |cache: &str| format!("cd '{0}' && rm -rf fresh {cache} && mkdir fresh", self.dir("."));
        let sides = self.sides(
            line,
            Goal::Times(1.15),
            [fresh("cache-fresh"), self.ours("pull", line, "fresh", "cache-fresh")],
            [fresh("cache-restic"), format!("{restic} restore latest --target '{}'", self.dir("fresh"))],
            |rustic| [fresh("cache-rustic"), format!("{rustic} restore latest '{}'", self.dir("fresh"))],
        );
        self.case("first pull", "one", round_trip, &sides);
    }

    /// The instance with many files, and the program itself.
    fn many(&self, line: &str) {
        script(&format!("cd '{0}' && rm -rf srv/steve && cp -a empty/steve srv/steve", self.dir(".")));
        script(&self.ours("push", line, "many", "cache"));
        let server = self.cloud.url.trim_start_matches("http://").to_owned();
        let find = format!("find '{}' -printf '%p %s %T@\\n'", self.dir("many"));
        let sides = [
            Side::new("cloud-sync", Goal::Times(2.0), "", self.ours("status", &server, "many", "cache")),
            Side::new("find -printf", Goal::Times(2.0), "", find),
        ];
        let measured = self.case("status", "many", 0, &sides);
        if let Some(ours) = measured.first() {
            let memory = ours.memory / f64::from(1 << 20);
            let reached = if memory < 120.0 { "yes" } else { "no" };
            self.table.tell(format!(
                "| status, peak memory | {} files | 0 ms | | {memory:.0} MB | | | under 120 MB | {reached} |",
                self.scale.many
            ));
        }
        self.nothing_new(&server, 0, "many");
        let version = format!("'{}' --version", self.scale.program.display());
        self.case("--version", "", 0, &[Side::new("cloud-sync", Goal::Under(5.0), "", version)]);
    }

    /// The newest snapshot in restic's repository.
    fn newest_of_restic(&self) -> String {
        let repository = self.cloud.home.path().join("srv/alex/restic/snapshots");
        let newest = fs::read_dir(repository)
            .unwrap()
            .flatten()
            .max_by_key(|entry| entry.metadata().unwrap().modified().unwrap());
        newest.unwrap().file_name().into_string().unwrap()
    }

    /// A script that plays: the same files get new content.
    fn change(&self, instance: &str) -> String {
        let mut script = format!("cd '{}'", self.dir(instance));
        for path in self.changed_files() {
            let _ = write!(script, " && head -c $(stat -c %s '{path}') /dev/urandom > new && mv new '{path}'");
        }
        format!("({script})")
    }

    /// The files that change: some regions, and small ones.
    fn changed_files(&self) -> Vec<String> {
        let regions =
            (0..self.scale.regions.min(2)).map(|number| format!("saves/World {}/region/r.{number}.0.mca", number % 3));
        let small =
            (0..self.scale.small).map(|number| format!("saves/World {}/advancements/{number}.json", number % 3));
        regions.chain(small).take(CHANGED).collect()
    }

    /// Keeps what will change, to have it again.
    fn keep_old(&self, instance: &str, old: &str) {
        let files = self.changed_files().iter().fold(String::new(), |files, file| files + " '" + file + "'");
        let state = if instance == "one" { ".cloud-sync/state.json" } else { "" };
        script(&format!(
            "cd '{}' && mkdir -p '{1}' && cp -a --parents {files} {state} '{1}'",
            self.dir(instance),
            self.dir(old)
        ));
    }

    fn assert_same(&self, one: &str, other: &str) {
        script(&format!("cd '{}' && diff -rq -x .cloud-sync {one} {other}", self.dir(".")));
    }

    /// Measures the sides against each other; ours is the first.
    fn case(&self, name: &str, instance: &str, round_trip: u64, sides: &[Side]) -> Vec<Measured> {
        let size = match instance {
            "one" => format!(
                "{} files, {} MB",
                self.scale.regions + self.scale.small + 1,
                (self.scale.regions * self.scale.region) >> 20
            ),
            "many" => format!("{} files", self.scale.many),
            _ => String::new(),
        };
        self.table.measure(name, &size, round_trip, sides)
    }
}

fn on_path(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// A file whose content is not compressible, like a region's, and always the same.
fn write(file: &Path, seed: usize, size: usize) {
    let mut state = (seed as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut content = Vec::with_capacity(size + 8);
    while content.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content.truncate(size);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}
