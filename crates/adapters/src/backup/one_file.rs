//! A backup as one file: a tar of `objects/HASH` for each content and, last, `backups/TIME.json`, the manifest. Unpacked it
//! is a folder of backups. Without its manifest it is no backup, so that a file that was cut off is never taken for one.
//!
//! What is read may come from anybody: only plain files of these two kinds of names are taken, so that no name leads
//! anywhere, and nothing is unpacked before every content was checked against its hash.

use super::{Backup, Copied, RestoreError};
use crate::{AdapterError, files};
use endcap_model::ContentHash;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use tar::{Archive, Builder, EntryType, Header};

/// Largest manifest that is read, in bytes.
const MANIFEST_MAX: u64 = 1 << 30;

/// A file that is being written.
pub struct Packing {
    tar: Builder<File>,
    held: BTreeSet<ContentHash>,
    to: PathBuf,
}

impl Packing {
    /// Begins a new file that only its owner may read.
    ///
    /// # Errors
    /// [`AdapterError`] when it cannot be written.
    pub fn new(to: &Path) -> Result<Self, AdapterError> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(to).map_err(|e| AdapterError::system("write", to, e))?;
        Ok(Self { tar: Builder::new(file), held: BTreeSet::new(), to: to.to_owned() })
    }

    /// Adds a content, unless it is there.
    ///
    /// # Errors
    /// [`AdapterError`] when the disk refuses.
    pub fn add(&mut self, part: &Path, copied: &Copied) -> Result<(), AdapterError> {
        if !self.held.insert(copied.sha256.clone()) {
            return Ok(());
        }
        let content = File::open(part).map_err(|e| AdapterError::system("read", part, e))?;
        let name = format!("objects/{}", copied.sha256.as_str());
        let added = self.tar.append_data(&mut header(copied.bytes), name, content);
        added.map_err(|e| AdapterError::system("write", &self.to, e))
    }

    /// Adds the manifest; then the file is whole and on disk for good.
    ///
    /// # Errors
    /// [`AdapterError`] when the disk refuses.
    pub fn finish(mut self, backup: &Backup) -> Result<(), AdapterError> {
        let text = serde_json::to_vec_pretty(backup).expect("Invariant: a manifest is JSON");
        let name = format!("backups/{}.json", backup.name());
        let mut written = || {
            self.tar.append_data(&mut header(text.len() as u64), &name, text.as_slice())?;
            self.tar.finish()?;
            self.tar.get_ref().sync_all()
        };
        written().map_err(|e| AdapterError::system("write", &self.to, e))
    }
}

fn header(bytes: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o600);
    header
}

/// Where the contents lie in a file that was read.
#[derive(Debug)]
pub struct Packed {
    file: PathBuf,
    /// First byte and size of each content, by its hash.
    objects: BTreeMap<String, (u64, u64)>,
}

