//! The patterns of a scope, compiled.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context as _;
use globset::{GlobSet, GlobSetBuilder};
use serde::Deserialize;

use super::built_in::{ALWAYS_EXCLUDE, DEFAULT_EXCLUDE, DEFAULT_INCLUDE, OURS, OUTSIDE_EXCLUDE, SECRETS, UNFINISHED};
use super::pattern::{Pattern, PatternError};
use crate::content::settings::Settings;
use crate::durable;
use crate::error::{Error, Kind, Result};
use crate::instance::Instance;
use crate::instance::packwiz::Pack;
use crate::model::Unit;
use crate::paths::{self, is_below, with_ancestors, world_at};
use crate::reading::read_if_there;

const MAX_PATTERNS: usize = 1000;

/// The files of an instance that are synced.
#[derive(Clone, Debug)]
pub struct Scope {
    pub(super) include: Vec<Pattern>,
    /// Those of the scope, those that are built in, then those that always hold.
    pub(super) exclude: Vec<Exclude>,
    /// How many of them are the scope's own.
    pub(super) own_excludes: usize,
    /// Whether the includes are those that are built in.
    is_built_in: bool,
    pub(super) included: GlobSet,
    excluded: GlobSet,
    pub(super) pack: Pack,
    /// The files of the pack that the patterns alone would take in.
    of_pack: BTreeSet<String>,
}

/// A pattern that keeps files out.
#[derive(Clone, Debug)]
pub(super) struct Exclude {
    pub(super) pattern: Pattern,
    reach: Reach,
}

/// Where a pattern holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Everywhere,
    OutsideSaves,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScopeFile {
    /// In the place of what is built in.
    include: Option<Vec<String>>,
    /// Beside that.
    #[serde(default)]
    also: Vec<String>,
    /// Beside what is built in.
    #[serde(default)]
    exclude: Vec<String>,
}

impl Scope {
    /// The scope of the instance: its `scope.json`, or the default where there is none, less the
    /// files of its pack.
    pub fn load(instance: &Instance) -> Result<Self> {
        let scope = Self::of_patterns(&instance.scope_file())?;
        Ok(scope.without(Pack::load(instance.root())))
    }

    fn of_patterns(file: &Path) -> Result<Self> {
        let Some(text) = read_if_there(file)? else { return Self::default_scope() };
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        Self::parse(text).map_err(|error| {
            let error = error.context(format!("{} is not a valid scope", file.display()));
            Error::caused(Kind::Failed, error)
                .hint("mend the file, or delete it to go back to the built-in scope; nothing was synced")
        })
    }

    fn parse(text: &[u8]) -> anyhow::Result<Self> {
        let file: ScopeFile = serde_json::from_slice(text).context("could not parse it")?;
        anyhow::ensure!(file.include.is_some() || !file.also.is_empty() || !file.exclude.is_empty(), "it says nothing");
        let include: Vec<_> = match &file.include {
            Some(include) => include.iter().map(String::as_str).collect(),
            None => DEFAULT_INCLUDE.to_vec(),
        };
        let include: Vec<_> = include.into_iter().chain(file.also.iter().map(String::as_str)).collect();
        anyhow::ensure!(!include.is_empty(), "it includes nothing");
        let exclude: Vec<_> = file.exclude.iter().map(String::as_str).collect();
        Self::new(&include, &exclude)
    }

    fn default_scope() -> Result<Self> {
        Ok(Self::new(DEFAULT_INCLUDE, &[])?)
    }

