//! The pages, inside the binary.

use super::problem::Problem;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

/// Built by `web/build.sh`; stored, so that building Endcap needs nothing else.
#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

/// A file of the pages; any other address is a page of the one application, which reads the address itself.
pub async fn page(request: Request) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return Problem::missing(format!("address {} {}", request.method(), request.uri().path())).into_response();
    }
    let path = request.uri().path().trim_start_matches('/');
    match Files::get(path) {
        Some(file) if path != "index.html" => answer(&file, path, &request),
        None if path.starts_with("assets/") => {
            Problem::missing(format!("file {}", request.uri().path())).into_response()
        }
        _ => match Files::get("index.html") {
            Some(file) => answer(&file, "index.html", &request),
            None => Problem::broken("the binary holds no pages").into_response(),
        },
    }
}

fn answer(file: &EmbeddedFile, path: &str, request: &Request) -> Response {
    let hash: String = file.metadata.sha256_hash()[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let tag = format!("\"{hash}\"");
    if request.headers().get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    // Names of assets change with their content.
    let keep = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = Response::new(Body::from(file.data.clone().into_owned()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind(path)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    headers.insert(header::ETAG, HeaderValue::from_str(&tag).expect("Invariant: hexadecimal digits"));
    response
}

fn kind(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json" | "webmanifest") => "application/json",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
