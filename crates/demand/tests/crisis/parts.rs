//! The parts of the crisis test that estimation has to get right, each with its figures.

use crate::world::{Truth, world};
use endcap_demand::experiment::{TestTerms, propose_tests};
use endcap_demand::{FitSettings, Fitted, PriceAdvice, changes, fit, forecast, price_advice};
use endcap_model::{Depth, EffectKind, EffectStatus, LiftModel, Pace, Panel, Response, Span};
use serde::Serialize;

/// Weeks at list price that arrive after the history.
const ARRIVING: i32 = 12;

/// One seed of the world: which parts hold, and the figures behind them.
#[derive(Debug, Serialize)]
pub struct Parts {
    /// (a) Sports shoes are flagged, and their intervals are wider than those of the items that the data can tell.
    pub flagged_and_widened: bool,
    pub width_of_sports_over_others: f64,
    /// (b) Items differ in speed and response, and the estimates find it.
    pub items_differ: bool,
    pub response_rank_correlation: f64,
    pub speed_mean_error: f64,
    /// (c) A test of sports shoes at list price is proposed.
    pub test_without_discount: bool,
    pub test_cost: f64,
    pub test_worth: f64,
    /// (d) Sports shoes sell ahead of the path to 85 % and are not made cheaper.
    pub not_deepened: bool,
    pub sold_over_due: f64,
    /// (e) The weeks at list price change the coefficients, and the change is listed.
    pub told_after_undiscounted_weeks: bool,
    pub width_before: f64,
    pub width_after: f64,
    /// Share of the sports shoes whose true elasticity lies in its interval, before and after.
    pub covered_before: f64,
    pub covered_after: f64,
    /// Old casual shoes: price does not move at least three of four, and nothing else is said to be immovable.
    pub not_price: bool,
    pub share_told: f64,
}

/// Goes through the world with one seed.
pub fn parts(seed: u64) -> Parts {
    let (panel, truths) = world(seed, 0);
    let model = fitted(&panel);
    let (later, later_truths) = world(seed, ARRIVING);
    let after = fitted(&later);
    let (flagged, ratio) = flagged(&model.lift);
    let (correlation, speed) = (ranks_agree(&model.lift, &truths), speed_error(&model, &panel, &truths));
    let test = test_at_list(&model.lift, &panel);
    let (casual, others) = told_immovable(&model.lift);
    let pace = pace(&panel, &truths);
    let usual = Depth::from_share(0.3).expect("Invariant: a share under 1");
    let deeper = Depth::from_share(0.4).expect("Invariant: a share under 1");
    let sports = |lift: &LiftModel, of: &dyn Fn(&Response) -> f64| mean(of_group(lift, "sports").map(of));
    let width = |lift: &LiftModel| sports(lift, &|r| r.own_price.hi95 - r.own_price.lo95);
    let changed = changes(&model.lift, &after.lift);
    let told = of_group(&after.lift, "sports").all(|response| {
        price_advice(response) != Some(PriceAdvice::NeverUndiscounted)
            && changed.iter().any(|change| change.sku == response.sku && change.effect == EffectKind::OwnPrice)
    });
    let covered = |response: &Response, truths: &[Truth]| {
        let truth = truths.iter().find(|truth| truth.sku == response.sku).map_or(f64::NAN, |truth| truth.elasticity);
        f64::from(u8::from((response.own_price.lo95..=response.own_price.hi95).contains(&truth)))
    };
    Parts {
        flagged_and_widened: flagged,
        width_of_sports_over_others: ratio,
        items_differ: correlation > 0.8 && speed < 0.15,
        response_rank_correlation: correlation,
        speed_mean_error: speed,
        test_without_discount: test.is_some(),
        test_cost: test.map_or(f64::NAN, |(cost, _)| cost),
        test_worth: test.map_or(f64::NAN, |(_, worth)| worth),
        not_deepened: pace.allows(usual, deeper).is_err(),
        sold_over_due: pace.sold / pace.due,
        told_after_undiscounted_weeks: told && width(&after.lift) < width(&model.lift),
        width_before: width(&model.lift),
        width_after: width(&after.lift),
        covered_before: sports(&model.lift, &|response| covered(response, &truths)),
        covered_after: sports(&after.lift, &|response| covered(response, &later_truths)),
        not_price: casual >= 0.75 && others == 0.0,
        share_told: casual,
    }
}

/// Shares of old casual shoes, and of all others, of which is said that price does not move them.
fn told_immovable(lift: &LiftModel) -> (f64, f64) {
    let share = |casual: bool| {
        let of = lift.responses.iter().filter(move |r| (r.group.as_str() == "old casual") == casual);
        mean(of.map(|r| f64::from(u8::from(price_advice(r) == Some(PriceAdvice::PriceDoesNotMove)))))
    };
    (share(true), share(false))
}

fn fitted(panel: &Panel) -> Fitted {
    fit(panel, &FitSettings::default(), &|_, _| ()).expect("Invariant: a panel with rows")
}

