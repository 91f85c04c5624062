//! Events: the journal's one enum. Job results are events, so that a run can be replayed from its journal.

use crate::{Appointed, ContentHash, Contested, Decision, PlanId, Registered, SnapshotId, Watched};
use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// Facts landed as a snapshot.
    Ingested {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Rows read from all sources.
        rows_read: u64,
        /// Rows set aside with their reason.
        rows_set_aside: u64,
    },
    /// The readiness of each category was judged.
    Checked {
        /// Categories that can be estimated.
        ready: usize,
        /// Categories that cannot.
        not_ready: usize,
    },
    /// Effects were estimated.
    Fitted {
        /// Hash of the lift model.
        model: ContentHash,
    },
    /// Estimates come from earlier facts: something is wrong with the new ones.
    Held {
        /// The facts that they come from.
        snapshot: SnapshotId,
        /// What is wrong with the new ones.
        reasons: Vec<String>,
    },
    /// What people know better was put in the place of estimates.
    Adjusted {
        /// Hash of the lift model to use; that of the estimates where no edit is in force.
        model: ContentHash,
        /// Numbers of the edits in force.
        edits: Vec<u32>,
    },
    /// The forecast was scored on history that it had not seen.
    Backtested {
        /// Hash of the scores.
        backtest: ContentHash,
    },
    /// New facts were set beside what the champion expected of them.
    Watched {
        /// What was found, and whether to fit again.
        watched: Box<Watched>,
    },
    /// A model is in the registry.
    Registered {
        /// How it came to be, and how it did.
        entry: Box<Registered>,
    },
    /// The gate looked at a challenger.
    Contested {
        /// What it found, and what follows.
        contested: Box<Contested>,
    },
    /// A named person made a model the champion.
    Appointed {
        /// Which, by whom and why.
        appointed: Box<Appointed>,
    },
    /// Demand was forecast.
    Forecast {
        /// Hash of the forecast.
        forecast: ContentHash,
    },
    /// Stock was projected.
    Projected {
        /// Hash of the projection.
        projection: ContentHash,
    },
    /// A plan was proposed.
    Planned {
        /// The plan.
        plan: PlanId,
        /// Its value in minor units.
        value: i64,
        /// Its proven bound in minor units.
        bound: i64,
    },
    /// The rest of the plan in force was planned anew, with its orders: it takes over where policy and people allow it.
    Revised {
        /// The plan that is proposed.
        plan: PlanId,
        /// The plan in force.
        former: PlanId,
        /// The facts that it knows.
        snapshot: SnapshotId,
        /// Hash of the lift model, as it is believed by now.
        model: ContentHash,
        /// Hash of the forecast without promotions, as it is believed by now.
        forecast: ContentHash,
        /// Its value in minor units, the changes paid.
        value: i64,
        /// Its proven bound in minor units.
        bound: i64,
    },
    /// Supply orders were raised for a plan.
    Supplied {
        /// The plan.
        plan: PlanId,
        /// Number of orders.
        orders: usize,
        /// Number of transfers.
        transfers: usize,
    },
    /// The plan was tried in the twin.
    Stressed {
        /// The plan.
        plan: PlanId,
        /// Hash of the outcome.
        outcome: ContentHash,
    },
    /// Policy judged the plan.
    Judged {
        /// The plan.
        plan: PlanId,
        /// The decision.
        decision: Decision,
    },
    /// A connector took the plan.
    Published {
        /// The plan.
        plan: PlanId,
        /// What the connector answered.
        receipt: Receipt,
    },
    /// The loop was stopped: nothing is planned or published until a named person lets it run again.
    Halted {
        /// Why, by whom, and what still holds.
        halt: Halt,
    },
    /// A named person let the loop run again, one rung at a time: in shadow first.
    Resumed {
        /// The person.
        by: String,
        /// Why.
        reason: String,
        /// Whether plans are made and judged and nothing is published.
        shadow: bool,
    },
    /// A step gave no result.
    Failed {
        /// The step.
        step: String,
        /// Why.
        reason: String,
    },
}

/// A stop, with what people can go on with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// Who stopped it: a person, or the check that did.
    pub by: String,
    /// Why, with its figures.
    pub reason: String,
    /// The plan that was published last: it stays where it is and people may change it by hand.
    pub plan: Option<PlanId>,
    /// The last forecast from before the stop.
    pub forecast: Option<ContentHash>,
}

/// What a connector answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Key of the effect: the same key never has a second effect.
    pub key: String,
    /// Where it went.
    pub connector: String,
    /// Hash of what it now holds there, read back.
    pub content: ContentHash,
}

/// What a policy of action came to in one simulated world; amounts in minor units.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outcome {
    /// Name of the policy.
    pub policy: String,
    /// Seed of the world.
    pub seed: u64,
    /// Revenue.
    pub revenue: i64,
    /// Gross margin: revenue less cost of what was sold.
    pub margin: i64,
    /// Margin with vendor money, after every cost below and the fixed cost of offers.
    pub profit: i64,
    /// Discount given on all promoted units.
    pub discount: i64,
    /// Pieces sold.
    pub sold: i64,
    /// Pieces sold on promotion.
    pub sold_promoted: i64,
    /// Pieces wanted and not there.
    pub lost: i64,
    /// Pieces thrown away.
    pub waste: i64,
    /// Pieces left at the end.
    pub left: i64,
    /// Share of item-place-periods with unmet demand.
    pub stockout_rate: f64,
    /// The same among promoted ones; 0 without promotions.
    pub stockout_rate_promoted: f64,
    /// The same among promoted ones late enough for an order of the first moment to come in time. Nothing without them.
    #[serde(default)]
    pub stockout_rate_in_time: Option<f64>,
    /// Pieces sold over pieces wanted.
    pub fill_rate: f64,
    /// Revenue of what was sold on promotion.
    pub promo_revenue: i64,
    /// Loss of value of leftovers of offers.
    pub write_down: i64,
    /// Cost of what was thrown away.
    pub waste_cost: i64,
    /// What faster deliveries cost more.
    pub expedite_cost: i64,
    /// Cost of moving pieces between places.
    pub transfer_cost: i64,
    /// Pieces moved between places.
    pub moved: i64,
    /// Pieces on hand or under way at the start, and pieces that came from suppliers.
    pub supplied: i64,
    /// Mean value of the stock at cost.
    pub stock_cost: i64,
    /// Error of the policy's forecasts of promoted items by item, place and period: sum of absolute errors over pieces
    /// wanted. Nothing when it gave none.
    pub forecast_error_place: Option<f64>,
    /// The same by item and period over all places.
    pub forecast_error_item: Option<f64>,
    /// Mean share of the core sizes of a style that a place has. Nothing in worlds without sizes.
    pub core_coverage: Option<f64>,
    /// Mean share of the pieces that lie in size runs with too few core sizes.
    pub fragmentation: Option<f64>,
}
