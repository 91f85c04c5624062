//! What a lever season is read from: the baseline, what each lever does, the groups, locks and published figures.

use super::{Goal, LeverError};
use endcap_model::Currency;
use serde::{Deserialize, Serialize};

/// A season of levers, read from TOML. Amounts of money are in major units of its currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeverScenario {
    /// Name shown to people.
    pub name: String,
    /// Currency of all amounts.
    pub currency: Currency,
    /// How step 6 is read; `response` when absent.
    #[serde(default)]
    pub reading: Reading,
    /// Names of the months, the first one first.
    pub months: Vec<String>,
    /// Distance between two markdowns, as a share; 0.05 when absent.
    #[serde(default = "five_percent")]
    pub markdown_step: f64,
    /// Number of markdowns, 0 the first; 11 when absent.
    #[serde(default = "eleven")]
    pub markdown_levels: usize,
    /// Money that one unsold piece costs at a penalty of 100 % counted in units.
    pub penalty_per_piece: f64,
    /// Share of the stock that the preset with a floor must sell; 0.85 when absent.
    #[serde(default = "eighty_five_percent")]
    pub sell_through_min: f64,
    /// Takes the spend itself off the margin. The published steps do not; false when absent.
    #[serde(default)]
    pub charge_spend: bool,
    /// What happens without any lever.
    pub baseline: Baseline,
    /// What the mean discount does to the whole market.
    pub aggregate: Aggregate,
    /// Levels of marketing spend.
    #[serde(rename = "spend")]
    pub spends: Vec<Spend>,
    /// Promotions.
    #[serde(rename = "promotion")]
    pub promotions: Vec<Promotion>,
    /// Product groups.
    #[serde(rename = "group")]
    pub groups: Vec<LeverGroup>,
    /// Objectives beside the presets.
    #[serde(default, rename = "objective")]
    pub objectives: Vec<Goal>,
    /// Levers that a person has fixed.
    #[serde(default, rename = "lock")]
    pub locks: Vec<LeverLock>,
    /// Multipliers on the inputs above, found by calibration.
    #[serde(default)]
    pub factors: Factors,
    /// Figures to calibrate to and to compare with.
    #[serde(default)]
    pub published: Vec<Published>,
}

fn five_percent() -> f64 {
    0.05
}

fn eleven() -> usize {
    11
}

fn eighty_five_percent() -> f64 {
    0.85
}

/// How step 6 turns a markdown into pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// As printed: a constant sensitivity times (1 − markdown), so that a markdown sells less.
    Literal,
    /// The sensitivity is a function, evaluated at the price index 1 − markdown.
    #[default]
    Response,
}

/// Visits, conversion and units per receipt without any lever, by month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Visits to all stores.
    pub visits: Vec<f64>,
    /// Share of visits that end with a receipt.
    pub conversion: Vec<f64>,
    /// Pieces per receipt.
    pub units_per_receipt: Vec<f64>,
}

/// What a mean discount of 100 % would do; the steps are linear in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aggregate {
    /// Relative change of units per receipt.
    pub units_per_receipt: f64,
    /// Relative change of visits.
    pub visits: f64,
    /// Points of conversion, added.
    pub conversion: f64,
}

/// A level of marketing spend for a month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Spend {
    /// Name shown to people.
    pub name: String,
    /// What it costs; counts only with `charge_spend`.
    pub cost: f64,
    /// Relative change of visits.
    pub visits: f64,
    /// Points of conversion, added.
    pub conversion: f64,
}

/// A promotion for a month.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LeverPromotion))]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// Name shown to people.
    pub name: String,
    /// Share of the full price that it gives away.
    pub price: f64,
    /// Relative change of units per receipt.
    pub units_per_receipt: f64,
}

/// A product group, all its stores pooled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct LeverGroup {
    /// Name shown to people.
    pub name: String,
    /// Price of a piece before any discount.
    pub full_price: f64,
    /// What a piece costs.
    pub unit_cost: f64,
    /// Discount that is given anyway, as a share of the full price.
    pub baseline_discount: f64,
    /// Pieces at the start of the season.
    pub stock: f64,
    /// Pieces of the group per piece in a receipt at markdown 0.
    pub sensitivity: f64,
    /// Exponent of the price index 1 − markdown, 0 or less; unused by the literal reading.
    pub price_elasticity: f64,
    /// Multiplier of the sensitivity by month; 1 in every month when absent.
    #[serde(default)]
    pub season: Vec<f64>,
    /// Whole weight of its markdown in the total discount; 1 when absent.
    #[serde(default = "one")]
    pub weight: u32,
}

fn one() -> u32 {
    1
}

