//! `endcap approve stand-in` and `break-glass`.

use super::answer::person;
use crate::approvals::Office;
use crate::commands::audit::random;
use crate::console::{Console, Ending};
use anyhow::{Context, ensure};
use endcap_adapters::ledger::Glass;
use endcap_govern::approval::{BreakGlass, StandIn};
use endcap_govern::stop::Scope;
use endcap_model::hash_json;
use jiff::{SignedDuration, Timestamp};
use std::path::PathBuf;

/// Name somebody who signs in your place for some days; they never sign what you proposed.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  endcap approve stand-in carl shop --as ada --key ada.key --days 14")]
pub struct StandInArgs {
    /// The account that signs meanwhile.
    stands_in: String,
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The account that is away.
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// File of its approval key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// For how many days from now on, 1 to 90.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=90))]
    days: u32,
}

/// In an emergency, have two people stand in for the whole chain, for one hour. Limits and policy hold all the same.
///
/// The first person says why and gets a number; the second joins under it.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap approve break-glass shop --as ada --key ada.key --reason \"till prices are wrong\"
  endcap approve break-glass shop --as carl --key carl.key --join 77aa
  endcap approve publish b2d61f0c2f1a4c55 shop --glass 77aa")]
pub struct BreakGlassArgs {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The account that declares it or joins in.
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// File of its approval key.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Why; for the first of the two.
    #[arg(long, value_name = "TEXT", required_unless_present = "join")]
    reason: Option<String>,
    /// For one category alone; everything when not given.
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// The number that the first of the two got.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["reason", "category"])]
    join: Option<String>,
}

/// Runs `endcap approve stand-in`.
pub async fn stand_in(args: &StandInArgs, console: &Console) -> anyhow::Result<Ending> {
    let office = Office::open(&args.folder).await?;
    let (away, key) = person(&office, &args.name, &args.key).await?;
    let stands_in = office.account(&args.stands_in).await?.name;
    ensure!(stands_in != away, "nobody stands in for themselves: name another account");
    let (staff, now) = (office.staff().await?, Timestamp::now());
    let until = endcap_model::later(now, SignedDuration::from_hours(24 * i64::from(args.days)));
    let named = StandIn::sign(&away, &stands_in, now, until, key.signing());
    let kept = office.ledger.name_stand_in(&named, &staff, now).await?;
    office.close().await;
    match kept {
        Ok(()) => {
            console.result(&named, |named| format!("{} signs for {} until {}.", named.stands_in, away, named.until))?;
            Ok(Ending::Done)
        }
        Err(why) => {
            console.result(&serde_json::json!({ "refused": why.to_string() }), |_| format!("Refused: {why}."))?;
            Ok(Ending::Refused)
        }
    }
}

/// Runs `endcap approve break-glass`.
pub async fn break_glass(args: &BreakGlassArgs, console: &Console) -> anyhow::Result<Ending> {
    let office = Office::open(&args.folder).await?;
    let (name, key) = person(&office, &args.name, &args.key).await?;
    let (staff, now) = (office.staff().await?, Timestamp::now());
    let mut glass = match &args.join {
        Some(number) => {
            let glasses = office.ledger.glasses(&staff, now).await?;
            let found = glasses.into_iter().find(|other| !number.is_empty() && other.glass.nonce.starts_with(number));
            found.with_context(|| format!("no glass {number} was declared within the hour"))?.glass
        }
        None => BreakGlass {
            reason: args.reason.clone().unwrap_or_default(),
            scope: args.category.clone().map_or(Scope::Global, Scope::Category),
            at: now,
            nonce: hash_json(&random()).short().to_owned(),
            signatures: vec![],
        },
    };
    glass.sign(&name, key.signing());
    let kept = office.ledger.break_glass(&glass, &staff, now).await?;
    office.close().await;
    match kept {
        Ok(glass) => {
            console.result(&glass, said)?;
            Ok(Ending::Done)
        }
        Err(why) => {
            console.result(&serde_json::json!({ "refused": why.to_string() }), |_| format!("Refused: {why}."))?;
            Ok(Ending::Refused)
        }
    }
}

fn said(glass: &Glass) -> String {
    let number = &glass.glass.nonce;
    match glass.whole {
        None => format!(
            "The glass {number} is broken until {}: `endcap approve publish PLAN --glass {number}`.",
            glass.until
        ),
        Some(_) => {
            format!("A second person must join: `endcap approve break-glass --join {number}`, until {}.", glass.until)
        }
    }
}
