//! `endcap policy`: who may do what, for those who write the policies.

use super::audit::random;
use super::serve::runtime;
use crate::acting::edition;
use crate::console::{Console, Ending, table};
use crate::who_may::{FILE_NAME, Found, found, in_force};
use anyhow::{Context, ensure};
use endcap_adapters::ledger::{FILE_NAME as FILE, Ledger};
use endcap_adapters::tables;
use endcap_govern::audit::Told;
use endcap_govern::who_may::{Act, Actor, Circumstances, Expectation, Fault, Field, Question, WhoMay, matrix, rows};
use endcap_govern::{Right, Role, may};
use endcap_model::Autonomy;
use jiff::Timestamp;
use serde::Serialize;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Name of a project's tests of its policies.
const TESTS: &str = "who_may_tests.json";

/// Check, test and explain the policies on who may do what: who_may.cedar in the project's folder, else the shipped ones.
///
/// Policies are written in Cedar. They say who may stop, resume, raise, approve and send; limits and price law are no
/// policies and cannot be loosened by one (docs/limits.md).
#[derive(clap::Args)]
#[command(after_help = "Examples:
  endcap policy check shop
  endcap policy test shop
  endcap policy explain shop --who ada --role planner --act freeze
  endcap policy explain shop --question question.json
  endcap policy matrix shop
  endcap policy adopt shop --as Ada --reason \"the new limits were a mistake\"

Exit status: 0 done, 1 policies are refused or a test fails, 2 bad input.")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Say everything that is wrong with the policies, with line and column; wrong policies are never loaded.
    Check(Project),
    /// Ask the policies the questions in who_may_tests.json and compare the answers with those that it expects.
    Test(Project),
    /// Answer one question, and name the policies that decided.
    Explain(Box<Explain>),
    /// Print everything that the policies allow: act by role by rung of the ladder.
    Matrix(Project),
    /// Put the project's limits in force again on this machine, after others replaced them or a newer program acted.
    Adopt(Adopt),
}

#[derive(clap::Args)]
struct Adopt {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Who says so.
    #[arg(long = "as", value_name = "NAME")]
    by: String,
    /// Why.
    #[arg(long)]
    reason: String,
}

#[derive(clap::Args)]
struct Project {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
}

#[derive(clap::Args)]
struct Explain {
    /// The project's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The whole question as JSON, as in who_may_tests.json; `-` reads it from standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["who", "act", "roles", "agent"])]
    question: Option<PathBuf>,
    /// Who asks.
    #[arg(long, value_name = "NAME", required_unless_present = "question")]
    who: Option<String>,
    /// A role of theirs; may be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<Role>,
    /// It is an agent, not a person.
    #[arg(long)]
    agent: bool,
    /// The account is suspended.
    #[arg(long)]
    suspended: bool,
    /// What they want to do, such as freeze, resume, raise, approve, set_price.
    #[arg(long, value_name = "ACT", value_parser = act, required_unless_present = "question")]
    act: Option<Act>,
    /// In which category.
    #[arg(long, value_name = "NAME", default_value = "")]
    category: String,
    /// In which channel.
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// On which rung the machine stands there: halted, advise, propose, act_with_veto or act.
    #[arg(long, value_name = "RUNG", value_parser = super::ladder::rung, default_value = "advise")]
    autonomy: Autonomy,
    /// The people who have to have approved exactly this.
    #[arg(long)]
    approved: bool,
    /// The time in which a person could stop it is over.
    #[arg(long)]
    veto_over: bool,
    /// Different people who ask for it together.
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    people: u32,
    /// It is their own proposal.
    #[arg(long)]
    own: bool,
}

/// What a check found, for programs.
#[derive(Serialize)]
struct Checked {
    /// Where the policies come from.
    source: String,
    accepted: bool,
    hash: Option<String>,
    policies: Option<usize>,
    faults: Vec<Fault>,
    /// Where they say other than the desk's own table of rights, which the desk goes by.
    differs_from_the_desk: Vec<String>,
}

/// A test that fails, for programs.
#[derive(Serialize)]
struct Failed<'a> {
    name: &'a str,
    expected: bool,
    explanation: String,
}

#[derive(Serialize)]
struct Tested<'a> {
    tests: usize,
    failed: Vec<Failed<'a>>,
}

#[derive(Serialize)]
struct Explained {
    allowed: bool,
    because: Vec<String>,
    errors: Vec<String>,
    explanation: String,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    match &args.what {
        What::Check(project) => check(&project.folder, console),
        What::Test(project) => test(&project.folder, console),
        What::Explain(asked) => explain(asked, console),
        What::Matrix(project) => {
            let who_may = in_force(&project.folder)?;
            console.result(&rows(&who_may), |_| matrix(&who_may).trim_end().to_owned())?;
            Ok(Ending::Done)
        }
        What::Adopt(adopt) => adopted(adopt, console),
    }
}

fn adopted(args: &Adopt, console: &Console) -> anyhow::Result<Ending> {
    let (by, reason) = (args.by.trim(), args.reason.trim());
    ensure!(!by.is_empty() && !reason.is_empty(), "limits need a named person and a reason: give --as and --reason");
    let policy = tables::read_toml(&args.folder.join("policy.toml"))?;
    let edition = edition(&args.folder, &policy, &in_force(&args.folder)?)?;
    runtime()?.block_on(async {
        let ledger = Ledger::open(&args.folder.join(FILE), random).await?;
        ledger.adopt(&edition, Told::personal(by), Told::personal(reason), Timestamp::now()).await?;
        ledger.close().await;
        anyhow::Ok(())
    })?;
    console.result(&edition, |edition| format!("In force: {edition}."))?;
    Ok(Ending::Done)
}

