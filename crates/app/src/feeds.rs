//! How the feeds of a project stand, for people and for whoever runs the desk.

use anyhow::Context;
use endcap_adapters::feeds::FeedSettings;
use endcap_adapters::project::Project;
use endcap_adapters::records::feeds::{Standing, standings};
use endcap_agent::feed::silence;
use jiff::{SignedDuration, Timestamp};
use std::path::Path;

/// A feed with how it stands; nothing where it was never opened.
pub struct Fed {
    /// As `endcap.toml` has it.
    pub settings: FeedSettings,
    /// As `records.db` has it.
    pub standing: Option<Standing>,
}

/// The feeds of a project.
pub async fn all(folder: &Path) -> anyhow::Result<Vec<Fed>> {
    let feeds = Project::read_configured(folder)?.feed;
    if feeds.is_empty() {
        return Ok(vec![]);
    }
    let standings = standings(folder).await.context("the feeds cannot be read")?;
    let of = |settings: FeedSettings| {
        let standing = standings.iter().find(|standing| standing.name == settings.name).cloned();
        Fed { settings, standing }
    };
    Ok(feeds.into_iter().map(of).collect())
}

impl Fed {
    /// What is wrong with it now, a sentence; nothing where all is well.
    pub fn alarm(&self, now: Timestamp) -> Option<String> {
        let name = &self.settings.name;
        let Some(standing) = &self.standing else {
            return Some(format!("feed '{name}' was never opened: `endcap watch` takes it in"));
        };
        if let Some((fault, since)) = &standing.fault {
            return Some(format!("feed '{name}' cannot be read since {since:.0}: {fault}"));
        }
        let allowed = SignedDuration::from_mins(i64::from(self.settings.silent_after_minutes?));
        let quiet = silence(standing.begun, standing.heard, allowed, now)?;
        Some(format!(
            "feed '{name}' is silent for {} minutes, longer than the {} that it may be: look at its source, and whether \
             `endcap watch` runs",
            quiet.as_mins(),
            allowed.as_mins()
        ))
    }
}

/// What is wrong with the feeds of a project, a line each, with the name of the feed.
pub async fn alarms(folder: &Path, now: Timestamp) -> Vec<(String, String)> {
    match all(folder).await {
        Ok(feeds) => feeds.iter().filter_map(|feed| Some((feed.settings.name.clone(), feed.alarm(now)?))).collect(),
        Err(error) => vec![(String::new(), format!("{error:#}"))],
    }
}
