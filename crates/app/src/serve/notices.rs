//! Watching for what people have to know: every half minute, and at once when facts were brought in. Who has to be told is told
//! here too, so that a desk that runs is enough.

use super::App;
use super::live::Happened;
use super::workspace::Project;
use crate::notices::{Look, deliver, of_files, of_ground, of_ledger, plan_in_force, round};
use endcap_adapters::notices::Settings;
use endcap_agent::notices::Notice;
use endcap_agent::notices::Severity;
use endcap_model::{Offer, SnapshotId};
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked.
const EVERY: Duration = Duration::from_secs(30);

/// What was seen in facts that have not changed since.
#[derive(Default)]
struct OfGround {
    of: Option<(SnapshotId, Option<String>)>,
    looks: Vec<Look>,
}

/// Looks again and again, and tells pages when something changed, whoever changed it.
pub async fn watch(app: App) {
    let mut looks = tokio::time::interval(EVERY);
    let (mut kept, mut shown, mut fault) = (OfGround::default(), None, String::new());
    loop {
        looks.tick().await;
        let said = look(&app, &mut kept).await.map_err(|error| format!("{error:#}")).err().unwrap_or_default();
        if !said.is_empty() && said != fault {
            tracing::error!("notices could not be looked for: {said}");
        }
        fault = said;
        tell(&app, &mut shown).await;
    }
}

async fn look(app: &App, kept: &mut OfGround) -> anyhow::Result<()> {
    let (folder, now) = (app.settings.folder.clone(), (app.now)());
    if !folder.join("endcap.toml").is_file() {
        return Ok(());
    }
    let at = folder.clone();
    let read = tokio::task::spawn_blocking(move || {
        let project = endcap_adapters::project::Project::read(&at)?;
        anyhow::Ok((of_files(&at, now)?, plan_in_force(&at)?, Settings::read(&at)?, project.currency))
    });
    let (mut seen, in_force, settings, currency) = read.await??;
    if let Ok(project) = app.workspace.project() {
        kept.renew(project).await?;
        seen.extend(kept.looks.iter().cloned());
    }
    seen.extend(of_ledger(&app.ledger, in_force.as_deref()).await?);
    let settings = Arc::new(settings);
    round(&app.ledger, &settings, &seen, now).await?;
    for (receiver, sent) in deliver(&app.ledger, &settings, currency, app.now).await? {
        tracing::info!(%receiver, ?sent, "notices were told");
    }
    Ok(())
}

impl OfGround {
    async fn renew(&mut self, project: Arc<Project>) -> anyhow::Result<()> {
        let plan = project.in_force.as_ref().map(|plan| plan.id.to_string());
        let of = Some((project.ground.snapshot.clone(), plan));
        if self.of == of {
            return Ok(());
        }
        let looks = tokio::task::spawn_blocking(move || {
            let offers: &[Offer] = project.in_force.as_deref().map_or(&[], |plan| &plan.offers);
            of_ground(&project.ground, offers)
        });
        (self.looks, self.of) = (looks.await??, of);
        Ok(())
    }
}

/// Tells pages when what is open, or who takes care of it, is not what it was.
async fn tell(app: &App, shown: &mut Option<Vec<(String, Severity, bool, bool)>>) {
    let Ok(open) = app.ledger.open_notices().await else { return };
    let state = |one: &Notice| (one.id.clone(), one.severity, one.acknowledged.is_some(), one.escalated.is_some());
    let now: Vec<_> = open.iter().map(state).collect();
    if shown.as_ref() != Some(&now) {
        app.live.tell(Happened::Notices { open: now.len() });
        *shown = Some(now);
    }
}
