//! Goals of a benchmark with what was reached.

use crate::page::table;
use crate::store::Stored;
use serde::{Deserialize, Serialize};

/// What a case of a benchmark came to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Case {
    pub rows: Vec<Row>,
    /// Figures beside the goals.
    pub table: Option<Table>,
}

/// A table beside the goals.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    pub about: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
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

/// A mean over worlds with the ends of its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    pub mean: f64,
    pub low: f64,
    pub high: f64,
}

impl Paired {
    /// Mean and Student's t interval of at least two values, t by the first terms of its expansion around the normal
    /// quantile (Abramowitz and Stegun 1964, 26.7.5).
    pub fn of(values: &[f64]) -> Option<Self> {
        const Z: f64 = 1.959_963_985;
        if values.len() < 2 {
            return None;
        }
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let t = Z + (Z.powi(3) + Z) / (4.0 * (n - 1.0));
        let half = t * (variance / n).sqrt();
        Some(Self { mean, low: mean - half, high: mean + half })
    }
}

/// The whole section: what it is about, the goals, and what stands beside them.
pub fn section(about: &str, cases: &[Stored<Case>]) -> String {
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
    let goals = table("Goals.", &columns, goals.collect());
    std::iter::once(about.to_owned()).chain(goals).chain(beside).collect()
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
