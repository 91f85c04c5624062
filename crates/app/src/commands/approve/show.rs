//! `endcap approve list` and `show`.

use crate::approvals::{Details, Office, RequestView, State, details, for_people, view};
use crate::console::{Console, Ending, table};
use anyhow::Context;
use endcap_adapters::ledger::Step;
use endcap_agent::acceptance::{Answered, acceptance};
use endcap_model::{Currency, Money};
use jiff::Timestamp;
use serde::Serialize;
use std::path::PathBuf;

/// List what waits for people, or is approved and not sent.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap approve list shop\n  endcap approve list shop --all --json")]
pub struct ListArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Also what is decided and done.
    #[arg(long)]
    all: bool,
}

/// Show a request: money at risk, what changes, what the worlds said, who signed and who is missing.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap approve show 1f2e3d4c5b6a7980 shop\n  endcap approve show 1f2e3d4c5b6a7980 shop --json"
)]
pub struct ShowArgs {
    /// Its id.
    request: String,
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// Tell how often people granted what they were asked, by category, and what they wrote when they refused.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap approve rates shop --json")]
pub struct RatesArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    request: RequestView,
    /// Nothing when the plan's files are gone.
    details: Option<Details>,
}

/// Runs `endcap approve list`.
pub async fn list(args: &ListArgs, console: &Console) -> anyhow::Result<Ending> {
    let office = Office::open(&args.folder).await?;
    let (staff, now) = (office.staff().await?, Timestamp::now());
    let requests = office.ledger.requests().await?;
    let open = |view: &RequestView| args.all || matches!(view.state, State::Waiting | State::Granted | State::Void);
    let shown: Vec<RequestView> =
        requests.iter().map(|kept| view(kept, &staff, None, now)).filter(|view| open(view)).collect();
    console.result(&shown, |shown| {
        let mut rows = table(&["request", "plan", "asked by", "at risk", "stands"]);
        for one in shown {
            rows.add_row([&one.id, &one.plan, &one.proposer, &amount(one, one.at_risk), &for_people(one)]);
        }
        if shown.is_empty() { "Nothing waits for people.".to_owned() } else { rows.to_string() }
    })?;
    Ok(Ending::Done)
}

/// Runs `endcap approve rates`.
pub async fn rates(args: &RatesArgs, console: &Console) -> anyhow::Result<Ending> {
    let office = Office::open(&args.folder).await?;
    let (staff, now) = (office.staff().await?, Timestamp::now());
    let requests = office.ledger.requests().await?;
    let answered = requests.iter().filter_map(|kept| {
        let granted = match view(kept, &staff, None, now).state {
            State::Granted | State::Used => true,
            State::Refused => false,
            State::Waiting | State::Expired | State::Void => return None,
        };
        let words = kept.happened.iter().filter(|one| one.done && one.step == Step::TurnedDown);
        let words = words.flat_map(|one| one.words.clone()).collect();
        Some(Answered { categories: kept.money.keys().cloned().collect(), granted, words })
    });
    let told = acceptance(&answered.collect::<Vec<_>>());
    console.result(&told, |told| {
        let mut rows = table(&["category", "answered", "granted", "share", "written with refusals"]);
        for of in told {
            let share = format!("{:.0} % ({:.0} to {:.0})", 100.0 * of.rate, 100.0 * of.lo95, 100.0 * of.hi95);
            let (answered, granted) = (of.answered.to_string(), of.granted.to_string());
            rows.add_row([of.category.clone(), answered, granted, share, of.refusals.join("; ")]);
        }
        if told.is_empty() { "People have answered nothing yet.".to_owned() } else { rows.to_string() }
    })?;
    Ok(Ending::Done)
}

/// Runs `endcap approve show`.
pub async fn show(args: &ShowArgs, console: &Console) -> anyhow::Result<Ending> {
    let office = Office::open(&args.folder).await?;
    let (staff, now) = (office.staff().await?, Timestamp::now());
    let kept = office.ledger.request(&args.request).await?;
    let kept =
        kept.with_context(|| format!("there is no request '{}': `endcap approve list` shows them", args.request))?;
    let request = view(&kept, &staff, None, now);
    let (folder, plan) = (args.folder.clone(), request.plan.clone());
    let details = tokio::task::spawn_blocking(move || details(&folder, &plan).ok()).await?;
    let shown = Shown { details, request };
    console.result(&shown, text)?;
    Ok(Ending::Done)
}

fn text(shown: &Shown) -> String {
    let Shown { request, details } = shown;
    let money = |minor: i64| amount(request, minor);
    let mut rows = table(&["request", &request.id]);
    rows.add_row(["plan", &request.plan]);
    rows.add_row(["asked by", &format!("{} at {}", request.proposer, request.asked)]);
    rows.add_row([
        "money at risk",
        &format!("{} ({} of it by this plan)", money(request.at_risk), money(request.own_money)),
    ]);
    rows.add_row(["stands", &for_people(request)]);
    for step in &request.steps {
        let signed: Vec<String> =
            step.signed.iter().map(|one| format!("{} says {} at {}", one.person, one.answer, one.at)).collect();
        let signed = if signed.is_empty() { "nobody yet".to_owned() } else { signed.join("; ") };
        rows.add_row([format!("{} of {}", step.people, step.function), signed]);
    }
    if let Some(waiting) = &request.waiting {
        let who = if waiting.who.is_empty() { "nobody has that role".to_owned() } else { waiting.who.join(", ") };
        rows.add_row(["who could sign", &who]);
    }
    rows.add_row(["ends", &request.expires]);
    for reason in &request.reasons {
        rows.add_row(["asked because", reason]);
    }
    if let Some(details) = details {
        about(&mut rows, details, &money);
    }
    let happened: String = request
        .happened
        .iter()
        .map(|one| {
            let what = serde_json::to_value(one.step).ok().and_then(|word| Some(word.as_str()?.replace('_', " ")));
            let outcome = if one.done { "" } else { ", refused" };
            let (who, words) = (one.who.as_deref().unwrap_or("(erased)"), one.words.join("; "));
            format!("\n{} {} by {who}{outcome}: {words}", one.at, what.unwrap_or_default())
        })
        .collect();
    format!("{rows}{happened}")
}

/// An amount in the request's currency.
fn amount(request: &RequestView, minor: i64) -> String {
    match serde_json::from_value::<Currency>(request.currency.into()) {
        Ok(currency) => Money::new(minor, currency).to_string(),
        Err(_) => format!("{minor} minor units of {}", request.currency),
    }
}

fn about(rows: &mut comfy_table::Table, details: &Details, money: &dyn Fn(i64) -> String) {
    let changes = &details.changes;
    let against = changes.against.as_deref().unwrap_or("nothing, no plan is in force");
    rows.add_row(["value", &format!("{} -> {}", money(changes.value_before), money(details.value))]);
    rows.add_row(["changes", &format!("{} offers and {} orders against {against}", changes.all, changes.orders)]);
    if let Some(stress) = &details.stress {
        rows.add_row(["worst twentieth of worlds", &money(stress.tail_value.round() as i64)]);
        rows.add_row(["promoted stock-outs", &format!("{:.1} %", stress.stockout_rate_promoted * 100.0)]);
    }
}
