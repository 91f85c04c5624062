//! `Idempotency-Key`: a request that names itself is done once, however often it comes
//! (draft-ietf-httpapi-idempotency-key-header).

use super::App;
use super::access::Who;
use super::problem::{Answer, Problem};
use super::shell::BODY_MAX;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use endcap_adapters::desk::{Reply, Seen};
use endcap_model::Hasher;
use std::collections::BTreeMap;

/// Header with the name that a caller gives its request.
pub static KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Header that says that an answer was given before.
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// Does a request that names itself once, and gives every repetition the first answer.
pub async fn once(State(app): State<App>, who: Who, request: Request, next: Next) -> Response {
    let Some(key) = request.headers().get(&KEY).cloned() else { return next.run(request).await };
    match named(&app, &who, key, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn named(app: &App, who: &Who, key: HeaderValue, request: Request, next: Next) -> Answer<Response> {
    let key = key.to_str().ok().filter(|key| (1..=200).contains(&key.len()));
    let key = key.ok_or_else(|| Problem::bad("Idempotency-Key: expected 1 to 200 visible ASCII characters"))?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, BODY_MAX).await.map_err(|_| Problem::too_large(BODY_MAX as u64))?;
    let mut hash = Hasher::default();
    hash.add(parts.method.as_str()).add(parts.uri.to_string()).add(&body);
    let (account, hash) = (who.account.id, hash.finish());
    match app.desk.take_key(account, key, hash.as_str(), (app.now)()).await? {
        Seen::First => {}
        Seen::Answered(reply) => return replay(reply),
        Seen::Running => return Err(Problem::conflict("The same request is being done: ask again in a moment.")),
        Seen::Other => return Err(Problem::unprocessable("Another request had this Idempotency-Key: use a new one.")),
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if response.status().is_server_error() {
        app.desk.let_key_go(account, key).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.map_err(Problem::broken)?;
    let reply = Reply { status: parts.status.as_u16(), headers: headers(&parts.headers), body: body.to_vec() };
    app.desk.keep_reply(account, key, &reply).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// The headers of an answer that a repetition needs.
fn headers(headers: &HeaderMap) -> String {
    let kept = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];
    let text = |name: &HeaderName| Some((name.as_str().to_owned(), headers.get(name)?.to_str().ok()?.to_owned()));
    endcap_model::canonical_json(&kept.iter().filter_map(text).collect::<BTreeMap<_, _>>())
}

fn replay(reply: Reply) -> Answer<Response> {
    let status = StatusCode::from_u16(reply.status).map_err(Problem::broken)?;
    let mut response = (status, Bytes::from(reply.body)).into_response();
    let kept: BTreeMap<String, String> = serde_json::from_str(&reply.headers).map_err(Problem::broken)?;
    for (name, value) in kept {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(Problem::broken)?;
        response.headers_mut().insert(name, HeaderValue::from_str(&value).map_err(Problem::broken)?);
    }
    response.headers_mut().insert(REPLAYED.clone(), HeaderValue::from_static("true"));
    Ok(response)
}
