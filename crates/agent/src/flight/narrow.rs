//! Narrow: an offer is taken back at places whose shelf cannot hold it, before it begins there.
//!
//! Where pieces are short, a lower price sells the same ones for less and leaves more people before an empty shelf. What a
//! store's shelf would do with and without the offer is played; it is taken back where that earns more than the broken
//! promise costs, and where the shelf runs empty more often than the scenario's `limits.stockout_probability_max` allows (but
//! never for less than one case in ten).

use super::stage::Stage;
use super::trial::Effect;
use endcap_model::{Forecast, Offer, Period, Place, Sku};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The least limit on running empty that a trial's few paths can tell.
const RISK_MIN: f64 = 0.1;

/// An offer that is taken back at a place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "schema", schema(as = NarrowedOffer))]
pub struct Narrowed {
    /// The item.
    pub sku: Sku,
    /// The store.
    pub place: Place,
    /// The period in which it does not run.
    #[cfg_attr(feature = "schema", schema(value_type = i32))]
    pub period: Period,
    /// Depth of the offer.
    pub depth: f64,
    /// Pieces wanted there in that period with the offer.
    pub wanted: f64,
    /// What that does.
    pub effect: Effect,
}

/// Finds the places at which offers of the first period are better taken back; `promise` is what each costs, in minor units.
pub fn narrowed(stage: &Stage, forecast: &Forecast, offers: &[Offer], promise: f64) -> Vec<Narrowed> {
    let risk_max = stage.stockout_max().max(RISK_MIN);
    let period = stage.span().start;
    let running: Vec<&Offer> = offers.iter().filter(|offer| offer.span.contains(period)).collect();
    let skus: BTreeSet<&Sku> = running.iter().map(|offer| &offer.sku).collect();
    let with = stage.course(forecast, offers, &skus);
    let without = with.without_first(stage, forecast, period);
    let mut found = vec![];
    for offer in running {
        for place in stage.stores(&offer.place) {
            let effect = stage.tried(&offer.sku, [place], (&with, &without));
            let risky = effect.stockout[0] > risk_max && effect.stockout[1] < effect.stockout[0];
            if (effect.mean > promise || risky) && effect.lost[1] < effect.lost[0] {
                let (sku, depth) = (offer.sku.clone(), offer.depth.share());
                let wanted = with.wanted_first(&sku, place);
                found.push(Narrowed { sku, place: place.clone(), period, depth, wanted, effect });
            }
        }
    }
    found
}

/// The offers of a period, store by store where they were narrowed.
pub fn left(stage: &Stage, offers: &[Offer], narrowed: &[Narrowed]) -> Vec<Offer> {
    let mut left = vec![];
    for offer in offers {
        let gone: BTreeSet<&Place> = narrowed
            .iter()
            .filter(|one| one.sku == offer.sku && offer.span.contains(one.period))
            .map(|one| &one.place)
            .collect();
        if gone.is_empty() {
            left.push(offer.clone());
            continue;
        }
        let stores = stage.stores(&offer.place).filter(|store| !gone.contains(store));
        left.extend(stores.map(|store| Offer { place: store.clone(), ..offer.clone() }));
    }
    left
}
