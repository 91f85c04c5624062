//! The shock library: what can hit a world while a plan runs.
//!
//! A shock is a named entry with a date, a scope and a size. Entries on `standby` wait in the scenario's library until
//! they are asked for by name.

use crate::{CellSpec, TwinError, WorldSpec};
use endcap_model::{Calendar, Group, Period, Place, Sku, Span};
use serde::{Deserialize, Serialize};

/// What a shock does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShockKind {
    /// Demand is multiplied by `size`: a collapse below 1, a rush above. Without an end it is a break of level.
    Demand,
    /// Stores are shut: nobody buys and nobody is turned away. Has no size.
    Closure,
    /// Of every order placed in the time, the share `size` never comes.
    SupplyCut,
    /// Every order placed in the time comes `size` periods later than announced.
    LateDelivery,
    /// Competitors sell at `size` times their usual price.
    CompetitorAttack,
    /// Shoppers answer to offers with `size` times their usual strength.
    RegimeBreak,
    /// The feed of sales and stock shows `size` times what is true; the world goes on undisturbed.
    TamperedFeed,
}

/// The first period of a shock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Moment {
    /// Counted from the start of the world, whose first period is 0.
    After(usize),
    /// A period as the world's calendar writes it.
    On(String),
}

/// A shock with what and whom it hits. What is absent hits all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shock {
    /// Name by which it is switched on and told apart.
    #[serde(default)]
    pub name: Option<String>,
    /// What it does.
    pub kind: ShockKind,
    /// Its size, as the kind says.
    #[serde(default)]
    pub size: Option<f64>,
    /// First period.
    pub from: Moment,
    /// Number of periods; to the end when absent.
    #[serde(default)]
    pub periods: Option<usize>,
    /// One item only.
    #[serde(default)]
    pub sku: Option<Sku>,
    /// One group of substitutes only.
    #[serde(default)]
    pub group: Option<Group>,
    /// One store only.
    #[serde(default)]
    pub place: Option<Place>,
    /// One region only.
    #[serde(default)]
    pub region: Option<Place>,
    /// Whether it waits in the library until it is asked for by name.
    #[serde(default)]
    pub standby: bool,
}

impl Moment {
    /// Returns the first period in a world of this calendar and span; nothing when the text is no period of it.
    fn period(&self, calendar: Calendar, span: Span) -> Option<Period> {
        match self {
            Self::After(periods) => Some(span.start.plus(i32::try_from(*periods).ok()?)),
            Self::On(text) => calendar.parse(text).ok(),
        }
    }
}

impl ShockKind {
    /// Largest size, and what would be taken.
    fn sizes(self) -> (f64, &'static str) {
        match self {
            Self::Demand | Self::RegimeBreak | Self::TamperedFeed => (1000.0, "a factor from 0 to 1000"),
            Self::SupplyCut => (1.0, "a share from 0 to 1"),
            Self::Closure => (1.0, "no size, or 1"),
            Self::LateDelivery => (52.0, "0 to 52 periods"),
            Self::CompetitorAttack => (2.0, "a factor on their usual price from 0.05 to 2"),
        }
    }
}

impl Shock {
    /// Checks its date, its size and that it hits some cell.
    ///
    /// # Errors
    /// [`TwinError::Setting`] for a date or size outside its range, or filters that no cell passes.
    pub fn check(&self, calendar: Calendar, span: Span, cells: &[CellSpec]) -> Result<(), TwinError> {
        let refuse =
            |field: &str, found: String, expected| Err(TwinError::Setting { field: field.to_owned(), found, expected });
        if self.from.period(calendar, span).is_none() {
            let found = format!("{:?}", self.from);
            return refuse("shock.from", found, "a number of periods, or a period of the world's calendar");
        }
        let (high, expected) = self.kind.sizes();
        let low = if self.kind == ShockKind::CompetitorAttack { 0.05 } else { 0.0 };
        match (self.kind, self.size) {
            (ShockKind::Closure, None) => {}
            (_, Some(size)) if (low..=high).contains(&size) => {}
            (_, size) => {
                return refuse("shock.size", size.map_or("missing".to_owned(), |size| size.to_string()), expected);
            }
        }
        let of_items = matches!(self.kind, ShockKind::CompetitorAttack | ShockKind::RegimeBreak);
        if let Some(place) = self.place.as_ref().or(self.region.as_ref()).filter(|_| of_items) {
            return refuse("shock.place", place.to_string(), "no place or region: it hits items everywhere");
        }
        if !cells.iter().any(|cell| self.hits(cell)) {
            let named = [self.sku.as_ref().map(Sku::as_str), self.group.as_ref().map(Group::as_str)];
            let placed = [self.place.as_ref().map(Place::as_str), self.region.as_ref().map(Place::as_str)];
            let found = named.into_iter().chain(placed).flatten().collect::<Vec<_>>().join(" at ");
            return refuse("shock", found, "an item, group, store or region of the world");
        }
        Ok(())
    }

    /// Returns what it multiplies demand by; nothing when it leaves demand alone.
    pub(crate) fn demand_factor(&self) -> Option<f64> {
        match self.kind {
            ShockKind::Demand => self.size,
            ShockKind::Closure => Some(0.0),
            _ => None,
        }
    }

    /// Returns the share of new orders that never comes; nothing when it leaves quantities alone.
    pub(crate) fn missing_share(&self) -> Option<f64> {
        self.size_of(ShockKind::SupplyCut)
    }

    /// Returns the periods that new orders come later; nothing when it leaves time alone.
    pub(crate) fn delay(&self) -> Option<usize> {
        self.size_of(ShockKind::LateDelivery).map(|size| size.round() as usize)
    }

    /// Returns competitors' price over their usual one; nothing when it leaves them alone.
    pub(crate) fn rival_ratio(&self) -> Option<f64> {
        self.size_of(ShockKind::CompetitorAttack)
    }

    /// Returns what it multiplies the strength of response by; nothing when it leaves that alone.
    pub(crate) fn response_factor(&self) -> Option<f64> {
        self.size_of(ShockKind::RegimeBreak)
    }

    /// Returns what it multiplies the feed by; nothing when it leaves the feed alone.
    pub(crate) fn feed_factor(&self) -> Option<f64> {
        self.size_of(ShockKind::TamperedFeed)
    }

    fn size_of(&self, kind: ShockKind) -> Option<f64> {
        if self.kind == kind { self.size } else { None }
    }

    /// Returns the first period of the shock, at the earliest the world's.
    pub(crate) fn start(&self, spec: &WorldSpec) -> Period {
        self.from.period(spec.calendar(), spec.span()).unwrap_or(spec.span().end).max(spec.span().start)
    }

    /// Returns whether the shock is on in a period of the world.
    pub(crate) fn is_on(&self, spec: &WorldSpec, period: Period) -> bool {
        let Some(from) = self.from.period(spec.calendar(), spec.span()) else { return false };
        let since = i64::from(period.0) - i64::from(from.0);
        since >= 0 && self.periods.is_none_or(|periods| since < periods as i64)
    }

    /// Returns whether the shock hits a cell.
    pub(crate) fn hits(&self, cell: &CellSpec) -> bool {
        self.sku.as_ref().is_none_or(|sku| *sku == cell.sku)
            && self.group.as_ref().is_none_or(|group| *group == cell.group)
            && self.place.as_ref().is_none_or(|place| *place == cell.place)
            && self.region.as_ref().is_none_or(|region| *region == cell.region)
    }
}
