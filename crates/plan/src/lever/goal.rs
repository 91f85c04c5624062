//! What a season is judged by: the published objective and its presets.

use super::scenario::within;
use super::{Grid, LeverError, Season};
use serde::{Deserialize, Serialize};

/// An objective: weights on revenue and margin that add up to 1, less a penalty on what is left (step 10).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeverGoal))]
#[serde(deny_unknown_fields)]
pub struct Goal {
    /// Name shown to people.
    pub name: String,
    /// Weight of revenue, W1, from 0 to 1.
    pub revenue: f64,
    /// Weight of margin, W2, from 0 to 1.
    pub margin: f64,
    /// Penalty on unsold stock, from 0 to 1; 0 when absent.
    #[serde(default)]
    pub penalty: f64,
    /// How unsold stock is counted; in units when absent.
    #[serde(default)]
    pub unsold: Unsold,
    /// Share of the opening stock that must be sold; none when absent.
    #[serde(default)]
    pub sell_through_min: Option<f64>,
    /// Sells 99.5 % of the pieces that any plan found can sell, or more, before the weights count; false when absent.
    #[serde(default)]
    pub sell_through_first: bool,
}

/// How unsold stock is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Unsold {
    /// In pieces; each costs the scenario's `penalty_per_piece` at 100 %.
    #[default]
    Units,
    /// In money; each piece costs its unit cost at 100 %.
    Value,
}

impl Goal {
    /// Weighs revenue, as a share that leaves the rest to margin, against the penalty on what stays unsold.
    pub(super) fn weighing(name: impl Into<String>, revenue: f64, penalty: f64) -> Self {
        Self {
            name: name.into(),
            revenue,
            margin: 1.0 - revenue,
            penalty,
            unsold: Unsold::Units,
            sell_through_min: None,
            sell_through_first: false,
        }
    }

    /// The named presets, which run side by side on the same season.
    pub fn presets(sell_through_min: f64) -> Vec<Self> {
        let goal = Self::weighing;
        vec![
            goal("max-revenue", 1.0, 0.0),
            goal("max-margin", 0.0, 0.0),
            goal("min-inventory", 1.0, 1.0),
            Self { sell_through_first: true, ..goal("max-sell-through", 1.0, 0.0) },
            Self { sell_through_min: Some(sell_through_min), ..goal("max-revenue-floor", 1.0, 0.0) },
        ]
    }

    /// Checks the weights and ranges.
    ///
    /// # Errors
    /// [`LeverError`] for the first thing that is wrong.
    pub fn check(&self) -> Result<(), LeverError> {
        for (field, found) in [
            ("objective.revenue", self.revenue),
            ("objective.margin", self.margin),
            ("objective.penalty", self.penalty),
            ("objective.sell_through_min", self.sell_through_min.unwrap_or(0.0)),
        ] {
            within(field, found, 0.0, 1.0, "a share from 0 to 1")?;
        }
        if (self.revenue + self.margin - 1.0).abs() > 1e-9 {
            let (name, revenue, margin) = (self.name.clone(), self.revenue, self.margin);
            return Err(LeverError::Weights { name, revenue, margin });
        }
        Ok(())
    }
}

/// A goal in the terms of the search: what each thing is worth in minor units, and how many pieces must go.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Worth {
    /// Of a minor unit of revenue.
    pub revenue: f64,
    /// Of a minor unit of margin.
    pub margin: f64,
    /// Of one piece of each group that does not stay unsold.
    pub piece: Vec<f64>,
    /// Pieces that must be sold.
    pub pieces_min: f64,
    /// Of a piece sold, by promotion, group and markdown.
    earned: Vec<f64>,
}

impl Worth {
    /// Translates a goal; what is to be sold first is for [`super::solve`] to find.
    pub fn of(goal: &Goal, grid: &Grid) -> Self {
        let piece = grid.costs().iter().map(|cost| match goal.unsold {
            Unsold::Units => goal.penalty * grid.penalty_per_piece(),
            Unsold::Value => goal.penalty * cost,
        });
        let pieces_min = goal.sell_through_min.unwrap_or(0.0) * grid.stocks().iter().sum::<f64>();
        Self::new(grid, goal.revenue, goal.margin, piece.collect(), pieces_min)
    }

    /// Every piece counts the same, money nothing.
    pub fn pieces(grid: &Grid) -> Self {
        Self::new(grid, 0.0, 0.0, vec![1.0; grid.groups()], 0.0)
    }

    fn new(grid: &Grid, revenue: f64, margin: f64, piece: Vec<f64>, pieces_min: f64) -> Self {
        let mut earned = Vec::new();
        for promotion in 0..grid.scenario().promotions.len() {
            for (group, cost) in grid.costs().iter().enumerate() {
                let prices = grid.price(promotion, group).iter();
                earned.extend(prices.map(|price| revenue * price + margin * (price - cost)));
            }
        }
        Self { revenue, margin, piece, pieces_min, earned }
    }

    /// Revenue and margin that a piece of the group counts for, for every markdown.
    pub fn earned(&self, grid: &Grid, promotion: usize, group: usize) -> &[f64] {
        &self.earned[(promotion * grid.groups() + group) * grid.levels()..][..grid.levels()]
    }

    /// E12 of a season (step 10): what it earns less what its unsold pieces cost.
    pub fn value(&self, season: &Season) -> f64 {
        let unsold: f64 = season.groups.iter().zip(&self.piece).map(|(group, piece)| group.unsold * piece).sum();
        self.revenue * season.revenue + self.margin * season.margin - unsold
    }
}
