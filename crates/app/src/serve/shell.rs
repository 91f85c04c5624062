//! Around every request: limits, headers that protect the browser, measurement.

use super::problem::Problem;
use super::{App, api, health, pages, telemetry};
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::time::{Duration, Instant};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tracing::Instrument;
use tracing::field::Empty;

/// Largest request that is no upload, in bytes.
pub const BODY_MAX: usize = 2 << 20;
/// Longest time for an answer; what takes longer runs as a job.
const ANSWER_SECONDS: u64 = 60;

/// Header with the number of a request.
static NUMBER: HeaderName = HeaderName::from_static("x-request-id");

/// What may run in the browser: our own files and nothing else.
const CONTENT_SECURITY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                                font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
                                form-action 'self'; frame-ancestors 'none'";

/// Everything that the desk answers.
pub fn router(app: App) -> Router {
    let timeout = from_fn_with_state(Duration::from_secs(ANSWER_SECONDS), in_time);
    let recorded = from_fn_with_state(app.clone(), super::audit::recorded);
    Router::new()
        .nest(
            "/api/v1",
            api::router(&app)
                .layer(recorded.clone())
                .layer(timeout)
                .merge(api::uploads().layer(recorded))
                .fallback(unknown)
                .layer(from_fn(no_store)),
        )
        .merge(health::router())
        .fallback(pages::page)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(app.clone(), super::access::throttle::slow_down))
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(protect))
        .layer(from_fn(measure))
        .with_state(app)
}

async fn unknown(request: Request) -> Problem {
    Problem::missing(format!("address {} {}", request.method(), request.uri().path()))
}

/// Ends a request that takes too long, also one that comes too slowly. What was begun for it goes on, and may be there when
/// it is asked for again.
async fn in_time(State(longest): State<Duration>, request: Request, next: Next) -> Response {
    let told = || Problem::not_ready(format!("This took longer than {} s: ask again in a moment.", longest.as_secs()));
    tokio::time::timeout(longest, next.run(request)).await.unwrap_or_else(|_| told().into_response())
}

/// What the API says is for the moment and for the caller.
async fn no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn protect(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=()"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Gives the request a number that its log lines and its answer have, and measures it. Neither addresses nor headers go
/// to the log: they may carry secrets.
async fn measure(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("page", MatchedPath::as_str).to_owned();
    let (method, begun) = (request.method().clone(), Instant::now());
    let number = number(request.headers());
    let span = tracing::info_span!(
        "request",
        number = %number,
        http.request.method = %method,
        http.route = route,
        http.response.status_code = Empty,
        otel.name = Empty,
        otel.kind = Empty,
    );
    telemetry::take_over(&span, &format!("{method} {route}"), request.headers());
    let mut response = next.run(request).instrument(span.clone()).await;
    let (status, took) = (response.status(), begun.elapsed());
    span.record("http.response.status_code", status.as_u16());
    telemetry::give_back(&span, response.headers_mut());
    let milliseconds = took.as_millis() as u64;
    span.in_scope(|| match status {
        status if status.is_server_error() => tracing::warn!(status = status.as_u16(), milliseconds, "answered"),
        status if method.is_safe() => tracing::debug!(status = status.as_u16(), milliseconds, "answered"),
        status => tracing::info!(status = status.as_u16(), milliseconds, "answered"),
    });
    let labels = [("route", route), ("method", method.to_string()), ("status", status.as_u16().to_string())];
    metrics::counter!("endcap_http_requests_total", &labels).increment(1);
    metrics::histogram!("endcap_http_request_seconds", &labels).record(took.as_secs_f64());
    if let Ok(number) = HeaderValue::from_str(&number) {
        response.headers_mut().insert(NUMBER.clone(), number);
    }
    response
}

/// The number that the caller gave the request, or a new one.
fn number(headers: &HeaderMap) -> String {
    let plain = |text: &&str| {
        (1..=64).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let given = headers.get(&NUMBER).and_then(|value| value.to_str().ok()).filter(plain);
    given.map_or_else(|| format!("{:016x}", getrandom::u64().unwrap_or_default()), str::to_owned)
}

fn panicked(cause: Box<dyn std::any::Any + Send>) -> Response<Body> {
    let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
    Problem::broken(text.unwrap_or("a panic without a message")).into_response()
}

/// The state that handlers take, by name.
pub type Shared = State<App>;

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::{Bytes, to_bytes};
    use axum::routing::post;
    use std::convert::Infallible;
    use tower::ServiceExt;

    #[test]
    fn a_request_that_comes_too_slowly_ends_with_a_problem_that_says_so() {
        crate::serve::tests::run(async {
            let drops = futures::stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(10)).await;
                Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
            });
            let router: Router = Router::new()
                .route("/", post(|body: Bytes| async move { body.len().to_string() }))
                .layer(from_fn_with_state(Duration::from_millis(100), in_time));
            let slow = Request::post("/").body(Body::from_stream(drops)).unwrap();
            let response = router.clone().oneshot(slow).await.unwrap();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
            let told = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            assert!(String::from_utf8_lossy(&told).contains("ask again in a moment"), "{told:?}");
            let quick = router.oneshot(Request::post("/").body(Body::from("abc")).unwrap()).await.unwrap();
            assert_eq!(quick.status(), 200);
        });
    }
}
