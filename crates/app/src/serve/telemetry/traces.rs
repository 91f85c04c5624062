//! Spans as OpenTelemetry traces, sent to a collector in batches (OTLP over HTTP, protobuf).
//!
//! A request goes on with the trace of its caller (W3C `traceparent`) and its answer names the span. A collector that is
//! slow or gone costs spans, never a request.

use anyhow::Context as _;
use axum::http::{HeaderMap, HeaderValue};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber};
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

/// Where a collector takes traces, from its address on.
const PATH: &str = "/v1/traces";
/// Longest time for a batch.
const SENDING: Duration = Duration::from_secs(5);

/// Traces on their way to a collector.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Whether this program can send traces.
    pub const CAN_BE_SENT: bool = true;

    /// Sends to a collector at an address such as `http://127.0.0.1:4318`; needs a tokio runtime.
    ///
    /// # Errors
    /// When the address cannot be used.
    pub fn to(collector: &str) -> anyhow::Result<Self> {
        let failed = || format!("--otlp {collector}: expected an address such as http://127.0.0.1:4318");
        // A second call (other clients of this program) keeps the first one's.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(SENDING).build().with_context(failed)?;
        let address = format!("{}{PATH}", collector.trim_end_matches('/').trim_end_matches(PATH));
        reqwest::Url::parse(&address).with_context(failed)?;
        let exporter = opentelemetry_otlp::SpanExporter::builder().with_http().with_http_client(client);
        let exporter = Arc::new(exporter.with_endpoint(address).build().with_context(failed)?);
        let resource = Resource::builder().with_service_name("endcap").build();
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_batch_exporter(OnRuntime { exporter, runtime: Handle::current() })
            .build();
        Ok(Self(provider))
    }

    /// What makes traces of our spans, whatever the log is told.
    pub fn layer<S: Subscriber + for<'a> LookupSpan<'a>>(&self) -> impl Layer<S> + use<S> {
        let ours = Targets::new().with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO);
        let spans = tracing_opentelemetry::layer().with_tracer(self.0.tracer("endcap"));
        spans.with_location(false).with_threads(false).with_tracked_inactivity(false).with_filter(ours)
    }

    /// Sends what waits; the runtime must still be there, and this must not be one of its threads.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(SENDING) {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// Goes on with the caller's trace, and gives the request's span its name in it.
pub fn take_over(span: &Span, name: &str, headers: &HeaderMap) {
    span.record("otel.name", name).record("otel.kind", "server");
    // Nobody listens where no collector was named.
    let _ = span.set_parent(TraceContextPropagator::new().extract(&Given(headers)));
}

/// Names the request's span in its answer.
pub fn give_back(span: &Span, headers: &mut HeaderMap) {
    let mut named = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut named);
    if let Some(value) = named.get("traceparent").and_then(|value| HeaderValue::from_str(value).ok()) {
        headers.insert("traceparent", value);
    }
}

/// The headers of a request, as traces are read from them.
struct Given<'a>(&'a HeaderMap);

impl Extractor for Given<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(axum::http::HeaderName::as_str).collect()
    }
}

/// Sends on the desk's own runtime: the thread that gathers spans has none, and HTTP needs one.
#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<opentelemetry_otlp::SpanExporter>,
    runtime: Handle,
}

impl SpanExporter for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exporter = self.exporter.clone();
        let sent = self.runtime.spawn(async move { exporter.export(batch).await });
        sent.await.map_err(|error| OTelSdkError::InternalFailure(error.to_string()))?
    }

    fn set_resource(&mut self, resource: &Resource) {
        Arc::get_mut(&mut self.exporter)
            .expect("Invariant: nothing is sent before the resource is known")
            .set_resource(resource);
    }
}
