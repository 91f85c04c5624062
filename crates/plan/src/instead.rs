//! What would serve where stock cannot cover an offer in time: wait for the delivery, or move stock first.
//!
//! Values the same offer at those terms by itself; limits that it would share with others are not asked.

use crate::cells::Line;
use crate::choices::{Choice, Choices};
use crate::score::Scorer;
use crate::shelf::ShelfTerms;
use crate::worth::{Cut, Valuer};
use endcap_model::Instead;

/// Returns what earns most instead; nothing where neither earns anything.
pub(crate) fn instead(choices: &Choices, scorer: &Scorer, list: usize, choice: &Choice) -> Option<Instead> {
    let scenario = choices.input().scenario;
    let line = choices.line(list);
    let first_arrival = ShelfTerms::of(line, scenario).first_arrival.min(line.periods());
    let cost = scenario.supply.transfer_cost.map(|cost| scenario.money(cost).minor);
    let moved = cost.and_then(|cost| moved(choices, scorer, list, choice, (first_arrival, cost)));
    let waited = waited(choices, scorer, list, choice, first_arrival);
    [waited, moved].into_iter().flatten().filter(|answer| answer.value() > 0).max_by_key(Instead::value)
}

/// The first period from the first delivery on in which the offer earns something.
fn waited(choices: &Choices, scorer: &Scorer, list: usize, choice: &Choice, first_arrival: usize) -> Option<Instead> {
    let of = &choices.lists[list];
    (first_arrival.max(choice.period + 1)..choices.input().span.len()).find_map(|period| {
        let later = &of.choices[of.find(period, choice)?];
        let value = scorer.value(&later.worth);
        let until = choices.input().span.start.plus(period as i32);
        (later.forbidden.is_none() && value > 0).then_some(Instead::Wait { until, value })
    })
}

/// The offer with what it lacks moved from the region that can best spare it before its own next delivery.
fn moved(
    choices: &Choices,
    scorer: &Scorer,
    list: usize,
    choice: &Choice,
    (first_arrival, cost): (usize, i64),
) -> Option<Instead> {
    let line = choices.line(list);
    let givers = choices.shop.lines.iter().filter(|other| other.sku == line.sku && other.region != line.region);
    let spare = |giver: &Line| {
        (giver.excess(first_arrival).last().copied().unwrap_or(0.0) - risk(giver, first_arrival)).max(0.0)
    };
    let giver = givers.max_by(|a, b| spare(a).total_cmp(&spare(b)).then_with(|| b.region.cmp(&a.region)))?;
    let cut = Cut { period: choice.period, depth: choice.depth, kind: choices.lists[list].kind, funded: choice.funded };
    let pieces = lacking(line, cut, first_arrival).min(spare(giver)).floor();
    if pieces < 1.0 {
        return None;
    }
    let filled = with_more(line, pieces);
    let valuer = Valuer { line: &filled, ..choices.shop.valuer(choices.lists[list].line) };
    let worth = valuer.worth(cut, -choices.input().scenario.caution);
    let value = scorer.value(&worth) - cost * pieces as i64;
    Some(Instead::Move { from: giver.region.clone(), pieces: pieces as i64, value })
}

/// One standard deviation of a region's baseline before the first delivery.
fn risk(line: &Line, periods: usize) -> f64 {
    let variance = |cell: &crate::cells::Cell| {
        cell.baseline[..periods].iter().zip(&cell.dispersion).map(|(mean, dispersion)| mean * dispersion).sum::<f64>()
    };
    line.stores.iter().map(variance).sum::<f64>().sqrt()
}

/// Pieces that the stores lack for the offer and the baseline around it until the first delivery, and for its risk.
fn lacking(line: &Line, cut: Cut, first_arrival: usize) -> f64 {
    let lift = line.log_lift(cut.depth).0.exp();
    let missing = line.stores.iter().map(|cell| {
        let wanted = cell.baseline[..first_arrival].iter().sum::<f64>() + cell.baseline[cut.period] * (lift - 1.0);
        (wanted - cell.supplied[first_arrival - 1]).max(0.0)
    });
    missing.sum::<f64>() + risk(line, first_arrival) * lift.max(1.0).sqrt()
}

/// The line with pieces more in its stores, by their baseline.
fn with_more<'a>(line: &Line<'a>, pieces: f64) -> Line<'a> {
    let mut line = line.clone();
    let all: f64 = line.stores.iter().flat_map(|cell| &cell.baseline).sum();
    for cell in &mut line.stores {
        let share = cell.baseline.iter().sum::<f64>() / all.max(1e-9);
        cell.supplied.iter_mut().for_each(|there| *there += pieces * share);
    }
    line
}
