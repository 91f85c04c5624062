//! The catalogue of figures: one definition for each, whoever shows, plans or reports it.
//!
//! Figures are whole numbers of their unit, so that a target and a reading can be compared exactly. A share is in basis
//! points (10,000 is the whole), money in minor units of the project's currency.

use super::{Objectives, Target};
use serde::Serialize;

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Kpi {
    /// Its name, in files and over the wire.
    pub name: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// Its unit, with its step.
    pub unit: &'static str,
    /// How it is worked out, in words.
    pub formula: &'static str,
    /// Where its data come from.
    pub source: &'static str,
    /// When it is worked out anew.
    pub refreshed: Refreshed,
    /// In which direction it is better.
    pub better: Better,
    /// Who may see it.
    pub sensitivity: Sensitivity,
}

/// In which direction a figure is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Up,
    /// Less is better.
    Down,
    /// Near the goal is better.
    Near,
}

/// When a figure is worked out anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refreshed {
    /// With every load of facts.
    WithFacts,
    /// With every plan.
    WithPlans,
}

/// Who may see a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Everybody in the house.
    Internal,
    /// Those whose work needs it: it tells costs or terms of suppliers.
    Confidential,
}

const MONEY: &str = "minor unit";
const SHARE: &str = "basis point";
const SALES: &str = "sales";
const COSTS: &str = "sales; unit costs of items or the scenario";
const PLAN: &str = "the plan and the forecasts that it rests on";
const TWIN: &str = "the plan in the twin's worlds";

/// All figures, by name.
pub const CATALOGUE: [Kpi; 12] = [
    Kpi {
        name: "forecast_bias",
        title: "Bias of forecasts",
        unit: SHARE,
        formula: "pieces forecast less pieces sold, over pieces sold, summed over items, places and periods of the backtest",
        source: "the backtest",
        refreshed: Refreshed::WithFacts,
        better: Better::Near,
        sensitivity: Sensitivity::Internal,
    },
    Kpi {
        name: "forecast_wape",
        title: "Error of forecasts",
        unit: SHARE,
        formula: "absolute differences of pieces forecast and sold, summed over items, places and periods of the backtest, over pieces sold",
        source: "the backtest",
        refreshed: Refreshed::WithFacts,
        better: Better::Down,
        sensitivity: Sensitivity::Internal,
    },
    Kpi {
        name: "given_away",
        title: "Money given away",
        unit: MONEY,
        formula: "pieces expected under offers, times list price less offer price",
        source: PLAN,
        refreshed: Refreshed::WithPlans,
        better: Better::Down,
        sensitivity: Sensitivity::Internal,
    },
    Kpi {
        name: "margin",
        title: "Margin",
        unit: MONEY,
        formula: "pieces sold, times price paid less unit cost",
        source: COSTS,
        refreshed: Refreshed::WithFacts,
        better: Better::Up,
        sensitivity: Sensitivity::Confidential,
    },
    Kpi {
        name: "margin_rate",
        title: "Rate of margin",
        unit: SHARE,
        formula: "margin over revenue",
        source: COSTS,
        refreshed: Refreshed::WithFacts,
        better: Better::Up,
        sensitivity: Sensitivity::Confidential,
    },
    Kpi {
        name: "offers",
        title: "Offers",
        unit: "offer",
        formula: "offers of the plan, each of an item in a place for its span",
        source: PLAN,
        refreshed: Refreshed::WithPlans,
        better: Better::Near,
        sensitivity: Sensitivity::Internal,
    },
    Kpi {
        name: "orders_value",
        title: "Value of orders",
        unit: MONEY,
        formula: "pieces of the plan's orders, times unit cost",
        source: PLAN,
        refreshed: Refreshed::WithPlans,
        better: Better::Near,
        sensitivity: Sensitivity::Confidential,
    },
    Kpi {
        name: "plan_value",
        title: "Value of the plan",
        unit: MONEY,
        formula: "profit expected under the plan less profit expected without promotions, over the periods of the plan",
        source: PLAN,
        refreshed: Refreshed::WithPlans,
        better: Better::Up,
        sensitivity: Sensitivity::Confidential,
    },
    Kpi {
        name: "promoted_share",
        title: "Share on promotion",
        unit: SHARE,
        formula: "items in places under an offer, over all items in places, in the period where it is largest",
        source: PLAN,
        refreshed: Refreshed::WithPlans,
        better: Better::Near,
        sensitivity: Sensitivity::Internal,
    },
    Kpi {
        name: "revenue",
        title: "Revenue",
        unit: MONEY,
        formula: "pieces sold, times price paid",
        source: SALES,
        refreshed: Refreshed::WithFacts,
        better: Better::Up,
        sensitivity: Sensitivity::Internal,
    },
    Kpi {
        name: "stockout_probability",
        title: "Risk of empty shelves",
        unit: SHARE,
        formula: "promoted items, places and periods in which demand was not met, over all promoted ones, mean over the worlds",
        source: TWIN,
        refreshed: Refreshed::WithPlans,
        better: Better::Down,
        sensitivity: Sensitivity::Internal,
    },
    Kpi {
        name: "units",
        title: "Pieces sold",
        unit: "piece",
        formula: "pieces sold",
        source: SALES,
        refreshed: Refreshed::WithFacts,
        better: Better::Up,
        sensitivity: Sensitivity::Internal,
    },
];

