//! The desk: REST and pages on one port. Wiring and presentation only.
//!
//! A request goes through [`shell`] (limits, headers, measurement), is let in by [`access`], and is answered by one of
//! [`api`] or by the embedded [`pages`]. What is kept lies in `desk.db` (`endcap_adapters::desk`); what is planned from
//! lies in the project's folder and is read once, in the background ([`workspace`]).

mod access;
mod api;
mod audit;
mod boards;
mod download;
mod events;
mod health;
mod idempotency;
mod imports;
mod listen;
mod live;
mod notices;
mod pages;
mod paging;
mod practice;
mod problem;
mod shell;
mod site;
mod stops;
mod telemetry;
#[cfg(test)]
mod tests;
mod upload;
mod workspace;

use crate::checkpoints;
use access::provider::{Provider, SignIn};
use access::throttle::Throttle;
use anyhow::{Context, anyhow};
use endcap_adapters::desk::Desk;
use endcap_adapters::ledger::stops::{StopBook, StopReader};
use endcap_adapters::ledger::{self, Ledger};
use endcap_adapters::records::Records;
use endcap_agent::readings::readings;
use endcap_govern::audit::{Anchors, Entry, Ruling, Told};
use endcap_govern::who_may::WhoMay;
use jiff::{Timestamp, ToSpan};
use problem::Answer;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

pub use access::caller::Network;
pub use access::password;
pub use access::provider::settings as sign_in;
pub use api::document;
pub use events::document as messages;
pub use site::Site;
pub use telemetry::begin as telemetry;

/// Seconds between two times at which what was measured is added up: until then every measurement is kept.
const BEAT_SECONDS: u64 = 10;

/// What the desk is started with.
pub struct Settings {
    /// The project's folder.
    pub folder: PathBuf,
    /// Whether it shows the shipped example to whoever is there.
    pub demo: bool,
    /// Where it is reached.
    pub site: Site,
    /// Requests per second that one caller may make.
    pub requests_per_second: u32,
    /// Largest file that may be sent, in bytes.
    pub upload_max: u64,
    /// Servers before the desk whose word on where a request comes from is believed.
    pub trusted_proxies: Vec<Network>,
    /// Where people can sign in instead of here.
    pub sign_in: Option<SignIn>,
    /// Keys that the audit trail's checkpoints are checked with.
    pub audit_keys: Anchors,
}

/// What every request can reach.
pub struct Served {
    /// Accounts, sessions, boards.
    pub desk: Desk,
    /// What plans are made from.
    pub workspace: workspace::Workspace,
    /// Sales, items, prices and stock that programs send.
    pub records: Records,
    /// The audit trail.
    pub ledger: Ledger,
    /// What is stopped.
    pub stops: StopReader,
    /// Who may do what over the machine; at the desk itself the table of rights holds.
    pub who_may: WhoMay,
    /// What records are checked against.
    pub rules: api::KnownRules,
    /// What was decided for channels, as pages were last told.
    pub decided: api::DecidedForChannels,
    /// What is brought in now.
    pub imports: imports::Imports,
    /// Where people can sign in instead of here.
    pub provider: Option<Provider>,
    /// How it was started.
    pub settings: Settings,
    /// What makes the first account; nothing once there is one.
    pub first_account: Option<String>,
    /// The time.
    pub now: fn() -> Timestamp,
    /// Who asks too often.
    pub throttle: Throttle,
    /// What happens, for pages that watch.
    pub live: live::Live,
    /// What is measured.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
}

/// [`Served`], shared.
pub type App = Arc<Served>;

/// Answers requests until `stop` completes, then finishes those that are under way.
pub async fn serve(settings: Settings, listener: TcpListener, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
    let app = open(settings, Timestamp::now).await?;
    if let Some(code) = &app.first_account {
        eprintln!("There is no account yet. Make the first one at {}/first#{code}", app.settings.site);
    }
    begin(&app).await?;
    let notary = checkpoints::keep_signing(&app.settings.folder, |fault| tracing::error!("audit trail: {fault}"))?;
    let keepers = [
        tokio::spawn(tidy(app.clone())),
        tokio::spawn(stops::watch(app.clone())),
        tokio::spawn(checkpoints_are_there(app.clone())),
        tokio::spawn(targets_are_watched(app.clone())),
        tokio::spawn(notices::watch(app.clone())),
    ];
    let router = shell::router(app.clone());
    listen::until(listener, router, stop, Duration::from_secs(10)).await;
    keepers.iter().for_each(tokio::task::JoinHandle::abort);
    drop(notary);
    app.ledger.close().await;
    app.desk.close().await;
    Ok(())
}

/// Makes good what a stop cut off, and reads the project.
async fn begin(app: &App) -> anyhow::Result<()> {
    let (folder, now) = (app.settings.folder.clone(), (app.now)());
    if let Err(error) = tokio::task::spawn_blocking(move || imports::make_good(&folder, now)).await? {
        tracing::error!("the last import could not be made good: {error:#}");
    }
    app.workspace.load(app);
    Ok(())
}

/// Does work that waits for the disk or takes more than a moment, as part of what asked for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
    let asked = tracing::Span::current();
    tokio::task::spawn_blocking(move || asked.in_scope(work)).await.map_err(problem::Problem::broken)?
}

