//! `endcap feeds`: what comes in by itself, and what of it could not be read.

use crate::commands::serve::runtime;
use crate::console::{Console, Ending, table};
use crate::feeds::all;
use endcap_adapters::records::feeds::{KeptAside, asides};
use jiff::Timestamp;
use serde::Serialize;
use std::path::PathBuf;

/// Show how the feeds of a project stand, and what of them was set aside.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap feeds shop
  endcap feeds shop --aside 20 --json

Exit status: 0 all is well, 1 a feed is silent, cannot be read or was never opened, 2 bad input.")]
pub struct Args {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Show so many of the messages that were set aside, newest first.
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    aside: u32,
}

#[derive(Serialize)]
struct Shown {
    feeds: Vec<Row>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    set_aside: Vec<AsideRow>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    kind: &'static str,
    carries: &'static str,
    heard: Option<Timestamp>,
    new: u64,
    replaced: u64,
    repeated: u64,
    set_aside: u64,
    alarm: Option<String>,
}

#[derive(Serialize)]
struct AsideRow {
    number: i64,
    feed: String,
    part: String,
    position: u64,
    record: usize,
    reason: String,
    content: String,
    at: Timestamp,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let now = Timestamp::now();
    let (feeds, asides) = runtime()?.block_on(async {
        let feeds = all(&args.folder).await?;
        anyhow::Ok((feeds, if args.aside > 0 { asides(&args.folder, args.aside).await? } else { vec![] }))
    })?;
    let rows = feeds.iter().map(|feed| {
        let standing = feed.standing.as_ref();
        Row {
            name: feed.settings.name.clone(),
            kind: feed.settings.kind.name(),
            carries: feed.settings.carries.name(),
            heard: standing.and_then(|standing| standing.heard),
            new: standing.map_or(0, |standing| standing.new),
            replaced: standing.map_or(0, |standing| standing.replaced),
            repeated: standing.map_or(0, |standing| standing.repeated),
            set_aside: standing.map_or(0, |standing| standing.aside),
            alarm: feed.alarm(now),
        }
    });
    let shown = Shown { feeds: rows.collect(), set_aside: asides.into_iter().map(aside_row).collect() };
    console.result(&shown, for_people)?;
    let alarmed = shown.feeds.iter().any(|row| row.alarm.is_some());
    Ok(if alarmed { Ending::Refused } else { Ending::Done })
}

fn aside_row(KeptAside { number, feed, aside, at }: KeptAside) -> AsideRow {
    let origin = aside.origin;
    AsideRow {
        number,
        feed,
        part: origin.part,
        position: origin.position,
        record: origin.record,
        reason: aside.reason,
        content: aside.content,
        at,
    }
}

fn for_people(shown: &Shown) -> String {
    if shown.feeds.is_empty() {
        return "endcap.toml names no [[feed]].".to_owned();
    }
    let mut rows = table(&["feed", "kind", "carries", "heard last", "new", "replaced", "repeated", "set aside"]);
    for row in &shown.feeds {
        let heard = row.heard.map_or("never".to_owned(), |heard| format!("{heard:.0}"));
        let numbers = [row.new, row.replaced, row.repeated, row.set_aside].map(|count| count.to_string());
        let texts = [row.name.clone(), row.kind.to_owned(), row.carries.to_owned(), heard];
        rows.add_row([texts.to_vec(), numbers.to_vec()].concat());
    }
    let mut text = rows.to_string();
    text.extend(shown.feeds.iter().filter_map(|row| row.alarm.as_ref()).map(|alarm| format!("\n{alarm}")));
    if !shown.set_aside.is_empty() {
        let mut rows = table(&["feed", "part", "position", "record", "reason", "content"]);
        for row in &shown.set_aside {
            let content: String = row.content.chars().take(80).collect();
            let (position, record) = (row.position.to_string(), row.record.to_string());
            rows.add_row([&row.feed, &row.part, &position, &record, &row.reason, content.trim()]);
        }
        text += &format!("\n\n{rows}");
    }
    text
}
