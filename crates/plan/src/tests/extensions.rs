//! The extensions of the promotional knapsack, each with its example scenario against every plan there is.

use super::small::{Tried, assert_optimal, example, set_stock, small, two_regions};
use crate::*;
use endcap_model::*;

fn used(plan: &[Tried], of: &dyn Fn(&Tried) -> bool, amount: &dyn Fn(&Tried) -> i64) -> i64 {
    plan.iter().filter(|tried| of(tried)).map(amount).sum()
}

fn spend(tried: &Tried) -> i64 {
    tried.choice.worth.budget
}

fn limit<'a>(proposal: &'a Proposal, name: &str) -> &'a LimitPrice {
    proposal.report.limits.iter().find(|limit| limit.limit.starts_with(name)).unwrap()
}

#[test]
fn stock_outs_offers_that_too_many_stores_would_run_out_of_are_forbidden() {
    let mut shop = example(small(), include_str!("../../../../examples/extensions/stock-outs.toml"));
    // The first delivery comes in the third period; until then butter lives on 90 pieces, a promotion in the first
    // period included, and usual sales take 21 to 26 a period.
    set_stock(&mut shop, "butter", 60);
    let proposal = assert_optimal(&shop, &|_| true);
    let report = &proposal.report;
    assert!(report.offers.iter().all(|e| e.stockout_probability <= 0.10), "{:?}", report.offers);
    let stopped = report.rejected.iter().filter(|r| r.sku.as_str() == "butter");
    let why = |r: &RejectedOffer| matches!(&r.because, Because::Forbidden { rule } if rule.starts_with("stock-outs"));
    assert!(stopped.clone().any(why), "{:?}", stopped.collect::<Vec<_>>());
    // Ordered periods are covered up to the promise.
    assert!(proposal.offers.iter().any(|offer| offer.span.start == Period(102)));
    shop.scenario.limits.stockout_probability_max = 1.0;
    let bold = assert_optimal(&shop, &|_| true);
    assert!(bold.report.value >= report.value);
    assert!(bold.report.offers.iter().any(|e| e.stockout_probability > 0.10));
}

#[test]
fn vendor_funds_are_pulled_through_up_to_their_cap() {
    let shop = example(small(), include_str!("../../../../examples/extensions/vendor-funds.toml"));
    let funds = |tried: &Tried| tried.choice.worth.pnl.vendor_funding;
    let proposal = assert_optimal(&shop, &|plan| {
        let north = used(plan, &|tried| tried.is("butter") || tried.is("bread"), &funds);
        north <= 15_000 && used(plan, &|tried| tried.is("cream"), &|_| 1) >= 2
    });
    let north = limit(&proposal, "funds of north");
    assert!(north.used > 0 && north.used <= north.available && north.available == 15_000, "{north:?}");
    assert!(limit(&proposal, "weeks of south").used >= 2);
    // Without the cap more is earned; without any funds less.
    let mut free = example(small(), include_str!("../../../../examples/extensions/vendor-funds.toml"));
    free.scenario.items.vendor_funding.get_mut("north").unwrap().most = None;
    assert!(free.plan().report.value > proposal.report.value);
    free.scenario.items.vendor_funding.clear();
    assert!(free.plan().report.value < proposal.report.value);
}

#[test]
fn offers_beyond_a_vendors_cap_may_run_without_its_money() {
    let mut shop = example(small(), include_str!("../../../../examples/extensions/vendor-funds.toml"));
    shop.scenario.items.vendor_funding.get_mut("north").unwrap().most = Some(0.0);
    shop.scenario.limits.pools.clear();
    let proposal = assert_optimal(&shop, &|plan| {
        used(plan, &|_| true, &|t| match t.is("cream") {
            true => 0,
            false => t.choice.worth.pnl.vendor_funding,
        }) == 0
    });
    let north = proposal.report.offers.iter().filter(|e| e.offer.sku.as_str() == "bread");
    assert!(north.clone().count() > 0 && north.clone().all(|e| e.pnl.vendor_funding == 0));
}

