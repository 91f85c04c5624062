//! Benchmark instances from files: opens and reads, leaves the meaning to the planner's formats.

use crate::AdapterError;
use crate::files::read_text;
use std::path::Path;

/// The texts of a promotion instance folder.
#[derive(Clone, Debug)]
pub struct InstanceFolder {
    /// `instance.json`.
    pub instance: String,
    /// `skus.csv`.
    pub skus: String,
    /// `base.csv`.
    pub base: String,
    /// `gamma.csv`.
    pub gamma: String,
    /// `stock.csv`.
    pub stock: String,
    /// `pairs.csv`, where there is one.
    pub pairs: Option<String>,
    /// `triples.csv`, where there is one.
    pub triples: Option<String>,
}

/// Reads a promotion instance folder.
///
/// # Errors
/// [`AdapterError`] when a file that must be there is not or cannot be read.
pub fn read_instance_folder(folder: &Path) -> Result<InstanceFolder, AdapterError> {
    let optional = |name: &str| {
        let path = folder.join(name);
        if path.exists() { read_text(&path).map(Some) } else { Ok(None) }
    };
    Ok(InstanceFolder {
        instance: read_text(&folder.join("instance.json"))?,
        skus: read_text(&folder.join("skus.csv"))?,
        base: read_text(&folder.join("base.csv"))?,
        gamma: read_text(&folder.join("gamma.csv"))?,
        stock: read_text(&folder.join("stock.csv"))?,
        pairs: optional("pairs.csv")?,
        triples: optional("triples.csv")?,
    })
}
