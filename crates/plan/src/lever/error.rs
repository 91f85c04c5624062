//! What can be wrong with a lever scenario.

/// A scenario that makes no season.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum LeverError {
    /// A number out of its range.
    #[error("{field} is {found}: expected {expected}")]
    Setting {
        /// The field.
        field: String,
        /// What it holds.
        found: String,
        /// What it may hold.
        expected: &'static str,
    },
    /// Too few or too many of something.
    #[error("{field}: found {found}, expected 1 to {most}")]
    Count {
        /// The field.
        field: &'static str,
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// A list that does not have one value per month.
    #[error("{field} has {found} values: expected one for each of the {months} months")]
    Months {
        /// The field.
        field: &'static str,
        /// Values in the list.
        found: usize,
        /// Months of the scenario.
        months: usize,
    },
    /// A name that is used twice.
    #[error("two entries of [[{kind}]] are named '{name}': rename one")]
    Doubled {
        /// What is named.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// A name that nothing has.
    #[error("no {kind} is named '{name}': expected one of {known}")]
    Unknown {
        /// What should have the name.
        kind: &'static str,
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A markdown between two levels of the grid.
    #[error("a lock asks for a markdown of {found}: expected a multiple of {step} up to {most}")]
    OffGrid {
        /// The markdown asked for.
        found: f64,
        /// Distance between two levels.
        step: f64,
        /// The deepest markdown.
        most: f64,
    },
    /// Two locks that fix one lever at different values.
    #[error("the lock '{lock}' contradicts an earlier one: remove one of them")]
    Contradiction {
        /// The later lock.
        lock: String,
    },
    /// Discounts that add up to more than the price.
    #[error(
        "the discounts of group '{group}' can add up to {total:.0} % of its full price: lower its baseline discount, \
         the deepest promotion or the deepest markdown to stay below 100 %"
    )]
    Giveaway {
        /// The group.
        group: String,
        /// The largest sum of its discounts, in per cent.
        total: f64,
    },
    /// Effects that leave the range in which the funnel means something.
    #[error(
        "in month '{month}' {what} reaches {found:.4} with spend '{spend}' and promotion '{promotion}': expected {expected}"
    )]
    Funnel {
        /// The month.
        month: String,
        /// What leaves its range.
        what: &'static str,
        /// What it reaches.
        found: f64,
        /// The spend.
        spend: String,
        /// The promotion.
        promotion: String,
        /// Its range.
        expected: &'static str,
    },
    /// Weights that are no split of the whole.
    #[error("the weights of objective '{name}' are {revenue} and {margin}: expected shares that add up to 1")]
    Weights {
        /// The objective.
        name: String,
        /// Weight of revenue.
        revenue: f64,
        /// Weight of margin.
        margin: f64,
    },
    /// Nothing to calibrate to.
    #[error("the scenario has no [[published]] figures: add them to calibrate")]
    NothingPublished,
}
