//! What an offer causes: effects by SKU, each with its uncertainty and the evidence behind it.

use crate::{AsOf, Calendar, Depth, Further, Group, Sku, SnapshotId, Span};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an effect is the effect of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Log units per log of own price over list price: an elasticity, usually negative.
    OwnPrice,
    /// Log units per log of the price index of the group's other items: usually positive.
    CrossPrice,
    /// Log units when advertised.
    Feature,
    /// Log units when displayed.
    Display,
    /// Log units per unit of the stock that earlier promotions left in households; usually negative. See
    /// [`LiftModel::dip_carry`].
    Dip,
}

/// How far an estimate can be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "status", content = "reason", rename_all = "snake_case")]
pub enum EffectStatus {
    /// The item's own history carries it.
    Estimated,
    /// Mostly borrowed from the group or the category; the reason says what the item lacks.
    Borrowed(String),
    /// The data cannot tell; the interval is wide and the reason says why.
    NotIdentified(String),
}

/// An estimate with its 95 % interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Estimate {
    /// Posterior mean after pooling.
    pub mean: f64,
    /// Posterior standard deviation.
    pub se: f64,
    /// Lower end of the 95 % interval.
    pub lo95: f64,
    /// Upper end of the 95 % interval.
    pub hi95: f64,
    /// Periods in which the item was promoted (for the dip: followed a promotion).
    pub periods_promoted: usize,
    /// How far it can be trusted.
    #[serde(flatten)]
    pub status: EffectStatus,
    /// What demand that promotions follow unseen would do to it; nothing where promotions play no part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<Sensitivity>,
}

/// Whether places that did not run a promotion sold more than usual in its periods: the trace of demand that whoever
/// set the promotion saw and the data do not show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum UnseenDemand {
    /// They did not, more likely than not.
    NotFound,
    /// They sold more, and the estimate is corrected for it.
    Found,
    /// They sold less: promotions were set when demand was weak, or shoppers changed places. Not corrected for.
    Negative,
    /// Every place ran every promotion, or too few did not: the data cannot tell.
    NotTestable,
}

impl UnseenDemand {
    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Found => "found",
            Self::Negative => "negative",
            Self::NotTestable => "not_testable",
        }
    }
}

/// How an estimate stands if promotions follow demand that the data do not show.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Sensitivity {
    /// Lower end of an interval that holds in 95 % of cases under such a signal, too.
    pub lo95: f64,
    /// Upper end of that interval.
    pub hi95: f64,
    /// What the places that did not run the promotions say.
    pub unseen: UnseenDemand,
    /// Log units by which demand in promoted periods would have to be higher for unseen reasons to let the interval
    /// contain 0, or 0 where it does already; nothing where no such signal would move the estimate.
    pub overturned_by: Option<f64>,
}

/// Shape of the answer to depth, chosen by the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CurveForm {
    /// Concave: deeper cuts bring ever less, and beyond a threshold only.
    Threshold,
    /// An elasticity that rises or falls evenly with the log of the price.
    Quadratic,
    /// Each class of depths by itself.
    Steps,
}

/// How the elasticity changes with depth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DepthCurve {
    /// Its shape.
    pub form: CurveForm,
    /// Depths, rising, with the factor on the own-price elasticity at each: straight between them, level beyond.
    pub factors: Vec<(Depth, f64)>,
}

/// Effect of one substitute's price on an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartnerEffect {
    /// The substitute.
    pub partner: Sku,
    /// Log units of the item per log of the substitute's price over its list price: usually positive.
    pub effect: Estimate,
}

/// Everything that is known about how one SKU answers to offers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// The item.
    pub sku: Sku,
    /// Items that substitute for it.
    pub group: Group,
    /// Share of the group's units that it sells, which weighs its price in the group's index.
    pub share_in_group: f64,
    /// Elasticity of own price.
    pub own_price: Estimate,
    /// How that elasticity changes with depth; nothing where a constant one explains the history as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<DepthCurve>,
    /// Elasticity to the prices of the group's other items together.
    pub cross_price: Estimate,
    /// Elasticities to the prices of single substitutes, the largest ones that were ever promoted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partners: Vec<PartnerEffect>,
    /// Log lift when advertised.
    pub feature: Estimate,
    /// Log lift when displayed.
    pub display: Estimate,
    /// Log units lost per unit of household stock.
    pub dip: Estimate,
    /// Largest depth seen in the item's own history; beyond it a lift is extrapolated.
    pub depth_seen_max: Depth,
    /// What only some histories can tell.
    #[serde(default)]
    pub further: Further,
}

