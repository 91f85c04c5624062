//! Copies of a whole project that can be brought back, taken while the desk runs.
//!
//! A folder of backups keeps each content once (`objects/HASH`), and a manifest per backup (`backups/TIME.json`) that names
//! every file with its hash; it is written last and whole. A backup as one file is such a folder with one backup, as a tar
//! (`one_file`). Databases are copied as they are at one moment. What is written
//! in several steps is copied so that what is named comes after what names it: facts after the snapshots, files of
//! imports after their manifests, databases after those, and packs of records last. What was acknowledged before the backup began is in it.
//!
//! Nothing is brought back that is not what was copied: every hash is checked before the first file is written.

mod one_file;

use crate::database::copy::{self, Export};
use crate::database::{self, DatabaseSettings};
use crate::desk::SEAL_FILE;
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
    #[error("{path} is damaged in the backup ({place}): nothing was written; take another backup")]
    Damaged {
        /// The file of the project.
        path: String,
        /// Where its content should lie.
        place: String,
    },
    /// The backup names a file that would lie elsewhere.
    #[error(
        "the backup names '{0}', which is no file of a project: nothing was written; it was not made by `endcap backup`"
    )]
    Astray(String),
    /// A file that is no backup, or not a whole one.
    #[error("{} cannot be brought back: {why}: nothing was written; name a file that `endcap backup --file` wrote", file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The folder holds something.
    #[error("{} is not empty: nothing was written; choose another folder, or --force to put the backup in its place", .0.display())]
    InTheWay(PathBuf),
    /// There is no backup.
    #[error("{} holds no backup{}: name what `endcap backup` wrote", place.display(), named.as_ref().map(|name| format!(" '{name}'")).unwrap_or_default())]
    Nothing {
        /// The folder or file.
        place: PathBuf,
        /// The backup that was asked for.
        named: Option<String>,
    },
    /// The disk refused.
    #[error(transparent)]
    Broken(#[from] AdapterError),
}

/// A backup that was found, with its contents.
#[derive(Debug)]
pub struct Found {
    /// What it is of.
    pub backup: Backup,
    contents: Contents,
}

/// Where journal and ledger of a project that is brought back are to lie.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rows {
    /// Where the project had them: in files, or in the schema that its `endcap.toml` names.
    #[default]
    AsBefore,
    /// In files.
    InFiles,
    /// In PostgreSQL: a schema, at another address than before where one is given.
    InPostgres {
        /// The address.
        address: Option<String>,
        /// The schema.
        schema: String,
    },
}

/// Where the contents of a backup lie.
#[derive(Debug)]
enum Contents {
    Folder(PathBuf),
    File(one_file::Packed),
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
    private_folder(to)?;
    let from = apart(project, to)?;
    files::create_folder(&to.join("objects"))?;
    let backup = copied(&from, to, at, |part, copied| {
        let object = object(to, &copied.sha256);
        // An object that was damaged since is written anew.
        if files::hash_file(&object).is_ok_and(|(known, _)| known == copied.sha256) {
            return Ok(());
        }
        fs::File::open(part).and_then(|file| file.sync_all()).map_err(|e| AdapterError::system("write", &object, e))?;
        files::publish(part, &object)
    })?;
    tables::write_json(&to.join("backups").join(format!("{}.json", backup.name())), &backup)?;
    Ok(backup)
}

/// Copies a project into one new file.
///
/// # Errors
/// [`AdapterError`] when a file cannot be read or written, or is there already; then there is no new backup.
pub fn back_up_as_file(project: &Path, to: &Path, at: Timestamp) -> Result<Backup, AdapterError> {
    let folder = files::folder_of(to);
    if !folder.is_dir() {
        return Err(AdapterError::form(folder, "is no folder", "a file in a folder that is there"));
    }
    if fs::symlink_metadata(to).is_ok() {
        return Err(AdapterError::form(to, "is there already", "a new name: one file holds one backup"));
    }
    let from = apart(project, folder)?;
    // What is copied is for its owner alone, also in a folder that others read.
    let beside = folder.join(format!(".{}.{}", to.file_name().unwrap_or_default().display(), std::process::id()));
    let _ = fs::remove_dir_all(&beside);
    new_private_folder(&beside)?;
    let packed = packed(&from, &beside, to, at);
    let _ = fs::remove_dir_all(&beside);
    packed
}

