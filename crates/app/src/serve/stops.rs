//! Watching the stop, so that pages show it within a second whoever gave the order, and by whatever way.

use super::App;
use super::api::{StopState, stopped};
use super::live::Happened;
use std::time::Duration;

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// Tells whoever watches when something was stopped or resumed.
pub async fn watch(app: App) {
    let mut looks = tokio::time::interval(EVERY);
    let mut last = None;
    loop {
        looks.tick().await;
        let now = stopped(&app.stops.places());
        if last.as_ref().is_some_and(|last| *last != now) {
            app.live.tell(Happened::Stops { stopped: now.state != StopState::Running });
        }
        last = Some(now);
    }
}
