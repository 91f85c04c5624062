//! Figures per policy over worlds, and differences to a reference paired by seed.
//!
//! Pairing takes the common part of all worlds out of the difference (common random numbers), so its interval is much
//! narrower than that of two separate means. Intervals are Student's t over worlds: they speak of the mean over worlds
//! of this kind, not of one world, and not of whether the worlds are right.

use endcap_model::Outcome;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use std::collections::BTreeMap;

/// A figure of merit of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Margin after holding, waste and fixed costs of offers, with vendor money; minor units.
    Profit,
    /// Revenue less cost of what was sold; minor units.
    Margin,
    /// Revenue; minor units.
    Revenue,
    /// Discount on all promoted units; minor units.
    Discount,
    /// Pieces sold.
    Sold,
    /// Pieces sold on promotion.
    SoldPromoted,
    /// Share of promoted item-place-periods with unmet demand.
    StockoutRatePromoted,
    /// The same where supply could be ordered in time.
    StockoutRateInTime,
    /// Share of all item-place-periods with unmet demand.
    StockoutRate,
    /// Pieces sold over pieces wanted.
    FillRate,
    /// Pieces thrown away.
    Waste,
    /// Pieces wanted and not there.
    Lost,
    /// Pieces left at the end.
    Left,
    /// Error of the policy's forecasts of promoted items, by item, place and period, over what was wanted.
    ForecastErrorPlace,
    /// The same by item and period over all places.
    ForecastErrorItem,
    /// Loss of value of what offers left over; minor units.
    WriteDown,
    /// The same over the revenue of what was sold on promotion.
    WriteDownShare,
    /// Margin over the horizon per unit of money in stock at cost.
    Gmroi,
    /// Pieces sold over pieces supplied.
    SellThrough,
    /// What faster deliveries cost more; minor units.
    ExpediteCost,
    /// Pieces moved between places.
    Moved,
    /// Cost of moving them; minor units.
    TransferCost,
    /// Mean share of a style's core sizes that a place has.
    CoreCoverage,
    /// Mean share of the pieces that lie in broken size runs.
    Fragmentation,
}

/// Which direction of a measure is the good one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// A mean over worlds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Mean.
    pub mean: f64,
    /// Lower end of the 95 % interval of the mean; nothing with fewer than two worlds.
    pub lo95: Option<f64>,
    /// Upper end.
    pub hi95: Option<f64>,
    /// The value that one world in twenty is worse than: the 5 % quantile where more is better, else the 95 % one.
    pub tail05: f64,
}

/// One figure of one policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kpi {
    /// Name of the policy.
    pub policy: String,
    /// The figure.
    pub measure: Measure,
    /// Its good direction.
    pub better: Better,
    /// Number of worlds.
    pub worlds: usize,
    /// The figure over worlds.
    pub level: Summary,
    /// Its difference to the reference in the same world, over the worlds that both ran; nothing for the reference
    /// itself and when they share no world.
    pub difference: Option<Summary>,
}

impl Measure {
    /// All measures, in the order in which they are shown.
    pub const ALL: [Self; 24] = [
        Self::Profit,
        Self::Margin,
        Self::Revenue,
        Self::Discount,
        Self::Sold,
        Self::SoldPromoted,
        Self::StockoutRatePromoted,
        Self::StockoutRateInTime,
        Self::StockoutRate,
        Self::FillRate,
        Self::Waste,
        Self::Lost,
        Self::Left,
        Self::ForecastErrorPlace,
        Self::ForecastErrorItem,
        Self::WriteDown,
        Self::WriteDownShare,
        Self::Gmroi,
        Self::SellThrough,
        Self::ExpediteCost,
        Self::Moved,
        Self::TransferCost,
        Self::CoreCoverage,
        Self::Fragmentation,
    ];

