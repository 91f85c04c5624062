//! Feeds on threads of their own: each takes what comes, tells it, and opens its source again after a failure.

use endcap_adapters::feeds::{self, Pump, Turn};
use endcap_adapters::project::Project;
use endcap_adapters::records::Records;
use endcap_agent::schedule::pause;
use endcap_ingest::Rules;
use jiff::Timestamp;
use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;

/// How long a feed waits for the next message before it looks whether it is to end.
const PATIENCE: Duration = Duration::from_millis(500);

/// Turns without a message after which a feed that is to be drained is empty.
const EMPTY_TURNS: u32 = 4;

/// Failures in a row after which a feed that is to be drained is given up.
const FAILURES_MAX: u32 = 3;

/// Something that a feed did.
pub enum Happened {
    /// It took messages.
    Took(String, Turn),
    /// It could not: why, and seconds until it tries again.
    Failed(String, String, i64),
    /// It can again.
    Recovered(String),
    /// It ended; with the failure that it ended with.
    Ended(String, Option<String>),
}

/// Items that the last facts know, shared by all feeds.
pub type Items = Arc<Mutex<Option<Arc<HashSet<Arc<str>>>>>>;

/// Feeds at work.
pub struct Intake {
    threads: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    /// What they did.
    pub happened: Receiver<Happened>,
    /// Items that are known.
    pub items: Items,
    /// Feeds that have not ended.
    pub open: usize,
}

impl Intake {
    /// Starts the feeds of a project; with `drain` each ends once it is empty.
    pub fn start(
        folder: &Path,
        project: &Project,
        (records, runtime): (&Records, &Handle),
        drain: bool,
    ) -> anyhow::Result<Self> {
        let (tell, happened) = channel();
        let (stop, items) = (Arc::new(AtomicBool::new(false)), Items::default());
        let rules = Rules { calendar: project.calendar, currency: project.currency, items: None, places: None };
        let mut threads = vec![];
        for settings in &project.feed {
            let feed = feeds::open(folder, settings)?;
            let pump = Pump::new(settings.clone(), rules.clone(), feed, (records.clone(), runtime.clone()));
            let worker = Worker { pump, tell: tell.clone(), stop: stop.clone(), items: items.clone(), drain };
            threads.push(std::thread::spawn(move || worker.work()));
        }
        Ok(Self { open: threads.len(), threads, stop, happened, items })
    }

    /// Says which items are known from now on.
    pub fn know(&self, items: Option<Arc<HashSet<Arc<str>>>>) {
        *self.items.lock().unwrap_or_else(PoisonError::into_inner) = items;
    }

    /// Ends all feeds once what they hold is kept.
    pub fn end(self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // One that broke has said so on standard error; the others end all the same.
            let _ = thread.join();
        }
    }
}

/// One feed on its thread.
struct Worker {
    pump: Pump,
    tell: Sender<Happened>,
    stop: Arc<AtomicBool>,
    items: Items,
    drain: bool,
}

impl Worker {
    fn work(mut self) {
        let name = self.pump.settings().name.clone();
        let (mut failures, mut empty) = (0, 0);
        while !self.stop.load(Ordering::Relaxed) {
            let known = self.items.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match self.pump.turn(PATIENCE, known.as_deref(), &Timestamp::now) {
                Ok(turn) => {
                    if std::mem::take(&mut failures) > 0 {
                        self.say(Happened::Recovered(name.clone()));
                    }
                    let nothing = turn == Turn::default();
                    empty = if nothing { empty + 1 } else { 0 };
                    if !nothing {
                        self.say(Happened::Took(name.clone(), turn));
                    }
                    if self.drain && empty >= EMPTY_TURNS {
                        return self.say(Happened::Ended(name, None));
                    }
                }
                Err(error) => {
                    failures += 1;
                    if self.drain && failures >= FAILURES_MAX {
                        return self.say(Happened::Ended(name, Some(error.reason)));
                    }
                    // A server that is started again is there within a second; only one that stays away is left alone for longer.
                    let pause =
                        if failures == 1 { jiff::SignedDuration::from_millis(500) } else { pause(failures - 1) };
                    self.say(Happened::Failed(name.clone(), error.reason, pause.as_secs()));
                    self.rest(Duration::try_from(pause).unwrap_or(PATIENCE));
                }
            }
        }
        self.say(Happened::Ended(name, None));
    }

    fn say(&self, happened: Happened) {
        // Whoever listened may have gone.
        let _ = self.tell.send(happened);
    }

    fn rest(&self, long: Duration) {
        let begun = std::time::Instant::now();
        while begun.elapsed() < long && !self.stop.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