    /// A scope of these patterns, less what rebuilds itself, which fills the cloud in any scope, and
    /// what is never synced.
    pub fn new(include: &[&str], exclude: &[&str]) -> anyhow::Result<Self> {
        anyhow::ensure!(include.len() + exclude.len() <= MAX_PATTERNS, "it has more than {MAX_PATTERNS} patterns");
        let is_built_in = include == DEFAULT_INCLUDE;
        let include = parse_all(include)?;
        let own_excludes = exclude.len();
        let lists = [
            (exclude, Reach::Everywhere),
            (DEFAULT_EXCLUDE, Reach::Everywhere),
            (OUTSIDE_EXCLUDE, Reach::OutsideSaves),
            (ALWAYS_EXCLUDE, Reach::Everywhere),
            (SECRETS, Reach::OutsideSaves),
        ];
        let mut exclude = Vec::new();
        for (list, reach) in lists {
            exclude.extend(parse_all(list)?.into_iter().map(|pattern| Exclude { pattern, reach }));
        }
        let included = compile(include.iter())?;
        let excluded = compile(exclude.iter().map(|exclude| &exclude.pattern))?;
        let (pack, of_pack) = (Pack::default(), BTreeSet::new());
        Ok(Self { include, exclude, own_excludes, is_built_in, included, excluded, pack, of_pack })
    }

    /// Its includes and excludes, if it is not the built-in scope.
    pub fn own_patterns(&self) -> Option<(Vec<String>, Vec<String>)> {
        let text = |pattern: &Pattern| pattern.as_str().to_owned();
        let is_own = !self.is_built_in || self.own_excludes > 0;
        let excludes = self.exclude.iter().take(self.own_excludes);
        is_own.then(|| (self.include.iter().map(text).collect(), excludes.map(|one| text(&one.pattern)).collect()))
    }

    /// The same without the files that belong to `pack`.
    #[must_use]
    fn without(mut self, pack: Pack) -> Self {
        self.of_pack = pack.owned().filter(|path| self.takes_in(path)).map(str::to_owned).collect();
        self.pack = pack;
        self
    }

    /// Whether a pattern includes this very path; what lies in it is then included, too.
    pub fn includes(&self, path: &str) -> bool {
        self.included.is_match(path)
    }

    /// Whether this very path is excluded, with all that lies in it.
    pub fn excludes(&self, path: &str) -> bool {
        self.exclude_at(path, 0).is_some() || is_ours(path) || is_unfinished(path)
    }

    /// The first of the excludes, from the one at `from`, that matches this very path.
    pub(super) fn exclude_at(&self, path: &str, from: usize) -> Option<&Exclude> {
        if !self.excluded.is_match(path) {
            return None;
        }
        let is_in_saves = path.starts_with("saves/");
        let holds = |exclude: &&Exclude| exclude.reach == Reach::Everywhere || !is_in_saves;
        let matches = self.excluded.matches(path).into_iter().filter(|index| *index >= from);
        matches.map(|index| &self.exclude[index]).find(holds)
    }

    /// Whether files of `unit` may be synced.
    pub fn takes_in_unit(&self, unit: &Unit) -> bool {
        match unit {
            Unit::World(_) => unit.path().is_some_and(|folder| self.reaches(&folder)),
            Unit::File(path) => self.contains(path),
            Unit::Option(_) | Unit::Server(_) => {
                Settings::of_unit(unit).is_some_and(|settings| self.contains(settings.path()))
            }
        }
    }

    /// Whether something in `folder` may be synced.
    fn reaches(&self, folder: &str) -> bool {
        let is_kept_out = with_ancestors(folder).any(|ancestor| self.excludes(ancestor));
        let is_taken_in = || with_ancestors(folder).any(|ancestor| self.includes(ancestor));
        !is_kept_out && (is_taken_in() || self.may_include_below(folder))
    }

    /// Whether the file at `path` belongs to the pack although the patterns take it in. A folder
    /// never does.
    pub fn leaves_to_pack(&self, path: &str) -> bool {
        self.of_pack.contains(path)
    }

    /// Whether something below `folder` may be included although `folder` itself is not.
    pub fn may_include_below(&self, folder: &str) -> bool {
        self.include.iter().any(|pattern| {
            let (prefix, wild) = pattern.literal_prefix();
            prefix.is_empty() || is_below(prefix, folder) || (wild && (prefix == folder || is_below(folder, prefix)))
        })
    }

