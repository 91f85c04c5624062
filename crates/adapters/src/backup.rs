//! Copies of a whole project that can be brought back, taken while the desk runs.
//!
//! A folder of backups keeps each content once (`objects/HASH`), and a manifest per backup (`backups/TIME.json`) that names
//! every file with its hash; it is written last and whole. Databases are copied as they are at one moment. What is written
//! in several steps is copied so that what is named comes after what names it: facts after the snapshots, files of
//! imports after their manifests, databases after those, and packs of records last. What was acknowledged before the backup began is in it.
//!
//! Nothing is brought back that is not what was copied: every hash is checked before the first file is written.

use crate::ledger::stops;
use crate::{AdapterError, files, imports, tables};
use endcap_model::ContentHash;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// One backup: every file of the project with its hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// When it was begun.
    pub at: Timestamp,
    /// Its files, in the order of their paths.
    pub files: Vec<Copied>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copied {
    /// Where it lies, from the project's folder on.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// Its hash.
    pub sha256: ContentHash,
}

/// Why a project could not be brought back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A file of the backup is missing or is not what was copied.
    #[error("{path} is damaged in the backup ({}): nothing was written; take another backup", object.display())]
    Damaged {
        /// The file of the project.
        path: String,
        /// Where its content should lie.
        object: PathBuf,
    },
    /// The folder holds something.
    #[error("{} is not empty: nothing was written; choose another folder, or --force to put the backup in its place", .0.display())]
    InTheWay(PathBuf),
    /// There is no backup.
    #[error("{} holds no backup{}: name the folder that `endcap backup --to` wrote", folder.display(), named.as_ref().map(|name| format!(" '{name}'")).unwrap_or_default())]
    Nothing {
        /// The folder.
        folder: PathBuf,
        /// The backup that was asked for.
        named: Option<String>,
    },
    /// The disk refused.
    #[error(transparent)]
    Broken(#[from] AdapterError),
}

impl Backup {
    /// Its size, as it would be brought back.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Its name: when it was begun.
    pub fn name(&self) -> String {
        self.at.strftime("%Y%m%dT%H%M%S%.6fZ").to_string()
    }
}

/// Copies a project into a folder of backups.
///
/// # Errors
/// [`AdapterError`] when a file cannot be read or written; then there is no new backup.
pub fn back_up(project: &Path, to: &Path, at: Timestamp) -> Result<Backup, AdapterError> {
    let whole = |path: &Path| fs::canonicalize(path).map_err(|e| AdapterError::system("read", path, e));
    let from = whole(project)?;
    private_folder(to)?;
    if whole(to)?.starts_with(&from) {
        return Err(AdapterError::form(to, "lies in the project itself", "a folder elsewhere, best on another disk"));
    }
    files::create_folder(&to.join("objects"))?;
    let mut paths = vec![];
    list(&from, "", &mut paths)?;
    let names_others =
        |path: &String| !(path.starts_with("snapshots/") || path.starts_with("imports/") && path.ends_with(".json"));
    paths.sort_by_key(|path| (path.starts_with("records/"), path.ends_with(".db"), names_others(path)));
    let mut copied = vec![];
    for path in paths {
        copied.push(copy(&from, &path, to)?);
    }
    copied.sort_by(|a, b| a.path.cmp(&b.path));
    let backup = Backup { at, files: copied };
    tables::write_json(&to.join("backups").join(format!("{}.json", backup.name())), &backup)?;
    Ok(backup)
}

/// Files of a folder and those below it; hidden names are temporary, and a database's companions are part of its copy. What
/// is stopped is not copied: a project that is brought back sends nothing until a named person has said so.
fn list(folder: &Path, below: &str, found: &mut Vec<String>) -> Result<(), AdapterError> {
    for name in imports::names(folder)? {
        let path = folder.join(&name);
        let companion = [".db-wal", ".db-shm", ".db-journal"].iter().any(|end| name.ends_with(end));
        if name.starts_with('.') || companion || (below.is_empty() && name == stops::FILE_NAME) {
            continue;
        }
        let relative = if below.is_empty() { name } else { format!("{below}/{name}") };
        let failed = |e| AdapterError::system("read", &path, e);
        if fs::symlink_metadata(&path).map_err(failed)?.is_dir() {
            list(&path, &relative, found)?;
        } else if fs::metadata(&path).map_err(failed)?.is_file() {
            found.push(relative);
        }
    }
    Ok(())
}

