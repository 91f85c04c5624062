//! Pace: what items on offer sold since the plan in force began, beside what it expected of them, and which of them may not be
//! made cheaper in the rest.
//!
//! Sales of cells that ran out of stock say nothing of the pace and are left out on both sides. Never judges by a
//! difference that chance explains: an item is ahead or behind only outside the forecast's 95 % interval.

use crate::sense::Facts;
use endcap_demand::{Fitted, Total, totals};
use endcap_model::{Depth, Forecast, ForecastRow, HeldBack, Pace, Period, Place, Plan, Sku, Span};
use endcap_plan::Paces;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Levels of the interval.
const LEVELS: [f64; 2] = [0.025, 0.975];
/// Share of a period out of stock up to which its sales say what was wanted.
pub(crate) const OUT_MAX: f64 = 0.03;

/// Where an item is on its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Course {
    /// It sold less than chance explains.
    Behind,
    /// Chance explains the difference.
    OnPath,
    /// It sold more than chance explains.
    Ahead,
}

/// An item on offer in a region, so far.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Running {
    /// The item.
    pub sku: Sku,
    /// The region.
    pub place: Place,
    /// Depth of its last offer.
    pub depth: Depth,
    /// Pieces sold since the plan began.
    pub sold: f64,
    /// Pieces that the plan expected by now.
    pub expected: f64,
    /// 95 % interval of these.
    pub lo95: f64,
    /// 95 % interval of these.
    pub hi95: f64,
    /// Both as shares of what the plan expects in all.
    pub pace: Pace,
    /// What follows.
    pub course: Course,
}

impl Running {
    /// Says in words what follows from the pace.
    pub fn reason(&self) -> String {
        let percent = |share: f64| (100.0 * share).round();
        let (sold, due) = (percent(self.pace.sold), percent(self.pace.due));
        match self.course {
            Course::Ahead => HeldBack { pace: self.pace, depth: self.depth }.to_string(),
            Course::OnPath => {
                format!("{sold} % is sold where the path asks for {due} %: chance explains the difference")
            }
            Course::Behind => format!("{sold} % is sold where the path asks for {due} %: it may go deeper"),
        }
    }
}

/// Sales and expectation of one line in the making.
#[derive(Clone, Copy, Default)]
struct Line {
    sold: f64,
    expected_in_all: f64,
}

/// Returns the pace of every item that the plan in force had on offer in a period whose sales are known, by item and region.
pub fn running(facts: &Facts, fitted: &Fitted, in_force: &Plan, planned: &Forecast) -> Vec<Running> {
    let Some(known) = facts.panel.span() else { return vec![] };
    let passed = Span { start: in_force.span.start, end: in_force.span.end.min(known.end) };
    let mut run: Vec<_> = in_force.offers.iter().filter(|offer| passed.contains(offer.span.start)).collect();
    run.sort_by_key(|offer| offer.span.start);
    let depths: BTreeMap<(&Sku, &Place), Depth> = run.iter().map(|o| ((&o.sku, &o.place), o.depth)).collect();
    if depths.is_empty() {
        return vec![];
    }
    let sales = sales(facts, passed);
    let numbers: BTreeMap<(&Sku, &Place), usize> = depths.keys().copied().zip(0..).collect();
    let line = |row: &ForecastRow| {
        let is_out = sales.get(&(&row.sku, &row.place, row.period)).is_some_and(|cell| cell.is_none());
        let number = numbers.get(&(&row.sku, facts.regions.get(&row.place)?)).copied();
        number.filter(|_| !is_out)
    };
    let mut lines = vec![Line::default(); depths.len()];
    for row in &planned.rows {
        let Some(number) = line(row) else { continue };
        let sold = sales.get(&(&row.sku, &row.place, row.period)).copied().flatten();
        lines[number].sold += sold.unwrap_or(0.0);
        lines[number].expected_in_all += row.mean;
    }
    let groups: BTreeMap<&Sku, _> = facts.panel.skus().iter().map(|entry| (&entry.sku, &entry.group)).collect();
    let group = |sku: &Sku| groups.get(sku).map(|group| (*group).clone());
    let by_now = |row: &ForecastRow| line(row).filter(|_| passed.contains(row.period));
    let expected = totals(fitted, planned, group, by_now, &LEVELS);
    let told = depths.into_iter().zip(&lines).zip(0..);
    told.filter_map(|((line, sums), number)| Some(course(line, sums, expected.get(&number)?))).collect()
}

/// Pieces sold by cell of the passed periods; nothing where stock ran out.
fn sales(facts: &Facts, passed: Span) -> BTreeMap<(&Sku, &Place, Period), Option<f64>> {
    let (panel, c) = (&facts.panel, facts.panel.columns());
    let rows = (0..panel.len()).filter(|&row| passed.contains(c.period[row]));
    rows.map(|row| {
        let (sku, place) = (&panel.skus()[c.sku[row] as usize].sku, &panel.places()[c.place[row] as usize].place);
        ((sku, place, c.period[row]), (c.stockout_share[row] <= OUT_MAX).then_some(c.units[row]))
    })
    .collect()
}

fn course(((sku, place), depth): ((&Sku, &Place), Depth), line: &Line, expected: &Total) -> Running {
    let (lo95, hi95) = (expected.quantiles[0], expected.quantiles[1]);
    let course = match line.sold {
        sold if sold > hi95 => Course::Ahead,
        sold if sold < lo95 => Course::Behind,
        _ => Course::OnPath,
    };
    let share = |pieces: f64| if line.expected_in_all > 0.0 { pieces / line.expected_in_all } else { 1.0 };
    Running {
        sku: sku.clone(),
        place: place.clone(),
        depth,
        sold: line.sold,
        expected: expected.mean,
        lo95,
        hi95,
        pace: Pace { sold: share(line.sold), due: share(expected.mean) },
        course,
    }
}

/// Returns the lines that are ahead, which planning may not make cheaper.
pub fn ahead(running: &[Running]) -> Paces {
    let ahead = running.iter().filter(|line| line.course == Course::Ahead);
    ahead.map(|line| ((line.sku.clone(), line.place.clone()), (line.pace, line.depth))).collect()
}
