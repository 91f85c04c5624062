//! The playbook: which kinds of offers earned and which did not, with the evidence for it.
//!
//! A play is a category, a depth and a support; what it earns is drawn towards all plays ([`crate::shrink`]), so that one lucky
//! promotion does not lead. It worked where the whole interval is a gain, is not to be repeated where the whole interval is a
//! loss, and is open otherwise: a play to test.
//!
//! It is no estimate of cause: offers were chosen by people, where and when they thought it best.

use crate::analysis::{Analysed, Analysis};
use crate::rollup::{Measure, RolledUp, category_of, depth_band, effects, grouped, measure, support};
use endcap_model::{Depth, Period, Sku};
use serde::Serialize;

/// What is said of a play.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lesson {
    /// It worked.
    Worked,
    /// The evidence is too thin.
    Open,
    /// Not to be done again.
    NotAgain,
}

/// An offer of a play that ran.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlayedOffer {
    /// The item.
    pub sku: Sku,
    /// Its region; empty where places have none.
    pub region: String,
    /// Its first period.
    pub first: Period,
    /// Its deepest cut.
    pub depth: Depth,
}

/// A kind of offer with what became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Play {
    /// Category of its items.
    pub category: String,
    /// Its depth, as a band.
    pub depth: String,
    /// Its support.
    pub support: String,
    /// What is said of it.
    pub lesson: Lesson,
    /// The evidence; its effect is there.
    pub evidence: RolledUp,
    /// The promotion of the play that earned most.
    pub best: PlayedOffer,
    /// Its latest period.
    pub latest: Period,
}

/// All plays.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Playbook {
    /// What effects are counted in.
    pub measure: Measure,
    /// What worked first, then what is open, then what is not to be repeated; the best first.
    pub plays: Vec<Play>,
}

/// Writes the playbook of past promotions.
pub fn playbook(analysis: &Analysis, category: &dyn Fn(&Sku) -> Option<String>) -> Playbook {
    let label = |event: &Analysed| {
        let ((tenth, _), (kind, _)) = (depth_band(event.event.depth), support(event));
        (tenth * 4 + kind, category_of(event, category))
    };
    let groups = grouped(&analysis.events, &label);
    let measure = measure(analysis);
    let effects = effects(groups.values(), measure);
    let mut plays: Vec<Play> = groups
        .iter()
        .zip(effects)
        .filter_map(|(((_, category), events), effect)| {
            let evidence = RolledUp { effect: Some(effect?), ..RolledUp::of("", events) };
            Some(play(category, events, evidence))
        })
        .collect();
    let mean = |play: &Play| play.evidence.effect.map_or(0.0, |effect| effect.shrunk.units);
    plays.sort_by(|a, b| a.lesson.cmp(&b.lesson).then(mean(b).total_cmp(&mean(a))));
    Playbook { measure, plays }
}

fn play(category: &str, events: &[&Analysed], evidence: RolledUp) -> Play {
    let interval = evidence.effect.map(|effect| effect.shrunk).unwrap_or_default();
    let earned = |event: &Analysed| event.money.as_ref().map_or(event.event.net.units, |money| money.profit.units);
    let best = events.iter().max_by(|a, b| earned(a).total_cmp(&earned(b)).then(b.event.sku.cmp(&a.event.sku)));
    let best = &best.expect("Invariant: a play has promotions").event;
    Play {
        category: category.to_owned(),
        depth: depth_band(best.depth).1,
        support: support(events[0]).1,
        lesson: match (interval.lo95 > 0.0, interval.hi95 < 0.0) {
            (true, _) => Lesson::Worked,
            (_, true) => Lesson::NotAgain,
            _ => Lesson::Open,
        },
        evidence,
        best: PlayedOffer {
            sku: best.sku.clone(),
            region: best.region.clone(),
            first: best.span.start,
            depth: best.depth,
        },
        latest: events.iter().map(|event| event.event.span.start).max().unwrap_or(best.span.start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollup::tests::{analysis, promotion};

    #[test]
    fn what_worked_leads_and_one_lucky_promotion_does_not() {
        let mut events = Vec::new();
        for (at, sku) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
            events.push(promotion(sku, at as i32 * 3, 0.15, (8.0 + at as f64, 2.0)));
            events.push(promotion(sku, at as i32 * 3 + 1, 0.45, (-12.0 + at as f64, 2.0)));
        }
        events.push(promotion("lucky", 9, 0.25, (15.0, 30.0)));
        let book = playbook(&analysis(events), &|_| Some("dairy".to_owned()));
        let told: Vec<(Lesson, &str, usize)> =
            book.plays.iter().map(|play| (play.lesson, play.depth.as_str(), play.evidence.events)).collect();
        assert_eq!(
            told,
            [
                (Lesson::Worked, "over 10 to 20 %", 5),
                (Lesson::Open, "over 20 to 30 %", 1),
                (Lesson::NotAgain, "over 40 to 50 %", 5)
            ]
        );
        let best = &book.plays[0].best;
        assert_eq!((best.sku.as_str(), best.first, book.measure), ("e", Period(12), Measure::Profit));
    }
}