fn copy(project: &Path, path: &str, to: &Path) -> Result<Copied, AdapterError> {
    let source = project.join(path);
    let part = to.join(format!(".copying.{}", std::process::id()));
    let _ = fs::remove_file(&part);
    if path.ends_with(".db") {
        copy_database(&source, &part)?;
    } else {
        fs::copy(&source, &part).map_err(|e| AdapterError::system("copy", &source, e))?;
    }
    let (sha256, bytes) = files::hash_file(&part)?;
    let object = object(to, &sha256);
    let failed = |e| AdapterError::system("write", &object, e);
    // An object that was damaged since is written anew.
    if files::hash_file(&object).is_ok_and(|(known, _)| known == sha256) {
        fs::remove_file(&part).map_err(failed)?;
    } else {
        fs::File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
        files::publish(&part, &object)?;
    }
    Ok(Copied { path: path.to_owned(), bytes, sha256 })
}

/// Copies a database as it is at one moment, while others read and write it.
fn copy_database(from: &Path, to: &Path) -> Result<(), AdapterError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| AdapterError::system("copy", from, e))?;
    let copied = runtime.block_on(async {
        let mut connection = SqliteConnectOptions::new().filename(from).read_only(true).connect().await?;
        sqlx::query("vacuum into ?").bind(to.to_string_lossy().as_ref()).execute(&mut connection).await?;
        connection.close().await
    });
    copied.map_err(|error| AdapterError::form(from, format!("cannot be copied ({error})"), "a database of Endcap"))
}

fn object(backups: &Path, sha256: &ContentHash) -> PathBuf {
    backups.join("objects").join(sha256.as_str())
}

/// Reads a backup of a folder: the one of this name, or the latest.
///
/// # Errors
/// [`RestoreError::Nothing`] when there is none, [`RestoreError::Broken`] when it cannot be read.
pub fn read(folder: &Path, name: Option<&str>) -> Result<Backup, RestoreError> {
    let all = imports::names(&folder.join("backups"))?;
    let fits = |file: &&String| !file.starts_with('.') && name.is_none_or(|name| **file == format!("{name}.json"));
    let Some(last) = all.iter().rfind(fits) else {
        return Err(RestoreError::Nothing { folder: folder.to_owned(), named: name.map(str::to_owned) });
    };
    Ok(tables::read_json(&folder.join("backups").join(last))?)
}

/// Checks that every file of a backup is what was copied.
///
/// # Errors
/// [`RestoreError::Damaged`] with the first file that is not.
pub fn check(folder: &Path, backup: &Backup) -> Result<(), RestoreError> {
    for file in &backup.files {
        let object = object(folder, &file.sha256);
        let inside = Path::new(&file.path).components().all(|part| matches!(part, Component::Normal(_)));
        let same = files::hash_file(&object).is_ok_and(|(hash, bytes)| hash == file.sha256 && bytes == file.bytes);
        if !inside || !same {
            return Err(RestoreError::Damaged { path: file.path.clone(), object });
        }
    }
    Ok(())
}