fn packed(project: &Path, beside: &Path, to: &Path, at: Timestamp) -> Result<Backup, AdapterError> {
    let part = beside.join("whole");
    let mut packing = one_file::Packing::new(&part)?;
    let backup = copied(project, beside, at, |part, copied| packing.add(part, copied))?;
    packing.finish(&backup)?;
    files::publish(&part, to)?;
    Ok(backup)
}

/// The project's folder; a backup does not lie in what it is of.
fn apart(project: &Path, folder: &Path) -> Result<PathBuf, AdapterError> {
    let whole = |path: &Path| fs::canonicalize(path).map_err(|e| AdapterError::system("read", path, e));
    let from = whole(project)?;
    if whole(folder)?.starts_with(&from) {
        let expected = "a folder elsewhere, best on another disk";
        return Err(AdapterError::form(folder, "lies in the project itself", expected));
    }
    Ok(from)
}

/// Copies every file of a project in turn to a part in `beside`, and hands it over.
fn copied(
    project: &Path,
    beside: &Path,
    at: Timestamp,
    mut keep: impl FnMut(&Path, &Copied) -> Result<(), AdapterError>,
) -> Result<Backup, AdapterError> {
    let mut paths = vec![];
    list(project, "", &mut paths)?;
    let mut export = Export::of(project)?;
    if export.is_some() {
        paths.extend(Export::files().map(str::to_owned));
    }
    let names_others =
        |path: &String| !(path.starts_with("snapshots/") || path.starts_with("imports/") && path.ends_with(".json"));
    paths.sort_by_key(|path| (path.starts_with("records/"), path.ends_with(".db"), names_others(path)));
    let part = beside.join(format!(".copying.{}", std::process::id()));
    let mut one = |path: String| {
        let _ = fs::remove_file(&part);
        let source = project.join(&path);
        if let Some(export) = export.as_mut().filter(|_| Export::files().any(|file| file == path)) {
            export.write(&path, &part)?;
        } else if path.ends_with(".db") {
            copy_database(&source, &part)?;
        } else {
            fs::copy(&source, &part).map_err(|e| AdapterError::system("copy", &source, e))?;
        }
        let (sha256, bytes) = files::hash_file(&part)?;
        let copied = Copied { path, bytes, sha256 };
        keep(&part, &copied).map(|()| copied)
    };
    let files = paths.into_iter().map(&mut one).collect::<Result<Vec<Copied>, AdapterError>>();
    let _ = fs::remove_file(&part);
    let mut files = files?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Backup { at, files })
}

