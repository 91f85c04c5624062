//! The Promo Planner page under Endcap's optimiser: the same offers, values and limits, solved with a bound.

use endcap_plan::solve::{Builder, NONE, Settings, Solve, Unit, solve};
use endcap_twin::{Page, PageOffer};

/// Whole units in one of money, so that no rounding shows in the figures.
const FINE: f64 = 10_000.0;

/// The best calendar of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct SolvedPage {
    /// The offers.
    pub calendar: Vec<PageOffer>,
    /// No calendar is worth more by the page's formula; major units.
    pub bound: f64,
}

/// Finds the calendar that is worth most by the page's own formula under its budget and its capacity; nothing where the
/// figures of the page are too large to be solved.
pub fn solve_page(page: &Page<'_>) -> Option<SolvedPage> {
    let terms = page.terms();
    let mut builder = Builder::new(page.periods());
    let budget = builder.limit("budget", (terms.budget * FINE).floor() as i64);
    let slots: Vec<usize> =
        (0..page.periods()).map(|period| builder.limit(format!("page {period}"), terms.capacity as i64)).collect();
    let offers: Vec<(PageOffer, f64, f64)> = page.offers().collect();
    let mut item = None;
    for (option, (offer, value, given)) in offers.iter().enumerate() {
        if item != Some(offer.item) {
            builder.unit(Unit::simple(1, None));
            item = Some(offer.item);
        }
        let uses = [(budget, (given * FINE).ceil() as i64), (slots[offer.period], 1)];
        builder.column(offer.period, option as u32, (value * FINE).round() as i64, 0, &uses);
    }
    let problem = builder.build().ok()?;
    let Solve::Solved(solution) = solve(&problem, &Settings { gap: 0.0, ..Settings::default() }, &|| false) else {
        return None;
    };
    let chosen = solution.choice.iter().filter(|&&column| column != NONE);
    let mut calendar: Vec<PageOffer> = chosen.map(|&column| offers[problem.option(column) as usize].0).collect();
    calendar.sort_by_key(|offer| (offer.period, offer.item));
    Some(SolvedPage { calendar, bound: solution.bound as f64 / FINE })
}
