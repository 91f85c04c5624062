//! Benchmark instances from files: opens them, leaves reading and meaning to the planner's formats.

use crate::AdapterError;
use std::fs::File;
use std::path::Path;

/// The files of a promotion instance folder, opened.
#[derive(Debug)]
pub struct InstanceFolder {
    /// `instance.json`.
    pub instance: File,
    /// `skus.csv`.
    pub skus: File,
    /// `base.csv`.
    pub base: File,
    /// `gamma.csv`.
    pub gamma: File,
    /// `stock.csv`.
    pub stock: File,
    /// `pairs.csv`, where there is one.
    pub pairs: Option<File>,
    /// `triples.csv`, where there is one.
    pub triples: Option<File>,
}

/// Opens a promotion instance folder.
///
/// # Errors
/// [`AdapterError`] when a file that must be there is not, or one cannot be opened.
pub fn open_instance_folder(folder: &Path) -> Result<InstanceFolder, AdapterError> {
    let open = |name: &str| {
        let path = folder.join(name);
        File::open(&path).map_err(|error| AdapterError::system("read", &path, error))
    };
    let optional = |name: &str| if folder.join(name).exists() { open(name).map(Some) } else { Ok(None) };
    Ok(InstanceFolder {
        instance: open("instance.json")?,
        skus: open("skus.csv")?,
        base: open("base.csv")?,
        gamma: open("gamma.csv")?,
        stock: open("stock.csv")?,
        pairs: optional("pairs.csv")?,
        triples: optional("triples.csv")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_file_that_is_needed_is_refused_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["instance.json", "skus.csv", "base.csv", "gamma.csv"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let message = open_instance_folder(folder.path()).unwrap_err().to_string();
        assert!(message.contains("stock.csv") && message.contains("it is not there"), "{message}");
        std::fs::write(folder.path().join("stock.csv"), "").unwrap();
        let opened = open_instance_folder(folder.path()).unwrap();
        assert!(opened.pairs.is_none() && opened.triples.is_none());
    }
}