/// Reads which contents a file holds, and its manifest.
///
/// # Errors
/// [`RestoreError::Refused`] when it is no backup, or not a whole one.
pub fn read(path: &Path) -> Result<(Backup, Packed), RestoreError> {
    let refused = |why: String| RestoreError::Refused { file: path.to_owned(), why };
    let file = File::open(path).map_err(|e| AdapterError::system("read", path, e))?;
    let whole = file.metadata().map_err(|e| AdapterError::system("read", path, e))?.len();
    let unread = |error: io::Error| refused(format!("it is no backup, or is damaged ({error})"));
    let mut archive = Archive::new(file);
    let (mut objects, mut manifest) = (BTreeMap::new(), None);
    for entry in archive.entries_with_seek().map_err(unread)?.raw(true) {
        let mut entry = entry.map_err(unread)?;
        let name = String::from_utf8_lossy(&entry.header().path_bytes()).into_owned();
        if manifest.is_some() {
            return Err(refused(format!("it goes on with '{name}' after its list of files")));
        }
        if entry.header().entry_type() != EntryType::Regular {
            return Err(refused(format!("'{name}' in it is no plain file")));
        }
        let (at, bytes) = (entry.raw_file_position(), entry.size());
        if at.checked_add(bytes).is_none_or(|end| end > whole) {
            return Err(refused(format!("it is cut off in '{name}'")));
        }
        if let Some(hash) = name.strip_prefix("objects/").filter(|hash| is_hash(hash)) {
            if objects.insert(hash.to_owned(), (at, bytes)).is_some() {
                return Err(refused(format!("it holds '{name}' twice")));
            }
        } else if is_manifest(&name) && bytes <= MANIFEST_MAX {
            let mut text = vec![];
            entry.read_to_end(&mut text).map_err(unread)?;
            let backup: Backup = serde_json::from_slice(&text)
                .map_err(|e| refused(format!("its list of files cannot be read ({e})")))?;
            manifest = Some(backup);
        } else {
            return Err(refused(format!("'{name}' in it is no part of a backup")));
        }
    }
    let backup = manifest.ok_or_else(|| refused("it ends before its list of files: it is cut off".to_owned()))?;
    Ok((backup, Packed { file: path.to_owned(), objects }))
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_manifest(name: &str) -> bool {
    let stem = name.strip_prefix("backups/").and_then(|name| name.strip_suffix(".json"));
    stem.is_some_and(|stem| !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.'))
}

impl Packed {
    /// Hashes a content, and returns its size with it.
    ///
    /// # Errors
    /// [`AdapterError`] when it is not there or cannot be read.
    pub fn hash(&self, sha256: &ContentHash) -> Result<(ContentHash, u64), AdapterError> {
        let failed = |e| AdapterError::system("read", &self.file, e);
        files::hash_content(self.content(sha256).map_err(failed)?).map_err(failed)
    }

    /// Copies a content to a new file.
    ///
    /// # Errors
    /// When it is not there, or the disk refuses.
    pub fn copy(&self, sha256: &ContentHash, to: &Path) -> io::Result<u64> {
        io::copy(&mut self.content(sha256)?, &mut File::create_new(to)?)
    }

    fn content(&self, sha256: &ContentHash) -> io::Result<impl Read> {
        let (at, bytes) = self.objects.get(sha256.as_str()).ok_or(io::ErrorKind::NotFound)?;
        let mut file = File::open(&self.file)?;
        file.seek(SeekFrom::Start(*at))?;
        Ok(file.take(*bytes))
    }
}

impl fmt::Display for Packed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.file.display())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{back_up_as_file, find};
    use super::*;
    use jiff::Timestamp;
    use std::fs;

    fn at() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    /// A project, and a backup of it as one file.
    fn backed_up() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("shop");
        let long = format!("{}/facts.parquet", "deep/".repeat(40));
        for (path, text) in [("endcap.toml", "x"), (&long, "facts"), ("again.toml", "x"), (".hidden", "temporary")] {
            files::write_atomic(&project.join(path), text.as_bytes()).unwrap();
        }
        let file = folder.path().join("shop.tar");
        back_up_as_file(&project, &file, at()).unwrap();
        (folder, file)
    }

    /// A tar of entries as somebody else might make it, with their names as they are given.
    fn forged(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut tar = Builder::new(vec![]);
        for (name, kind, content) in entries {
            let mut header = header(content.len() as u64);
            header.set_entry_type(*kind);
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
            header.set_cksum();
            tar.append(&header, *content).unwrap();
        }
        tar.into_inner().unwrap()
    }

    #[test]
    fn what_was_packed_comes_back_and_each_content_lies_in_the_file_once() {
        let (folder, file) = backed_up();
        let found = find(&file, None).unwrap();
        assert_eq!(found.backup.files.len(), 3);
        let packed = read(&file).unwrap().1;
        assert_eq!(packed.objects.len(), 2, "endcap.toml and again.toml say the same");
        let back = folder.path().join("back");
        found.restore(&back, false).unwrap();
        for path in found.backup.files.iter().map(|file| &file.path) {
            assert_eq!(fs::read(back.join(path)).unwrap(), fs::read(folder.path().join("shop").join(path)).unwrap());
        }
        assert!(find(&file, Some(&found.backup.name())).is_ok());
        assert!(matches!(find(&file, Some("another")), Err(RestoreError::Nothing { .. })));
        #[cfg(unix)]
        assert_eq!(
            std::os::unix::fs::MetadataExt::mode(&fs::metadata(&file).unwrap()) & 0o077,
            0,
            "only its owner reads"
        );
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing temporary is left");
    }

    #[test]
    fn a_backup_as_a_file_writes_over_nothing_and_lies_outside_the_project() {
        let (folder, file) = backed_up();
        let project = folder.path().join("shop");
        let before = fs::read(&file).unwrap();
        let refused = back_up_as_file(&project, &file, at()).unwrap_err().to_string();
        assert!(refused.contains("is there already"), "{refused}");
        assert_eq!(fs::read(&file).unwrap(), before);
        assert!(back_up_as_file(&project, &project.join("shop.tar"), at()).is_err(), "not into itself");
        assert!(back_up_as_file(&project, &folder.path().join("none/shop.tar"), at()).is_err());
        assert!(!project.join("shop.tar").exists() && !folder.path().join("none").exists());
    }

    #[test]
    fn a_file_that_was_cut_off_anywhere_is_refused_and_writes_nothing() {
        let (folder, file) = backed_up();
        let whole = fs::read(&file).unwrap();
        let end = whole.iter().rposition(|byte| *byte != 0).unwrap();
        let back = folder.path().join("back");
        for cut in (0..=end).step_by(97) {
            fs::write(&file, &whole[..cut]).unwrap();
            let refused = find(&file, None).and_then(|found| found.restore(&back, false)).unwrap_err();
            assert!(matches!(refused, RestoreError::Refused { .. }), "{cut}: {refused}");
            assert!(!back.exists(), "{cut}");
        }
    }

    #[test]
    fn a_byte_that_changed_is_found_by_the_name_of_the_file() {
        let (folder, file) = backed_up();
        let mut bytes = fs::read(&file).unwrap();
        let at = bytes.windows(5).position(|part| part == b"facts").unwrap();
        bytes[at] ^= 1;
        fs::write(&file, bytes).unwrap();
        let refused = find(&file, None).unwrap().restore(&folder.path().join("back"), true).unwrap_err().to_string();
        assert!(refused.contains("facts.parquet is damaged in the backup"), "{refused}");
        assert!(!folder.path().join("back").exists());
    }

    #[test]
    fn what_somebody_else_packed_is_refused_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("forged.tar");
        let hash = endcap_model::hash_bytes(b"x");
        let object = format!("objects/{}", hash.as_str());
        let manifest = |path: &str| {
            let files = vec![Copied { path: path.to_owned(), bytes: 1, sha256: hash.clone() }];
            serde_json::to_vec(&Backup { at: at(), files }).unwrap()
        };
        let (named, outside) = (manifest("endcap.toml"), manifest("../../outside"));
        let list = "backups/20260301T120000.000000Z.json";
        let plain = EntryType::Regular;
        let good: [(&str, EntryType, &[u8]); 2] = [(&object, plain, b"x"), (list, plain, &named)];
        fs::write(&file, forged(&good)).unwrap();
        let back = folder.path().join("back");
        find(&file, None).unwrap().restore(&back, false).unwrap();
        fs::remove_dir_all(&back).unwrap();
        let upper = object.to_uppercase();
        for (entries, why) in [
            (vec![("../outside", plain, b"x".as_slice())], "'../outside' in it is no part of a backup"),
            (vec![("/etc/passwd", plain, b"x")], "'/etc/passwd' in it is no part of a backup"),
            (vec![("objects/../../outside", plain, b"x")], "is no part of a backup"),
            (vec![(&upper, plain, b"x")], "is no part of a backup"),
            (vec![(&object, EntryType::Symlink, b"")], "is no plain file"),
            (vec![(&object, EntryType::Link, b"")], "is no plain file"),
            (vec![(&object, EntryType::Fifo, b"")], "is no plain file"),
            (vec![("objects", EntryType::Directory, b"")], "is no plain file"),
            (vec![("././@LongLink", EntryType::GNULongName, b"/etc/passwd")], "is no plain file"),
            (vec![(&object, EntryType::GNUSparse, b"x")], "is no plain file"),
            (vec![("PaxHeader", EntryType::XHeader, b"20 path=/etc/passwd\n")], "is no plain file"),
            (vec![(&object, plain, b"x"), (&object, plain, b"y"), (list, plain, &named)], "twice"),
            (vec![(list, plain, &named), (&object, plain, b"x")], "goes on with"),
            (vec![(&object, plain, b"x")], "it ends before its list of files"),
            (vec![(&object, plain, b"x"), (list, plain, b"{")], "its list of files cannot be read"),
            (vec![(&object, plain, b"x"), (list, plain, &outside)], "names '../../outside'"),
            (vec![(&object, plain, b"y"), (list, plain, &named)], "endcap.toml is damaged"),
            (vec![(list, plain, &named)], "endcap.toml is damaged"),
        ] {
            fs::write(&file, forged(&entries)).unwrap();
            let refused = find(&file, None).and_then(|found| found.restore(&back, false)).unwrap_err().to_string();
            assert!(refused.contains(why) && refused.contains("nothing was written"), "{why}: {refused}");
            assert!(!back.exists(), "{why}");
        }
        for nonsense in [b"".to_vec(), b"hello".to_vec(), vec![b'x'; 4096], vec![0; 4096]] {
            fs::write(&file, nonsense).unwrap();
            assert!(matches!(find(&file, None), Err(RestoreError::Refused { .. })));
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing was written");
    }

    #[test]
    fn a_size_beyond_all_bounds_is_refused_before_anything_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("forged.tar");
        for bytes in [1 << 40, u64::MAX] {
            let mut header = header(bytes);
            header.set_path("backups/x.json").unwrap();
            header.set_cksum();
            fs::write(&file, header.as_bytes()).unwrap();
            assert!(matches!(find(&file, None), Err(RestoreError::Refused { .. })), "{bytes}");
        }
    }
}