fn of_group<'a>(lift: &'a LiftModel, group: &'a str) -> impl Iterator<Item = &'a Response> {
    lift.responses.iter().filter(move |response| response.group.as_str() == group)
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, n) = values.fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
    sum / n
}

/// Whether sports shoes, and only they, lack undiscounted observations; and how much wider their intervals are.
fn flagged(lift: &LiftModel) -> (bool, f64) {
    let says = |r: &Response| match &r.own_price.status {
        EffectStatus::Estimated => false,
        EffectStatus::Borrowed(reason) | EffectStatus::NotIdentified(reason) => {
            reason.contains("no undiscounted observations")
        }
    };
    let advised = |r: &Response| price_advice(r) == Some(PriceAdvice::NeverUndiscounted);
    let right = |r: &Response| (says(r) && advised(r)) == (r.group.as_str() == "sports");
    let width = |sports: bool| {
        let of = lift.responses.iter().filter(move |r| (r.group.as_str() == "sports") == sports);
        mean(of.map(|r| r.own_price.se))
    };
    let ratio = width(true) / width(false);
    (lift.responses.iter().all(right) && ratio > 1.5, ratio)
}

/// Rank correlation of estimated and true elasticities over all items but sports shoes.
fn ranks_agree(lift: &LiftModel, truths: &[Truth]) -> f64 {
    let known: Vec<(f64, f64)> = truths
        .iter()
        .filter(|truth| truth.group != "sports")
        .filter_map(|truth| Some((lift.response(&truth.sku)?.own_price.mean, truth.elasticity)))
        .collect();
    let rank = |values: Vec<f64>| -> Vec<f64> {
        values.iter().map(|a| values.iter().filter(|b| *b < a).count() as f64).collect()
    };
    let (a, b) = (rank(known.iter().map(|k| k.0).collect()), rank(known.iter().map(|k| k.1).collect()));
    let squares: f64 = a.iter().zip(&b).map(|(a, b)| (a - b).powi(2)).sum();
    let n = known.len() as f64;
    1.0 - 6.0 * squares / (n * (n * n - 1.0))
}

/// Mean relative error of each item's share of the chain's baseline in the last weeks, sports shoes left out.
fn speed_error(model: &Fitted, panel: &Panel, truths: &[Truth]) -> f64 {
    let span = panel.span().expect("Invariant: a panel with rows");
    let weeks = panel.within(Span { start: span.end.plus(-4), end: span.end });
    let ahead = forecast(model, panel, &weeks, &[0.5]).expect("Invariant: cells of the panel itself");
    let known: Vec<&Truth> = truths.iter().filter(|truth| truth.group != "sports").collect();
    let of =
        |truth: &Truth| -> f64 { ahead.rows.iter().filter(|row| row.sku == truth.sku).map(|row| row.baseline).sum() };
    let (all, speeds) = (known.iter().map(|t| of(t)).sum::<f64>(), known.iter().map(|t| t.speed).sum::<f64>());
    mean(known.iter().map(|truth| (of(truth) / all / (truth.speed / speeds) - 1.0).abs()))
}

/// How sports shoes sold in a season of 26 weeks by its middle, when the stock was bought for what shoes of no
/// discount were thought to sell: nine tenths of their sales at list price.
fn pace(panel: &Panel, truths: &[Truth]) -> Pace {
    let span = panel.span().expect("Invariant: a panel with rows");
    let season = Span { start: span.end.plus(-13), end: span.end };
    let (weeks, places) = (panel.within(season), panel.places().len() as f64);
    let is_sports = |row: &usize| {
        let entry = &weeks.skus()[weeks.columns().sku[*row] as usize];
        entry.group.as_str() == "sports"
    };
    let sold = (0..weeks.len()).filter(is_sports).map(|row| weeks.columns().units[row]).sum();
    let speed: f64 = truths.iter().filter(|truth| truth.group == "sports").map(|truth| truth.speed).sum();
    Pace::of(sold, 0.9 * speed * places * 26.0, 0.85, &[1.0; 26], 13)
}

/// Cost and worth of a proposed test of a sports shoe at list price.
fn test_at_list(lift: &LiftModel, panel: &Panel) -> Option<(f64, f64)> {
    let depth = |share: f64| Depth::from_share(share).expect("Invariant: a share under 1");
    let terms = TestTerms {
        depths: vec![depth(0.2), depth(0.3), depth(0.4)],
        lengths: vec![4, 6, 8],
        pairs_max: None,
        before: 20,
        looks: 1,
        level: 0.05,
        power: 0.8,
        detect: None,
        margin_rate: 0.5,
        support_cost: 0.0,
        decision_periods: 26,
        start: None,
        seed: 1,
    };
    let proposal = propose_tests(lift, panel, &[EffectKind::OwnPrice], &terms, 8);
    let cell = proposal.tests.iter().find(|test| {
        test.question.skus[0].as_str().starts_with("sports")
            && test.treatment.depth == Depth::ZERO
            && test.control.depth > Depth::ZERO
    });
    if cell.is_none() {
        eprintln!("no test of sports: {} tests, refused {:?}", proposal.tests.len(), proposal.refused);
    }
    cell.map(|test| (test.worth.cost, test.worth.value))
}
