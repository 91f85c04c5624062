//! Brings files into the project, or says what would come of it: one import at a time, in the background.
//!
//! The facts are made by the same code as `endcap ingest`'s. An import counts from the moment that its manifest is
//! written, which is after all its rows were read; a stop before that leaves nothing, a stop after it is made good when
//! the desk starts again.

use super::App;
use super::live::Happened;
use super::problem::{Answer, Problem};
use crate::commands::check;
use anyhow::Context;
use endcap_adapters::facts::{Snapshot, Store};
use endcap_adapters::files::write_atomic;
use endcap_adapters::imports::{self, Import, ImportedFile};
use endcap_adapters::load::{self, LoadSettings};
use endcap_adapters::records;
use endcap_ingest::{Counts, Readiness};
use endcap_model::{AsOf, FactKind, SetAside};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::Span;
use tracing::field::Empty;

/// Imports that can be asked about.
const KNOWN_MAX: usize = 20;
/// Rows that were set aside and are shown; the others are in the file.
const ASIDE_SHOWN: usize = 50;

/// What is brought in now, and what came of the last ones.
#[derive(Default)]
pub struct Imports {
    runs: Mutex<VecDeque<Run>>,
}

/// One import on its way.
#[derive(Clone, Debug)]
pub struct Run {
    /// What comes in.
    pub import: Import,
    /// Whether it is only tried out.
    pub dry_run: bool,
    /// How far it is.
    pub state: State,
}

/// How far an import is.
#[derive(Clone, Debug)]
pub enum State {
    /// Its rows are being read.
    Running,
    /// It was tried out or brought in.
    Done(Box<Report>),
    /// It would leave nothing to work with.
    Refused(String),
    /// It could not be read or written.
    Failed(String),
}

/// What came of an import.
#[derive(Clone, Debug)]
pub struct Report {
    /// The facts with it.
    pub snapshot: Snapshot,
    /// What became of the rows of its files, in their order.
    pub files: Vec<Counts>,
    /// What became of records that came over the API, by kind.
    pub records: Vec<(FactKind, Counts)>,
    /// Rows of its files that were set aside, and the first of them.
    pub aside: (u64, Vec<(FactKind, SetAside)>),
    /// Items, places, and the first and last period of sales.
    pub extent: (usize, usize, Option<(String, String)>),
    /// What the history can carry with it.
    pub readiness: Vec<Readiness>,
}

impl Imports {
    /// Starts one, unless another is on its way.
    pub fn start(&self, app: &App, import: Import, dry_run: bool) -> Answer<Run> {
        let run = Run { import, dry_run, state: State::Running };
        {
            let mut runs = self.known();
            if runs.iter().any(|run| matches!(run.state, State::Running)) {
                return Err(Problem::conflict("Data are being brought in already: wait until that has ended."));
            }
            runs.retain(|known| known.import.id != run.import.id || known.dry_run != dry_run);
            runs.push_front(run.clone());
            runs.truncate(KNOWN_MAX);
        }
        let (app, import) = (app.clone(), run.import.clone());
        let span = tracing::info_span!(
            "import",
            import = import.id,
            dry_run,
            files = import.files.len(),
            state = Empty,
            snapshot = Empty,
            last_record = Empty,
        );
        tokio::task::spawn_blocking(move || {
            let _inside = span.enter();
            // Whatever a file does to what reads it, the next import can begin.
            let ended = catch_unwind(AssertUnwindSafe(|| bring_in(&app, &import, dry_run)));
            let state = match ended {
                Ok(Ok(Ok(report))) => State::Done(Box::new(report)),
                Ok(Ok(Err(reason))) => State::Refused(reason),
                Ok(Err(error)) => State::Failed(format!("{error:#}")),
                Err(_) => State::Failed("what reads the files broke; the server's log says where".to_owned()),
            };
            state.tell(&span);
            app.imports.end(&app, &import.id, dry_run, state);
        });
        Ok(run)
    }

    fn end(&self, app: &App, id: &str, dry_run: bool, state: State) {
        let word = state.word();
        let done = matches!(state, State::Done(_));
        if let State::Failed(reason) = &state {
            tracing::warn!(%reason, "data could not be brought in");
        }
        let mut runs = self.known();
        if let Some(run) = runs.iter_mut().find(|run| run.import.id == id && run.dry_run == dry_run) {
            run.state = state;
        }
        drop(runs);
        app.live.tell(Happened::Import { id: id.to_owned(), dry_run, state: word.to_owned() });
        if done && !dry_run {
            app.workspace.load(app);
        }
    }

    /// The import of this name that was started last.
    pub fn run(&self, id: &str) -> Option<Run> {
        self.known().iter().find(|run| run.import.id == id).cloned()
    }

    /// Name of the import that is on its way.
    pub fn running(&self) -> Option<String> {
        self.known().iter().find(|run| matches!(run.state, State::Running)).map(|run| run.import.id.clone())
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The state in one word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done(_) => "done",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
        }
    }

    /// Tells how an import ended, and which facts it made.
    fn tell(&self, span: &Span) {
        span.record("state", self.word());
        if let Self::Done(report) = self {
            let Snapshot { id, last_record, .. } = &report.snapshot;
            span.record("snapshot", id.as_str()).record("last_record", last_record);
        }
    }
}

/// Where the rows of an import that were set aside can be read.
pub fn aside_file(folder: &Path, id: &str) -> PathBuf {
    imports::folder(folder).join(".aside").join(format!("{id}.csv"))
}

