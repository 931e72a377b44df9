//! Settings are merged, not replaced: what this PC alone needs stays, and of what both PCs
//! changed each setting is looked at by itself.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;

use super::Restore;
use super::ancestor::Known;
use crate::error::Result;
use crate::settings::{Settings, Sides, Winner};
use crate::sync::plan::Plan;

impl Restore<'_> {
    /// Turns the settings among the fetched files into what this PC is to have. Those in
    /// `contested` were changed on both sides.
    pub(super) fn merge_settings(
        &mut self,
        plan: &mut Plan,
        contested: &BTreeMap<String, Winner>,
        known: &Known,
    ) -> Result<()> {
        let local = &self.seen.tree.files;
        // What a pack has put there is nobody's setting.
        let is_own = |path: &String| local.contains_key(path) && !self.seen.edits.reset.contains(path);
        let fetched: Vec<_> = plan.fetch.iter().filter(|path| is_own(path)).cloned().collect();
        for path in fetched {
            let Some(settings) = Settings::of(&path) else { continue };
            let live = self.ctx.instance.root().join(&path);
            let here = fs::read(&live).with_context(|| format!("could not read {}", live.display()))?;
            let cloud = self.staging.read(&path)?;
            let merged = match contested.get(&path) {
                None => settings.follow(&here, &cloud),
                Some(winner) => {
                    let ancestor = self.content_of_ancestor(&path, known)?;
                    let sides = Sides { ancestor: ancestor.as_deref(), local: &here, cloud: &cloud, winner: *winner };
                    settings.merge(&sides)
                }
            };
            let Some(merged) = merged else {
                // Whole, then, as any other file that both changed.
                if contested.get(&path) == Some(&Winner::Local) {
                    plan.fetch.retain(|fetched| *fetched != path);
                    plan.differ.push(path);
                }
                continue;
            };
            let is_clouds = settings.meaning(&merged) == settings.meaning(&cloud);
            if merged == here {
                plan.fetch.retain(|fetched| *fetched != path);
                if is_clouds {
                    plan.keep.push(path);
                } else {
                    plan.differ.push(path);
                }
                continue;
            }
            if contested.get(&path) == Some(&Winner::Cloud) {
                self.ctx.note(&format!(
                    "{path} is joined; where both PCs had changed the same, {}'s holds, and what was here is in the undo copy",
                    self.saver()
                ));
            }
            if merged != cloud {
                self.staging.replace(&path, &merged)?;
            }
            if !is_clouds {
                plan.merged.insert(path);
            }
        }
        Ok(())
    }

    /// What the file contained in the last version that both sides are built on.
    fn content_of_ancestor(&self, path: &str, known: &Known) -> Result<Option<Vec<u8>>> {
        let Some(stat) = self.ancestor.get(path) else { return Ok(None) };
        match self.holder_of(path, *stat, known) {
            Some(id) => self.staging.read_from(self.ctx, &self.restic, &id, path).map(Some),
            None => Ok(None),
        }
    }
}
