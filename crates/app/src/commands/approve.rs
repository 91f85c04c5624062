//! `endcap approve`: what waits for people, their answers, and sending what they approved.

mod answer;
mod emergency;
mod key;
mod publish;
mod show;

use crate::console::{Console, Ending};
use endcap_govern::approval::PublicApprovalKey;
use endcap_govern::audit::{Entry, Told};

/// List, show, sign and refuse what needs people, and publish what they approved.
///
/// `endcap plan` asks when policy wants people; `[approval]` in policy.toml says whom. Who signs has an account of the desk
/// (`endcap account add NAME --role approver_category`) and a key of their own. Nobody approves what they proposed.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap approve list shop
  endcap approve show 1f2e3d4c5b6a7980 shop
  endcap approve rates shop
  endcap approve key new ada.key --as ada shop
  endcap approve sign 1f2e3d4c5b6a7980 shop --as ada --key ada.key
  endcap approve refuse 1f2e3d4c5b6a7980 shop --as ada --key ada.key --comment \"too deep for milk\"
  endcap approve publish 1f2e3d4c5b6a7980 shop")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    List(show::ListArgs),
    Show(show::ShowArgs),
    Rates(show::RatesArgs),
    Sign(answer::SignArgs),
    Refuse(answer::RefuseArgs),
    Publish(publish::PublishArgs),
    Key(key::KeyArgs),
    StandIn(emergency::StandInArgs),
    BreakGlass(emergency::BreakGlassArgs),
}

/// What the trail tells of a key that the desk made.
pub fn key_made(account: &str, key: &PublicApprovalKey) -> Entry<Told> {
    key::made(account, key, false)
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    if let What::Publish(args) = &args.what {
        return publish::publish(args, console);
    }
    super::serve::runtime()?.block_on(async {
        match &args.what {
            What::List(args) => show::list(args, console).await,
            What::Show(args) => show::show(args, console).await,
            What::Rates(args) => show::rates(args, console).await,
            What::Sign(args) => answer::sign(args, console).await,
            What::Refuse(args) => answer::refuse(args, console).await,
            What::Key(args) => key::run(args, console).await,
            What::StandIn(args) => emergency::stand_in(args, console).await,
            What::BreakGlass(args) => emergency::break_glass(args, console).await,
            What::Publish(_) => unreachable!("Invariant: publishing has a runtime of its own"),
        }
    })
}
