//! Known truth behind what makes estimates dishonest: demand that only the planner saw, substitutes that take unlike
//! amounts, answers that are no constant elasticity, and items that nobody ever saw at their full price.

use endcap_demand::{FitSettings, Fitted, events, fit};
use endcap_model::{
    Calendar, CurveForm, EffectStatus, Panel, PanelColumns, Period, PlaceEntry, SkuEntry, UnseenDemand,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Normal, Poisson};

const WEEKS: i32 = 100;
const PLACES: usize = 10;
const DEPTHS: [f64; 4] = [0.1, 0.2, 0.3, 0.4];

/// A world of groups of three items.
struct World {
    items: usize,
    /// How far promotions follow each week's shock.
    hidden: f64,
    /// Share of places that run what was set.
    obey: f64,
    /// Log units at a depth.
    lift: fn(f64) -> f64,
    /// Log units lost per log of the price of the next item of the group and of the one after it.
    taken: [f64; 2],
}

const PLAIN: World =
    World { items: 12, hidden: 0.0, obey: 0.8, lift: |depth| -2.0 * (1.0 - depth).ln(), taken: [0.0, 0.0] };

fn world(seed: u64, shape: &World) -> Panel {
    let mut g = ChaCha8Rng::seed_from_u64(seed);
    let normal = Normal::new(0.0, 1.0).unwrap();
    let cells = shape.items * PLACES * WEEKS as usize;
    let at = |item: usize, place: usize, week: i32| (item * PLACES + place) * WEEKS as usize + week as usize;
    let (mut depth, mut shocks) = (vec![0.0; cells], vec![0.0; shape.items * WEEKS as usize]);
    for item in 0..shape.items {
        for week in 0..WEEKS {
            let shock = 0.12 * normal.sample(&mut g);
            shocks[item * WEEKS as usize + week as usize] = shock;
            let on = g.random::<f64>() < 1.0 / (1.0 + (1.5 - shape.hidden * shock).exp());
            let set = DEPTHS[g.random_range(0..4)];
            for place in 0..PLACES {
                let runs = on && g.random::<f64>() < shape.obey;
                depth[at(item, place, week)] = if runs { set } else { 0.0 };
            }
        }
    }
    let mut c = PanelColumns::default();
    for item in 0..shape.items {
        for place in 0..PLACES {
            for week in 0..WEEKS {
                let cut = depth[at(item, place, week)];
                let partner = |step: usize| at(item / 3 * 3 + (item % 3 + step) % 3, place, week);
                let cross: f64 = (0..2).map(|step| shape.taken[step] * (1.0 - depth[partner(step + 1)]).ln()).sum();
                let shock = shocks[item * WEEKS as usize + week as usize];
                let log = 3.3 + 0.1 * (place as f64 - 4.5) + shock + (shape.lift)(cut) + cross;
                let noise = (0.2 * normal.sample(&mut g) - 0.02_f64).exp();
                c.sku.push(item as u32);
                c.place.push(place as u32);
                c.period.push(Period(week));
                c.units.push(Poisson::new(log.exp() * noise).unwrap().sample(&mut g));
                c.price.push(2.0 * (1.0 - cut));
                c.base_price.push(2.0);
                c.feature.push(0.0);
                c.display.push(0.0);
                c.stockout_share.push(0.0);
            }
        }
    }
    panel(shape.items, 3, PLACES, c)
}

fn panel(items: usize, per_group: usize, places: usize, columns: PanelColumns) -> Panel {
    let entry = |at: usize| SkuEntry {
        sku: format!("item{at:02}").as_str().into(),
        group: format!("group{}", at / per_group).as_str().into(),
        tier: String::new(),
    };
    let place = |at: usize| PlaceEntry { place: format!("place{at:02}").as_str().into(), region: String::new() };
    Panel::new(Calendar::Index, (0..items).map(entry).collect(), (0..places).map(place).collect(), columns).unwrap()
}

