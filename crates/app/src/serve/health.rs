//! For whoever runs the desk: alive, ready, measured.

use super::App;
use super::problem::{Answer, Problem};
use super::shell::Shared;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;

pub fn router() -> Router<App> {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).route("/metrics", get(measured))
}

/// The process answers.
async fn alive() -> &'static str {
    "ok\n"
}

/// What is kept can be read, and the project is there; alarms of its facts and feeds are told and leave it ready.
async fn ready(State(app): Shared) -> Answer<String> {
    app.desk.ping().await?;
    match app.workspace.state() {
        super::workspace::State::Failed { reason } => Err(Problem::not_ready(reason)),
        super::workspace::State::Loading { step, .. } => {
            Err(Problem::not_ready(format!("the project is read: {step}")))
        }
        super::workspace::State::Empty => Ok("ready\n".to_owned()),
        super::workspace::State::Ready(project) => {
            let mut alarms = crate::alarms::told(&project.manifest);
            let of_feeds = crate::feeds::alarms(&app.settings.folder, (app.now)()).await;
            alarms.extend(of_feeds.into_iter().map(|(_, alarm)| alarm));
            Ok(alarms.iter().fold("ready\n".to_owned(), |told, alarm| told + "alarm: " + alarm + "\n"))
        }
    }
}

/// Figures for Prometheus.
async fn measured(State(app): Shared) -> impl IntoResponse {
    app.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render())
}