    /// Whether the file at `path` is synced.
    pub fn contains(&self, path: &str) -> bool {
        self.takes_in(path) && !self.leaves_to_pack(path)
    }

    /// Whether the patterns take in the file at `path`, whoever it belongs to.
    pub(super) fn takes_in(&self, path: &str) -> bool {
        let mut included = false;
        for ancestor in with_ancestors(path) {
            // Nothing brings back what lies in an excluded folder, be it on the way to an include.
            if self.excludes(ancestor) {
                return false;
            }
            included |= self.includes(ancestor);
        }
        included
    }

    /// Whether the player may have a link there that leads anywhere: the folders every
    /// instance has, and worlds. A `scope.json` that came with a modpack cannot add to them.
    pub fn is_players_own(path: &str) -> bool {
        world_at(path).is_some()
            || DEFAULT_INCLUDE.iter().any(|root| root.trim_end_matches('/') == path || is_below(root, path))
    }

    /// The patterns that keep files out everywhere, for the list that restic gets. What is ours is never
    /// a root of what is saved, but the ledger in it is.
    pub fn exclude_patterns(&self) -> impl Iterator<Item = &str> {
        let everywhere = self.patterns(Reach::Everywhere);
        everywhere.map(|text| if text == OURS { "*/**/.cloud-sync" } else { text }).chain([UNFINISHED])
    }

    /// The patterns that keep files out outside `saves`.
    pub fn outside_patterns(&self) -> impl Iterator<Item = &str> {
        self.patterns(Reach::OutsideSaves)
    }

    fn patterns(&self, reach: Reach) -> impl Iterator<Item = &str> {
        self.exclude.iter().filter(move |one| one.reach == reach).map(|one| one.pattern.as_str())
    }

    /// Why the pack's files are not known.
    pub fn problem(&self) -> Option<&str> {
        self.pack.problem()
    }

    /// Whether `file`, which is the player's own at `path`, is still what the pack came with:
    /// nothing that a player would miss. False where that cannot be told, and of worlds.
    pub fn is_as_shipped(&self, path: &str, file: &Path) -> bool {
        self.pack.is_as_shipped(path, file)
    }
}

/// Whether it is what a cloud-sync that was killed left of a copy.
fn is_unfinished(path: &str) -> bool {
    paths::name(path).starts_with(durable::UNFINISHED)
}

/// Case does not matter to the disks of Windows and macOS.
pub(super) fn is_ours(path: &str) -> bool {
    path.split('/').next().is_some_and(|first| first.eq_ignore_ascii_case(".cloud-sync"))
}

fn parse_all(texts: &[&str]) -> Result<Vec<Pattern>, PatternError> {
    texts.iter().map(|text| Pattern::parse(text)).collect()
}

