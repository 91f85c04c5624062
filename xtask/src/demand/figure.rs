//! A figure of the benchmark: what was reached, what is to be reached, and what the best comparison reached.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a figure has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nothing: shown only.
    Shown,
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
    /// Between the two.
    Between(f64, f64),
    /// Less than this.
    Below(f64),
}

impl Reach {
    /// Within this of 0.
    pub fn near_zero(most: f64) -> Reach {
        Reach::Between(-most, most)
    }

    fn holds(self, value: f64) -> bool {
        match self {
            Reach::Shown => true,
            Reach::AtMost(most) => value <= most,
            Reach::AtLeast(least) => value >= least,
            Reach::Between(least, most) => (least..=most).contains(&value),
            Reach::Below(limit) => value < limit,
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Reach::Shown => write!(f, "-"),
            Reach::AtMost(most) => write!(f, "<= {most}"),
            Reach::AtLeast(least) => write!(f, ">= {least}"),
            Reach::Between(least, most) if least == -most => write!(f, "within {most}"),
            Reach::Between(least, most) => write!(f, "{least} to {most}"),
            Reach::Below(limit) => write!(f, "< {limit}"),
        }
    }
}

/// One figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// Row of the goal's table that it belongs to.
    pub goal: u8,
    /// What it is.
    pub name: String,
    /// What was reached; none where the program does not give it.
    pub value: Option<f64>,
    /// What is to be reached.
    pub reach: Reach,
    /// Figures of the single seeds or origins, where the value comes from several.
    #[serde(default)]
    pub parts: Vec<f64>,
    /// Why there is no value.
    #[serde(default)]
    pub missing: Option<String>,
}

impl Figure {
    /// A figure that was measured; none means that the program does not give it.
    pub fn new(goal: u8, name: impl Into<String>, value: Option<f64>, reach: Reach) -> Figure {
        let missing = value.is_none().then(|| "not given".to_owned());
        Figure { goal, name: name.into(), value, reach, parts: Vec::new(), missing }
    }

    /// A figure that was not measured, and why.
    pub fn not_run(goal: u8, name: impl Into<String>, reach: Reach, reason: &str) -> Figure {
        Figure { missing: Some(format!("not run: {reason}")), ..Figure::new(goal, name, None, reach) }
    }

    /// The same with the figures of single seeds or origins.
    pub fn of(self, parts: Vec<f64>) -> Figure {
        Figure { parts, ..self }
    }

    /// Whether the goal is reached; nothing where there is none or where there is no value.
    pub fn met(&self) -> Option<bool> {
        let asked = self.reach != Reach::Shown;
        asked.then(|| self.value.is_some_and(|value| self.reach.holds(value)))
    }

    /// The value in words.
    pub fn text(&self) -> String {
        match (self.value, &self.missing) {
            (Some(value), _) => rounded(value),
            (None, Some(missing)) => missing.clone(),
            (None, None) => "-".to_owned(),
        }
    }
}

/// Three decimals, or one from 20 on.
pub fn rounded(value: f64) -> String {
    if value.abs() < 20.0 { format!("{value:.3}") } else { format!("{value:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_that_is_not_given_does_not_reach_its_goal() {
        assert_eq!(Figure::new(1, "bias", None, Reach::near_zero(0.05)).met(), Some(false));
        assert_eq!(Figure::new(1, "bias", Some(-0.04), Reach::near_zero(0.05)).met(), Some(true));
        assert_eq!(Figure::new(1, "bias", Some(f64::NAN), Reach::near_zero(0.05)).met(), Some(false));
        assert_eq!(Figure::new(1, "width", Some(3.0), Reach::Shown).met(), None);
    }

    #[test]
    fn a_figure_that_was_not_run_says_why() {
        let figure = Figure::not_run(13, "CPU seconds", Reach::AtMost(60.0), "no example");
        assert_eq!((figure.text().as_str(), figure.met()), ("not run: no example", Some(false)));
    }
}
