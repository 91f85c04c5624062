//! What a plan is to bring: weights on profit, revenue, volume, unsold stock and waste, with the presets of the trade.
//!
//! Weights on revenue and margin add up to 1; everything else is money per piece or a share of money, so that a penalty
//! can be compared with what it is to bind against.

use crate::ScenarioError;
use crate::scenario::in_range;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What is maximised.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Goal {
    /// A named set of weights.
    pub preset: Preset,
    /// Own weights, which win over those of the preset.
    pub weights: Option<Weights>,
    /// Least share of the pieces of items that are not ordered again that must be sold by the end of the horizon.
    pub sell_through_min: Option<f64>,
}

/// Named weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// The full profit and loss alone.
    #[default]
    MaxMargin,
    /// Revenue alone.
    MaxRevenue,
    /// Pieces sold alone.
    MaxVolume,
    /// Pieces sold of what is not ordered again: clearance.
    MaxSellThrough,
    /// Revenue less the list value of what is not ordered again and stays unsold.
    MinInventory,
    /// Revenue alone, above the least sell-through of [`Goal::sell_through_min`], which must be given.
    RevenueWithFloor,
}

/// What counts how much. Everything is against running no promotion.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Weights {
    /// Weight of the profit, a share.
    pub margin: f64,
    /// Weight of the revenue, a share; the two add up to 1, or both are 0.
    pub revenue: f64,
    /// Money per piece sold.
    pub piece: f64,
    /// Money per piece of items that are not ordered again that stays unsold.
    pub unsold_piece: f64,
    /// The same as a share of the list price.
    pub unsold_value: f64,
    /// Money per money of goods thrown away, beside what the profit already counts.
    pub waste: f64,
}

/// What a plan brings against running no promotion, in whole minor units where it is money.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Outcomes {
    /// Full profit and loss.
    pub profit: i64,
    /// Revenue, less what substitutes and later periods lose, with what complements gain.
    pub revenue: i64,
    /// Pieces, counted likewise.
    pub pieces: f64,
    /// Pieces of items that are not ordered again that would else have stayed unsold.
    pub cleared: i64,
    /// List value of those pieces.
    pub cleared_value: i64,
    /// Cost of goods thrown away.
    pub wasted: i64,
    /// Loss of value of what offers leave above normal cover.
    #[serde(default)]
    pub written_down: i64,
    /// Share of the stock of items that are not ordered again that is sold by the end; nothing where there are none.
    pub sell_through: Option<f64>,
}

impl Goal {
    /// Returns the weights: the goal's own, else those of its preset.
    pub fn weights(&self) -> Weights {
        self.weights.unwrap_or_else(|| self.preset.weights())
    }

    /// Checks every field's range.
    ///
    /// # Errors
    /// [`ScenarioError`] for the first field outside its range.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let weights = self.weights();
        in_range("goal.weights.margin", weights.margin, 0.0, 1.0, "a share from 0 to 1")?;
        in_range("goal.weights.revenue", weights.revenue, 0.0, 1.0, "a share from 0 to 1")?;
        let shares = weights.margin + weights.revenue;
        if shares != 0.0 {
            let expected = "weights of margin and revenue that add up to 1, or both 0";
            in_range("goal.weights.margin + revenue", shares, 1.0 - 1e-9, 1.0 + 1e-9, expected)?;
        }
        for (field, amount) in [
            ("goal.weights.piece", weights.piece),
            ("goal.weights.unsold_piece", weights.unsold_piece),
            ("goal.weights.unsold_value", weights.unsold_value),
            ("goal.weights.waste", weights.waste),
        ] {
            in_range(field, amount, 0.0, 1e6, "0 to 1000000")?;
        }
        match (self.preset, self.sell_through_min) {
            (_, Some(least)) => in_range("goal.sell_through_min", least, 0.0, 1.0, "a share from 0 to 1"),
            (Preset::RevenueWithFloor, None) => Err(ScenarioError {
                field: "goal.sell_through_min",
                found: "missing".to_owned(),
                expected: "the least sell-through that the preset revenue_with_floor keeps, such as 0.85",
            }),
            _ => Ok(()),
        }
    }
}

impl Preset {
    /// Every preset, in the order of the documentation.
    pub const ALL: [Self; 6] = [
        Self::MaxMargin,
        Self::MaxRevenue,
        Self::MaxVolume,
        Self::MaxSellThrough,
        Self::MinInventory,
        Self::RevenueWithFloor,
    ];

    /// Returns the weights that the preset stands for.
    pub fn weights(self) -> Weights {
        let none = Weights::default();
        match self {
            Self::MaxMargin => Weights { margin: 1.0, ..none },
            Self::MaxRevenue | Self::RevenueWithFloor => Weights { revenue: 1.0, ..none },
            Self::MaxVolume => Weights { piece: 1.0, ..none },
            Self::MaxSellThrough => Weights { unsold_piece: 1.0, ..none },
            Self::MinInventory => Weights { revenue: 1.0, unsold_value: 1.0, ..none },
        }
    }

    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::MaxMargin => "max_margin",
            Self::MaxRevenue => "max_revenue",
            Self::MaxVolume => "max_volume",
            Self::MaxSellThrough => "max_sell_through",
            Self::MinInventory => "min_inventory",
            Self::RevenueWithFloor => "revenue_with_floor",
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.weights {
            None => f.write_str(self.preset.name())?,
            Some(weights) => {
                let parts = [
                    ("margin", weights.margin),
                    ("revenue", weights.revenue),
                    ("piece", weights.piece),
                    ("unsold_piece", weights.unsold_piece),
                    ("unsold_value", weights.unsold_value),
                    ("waste", weights.waste),
                ];
                let named = parts.iter().filter(|(_, weight)| *weight != 0.0);
                let named: Vec<String> = named.map(|(name, weight)| format!("{weight} {name}")).collect();
                f.write_str(&named.join(" + "))?;
            }
        }
        match self.sell_through_min {
            Some(least) => write!(f, ", sell-through at least {least}"),
            None => Ok(()),
        }
    }
}

impl std::iter::Sum for Outcomes {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), |a, b| Self {
            profit: a.profit + b.profit,
            revenue: a.revenue + b.revenue,
            pieces: a.pieces + b.pieces,
            cleared: a.cleared + b.cleared,
            cleared_value: a.cleared_value + b.cleared_value,
            wasted: a.wasted + b.wasted,
            written_down: a.written_down + b.written_down,
            sell_through: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_revenue_and_margin_add_up_to_one() {
        let goal = |margin, revenue| Goal {
            weights: Some(Weights { margin, revenue, ..Weights::default() }),
            ..Goal::default()
        };
        assert!(goal(0.7, 0.3).check().is_ok());
        assert!(goal(0.0, 0.0).check().is_ok());
        assert!(goal(0.7, 0.7).check().unwrap_err().to_string().contains("add up to 1"));
        assert_eq!(goal(0.7, 0.3).to_string(), "0.7 margin + 0.3 revenue");
    }

    #[test]
    fn the_preset_with_a_floor_asks_for_the_floor() {
        let goal = Goal { preset: Preset::RevenueWithFloor, ..Goal::default() };
        assert!(goal.check().unwrap_err().to_string().contains("sell_through_min"));
        assert!(Goal { sell_through_min: Some(0.85), ..goal }.check().is_ok());
    }
}
