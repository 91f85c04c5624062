//! The shock library: what can hit a world while a plan runs.

use crate::{CellSpec, TwinError};
use endcap_model::{Group, Period, Place, Sku, Span};
use serde::{Deserialize, Serialize};

/// What a shock does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShockKind {
    /// Demand is multiplied by `size`: a collapse below 1, a rush above. Without an end it is a break of regime.
    Demand,
    /// Stores are shut: nobody buys and nobody is turned away. Has no size.
    Closure,
    /// Of every order placed in the time, the share `size` never comes.
    SupplyCut,
}

/// A shock with what and whom it hits. What is absent hits all.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shock {
    /// What it does.
    pub kind: ShockKind,
    /// Its size, as the kind says.
    #[serde(default)]
    pub size: Option<f64>,
    /// First period, counted from the start of the world (0 is its first).
    pub from: usize,
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
}

impl Shock {
    /// Checks its size and that it hits some cell.
    ///
    /// # Errors
    /// [`TwinError::Setting`] for a size outside its range, or filters that no cell passes.
    pub fn check(&self, cells: &[CellSpec]) -> Result<(), TwinError> {
        let refuse =
            |field: &str, found: String, expected| Err(TwinError::Setting { field: field.to_owned(), found, expected });
        let (high, expected) = match self.kind {
            ShockKind::Demand => (1000.0, "a factor from 0 to 1000"),
            ShockKind::SupplyCut => (1.0, "a share from 0 to 1"),
            ShockKind::Closure => (1.0, "no size, or 1"),
        };
        match (self.kind, self.size) {
            (ShockKind::Closure, None) => {}
            (_, Some(size)) if (0.0..=high).contains(&size) => {}
            (_, size) => {
                return refuse("shock.size", size.map_or("missing".to_owned(), |size| size.to_string()), expected);
            }
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
            ShockKind::SupplyCut => None,
        }
    }

    /// Returns the share of new orders that never comes; nothing when it leaves supply alone.
    pub(crate) fn missing_share(&self) -> Option<f64> {
        if self.kind == ShockKind::SupplyCut { self.size } else { None }
    }

    /// Returns whether the shock is on in a period of a world with this span.
    pub(crate) fn is_on(&self, span: Span, period: Period) -> bool {
        let since = i64::from(period.0) - i64::from(span.start.0);
        let from = self.from as i64;
        since >= from && self.periods.is_none_or(|periods| since < from.saturating_add(periods as i64))
    }

    /// Returns whether the shock hits a cell.
    pub(crate) fn hits(&self, cell: &CellSpec) -> bool {
        self.sku.as_ref().is_none_or(|sku| *sku == cell.sku)
            && self.group.as_ref().is_none_or(|group| *group == cell.group)
            && self.place.as_ref().is_none_or(|place| *place == cell.place)
            && self.region.as_ref().is_none_or(|region| *region == cell.region)
    }
}
