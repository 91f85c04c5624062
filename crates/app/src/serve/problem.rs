//! What went wrong, as RFC 9457 describes it: the same form for every error of the API.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use endcap_adapters::AdapterError;
use endcap_adapters::desk::DeskError;
use endcap_adapters::records::RecordsError;
use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::io::ErrorKind;
use utoipa::ToSchema;

/// A request that was not done, and why (`application/problem+json`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Kind of problem; the same kind has the same address.
    #[serde(rename = "type")]
    #[schema(example = "/problems/stale")]
    pub kind: String,
    /// The kind in words.
    #[schema(example = "Changed by somebody else")]
    pub title: String,
    /// Status of the answer.
    #[schema(example = 412)]
    pub status: u16,
    /// What happened here, and what to do.
    pub detail: String,
    /// Single faults, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
    /// Seconds after which to ask again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// One fault of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// Where, as a JSON pointer or the name of a parameter.
    #[schema(example = "/edits/0/depth")]
    pub at: String,
    /// What is wrong and what was expected.
    pub detail: String,
}

/// An answer, or why there is none.
pub type Answer<T> = Result<T, Problem>;

impl Problem {
    fn new(status: StatusCode, kind: &str, title: &str, detail: impl Display) -> Self {
        Self {
            kind: format!("/problems/{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.to_string(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// The request cannot be read or makes no sense.
    pub fn bad(detail: impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "The request cannot be read", detail)
    }

    /// The request can be read but not done: values out of range, rules that clash.
    pub fn unprocessable(detail: impl Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unprocessable", "This cannot be done", detail)
    }

    /// Nobody is signed in.
    pub fn unauthenticated(detail: impl Display) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "sign-in", "Sign in first", detail)
    }

    /// Somebody without the right.
    pub fn forbidden(detail: impl Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "You may not do this", detail)
    }

    /// Somebody who signed in too long ago for what they want to do.
    pub fn sign_in_again(detail: impl Display) -> Self {
        Self::new(StatusCode::FORBIDDEN, "sign-in-again", "Sign in again first", detail)
    }

    /// It was decided before, or cannot be decided any more.
    pub fn decided(detail: impl Display) -> Self {
        Self::new(StatusCode::CONFLICT, "decided", "This can no longer be answered", detail)
    }

    /// Nothing of that name, for this caller.
    pub fn missing(what: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", format!("There is no {what} that you may see."))
    }

    /// No plan was published.
    pub fn none_in_force() -> Self {
        let detail = "No plan is in force: none was published when the project was read. Choose a board instead, or \
                      publish a plan with `endcap plan` and start the desk again.";
        Self::new(StatusCode::NOT_FOUND, "none-in-force", "No plan is in force", detail)
    }

    /// Something else has the name, or the same request is under way.
    pub fn conflict(detail: impl Display) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "Already there", detail)
    }

    /// Somebody else changed it first.
    pub fn stale(version: i64) -> Self {
        let detail = format!(
            "Somebody else changed this first; it is at version {version} now. Read it again, then repeat the change."
        );
        Self::new(StatusCode::PRECONDITION_FAILED, "stale", "Changed by somebody else", detail)
    }

    /// A change without the version that it changes.
    pub fn no_version() -> Self {
        let detail = "Send the ETag that you read as If-Match, so that nobody's change is written over.";
        Self::new(StatusCode::PRECONDITION_REQUIRED, "version-required", "Say which version you change", detail)
    }

    /// More than may be sent.
    pub fn too_large(most: u64) -> Self {
        let detail = format!("At most {most} bytes may be sent here: send less, or in parts.");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too much was sent", detail)
    }

    /// The disk has no room.
    pub fn no_room() -> Self {
        let detail = "The disk of the desk is full: nothing was kept. Free some space there and send it again.";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, "no-room", "No room left", detail)
    }

    /// Too many requests.
    pub fn too_many(seconds: u64) -> Self {
        let detail = format!("Too many requests: ask again in {seconds} s.");
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too-many", "Too many requests", detail);
        Self { retry_after: Some(seconds), ..problem }
    }

    /// Not yet, or not at the moment.
    pub fn not_ready(detail: impl Display) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "not-ready", "Not ready yet", detail);
        Self { retry_after: Some(2), ..problem }
    }

    /// Another server, on which this depends, does not do its part.
    pub fn elsewhere(detail: impl Display) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, "elsewhere", "Another server does not do its part", detail)
    }

    /// Our fault; the cause goes to the log, not to the caller.
    pub fn broken(cause: impl Display) -> Self {
        tracing::error!(%cause, "a request broke");
        let detail = "Something broke here; the server's log says what. Nothing was changed.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", "Something broke", detail)
    }

    /// The body has a form that is not read here.
    pub fn media_type(expected: &str) -> Self {
        let detail = format!("Send the header Content-Type: {expected}.");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "Another form was expected", detail)
    }

    /// Says what the problem is about.
    pub fn about(self, name: &str) -> Self {
        Self { detail: format!("{name}: {}", self.detail), ..self }
    }

    /// Adds single faults.
    pub fn with(mut self, errors: Vec<Fault>) -> Self {
        self.errors = errors;
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, serde_json::to_string(&self).unwrap_or_default()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<DeskError> for Problem {
    fn from(error: DeskError) -> Self {
        match error {
            DeskError::Taken { .. } => Self::conflict(error),
            DeskError::Broken(_) | DeskError::Unreadable { .. } => Self::broken(error),
        }
    }
}

impl From<RecordsError> for Problem {
    fn from(error: RecordsError) -> Self {
        Self::broken(error)
    }
}

/// Files and configurations of people: what is wrong with them is theirs to know, what the disk does is ours.
impl From<AdapterError> for Problem {
    fn from(error: AdapterError) -> Self {
        match &error {
            AdapterError::System { source, .. } if source.kind() == ErrorKind::StorageFull => Self::no_room(),
            AdapterError::System { source, .. } => {
                let cause = format!("{error}: {source}");
                Self::broken(cause)
            }
            _ => Self::unprocessable(without_folders(&error.to_string())),
        }
    }
}

/// A message without the folders of this machine: a file is named by its last part.
pub fn without_folders(text: &str) -> String {
    let last = |word: &str| match word.rfind('/') {
        Some(at) if word.starts_with('/') || word.contains("imports/files/") => word[at + 1..].to_owned(),
        _ => word.to_owned(),
    };
    text.split(' ').map(last).collect::<Vec<_>>().join(" ")
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::JsonDataError(error) => Self::unprocessable(error.body_text()),
            JsonRejection::MissingJsonContentType(_) => Self::media_type("application/json"),
            other if other.status() == StatusCode::PAYLOAD_TOO_LARGE => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "Too much was sent",
                "The request is larger than this address takes: send it in parts.",
            ),
            other => Self::bad(other.body_text()),
        }
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::bad(rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::bad(rejection.body_text())
    }
}