#[test]
fn markdown_and_promotion_share_the_last_stock_and_never_add_up() {
    let mut shop = example(small(), include_str!("../../../../examples/extensions/markdown.toml"));
    set_stock(&mut shop, "bread", 190);
    // Stores a1 and a2 sell 35 + 38 pieces and period mod 3 more.
    let excess = 190 - (36 + 37 + 35) + 190 - (39 + 40 + 38);
    let proposal = assert_optimal(&shop, &|plan| {
        let bread = |kind: OfferKind| plan.iter().filter(move |t| t.is("bread") && t.list.kind == kind);
        let marked: Vec<_> = bread(OfferKind::Markdown).collect();
        let down = marked.iter().map(|tried| tried.choice.period).min();
        let to_the_end = down.is_none_or(|down| marked.len() == 3 - down);
        let one_depth = marked.windows(2).all(|two| two[0].choice.depth == two[1].choice.depth);
        let after = bread(OfferKind::Promotion).any(|tried| down.is_some_and(|down| tried.choice.period >= down));
        let stock = used(plan, &|tried| tried.is("bread"), &|tried| tried.choice.worth.stock);
        to_the_end && one_depth && !after && stock <= excess
    });
    let marked: Vec<_> = proposal.report.offers.iter().filter(|e| e.kind == OfferKind::Markdown).collect();
    assert!(!marked.is_empty() && marked.last().unwrap().offer.span.end == shop.span.end, "{:#?}", proposal.report);
    assert!(marked.iter().all(|e| e.pnl.leftover_avoided > 0 && e.pnl.fixed == 0));
    let stock = limit(&proposal, "stock bread a");
    assert_eq!(stock.available, excess);
    // With nothing left over there is nothing to clear.
    set_stock(&mut shop, "bread", 100);
    assert!(
        assert_optimal(&shop, &|plan| plan.iter().all(|t| !t.is("bread")))
            .offers
            .iter()
            .all(|o| o.sku.as_str() != "bread")
    );
}

#[test]
fn cross_category_effects_are_counted_where_and_when_they_fall() {
    let shop = example(small(), include_str!("../../../../examples/extensions/cross-category.toml"));
    let proposal = assert_optimal(&shop, &|_| true);
    let bread: Vec<_> = proposal.report.offers.iter().filter(|e| e.offer.sku.as_str() == "bread").collect();
    assert!(!bread.is_empty());
    for e in bread {
        let extra = e.promoted_units - e.baseline_units;
        // A piece of butter earns 5.50, one of cream 5.70.
        assert!((e.pnl.halo as f64 - 0.3 * extra * 550.0).abs() <= 1.0, "{e:?}");
        assert!((e.pnl.taken_elsewhere as f64 + 0.2 * extra * 570.0).abs() <= 1.0, "{e:?}");
    }
    let mut alone = example(small(), include_str!("../../../../examples/extensions/cross-category.toml"));
    alone.scenario.effects.clear();
    let count = |proposal: &Proposal| proposal.offers.iter().filter(|offer| offer.sku.as_str() == "bread").count();
    assert!(count(&proposal) >= count(&alone.plan()));
}

#[test]
fn channels_have_their_own_lifts_and_purses_and_take_from_each_other() {
    let shop = || example(two_regions(["shop", "web"]), include_str!("../../../../examples/extensions/channels.toml"));
    let of = |tried: &Tried, place: &str| tried.list.region.as_str() == place;
    let proposal = assert_optimal(&shop(), &|plan| {
        used(plan, &|tried| of(tried, "web"), &spend) <= 16_000
            && used(plan, &|tried| of(tried, "shop"), &spend) <= 26_000
    });
    assert!(limit(&proposal, "web purse").used > 0);
    let web: Vec<_> = proposal.report.offers.iter().filter(|e| e.offer.place.as_str() == "web").collect();
    for e in &web {
        let mean = shop().lift.response(&e.offer.sku).unwrap().own_price.mean;
        let ratio = (1.0 - e.offer.depth.share()).powf(1.3 * mean);
        assert!((e.promoted_units / e.baseline_units / ratio - 1.0).abs() < 0.05, "{e:?}");
        let margin = if e.offer.sku.as_str() == "butter" { 550.0 } else { 610.0 };
        let lost = 0.25 * (e.promoted_units - e.baseline_units) * margin;
        assert!((e.pnl.taken_elsewhere as f64 + lost).abs() <= 1.0, "{e:?}");
    }
}

#[test]
fn segments_have_their_own_lifts_and_purses() {
    let text = include_str!("../../../../examples/extensions/segments.toml");
    let shop = example(two_regions(["members", "others"]), text);
    let members = |tried: &Tried| tried.list.region.as_str() == "members";
    let proposal =
        assert_optimal(&shop, &|plan| used(plan, &members, &spend) <= 15_000 && used(plan, &members, &|_| 1) >= 1);
    assert!(limit(&proposal, "members reached").used >= 1);
    assert!(limit(&proposal, "purse of members").used <= 15_000);
}

#[test]
fn learned_coefficients_decide_what_is_offered() {
    let mut shop = example(small(), include_str!("../../../../examples/extensions/learned.toml"));
    let proposal = assert_optimal(&shop, &|_| true);
    let bread = |proposal: &Proposal| proposal.offers.iter().filter(|offer| offer.sku.as_str() == "bread").count();
    assert!(bread(&proposal) > 0);
    // The same history read as a flat response: bread no longer pays, and the plan changes with the model alone.
    let response = shop.lift.responses.iter_mut().find(|response| response.sku.as_str() == "bread").unwrap();
    response.own_price = super::estimate(-0.3, 0.1);
    let flat = assert_optimal(&shop, &|_| true);
    assert_eq!(bread(&flat), 0);
    // An effect that is known badly is trusted less.
    let response = shop.lift.responses.iter_mut().find(|response| response.sku.as_str() == "bread").unwrap();
    response.own_price = super::estimate(-3.4, 2.5);
    assert_eq!(bread(&assert_optimal(&shop, &|_| true)), 0);
}

