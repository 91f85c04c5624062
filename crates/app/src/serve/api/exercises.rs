//! Exercises of the caller: worlds of the sandbox and drills, each kept as the JSON of its own types.

use super::super::App;
use super::super::access::Who;
use super::super::problem::{Answer, Problem};
use endcap_adapters::desk::Exercise;
use serde::de::DeserializeOwned;

/// An exercise of a kind, if it is the caller's.
pub async fn own(app: &App, who: &Who, id: &str, kind: &str) -> Answer<Exercise> {
    let kept = app.desk.exercise(id, who.account.id, kind).await?;
    kept.ok_or_else(|| Problem::missing(format!("{kind} '{id}'")))
}

/// What was begun and done.
pub fn content<T: DeserializeOwned>(kept: &Exercise) -> Answer<T> {
    serde_json::from_str(&kept.content).map_err(Problem::broken)
}

/// What came of it; nothing before the end.
pub fn result<T: DeserializeOwned>(kept: &Exercise) -> Answer<Option<T>> {
    kept.result.as_deref().map(|text| serde_json::from_str(text).map_err(Problem::broken)).transpose()
}