fn compile<'a>(patterns: impl Iterator<Item = &'a Pattern>) -> anyhow::Result<GlobSet> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(pattern.glob()?);
    }
    set.build().context("could not compile the patterns")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_scope_holds_what_players_own_and_no_more() {
        let scope = Scope::default_scope().unwrap();
        for path in [
            "saves/World/level.dat",
            "saves/logs/level.dat",
            "saves/cache/region/r.0.0.mca",
            "screenshots/2026.png",
            "options.txt",
            "journeymap/data/sp/World/waypoints/a.json",
            "xaero/minimap/x.txt",
            "saves/World/datapacks/p/data/n/function/cache/a.mcfunction",
            "saves/World/logs/notes.txt",
            "saves/World/credentials.dat",
            "saves/credentials.x/level.dat",
        ] {
            assert!(scope.contains(path), "{path} is not synced");
        }
        for path in [
            "mods/a.jar",
            "logs/latest.log",
            "saves/World/session.lock",
            "saves/World/data/DistantHorizons.sqlite-wal",
            "saves/World/voxy/x.db",
            "xaero/logs/latest.log",
            "journeymap/icon/x.png",
            "options.txt.bak",
            "journeymap/data/accounts.json",
            ".cloud-sync/state.json",
            "saves/World/.cloud-sync/token",
            "config/x.toml",
        ] {
            assert!(!scope.contains(path), "{path} is synced");
        }
    }

    #[test]
    fn an_exclude_above_an_include_wins() {
        let scope = Scope::new(&["config/keep/", "**/*.nbt"], &["config/"]).unwrap();
        for (path, synced) in [("config/keep/a", false), ("config/a.nbt", false), ("a/config/a.nbt", true)] {
            assert_eq!(scope.contains(path), synced, "{path}");
        }
    }

    #[test]
    fn secrets_stay_out_whatever_the_scope_file_says() {
        let scope = Scope::new(&["essential/", "accounts.json", "**/.env", "*"], &[]).unwrap();
        for path in ["essential/microsoft_accounts.json", "accounts.json", ".env", "a/.env.local", ".cloud-sync/token"]
        {
            assert!(!scope.contains(path), "{path} is synced");
        }
        assert!(scope.contains("essential/config.toml"));
    }

    #[test]
    fn scope_files_that_make_no_sense_are_refused() {
        for text in [
            "",
            "{}",
            "[]",
            "{\"include\": []}",
            "{\"include\": [\"../x\"]}",
            "{\"include\": [\"/etc\"]}",
            "{\"include\": [\".cloud-sync\"]}",
            "{\"include\": [\"a\"], \"exclude\": [\"[\"]}",
            "{\"include\": [\"a\"], \"repository\": \"x\"}",
            "{\"include\": [\"a\"",
            "\u{0}\u{1}",
        ] {
            assert!(Scope::parse(text.as_bytes()).is_err(), "{text} was taken");
        }
    }

    #[test]
    fn folders_on_the_way_to_an_include_are_walked() {
        let scope = Scope::new(&["journeymap/data/", "local/ftb*", "**/*.nbt"], &[]).unwrap();
        assert!(scope.may_include_below("journeymap"));
        let scope = Scope::new(&["journeymap/data/", "local/ftb*"], &[]).unwrap();
        for (folder, walked) in [("journeymap", true), ("local", true), ("mods", false), ("journey", false)] {
            assert_eq!(scope.may_include_below(folder), walked, "{folder}");
        }
    }

    /// A scope of these patterns in an instance whose pack has these files.
    fn with_pack(include: &[&str], files: &[&str]) -> Scope {
        let folder = tempfile::tempdir().unwrap();
        let entry = |path: &&str| ((*path).to_owned(), serde_json::json!({ "cachedLocation": path }));
        let manifest = serde_json::json!({ "cachedFiles": files.iter().map(entry).collect::<serde_json::Map<_, _>>() });
        std::fs::write(folder.path().join(crate::instance::packwiz::MANIFEST), manifest.to_string()).unwrap();
        Scope::new(include, &[]).unwrap().without(Pack::load(folder.path()))
    }

    #[test]
    fn what_belongs_to_the_pack_is_not_synced_and_what_lies_beside_it_is() {
        let scope = with_pack(
            &["saves/", "schematics/", "options.txt", "packwiz.json"],
            &["schematics/castle.schem", "schematics/old", "mods/a.jar", "saves/Hub/level.dat", "options.txt"],
        );
        for (path, synced) in [
            ("schematics/castle.schem", false),
            ("schematics/Castle.schem", true),
            ("schematics/castle.schem2", true),
            // A pack has files, and cannot take a folder away.
            ("schematics/old/house.schem", true),
            ("saves/Hub/level.dat", true),
            ("options.txt", true),
            ("packwiz.json", false),
        ] {
            assert_eq!(scope.contains(path), synced, "{path}");
        }
    }
}
