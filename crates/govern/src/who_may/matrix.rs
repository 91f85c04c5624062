//! The matrix of roles, acts and autonomy: everything that policies allow, as a text that people can read and compare.

use super::{Act, Actor, Circumstances, Field, Question, WhoMay};
use crate::Role;
use endcap_model::Autonomy;
use serde::Serialize;
use std::fmt::Write as _;

const RUNGS: [(Autonomy, &str); 5] = [
    (Autonomy::Halted, "halted"),
    (Autonomy::Advise, "advise"),
    (Autonomy::Propose, "propose"),
    (Autonomy::ActWithVeto, "act_with_veto"),
    (Autonomy::Act, "act"),
];

/// What one role may do of one act, by the rung of the ladder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cells {
    /// Name of the act.
    pub act: &'static str,
    /// Name of the role.
    pub role: String,
    /// For each rung, from the lowest, what it takes: `yes` nothing, `approved` an approval, `veto` the time for a veto to be
    /// over, `two` a second person, `-` it is never allowed.
    pub takes: Vec<(&'static str, String)>,
}

/// Asks for every act and role; those that are never allowed are left out.
pub fn rows(who_may: &WhoMay) -> Vec<Cells> {
    let asked = Act::ALL.into_iter().flat_map(|act| actors().map(move |actor| (act, actor)));
    let cells = asked.map(|(act, actor)| Cells {
        act: act.name(),
        takes: RUNGS.map(|(autonomy, name)| (name, takes(who_may, &actor, act, autonomy))).into(),
        role: actor.roles.into_iter().next().unwrap_or_default(),
    });
    cells.filter(|cells| cells.takes.iter().any(|(_, takes)| takes != "-")).collect()
}

/// Writes one line per act and role that is ever allowed, with what it takes on each rung of the ladder.
pub fn matrix(who_may: &WhoMay) -> String {
    let mut text = line("act", "role", RUNGS.map(|(_, name)| name));
    for Cells { act, role, takes } in rows(who_may) {
        text += &line(act, &role, takes.iter().map(|(_, takes)| takes.as_str()));
    }
    text
}

fn line<'a>(act: &str, role: &str, cells: impl IntoIterator<Item = &'a str>) -> String {
    let mut line = format!("{act:<15} {role:<17}");
    for cell in cells {
        let _ = write!(line, " {cell:<14}");
    }
    line.trim_end().to_owned() + "\n"
}

/// One actor for each role.
fn actors() -> impl Iterator<Item = Actor> {
    Role::ALL.into_iter().map(|role| Actor::person("somebody", &[role])).chain([Actor::agent("machine")])
}

/// What it takes to be allowed.
fn takes(who_may: &WhoMay, actor: &Actor, act: Act, autonomy: Autonomy) -> String {
    let base = Circumstances { autonomy, approved: false, veto_over: false, people: 1, own: false };
    let allowed = |circumstances| {
        let question = Question { actor: actor.clone(), act, field: Field::default(), circumstances };
        who_may.ask(&question).allowed
    };
    if allowed(base) {
        return "yes".into();
    }
    let ways = [
        ("approved", Circumstances { approved: true, ..base }),
        ("veto", Circumstances { veto_over: true, ..base }),
        ("two", Circumstances { people: 2, ..base }),
    ];
    let ways: Vec<&str> = ways.into_iter().filter(|(_, way)| allowed(*way)).map(|(name, _)| name).collect();
    if ways.is_empty() { "-".into() } else { ways.join("/") }
}
