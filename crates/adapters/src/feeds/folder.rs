//! Files that are dropped into a folder: JSON lines, or CSV under our names.
//!
//! Whoever drops a file writes it under another name (one that begins with a dot, or ends with `.part` or `.tmp`) and renames it,
//! or writes the manifest last. A file that was taken whole goes to `taken/`, one that is not what its manifest says to
//! `aside/`. A line is a message: what cannot be read is set aside by itself.

use super::settings::FeedSettings;
use super::{AT_ONCE, BYTES_AT_ONCE, lost};
use crate::files::{create_folder, hash_file};
use endcap_agent::feed::{Arrival, Batch, Mark, Marks};
use endcap_agent::ports::{Feed, PortError};
use endcap_model::hash_bytes;
use serde_json::{Map, Value};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Longest line, in bytes.
const LINE_MAX: u64 = 1 << 20;

/// Names that a file has while it is written.
const UNFINISHED: [&str; 4] = [".part", ".tmp", ".crdownload", "~"];

/// How often the folder is looked at while nothing is there.
const LOOK: Duration = Duration::from_millis(200);

/// A folder that is watched.
pub(super) struct Folder {
    home: PathBuf,
    manifest: bool,
    marks: Marks,
    at: Option<Reading>,
    /// The file that is over once what came of it is kept.
    done: Option<(String, &'static str)>,
}

/// Where a line ends, and its content or why there is none.
type Line = (u64, Result<Vec<u8>, String>);

/// A file that is being read.
struct Reading {
    name: String,
    hash: String,
    reader: BufReader<File>,
    position: u64,
    /// Names of the columns of a CSV file.
    columns: Option<Vec<String>>,
}

impl Folder {
    pub fn new(project: &Path, settings: &FeedSettings) -> Self {
        let home = project.join(settings.folder.as_deref().unwrap_or(Path::new("inbox")));
        Self { home, manifest: settings.manifest, marks: Marks::new(), at: None, done: None }
    }

    /// The first file that is whole, by name.
    fn waiting(&self) -> Result<Option<String>, PortError> {
        let broken = |error| lost(format!("{} cannot be read ({error}): check that it is there", self.home.display()));
        let mut first: Option<String> = None;
        for entry in fs::read_dir(&self.home).map_err(broken)? {
            let entry = entry.map_err(broken)?;
            // A link may lead to any file of this machine: it is no file that was dropped here.
            let is_file = entry.file_type().map_err(broken)?.is_file();
            let Ok(name) = entry.file_name().into_string() else { continue };
            let unfinished = name.starts_with('.') || UNFINISHED.iter().any(|end| name.ends_with(end));
            if !is_file || unfinished || name.ends_with(".sha256") {
                continue;
            }
            if self.manifest && !self.home.join(format!("{name}.sha256")).is_file() {
                continue;
            }
            if first.as_ref().is_none_or(|first| name < *first) {
                first = Some(name);
            }
        }
        Ok(first)
    }

    /// Opens a file where it was left; the inner error says why nothing of it can be read.
    fn opened(&self, name: &str) -> Result<Result<Reading, String>, PortError> {
        let path = self.home.join(name);
        let broken = |error| lost(format!("{} cannot be read ({error})", path.display()));
        if self.manifest {
            let said = fs::read_to_string(self.home.join(format!("{name}.sha256"))).map_err(broken)?;
            let said = said.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
            let (found, _) = hash_file(&path).map_err(lost)?;
            if said != found.to_string() {
                return Ok(Err(format!("the file's SHA-256 is {found}, its manifest says {said}: send both again")));
            }
        }
        let mut file = File::open(&path).map_err(broken)?;
        let meta = file.metadata().map_err(broken)?;
        let changed = meta.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let hash = hash_bytes(format!("{name} {} {changed:?}", meta.len()).as_bytes()).short().to_owned();
        let mut columns = None;
        let mut position = 0;
        if is_csv(name) {
            let mut head = BufReader::new(&mut file);
            let mut line = vec![];
            (&mut head).take(LINE_MAX).read_until(b'\n', &mut line).map_err(broken)?;
            position = line.len() as u64;
            match cells(&line) {
                Ok(names) => columns = Some(names),
                Err(reason) => return Ok(Err(format!("its first line names no columns ({reason})"))),
            }
        }
        // The same file goes on where it was left; another one of its name begins at its beginning.
        if let Some(mark) = self.marks.get(name).filter(|mark| mark.hash == hash) {
            position = position.max(mark.position);
        }
        file.seek(SeekFrom::Start(position)).map_err(broken)?;
        Ok(Ok(Reading { name: name.to_owned(), hash, reader: BufReader::new(file), position, columns }))
    }

