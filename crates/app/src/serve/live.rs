//! What happens, told to pages that watch: server-sent events.

use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use serde::Serialize;
use std::convert::Infallible;
use tokio::sync::broadcast;
use utoipa::ToSchema;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Happened {
    /// A step of a job went on.
    Progress {
        /// What the job is.
        job: String,
        /// The step.
        step: String,
        /// Parts done.
        done: usize,
        /// Parts in all.
        all: usize,
    },
    /// The project can be worked on.
    Ready {
        /// Its facts.
        snapshot: String,
    },
    /// A job could not be done.
    Failed {
        /// What the job is.
        job: String,
        /// Why.
        reason: String,
    },
    /// Data were tried out or brought in, or could not be.
    Import {
        /// Name of the import.
        id: String,
        /// Whether it was only tried out.
        dry_run: bool,
        /// How it ended: `done`, `refused` or `failed`.
        state: String,
    },
    /// A board changed.
    Board {
        /// Its id.
        id: String,
        /// Its version now.
        version: i64,
        /// Who changed it.
        by: String,
    },
    /// A request for approval was answered, or something was written beside it.
    Request {
        /// Its id.
        id: String,
        /// Its version now.
        version: u64,
    },
    /// A notice opened, changed, was answered or is over; `GET /notices` says which.
    Notices {
        /// How many are open.
        open: usize,
    },
    /// Something was stopped or resumed; `GET /stops` says what.
    Stops {
        /// Whether anything is stopped now, or it is not known what is.
        stopped: bool,
    },
}

/// Tells all who watch.
#[derive(Clone, Debug)]
pub struct Live(broadcast::Sender<Happened>);

impl Default for Live {
    fn default() -> Self {
        Self(broadcast::Sender::new(1024))
    }
}

impl Live {
    /// Tells; nobody has to watch.
    pub fn tell(&self, happened: Happened) {
        let _ = self.0.send(happened);
    }

    /// What happens from now on. Who reads too slowly misses events and is told to `reload`.
    pub fn watch(&self) -> Sse<impl Stream<Item = Result<Event, Infallible>> + use<>> {
        let stream = futures::stream::unfold(self.0.subscribe(), async |mut receiver| {
            let event = match receiver.recv().await {
                Ok(happened) => Event::default().json_data(&happened).unwrap_or_default(),
                Err(broadcast::error::RecvError::Lagged(_)) => Event::default().event("reload").data("{}"),
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            Some((Ok(event), receiver))
        });
        Sse::new(stream).keep_alive(KeepAlive::default())
    }
}
