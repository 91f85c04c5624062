//! Effects that only some histories can tell: those of columns that not every panel has, and those that are reported only
//! where the evidence asks for them.

use crate::Estimate;
use serde::{Deserialize, Serialize};

/// What a further effect is the effect of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FurtherKind {
    /// Log lift of a kind of promotion beyond its price, advert and display.
    Mechanic,
    /// Log units per log of the competitor's price at the same own price: usually positive.
    CompetitorPrice,
    /// Log units per unit of the discount that shoppers remember: what repeated offers cost sales at any price.
    ReferencePrice,
    /// Change of the own-price elasticity per unit of the discount that shoppers remember: positive where repeated offers
    /// bring ever less.
    WearOut,
    /// Log units per log of the price index of another group: negative where its promotions bring shoppers in.
    Halo,
    /// Own-price elasticity in one cluster of places.
    OwnPriceInCluster,
    /// Log units in the period before a promotion: no effect can come before its cause, so that this is either shoppers who
    /// wait or a promotion that follows demand.
    NextPromotion,
}

/// A further effect of one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FurtherEffect {
    /// What it is the effect of.
    pub kind: FurtherKind,
    /// Name of the mechanic, the group or the cluster; empty where there is only one.
    pub of: String,
    /// The effect.
    pub effect: Estimate,
}

/// What else is known about the response of one item.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Further {
    /// Periods in which it was seen at its list price; nothing where that was not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub periods_at_list: Option<usize>,
    /// Effects, in the order of their kinds and names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<FurtherEffect>,
}

impl FurtherKind {
    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mechanic => "mechanic",
            Self::CompetitorPrice => "competitor_price",
            Self::ReferencePrice => "reference_price",
            Self::WearOut => "wear_out",
            Self::Halo => "halo",
            Self::OwnPriceInCluster => "own_price_in_cluster",
            Self::NextPromotion => "next_promotion",
        }
    }
}

impl Further {
    /// Finds an effect by its kind and name.
    pub fn effect(&self, kind: FurtherKind, of: &str) -> Option<&Estimate> {
        self.effects.iter().find(|effect| effect.kind == kind && effect.of == of).map(|found| &found.effect)
    }
}