    /// What stands next in the file that is open.
    fn lines(&mut self) -> Result<Batch, PortError> {
        let Some(reading) = &mut self.at else { return Ok(Batch::default()) };
        let mut batch = Batch::default();
        let (mut bytes, mut ended) = (0, false);
        while batch.arrivals.len() < AT_ONCE && bytes < BYTES_AT_ONCE {
            match reading.line().map_err(|error| lost(format!("{} cannot be read ({error})", reading.name)))? {
                None => {
                    ended = true;
                    break;
                }
                Some((position, content)) => {
                    bytes += content.as_ref().map_or(0, Vec::len);
                    if content.as_ref().map_or(true, |content| !content.trim_ascii().is_empty()) {
                        batch.arrivals.push(Arrival { part: reading.name.clone(), position, content });
                    }
                }
            }
        }
        let mark = Mark { position: reading.position, hash: reading.hash.clone() };
        self.marks.insert(reading.name.clone(), mark.clone());
        if ended {
            // Moved once what came of it is kept; after a stop in between it is read again, and nothing of it is new.
            batch.over.push(reading.name.clone());
            self.done = Some((reading.name.clone(), "taken"));
            self.at = None;
        } else {
            batch.marks.insert(reading.name.clone(), mark);
        }
        Ok(batch)
    }

    /// Moves a file out of the way, with its manifest.
    fn put_away(&self, name: &str, to: &str) -> Result<(), PortError> {
        let away = self.home.join(to);
        create_folder(&away).map_err(lost)?;
        for name in [name.to_owned(), format!("{name}.sha256")] {
            let (from, mut to) = (self.home.join(&name), away.join(&name));
            for number in 1.. {
                if !to.exists() {
                    break;
                }
                // A name that was taken before stays as it is.
                to = away.join(format!("{name}.{number}"));
            }
            match fs::rename(&from, &to) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(lost(format!("{} cannot be moved to {} ({error})", from.display(), away.display())));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Reading {
    /// The next line with where it ends; one that is too long is passed over.
    fn line(&mut self) -> std::io::Result<Option<Line>> {
        let mut line = vec![];
        let read = (&mut self.reader).take(LINE_MAX).read_until(b'\n', &mut line)? as u64;
        if read == 0 {
            return Ok(None);
        }
        self.position += read;
        if read == LINE_MAX && line.last() != Some(&b'\n') {
            self.position += skip_line(&mut self.reader)?;
            let reason = format!("the line is longer than {LINE_MAX} bytes: expected one record a line");
            return Ok(Some((self.position, Err(reason))));
        }
        let content = match &self.columns {
            Some(_) if line.trim_ascii().is_empty() => Ok(vec![]),
            Some(columns) => record(columns, &line),
            None => Ok(line),
        };
        Ok(Some((self.position, content)))
    }
}

fn skip_line(reader: &mut impl BufRead) -> std::io::Result<u64> {
    let mut skipped = 0;
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(skipped);
        }
        let (used, ended) = match buffer.iter().position(|byte| *byte == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), false),
        };
        reader.consume(used);
        skipped += used as u64;
        if ended {
            return Ok(skipped);
        }
    }
}

fn is_csv(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".csv")
}

/// The cells of a line of CSV.
fn cells(line: &[u8]) -> Result<Vec<String>, String> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line);
    let record = reader.records().next().ok_or("the line is empty")?.map_err(|error| error.to_string())?;
    Ok(record.iter().map(|cell| cell.trim().trim_start_matches('\u{feff}').to_owned()).collect())
}

/// A line of CSV as a record; empty cells say nothing.
fn record(columns: &[String], line: &[u8]) -> Result<Vec<u8>, String> {
    let cells = cells(line)?;
    if cells.len() != columns.len() {
        return Err(format!("the line has {} cells: expected {} as in the first line", cells.len(), columns.len()));
    }
    let filled = columns.iter().zip(cells).filter(|(_, cell)| !cell.is_empty());
    let fields: Map<String, Value> = filled.map(|(name, cell)| (name.clone(), Value::String(cell))).collect();
    Ok(Value::Object(fields).to_string().into_bytes())
}

impl Feed for Folder {
    fn resume(&mut self, marks: &Marks) -> Result<(), PortError> {
        (self.marks, self.at, self.done) = (marks.clone(), None, None);
        create_folder(&self.home).map_err(lost)
    }

    fn next(&mut self, patience: Duration) -> Result<Batch, PortError> {
        let mut left = patience;
        while self.at.is_none() {
            if let Some(name) = self.waiting()? {
                match self.opened(&name)? {
                    Ok(reading) => self.at = Some(reading),
                    Err(reason) => {
                        self.done = Some((name.clone(), "aside"));
                        let told = vec![format!("{name} was set aside: {reason}")];
                        let arrivals = vec![Arrival { part: name.clone(), position: 0, content: Err(reason) }];
                        return Ok(Batch { arrivals, over: vec![name], told, ..Batch::default() });
                    }
                }
            } else if left.is_zero() {
                return Ok(Batch::default());
            } else {
                std::thread::sleep(left.min(LOOK));
                left = left.saturating_sub(LOOK);
            }
        }
        self.lines()
    }

    fn kept(&mut self) -> Result<(), PortError> {
        if let Some((name, to)) = self.done.take() {
            self.put_away(&name, to)?;
            self.marks.remove(&name);
        }
        Ok(())
    }
}
