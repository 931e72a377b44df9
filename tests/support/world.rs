//! Worlds as the versions of the game write them: `level.dat` and the statistics of one player.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use valence_nbt::{Compound, List, compound, to_binary};

const TICKS_PER_HOUR: i64 = 20 * 60 * 60;
const TICKS_PER_DAY: i64 = 24_000;

/// The file of the one player's statistics.
pub const PLAYER: &str = "069a79f4-44e9-4726-a5be-fca90e38aaf5.json";

/// A world to be written.
#[derive(Clone)]
pub struct Level {
    version: (u32, u32),
    version_name: String,
    name: String,
    day: i64,
    played: i64,
    last_played: i64,
    has_statistics: bool,
    is_cut: bool,
}

impl Level {
    /// A world as this version of the game writes it: `1.7.10`, `1.21.1`, `26.1`.
    pub fn of(version: &str) -> Self {
        let mut numbers = version.split('.').map(|number| number.parse().unwrap());
        let (first, second) = (numbers.next().unwrap(), numbers.next().unwrap());
        Self {
            // The first number was 1 for long.
            version: if first == 1 { (second, numbers.next().unwrap_or(0)) } else { (first, second) },
            version_name: version.to_owned(),
            name: "World".to_owned(),
            day: 0,
            played: 0,
            last_played: 1_700_000_000_000,
            has_statistics: true,
            is_cut: false,
        }
    }

    pub fn name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    pub fn day(mut self, day: i64) -> Self {
        self.day = day;
        self
    }

    /// How long it was played, which is also its age.
    pub fn played_ticks(mut self, ticks: i64) -> Self {
        self.played = ticks;
        self
    }

    pub fn played_hours(self, hours: i64) -> Self {
        self.played_ticks(hours * TICKS_PER_HOUR)
    }

    /// When it was last played, in milliseconds since 1970.
    pub fn last_played(mut self, millis: i64) -> Self {
        self.last_played = millis;
        self
    }

    /// Nobody's statistics are there.
    pub fn without_statistics(mut self) -> Self {
        self.has_statistics = false;
        self
    }

    /// A `level.dat` that was not written to its end.
    pub fn damaged(mut self) -> Self {
        self.is_cut = true;
        self
    }

    /// Writes the world into `folder`, one of `saves`.
    pub fn write(&self, folder: &Path) {
        write(&folder.join("level.dat"), &self.level_dat());
        if self.version >= (26, 1) {
            let clock = |ticks: i64| compound! { "total_ticks" => ticks };
            let clocks = compound! {
                "minecraft:the_end" => clock(self.played),
                "minecraft:overworld" => clock(self.day * TICKS_PER_DAY + 1000),
                "DataVersion" => 4786_i32,
            };
            let content = gzip(&nbt(&compound! { "data" => clocks }));
            write(&folder.join("data/minecraft/world_clocks.dat"), &content);
        }
        if self.has_statistics {
            let stats = if self.version >= (26, 1) { "players/stats" } else { "stats" };
            write(&folder.join(stats).join(PLAYER), self.statistics().to_string().as_bytes());
        }
    }

    /// The `level.dat`.
    pub fn level_dat(&self) -> Vec<u8> {
        let mut content = gzip(&self.unpacked());
        if self.is_cut {
            content.truncate(content.len() * 2 / 3);
        }
        content
    }

    /// The `level.dat` before it is packed.
    pub fn unpacked(&self) -> Vec<u8> {
        nbt(&compound! { "Data" => self.data() })
    }

    fn data(&self) -> Compound {
        let mut data = compound! {
            "thundering" => 0_i8,
            "LastPlayed" => self.last_played,
            "Time" => self.played,
            "version" => 19133_i32,
            "RandomSeed" => i64::MIN,
            "GameRules" => compound! { "keepInventory" => "true", "doFireTick" => "false" },
            "GameType" => 0_i32,
            "BorderSize" => 6.0E7_f64,
            "initialized" => 1_i8,
            "LevelName" => self.name.as_str(),
            "allowCommands" => 0_i8,
        };
        if self.version < (26, 1) {
            data.insert("DayTime", self.day * TICKS_PER_DAY + 1000);
            data.insert("hardcore", 0_i8);
            data.insert("Player", player());
        } else {
            let difficulty = compound! { "difficulty" => "easy", "hardcore" => 0_i8, "locked" => 0_i8 };
            data.insert("difficulty_settings", difficulty);
            data.insert("singleplayer_uuid", vec![110_787_060, 1_156_138_790, -1_514_210_135, 238_594_805]);
        }
        if self.version >= (9, 0) {
            let version = compound! { "Snapshot" => 0_i8, "Id" => 3955_i32, "Name" => self.version_name.as_str() };
            data.insert("Version", version);
        }
        if self.version >= (13, 0) {
            let enabled = List::String(vec!["vanilla".to_owned()]);
            data.insert("DataPacks", compound! { "Enabled" => enabled, "Disabled" => List::<String>::End });
            data.insert("ServerBrands", List::String(vec!["fabric".to_owned()]));
        }
        data
    }

    fn statistics(&self) -> serde_json::Value {
        if self.version < (13, 0) {
            return json!({
                "stat.leaveGame": 7,
                "stat.playOneMinute": self.played,
                "achievement.exploreAllBiomes": { "value": 0, "progress": ["Plains"] },
            });
        }
        let play_time = if self.version < (17, 0) { "minecraft:play_one_minute" } else { "minecraft:play_time" };
        json!({
            "stats": {
                "minecraft:mined": { "minecraft:stone": 64 },
                "minecraft:custom": { "minecraft:leave_game": 7, play_time: self.played, "minecraft:jump": 1 },
            },
            "DataVersion": 3955,
        })
    }
}

/// A player who has a bit of everything.
fn player() -> Compound {
    let item =
        compound! { "Slot" => 0_i8, "id" => "minecraft:stick", "tag" => compound! { "display" => "\u{1f980}\0" } };
    compound! {
        "Pos" => List::Double(vec![0.5, 64.0, -0.5]),
        "Inventory" => List::Compound(vec![item]),
        "EnderItems" => List::Compound(vec![]),
        "HealF" => 20.0_f32,
        "UUID" => vec![1_i32, -2, 3, -4],
        "bytes" => vec![-1_i8, 0, 1],
        "longs" => vec![i64::MAX, 0],
        "nested" => List::List(vec![List::Short(vec![1, 2]), List::End]),
    }
}

fn nbt(tag: &Compound) -> Vec<u8> {
    let mut content = Vec::new();
    to_binary(tag, &mut content, "").unwrap();
    content
}

fn write(file: &Path, content: &[u8]) {
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, content).unwrap();
}

/// `content` as the game packs it.
pub fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}