/// Reads everything with the import; the inner error says why nothing was brought in.
fn bring_in(app: &App, import: &Import, dry_run: bool) -> anyhow::Result<Result<Report, String>> {
    let folder = &app.settings.folder;
    let tried = imports::folder(folder).join(".tried");
    if dry_run {
        let _ = std::fs::remove_dir_all(&tried);
        std::fs::create_dir_all(&tried).context("the folder for trying out could not be made")?;
    }
    let into = if dry_run { &tried } else { folder };
    let progress = |kind: &str, done: u64, all: u64| {
        let (done, all) = (done as usize, all.max(done) as usize);
        app.live.tell(Happened::Progress { job: "import".to_owned(), step: kind.to_owned(), done, all });
    };
    let settings = LoadSettings { as_of: AsOf(import.at), threads: 2, progress: &progress };
    let more = (!import.files.is_empty()).then_some(import);
    let unpublished = load::prepare(folder, more, into, &settings)?;
    if let Some(reason) = refusal(unpublished.snapshot(), import) {
        return Ok(Err(reason));
    }
    if let (Some(import), false) = (more, dry_run) {
        import.publish(folder)?;
    }
    let snapshot = unpublished.publish()?;
    if !dry_run {
        crate::alarms::raise(folder, &snapshot, Timestamp::now())?;
    }
    let report = report(folder, into, snapshot, import)?;
    if dry_run {
        let _ = std::fs::remove_dir_all(&tried);
    }
    Ok(Ok(report))
}

/// Why an import would leave nothing to work with.
fn refusal(snapshot: &Snapshot, import: &Import) -> Option<String> {
    if snapshot.tables.get(&FactKind::Sales).is_none_or(|sales| sales.counts.loaded == 0) {
        return Some("Not one row of sales could be loaded: nothing can be planned without sales.".to_owned());
    }
    let counts: Vec<Counts> = import.files.iter().map(|file| counts_of(snapshot, file)).collect();
    let repeats = |counts: &Counts| counts.read == counts.duplicates;
    (!counts.is_empty() && counts.iter().all(repeats))
        .then(|| "There is nothing new in these files: every row is known already. Nothing was changed.".to_owned())
}

fn place_of(file: &ImportedFile) -> &str {
    file.table.files.first().map_or("", String::as_str)
}

fn counts_of(snapshot: &Snapshot, file: &ImportedFile) -> Counts {
    let sources = snapshot.sources();
    let own = sources.iter().find(|(kind, of)| *kind == file.kind && of.source == place_of(file));
    own.map(|(_, of)| of.counts).unwrap_or_default()
}

fn report(folder: &Path, into: &Path, snapshot: Snapshot, import: &Import) -> anyhow::Result<Report> {
    let aside = set_aside(folder, into, &snapshot, import)?;
    let (panel, readiness) = check::judged(&Store::open(into)?, &snapshot)?;
    let calendar = snapshot.calendar;
    let named = |span: endcap_model::Span| (calendar.format(span.start), calendar.format(span.end.plus(-1)));
    let extent = (panel.skus().len(), panel.places().len(), panel.span().map(named));
    let of_records = snapshot.sources().into_iter().filter(|(_, of)| of.source == records::FILE_NAME);
    Ok(Report {
        files: import.files.iter().map(|file| counts_of(&snapshot, file)).collect(),
        records: of_records.map(|(kind, of)| (kind, of.counts)).collect(),
        aside,
        extent,
        readiness,
        snapshot,
    })
}

/// Writes the rows of the import's files that were set aside where they can be read, and returns their number and the
/// first of them.
fn set_aside(
    folder: &Path,
    into: &Path,
    snapshot: &Snapshot,
    import: &Import,
) -> anyhow::Result<(u64, Vec<(FactKind, SetAside)>)> {
    let mut writer = csv::Writer::from_writer(vec![]);
    writer.write_record(["kind", "file", "row", "column", "value", "reason"])?;
    let (mut all, mut first) = (0, vec![]);
    for kind in FactKind::ALL {
        let path = snapshot.quarantine(into).join(format!("{kind}.csv"));
        if !import.files.iter().any(|file| file.kind == kind) || !path.exists() {
            continue;
        }
        for row in csv::Reader::from_path(&path)?.deserialize() {
            let mut row: SetAside = row?;
            let Some(file) = import.files.iter().find(|file| place_of(file) == row.source) else { continue };
            row.source.clone_from(&file.name);
            let number = row.row.to_string();
            writer.write_record([kind.name(), &row.source, &number, &row.column, &row.value, &row.reason])?;
            all += 1;
            if first.len() < ASIDE_SHOWN {
                first.push((kind, row));
            }
        }
    }
    write_atomic(&aside_file(folder, &import.id), &writer.into_inner()?)?;
    Ok((all, first))
}

/// Makes good what a stop left undone: an import that counts and whose rows are not among the facts yet.
pub fn make_good(folder: &Path, now: Timestamp) -> anyhow::Result<()> {
    let _ = std::fs::remove_dir_all(imports::folder(folder).join(".tried"));
    let _ = std::fs::remove_dir_all(imports::folder(folder).join(".aside"));
    let Some(last) = imports::all(folder)?.pop() else { return Ok(()) };
    let known = Store::open(folder)?.latest(None)?;
    if known.is_none_or(|known| known.as_of.0 < last.at) {
        tracing::info!(import = %last.id, "an import is made good that a stop cut off");
        load::load(folder, &LoadSettings { as_of: AsOf(now), threads: 2, progress: &|_, _, _| () })?;
    }
    Ok(())
}
