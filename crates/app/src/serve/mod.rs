//! The desk: REST and pages on one port. Wiring and presentation only.
//!
//! A request goes through [`shell`] (limits, headers, measurement), is let in by [`access`], and is answered by one of
//! [`api`] or by the embedded [`pages`]. What is kept lies in `desk.db` (`endcap_adapters::desk`); what is planned from
//! lies in the project's folder and is read once, in the background ([`workspace`]).

mod access;
mod api;
mod boards;
mod health;
mod idempotency;
mod listen;
mod live;
mod pages;
mod paging;
mod problem;
mod shell;
mod site;
#[cfg(test)]
mod tests;
mod workspace;

use access::throttle::Throttle;
use anyhow::{Context, anyhow};
use endcap_adapters::desk::Desk;
use jiff::{Timestamp, ToSpan};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

pub use access::password;
pub use api::document;
pub use site::Site;

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
}

/// What every request can reach.
pub struct Served {
    /// Accounts, sessions, boards.
    pub desk: Desk,
    /// What plans are made from.
    pub workspace: workspace::Workspace,
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
    app.workspace.load(&app);
    let keeper = tokio::spawn(tidy(app.clone()));
    let router = shell::router(app.clone());
    listen::until(listener, router, stop, Duration::from_secs(10)).await;
    keeper.abort();
    app.desk.close().await;
    Ok(())
}

/// Forgets, every hour, answers that nobody will ask for again and callers that have gone.
async fn tidy(app: App) {
    let mut hours = tokio::time::interval(Duration::from_secs(3600));
    loop {
        hours.tick().await;
        app.throttle.forget();
        let day_ago = (app.now)().saturating_sub(24.hours());
        if let Err(error) = app.desk.forget_replies(day_ago.unwrap_or(Timestamp::MIN)).await {
            tracing::warn!(%error, "old answers could not be forgotten");
        }
    }
}

/// Opens what is kept.
async fn open(settings: Settings, now: fn() -> Timestamp) -> anyhow::Result<App> {
    let path = settings.folder.join("desk.db");
    let desk = Desk::open(&path).await.with_context(|| format!("{} cannot be opened", path.display()))?;
    desk.forget_unanswered().await?;
    let nobody = desk.accounts().await?.is_empty() && !settings.demo;
    let first_account =
        if nobody { Some(access::secret::make().map_err(|problem| anyhow!(problem.detail))?) } else { None };
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    // A second desk in one process (a test) measures into the first one's recorder.
    let _ = metrics::set_global_recorder(recorder);
    let throttle = Throttle::new(settings.requests_per_second);
    let workspace = workspace::Workspace::new(&settings.folder);
    Ok(Arc::new(Served {
        desk,
        workspace,
        settings,
        first_account,
        now,
        throttle,
        live: live::Live::default(),
        metrics,
    }))
}