fn fitted(panel: &Panel) -> Fitted {
    fit(panel, &FitSettings::default(), &|_, _| ()).unwrap()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

#[test]
fn demand_that_only_the_planner_saw_is_found_and_taken_out() {
    let model = fitted(&world(1, &World { hidden: 10.0, ..PLAIN }));
    let own = || model.lift.responses.iter().map(|response| &response.own_price);
    let sensitivity = || own().map(|estimate| estimate.sensitivity.unwrap());
    assert!(sensitivity().all(|s| s.unseen == UnseenDemand::Found), "{:?}", sensitivity().next());
    let bias = mean(own().map(|estimate| estimate.mean + 2.0));
    assert!(bias.abs() < 0.12, "bias {bias}");
    let covered = mean(sensitivity().map(|s| f64::from(u8::from(s.lo95 <= -2.0 && -2.0 <= s.hi95))));
    assert!(covered >= 0.8, "covered {covered}");
}

#[test]
fn promotions_that_follow_nothing_are_not_suspected() {
    let model = fitted(&world(2, &PLAIN));
    for response in &model.lift.responses {
        let sensitivity = response.own_price.sensitivity.unwrap();
        assert_eq!(sensitivity.unseen, UnseenDemand::NotFound);
        assert!(sensitivity.lo95 <= response.own_price.lo95 && sensitivity.hi95 >= response.own_price.hi95);
        assert!(sensitivity.overturned_by.unwrap() > 0.1, "{sensitivity:?}");
    }
}

#[test]
fn where_every_place_runs_every_promotion_the_question_stays_open() {
    let model = fitted(&world(3, &World { hidden: 4.0, obey: 1.1, ..PLAIN }));
    let mut covered = 0;
    for response in &model.lift.responses {
        let (own, sensitivity) = (&response.own_price, response.own_price.sensitivity.unwrap());
        assert_eq!(sensitivity.unseen, UnseenDemand::NotTestable);
        assert!(sensitivity.hi95 - sensitivity.lo95 > 1.2 * (own.hi95 - own.lo95), "{sensitivity:?} {own:?}");
        covered += usize::from(sensitivity.lo95 <= -2.0 && -2.0 <= sensitivity.hi95);
    }
    assert!(covered >= 10, "{covered} of 12");
}

#[test]
fn every_substitute_has_an_effect_of_its_own() {
    let shape = World { taken: [0.8, 0.1], ..PLAIN };
    let panel = world(4, &shape);
    let model = fitted(&panel);
    let mut covered = Vec::new();
    let (mut strong, mut weak) = (Vec::new(), Vec::new());
    for (at, response) in model.lift.responses.iter().enumerate() {
        assert_eq!(response.partners.len(), 2);
        for partner in &response.partners {
            let next = format!("item{:02}", at / 3 * 3 + (at % 3 + 1) % 3);
            let is_next = partner.partner.as_str() == next;
            let truth = if is_next { 0.8 } else { 0.1 };
            covered.push(partner.effect.lo95 <= truth && truth <= partner.effect.hi95);
            if is_next { strong.push(partner.effect.mean) } else { weak.push(partner.effect.mean) }
        }
    }
    let share = covered.iter().filter(|inside| **inside).count() as f64 / covered.len() as f64;
    assert!(share >= 0.85, "covered {share}");
    let (strong, weak) = (mean(strong.into_iter()), mean(weak.into_iter()));
    assert!((strong - 0.8).abs() < 0.15 && (weak - 0.1).abs() < 0.15, "{strong} {weak}");
    let lost: f64 = events(&model, &panel).iter().map(|event| event.cannibalised.units).sum();
    let own: f64 = events(&model, &panel).iter().map(|event| event.own.units).sum();
    assert!(lost < 0.0 && (-lost / own - 0.35).abs() < 0.15, "lost {lost}, own {own}");
}

#[test]
fn a_threshold_is_found_and_a_constant_elasticity_is_left_alone() {
    let plain = fitted(&world(5, &PLAIN));
    assert!(plain.lift.responses.iter().all(|response| response.curve.is_none()));
    let lift = |depth: f64| 4.0 * (depth - 0.15).max(0.0);
    let shaped = fitted(&world(6, &World { lift, ..PLAIN }));
    for response in &shaped.lift.responses {
        let curve = response.curve.as_ref().unwrap();
        assert!(matches!(curve.form, CurveForm::Threshold | CurveForm::Steps | CurveForm::Quadratic));
        for depth in DEPTHS {
            let depth = endcap_model::Depth::from_share(depth).unwrap();
            let (found, se) = response.log_lift(depth, 0.0, 0.0);
            let truth = lift(depth.share());
            assert!((found - truth).abs() < 0.1 + 2.0 * se, "{depth:?}: {found} ± {se} against {truth}, {curve:?}");
        }
    }
}

#[test]
fn shoes_that_were_always_discounted_are_flagged_until_they_were_seen_undiscounted() {
    // Sports shoes sell fast at any price, but were never seen without a discount; casual shoes answer to nothing.
    let history = |undiscounted_from: i32| {
        let mut g = ChaCha8Rng::seed_from_u64(7);
        let mut c = PanelColumns::default();
        for item in 0..6 {
            let sports = item < 3;
            let cuts: Vec<f64> = (0..WEEKS)
                .map(|week| match (sports, week >= undiscounted_from) {
                    (true, true) if week % 3 > 0 => 0.0,
                    (true, _) => [0.2, 0.3, 0.4][g.random_range(0..3)],
                    (false, _) => [0.0, 0.0, 0.3][g.random_range(0..3)],
                })
                .collect();
            for place in 0..PLACES {
                for week in 0..WEEKS {
                    let cut = cuts[week as usize];
                    let elasticity = if sports { -0.1 } else { -0.05 };
                    let log = if sports { 4.0 } else { 2.5 } + elasticity * (1.0 - cut).ln();
                    c.sku.push(item);
                    c.place.push(place as u32);
                    c.period.push(Period(week));
                    c.units.push(Poisson::new(log.exp()).unwrap().sample(&mut g));
                    c.price.push(60.0 * (1.0 - cut));
                    c.base_price.push(60.0);
                    c.feature.push(0.0);
                    c.display.push(0.0);
                    c.stockout_share.push(0.0);
                }
            }
        }
        fitted(&panel(6, 3, PLACES, c))
    };
    let (before, after) = (history(WEEKS), history(60));
    for at in 0..3 {
        let (then, now) = (&before.lift.responses[at].own_price, &after.lift.responses[at].own_price);
        assert!(matches!(&then.status, EffectStatus::Borrowed(r) if r.contains("no undiscounted")), "{then:?}");
        assert_eq!(now.status, EffectStatus::Estimated, "{now:?}");
        assert!(now.se < then.se && (now.mean + 0.1).abs() < 0.15, "{then:?} {now:?}");
    }
    // Speed differs by sub-category, and a price cut moves neither: no depth may be justified by the estimate.
    for response in &after.lift.responses {
        assert!(response.own_price.mean.abs() < 0.3, "{:?}", response.own_price);
    }
}