impl Kpi {
    /// Whether it grows with the days that are counted, so that a part of them can only reach a part of the goal.
    pub fn adds_up(&self) -> bool {
        self.refreshed == Refreshed::WithFacts && (self.unit == MONEY || self.unit == "piece")
    }
}

/// The figure of a name.
pub fn kpi(name: &str) -> Option<&'static Kpi> {
    CATALOGUE.iter().find(|kpi| kpi.name == name)
}

impl Objectives {
    /// Says of every target what is wrong with it by the catalogue: an unknown figure, another unit, a band that is open on
    /// the side where the figure gets worse.
    pub fn unknown_to_the_catalogue(&self) -> Vec<String> {
        self.targets
            .iter()
            .zip(1..)
            .filter_map(|(target, number)| unfit(target).map(|why| format!("target {number}: {why}")))
            .collect()
    }
}

fn unfit(target: &Target) -> Option<String> {
    let Some(kpi) = kpi(&target.kpi) else {
        let names: Vec<&str> = CATALOGUE.iter().map(|kpi| kpi.name).collect();
        return Some(format!("there is no figure '{}': expected one of {}", target.kpi, names.join(", ")));
    };
    if target.unit != kpi.unit {
        return Some(format!("{} is in '{}', found '{}': give the goal in that unit", kpi.name, kpi.unit, target.unit));
    }
    if kpi.better != Better::Up && target.tolerance_above.is_none() {
        return Some(format!("{} gets worse upwards, and no tolerance_above is given: give one", kpi.name));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn figures_are_listed_once_in_order_and_each_says_all_about_itself() {
        assert!(CATALOGUE.is_sorted_by(|a, b| a.name < b.name));
        for one in &CATALOGUE {
            assert!(
                [one.name, one.title, one.unit, one.formula, one.source].iter().all(|text| !text.is_empty()),
                "{one:?}"
            );
            assert_eq!(kpi(one.name), Some(one));
        }
    }

    #[test]
    fn targets_are_held_against_the_catalogue() {
        let target = |kpi: &str, unit: &str, tolerance_above| Target {
            kpi: kpi.into(),
            unit: unit.into(),
            from: date(2025, 3, 1),
            until: date(2025, 6, 1),
            goal: 100,
            tolerance_below: 0,
            tolerance_above,
            owner: "ada".into(),
        };
        let targets = vec![
            target("margin", "minor unit", None),
            target("profit", "minor unit", None),
            target("margin", "EUR", None),
            target("forecast_wape", "basis point", None),
            target("forecast_wape", "basis point", Some(200)),
        ];
        let objectives = Objectives { name: "spring".into(), version: 1, parent: None, targets };
        let wrong = objectives.unknown_to_the_catalogue();
        assert_eq!(wrong.len(), 3, "{wrong:?}");
        for (why, word) in wrong.iter().zip([
            "target 2: there is no figure 'profit'",
            "target 3: margin is in 'minor unit'",
            "target 4: forecast_wape gets worse upwards",
        ]) {
            assert!(why.starts_with(word), "{why}");
        }
    }
}
