//! The file-drop connector: an approved plan becomes a folder of files that another system picks up.
//!
//! The folder appears whole or not at all, its manifest lists the hash of every file, and the same key never has a
//! second effect: the same plan again is read back and acknowledged, another plan under the key is refused.

use crate::error::AdapterError;
use crate::tables::{self, Column};
use endcap_agent::ports::{Connector, PortError};
use endcap_govern::Approved;
use endcap_model::{Calendar, ContentHash, Plan, Receipt, SupplyOrder, Transfer, canonical_json, hash_bytes};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const MANIFEST: &str = "manifest.json";

/// Writes approved plans below one folder.
pub struct FileDrop {
    root: PathBuf,
}

impl FileDrop {
    /// Publishes below this folder, which is made when it is not there.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn receipt(&self, key: &str, manifest: &[u8]) -> Receipt {
        Receipt { key: key.into(), connector: "file drop".into(), content: hash_bytes(manifest) }
    }

    fn fail(&self, what: &Path, error: impl std::fmt::Display) -> PortError {
        let reason =
            format!("{} could not be published ({error}): free space or rights, then run again", what.display());
        PortError { port: "file drop", reason }
    }
}

impl Connector for FileDrop {
    fn publish(&mut self, plan: &Approved<Plan>, key: &str) -> Result<Receipt, PortError> {
        let target = self.root.join(key);
        let staged = self.root.join(format!(".{key}.tmp"));
        let fail = |error: &dyn std::fmt::Display| self.fail(&target, error);
        if staged.exists() {
            fs::remove_dir_all(&staged).map_err(|error| fail(&error))?;
        }
        fs::create_dir_all(&staged).map_err(|error| fail(&error))?;
        let manifest = write_files(plan, &staged).map_err(|error| fail(&error))?;
        if let Ok(there) = fs::read(target.join(MANIFEST)) {
            fs::remove_dir_all(&staged).map_err(|error| fail(&error))?;
            if there == manifest {
                return Ok(self.receipt(key, &there));
            }
            return Err(fail(&"another plan was already published under this key"));
        }
        fs::rename(&staged, &target).map_err(|error| fail(&error))?;
        sync_folder(&self.root).map_err(|error| fail(&error))?;
        let read_back = fs::read(target.join(MANIFEST)).map_err(|error| fail(&error))?;
        Ok(self.receipt(key, &read_back))
    }
}

/// Writes offers, orders, transfers and the decision, then the manifest over them; returns the manifest.
fn write_files(plan: &Approved<Plan>, folder: &Path) -> Result<Vec<u8>, AdapterError> {
    let content = plan.get();
    tables::write_csv(&folder.join("offers.csv"), &offers(content))?;
    tables::write_csv(&folder.join("orders.csv"), &orders(content.calendar, &content.orders))?;
    tables::write_csv(&folder.join("transfers.csv"), &transfers(content.calendar, &content.transfers))?;
    tables::write_json(&folder.join("decision.json"), plan.decision())?;
    let mut files: BTreeMap<&str, ContentHash> = BTreeMap::new();
    for name in ["decision.json", "offers.csv", "orders.csv", "transfers.csv"] {
        let path = folder.join(name);
        let bytes = fs::read(&path).map_err(|error| AdapterError::system("read", &path, error))?;
        files.insert(name, hash_bytes(&bytes));
    }
    let manifest = canonical_json(&(content.id.as_str(), files)).into_bytes();
    tables::write_atomic(&folder.join(MANIFEST), &manifest)?;
    Ok(manifest)
}

/// The columns of `offers.csv`.
pub fn offers(plan: &Plan) -> Vec<(&'static str, Column)> {
    let text = |of: &dyn Fn(&endcap_model::Offer) -> String| Column::Text(plan.offers.iter().map(of).collect());
    let flag = |of: &dyn Fn(&endcap_model::Offer) -> bool| {
        Column::Whole(plan.offers.iter().map(|offer| i64::from(of(offer))).collect())
    };
    vec![
        ("unit_id", text(&|offer| offer.sku.to_string())),
        ("place_id", text(&|offer| offer.place.to_string())),
        ("start", text(&|offer| plan.calendar.format(offer.span.start))),
        ("end", text(&|offer| plan.calendar.format(offer.span.end))),
        ("mechanic", text(&|offer| offer.mechanic.name().to_owned())),
        ("depth", Column::Number(plan.offers.iter().map(|offer| offer.depth.share()).collect())),
        ("feature", flag(&|offer| offer.support.feature)),
        ("display", flag(&|offer| offer.support.display)),
    ]
}

/// The columns of `orders.csv`.
pub fn orders(calendar: Calendar, orders: &[SupplyOrder]) -> Vec<(&'static str, Column)> {
    let text = |of: &dyn Fn(&SupplyOrder) -> String| Column::Text(orders.iter().map(of).collect());
    vec![
        ("place_id", text(&|order| order.place.to_string())),
        ("unit_id", text(&|order| order.sku.to_string())),
        ("supplier_id", text(&|order| order.supplier.as_ref().map(ToString::to_string).unwrap_or_default())),
        ("order_period", text(&|order| calendar.format(order.order_period))),
        ("arrives", text(&|order| calendar.format(order.arrives))),
        ("quantity", Column::Whole(orders.iter().map(|order| order.quantity.0).collect())),
    ]
}

/// The columns of `transfers.csv`.
pub fn transfers(calendar: Calendar, transfers: &[Transfer]) -> Vec<(&'static str, Column)> {
    let text = |of: &dyn Fn(&Transfer) -> String| Column::Text(transfers.iter().map(of).collect());
    vec![
        ("unit_id", text(&|transfer| transfer.sku.to_string())),
        ("from_place_id", text(&|transfer| transfer.from.to_string())),
        ("to_place_id", text(&|transfer| transfer.to.to_string())),
        ("period", text(&|transfer| calendar.format(transfer.period))),
        ("quantity", Column::Whole(transfers.iter().map(|transfer| transfer.quantity.0).collect())),
    ]
}

fn sync_folder(folder: &Path) -> std::io::Result<()> {
    fs::File::open(folder)?.sync_all()
}
