//! `stops.json`: the place that needs no database.

use crate::{AdapterError, tables};
use endcap_govern::stop::{Order, Place, Scope, Stops};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Name of the file in a project's folder.
pub const FILE_NAME: &str = "stops.json";

/// Times that the lock is tried for, 20 ms apart.
const TRIES: u32 = 50;

/// What the file says.
pub fn read(folder: &Path) -> Place {
    match fs::read(folder.join(FILE_NAME)) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(stops) => Place::Kept(stops),
            Err(error) => Place::Unreadable(error.to_string()),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Place::Empty,
        Err(error) => Place::Unreadable(error.to_string()),
    }
}

/// Writes the file, whole or not at all.
pub fn write(folder: &Path, stops: &Stops) -> Result<(), AdapterError> {
    tables::write_json(&folder.join(FILE_NAME), stops)
}

/// Puts back what was there before an order that did not come about.
pub fn put_back(folder: &Path, before: &Place) {
    let path = folder.join(FILE_NAME);
    // Where even that fails the ledger still says what was stopped, and the stricter of the two holds.
    let _ = match before {
        Place::Kept(stops) => tables::write_json(&path, stops).map_err(|_| ()),
        Place::Empty | Place::Unreadable(_) => fs::remove_file(&path).map_err(|_| ()),
    };
}

/// Takes values out of names and reasons; returns from how many orders.
pub fn forget(folder: &Path, is_it: impl Fn(&str) -> bool) -> Result<usize, AdapterError> {
    let Place::Kept(stops) = read(folder) else { return Ok(0) };
    let mut forgotten = 0;
    let without = |(scope, order): (&Scope, &Order)| {
        let mut order = order.clone();
        let texts = [&mut order.by, &mut order.reason].into_iter().filter(|text| is_it(text));
        let count = texts.map(|text| *text = super::table::ERASED.to_owned()).count();
        forgotten += usize::from(count > 0);
        (scope.clone(), order)
    };
    let orders = stops.orders().map(without).collect();
    if forgotten > 0 {
        let stops = Stops::kept(stops.epoch(), orders).expect("Invariant: scopes and epochs are those that were read");
        write(folder, &stops)?;
    }
    Ok(forgotten)
}

/// Waits a second at most for being the only one that gives orders; nothing where that cannot be had.
pub async fn lock(folder: &Path) -> Option<File> {
    let file = File::options().create(true).truncate(false).write(true).open(lock_path(folder)).ok()?;
    for _ in 0..TRIES {
        if file.try_lock().is_ok() {
            return Some(file);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}

/// Where the lock lies.
pub fn lock_path(folder: &Path) -> PathBuf {
    folder.join(".stops.lock")
}
