//! Promotions that were planned and that no sale shows: at the till they never ran.
//!
//! Nothing is learnt from them: effects come from the prices and support that were run, never from plans. But whoever reads a
//! plan beside its outcome has to know that there was none.

use crate::prepare::PROMOTED_RATIO;
use endcap_model::{Offer, Panel, Place};
use serde::Serialize;
use std::collections::BTreeMap;

/// A planned offer without a trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NeverRan {
    /// What was planned.
    #[serde(flatten)]
    pub offer: Offer,
    /// Sales of the item in its places and periods, all at another price and without support.
    pub cells: usize,
}

/// Finds the offers whose periods are over, whose item was sold where they should have run, and of which no sale shows a trace: no
/// price near the planned one, no advert, no display. `regions` tells in which region each place is.
pub fn never_ran(offers: &[Offer], panel: &Panel, regions: &BTreeMap<Place, Place>) -> Vec<NeverRan> {
    let Some(sold) = panel.span() else { return vec![] };
    let c = panel.columns();
    let over = offers.iter().filter(|offer| sold.start <= offer.span.start && offer.span.end <= sold.end);
    let found = over.filter_map(|offer| {
        let sku = panel.skus().iter().position(|entry| entry.sku == offer.sku)?;
        let cells: Vec<usize> = panel
            .rows_of(sku)
            .filter(|&row| offer.span.contains(c.period[row]))
            .filter(|&row| {
                let place = &panel.places()[c.place[row] as usize].place;
                *place == offer.place || regions.get(place) == Some(&offer.place)
            })
            .collect();
        // Half of the planned cut is a trace; a cut that no promotion shows cannot be looked for.
        let near = (1.0 - 0.5 * offer.depth.share()).max(PROMOTED_RATIO);
        let can_be_seen = offer.depth.share() >= 1.0 - PROMOTED_RATIO || offer.support.feature || offer.support.display;
        let trace =
            |&row: &usize| c.price[row] <= near * c.base_price[row] || c.feature[row] > 0.0 || c.display[row] > 0.0;
        let none = can_be_seen && !cells.is_empty() && !cells.iter().any(trace);
        none.then(|| NeverRan { offer: offer.clone(), cells: cells.len() })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::weekly;
    use crate::{FitSettings, events, fit};
    use endcap_model::{Depth, Mechanic, Period, Span, Support};

    fn offer(at: i32) -> Offer {
        Offer {
            sku: "a".into(),
            place: "x".into(),
            span: Span::of_length(Period(at), 1),
            mechanic: Mechanic::Tpr,
            depth: Depth::from_share(0.2).unwrap(),
            support: Support::default(),
        }
    }

    #[test]
    fn a_promotion_that_was_planned_and_never_ran_is_found_and_not_learned_from() {
        // Weeks 3, 8, 13 and so on were at a fifth off; week 10 was not, whatever was planned.
        let panel = weekly("a", 60);
        let found = never_ran(&[offer(8), offer(10), offer(70)], &panel, &BTreeMap::new());
        assert_eq!(found, [NeverRan { offer: offer(10), cells: 1 }]);
        let fitted = fit(&panel, &FitSettings::default(), &|_, _| {}).unwrap();
        let told = events(&fitted, &panel);
        assert!(told.iter().any(|event| event.span.contains(Period(8))));
        assert!(!told.iter().any(|event| event.span.contains(Period(10))), "no outcome is made up for it");
    }

    #[test]
    fn an_offer_too_shallow_to_be_seen_and_one_for_an_item_that_was_not_sold_are_not_accused() {
        let panel = weekly("a", 60);
        let shallow = Offer { depth: Depth::from_share(0.02).unwrap(), ..offer(10) };
        let elsewhere = Offer { place: "y".into(), ..offer(10) };
        let stranger = Offer { sku: "b".into(), ..offer(10) };
        assert_eq!(never_ran(&[shallow, elsewhere, stranger], &panel, &BTreeMap::new()), []);
        let region = BTreeMap::from([("x".into(), "north".into())]);
        assert_eq!(never_ran(&[Offer { place: "north".into(), ..offer(10) }], &panel, &region).len(), 1);
    }
}