/// Adds up what was measured, and every hour forgets answers that nobody will ask for again and callers that have gone.
async fn tidy(app: App) {
    let mut beats = tokio::time::interval(Duration::from_secs(BEAT_SECONDS));
    for beat in 0_u64.. {
        beats.tick().await;
        app.metrics.run_upkeep();
        if !(beat * BEAT_SECONDS).is_multiple_of(3600) {
            continue;
        }
        app.throttle.forget();
        let day_ago = (app.now)().saturating_sub(24.hours());
        let day_ago = day_ago.unwrap_or(Timestamp::MIN);
        if let Err(error) = app.desk.forget_replies(day_ago).await {
            tracing::warn!(%error, "old answers could not be forgotten");
        }
        let folder = app.settings.folder.clone();
        let tidied = tokio::task::spawn_blocking(move || upload::tidy(&folder, day_ago)).await;
        if let Ok(Err(error)) = tidied {
            tracing::warn!("old files could not be removed: {error:#}");
        }
    }
}

/// Tells, in the log and in the trail, when checkpoints begin to be missed.
async fn checkpoints_are_there(app: App) {
    let mut looks = tokio::time::interval(Duration::from_secs(30));
    // What was recorded while nobody was there is signed first.
    looks.tick().await;
    let mut told = false;
    loop {
        looks.tick().await;
        let missed = match checkpoints::missed(&app.settings.folder, &app.ledger, (app.now)()).await {
            Ok(missed) => missed,
            Err(error) => Some(error.to_string()),
        };
        if let Some(missed) = &missed
            && !told
        {
            tracing::error!("audit trail: {missed}");
            let mut entry =
                Entry::new(Told::open("endcap"), "checkpoint missed", Told::open("trail"), Ruling::NeedsPerson);
            entry.reasons = vec![Told::open(missed)];
            if let Err(error) = app.ledger.record((app.now)(), entry).await {
                tracing::error!(%error, "that a checkpoint was missed could not be recorded");
            }
        }
        told = missed.is_some();
    }
}

/// Looks every hour, and when facts were brought in, which targets are behind; tells each once in the log and in the trail.
async fn targets_are_watched(app: App) {
    let mut looks = tokio::time::interval(Duration::from_secs(60));
    let (mut last, mut minute) = (None, 0_u64);
    loop {
        looks.tick().await;
        let Ok(project) = app.workspace.project() else { continue };
        if last.as_ref() == Some(&project.ground.snapshot) && !minute.is_multiple_of(60) {
            minute += 1;
            continue;
        }
        (last, minute) = (Some(project.ground.snapshot.clone()), minute + 1);
        if let Err(error) = targets_are_looked_at(&app, project).await {
            tracing::error!("the objectives could not be looked at: {error:#}");
        }
    }
}

async fn targets_are_looked_at(app: &App, project: Arc<workspace::Project>) -> anyhow::Result<()> {
    let folder = app.settings.folder.clone();
    let read = tokio::task::spawn_blocking(move || {
        let found = crate::objectives::in_force(&folder)?;
        anyhow::Ok(found.map(|objectives| (readings(&project.ground, &objectives), objectives)))
    });
    let Some((measured, objectives)) = read.await?? else { return Ok(()) };
    let Some(until) = measured.until else { return Ok(()) };
    let progress = objectives.progress(&measured.values, until);
    for behind in crate::objectives::tell(&app.ledger, &objectives, &progress, until, (app.now)()).await? {
        tracing::warn!("a target lies outside its band: {behind}");
    }
    Ok(())
}

/// Opens what is kept.
async fn open(settings: Settings, now: fn() -> Timestamp) -> anyhow::Result<App> {
    let path = settings.folder.join("desk.db");
    let who_may = crate::who_may::in_force(&settings.folder)?;
    let desk = Desk::open(&path).await.with_context(|| format!("{} cannot be opened", path.display()))?;
    desk.forget_unanswered().await?;
    let records = Records::open(&settings.folder).await?;
    let ledger = Ledger::open(&settings.folder.join(ledger::FILE_NAME), crate::commands::audit::random).await?;
    // What could not be begun is not known, and shown as that.
    if let Err(error) = StopBook::new(&settings.folder, crate::commands::audit::random).begin(now()).await {
        tracing::error!("the stops could not be begun: {:#}", anyhow::Error::from(error));
    }
    let stops = StopReader::start(&settings.folder).context("the stop cannot be watched")?;
    let nobody = desk.accounts().await?.is_empty() && !settings.demo;
    let first_account =
        if nobody { Some(access::secret::make().map_err(|problem| anyhow!(problem.detail))?) } else { None };
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    // A second desk in one process (a test) measures into the first one's recorder.
    let _ = metrics::set_global_recorder(recorder);
    let provider = settings.sign_in.clone().map(|chosen| Provider::new(chosen, &settings.site)).transpose()?;
    let throttle = Throttle::new(settings.requests_per_second);
    let workspace = workspace::Workspace::new(&settings.folder);
    Ok(Arc::new(Served {
        desk,
        workspace,
        records,
        ledger,
        stops,
        who_may,
        rules: api::KnownRules::default(),
        decided: api::DecidedForChannels::default(),
        imports: imports::Imports::default(),
        provider,
        settings,
        first_account,
        now,
        throttle,
        live: live::Live::default(),
        metrics,
    }))
}
