//! What a report is made from. Figures arrive ready; amounts are minor units of the plan's currency.

use endcap_demand::coefficients::Applied;
use endcap_demand::overrides::Overridden;
use endcap_model::{
    Calendar, ContentHash, Decision, ForecastRow, Outcome, Period, Place, Plan, Policy, ProjectionRow, Response,
    Scenario, Sku, Span, SupplyOrder,
};
use std::collections::BTreeMap;

/// Everything that a report shows. The caller chooses which series to show, so that the file stays small.
#[derive(Clone, Debug)]
pub struct ReportInput<'a> {
    /// The plan with its own report.
    pub plan: &'a Plan,
    /// The scenario that it was made under.
    pub scenario: &'a Scenario,
    /// The policy that it was judged under.
    pub policy: &'a Policy,
    /// What policy says of it.
    pub decision: &'a Decision,
    /// The figures at the top.
    pub headline: Headline,
    /// Name and category by item; an item without an entry is shown by its number.
    pub items: &'a BTreeMap<Sku, ItemLabel>,
    /// Names by region or store; a place without an entry is shown by its number.
    pub places: &'a BTreeMap<Place, String>,
    /// Region in which a store's offers are set; a store without an entry is its own.
    pub regions: &'a BTreeMap<Place, Place>,
    /// Probability that the item runs out while the offer runs, one per offer in the order of `plan.report.offers`;
    /// nothing where it is not known.
    pub stockout_by_offer: Vec<Option<f64>>,
    /// Responses of the items to show.
    pub responses: Vec<&'a Response>,
    /// History of the series to show, sorted by item, place and period.
    pub history: &'a [HistoryRow],
    /// Forecast of the series to show, sorted by item, place and period.
    pub forecast: &'a [ForecastRow],
    /// Levels of the forecast's quantiles.
    pub levels: &'a [f64],
    /// Stock paths to show, of stores or summed over a region, sorted by item, place and period.
    pub projection: &'a [ProjectionRow],
    /// The orders to show and what all of them come to.
    pub orders: OrderSummary<'a>,
    /// What the simulated worlds say.
    pub twin: TwinView<'a>,
    /// Accuracy of the forecast on past periods, ours first.
    pub backtest: &'a [BacktestRow],
    /// Readiness by category.
    pub readiness: &'a [ReadinessRow],
    /// Edits of effects, beside what the data say.
    pub edits: &'a [Applied],
    /// Overrides of the forecast.
    pub overrides: &'a [Overridden],
    /// Rows read, loaded, set aside and doubled, by source.
    pub counts: &'a [SourceCount],
    /// Where everything comes from.
    pub provenance: Provenance,
    /// Credit lines of the data.
    pub credits: &'a [Credit],
}

/// How an item is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemLabel {
    /// Name for people.
    pub name: String,
    /// Category, or empty.
    pub category: String,
}

/// The figures at the top that the plan's own report does not hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Headline {
    /// Money given away, in minor units.
    pub spend: i64,
    /// Most money that may be given away, in minor units.
    pub budget: i64,
    /// Items on promotion, each counted once.
    pub promoted_items: usize,
    /// Item-region-periods on promotion.
    pub promoted_cells: usize,
    /// Mean probability over the promoted cells that stock runs out in a period.
    pub stockout_probability: f64,
}

/// What was sold of an item at a place in a period.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// The item.
    pub sku: Sku,
    /// The store.
    pub place: Place,
    /// The period.
    pub period: Period,
    /// Pieces sold.
    pub units: f64,
    /// Share of the selling time without stock, 0..=1.
    pub stockout_share: f64,
    /// Share of the list price that was off, 0 without a promotion.
    pub depth: f64,
}

/// The orders of a plan: all of them in figures, the largest in rows.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderSummary<'a> {
    /// Orders in all.
    pub orders: usize,
    /// Pieces in all orders.
    pub pieces: i64,
    /// Cost of all orders in minor units, where unit costs are known.
    pub cost: Option<i64>,
    /// Pieces to be ordered before the plan begins.
    pub pieces_now: i64,
    /// Transfers in all.
    pub transfers: usize,
    /// The orders to show, largest first.
    pub shown: Vec<&'a SupplyOrder>,
}

/// What the simulated worlds say.
#[derive(Clone, Debug, PartialEq)]
pub struct TwinView<'a> {
    /// Name of the policy of action that is the plan, as in the outcomes.
    pub plan: String,
    /// Every policy of action in every world.
    pub outcomes: &'a [Outcome],
    /// The figures against each reference, in the order to show.
    pub comparisons: Vec<Comparison>,
}