    /// Returns the measure's name, as in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Profit => "profit",
            Self::Margin => "margin",
            Self::Revenue => "revenue",
            Self::Discount => "discount",
            Self::Sold => "sold",
            Self::SoldPromoted => "sold_promoted",
            Self::StockoutRatePromoted => "stockout_rate_promoted",
            Self::StockoutRateInTime => "stockout_rate_in_time",
            Self::StockoutRate => "stockout_rate",
            Self::FillRate => "fill_rate",
            Self::Waste => "waste",
            Self::Lost => "lost",
            Self::Left => "left",
            Self::ForecastErrorPlace => "forecast_error_place",
            Self::ForecastErrorItem => "forecast_error_item",
            Self::WriteDown => "write_down",
            Self::WriteDownShare => "write_down_share",
            Self::Gmroi => "gmroi",
            Self::SellThrough => "sell_through",
            Self::ExpediteCost => "expedite_cost",
            Self::Moved => "moved",
            Self::TransferCost => "transfer_cost",
            Self::CoreCoverage => "core_coverage",
            Self::Fragmentation => "fragmentation",
        }
    }

    /// Returns whether the measure is money in minor units.
    pub fn is_money(self) -> bool {
        matches!(
            self,
            Self::Profit
                | Self::Margin
                | Self::Revenue
                | Self::Discount
                | Self::WriteDown
                | Self::ExpediteCost
                | Self::TransferCost
        )
    }

    /// Returns whether the measure is a share.
    pub fn is_share(self) -> bool {
        matches!(
            self,
            Self::StockoutRatePromoted
                | Self::StockoutRateInTime
                | Self::StockoutRate
                | Self::FillRate
                | Self::ForecastErrorPlace
                | Self::ForecastErrorItem
                | Self::WriteDownShare
                | Self::SellThrough
                | Self::CoreCoverage
                | Self::Fragmentation
        )
    }

    /// Returns its good direction.
    pub fn better(self) -> Better {
        match self {
            Self::Profit
            | Self::Margin
            | Self::Revenue
            | Self::Sold
            | Self::SoldPromoted
            | Self::FillRate
            | Self::Gmroi
            | Self::SellThrough
            | Self::CoreCoverage => Better::Higher,
            _ => Better::Lower,
        }
    }

    /// Reads the measure off an outcome; nothing where the world or the policy has no such figure.
    pub fn of(self, outcome: &Outcome) -> Option<f64> {
        let over = |part: i64, whole: i64| if whole > 0 { part as f64 / whole as f64 } else { 0.0 };
        Some(match self {
            Self::Profit => outcome.profit as f64,
            Self::Margin => outcome.margin as f64,
            Self::Revenue => outcome.revenue as f64,
            Self::Discount => outcome.discount as f64,
            Self::Sold => outcome.sold as f64,
            Self::SoldPromoted => outcome.sold_promoted as f64,
            Self::StockoutRatePromoted => outcome.stockout_rate_promoted,
            Self::StockoutRateInTime => return outcome.stockout_rate_in_time,
            Self::StockoutRate => outcome.stockout_rate,
            Self::FillRate => outcome.fill_rate,
            Self::Waste => outcome.waste as f64,
            Self::Lost => outcome.lost as f64,
            Self::Left => outcome.left as f64,
            Self::ForecastErrorPlace => return outcome.forecast_error_place,
            Self::ForecastErrorItem => return outcome.forecast_error_item,
            Self::WriteDown => outcome.write_down as f64,
            Self::WriteDownShare => over(outcome.write_down, outcome.promo_revenue),
            Self::Gmroi => over(outcome.margin, outcome.stock_cost),
            Self::SellThrough => over(outcome.sold, outcome.supplied),
            Self::ExpediteCost => outcome.expedite_cost as f64,
            Self::Moved => outcome.moved as f64,
            Self::TransferCost => outcome.transfer_cost as f64,
            Self::CoreCoverage => return outcome.core_coverage,
            Self::Fragmentation => return outcome.fragmentation,
        })
    }

    /// Returns whether the measure is of something that not every world has; it is left out where it is 0 everywhere.
    fn is_special(self) -> bool {
        matches!(self, Self::WriteDown | Self::WriteDownShare | Self::ExpediteCost | Self::Moved | Self::TransferCost)
    }
}

