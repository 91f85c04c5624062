//! Reads what people know better than the data: edits of effects and overrides of forecasts.

use anyhow::{Context, bail};
use endcap_adapters::files::read_text;
use endcap_agent::jobs::Judgement;
use endcap_demand::Fitted;
use endcap_demand::coefficients::{self, Applied, State, Store};
use endcap_demand::overrides::Log;
use endcap_model::LiftModel;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Edits to use in place of estimates.
#[derive(clap::Args)]
pub struct EditArgs {
    /// Log of edits that `endcap coefficients` keeps; FOLDER/coefficients/edits.jsonl of a project when not given.
    #[arg(long, value_name = "FILE")]
    pub edits: Option<PathBuf>,
    /// Day on which edits and overrides are judged to be over; the first after the history when not given. Needed where
    /// periods are numbers.
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<Date>,
}

/// The log of edits of a project.
pub fn edits_of(folder: &Path) -> PathBuf {
    folder.join("coefficients").join("edits.jsonl")
}

/// The log of overrides of a project.
pub fn overrides_of(folder: &Path) -> PathBuf {
    folder.join("overrides").join("overrides.jsonl")
}

/// Reads both logs of a project; none that is not there has an entry.
pub fn read(folder: &Path) -> anyhow::Result<Judgement> {
    Ok(Judgement { edits: read_edits(&edits_of(folder))?, overrides: read_overrides(&overrides_of(folder))? })
}

/// Reads a log of edits; empty when there is no such file.
pub fn read_edits(path: &Path) -> anyhow::Result<Store> {
    Store::read(&text_of(path)?).with_context(|| path.display().to_string())
}

/// Reads a log of overrides; empty when there is no such file.
pub fn read_overrides(path: &Path) -> anyhow::Result<Log> {
    Log::read(&text_of(path)?).with_context(|| path.display().to_string())
}

fn text_of(path: &Path) -> anyhow::Result<String> {
    if path.exists() { Ok(read_text(path)?) } else { Ok(String::new()) }
}

/// Adds a line to a log and waits until it is on the disk.
pub fn append(path: &Path, line: &str) -> anyhow::Result<()> {
    let write = || {
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let mut file = OpenOptions::new().create(true).append(true).open(path)?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("could not write {}", path.display()))
}

/// The day of the clock, for what people do today.
pub fn today() -> Date {
    jiff::Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// The day on which edits and overrides of a model are judged.
pub fn day_of(lift: &LiftModel, as_of: Option<Date>) -> anyhow::Result<Date> {
    match as_of.or_else(|| coefficients::day_of(lift)) {
        Some(day) => Ok(day),
        None => bail!("periods of this history are numbers, which have no date: say with --as-of which edits are over"),
    }
}

impl EditArgs {
    /// The log to read: the one named, else that of the project.
    fn log(&self, folder: Option<&Path>) -> anyhow::Result<Store> {
        match (&self.edits, folder) {
            (Some(path), _) => Store::read(&read_text(path)?).with_context(|| path.display().to_string()),
            (None, Some(folder)) => read_edits(&edits_of(folder)),
            (None, None) => Ok(Store::default()),
        }
    }

    /// Puts the edits in force in the place of estimates, and lists all edits.
    pub fn apply<'a>(
        &self,
        fitted: &'a Fitted,
        folder: Option<&Path>,
    ) -> anyhow::Result<(Cow<'a, Fitted>, Vec<Applied>)> {
        let log = self.log(folder)?;
        if log.edits().next().is_none() {
            return Ok((Cow::Borrowed(fitted), vec![]));
        }
        let (used, edits) = log.apply_to_fitted(fitted, day_of(&fitted.lift, self.as_of)?);
        Ok((Cow::Owned(used), edits))
    }
}

/// Says in a line which edits are used; nothing when none is.
pub fn in_words(edits: &[Applied]) -> Option<String> {
    let used: Vec<&Applied> = edits.iter().filter(|edit| matches!(edit.state, State::InForce { .. })).collect();
    let sentence = |applied: &Applied| {
        let draft = &applied.edit.draft;
        let (effect, until) = (draft.effect.name().replace('_', " "), draft.expires);
        format!(
            "{} of {} is set to {:+.2} by {} until {until} ({})",
            effect, draft.target, draft.value, draft.author, draft.reason
        )
    };
    let sentences: Vec<String> = used.iter().map(|applied| sentence(applied)).collect();
    (!used.is_empty()).then(|| format!("Edits in force: {}.", sentences.join("; ")))
}
