//! The matrix of roles, acts and autonomy: everything that policies allow, as a text that people can read and compare.

use super::{Act, Actor, Circumstances, Field, Question, WhoMay};
use crate::Role;
use endcap_model::Autonomy;
use std::fmt::Write as _;

const RUNGS: [Autonomy; 5] =
    [Autonomy::Halted, Autonomy::Advise, Autonomy::Propose, Autonomy::ActWithVeto, Autonomy::Act];

/// Writes one line per act and role that is ever allowed, with what it takes on each rung of the ladder: `yes` nothing,
/// `approved` an approval, `veto` the time for a veto to be over, `two` a second person, `-` it is never allowed.
pub fn matrix(who_may: &WhoMay) -> String {
    let mut text = format!("{:<15} {:<17}", "act", "role");
    for rung in ["halted", "advise", "propose", "act_with_veto", "act"] {
        let _ = write!(text, " {rung:<14}");
    }
    let mut text = text.trim_end().to_owned() + "\n";
    for act in Act::ALL {
        for actor in actors() {
            let cells = RUNGS.map(|autonomy| takes(who_may, &actor, act, autonomy));
            if cells.iter().any(|cell| cell != "-") {
                let line = cells.iter().fold(format!("{:<15} {:<17}", act.name(), actor.roles[0]), |line, cell| {
                    format!("{line} {cell:<14}")
                });
                let _ = writeln!(text, "{}", line.trim_end());
            }
        }
    }
    text
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
