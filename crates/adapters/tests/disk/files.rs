//! What lies on a disk: what programs see, and what would still be there if the power went now.

use fuser::{Errno, INodeNo};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use std::ops::Range;

/// What a disk writes whole or not at all, in bytes.
const SECTOR: usize = 512;

/// When a disk fails, counted in changes: writes, syncs, names that come and go.
#[derive(Clone, Default)]
pub struct Failing {
    /// The change before which the power goes; what of the unsynced is kept follows from the seed.
    pub power_goes_at: Option<(u32, u64)>,
    /// Changes at which the disk is full.
    pub full: Range<u32>,
    /// Changes at which nothing can be written at all.
    pub broken: Range<u32>,
}

enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Size(usize),
}

enum Naming {
    Put(String, u64),
    Drop(String),
    Move(String, String),
}

#[derive(Default)]
struct File {
    seen: Vec<u8>,
    kept: Vec<u8>,
    unsynced: Vec<Change>,
}

/// One folder of files.
pub struct Files {
    files: BTreeMap<u64, File>,
    names: BTreeMap<String, u64>,
    kept_names: BTreeMap<String, u64>,
    unsynced_names: Vec<Naming>,
    failing: Failing,
    /// Changes so far.
    pub changes: u32,
    /// What was left when the power went.
    pub left: Option<BTreeMap<String, Vec<u8>>>,
}

impl Files {
    pub fn new(files: BTreeMap<String, Vec<u8>>, failing: Failing) -> Self {
        let names: BTreeMap<String, u64> = files.keys().cloned().zip(2..).collect();
        let files = files.into_values().map(|bytes| File { seen: bytes.clone(), kept: bytes, unsynced: vec![] });
        Self {
            files: (2..).zip(files).collect(),
            kept_names: names.clone(),
            names,
            unsynced_names: vec![],
            failing,
            changes: 0,
            left: None,
        }
    }

    pub fn names(&self) -> Vec<(String, u64)> {
        self.names.iter().map(|(name, file)| (name.clone(), *file)).collect()
    }

