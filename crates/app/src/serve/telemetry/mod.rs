//! What the desk tells those who run it: its log, and traces where a collector is named.
//!
//! Both are told the same spans: a `request` with its route, and the work behind it (`ingest`, `import`, `load_project`,
//! `draw`, `supply`), whose fields say which facts, board and plan it was about. No address, header or body becomes part of
//! a span.

#[cfg_attr(not(feature = "otel"), path = "no_traces.rs")]
mod traces;

use std::io::IsTerminal;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

pub use traces::{Traces, give_back, take_over};

/// Variable with the address of a collector, as every program that sends traces reads it.
const COLLECTOR: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

/// Begins the log, as lines or as JSON, and sends traces to a collector where one is named; needs a tokio runtime.
///
/// # Errors
/// When this program cannot send traces and was told to by flag, or the address cannot be used.
pub fn begin(json: bool, collector: Option<&str>) -> anyhow::Result<Option<Traces>> {
    let general = std::env::var(COLLECTOR).ok().filter(|address| Traces::CAN_BE_SENT && !address.is_empty());
    let traces = collector.or(general.as_deref()).map(Traces::to).transpose()?;
    let filter = EnvFilter::try_from_env("ENDCAP_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let log = fmt::layer().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    let log = if json { log.json().boxed() } else { log.boxed() };
    let spans = traces.as_ref().map(Traces::layer);
    // A second call (a test) keeps the first one's.
    let _ = tracing_subscriber::registry().with(log.with_filter(filter)).with(spans).try_init();
    Ok(traces)
}
