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
use tokio::time::Instant;

/// How slowly a file may come.
#[derive(Clone, Copy)]
struct Pace {
    /// Longest pause of a sender.
    pause: Duration,
    /// How long it may come as slowly as it likes.
    patience: Duration,
    /// Bytes that each second beyond that has to bring, on average.
    bytes_per_second: u64,
}

/// A line of 64 kbit/s is fast enough; a sender of single bytes does not hold a connection and a file for ever.
const PACE: Pace =
    Pace { pause: Duration::from_secs(30), patience: Duration::from_secs(60), bytes_per_second: 8 << 10 };
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
    let received = match write(&part, body.into_data_stream(), most, PACE).await {
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

async fn write(part: &Path, mut body: BodyDataStream, most: u64, pace: Pace) -> Answer<()> {
    let mut file = tokio::fs::File::create_new(part).await.map_err(disk)?;
    let (mut bytes, begun) = (0, Instant::now());
    loop {
        let due = begun + pace.patience + Duration::from_secs(bytes / pace.bytes_per_second);
        let next = tokio::time::timeout_at(due.min(Instant::now() + pace.pause), body.next()).await;
        let next = next.map_err(|_| Problem::bad("The file stopped coming, or came too slowly: send it again."))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Bytes;
    use futures::stream;
    use std::convert::Infallible;

    /// Chunks of so many bytes, each after a pause in milliseconds.
    fn trickle(chunk: usize, chunks: usize, pause: u64) -> BodyDataStream {
        let next = move |left: usize| async move {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            (left > 0).then(|| (Ok::<_, Infallible>(Bytes::from(vec![b'x'; chunk])), left - 1))
        };
        Body::from_stream(stream::unfold(chunks, next)).into_data_stream()
    }

    #[test]
    fn a_file_that_comes_byte_by_byte_is_given_up_and_a_slow_one_is_not() {
        crate::serve::tests::run(async {
            let folder = tempfile::tempdir().unwrap();
            let pace =
                Pace { pause: Duration::from_secs(5), patience: Duration::from_millis(300), bytes_per_second: 1000 };
            let begun = Instant::now();
            let bytes = write(&folder.path().join("bytes"), trickle(1, 10_000, 20), 1 << 20, pace).await.unwrap_err();
            assert!(bytes.status == 400 && bytes.detail.contains("too slowly"), "{}", bytes.detail);
            assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
            // Longer than the patience, and faster than the least.
            write(&folder.path().join("slow"), trickle(1000, 8, 60), 1 << 20, pace).await.unwrap();
            assert_eq!(std::fs::metadata(folder.path().join("slow")).unwrap().len(), 8000);
            let pace = Pace { pause: Duration::from_millis(50), ..pace };
            let stalls = write(&folder.path().join("stalls"), trickle(1000, 2, 2000), 1 << 20, pace).await.unwrap_err();
            assert!(stalls.detail.contains("stopped coming"), "{}", stalls.detail);
        });
    }
}
