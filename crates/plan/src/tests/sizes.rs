//! Missing sizes: no price is lowered where sizes, and not the price, make a style slow.

use super::{lock, shop};
use endcap_model::*;

#[test]
fn what_lacks_sizes_is_not_offered_and_the_report_says_why() {
    let mut shop = shop();
    let free = shop.plan();
    let offered = free.offers[0].clone();
    shop.broken.insert((offered.sku.clone(), offered.place.clone()), 0.4);
    let plan = shop.plan();
    let here = |sku: &Sku, place: &Place| *sku == offered.sku && *place == offered.place;
    assert!(plan.offers.iter().all(|offer| !here(&offer.sku, &offer.place)), "{:?}", plan.offers);
    assert!(!plan.offers.is_empty(), "the others are offered");
    let causes: Vec<&Because> =
        plan.report.rejected.iter().filter(|row| here(&row.sku, &row.place)).map(|row| &row.because).collect();
    assert!(!causes.is_empty());
    assert!(causes.iter().all(|because| **because == Because::SizesMissing { covered: 0.4 }), "{causes:?}");
}

#[test]
fn a_person_may_still_lock_an_offer_where_sizes_are_missing() {
    let mut shop = shop();
    shop.broken.insert(("s2".into(), "a".into()), 0.4);
    shop.scenario.limits.locks = vec![lock("s2", Some("a"), Some("104"), 0.2)];
    let plan = shop.plan();
    let locked: Vec<&Offer> =
        plan.offers.iter().filter(|offer| offer.sku == "s2".into() && offer.place == "a".into()).collect();
    assert!(locked.len() == 1 && locked[0].span.start == Period(104), "{locked:?}");
}
