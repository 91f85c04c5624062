//! Results of benchmarks and proofs by commit: `bench/results/COMMIT.json`, one row a line. A row measured again at the same commit replaces the
//! old one, so that a part can be repeated; the page shows the newest row of each name.
//!
//! It never holds a path or the name of a machine.

use crate::demand::Row as DemandRow;
use crate::desk::Case as DeskCase;
use crate::goals::Case;
use crate::helper::answer;
use crate::plan::{PromotionRow, PublicRow, ReplanRow, ThreadsRow};
use crate::supply::Row as SupplyRow;
use crate::torture::Outcome;
use anyhow::Context;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Words behind the commit of results that stay apart from the page.
const APART: [&str; 2] = ["quick", "tune"];

/// A row as it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stored<R> {
    pub name: String,
    /// Seconds since 1970.
    measured_at: u64,
    /// Checks that failed.
    pub failures: Vec<String>,
    #[serde(flatten)]
    pub row: R,
    /// The commit of the file that the row is in.
    #[serde(skip)]
    pub commit: String,
}

impl<R> Stored<R> {
    /// A row measured now.
    pub fn new(name: &str, row: R, failures: Vec<String>) -> Stored<R> {
        let measured_at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Stored { name: name.to_owned(), measured_at, failures, row, commit: String::new() }
    }
}

/// Puts a measured row among the results, tells and notes what failed on the way, and saves.
pub fn keep<R>(
    results: &mut Results,
    row: Option<Stored<R>>,
    failures: &mut Vec<String>,
    part: impl FnOnce(&mut Results) -> &mut Vec<Stored<R>>,
) -> anyhow::Result<()> {
    let Some(row) = row else { return Ok(()) };
    for failure in &row.failures {
        eprintln!("bench: FAILED: {}: {failure}", row.name);
        failures.push(format!("{}: {failure}", row.name));
    }
    put(part(results), row);
    results.save()
}

/// Puts a row in place of an older one of its name.
fn put<R>(rows: &mut Vec<Stored<R>>, row: Stored<R>) {
    match rows.iter_mut().find(|old| old.name == row.name) {
        Some(old) if old.measured_at > row.measured_at => {}
        Some(old) => *old = row,
        None => rows.push(row),
    }
}

/// What was measured on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
}

/// Where the results of a run lie.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    /// Short name of the commit; `-changed` behind it when the program's sources were not as committed, `-given` when
    /// the program was given.
    commit: String,
    /// Word behind the commit for runs that stay apart from the page: `quick`, `tune`; empty for the others.
    apart: String,
}

impl Shelf {
    /// The place for the results of the program as it is now.
    pub fn of(given: bool, apart: &str) -> anyhow::Result<Shelf> {
        Ok(Shelf { commit: commit(given)?, apart: apart.to_owned() })
    }

    /// Whether the results stay apart from the page.
    pub fn is_apart(&self) -> bool {
        !self.apart.is_empty()
    }

    fn path(&self) -> PathBuf {
        let dash = if self.is_apart() { "-" } else { "" };
        folder().join(format!("{}{dash}{}.json", self.commit, self.apart))
    }
}

/// All rows of a commit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Results {
    /// As in the name of the file.
    pub commit: String,
    pub machine: Machine,
    pub promotion: Vec<Stored<PromotionRow>>,
    pub threads: Vec<Stored<ThreadsRow>>,
    pub replan: Vec<Stored<ReplanRow>>,
    pub public: Vec<Stored<PublicRow>>,
    #[serde(default)]
    pub demand: Vec<Stored<DemandRow>>,
    #[serde(default)]
    pub supply: Vec<Stored<SupplyRow>>,
    #[serde(default)]
    pub twin: Vec<Stored<Case>>,
    #[serde(default, rename = "loop")]
    pub looped: Vec<Stored<Case>>,
    #[serde(default)]
    pub desk: Vec<Stored<DeskCase>>,
    #[serde(default)]
    pub proofs: Vec<Stored<Outcome>>,
    #[serde(skip)]
    shelf: Shelf,
}

impl Results {
    /// The results of this commit so far.
    pub fn open(shelf: Shelf) -> anyhow::Result<Results> {
        let path = shelf.path();
        let mut results = if path.exists() { read(&path)? } else { Results::default() };
        (results.commit, results.machine) = (shelf.commit.clone(), machine());
        results.shelf = shelf;
        Ok(results)
    }

    /// Writes the results, one row a line.
    pub fn save(&self) -> anyhow::Result<()> {
        let path = self.shelf.path();
        fs::create_dir_all(path.parent().context("results lie in a folder")?)?;
        let head = format!("\"commit\": {},\n\"machine\": {}", json(&self.commit)?, json(&self.machine)?);
        let parts = [
            ("promotion", lines(&self.promotion)?),
            ("threads", lines(&self.threads)?),
            ("replan", lines(&self.replan)?),
            ("public", lines(&self.public)?),
            ("demand", lines(&self.demand)?),
            ("supply", lines(&self.supply)?),
            ("twin", lines(&self.twin)?),
            ("loop", lines(&self.looped)?),
            ("desk", lines(&self.desk)?),
            ("proofs", lines(&self.proofs)?),
        ];
        let parts = parts.map(|(name, lines)| format!("\"{name}\": [\n{lines}\n]"));
        fs::write(&path, format!("{{\n{head},\n{}\n}}\n", parts.join(",\n")))
            .with_context(|| format!("{} could not be written", path.display()))
    }