/// Brings a project back into a folder, whole or not at all; what is there is only replaced where `replace` says so.
///
/// # Errors
/// [`RestoreError`]; then the folder is as it was.
pub fn restore(folder: &Path, backup: &Backup, to: &Path, replace: bool) -> Result<(), RestoreError> {
    check(folder, backup)?;
    let there = !imports::names(to)?.is_empty();
    if there && !replace {
        return Err(RestoreError::InTheWay(to.to_owned()));
    }
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let beside = |what: &str| files::folder_of(to).join(format!(".{name}.{what}.{}", std::process::id()));
    let (new, old) = (beside("restoring"), beside("replaced"));
    private_folder(&new)?;
    for file in &backup.files {
        let path = new.join(&file.path);
        files::create_folder(files::folder_of(&path))?;
        let write = || fs::copy(object(folder, &file.sha256), &path).and_then(|_| fs::File::open(&path)?.sync_all());
        write().map_err(|e| AdapterError::system("write", &path, e))?;
    }
    let swap = |from: &Path, to: &Path| fs::rename(from, to).map_err(|e| AdapterError::system("replace", to, e));
    if to.exists() {
        swap(to, &old)?;
    }
    swap(&new, to)?;
    if old.exists() {
        fs::remove_dir_all(&old).map_err(|e| AdapterError::system("remove", &old, e))?;
    }
    Ok(())
}

/// Makes a folder that only its owner may read: it holds what the project holds.
fn private_folder(folder: &Path) -> Result<(), AdapterError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| AdapterError::system("create", folder, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("endcap.toml", "x"),
            ("facts/sales/1.parquet", "facts"),
            ("snapshots/a.json", "{}"),
            (".loading.1/x", "temporary"),
        ] {
            files::write_atomic(&folder.path().join(path), text.as_bytes()).unwrap();
        }
        folder
    }

    fn at(second: i8) -> Timestamp {
        format!("2026-03-01T12:00:{second:02}Z").parse().unwrap()
    }

    #[test]
    fn what_was_copied_comes_back_and_nothing_else() {
        let (project, backups, new) = (project(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = back_up(project.path(), backups.path(), at(1)).unwrap();
        let paths: Vec<&str> = first.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["endcap.toml", "facts/sales/1.parquet", "snapshots/a.json"]);
        files::write_atomic(&project.path().join("endcap.toml"), b"y").unwrap();
        let second = back_up(project.path(), backups.path(), at(2)).unwrap();
        assert_eq!(fs::read_dir(backups.path().join("objects")).unwrap().count(), 4, "unchanged files lie there once");
        assert_eq!(read(backups.path(), None).unwrap(), second);
        let first = read(backups.path(), Some(&first.name())).unwrap();
        let to = new.path().join("shop");
        restore(backups.path(), &first, &to, false).unwrap();
        assert_eq!(files::read_text(&to.join("endcap.toml")).unwrap(), "x");
        assert!(matches!(restore(backups.path(), &second, &to, false), Err(RestoreError::InTheWay(_))));
        files::write_atomic(&to.join("later.txt"), b"later").unwrap();
        restore(backups.path(), &second, &to, true).unwrap();
        assert_eq!(files::read_text(&to.join("endcap.toml")).unwrap(), "y");
        assert!(!to.join("later.txt").exists());
        assert_eq!(fs::read_dir(new.path()).unwrap().count(), 1, "nothing temporary is left");
    }

    #[test]
    fn a_damaged_backup_is_refused_by_the_name_of_the_file_and_mended_by_the_next_one() {
        let (project, backups, new) = (project(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut backup = back_up(project.path(), backups.path(), at(1)).unwrap();
        let facts = object(backups.path(), &backup.files[1].sha256);
        fs::write(&facts, "fakes").unwrap();
        let to = new.path().join("shop");
        let refused = restore(backups.path(), &backup, &to, true).unwrap_err().to_string();
        assert!(refused.contains("facts/sales/1.parquet is damaged"), "{refused}");
        assert!(!to.exists());
        back_up(project.path(), backups.path(), at(2)).unwrap();
        restore(backups.path(), &backup, &to, false).unwrap();
        backup.files[0].path = "../outside".to_owned();
        assert!(matches!(check(backups.path(), &backup), Err(RestoreError::Damaged { .. })));
        assert!(back_up(project.path(), &project.path().join("backups"), at(3)).is_err(), "not into itself");
        assert!(matches!(read(new.path(), None), Err(RestoreError::Nothing { .. })));
    }
}
