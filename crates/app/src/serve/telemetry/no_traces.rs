//! In the place of `traces.rs` where the program is built without the feature `otel`: nothing is sent.

use anyhow::bail;
use axum::http::HeaderMap;
use tracing::{Span, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Identity;

/// Nothing: there are no traces here.
pub struct Traces;

impl Traces {
    /// Whether this program can send traces.
    pub const CAN_BE_SENT: bool = false;

    /// Refuses, and says what to do.
    ///
    /// # Errors
    /// Always.
    pub fn to(_: &str) -> anyhow::Result<Self> {
        bail!(
            "--otlp: this program was built without traces: build it with `cargo build --release --features otel`, or leave --otlp out"
        )
    }

    /// A layer that does nothing.
    pub fn layer<S: Subscriber>(&self) -> impl Layer<S> + use<S> {
        Identity::new()
    }

    /// Nothing is left to send.
    pub fn end(self) {}
}

/// There is no trace to go on with.
pub fn take_over(_: &Span, _: &str, _: &HeaderMap) {}

/// There is no trace to name.
pub fn give_back(_: &Span, _: &mut HeaderMap) {}
