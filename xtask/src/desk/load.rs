//! Callers that ask at once, and what their answers took.

use super::client::Client;
use super::server::Desk;
use anyhow::ensure;
use serde_json::{Value, json};
use std::thread;
use std::time::{Duration, Instant};

/// Sales in a batch.
pub const BATCH: usize = 500;
/// What pages ask for.
const READS: [&str; 5] =
    ["/api/v1/project", "/api/v1/session", "/api/v1/data/sources", "/api/v1/data/readiness?limit=20", "/api/v1/boards"];

/// What a load took.
#[derive(Default)]
pub struct Load {
    /// Milliseconds of each answer, the shortest first.
    took: Vec<f64>,
    seconds: f64,
}

impl Load {
    /// Answers.
    pub fn answers(&self) -> usize {
        self.took.len()
    }

    /// Answers a second.
    pub fn per_second(&self) -> f64 {
        self.took.len() as f64 / self.seconds
    }

    /// Milliseconds in which a share of the answers came.
    pub fn percentile(&self, share: f64) -> f64 {
        let at = (self.took.len() as f64 * share) as usize;
        self.took.get(at.min(self.took.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
    }
}

/// How long callers ask, and how often.
#[derive(Clone, Copy)]
pub struct Pace {
    /// How long.
    pub span: Duration,
    /// Time from one question of a caller to its next; each asks as often as it can when this is zero.
    pub every: Duration,
}

/// Lets callers ask, and fails with the first answer that is no success.
fn load<C>(callers: usize, pace: Pace, make: impl Fn(usize) -> anyhow::Result<C> + Sync) -> anyhow::Result<Load>
where
    C: FnMut() -> anyhow::Result<()>,
{
    let begun = Instant::now();
    let took = thread::scope(|scope| {
        let make = &make;
        let caller = |of: usize| {
            scope.spawn(move || {
                let (mut ask, mut took) = (make(of)?, vec![]);
                while begun.elapsed() < pace.span {
                    thread::sleep((pace.every * took.len() as u32).saturating_sub(begun.elapsed()));
                    let asked = Instant::now();
                    ask()?;
                    took.push(asked.elapsed().as_secs_f64() * 1000.0);
                }
                Ok::<_, anyhow::Error>(took)
            })
        };
        let callers: Vec<_> = (0..callers).map(caller).collect();
        let ended = callers.into_iter().map(|caller| caller.join().expect("Invariant: callers do not panic"));
        ended.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let mut took = took.concat();
    took.sort_by(f64::total_cmp);
    Ok(Load { took, seconds: begun.elapsed().as_secs_f64() })
}

/// Reads over the API.
pub fn reading(desk: &Desk, token: &str, callers: usize, pace: Pace) -> anyhow::Result<Load> {
    load(callers, pace, |of| {
        let (mut client, mut at) = (desk.client(token)?, of);
        Ok(move || {
            at += 1;
            let answer = client.ask("GET", READS[at % READS.len()], b"")?;
            ensure!(answer.status == 200, "{} answered {}", READS[at % READS.len()], answer.status);
            Ok(())
        })
    })
}

/// Reads the first page.
pub fn opening(desk: &Desk, pace: Pace) -> anyhow::Result<Load> {
    load(1, pace, |_| {
        let mut client = Client::new(&desk.address, "")?;
        Ok(move || {
            let answer = client.ask("GET", "/", b"")?;
            ensure!(answer.status == 200, "the page answered {}", answer.status);
            Ok(())
        })
    })
}

/// Sends batches of sales, each with ids that begin with `name`.
pub fn sending(desk: &Desk, token: &str, name: &str, callers: usize, pace: Pace) -> anyhow::Result<Load> {
    load(callers, pace, |of| {
        let (mut client, mut batch) = (desk.client(token)?, 0_u64);
        Ok(move || {
            batch += 1;
            let sale = |at: usize| {
                json!({
                    "id": format!("{name}-{of}-{batch}-{at}"), "sku": "191", "place": "5",
                    "period": "2024-06-26T10:15:00Z", "units": 1, "price": 4.5,
                })
            };
            let body = Value::from((0..BATCH).map(sale).collect::<Vec<_>>()).to_string();
            let taken = client.ask("POST", "/api/v1/sales", body.as_bytes())?.json()?;
            ensure!(taken["new"] == BATCH, "a batch was not kept: {taken}");
            Ok(())
        })
    })
}
