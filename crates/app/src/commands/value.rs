//! `endcap value`: what plans promised beside what came of them.

use super::ground::Terms;
use crate::console::{Console, Ending, table};
use crate::{approvals, value};
use endcap_agent::value::{Amount, Decider, Promise, Sum, ValueLedger};
use endcap_demand::{PlannedUnits, analyse};
use endcap_model::{Currency, Money};
use serde::Serialize;
use std::collections::BTreeSet;

/// Promotions shown to people on the command line.
const SHOWN: usize = 20;

/// Show what plans promised beside what came of them, by who decided: the agent, people in its plans, people elsewhere.
///
/// What came is money over no offer, as estimated from sales. What another plan would have earned in the same weeks past sales
/// cannot tell; roll-outs, read beside stores without the offers, can, and stand apart. They are the money that a rule of the
/// autonomy ladder (`value_low_min` in policy.toml) may ask for.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap value shop\n  endcap value shop --json")]
pub struct Args {
    #[command(flatten)]
    terms: Terms,
}

/// The result for programs. Money in minor units.
#[derive(Serialize)]
struct Shown {
    currency: Currency,
    #[serde(flatten)]
    ledger: ValueLedger,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let folder = &args.terms.folder;
    let ground = match args.terms.ground(args.terms.scenario()?, console)? {
        Ok(ground) => ground,
        Err(reason) => {
            console.note(format!("refused: {reason}"));
            return Ok(Ending::Refused);
        }
    };
    let economics = ground.facts.promotion_economics(Some(&ground.scenario));
    let analysis = analyse(&ground.fitted, &ground.facts.panel, &economics, &PlannedUnits::new());
    let (rollouts, signed) = super::serve::runtime()?.block_on(async {
        let office = approvals::Office::open(folder).await?;
        let (rollouts, signed) = (office.ledger.rollouts().await, approvals::signed(&office).await);
        office.close().await;
        anyhow::Ok((rollouts?, signed?))
    })?;
    let signed: BTreeSet<String> = signed.into_keys().collect();
    let ledger = value::ledger(&value::plans(folder, &signed)?, &ground, &analysis, &rollouts);
    console.result(&Shown { currency: ground.scenario.currency, ledger }, for_people)?;
    Ok(Ending::Done)
}

fn for_people(shown: &Shown) -> String {
    let money = |amount: f64| Money::new(amount.round() as i64, shown.currency).to_string();
    let told = |amount: Option<Amount>| {
        amount.map_or_else(
            || "-".to_owned(),
            |of| format!("{} ({} to {})", money(of.value), money(of.lo95), money(of.hi95)),
        )
    };
    let ledger = &shown.ledger;
    let mut sums = table(&["decided by", "ran", "promised", "came", "difference", "missed", "exceeded", "came of all"]);
    for Sum { decider, entries, compared, missed, exceeded, promised, realised, difference, realised_of_all } in
        ledger.by.iter().chain([&ledger.total])
    {
        sums.add_row([
            decider.map_or("all", name).to_owned(),
            format!("{entries}, of these {compared} promised"),
            told(*promised),
            told(*realised),
            told(*difference),
            missed.to_string(),
            exceeded.to_string(),
            told(*realised_of_all),
        ]);
    }
    let mut rows = table(&["item", "where", "when", "decided by", "promised", "came", "says"]);
    for entry in ledger.entries.iter().filter(|entry| entry.promised.is_some()).take(SHOWN) {
        rows.add_row([
            entry.sku.to_string(),
            entry.region.clone(),
            if entry.first == entry.last { entry.first.clone() } else { format!("{} to {}", entry.first, entry.last) },
            name(entry.decider).to_owned(),
            told(entry.promised),
            told(entry.realised),
            says(entry.promise).to_owned(),
        ]);
    }
    let tested: String = ledger
        .tested
        .iter()
        .map(|one| {
            let stopped = if one.stopped { "; it was stopped" } else { "" };
            format!(
                "\nTested beside {} stores without the offers of plan {} ({} stores with them, {} periods): {} over no offers, {} promised{stopped}.",
                one.others, one.plan, one.stores, one.periods, told(Some(one.gained)), money(one.promised)
            )
        })
        .collect();
    let tested = if tested.is_empty() {
        "\nNo roll-out was read beside stores without its offers: nothing here tells cause.".into()
    } else {
        tested
    };
    let promised =
        if ledger.entries.iter().any(|entry| entry.promised.is_some()) { format!("\n{rows}") } else { String::new() };
    format!(
        "{sums}{promised}\n{} offers of published plans have not ended; they promise {}. Ended and not seen in the sales: {}.{tested}\n{}",
        ledger.open_offers,
        money(ledger.open_promised),
        ledger.not_seen,
        ledger.cannot_know
    )
}

fn name(decider: Decider) -> &'static str {
    match decider {
        Decider::Agent => "the agent",
        Decider::AgentSigned => "the agent, signed by people",
        Decider::Person => "people, in its plans",
        Decider::Both => "both",
        Decider::Elsewhere => "people, without a plan of Endcap",
    }
}

fn says(promise: Promise) -> &'static str {
    match promise {
        Promise::Missed => "missed",
        Promise::Exceeded => "exceeded",
        Promise::CannotTell => "cannot tell",
        Promise::None => "",
    }
}
