//! Settings: the values that come are written into the files that have them.

use std::collections::BTreeMap;
use std::fs;

use super::Bring;
use crate::content::settings::Settings;
use crate::error::Result;
use crate::instance::digest::hash;
use crate::instance::state::Entry;
use crate::model::Unit;
use crate::sync::resolved::Resolved;

impl Bring<'_> {
    /// Writes the settings that come and go into the files that have them.
    pub(super) fn stage_settings(&mut self, resolved: &Resolved) -> Result<()> {
        for settings in Settings::ALL {
            let is_of_it = |unit: &&Unit| Settings::of_unit(unit) == Some(settings);
            let mut changes = BTreeMap::new();
            for unit in resolved.goes.iter().filter(is_of_it) {
                changes.insert(unit.clone(), None);
            }
            for (unit, (_, versions)) in resolved.comes.iter().filter(|(unit, _)| is_of_it(unit)) {
                let value = versions.iter().find_map(|dot| self.source.version(unit, dot)?.value().map(str::to_owned));
                changes.insert(unit.clone(), value);
            }
            if !changes.is_empty() {
                self.stage_settings_file(settings, changes)?;
            }
        }
        Ok(())
    }

    fn stage_settings_file(&mut self, settings: Settings, mut changes: BTreeMap<Unit, Option<String>>) -> Result<()> {
        let path = settings.path();
        let live = self.ctx.instance.root().join(path);
        let is_silent = self.seen.local.silent.contains(path);
        let here = fs::read(&live).ok().filter(|content| !is_silent && settings.read(content).is_some());
        let content = match here {
            Some(here) => here,
            None => match self.template(path)? {
                Some(template) => {
                    // What nobody has any more goes, too.
                    for unit in settings.read(&template).unwrap_or_default().into_keys() {
                        changes.entry(unit).or_insert(None);
                    }
                    template
                }
                None => settings.create(&BTreeMap::new()),
            },
        };
        let new = settings.write(&content, &changes).unwrap_or_else(|| {
            let values = changes.into_iter().filter_map(|(unit, value)| Some((unit, value?)));
            settings.create(&values.collect())
        });
        if fs::read(&live).is_ok_and(|known| known == new) {
            return Ok(());
        }
        if new.iter().all(u8::is_ascii_whitespace) {
            self.files.remove.extend(self.seen.local.files.contains_key(path).then(|| path.to_owned()));
            return Ok(());
        }
        self.staging.write(path, &new)?;
        let stat = self.staging.stat(path)?;
        self.files.staged.insert(path.to_owned(), Entry::new(stat, stat, hash(&new)));
        Ok(())
    }

    /// The file as another PC has it, for a PC that has none: what fits only one machine is then a
    /// start.
    fn template(&self, path: &str) -> Result<Option<Vec<u8>>> {
        let newest = self.main.clone().or_else(|| self.seen.head());
        let Some(id) = newest else { return Ok(None) };
        let listing = self.source.listing(&id)?;
        if !listing.files.contains_key(path) {
            return Ok(None);
        }
        Ok(Some(self.source.restic()?.file(&id, path)?))
    }
}