/// Summarises outcomes by policy (in order of first appearance) and measure, with paired differences to the policy
/// named `reference`; without it there are levels only.
pub fn kpis(outcomes: &[Outcome], reference: &str) -> Vec<Kpi> {
    let mut policies: Vec<&str> = Vec::new();
    for outcome in outcomes {
        if !policies.contains(&outcome.policy.as_str()) {
            policies.push(&outcome.policy);
        }
    }
    let by_seed = |policy: &str| -> BTreeMap<u64, &Outcome> {
        outcomes.iter().filter(|outcome| outcome.policy == policy).map(|outcome| (outcome.seed, outcome)).collect()
    };
    let base = by_seed(reference);
    let shown = |measure: &Measure| {
        !measure.is_special() || outcomes.iter().any(|outcome| measure.of(outcome).is_some_and(|value| value != 0.0))
    };
    let measures: Vec<Measure> = Measure::ALL.into_iter().filter(shown).collect();
    let mut all = Vec::with_capacity(policies.len() * measures.len());
    for policy in policies {
        let own = by_seed(policy);
        for &measure in &measures {
            let levels: Vec<f64> = own.values().filter_map(|outcome| measure.of(outcome)).collect();
            if levels.is_empty() {
                continue;
            }
            let pairs = own.iter().filter_map(|(seed, outcome)| base.get(seed).map(|base| (outcome, base)));
            let differences: Vec<f64> =
                pairs.filter_map(|(outcome, base)| Some(measure.of(outcome)? - measure.of(base)?)).collect();
            let compared = policy != reference && !differences.is_empty();
            all.push(Kpi {
                policy: policy.to_owned(),
                measure,
                better: measure.better(),
                worlds: levels.len(),
                level: summarise(&levels, measure.better()),
                difference: compared.then(|| summarise(&differences, measure.better())),
            });
        }
    }
    all
}

/// Mean, 95 % t interval of the mean and bad 5 % quantile of at least one value.
fn summarise(values: &[f64], better: Better) -> Summary {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = StudentsT::new(0.0, 1.0, n - 1.0).ok().map(|t| t.inverse_cdf(0.975) * (variance / n).sqrt());
    let level = if better == Better::Higher { 0.05 } else { 0.95 };
    Summary {
        mean,
        lo95: half.map(|half| mean - half),
        hi95: half.map(|half| mean + half),
        tail05: quantile(values, level),
    }
}

/// Quantile of at least one value by linear interpolation (Hyndman and Fan 1996, type 7).
pub fn quantile(values: &[f64], level: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = level * (sorted.len() - 1) as f64;
    let (below, above) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    below + (at - at.floor()) * (above - below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(policy: &str, seed: u64, profit: i64) -> Outcome {
        Outcome { policy: policy.to_owned(), seed, profit, ..Outcome::default() }
    }

    fn profit_of<'k>(kpis: &'k [Kpi], policy: &str) -> &'k Kpi {
        kpis.iter().find(|kpi| kpi.policy == policy && kpi.measure == Measure::Profit).unwrap()
    }

    #[test]
    fn a_paired_difference_is_free_of_what_all_policies_share() {
        let worlds = [900, -400, 1500, 20, 3000];
        let mut outcomes: Vec<Outcome> = (0..5).map(|seed| outcome("none", seed, worlds[seed as usize])).collect();
        outcomes.extend((0..5).rev().map(|seed| outcome("plan", seed, worlds[seed as usize] + 10 + seed as i64)));
        let kpis = kpis(&outcomes, "none");
        let plan = profit_of(&kpis, "plan");
        let difference = plan.difference.unwrap();
        assert!((difference.mean - 12.0).abs() < 1e-9);
        let half = 2.776_445 * (2.5f64 / 5.0).sqrt();
        assert!((difference.lo95.unwrap() - (12.0 - half)).abs() < 1e-4, "t of 4 degrees at 97.5 % is 2.776445");
        assert!((difference.hi95.unwrap() - (12.0 + half)).abs() < 1e-4);
        assert!(plan.level.lo95.unwrap() < 0.0, "the levels alone could not tell");
        assert_eq!(profit_of(&kpis, "none").difference, None);
    }

    #[test]
    fn worlds_that_only_one_policy_ran_are_not_compared() {
        let outcomes = [outcome("none", 1, 100), outcome("plan", 1, 130), outcome("plan", 2, 9000)];
        let kpis = kpis(&outcomes, "none");
        let plan = profit_of(&kpis, "plan");
        assert_eq!(plan.worlds, 2);
        assert_eq!(plan.difference.unwrap().mean, 30.0);
        assert_eq!(plan.difference.unwrap().lo95, None);
    }

    #[test]
    fn the_tail_is_on_the_bad_side() {
        let values: Vec<f64> = (0..=20).map(f64::from).collect();
        assert_eq!(summarise(&values, Better::Higher).tail05, 1.0);
        assert_eq!(summarise(&values, Better::Lower).tail05, 19.0);
    }
}