/// Levers that a person has fixed: what it names, in every month and group it does not narrow down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "lever", rename_all = "snake_case", deny_unknown_fields)]
pub enum LeverLock {
    /// A markdown of one group, or of all.
    Markdown {
        /// Group; all when absent.
        #[serde(default)]
        group: Option<String>,
        /// Month; all when absent.
        #[serde(default)]
        month: Option<String>,
        /// The markdown, as a share.
        value: f64,
    },
    /// A level of spend.
    Spend {
        /// Month; all when absent.
        #[serde(default)]
        month: Option<String>,
        /// Name of the level.
        value: String,
    },
    /// A promotion.
    Promotion {
        /// Month; all when absent.
        #[serde(default)]
        month: Option<String>,
        /// Name of the promotion.
        value: String,
    },
}

impl LeverLock {
    /// Says what is fixed, for people.
    pub fn describe(&self) -> String {
        let month = |month: &Option<String>| month.as_ref().map_or("every month".to_owned(), Clone::clone);
        match self {
            Self::Markdown { group, month: at, value } => {
                let group = group.as_deref().unwrap_or("every group");
                format!("markdown of {group} in {} at {:.0} %", month(at), value * 100.0)
            }
            Self::Spend { month: at, value } => format!("spend in {} at '{value}'", month(at)),
            Self::Promotion { month: at, value } => format!("promotion in {} at '{value}'", month(at)),
        }
    }
}

/// Multipliers on inputs that nobody published; 1 leaves the input as written.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Factors {
    /// On every full price.
    pub full_price: f64,
    /// On every unit cost.
    pub unit_cost: f64,
    /// On every opening stock.
    pub stock: f64,
    /// On the baseline visits.
    pub visits: f64,
    /// On every price elasticity.
    pub price_elasticity: f64,
    /// On every baseline discount.
    pub baseline_discount: f64,
    /// On what every promotion gives away.
    pub promotion_price: f64,
    /// On what every promotion adds to units per receipt.
    pub promotion_units: f64,
    /// On all three effects of the total discount.
    pub aggregate: f64,
}

impl Factors {
    /// Number of multipliers.
    pub const COUNT: usize = 9;

    /// The multipliers in the order of the fields.
    pub fn to_array(self) -> [f64; Self::COUNT] {
        [
            self.full_price,
            self.unit_cost,
            self.stock,
            self.visits,
            self.price_elasticity,
            self.baseline_discount,
            self.promotion_price,
            self.promotion_units,
            self.aggregate,
        ]
    }

    /// The inverse of [`Factors::to_array`].
    pub fn from_array(values: [f64; Self::COUNT]) -> Self {
        let [
            full_price,
            unit_cost,
            stock,
            visits,
            price_elasticity,
            baseline_discount,
            promotion_price,
            promotion_units,
            aggregate,
        ] = values;
        Self {
            full_price,
            unit_cost,
            stock,
            visits,
            price_elasticity,
            baseline_discount,
            promotion_price,
            promotion_units,
            aggregate,
        }
    }
}

impl Default for Factors {
    fn default() -> Self {
        Self::from_array([1.0; Self::COUNT])
    }
}

/// What was published for an objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// Name of the objective.
    pub objective: String,
    /// Revenue of the season.
    pub revenue: f64,
    /// Margin of the season.
    pub margin: f64,
    /// Pieces left at its end.
    pub unsold: f64,
}

