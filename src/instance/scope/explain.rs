//! Why a path is synced or not, pattern by pattern, and the words for it.

use globset::GlobSet;

use super::built_in::{ALWAYS_EXCLUDE, SECRETS};
use super::pattern::Pattern;
use super::rules::{Scope, is_ours};
use crate::instance::left_out::Why;
use crate::paths::with_ancestors;

/// Why a path is synced or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// It is in our own folder.
    Ours,
    /// A pattern that always holds keeps it out.
    Never(Rule<'a>),
    /// No pattern takes it in.
    NotIncluded {
        /// The pack has it.
        shipped: bool,
    },
    /// A pattern of the scope keeps it out.
    Excluded(Rule<'a>),
    /// No pattern takes in the folder, but one may take in something below it.
    OnTheWay,
    /// It belongs to the pack.
    OfPack,
    /// It is in the scope and cannot be synced.
    LeftOut {
        /// The path, or a folder above it.
        at: &'a str,
        /// What is the matter there.
        why: Why,
    },
    /// A pattern takes it in.
    Included {
        /// The pattern.
        rule: Rule<'a>,
        /// The pack has it, too.
        shipped: bool,
    },
}

/// A pattern, and where on the way to a path it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule<'a> {
    /// The pattern.
    pub pattern: &'a str,
    /// The path, or a folder above it.
    pub at: &'a str,
}

impl Scope {
    /// Why the file or folder at `path` is synced or not, as far as its name tells.
    pub fn explain<'a>(&'a self, path: &'a str, is_folder: bool) -> Reason<'a> {
        let taken_in = first(&self.included, &self.include, path);
        let kept_out = |from| {
            with_ancestors(path).find_map(|at| Some(Rule { pattern: self.exclude_at(at, from)?.pattern.as_str(), at }))
        };
        let always = self.exclude.len() - ALWAYS_EXCLUDE.len() - SECRETS.len();
        let shipped = self.pack.ships(path);
        let on_the_way = is_folder && self.may_include_below(path);
        if is_ours(path) {
            Reason::Ours
        } else if let Some(rule) = kept_out(always) {
            Reason::Never(rule)
        } else if taken_in.is_none() && !on_the_way {
            Reason::NotIncluded { shipped }
        } else if let Some(rule) = kept_out(0) {
            Reason::Excluded(rule)
        } else if self.leaves_to_pack(path) && !is_folder {
            Reason::OfPack
        } else {
            taken_in.map_or(Reason::OnTheWay, |rule| Reason::Included { rule, shipped })
        }
    }
}

/// The first of `patterns` that matches `path` or a folder above it, from the top.
fn first<'a>(compiled: &GlobSet, patterns: &'a [Pattern], path: &'a str) -> Option<Rule<'a>> {
    with_ancestors(path).find_map(|at| {
        let index = compiled.matches(at).into_iter().next()?;
        Some(Rule { pattern: patterns[index].as_str(), at })
    })
}

impl Reason<'_> {
    /// Whether the path is synced as a whole.
    pub fn is_synced(&self) -> bool {
        matches!(self, Self::Included { .. })
    }

    /// The reason in words, for what is at `path`.
    pub fn text(&self, path: &str) -> String {
        let what = |verb: &str, rule: &Rule<'_>, preposition: &str| {
            if rule.at == path {
                format!("`{}` {verb} it {preposition}", rule.pattern)
            } else {
                format!("`{}` {verb} {preposition} {}, with all that is in it", rule.pattern, rule.at)
            }
        };
        let keeps_out = |rule| format!("the exclude pattern {}", what("keeps", rule, "out"));
        match self {
            Self::Ours => "it is in .cloud-sync, which is this program's own and never synced".to_owned(),
            Self::Never(rule) => {
                format!("{}; it is built in and holds whatever scope.json says", keeps_out(rule))
            }
            Self::NotIncluded { shipped: false } => "no include pattern takes it in".to_owned(),
            Self::NotIncluded { shipped: true } => {
                "no include pattern takes it in; it comes with the pack, and packwiz brings it to each PC".to_owned()
            }
            Self::Excluded(rule) => keeps_out(rule),
            Self::OnTheWay => "no include pattern takes it in as a whole, only what may be in it".to_owned(),
            Self::OfPack => "it belongs to the pack, and packwiz brings it to each PC".to_owned(),
            Self::LeftOut { at, why } if *at == path => why.text().to_owned(),
            Self::LeftOut { at, why } => format!("{at} is not synced: {}", why.text()),
            Self::Included { rule, shipped } => {
                let yours = if *shipped { "; the pack ships it, but from then on it is yours" } else { "" };
                format!("the include pattern {}{yours}", what("takes", rule, "in"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_decides_is_the_one_that_is_told() {
        let scope = Scope::new(&["saves/", "config/mine/", "*.nbt"], &["**/*.tmp", "saves/*/logs/"]).unwrap();
        let rule = |pattern, at| Rule { pattern, at };
        for (path, is_folder, reason) in [
            ("saves/W/level.dat", false, Reason::Included { rule: rule("saves", "saves"), shipped: false }),
            ("hotbar.nbt", false, Reason::Included { rule: rule("*.nbt", "hotbar.nbt"), shipped: false }),
            ("config/mine", true, Reason::Included { rule: rule("config/mine", "config/mine"), shipped: false }),
            ("config", true, Reason::OnTheWay),
            ("config", false, Reason::NotIncluded { shipped: false }),
            ("mods/a.tmp", false, Reason::NotIncluded { shipped: false }),
            ("saves/W/a.tmp", false, Reason::Excluded(rule("**/*.tmp", "saves/W/a.tmp"))),
            ("saves/W/logs/a/b", false, Reason::Excluded(rule("saves/*/logs", "saves/W/logs"))),
            ("saves/W/session.lock", false, Reason::Never(rule("saves/*/session.lock", "saves/W/session.lock"))),
            ("config/a.tmp/.env", false, Reason::Never(rule("**/.env*", "config/a.tmp/.env"))),
            ("mods/accounts.json", false, Reason::Never(rule("**/accounts.json", "mods/accounts.json"))),
            (".Cloud-Sync/token", false, Reason::Ours),
        ] {
            assert_eq!(scope.explain(path, is_folder), reason, "{path}");
        }
    }

    #[test]
    fn what_is_explained_is_what_holds() {
        let scope =
            Scope::new(&["saves/", "config/mine/", "**/*.nbt"], &["**/*.tmp", "config/", "saves/*/logs/"]).unwrap();
        for path in ["saves/W/x", "saves/W/logs", "config/mine/x", "a/b.nbt", "a.nbt/x.tmp", "mods/x", "saves/.env"] {
            assert_eq!(scope.explain(path, false).is_synced(), scope.contains(path), "{path}");
        }
    }

    #[test]
    fn the_words_name_the_pattern_and_the_folder_that_decides() {
        let scope = Scope::new(&["saves/"], &["saves/*/logs/"]).unwrap();
        let text = |path| scope.explain(path, false).text(path);
        assert_eq!(
            text("saves/W/logs/a"),
            "the exclude pattern `saves/*/logs` keeps out saves/W/logs, with all that is in it"
        );
        assert_eq!(text("saves"), "the include pattern `saves` takes it in");
        assert_eq!(text("saves/W"), "the include pattern `saves` takes in saves, with all that is in it");
    }
}