#[test]
fn wear_out_is_charged_by_its_formula_and_makes_offers_rarer_and_shallower() {
    let shop = example(small(), include_str!("../../../../examples/extensions/wear-out.toml"));
    let mut careless = example(small(), include_str!("../../../../examples/extensions/wear-out.toml"));
    careless.scenario.wear_out = WearOut::default();
    let (proposal, careless) = (assert_optimal(&shop, &|_| true), careless.plan());
    let depths = |proposal: &Proposal| proposal.offers.iter().map(|offer| offer.depth.share()).sum::<f64>();
    assert!(depths(&proposal) < depths(&careless), "{:?} {:?}", proposal.offers, careless.offers);
    assert!(careless.report.pnl.wear_out == 0 && proposal.report.pnl.wear_out < 0);
    let e = &proposal.report.offers[0];
    let (depth, margin) = (e.offer.depth.share(), if e.offer.sku.as_str() == "butter" { 550.0 } else { 610.0 });
    let baseline = |at: i32| -> f64 {
        let last = shop.span.end.plus(-1);
        let period = e.offer.span.start.plus(at).min(last);
        let rows = shop.baseline.rows.iter().filter(|row| row.sku == e.offer.sku && row.period == period);
        rows.map(|row| row.baseline).sum()
    };
    let mut expected = -(depth - 0.15f64).max(0.0) * 1000.0 * baseline(0);
    for k in 1..=21 {
        expected += margin * baseline(k) * (-1.5 * 0.2 * 0.8f64.powi(k - 1) * depth).exp_m1();
    }
    assert!((e.pnl.wear_out as f64 - expected).abs() <= 1.0, "{} {expected}", e.pnl.wear_out);
}

#[test]
fn rules_keep_items_together_apart_dark_and_long() {
    let shop = example(small(), include_str!("../../../../examples/extensions/rules.toml"));
    let proposal = assert_optimal(&shop, &|plan| {
        let at = |sku: &str| -> Vec<(usize, Depth)> {
            plan.iter().filter(|tried| tried.is(sku)).map(|tried| (tried.choice.period, tried.choice.depth)).collect()
        };
        let (butter, cream, bread) = (at("butter"), at("cream"), at("bread"));
        let periods: Vec<usize> = butter.iter().map(|(period, _)| *period).collect();
        let long = matches!(periods[..], [] | [0, 1] | [1, 2] | [0, 1, 2] | [2]);
        let apart = bread.iter().all(|(period, _)| !periods.contains(period));
        butter == cream && long && apart && bread.len() <= 1 && bread.iter().all(|(period, _)| *period != 1)
    });
    let dark = |r: &&RejectedOffer| r.sku.as_str() == "bread" && r.period == Period(101);
    let dark = proposal.report.rejected.iter().find(dark).unwrap();
    assert_eq!(dark.because, Because::Forbidden { rule: "a blackout".into() });
    assert!(limit(&proposal, "butter or bread 100 a").available == 1);
}

#[test]
fn what_was_published_before_the_plan_counts_for_its_calendar() {
    let mut shop = small();
    shop.scenario.limits.spacing = 3;
    let free = shop.plan();
    let offer = |sku: &str, period: i32| Offer {
        sku: sku.into(),
        place: "a".into(),
        span: Span::of_length(Period(period), 1),
        mechanic: Mechanic::Tpr,
        depth: Depth::from_share(0.1).unwrap(),
        support: Support::default(),
    };
    shop.published = vec![offer("bread", 99), offer("butter", 98), offer("cream", 90)];
    let proposal = assert_optimal(&shop, &|plan| {
        plan.iter().all(|tried| {
            !(tried.is("bread") && tried.choice.period < 2 || tried.is("butter") && tried.choice.period < 1)
        })
    });
    assert!(free.offers != proposal.offers);
    let early = |r: &&RejectedOffer| r.sku.as_str() == "bread" && r.period == Period(100);
    let early = proposal.report.rejected.iter().find(early).unwrap();
    assert!(matches!(&early.because, Because::Forbidden { rule } if rule.contains("published")), "{early:?}");
}

#[test]
fn rules_that_speak_of_nothing_are_named() {
    let mut shop = small();
    let items = Which { vendors: vec!["nobody".into()], ..Which::default() };
    let pool = Pool {
        name: "gone".into(),
        items,
        counts: Counts::Spend,
        most: Some(1.0),
        least: 0.0,
        per_period: false,
        per_region: false,
        within: None,
    };
    shop.scenario.limits.pools = vec![pool];
    let error = propose(&shop.input(), &solve::Settings::default()).unwrap_err();
    assert_eq!(error.to_string(), "pool 'gone' fits no item and region of the plan: mend its names or drop it");
}