    pub fn find(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    pub fn size(&self, file: INodeNo) -> Result<usize, Errno> {
        Ok(self.files.get(&file.0).ok_or(Errno::ENOENT)?.seen.len())
    }

    pub fn read(&self, file: INodeNo, offset: u64, size: u32) -> Result<&[u8], Errno> {
        if self.left.is_some() {
            return Err(Errno::EIO);
        }
        let seen = &self.files.get(&file.0).ok_or(Errno::ENOENT)?.seen;
        let from = place(offset).min(seen.len());
        Ok(&seen[from..(from + size as usize).min(seen.len())])
    }

    pub fn create(&mut self, name: &str) -> Result<u64, Errno> {
        self.change(true)?;
        let file = self.files.keys().next_back().map_or(2, |last| last + 1);
        self.files.insert(file, File::default());
        self.name(Naming::Put(name.to_owned(), file));
        Ok(file)
    }

    pub fn remove(&mut self, name: &str) -> Result<(), Errno> {
        self.find(name).ok_or(Errno::ENOENT)?;
        self.change(false)?;
        self.name(Naming::Drop(name.to_owned()));
        Ok(())
    }

    pub fn rename(&mut self, from: &str, to: &str) -> Result<(), Errno> {
        self.find(from).ok_or(Errno::ENOENT)?;
        self.change(true)?;
        self.name(Naming::Move(from.to_owned(), to.to_owned()));
        Ok(())
    }

    pub fn write(&mut self, file: INodeNo, offset: u64, bytes: &[u8]) -> Result<(), Errno> {
        self.change(true)?;
        self.alter(file, Change::Write { offset: place(offset), bytes: bytes.to_vec() })
    }

    pub fn resize(&mut self, file: INodeNo, size: u64) -> Result<(), Errno> {
        self.change(false)?;
        self.alter(file, Change::Size(place(size)))
    }

    /// Keeps a file for good, its name, and all changes of names before it came: they are kept in the order in which they were made.
    pub fn sync(&mut self, file: INodeNo) -> Result<(), Errno> {
        self.change(false)?;
        let found = self.files.get_mut(&file.0).ok_or(Errno::ENOENT)?;
        found.unsynced.drain(..).for_each(|change| apply(&mut found.kept, &change));
        let made = |naming: &Naming| matches!(naming, Naming::Put(_, made) if *made == file.0);
        let until = self.unsynced_names.iter().rposition(made).map_or(0, |at| at + 1);
        self.unsynced_names.drain(..until).for_each(|naming| rename(&mut self.kept_names, &naming));
        Ok(())
    }

    /// Keeps all names for good.
    pub fn sync_names(&mut self) -> Result<(), Errno> {
        self.change(false)?;
        self.unsynced_names.drain(..).for_each(|naming| rename(&mut self.kept_names, &naming));
        Ok(())
    }

    /// What the disk holds, power or not.
    pub fn all(&self) -> BTreeMap<String, Vec<u8>> {
        let seen = |(name, file): (&String, &u64)| (name.clone(), self.files[file].seen.clone());
        self.left.clone().unwrap_or_else(|| self.names.iter().map(seen).collect())
    }

    /// Counts a change, unless the disk fails at it.
    fn change(&mut self, needs_room: bool) -> Result<(), Errno> {
        if self.left.is_some() {
            return Err(Errno::EIO);
        }
        let at = self.changes;
        self.changes += 1;
        if let Some((_, seed)) = self.failing.power_goes_at.filter(|(goes_at, _)| *goes_at <= at) {
            self.left = Some(self.after_a_cut(&mut ChaCha8Rng::seed_from_u64(seed)));
            return Err(Errno::EIO);
        }
        if self.failing.broken.contains(&at) {
            return Err(Errno::EIO);
        }
        if needs_room && self.failing.full.contains(&at) {
            return Err(Errno::ENOSPC);
        }
        Ok(())
    }

    fn alter(&mut self, file: INodeNo, change: Change) -> Result<(), Errno> {
        let file = self.files.get_mut(&file.0).ok_or(Errno::ENOENT)?;
        apply(&mut file.seen, &change);
        file.unsynced.push(change);
        Ok(())
    }

    fn name(&mut self, naming: Naming) {
        rename(&mut self.names, &naming);
        self.unsynced_names.push(naming);
    }

    /// Of what was not synced, each change of a file is there, not there or there in part, in any mixture; names changed up to
    /// some moment.
    fn after_a_cut(&self, chance: &mut ChaCha8Rng) -> BTreeMap<String, Vec<u8>> {
        let mut names = self.kept_names.clone();
        let until = chance.random_range(0..=self.unsynced_names.len());
        self.unsynced_names[..until].iter().for_each(|naming| rename(&mut names, naming));
        names.into_iter().map(|(name, file)| (name, torn(&self.files[&file], chance))).collect()
    }
}

fn torn(file: &File, chance: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = file.kept.clone();
    for change in &file.unsynced {
        match (change, chance.random_range(0..3)) {
            (_, 0) => {}
            (Change::Write { offset, bytes: written }, 1) => {
                for (at, sector) in written.chunks(SECTOR).enumerate().filter(|_| chance.random()) {
                    apply(&mut bytes, &Change::Write { offset: offset + at * SECTOR, bytes: sector.to_vec() });
                }
            }
            _ => apply(&mut bytes, change),
        }
    }
    bytes
}

fn apply(to: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Size(size) => to.resize(*size, 0),
        Change::Write { offset, bytes } => {
            let end = offset + bytes.len();
            to.resize(to.len().max(end), 0);
            to[*offset..end].copy_from_slice(bytes);
        }
    }
}

fn rename(names: &mut BTreeMap<String, u64>, naming: &Naming) {
    match naming {
        Naming::Put(name, file) => {
            names.insert(name.clone(), *file);
        }
        Naming::Drop(name) => {
            names.remove(name);
        }
        Naming::Move(from, to) => {
            if let Some(file) = names.remove(from) {
                names.insert(to.clone(), file);
            }
        }
    }
}

fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("files of a test fit in memory")
}