/// Files of a folder and those below it; hidden names are temporary, and a database's companions are part of its copy. What
/// is stopped is not copied: a project that is brought back sends nothing until a named person has said so.
fn list(folder: &Path, below: &str, found: &mut Vec<String>) -> Result<(), AdapterError> {
    for name in imports::names(folder)? {
        let path = folder.join(&name);
        let companion = [".db-wal", ".db-shm", ".db-journal"].iter().any(|end| name.ends_with(end));
        if name.starts_with('.')
            || companion
            || (below.is_empty() && [stops::FILE_NAME, SEAL_FILE].contains(&name.as_str()))
        {
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

/// Finds a backup in a folder or in a file: the one of this name, or the latest.
///
/// # Errors
/// [`RestoreError::Nothing`] when there is none, [`RestoreError::Refused`] when a file is no backup.
pub fn find(place: &Path, name: Option<&str>) -> Result<Found, RestoreError> {
    let nothing = || RestoreError::Nothing { place: place.to_owned(), named: name.map(str::to_owned) };
    if place.is_file() {
        let (backup, packed) = one_file::read(place)?;
        let is_it = name.is_none_or(|name| name == backup.name());
        return if is_it { Ok(Found { backup, contents: Contents::File(packed) }) } else { Err(nothing()) };
    }
    let all = imports::names(&place.join("backups"))?;
    let fits = |file: &&String| !file.starts_with('.') && name.is_none_or(|name| **file == format!("{name}.json"));
    let last = all.iter().rfind(fits).ok_or_else(nothing)?;
    let backup = tables::read_json(&place.join("backups").join(last))?;
    Ok(Found { backup, contents: Contents::Folder(place.to_owned()) })
}

impl Found {
    /// Checks that every file of the backup is what was copied, and lies in the project.
    ///
    /// # Errors
    /// [`RestoreError::Damaged`] or [`RestoreError::Astray`] with the first file that is not.
    pub fn check(&self) -> Result<(), RestoreError> {
        for file in &self.backup.files {
            if !is_of_a_project(&file.path) {
                return Err(RestoreError::Astray(file.path.clone()));
            }
            let found = match &self.contents {
                Contents::Folder(folder) => files::hash_file(&object(folder, &file.sha256)),
                Contents::File(packed) => packed.hash(&file.sha256),
            };
            if !found.is_ok_and(|(hash, bytes)| hash == file.sha256 && bytes == file.bytes) {
                let place = match &self.contents {
                    Contents::Folder(folder) => object(folder, &file.sha256).display().to_string(),
                    Contents::File(packed) => format!("objects/{} in {packed}", file.sha256.as_str()),
                };
                return Err(RestoreError::Damaged { path: file.path.clone(), place });
            }
        }
        Ok(())
    }

    /// Brings the project back into a folder, whole or not at all; what is there is only replaced where `replace` says so.
    ///
    /// # Errors
    /// [`RestoreError`]; then the folder is as it was.
    pub fn restore(&self, to: &Path, replace: bool) -> Result<(), RestoreError> {
        self.restore_with(to, replace, &Rows::AsBefore)
    }

    /// The same, and says where journal and ledger are to lie. A schema of PostgreSQL must be new.
    ///
    /// # Errors
    /// [`RestoreError`]; then the folder and the server are as they were.
    pub fn restore_with(&self, to: &Path, replace: bool, rows: &Rows) -> Result<(), RestoreError> {
        self.check()?;
        let there = !imports::names(to)?.is_empty();
        if there && !replace {
            return Err(RestoreError::InTheWay(to.to_owned()));
        }
        let name = to.file_name().unwrap_or_default().to_string_lossy();
        let beside = |what: &str| files::folder_of(to).join(format!(".{name}.{what}.{}", std::process::id()));
        let (new, old) = (beside("restoring"), beside("replaced"));
        private_folder(&new)?;
        let written = self.write(&new).and_then(|()| settled(&new, rows)).and_then(|()| copy::bring_in(&new));
        if let Err(error) = written {
            let _ = fs::remove_dir_all(&new);
            return Err(error.into());
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

    fn write(&self, new: &Path) -> Result<(), AdapterError> {
        for file in &self.backup.files {
            let path = new.join(&file.path);
            files::create_folder(files::folder_of(&path))?;
            let copy = || match &self.contents {
                Contents::Folder(folder) => fs::copy(object(folder, &file.sha256), &path),
                Contents::File(packed) => packed.copy(&file.sha256, &path),
            };
            let written = copy().and_then(|_| fs::File::open(&path)?.sync_all());
            written.map_err(|e| AdapterError::system("write", &path, e))?;
        }
        Ok(())
    }
}

/// Has `endcap.toml` say where journal and ledger lie.
fn settled(folder: &Path, rows: &Rows) -> Result<(), AdapterError> {
    let before = database::settings(folder)?;
    let settings = match rows {
        Rows::AsBefore => return Ok(()),
        Rows::InFiles if before.is_none() => return Ok(()),
        Rows::InFiles => None,
        Rows::InPostgres { address, schema } => {
            let postgres = address.clone().or_else(|| Some(before.as_ref()?.postgres.clone())).ok_or_else(|| {
                let expected = "the address of a server: --postgres postgres://user@host:5432/database";
                AdapterError::form(folder, "was in no database before", expected)
            })?;
            let password_file = before.and_then(|before| before.password_file);
            Some(DatabaseSettings { postgres, schema: schema.clone(), password_file })
        }
    };
    database::settle(folder, settings.as_ref())
}

/// Whether a path is one that a backup has: below the project's folder, and never hidden.
fn is_of_a_project(path: &str) -> bool {
    let plain = |part| matches!(part, Component::Normal(name) if !name.to_string_lossy().starts_with('.'));
    !path.is_empty() && Path::new(path).components().all(plain)
}

/// Makes a folder that only its owner may read: it holds what the project holds.
fn private_folder(folder: &Path) -> Result<(), AdapterError> {
    for_its_owner().recursive(true).create(folder).map_err(|e| AdapterError::system("create", folder, e))
}

/// The same, where nobody may have made it before.
fn new_private_folder(folder: &Path) -> Result<(), AdapterError> {
    for_its_owner().create(folder).map_err(|e| AdapterError::system("create", folder, e))
}

fn for_its_owner() -> fs::DirBuilder {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(false);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
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
        let second_found = find(backups.path(), None).unwrap();
        assert_eq!(second_found.backup, second);
        let to = new.path().join("shop");
        find(backups.path(), Some(&first.name())).unwrap().restore(&to, false).unwrap();
        assert_eq!(files::read_text(&to.join("endcap.toml")).unwrap(), "x");
        assert!(matches!(second_found.restore(&to, false), Err(RestoreError::InTheWay(_))));
        files::write_atomic(&to.join("later.txt"), b"later").unwrap();
        second_found.restore(&to, true).unwrap();
        assert_eq!(files::read_text(&to.join("endcap.toml")).unwrap(), "y");
        assert!(!to.join("later.txt").exists());
        assert_eq!(fs::read_dir(new.path()).unwrap().count(), 1, "nothing temporary is left");
    }

    #[test]
    fn a_damaged_backup_is_refused_by_the_name_of_the_file_and_mended_by_the_next_one() {
        let (project, backups, new) = (project(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let backup = back_up(project.path(), backups.path(), at(1)).unwrap();
        let mut found = find(backups.path(), None).unwrap();
        let facts = object(backups.path(), &backup.files[1].sha256);
        fs::write(&facts, "fakes").unwrap();
        let to = new.path().join("shop");
        let refused = found.restore(&to, true).unwrap_err().to_string();
        assert!(refused.contains("facts/sales/1.parquet is damaged"), "{refused}");
        assert!(!to.exists());
        back_up(project.path(), backups.path(), at(2)).unwrap();
        found.restore(&to, false).unwrap();
        for astray in ["../outside", "/etc/passwd", "facts/../../outside", "", ".", ".ssh/config"] {
            found.backup.files[0].path = astray.to_owned();
            let refused = found.restore(&new.path().join("other"), false);
            assert!(matches!(refused, Err(RestoreError::Astray(_))), "{astray}");
        }
        found.backup.files[0].path = "facts/sales".to_owned();
        assert!(matches!(found.restore(&new.path().join("other"), false), Err(RestoreError::Broken(_))));
        assert_eq!(fs::read_dir(new.path()).unwrap().count(), 1, "what could not be written leaves nothing");
        assert!(back_up(project.path(), &project.path().join("backups"), at(3)).is_err(), "not into itself");
        assert!(matches!(find(new.path(), None), Err(RestoreError::Nothing { .. })));
    }
}