    /// Whether the results stay apart from the page.
    pub fn is_apart(&self) -> bool {
        self.shelf.is_apart()
    }

    /// The newest row of each name over all commits, in the order of the page; a run apart shows itself only.
    pub fn newest(&self) -> anyhow::Result<Results> {
        let mut newest = Results { commit: self.commit.clone(), machine: self.machine.clone(), ..Results::default() };
        newest.shelf = self.shelf.clone();
        newest.take(self);
        if !self.shelf.is_apart() {
            for entry in fs::read_dir(folder())? {
                let path = entry?.path();
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                if !name.ends_with(".json") || APART.iter().any(|word| name.ends_with(&format!("-{word}.json"))) {
                    continue;
                }
                match read(&path) {
                    // Figures of another machine cannot stand in the same table.
                    Ok(other) if other.machine == self.machine => newest.take(&other),
                    Ok(_) => {}
                    Err(error) => eprintln!("SKIPPED: {error:#}"),
                }
            }
        }
        let names: Vec<String> = crate::plan::names().into_iter().map(|(name, _)| name).collect();
        sort(&mut newest.promotion, &names);
        sort(&mut newest.threads, &names);
        sort(&mut newest.replan, &names);
        sort(&mut newest.public, &names);
        sort(&mut newest.demand, &crate::demand::names());
        sort(&mut newest.supply, &crate::supply::names());
        sort(&mut newest.twin, &crate::twin::names());
        sort(&mut newest.looped, &crate::looped::names());
        sort(&mut newest.desk, &crate::desk::names());
        sort(&mut newest.proofs, &crate::torture::names());
        Ok(newest)
    }

    fn take(&mut self, other: &Results) {
        take(&mut self.promotion, &other.promotion, &other.commit);
        take(&mut self.threads, &other.threads, &other.commit);
        take(&mut self.replan, &other.replan, &other.commit);
        take(&mut self.public, &other.public, &other.commit);
        take(&mut self.demand, &other.demand, &other.commit);
        take(&mut self.supply, &other.supply, &other.commit);
        take(&mut self.twin, &other.twin, &other.commit);
        take(&mut self.looped, &other.looped, &other.commit);
        take(&mut self.desk, &other.desk, &other.commit);
        take(&mut self.proofs, &other.proofs, &other.commit);
    }
}

fn take<R: Clone>(into: &mut Vec<Stored<R>>, rows: &[Stored<R>], commit: &str) {
    rows.iter().for_each(|row| put(into, Stored { commit: commit.to_owned(), ..row.clone() }));
}

/// Keeps the rows that still have a place on the page, in its order.
fn sort<R>(rows: &mut Vec<Stored<R>>, names: &[String]) {
    rows.retain(|row| names.contains(&row.name));
    rows.sort_by_key(|row| names.iter().position(|name| *name == row.name));
}

fn lines<R: Serialize + DeserializeOwned>(rows: &[Stored<R>]) -> anyhow::Result<String> {
    Ok(rows.iter().map(json).collect::<anyhow::Result<Vec<String>>>()?.join(",\n"))
}

fn json<T: Serialize>(value: &T) -> anyhow::Result<String> {
    Ok(serde_json::to_string(value)?)
}

fn read(path: &Path) -> anyhow::Result<Results> {
    let text = fs::read_to_string(path)?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} holds no results of this form of the benchmark: move it away", path.display()))
}

fn folder() -> PathBuf {
    crate::root().join("bench/results")
}

/// The commit, and whether the program may differ from it.
fn commit(given: bool) -> anyhow::Result<String> {
    let git = |arguments: &[&str]| answer(Command::new("git").current_dir(crate::root()).args(arguments));
    let commit = git(&["rev-parse", "--short=7", "HEAD"])?;
    if given {
        return Ok(format!("{}-given", commit.trim()));
    }
    let changed = git(&["status", "--porcelain", "--", "crates", "Cargo.toml", "Cargo.lock"])?;
    Ok(format!("{}{}", commit.trim(), if changed.is_empty() { "" } else { "-changed" }))
}

fn machine() -> Machine {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':')).map(|(_, name)| name.trim());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Machine { cpu: model.unwrap_or("unknown").to_owned(), cores }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_row_of_the_same_name_takes_the_place_of_the_older() {
        let row = |measured_at, row| Stored { measured_at, ..Stored::new("a", row, Vec::new()) };
        let mut rows = vec![row(5, 1)];
        put(&mut rows, row(6, 2));
        put(&mut rows, row(4, 3));
        put(&mut rows, Stored::new("b", 4, Vec::new()));
        let kept: Vec<i32> = rows.iter().map(|row| row.row).collect();
        assert_eq!(kept, [2, 4]);
    }
}
