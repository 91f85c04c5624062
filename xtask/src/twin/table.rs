//! The section of the page: goals with what was reached, and every figure of every policy.

use super::Options;
use super::paired::Outcomes;
use super::shocks::Taken;
use crate::goals::{self, Case, Paired, Table};
use crate::store::Stored;

/// Figures of the second table: name, field, and how it is shown.
const SHOWN: [(&str, &str, Shown); 16] = [
    ("profit, EUR", "profit", Shown::Money),
    ("margin, EUR", "margin", Shown::Money),
    ("revenue, EUR", "revenue", Shown::Money),
    ("discount, EUR", "discount", Shown::Money),
    ("pieces sold on promotion", "sold_promoted", Shown::Whole),
    ("stock-out rate on promotion", "stockout_rate_promoted", Shown::Share),
    ("the same where supply can be ordered in time", "stockout_rate_in_time", Shown::Share),
    ("stock-out rate", "stockout_rate", Shown::Share),
    ("service: pieces sold over wanted", "fill_rate", Shown::Share),
    ("lost sales, pieces", "lost", Shown::Whole),
    ("write-down, EUR", "write_down", Shown::Money),
    ("write-down over promo revenue", "write_down_share", Shown::Share),
    ("GMROI", "gmroi", Shown::Number),
    ("expedite cost, EUR", "expedite_cost", Shown::Money),
    ("promo forecast error by item, store and week", "forecast_error_place", Shown::Share),
    ("promo forecast error by item and week", "forecast_error_item", Shown::Share),
];

/// How a figure is shown.
#[derive(Clone, Copy)]
enum Shown {
    Money,
    Share,
    Whole,
    Number,
}

/// Every figure of every policy.
pub fn of_outcomes(outcomes: &Outcomes, options: &Options) -> Table {
    let about =
        format!("{} worlds of `{}` from seed {}: means by policy.", options.worlds, super::SCENARIO, options.seed);
    let columns = std::iter::once("figure").chain(outcomes.policies.iter().map(String::as_str));
    let row = |(name, field, shown): &(&str, &str, Shown)| {
        let of = |policy: &String| {
            Paired::of(&outcomes.levels(policy, field)).map_or_else(|| "-".to_owned(), |found| shown.told(found.mean))
        };
        std::iter::once((*name).to_owned()).chain(outcomes.policies.iter().map(of)).collect()
    };
    Table { about, columns: columns.map(str::to_owned).collect(), rows: SHOWN.iter().map(row).collect() }
}

/// How long each policy takes to adjust.
pub fn of_shocks(shocks: &[Taken], options: &Options) -> Table {
    let about = format!(
        "Time to adjust, mean of {} worlds: weeks from the shock to the first actions that differ from those without it, and \
         until what it hit is served as without it (within 2 points, for good).",
        options.shock_worlds
    );
    let row = |taken: &Taken| {
        let Taken { shock, policy, acts, serves } = taken;
        vec![shock.clone(), policy.clone(), acts.told(), serves.told()]
    };
    let columns = ["shock", "policy", "weeks to act", "weeks to serve as without it"];
    Table { about, columns: columns.map(str::to_owned).to_vec(), rows: shocks.iter().map(row).collect() }
}

/// The whole section.
pub fn section(cases: &[Stored<Case>]) -> String {
    let about = "A year of weeks of 30 items in 8 stores after two years of records. All policies meet the same shoppers and \
                 suppliers, so differences are paired by world; intervals are 95 %.\n";
    goals::section(about, cases)
}

impl Shown {
    fn told(self, value: f64) -> String {
        match self {
            Self::Money => format!("{:.0}", value / 100.0),
            Self::Share => format!("{:.2} %", 100.0 * value),
            Self::Whole => format!("{value:.0}"),
            Self::Number => format!("{value:.2}"),
        }
    }
}