fn check(folder: &Path, console: &Console) -> anyhow::Result<Ending> {
    let Found { file, loaded } = found(folder)?;
    let source =
        file.map_or_else(|| format!("the shipped ones (there is no {FILE_NAME})"), |file| file.display().to_string());
    let checked = match loaded {
        Ok(who_may) => Checked {
            source,
            accepted: true,
            hash: Some(who_may.hash().to_string()),
            policies: Some(who_may.count()),
            faults: vec![],
            differs_from_the_desk: differences(&who_may),
        },
        Err(refused) => {
            let (faults, differs_from_the_desk) = (refused.faults(), vec![]);
            Checked { source, accepted: false, hash: None, policies: None, faults, differs_from_the_desk }
        }
    };
    console.result(&checked, |checked| {
        let head = match (checked.policies, &checked.hash) {
            (Some(policies), Some(hash)) => {
                format!("{}: {policies} policies are accepted, hash {hash}", checked.source)
            }
            _ => format!("{}: refused, none is loaded", checked.source),
        };
        let lines = checked.faults.iter().map(ToString::to_string).chain(checked.differs_from_the_desk.iter().cloned());
        std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
    })?;
    Ok(if checked.accepted { Ending::Done } else { Ending::Refused })
}

/// Rights of the desk that the policies answer otherwise than its own table.
fn differences(who_may: &WhoMay) -> Vec<String> {
    let asked = Role::ALL.into_iter().flat_map(|role| Right::ALL.map(|right| (role, right)));
    let differs = asked.filter_map(|(role, right)| {
        let (actor, act) = (Actor::person("somebody", &[role]), Act::from(right));
        let circumstances =
            Circumstances { autonomy: Autonomy::Advise, approved: false, veto_over: false, people: 1, own: false };
        let answer = who_may.ask(&Question { actor, act, field: Field::default(), circumstances });
        let at_the_desk = if may(&[role], right) { "may" } else { "may not" };
        let here = if answer.allowed { "may" } else { "may not" };
        (at_the_desk != here).then(|| {
            format!("{role} {here} {} here, and {at_the_desk} at the desk, which goes by its own table", act.name())
        })
    });
    differs.collect()
}

fn test(folder: &Path, console: &Console) -> anyhow::Result<Ending> {
    let who_may = in_force(folder)?;
    let path = folder.join(TESTS);
    let tests: Vec<Expectation> = tables::read_json(&path)?;
    ensure!(!tests.is_empty(), "{} holds no test: write a question with the answer that it should get", path.display());
    let failed = who_may.test(&tests).into_iter().map(|(test, _)| Failed {
        name: &test.name,
        expected: test.allowed,
        explanation: who_may.explain(&test.question),
    });
    let tested = Tested { failed: failed.collect(), tests: tests.len() };
    console.result(&tested, |tested| {
        if tested.failed.is_empty() {
            return format!("{} tests hold.", tested.tests);
        }
        let mut rows = table(&["test", "should be", "but"]);
        for one in &tested.failed {
            rows.add_row([one.name, if one.expected { "allowed" } else { "denied" }, &one.explanation]);
        }
        format!("{} of {} tests fail:\n{rows}", tested.failed.len(), tested.tests)
    })?;
    Ok(if tested.failed.is_empty() { Ending::Done } else { Ending::Refused })
}

fn explain(asked: &Explain, console: &Console) -> anyhow::Result<Ending> {
    let who_may = in_force(&asked.folder)?;
    let question = asked.question()?;
    let answer = who_may.ask(&question);
    let explanation = who_may.explain(&question);
    let explained = Explained { allowed: answer.allowed, because: answer.because, errors: answer.errors, explanation };
    console.result(&explained, |explained| explained.explanation.clone())?;
    Ok(Ending::Done)
}

impl Explain {
    fn question(&self) -> anyhow::Result<Question> {
        match (&self.question, &self.who, self.act) {
            (Some(path), ..) if path.as_os_str() == "-" => {
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
                serde_json::from_str(&text).context("standard input is no question: who_may_tests.json shows the form")
            }
            (Some(path), ..) => Ok(tables::read_json(path)?),
            (None, Some(who), Some(act)) => {
                let person = Actor::person(who, &self.roles);
                let mut actor = Actor { human: !self.agent, suspended: self.suspended, ..person };
                if self.agent {
                    actor.roles.push("agent".to_owned());
                }
                let channel = self.channel.as_deref().map(Into::into);
                let (autonomy, approved, veto_over) = (self.autonomy, self.approved, self.veto_over);
                let circumstances = Circumstances { autonomy, approved, veto_over, people: self.people, own: self.own };
                Ok(Question { actor, act, field: Field { category: self.category.clone(), channel }, circumstances })
            }
            _ => anyhow::bail!("a question needs --who and --act, or --question"),
        }
    }
}

/// Reads the name of an act.
fn act(text: &str) -> Result<Act, String> {
    Act::ALL.into_iter().find(|act| act.name() == text).ok_or_else(|| {
        let names: Vec<&str> = Act::ALL.iter().map(|act| act.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}
