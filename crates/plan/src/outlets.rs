//! What an offer does beyond its group of substitutes: to other categories in the region (halo, pantry loading) and to
//! the same item in other channels.
//!
//! Each extra piece sells `share` pieces of the others, or keeps them from being sold, spread evenly over some periods
//! and over the others by their baseline; never more are lost than the baseline has. First order: the others are taken
//! at list price.
//!
//! Source: cross-category effects of promotions in Leeflang and Parreño-Selva (2012), Journal of the Academy of
//! Marketing Science; the split by baseline and the even spread are ours.

use crate::cells::{Line, beyond};
use crate::terms::{PlanError, PlanInput};
use endcap_model::{CrossEffect, Place};
use std::collections::BTreeMap;

/// Items that gain or lose by an offer, taken together.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outlet {
    /// Pieces per extra piece in each of the periods.
    pub share: f64,
    /// Periods after the offer.
    pub first: usize,
    pub periods: usize,
    pub others: Others,
}

/// Baseline of some items by period of the span: pieces, their margin and their revenue, in minor units.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Others {
    pub pieces: Vec<f64>,
    pub margin: Vec<f64>,
    pub revenue: Vec<f64>,
}

/// What an offer moves elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moved {
    pub pieces: f64,
    /// Margin gained; 0 or more.
    pub gained: f64,
    /// Margin lost; 0 or less.
    pub lost: f64,
    pub revenue: f64,
}

/// Sums of the items that each effect reaches in each region.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reach {
    sums: BTreeMap<(usize, Place), Others>,
}

impl Others {
    fn add(&mut self, line: &Line, sign: f64) {
        let (margin, price) = (line.margin(), line.item.list_price as f64);
        for at in 0..line.periods() {
            let pieces = sign * line.baseline(at, None);
            for (sums, amount) in
                [(&mut self.pieces, pieces), (&mut self.margin, pieces * margin), (&mut self.revenue, pieces * price)]
            {
                sums.resize(line.periods(), 0.0);
                sums[at] += amount;
            }
        }
    }
}

impl Reach {
    /// Adds up the items that the effects reach.
    ///
    /// # Errors
    /// [`PlanError::IdleRule`] for an effect that comes from or reaches nothing.
    pub fn new(input: &PlanInput, lines: &[Line]) -> Result<Self, PlanError> {
        let mut sums: BTreeMap<(usize, Place), Others> = BTreeMap::new();
        for (number, effect) in input.scenario.effects.iter().enumerate() {
            let reached = || lines.iter().filter(|line| line.tags.fit(&effect.to));
            if reached().next().is_none() || !lines.iter().any(|line| line.tags.fit(&effect.from)) {
                return Err(PlanError::IdleRule { rule: format!("effect '{}'", effect.name) });
            }
            for line in reached().filter(|_| !effect.same_item) {
                sums.entry((number, line.region.clone())).or_default().add(line, 1.0);
            }
        }
        Ok(Self { sums })
    }

    /// Outlets of offers of a line.
    pub fn outlets(&self, input: &PlanInput, line: &Line, lines: &[Line]) -> Vec<Outlet> {
        let effects = input.scenario.effects.iter().enumerate();
        let own = effects.filter(|(_, effect)| line.tags.fit(&effect.from));
        own.map(|(number, effect)| Outlet {
            share: effect.share / effect.periods as f64,
            first: effect.first,
            periods: effect.periods,
            others: self.others(number, effect, line, lines),
        })
        .collect()
    }

    fn others(&self, number: usize, effect: &CrossEffect, line: &Line, lines: &[Line]) -> Others {
        let mut others = Others::default();
        if effect.same_item {
            let same = lines.iter().filter(|other| other.sku == line.sku && other.region != line.region);
            same.filter(|other| other.tags.fit(&effect.to)).for_each(|other| others.add(other, 1.0));
        } else if let Some(sums) = self.sums.get(&(number, line.region.clone())) {
            others = sums.clone();
            if line.tags.fit(&effect.to) {
                others.add(line, -1.0);
            }
        }
        others
    }
}

impl Outlet {
    /// What so many extra pieces in a period move.
    pub fn moved(&self, period: usize, extra: f64, season: Option<usize>) -> Moved {
        let mut moved = Moved::default();
        if self.others.pieces.is_empty() {
            return moved;
        }
        for later in period + self.first..period + self.first + self.periods {
            let there = beyond(&self.others.pieces, later, season);
            if there <= 1e-9 {
                continue;
            }
            let pieces = (extra * self.share).max(-there);
            let margin = pieces * beyond(&self.others.margin, later, season) / there;
            moved.pieces += pieces;
            moved.gained += margin.max(0.0);
            moved.lost += margin.min(0.0);
            moved.revenue += pieces * beyond(&self.others.revenue, later, season) / there;
        }
        moved
    }
}
