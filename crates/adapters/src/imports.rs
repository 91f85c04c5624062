//! Files that people brought in at the desk, beside those that `endcap.toml` names.
//!
//! A file lies at `imports/files/HASH/NAME`; it counts once a manifest `imports/ID.json` names it. The manifest is written
//! last and whole, so that files come in together or not at all, and what no manifest names is never read. Of two files
//! that say otherwise about the same thing, the one that was brought in later holds.

use crate::project::SourceTable;
use crate::{AdapterError, files, tables};
use endcap_model::{ContentHash, FactKind, hash_json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Longest name of a file that is kept, in bytes.
const NAME_MAX: usize = 100;

/// Files that came in together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// Hash of what came in: the same files read the same way are the same import.
    pub id: String,
    /// When it came in.
    pub at: Timestamp,
    /// Who brought it in.
    pub by: String,
    /// The last record that came over the API before it.
    pub after_record: i64,
    /// The files.
    pub files: Vec<ImportedFile>,
}

/// One file of an import.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportedFile {
    /// Its name.
    pub name: String,
    /// Hash of its content.
    pub sha256: ContentHash,
    /// Its size.
    pub bytes: u64,
    /// What it holds.
    pub kind: FactKind,
    /// How it is read.
    pub table: SourceTable,
}

impl Import {
    /// Names an import by what comes in.
    pub fn new(at: Timestamp, by: &str, after_record: i64, files: Vec<ImportedFile>) -> Self {
        let id = hash_json(&files).short().to_owned();
        Self { id, at, by: by.to_owned(), after_record, files }
    }

    /// Writes the manifest: from then on the files count.
    ///
    /// # Errors
    /// [`AdapterError`] when the disk refuses; then nothing came in.
    pub fn publish(&self, project: &Path) -> Result<(), AdapterError> {
        tables::write_json(&folder(project).join(format!("{}.json", self.id)), self)
    }
}

impl ImportedFile {
    /// Where a file with this content and name lies, from the project's folder on.
    pub fn place(sha256: &ContentHash, name: &str) -> String {
        format!("imports/files/{}/{name}", sha256.short())
    }
}

/// The folder of imports.
pub fn folder(project: &Path) -> PathBuf {
    project.join("imports")
}

/// Reads what was brought in, the first import first.
///
/// # Errors
/// [`AdapterError`] when a manifest cannot be read.
pub fn all(project: &Path) -> Result<Vec<Import>, AdapterError> {
    let folder = folder(project);
    let mut imports: Vec<Import> = vec![];
    for name in names(&folder)?.iter().filter(|name| name.ends_with(".json") && !name.starts_with('.')) {
        imports.push(tables::read_json(&folder.join(name))?);
    }
    imports.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
    Ok(imports)
}

/// Makes a file's name harmless: its last part, letters, digits and `.-_` only, never hidden.
pub fn safe_name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    let name: String = last.chars().map(plain).collect();
    let name = name.trim_start_matches('.');
    let name = &name[name.len().saturating_sub(NAME_MAX)..];
    let name = name.trim_start_matches('.');
    if name.is_empty() { "file".to_owned() } else { name.to_owned() }
}

/// Names in a folder, in order; none where it is not there.
pub(crate) fn names(folder: &Path) -> Result<Vec<String>, AdapterError> {
    let failed = |e| AdapterError::system("read", folder, e);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(failed(error)),
    };
    let mut names = vec![];
    for entry in entries {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// A file that was sent and is not brought in (yet).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// First digits of the hash of its content.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was sent.
    pub since: Option<Timestamp>,
}

/// Files that were sent and that no import names.
///
/// # Errors
/// [`AdapterError`] when a folder or a manifest cannot be read.
pub fn waiting(project: &Path) -> Result<Vec<Waiting>, AdapterError> {
    let imports = all(project)?;
    let named = |id: &str| imports.iter().flat_map(|import| &import.files).any(|file| file.sha256.short() == id);
    let (home, mut found) = (folder(project).join("files"), vec![]);
    for id in names(&home)?.into_iter().filter(|id| !id.starts_with('.') && !named(id)) {
        if std::fs::symlink_metadata(home.join(&id)).is_ok_and(|meta| meta.is_symlink()) {
            continue;
        }
        for name in names(&home.join(&id))? {
            let path = home.join(&id).join(&name);
            let meta = std::fs::symlink_metadata(&path).map_err(|e| AdapterError::system("read", &path, e))?;
            // Whatever was sent is a plain file: a link was put there by somebody else, and is not followed.
            if !meta.is_file() {
                continue;
            }
            let since = meta.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
            found.push(Waiting { id: id.clone(), name, path, bytes: meta.len(), since });
        }
    }
    Ok(found)
}

