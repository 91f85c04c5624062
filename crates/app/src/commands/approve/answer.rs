//! `endcap approve sign` and `refuse`: a person's answer, signed with the key that they keep.

use crate::approvals::{Office, RequestView, for_people, view};
use crate::console::{Console, Ending};
use anyhow::ensure;
use endcap_adapters::ledger::{Answered, By, NotTaken, Step, read_approval_key};
use endcap_govern::approval::{Answer, ApprovalKey, Signature, Staff};
use jiff::Timestamp;
use std::path::{Path, PathBuf};

/// Approve a request for the function whose turn it is.
///
/// Exit status 1 when the signature does not count; the try is in the audit trail then.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap approve sign 1f2e3d4c5b6a7980 shop --as ada --key ada.key
  endcap approve sign 1f2e3d4c5b6a7980 shop --as ada --key ada.key --comment \"as agreed on Monday\" --json")]
pub struct SignArgs {
    #[command(flatten)]
    who: Who,
    /// What to say beside it.
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
}

/// Say no to a request: it is over then, and the plan has to be changed.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap approve refuse 1f2e3d4c5b6a7980 shop --as ada --key ada.key --comment \"too deep for milk\""
)]
pub struct RefuseArgs {
    #[command(flatten)]
    who: Who,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    comment: String,
}

#[derive(clap::Args)]
struct Who {
    /// Id of the request.
    request: String,
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The account that answers.
    #[arg(long = "as", value_name = "NAME")]
    name: String,
    /// File of its approval key (mode 600), as `endcap approve key new` writes it.
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
}

/// Runs `endcap approve sign`.
pub async fn sign(args: &SignArgs, console: &Console) -> anyhow::Result<Ending> {
    answer(&args.who, Answer::Approve, args.comment.as_deref(), console).await
}

/// Runs `endcap approve refuse`.
pub async fn refuse(args: &RefuseArgs, console: &Console) -> anyhow::Result<Ending> {
    ensure!(!args.comment.trim().is_empty(), "a no needs a reason: give --comment");
    answer(&args.who, Answer::Refuse, Some(&args.comment), console).await
}

async fn answer(who: &Who, answer: Answer, comment: Option<&str>, console: &Console) -> anyhow::Result<Ending> {
    let key = read_approval_key(&who.key)?;
    let office = Office::open(&who.folder).await?;
    let name = office.account(&who.name).await?.name;
    let (staff, now) = (office.staff().await?, Timestamp::now());
    let answered = answered(&office, who, (&name, &key), answer, comment, &staff, now).await?;
    let ending = match &answered {
        Ok(request) => {
            console.result(request, |request| format!("Request {} now {}.", request.id, for_people(request)))?;
            Ending::Done
        }
        Err(why) => {
            console.result(&serde_json::json!({ "refused": why.to_string() }), |_| format!("Refused: {why}."))?;
            Ending::Refused
        }
    };
    office.close().await;
    Ok(ending)
}

async fn answered(
    office: &Office,
    who: &Who,
    (name, key): (&str, &ApprovalKey),
    answer: Answer,
    comment: Option<&str>,
    staff: &Staff,
    now: Timestamp,
) -> anyhow::Result<Result<RequestView, NotTaken>> {
    let step = if answer == Answer::Approve { Step::Signed } else { Step::TurnedDown };
    let request = office.ledger.request(&who.request).await?;
    let function = match &request {
        None => Err(NotTaken::Missing),
        Some(kept) => {
            kept.stage(staff, now).and_then(|_| kept.request.function_of(name, staff, now).map_err(NotTaken::from))
        }
    };
    let (kept, function) = match (request, function) {
        (Some(kept), Ok(function)) => (kept, function),
        (_, function) => {
            let why = function.err().unwrap_or(NotTaken::Missing);
            office.ledger.refuse(&who.request, step, By::Person(name), &why, now).await?;
            return Ok(Err(why));
        }
    };
    // Whoever has the key at hand proves anew who they are: that is a fresh sign-in.
    let signature = Signature::sign(&kept.request.subject, name, function, answer, now, now, key.signing());
    let answered = Answered { signature, comment, version: None };
    let kept = office.ledger.answer(&kept.id, answered, staff, now).await?;
    Ok(kept.map(|kept| view(&kept, staff, None, now)))
}

/// Reads a person's key and the account that it belongs to.
pub async fn person(office: &Office, name: &str, key: &Path) -> anyhow::Result<(String, ApprovalKey)> {
    Ok((office.account(name).await?.name, read_approval_key(key)?))
}
