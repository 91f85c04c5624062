//! What the latest facts say, for conditions and for whoever asks whether an item is known.

use endcap_adapters::facts::Store;
use endcap_agent::launch::{What, read};
use endcap_agent::ports::FactStore;
use endcap_agent::sense::Facts;
use endcap_model::{Place, Sku, SnapshotId};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

/// The latest facts of a project, as far as they are needed.
#[derive(Default)]
pub struct Known {
    snapshot: Option<SnapshotId>,
    facts: Option<Facts>,
    items: Option<Arc<HashSet<Arc<str>>>>,
}

impl Known {
    /// Reads them anew where they changed; `whole` asks for all of them, not for their items alone.
    pub fn refresh(&mut self, folder: &Path, whole: bool) -> anyhow::Result<()> {
        let store = Store::open(folder)?;
        let Some(latest) = store.latest(None)? else { return Ok(()) };
        if self.snapshot.as_ref() == Some(&latest.id) {
            return Ok(());
        }
        let items = FactStore::items(&store, &latest.id)?;
        let named = items.iter().map(|item| Arc::from(item.sku.as_str())).collect();
        // Facts without a table of items know every item that is sold.
        self.items = (!items.is_empty()).then(|| Arc::new(named));
        self.facts = if whole { Some(Facts::read(&store, &latest.id)?) } else { None };
        self.snapshot = Some(latest.id);
        Ok(())
    }

    /// The items that they know; nothing where they have no table of items.
    pub fn items(&self) -> Option<Arc<HashSet<Arc<str>>>> {
        self.items.clone()
    }

    /// Reads them for an item at a place.
    pub fn read(&self, what: What, sku: &Sku, place: &Place) -> Option<i64> {
        read(self.facts.as_ref()?, what, sku, place)
    }
}
