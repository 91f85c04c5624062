//! The `endcap` command: wiring and presentation. Never computes a number that it shows.

mod acting;
mod alarms;
mod analogues;
mod approvals;
mod checkpoints;
mod columns;
mod commands;
mod console;
mod example;
mod feeds;
mod judgement;
mod notices;
mod objectives;
mod project;
mod reconcile;
mod report;
mod report_input;
mod serve;
mod staging;
mod value;
mod watch;
mod who_may;

use clap::{Parser, Subcommand};
use console::{Console, Ending};
use endcap_adapters::source::reader;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Promotion planning with the supply chain inside the decision.
#[derive(Parser)]
#[command(name = "endcap", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    /// Write the result as JSON to standard output; progress and messages stay on standard error.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

const AFTER_HELP: &str = "Examples:
  endcap demo                      the whole way on the shipped data, into ./endcap-demo
  endcap init shop && endcap ingest shop && endcap check shop
  endcap plan shop                 from the latest facts to offers, orders and a report

Exit status: 0 done, 1 refused or infeasible (the reason is printed), 2 bad input or usage.";

#[derive(Subcommand)]
enum Command {
    Demo(commands::demo::Args),
    Init(commands::init::Args),
    Ingest(commands::ingest::Args),
    Feeds(commands::feeds::Args),
    Watch(commands::watch::Args),
    Quarantine(commands::quarantine::Args),
    Check(commands::check::Args),
    Fit(commands::fit::Args),
    Forecast(commands::forecast::Args),
    Update(commands::update::Args),
    Backtest(commands::backtest::Args),
    Drift(commands::drift::Args),
    Models(commands::models::Args),
    Lineage(commands::lineage::Args),
    Replay(commands::replay::Args),
    Test(commands::test::Args),
    Coefficients(commands::coefficients::Args),
    Override(commands::overrides::Args),
    Analyse(commands::analyse::Args),
    Analogues(commands::analogues::Args),
    Value(commands::value::Args),
    Plan(commands::plan::Args),
    Approve(commands::approve::Args),
    Halt(commands::halt::HaltArgs),
    Resume(commands::halt::ResumeArgs),
    Stop(commands::stop::Args),
    Revert(commands::revert::Args),
    Veto(commands::veto::Args),
    Deploy(commands::deploy::Args),
    Send(commands::send::SendArgs),
    Outbox(commands::send::OutboxArgs),
    Reconcile(commands::reconcile::Args),
    Rollout(commands::rollout::Args),
    Notices(commands::notices::Args),
    Ladder(commands::ladder::Args),
    Policy(commands::policy::Args),
    Objectives(commands::objectives::Args),
    Compare(commands::compare::Args),
    Replan(commands::replan::Args),
    Flight(commands::flight::Args),
    Supply(commands::supply::Args),
    Twin(commands::twin::Args),
    Explain(commands::explain::Args),
    Diff(commands::diff::Args),
    Solve(commands::solve::Args),
    Ask(commands::ask::Args),
    Lever(commands::lever::Args),
    Serve(commands::serve::Args),
    Account(commands::account::Args),
    Audit(commands::audit::Args),
    Backup(commands::backup::BackupArgs),
    Restore(commands::backup::RestoreArgs),
    Compact(commands::compact::Args),
    Completions(commands::completions::Args),
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if arguments.first().is_some_and(|first| first == reader::COMMAND) {
        return ExitCode::from(reader::serve(&arguments));
    }
    // Files from outside are read by a process of their own, which is this program.
    reader::read_in(this_program());
    let cli = Cli::parse();
    let console = Console::new(cli.json);
    let ended = match &cli.command {
        Command::Demo(args) => commands::demo::run(args, &console),
        Command::Init(args) => commands::init::run(args, &console),
        Command::Ingest(args) => commands::ingest::run(args, &console),
        Command::Feeds(args) => commands::feeds::run(args, &console),
        Command::Watch(args) => commands::watch::run(args, &console),
        Command::Quarantine(args) => commands::quarantine::run(args, &console),
        Command::Check(args) => commands::check::run(args, &console),
        Command::Fit(args) => commands::fit::run(args, &console),
        Command::Forecast(args) => commands::forecast::run(args, &console),
        Command::Update(args) => commands::update::run(args, &console),
        Command::Backtest(args) => commands::backtest::run(args, &console),
        Command::Drift(args) => commands::drift::run(args, &console),
        Command::Models(args) => commands::models::run(args, &console),
        Command::Lineage(args) => commands::lineage::run(args, &console),
        Command::Replay(args) => commands::replay::run(args, &console),
        Command::Test(args) => commands::test::run(args, &console),
        Command::Coefficients(args) => commands::coefficients::run(args, &console),
        Command::Override(args) => commands::overrides::run(args, &console),
        Command::Analyse(args) => commands::analyse::run(args, &console),
        Command::Value(args) => commands::value::run(args, &console),
        Command::Analogues(args) => commands::analogues::run(args, &console),
        Command::Plan(args) => commands::plan::run(args, &console),
        Command::Approve(args) => commands::approve::run(args, &console),
        Command::Halt(args) => commands::halt::halt(args, &console),
        Command::Resume(args) => commands::halt::resume(args, &console),
        Command::Stop(args) => commands::stop::run(args, &console),
        Command::Revert(args) => commands::revert::run(args, &console),
        Command::Veto(args) => commands::veto::run(args, &console),
        Command::Rollout(args) => commands::rollout::run(args, &console),
        Command::Deploy(args) => commands::deploy::run(args, &console),
        Command::Send(args) => commands::send::send(args, &console),
        Command::Outbox(args) => commands::send::outbox(args, &console),
        Command::Reconcile(args) => commands::reconcile::run(args, &console),
        Command::Notices(args) => commands::notices::run(args, &console),
        Command::Ladder(args) => commands::ladder::run(args, &console),
        Command::Objectives(args) => commands::objectives::run(args, &console),
        Command::Policy(args) => commands::policy::run(args, &console),
        Command::Compare(args) => commands::compare::run(args, &console),
        Command::Replan(args) => commands::replan::run(args, &console),
        Command::Flight(args) => commands::flight::run(args, &console),
        Command::Supply(args) => commands::supply::run(args, &console),
        Command::Twin(args) => commands::twin::run(args, &console),
        Command::Explain(args) => commands::explain::run(args, &console),
        Command::Diff(args) => commands::diff::run(args, &console),
        Command::Solve(args) => commands::solve::run(args, &console),
        Command::Ask(args) => commands::ask::run(args, &console),
        Command::Lever(args) => commands::lever::run(args, &console),
        Command::Serve(args) => commands::serve::run(args, &console),
        Command::Account(args) => commands::account::run(args, &console),
        Command::Audit(args) => commands::audit::run(args, &console),
        Command::Backup(args) => commands::backup::back_up(args, &console),
        Command::Restore(args) => commands::backup::restore(args, &console),
        Command::Compact(args) => commands::compact::run(args, &console),
        Command::Completions(args) => commands::completions::run::<Cli>(args),
    };
    match ended {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Refused) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// What starts this very program again, also where another version has taken its place on disk.
fn this_program() -> PathBuf {
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { running } else { std::env::current_exe().unwrap_or_else(|_| PathBuf::from("endcap")) }
}