/// Figures of all policies of action against one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The policy of action that the others are compared to.
    pub reference: String,
    /// One row per policy of action and figure.
    pub rows: Vec<KpiRow>,
}

/// One figure of one policy of action over all worlds; money in minor units, rates as shares.
#[derive(Clone, Debug, PartialEq)]
pub struct KpiRow {
    /// The policy of action.
    pub policy: String,
    /// Name of the figure, as the field of [`Outcome`].
    pub kpi: String,
    /// Whether more of it is better.
    pub higher_is_better: bool,
    /// Mean over worlds.
    pub mean: f64,
    /// Lower end of the 95 % interval of the mean; nothing with fewer than two worlds.
    pub lo95: Option<f64>,
    /// Upper end of it.
    pub hi95: Option<f64>,
    /// The level that one world in twenty is worse than.
    pub tail05: f64,
    /// Mean difference to the reference in the same world; nothing for the reference itself.
    pub difference: Option<f64>,
    /// Lower end of its 95 % interval.
    pub diff_lo95: Option<f64>,
    /// Upper end of it.
    pub diff_hi95: Option<f64>,
    /// The difference that one world in twenty is worse than.
    pub diff_tail05: Option<f64>,
}

/// Accuracy of one way to forecast on past periods.
#[derive(Clone, Debug, PartialEq)]
pub struct BacktestRow {
    /// Name of the way, in words.
    pub method: String,
    /// Absolute error over units, all cells.
    pub wape: f64,
    /// Forecast less sales, over units, all cells.
    pub bias: f64,
    /// Absolute error over units of the promoted cells.
    pub wape_promoted: Option<f64>,
    /// Share of the cells whose sales lie in the interval from 5 % to 95 %.
    pub coverage_90: Option<f64>,
    /// Cells that were scored.
    pub cells: usize,
}

/// Whether a category can be estimated.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadinessRow {
    /// The category.
    pub category: String,
    /// Items in it.
    pub skus: usize,
    /// Item-places in it.
    pub series: usize,
    /// Periods of history.
    pub periods: usize,
    /// Periods with a promotion.
    pub promoted_periods: usize,
    /// Standard deviation of the log of price over list price.
    pub price_variation: f64,
    /// Share of the selling time in stock.
    pub in_stock_share: f64,
    /// `ready`, `thin` or `not_ready`.
    pub verdict: String,
    /// What is missing.
    pub missing: Vec<String>,
    /// What would help.
    pub helps: Vec<String>,
}

/// What became of the rows of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCount {
    /// Name of the source.
    pub source: String,
    /// Rows read.
    pub read: u64,
    /// Rows loaded.
    pub loaded: u64,
    /// Rows set aside with their reason.
    pub set_aside: u64,
    /// Rows that repeat a loaded one.
    pub duplicates: u64,
}

/// Where everything comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// Calendar of the history.
    pub calendar: Calendar,
    /// Periods of history that were used.
    pub history: Span,
    /// Hash of the lift model.
    pub model: ContentHash,
    /// Hash of the scenario.
    pub scenario: ContentHash,
    /// Version of the code.
    pub code_version: String,
    /// Further lines to show, as label and text.
    pub more: Vec<(String, String)>,
}

/// Whose data they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Name of the data.
    pub name: String,
    /// Credit line as its licence asks for it, with licence and changes made.
    pub text: String,
    /// Address to read more; shown as a link only when it begins with `https://`.
    pub address: String,
}

impl<'a> OrderSummary<'a> {
    /// Adds up a plan's orders and picks the largest to show; `now` is the period at whose end a plan is sent.
    ///
    /// `unit_cost` gives the cost of one piece in minor units; one unknown cost leaves the total unknown.
    pub fn of(plan: &'a Plan, now: Period, shown: usize, unit_cost: impl Fn(&Sku) -> Option<i64>) -> Self {
        let pieces = |orders: &mut dyn Iterator<Item = &SupplyOrder>| orders.map(|order| order.quantity.0).sum();
        let cost = plan.orders.iter().map(|order| Some(unit_cost(&order.sku)? * order.quantity.0)).sum();
        let mut largest: Vec<_> = plan.orders.iter().collect();
        largest.sort_by_key(|order| (std::cmp::Reverse(order.quantity), *order));
        largest.truncate(shown);
        Self {
            orders: plan.orders.len(),
            pieces: pieces(&mut plan.orders.iter()),
            cost,
            pieces_now: pieces(&mut plan.orders.iter().filter(|order| order.order_period <= now)),
            transfers: plan.transfers.len(),
            shown: largest,
        }
    }
}
