//! Files: finding the ones a mapping names, writing them whole or not at all, and hashing them.
//!
//! A file is written under a temporary name, brought to disk and then renamed, so that no reader ever sees half of it.

use crate::AdapterError;
use endcap_model::ContentHash;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file whole or not at all, making its folder where needed.
///
/// # Errors
/// [`AdapterError::System`] when the disk is full or the folder may not be written; the old file is then still there.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), AdapterError> {
    let folder = folder_of(path);
    create_folder(folder)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    // Of two who write the same at once, each has a file of its own.
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{name}.{}.{number}.tmp", std::process::id()));
    let written = write_synced(&temporary, bytes).and_then(|()| publish(&temporary, path));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Gives a temporary file its name, for good: the file is on disk, then the name, then the folder that holds it.
pub(crate) fn publish(temporary: &Path, path: &Path) -> Result<(), AdapterError> {
    fs::rename(temporary, path).map_err(|e| AdapterError::system("write", path, e))?;
    sync_folder(folder_of(path))
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), AdapterError> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|e| AdapterError::system("write", path, e))
}

fn sync_folder(folder: &Path) -> Result<(), AdapterError> {
    if cfg!(windows) {
        return Ok(());
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(|e| AdapterError::system("write", folder, e))
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Makes a folder and those above it, for good: a file that is synced is lost with the folder that is not.
pub(crate) fn create_folder(folder: &Path) -> Result<(), AdapterError> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder_of(folder);
    create_folder(above)?;
    match fs::create_dir(folder) {
        Err(error) if !folder.is_dir() => Err(AdapterError::system("create", folder, error)),
        _ => sync_folder(above),
    }
}

/// Reads a text file.
///
/// # Errors
/// [`AdapterError::System`] when it cannot be read, [`AdapterError::Form`] when it is no UTF-8.
pub fn read_text(path: &Path) -> Result<String, AdapterError> {
    let bytes = fs::read(path).map_err(|e| AdapterError::system("read", path, e))?;
    String::from_utf8(bytes).map_err(|_| AdapterError::form(path, "is not UTF-8 text", "a text file saved as UTF-8"))
}

/// Hashes a file without holding it, and returns its size with it.
pub(crate) fn hash_file(path: &Path) -> Result<(ContentHash, u64), AdapterError> {
    let hash = || hash_content(File::open(path)?);
    hash().map_err(|e| AdapterError::system("read", path, e))
}

/// Hashes a content without holding it, and returns its size with it.
pub(crate) fn hash_content(mut content: impl Read) -> std::io::Result<(ContentHash, u64)> {
    let (mut hasher, mut buffer, mut size) = (Sha256::new(), vec![0; 1 << 18], 0);
    loop {
        match content.read(&mut buffer)? {
            0 => break,
            read => {
                hasher.update(&buffer[..read]);
                size += read as u64;
            }
        }
    }
    let digits: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    let hash = serde_json::from_value(digits.into()).expect("Invariant: a content hash is its digits");
    Ok((hash, size))
}

/// Finds the files that a pattern names, in order of their names: `*` is any part of a name and `?` one character, in
/// file names and folder names alike. A pattern without either is a file that must be there.
///
/// A link that is named in full is followed. One that only fits is not, where it leads out of its folder: whoever may put
/// files there could have any file of this machine read.
///
/// # Errors
/// [`AdapterError::System`] when a folder cannot be read or a named file is not there, [`AdapterError::Form`] when no
/// file fits the pattern or a link leads out.
pub fn find(pattern: &Path) -> Result<Vec<PathBuf>, AdapterError> {
    let mut found = vec![PathBuf::new()];
    for part in pattern.components() {
        let part_text = part.as_os_str().to_string_lossy();
        if !part_text.contains(['*', '?']) {
            found.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let mut deeper = vec![];
        for folder in found {
            deeper.extend(entries_that_fit(&folder, &part_text)?);
        }
        found = deeper;
    }
    if pattern.to_string_lossy().contains(['*', '?']) {
        found.retain(|path| path.is_file());
        if found.is_empty() {
            return Err(AdapterError::form(pattern, "names no file", "a pattern that at least one file fits"));
        }
    }
    for path in &found {
        let meta = fs::metadata(path).map_err(|e| AdapterError::system("read", path, e))?;
        if meta.is_dir() {
            let help = "a file, or a pattern such as folder/*.csv";
            return Err(AdapterError::form(path, "is a folder", help));
        }
    }
    found.sort();
    Ok(found)
}

fn entries_that_fit(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>, AdapterError> {
    let shown = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if !shown.is_dir() {
        return Ok(vec![]);
    }
    let mut fitting = vec![];
    for entry in fs::read_dir(shown).map_err(|e| AdapterError::system("read", shown, e))? {
        let name = entry.map_err(|e| AdapterError::system("read", shown, e))?.file_name();
        let text = name.to_string_lossy();
        if fits(pattern.as_bytes(), text.as_bytes()) && !text.starts_with('.') {
            stays(shown, &shown.join(&name))?;
            fitting.push(folder.join(&name));
        }
    }
    Ok(fitting)
}

/// Refuses a link that leads out of its folder, or nowhere.
fn stays(folder: &Path, path: &Path) -> Result<(), AdapterError> {
    let failed = |e| AdapterError::system("read", path, e);
    if !fs::symlink_metadata(path).map_err(failed)?.is_symlink() {
        return Ok(());
    }
    let expected = "files, or links to files beside them; name what is linked in endcap.toml, without * or ?";
    let home = fs::canonicalize(folder).map_err(failed)?;
    match fs::canonicalize(path) {
        Ok(target) if target.starts_with(&home) => Ok(()),
        Ok(_) => Err(AdapterError::form(path, "is a link that leads out of its folder", expected)),
        Err(_) => Err(AdapterError::form(path, "is a link that leads nowhere", expected)),
    }
}

/// Whether a name fits a pattern of `*` and `?`, in time linear in pattern times name.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.csv", "sales.csv", true),
            ("*.csv", "sales.csv.gz", false),
            ("sales-??.csv", "sales-01.csv", true),
            ("sales-??.csv", "sales-1.csv", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*", "", true),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_file_is_replaced_whole_and_leaves_no_temporary_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deeper/file.txt");
        write_atomic(&path, b"first").unwrap();
        write_atomic(&path, b"second").unwrap();
        assert_eq!(read_text(&path).unwrap(), "second");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        let (hash, size) = hash_file(&path).unwrap();
        assert_eq!((hash, size), (endcap_model::hash_bytes(b"second"), 6));
    }

    #[test]
    fn files_are_found_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b/2.csv", "a/1.csv", "a/x.txt"] {
            write_atomic(&folder.path().join(name), b"x").unwrap();
        }
        let found = find(&folder.path().join("*/*.csv")).unwrap();
        assert_eq!(found, [folder.path().join("a/1.csv"), folder.path().join("b/2.csv")]);
        assert!(matches!(find(&folder.path().join("*.parquet")), Err(AdapterError::Form { .. })));
        assert!(matches!(find(&folder.path().join("none.csv")), Err(AdapterError::System { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_only_fits_leads_no_load_out_of_its_folder() {
        use std::os::unix::fs::symlink;
        let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (secret, drop) = (elsewhere.path().join("secret.csv"), folder.path().join("drop"));
        fs::write(&secret, "password").unwrap();
        fs::create_dir(&drop).unwrap();
        fs::write(drop.join("june.csv"), "x").unwrap();
        symlink("june.csv", drop.join("latest.csv")).unwrap();
        let pattern = drop.join("*.csv");
        assert_eq!(find(&pattern).unwrap().len(), 2, "a link to a file beside it");
        let link = drop.join("july.csv");
        symlink(&secret, &link).unwrap();
        let refused = find(&pattern).unwrap_err().to_string();
        assert!(refused.contains("july.csv is a link that leads out of its folder"), "{refused}");
        assert_eq!(find(&link).unwrap(), std::slice::from_ref(&link), "a link that is named in full is followed");
        fs::remove_file(&link).unwrap();
        for (target, why) in [("july.csv", "leads nowhere"), ("gone.csv", "leads nowhere"), ("../..", "leads out")] {
            symlink(target, &link).unwrap();
            let refused = find(&pattern).unwrap_err().to_string();
            assert!(refused.contains(why), "{target}: {refused}");
            fs::remove_file(&link).unwrap();
        }
        symlink(elsewhere.path(), folder.path().join("other")).unwrap();
        assert!(find(&folder.path().join("*/*.csv")).unwrap_err().to_string().contains("leads out of its folder"));
    }
}