/// Puts a file that was received whole where it waits, on disk for good, and returns the hash of its content and where it
/// lies; the same content is there once, under its first name.
///
/// # Errors
/// [`AdapterError`] when the disk refuses.
pub fn receive(project: &Path, part: &Path, name: &str) -> Result<(ContentHash, PathBuf), AdapterError> {
    let (sha256, _) = files::hash_file(part)?;
    let home = folder(project).join("files").join(sha256.short());
    if let Some(known) = names(&home)?.into_iter().next() {
        std::fs::remove_file(part).map_err(|e| AdapterError::system("remove", part, e))?;
        return Ok((sha256, home.join(known)));
    }
    files::create_folder(&home)?;
    let path = home.join(safe_name(name));
    std::fs::File::open(part).and_then(|file| file.sync_all()).map_err(|e| AdapterError::system("write", part, e))?;
    files::publish(part, &path)?;
    Ok((sha256, path))
}

/// Hashes the content of a file.
///
/// # Errors
/// [`AdapterError`] when it cannot be read.
pub fn content_hash(path: &Path) -> Result<ContentHash, AdapterError> {
    files::hash_file(path).map(|(hash, _)| hash)
}

/// Removes a file that waits; says whether there was one.
///
/// # Errors
/// [`AdapterError`] when the disk refuses.
pub fn discard(project: &Path, id: &str) -> Result<bool, AdapterError> {
    let Some(known) = waiting(project)?.into_iter().find(|file| file.id == id) else { return Ok(false) };
    let home = files::folder_of(&known.path);
    std::fs::remove_dir_all(home).map_err(|e| AdapterError::system("remove", home, e))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_its_folder() {
        for (given, expected) in [
            ("sales.csv", "sales.csv"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ada\\sales june.csv", "sales_june.csv"),
            ("..", "file"),
            ("", "file"),
            (".hidden.csv", "hidden.csv"),
            ("*?.csv", "__.csv"),
            ("a\0b\n.csv", "a_b_.csv"),
            ("Umsätze.csv", "Ums_tze.csv"),
        ] {
            assert_eq!(safe_name(given), expected);
        }
        let long = safe_name(&format!("{}.csv", "x".repeat(500)));
        assert!(long.len() <= NAME_MAX && long.ends_with(".csv"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_among_what_was_sent_is_neither_read_nor_followed_when_it_is_removed() {
        use std::os::unix::fs::symlink;
        let (project, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let home = folder(project.path()).join("files");
        let secret = elsewhere.path().join("secret.csv");
        std::fs::write(&secret, "password").unwrap();
        std::fs::create_dir_all(home.join("linked")).unwrap();
        symlink(&secret, home.join("linked/a.csv")).unwrap();
        symlink("nowhere", home.join("linked/b.csv")).unwrap();
        assert_eq!(waiting(project.path()).unwrap(), []);
        assert!(!discard(project.path(), "linked").unwrap());
        symlink(elsewhere.path(), home.join("folder")).unwrap();
        assert_eq!(waiting(project.path()).unwrap(), [], "a linked folder holds nothing that was sent");
        assert!(!discard(project.path(), "folder").unwrap());
        assert_eq!(std::fs::read_to_string(secret).unwrap(), "password");
    }

    #[test]
    fn what_no_manifest_names_waits_and_the_same_content_lies_there_once() {
        let project = tempfile::tempdir().unwrap();
        let part = |text: &str| {
            let path = project.path().join("part");
            std::fs::write(&path, text).unwrap();
            path
        };
        let first = receive(project.path(), &part("sku\na\n"), "../a.csv").unwrap();
        assert_eq!(receive(project.path(), &part("sku\na\n"), "b.csv").unwrap(), first);
        let hash = first.0;
        assert_eq!(waiting(project.path()).unwrap().len(), 1);
        let table = SourceTable { files: vec![ImportedFile::place(&hash, "a.csv")], ..SourceTable::default() };
        let file = ImportedFile { name: "a.csv".into(), sha256: hash.clone(), bytes: 6, kind: FactKind::Items, table };
        Import::new(Timestamp::UNIX_EPOCH, "ada", 0, vec![file]).publish(project.path()).unwrap();
        assert_eq!(waiting(project.path()).unwrap(), []);
        assert!(!discard(project.path(), hash.short()).unwrap(), "what was brought in is not discarded");
        assert_eq!(all(project.path()).unwrap().len(), 1);
    }
}
