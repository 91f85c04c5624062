//! Takes a file from a request to disk: never more than was allowed, never under a name of the sender's choosing.

use super::App;
use super::access::secret;
use super::problem::{Answer, Problem};
use axum::body::{Body, BodyDataStream};
use axum::http::{HeaderMap, header};
use endcap_adapters::imports;
use endcap_model::ContentHash;
use futures::StreamExt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Longest pause of a sender.
const PAUSE_SECONDS: u64 = 30;
/// Files that wait may take this many times the size of the largest one.
const WAITING_TIMES: u64 = 4;

/// Receives a file whole, or leaves nothing behind; returns the hash of its content and where it waits.
pub async fn receive(app: &App, headers: &HeaderMap, name: &str, body: Body) -> Answer<(ContentHash, PathBuf)> {
    if !app.settings.folder.join(endcap_adapters::project::FILE_NAME).exists() {
        return Err(Problem::conflict("The desk has no project yet: begin one, then bring data in."));
    }
    let most = app.settings.upload_max;
    let stated = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if stated.is_some_and(|bytes| bytes > most) {
        return Err(Problem::too_large(most));
    }
    let folder = app.settings.folder.clone();
    let waiting = super::blocking(move || imports::waiting(&folder).map_err(Problem::from)).await?;
    let held: u64 = waiting.iter().map(|file| file.bytes).sum();
    if held + stated.unwrap_or(0) > most * WAITING_TIMES {
        return Err(Problem::conflict("Too many files wait to be brought in: bring them in or remove some first."));
    }
    let home = imports::folder(&app.settings.folder).join("files");
    tokio::fs::create_dir_all(&home).await.map_err(disk)?;
    let part = home.join(format!(".{}.part", &secret::make()?[..16]));
    let received = match write(&part, body.into_data_stream(), most).await {
        Ok(()) => {
            let (folder, part, name) = (app.settings.folder.clone(), part.clone(), name.to_owned());
            super::blocking(move || imports::receive(&folder, &part, &name).map_err(Problem::from)).await
        }
        Err(problem) => Err(problem),
    };
    if received.is_err() {
        let _ = tokio::fs::remove_file(&part).await;
    }
    received
}

async fn write(part: &Path, mut body: BodyDataStream, most: u64) -> Answer<()> {
    let mut file = tokio::fs::File::create(part).await.map_err(disk)?;
    let mut bytes = 0;
    loop {
        let next = tokio::time::timeout(Duration::from_secs(PAUSE_SECONDS), body.next()).await;
        let next = next.map_err(|_| Problem::bad("The file stopped coming: send it again."))?;
        let Some(chunk) = next else { break };
        let chunk = chunk.map_err(|_| Problem::bad("The file was cut off on its way: send it again."))?;
        bytes += chunk.len() as u64;
        if bytes > most {
            return Err(Problem::too_large(most));
        }
        file.write_all(&chunk).await.map_err(disk)?;
    }
    if bytes == 0 {
        return Err(Problem::unprocessable("The file is empty."));
    }
    file.flush().await.map_err(disk)
}

fn disk(error: std::io::Error) -> Problem {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Problem::no_room(),
        _ => Problem::broken(error),
    }
}

/// Removes parts of files that a stop cut off, and files that have waited for more than a day.
pub fn tidy(folder: &Path, day_ago: jiff::Timestamp) -> anyhow::Result<()> {
    for file in imports::waiting(folder)?.into_iter().filter(|file| file.since.is_none_or(|since| since < day_ago)) {
        imports::discard(folder, &file.id)?;
    }
    let home = imports::folder(folder).join("files");
    let Ok(entries) = std::fs::read_dir(&home) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let old =
            entry.metadata()?.modified().is_ok_and(|at| jiff::Timestamp::try_from(at).is_ok_and(|at| at < day_ago));
        if old && entry.file_name().to_string_lossy().ends_with(".part") {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