impl LeverScenario {
    /// Checks what the types do not: ranges, counts and names.
    ///
    /// # Errors
    /// [`LeverError`] for the first thing that is wrong.
    pub fn check(&self) -> Result<(), LeverError> {
        self.check_sizes()?;
        within("markdown_step", self.markdown_step, 0.001, 0.5, "a share from 0.001 to 0.5")?;
        within("penalty_per_piece", self.penalty_per_piece, 0.0, 1e6, "an amount from 0 to 1,000,000")?;
        within("sell_through_min", self.sell_through_min, 0.0, 1.0, "a share from 0 to 1")?;
        self.check_baseline()?;
        self.check_levers()?;
        for group in &self.groups {
            group.check(self.months.len())?;
        }
        for factor in self.factors.to_array() {
            within("factors", factor, 0.01, 100.0, "a multiplier from 0.01 to 100")?;
        }
        for goal in &self.objectives {
            goal.check()?;
        }
        for published in &self.published {
            for (field, found) in [("revenue", published.revenue), ("unsold", published.unsold)] {
                within(&format!("published.{field}"), found, 1e-6, 1e12, "an amount above 0")?;
            }
            within("published.margin", published.margin, -1e12, 1e12, "an amount")?;
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), LeverError> {
        for (field, found, most) in [
            ("months", self.months.len(), 24),
            ("spend", self.spends.len(), 16),
            ("promotion", self.promotions.len(), 16),
            ("group", self.groups.len(), 40),
            ("markdown_levels", self.markdown_levels, 32),
        ] {
            if !(1..=most).contains(&found) {
                return Err(LeverError::Count { field, found, most });
            }
        }
        let goals = self.goals();
        unique("objective", goals.iter().map(|goal| goal.name.as_str()))?;
        unique("month", self.months.iter().map(String::as_str))?;
        unique("group", self.groups.iter().map(|group| group.name.as_str()))?;
        unique("spend", self.spends.iter().map(|spend| spend.name.as_str()))?;
        unique("promotion", self.promotions.iter().map(|promotion| promotion.name.as_str()))
    }

    fn check_baseline(&self) -> Result<(), LeverError> {
        let Baseline { visits, conversion, units_per_receipt } = &self.baseline;
        for (field, values, high) in [
            ("baseline.visits", visits, 1e12),
            ("baseline.conversion", conversion, 1.0),
            ("baseline.units_per_receipt", units_per_receipt, 1e6),
        ] {
            by_month(field, values.len(), self.months.len())?;
            for value in values {
                within(field, *value, 0.0, high, "a value of 0 or more, and a conversion of at most 1")?;
            }
        }
        let Aggregate { units_per_receipt, visits, conversion } = self.aggregate;
        within("aggregate.units_per_receipt", units_per_receipt, -100.0, 100.0, "-100 to 100")?;
        within("aggregate.visits", visits, -100.0, 100.0, "-100 to 100")?;
        within("aggregate.conversion", conversion, -1.0, 1.0, "-1 to 1")
    }

    fn check_levers(&self) -> Result<(), LeverError> {
        for Spend { cost, visits, conversion, .. } in &self.spends {
            within("spend.cost", *cost, 0.0, 1e9, "an amount from 0 to 1,000,000,000")?;
            within("spend.visits", *visits, -1.0, 100.0, "-1 to 100")?;
            within("spend.conversion", *conversion, -1.0, 1.0, "-1 to 1")?;
        }
        for Promotion { price, units_per_receipt, .. } in &self.promotions {
            within("promotion.price", *price, 0.0, 1.0, "a share from 0 to 1")?;
            within("promotion.units_per_receipt", *units_per_receipt, -1.0, 100.0, "-1 to 100")?;
        }
        Ok(())
    }

    /// The markdown of a level, as a share.
    pub(super) fn markdown(&self, level: usize) -> f64 {
        self.markdown_step * level as f64
    }

    /// The presets and the scenario's own objectives, in that order.
    pub fn goals(&self) -> Vec<Goal> {
        Goal::presets(self.sell_through_min).into_iter().chain(self.objectives.iter().cloned()).collect()
    }
}

impl LeverGroup {
    fn check(&self, months: usize) -> Result<(), LeverError> {
        within("group.full_price", self.full_price, 0.01, 1e6, "a price from 0.01 to 1,000,000")?;
        within("group.unit_cost", self.unit_cost, 0.0, 1e6, "a cost from 0 to 1,000,000")?;
        within("group.baseline_discount", self.baseline_discount, 0.0, 1.0, "a share from 0 to 1")?;
        within("group.stock", self.stock, 0.0, 1e9, "0 to 1,000,000,000 pieces")?;
        within("group.sensitivity", self.sensitivity, 0.0, 1e3, "0 to 1,000")?;
        within("group.price_elasticity", self.price_elasticity, -20.0, 0.0, "an elasticity from -20 to 0")?;
        within("group.weight", f64::from(self.weight), 0.0, 100.0, "a whole number from 0 to 100")?;
        if !self.season.is_empty() {
            by_month("group.season", self.season.len(), months)?;
        }
        self.season.iter().try_for_each(|value| within("group.season", *value, 0.0, 1e3, "0 to 1,000"))
    }
}

fn by_month(field: &'static str, found: usize, months: usize) -> Result<(), LeverError> {
    if found == months { Ok(()) } else { Err(LeverError::Months { field, found, months }) }
}

pub(super) fn within(field: &str, found: f64, low: f64, high: f64, expected: &'static str) -> Result<(), LeverError> {
    if (low..=high).contains(&found) {
        return Ok(());
    }
    Err(LeverError::Setting { field: field.to_owned(), found: found.to_string(), expected })
}

fn unique<'a>(kind: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), LeverError> {
    let mut seen = std::collections::BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(LeverError::Doubled { kind, name: name.to_owned() });
        }
    }
    Ok(())
}
