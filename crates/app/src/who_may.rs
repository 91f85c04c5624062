//! The policies in force in a project: its own, else the shipped ones.

use anyhow::Context;
use endcap_adapters::files::read_text;
use endcap_govern::who_may::{NotLoaded, WhoMay};
use std::path::{Path, PathBuf};

/// Name of a project's own policies.
pub const FILE_NAME: &str = "who_may.cedar";

/// Policies with where they come from.
pub struct Found {
    /// The project's file; nothing where the shipped ones hold.
    pub file: Option<PathBuf>,
    /// The policies, or everything that is wrong with them.
    pub loaded: Result<WhoMay, NotLoaded>,
}

/// Finds a project's policies and loads them, wrong or not.
pub fn found(folder: &Path) -> anyhow::Result<Found> {
    let path = folder.join(FILE_NAME);
    if !path.try_exists().with_context(|| format!("{} cannot be looked at", path.display()))? {
        return Ok(Found { file: None, loaded: Ok(WhoMay::shipped()) });
    }
    Ok(Found { loaded: WhoMay::load(&read_text(&path)?), file: Some(path) })
}

/// The policies that hold in a project; wrong ones hold nowhere.
pub fn in_force(folder: &Path) -> anyhow::Result<WhoMay> {
    let Found { file, loaded } = found(folder)?;
    let name = file.map(|file| file.display().to_string()).unwrap_or_default();
    loaded.with_context(|| format!("{name} is refused: `endcap policy check` lists everything that is wrong"))
}
