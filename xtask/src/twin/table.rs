//! The section of the page: goals with what was reached, and every figure of every policy.

use super::paired::{Outcomes, Paired};
use super::shocks::Taken;
use super::{Case, Options};
use crate::page::table;
use crate::store::Stored;
use serde::{Deserialize, Serialize};

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

/// What is to be reached.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Goal {
    /// The mean is at most this.
    AtMost(f64),
    /// The mean is at least this.
    AtLeast(f64),
    /// The mean is at most this and the interval is below 0.
    Below(f64),
    /// The mean is at least this and the interval is above 0.
    Above(f64),
    /// Shown besides.
    Shown,
}

/// A goal with what was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Row {
    row: u32,
    figure: String,
    found: Option<Paired>,
    share: bool,
    goal: Goal,
}

impl Row {
    /// A share with its interval.
    pub fn share(row: u32, figure: &str, found: Option<Paired>, goal: Goal) -> Self {
        Self { row, figure: figure.to_owned(), found, share: true, goal }
    }

    /// A number without one.
    pub fn number(row: u32, figure: &str, found: Option<f64>, goal: Goal) -> Self {
        let found = found.map(|mean| Paired { mean, low: mean, high: mean });
        Self { row, figure: figure.to_owned(), found, share: false, goal }
    }

    fn cells(&self) -> Vec<String> {
        let one = |value: f64| if self.share { format!("{:.2} %", 100.0 * value) } else { format!("{value:.2}") };
        let mean = self.found.map_or_else(|| "none".to_owned(), |found| one(found.mean));
        let interval = self.found.filter(|found| found.low < found.high);
        let interval = interval.map_or_else(String::new, |found| format!("{} to {}", one(found.low), one(found.high)));
        vec![self.row.to_string(), self.figure.clone(), mean, interval, self.goal.told(one), self.met().to_owned()]
    }

    fn met(&self) -> &'static str {
        let Some(Paired { mean, low, high }) = self.found else { return "no" };
        let met = match self.goal {
            Goal::AtMost(most) => mean <= most,
            Goal::AtLeast(least) => mean >= least,
            Goal::Below(most) => mean <= most && high < 0.0,
            Goal::Above(least) => mean >= least && low > 0.0,
            Goal::Shown => return "-",
        };
        if met { "yes" } else { "no" }
    }
}

impl Goal {
    fn told(self, one: impl Fn(f64) -> String) -> String {
        match self {
            Self::AtMost(most) => format!("at most {}", one(most)),
            Self::AtLeast(least) => format!("at least {}", one(least)),
            Self::Below(most) => format!("{} or less, interval below 0", one(most)),
            Self::Above(least) => format!("{} or more, interval above 0", one(least)),
            Self::Shown => "-".to_owned(),
        }
    }
}

/// A table beside the goals.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    about: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
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
    let with_commit = |mut cells: Vec<String>, case: &Stored<Case>| {
        cells.push(case.commit.clone());
        cells
    };
    let goals = cases.iter().flat_map(|case| case.row.rows.iter().map(move |row| with_commit(row.cells(), case)));
    let columns = ["row", "figure", "found", "interval", "reach", "met"];
    let beside = cases.iter().filter_map(|case| {
        let Table { about, columns, rows } = case.row.table.as_ref()?;
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        table(about, &columns, rows.iter().map(|row| with_commit(row.clone(), case)).collect())
    });
    let about = "A year of weeks of 30 items in 8 stores after two years of records. All policies meet the same shoppers and \
                 suppliers, so differences are paired by world; intervals are 95 %.\n";
    let goals = table("Goals.", &columns, goals.collect());
    std::iter::once(about.to_owned()).chain(goals).chain(beside).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_only_where_the_interval_excludes_zero() {
        let found = |low, high| Some(Paired { mean: -0.5, low, high });
        assert_eq!(Row::share(2, "a", found(-0.6, -0.4), Goal::Below(-0.4)).met(), "yes");
        assert_eq!(Row::share(2, "a", found(-1.1, 0.1), Goal::Below(-0.4)).met(), "no");
        assert_eq!(Row::share(2, "a", None, Goal::Below(-0.4)).met(), "no");
        assert_eq!(Row::number(7, "a", Some(0.0), Goal::AtMost(0.0)).cells()[4..], ["at most 0.00", "yes"]);
    }
}