/// Effects of all SKUs, with everything needed to say where they came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LiftModel {
    /// Facts it was estimated from; nothing when it came from a panel file.
    pub snapshot: Option<SnapshotId>,
    /// When those facts were known.
    pub as_of: Option<AsOf>,
    /// History that was used.
    pub span: Span,
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// Version of the code that estimated it.
    pub code_version: String,
    /// Seed of whatever was random.
    pub seed: u64,
    /// Share of the household stock of earlier promotions that is left one period later:
    /// `stock(t) = dip_carry * stock(t-1) + log_lift(t)`, and period t+1 loses `dip * stock(t)` in log units.
    pub dip_carry: f64,
    /// One response per SKU, sorted by SKU.
    pub responses: Vec<Response>,
}

impl EffectKind {
    /// Every effect, in the order of the effects table.
    pub const ALL: [Self; 5] = [Self::OwnPrice, Self::CrossPrice, Self::Feature, Self::Display, Self::Dip];

    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::OwnPrice => "own_price",
            Self::CrossPrice => "cross_price",
            Self::Feature => "feature",
            Self::Display => "display",
            Self::Dip => "dip",
        }
    }
}

impl fmt::Display for EffectStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Estimated => f.write_str("estimated"),
            Self::Borrowed(reason) => write!(f, "borrowed: {reason}"),
            Self::NotIdentified(reason) => write!(f, "not identified: {reason}"),
        }
    }
}

impl Response {
    /// Returns the estimate of one effect.
    pub fn effect(&self, kind: EffectKind) -> &Estimate {
        match kind {
            EffectKind::OwnPrice => &self.own_price,
            EffectKind::CrossPrice => &self.cross_price,
            EffectKind::Feature => &self.feature,
            EffectKind::Display => &self.display,
            EffectKind::Dip => &self.dip,
        }
    }

    /// Returns the effect of one substitute's price, where it has one of its own.
    pub fn partner(&self, partner: &Sku) -> Option<&Estimate> {
        self.partners.iter().find(|known| known.partner == *partner).map(|known| &known.effect)
    }

    /// Elasticity to the prices of the substitutes without an effect of their own, together; 0 or more where some have.
    pub fn cross_price_of_the_rest(&self) -> f64 {
        if self.partners.is_empty() {
            return self.cross_price.mean;
        }
        (self.cross_price.mean - self.partners.iter().map(|known| known.effect.mean.max(0.0)).sum::<f64>()).max(0.0)
    }

    /// Log of promoted over baseline demand, and its standard error, for a depth and a support of 0..=1 each.
    ///
    /// Effects are taken as independent. `exp` of the first is the median lift, which decisions use: the mean of a
    /// lognormal grows with its own uncertainty and would favour the items known least.
    pub fn log_lift(&self, depth: Depth, feature: f64, display: f64) -> (f64, f64) {
        let factor = self.curve.as_ref().map_or(1.0, |curve| curve.factor(depth.share()));
        let terms =
            [(&self.own_price, factor * depth.price_ratio().ln()), (&self.feature, feature), (&self.display, display)];
        let mean = terms.iter().map(|(effect, x)| effect.mean * x).sum();
        let variance: f64 = terms.iter().map(|(effect, x)| (effect.se * x).powi(2)).sum();
        (mean, variance.sqrt())
    }
}

impl DepthCurve {
    /// Returns the factor on the elasticity at a depth, a share of the price.
    pub fn factor(&self, depth: f64) -> f64 {
        let next = self.factors.partition_point(|(at, _)| at.share() < depth);
        match (next.checked_sub(1).map(|before| self.factors[before]), self.factors.get(next)) {
            (None, None) => 1.0,
            (Some((_, only)), None) => only,
            (None, Some((_, only))) => *only,
            (Some((low, from)), Some((high, to))) => {
                from + (to - from) * (depth - low.share()) / (high.share() - low.share())
            }
        }
    }
}

impl LiftModel {
    /// Finds the response of a SKU.
    pub fn response(&self, sku: &Sku) -> Option<&Response> {
        let at = self.responses.binary_search_by(|response| response.sku.cmp(sku)).ok()?;
        Some(&self.responses[at])
    }
}
