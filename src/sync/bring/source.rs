//! Where versions are fetched from.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::cloud::restic::{Listing, Restic};
use crate::context::{Account, Context};
use crate::error::Result;
use crate::model::{Dot, Dots, SnapshotId, Unit, Version};
use crate::sync::view::View;

/// The snapshots of a repository, and what is known of them.
pub struct Source<'a> {
    ctx: &'a Context<'a>,
    account: &'a Account,
    view: &'a View<'a>,
    restic: OnceCell<Restic>,
    listings: RefCell<BTreeMap<SnapshotId, Arc<Listing>>>,
}

impl<'a> Source<'a> {
    /// The snapshots that `view` knows of. What one of them holds may be known already.
    pub fn new(ctx: &'a Context<'a>, account: &'a Account, view: &'a View<'a>, known: Option<Arc<Listing>>) -> Self {
        let listings = known.into_iter().map(|listing| (listing.snapshot.id.clone(), listing)).collect();
        Self { ctx, account, view, restic: OnceCell::new(), listings: RefCell::new(listings) }
    }

    /// The restic that fetches.
    pub fn restic(&self) -> Result<&Restic> {
        if let Some(restic) = self.restic.get() {
            return Ok(restic);
        }
        let restic = self.ctx.restic(self.account, true)?;
        Ok(self.restic.get_or_init(|| restic))
    }

    /// What a snapshot holds.
    pub fn listing(&self, id: &SnapshotId) -> Result<Arc<Listing>> {
        if let Some(listing) = self.listings.borrow().get(id) {
            return Ok(Arc::clone(listing));
        }
        let listing = Arc::new(self.restic()?.ls(id)?);
        self.listings.borrow_mut().insert(id.clone(), Arc::clone(&listing));
        Ok(listing)
    }

    /// What a snapshot holds, if that is known already.
    pub fn known_listing(&self, id: &SnapshotId) -> Option<Arc<Listing>> {
        self.listings.borrow().get(id).cloned()
    }

    /// The version of `unit` that `dot` made.
    pub fn version(&self, unit: &Unit, dot: Dot) -> Option<&'a Version> {
        self.view.ledger.units.get(unit)?.get(dot)
    }

    /// The snapshots that have the files of these versions.
    pub fn holders(&self, unit: &Unit, dots: &Dots) -> BTreeSet<SnapshotId> {
        let holders = |dot: Dot| {
            let others = self.version(unit, dot).into_iter().flat_map(|version| version.holders.iter());
            others.chain([dot]).collect::<Vec<_>>()
        };
        dots.iter().flat_map(holders).filter_map(|dot| self.view.alive.get(&dot).cloned()).collect()
    }

    /// The snapshot that most of these sets have in common, rather one that was read already.
    pub fn best<'s>(&self, wanted: impl IntoIterator<Item = &'s BTreeSet<SnapshotId>>) -> Option<SnapshotId> {
        let mut counts = BTreeMap::<&SnapshotId, usize>::new();
        for id in wanted.into_iter().flatten() {
            *counts.entry(id).or_default() += 1;
        }
        let listings = self.listings.borrow();
        let best = counts.into_iter().max_by_key(|(id, count)| (*count, listings.contains_key(*id), *id));
        best.map(|(id, _)| id.clone())
    }
}
