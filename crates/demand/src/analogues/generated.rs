//! Past promotions that were made up, to measure the search on: a few large categories and many small ones, items that are
//! promoted all the time and others hardly ever, and campaigns that run alike in many regions at once, so that most cases have
//! near doubles.

use super::{CaseOutcome, Context, PastCase};
use crate::events::Split;
use endcap_model::{Depth, Mechanic, Period, Place, Sku, Span};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

const CATEGORIES: usize = 60;
const REGIONS: usize = 40;
/// Cases for each item, in the mean.
const CASES_OF_ITEM: usize = 50;
/// Depths that people choose.
const DEPTHS: [f64; 8] = [0.1, 0.15, 0.2, 0.25, 0.3, 0.33, 0.4, 0.5];
const WEEKS: f64 = 52.18;

struct MadeUpItem {
    sku: Sku,
    category: Arc<str>,
    price_tier: f64,
    elasticity: f64,
}

/// Makes so many cases up.
pub fn generated(cases: usize, seed: u64) -> Vec<PastCase> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let categories: Vec<Arc<str>> = (0..CATEGORIES).map(|at| Arc::from(format!("category {at:02}"))).collect();
    let regions: Vec<Place> = (0..REGIONS).map(|at| Place::new(format!("region {at:02}"))).collect();
    let items: Vec<MadeUpItem> = (0..(cases / CASES_OF_ITEM).max(10))
        .map(|at| MadeUpItem {
            sku: Sku::new(format!("item {at:06}")),
            category: categories[skewed(&mut random, CATEGORIES)].clone(),
            price_tier: (0.5 * normal(&mut random)).exp(),
            elasticity: 1.0 + 2.5 * random.random::<f64>(),
        })
        .collect();
    let mut made = Vec::with_capacity(cases + REGIONS);
    while made.len() < cases {
        campaign(&items[skewed(&mut random, items.len())], &regions, &mut random, &mut made);
    }
    made.truncate(cases);
    made
}

/// One offer in some regions in one week.
fn campaign(item: &MadeUpItem, regions: &[Place], random: &mut ChaCha8Rng, made: &mut Vec<PastCase>) {
    let depth = Depth::from_share(DEPTHS[skewed(random, DEPTHS.len())]).unwrap_or(Depth::ZERO);
    let (feature, display) = (random.random::<f64>() < 0.4, random.random::<f64>() < 0.25);
    let week = 2_400 + (520.0 * random.random::<f64>()) as i32;
    let weeks = 1 + skewed(random, 4) as i32;
    let first = random.random_range(0..regions.len());
    for at in 0..=random.random_range(0..regions.len()) {
        let short = if random.random::<f64>() < 0.15 { 0.5 * random.random::<f64>() } else { 0.0 };
        let context = Context {
            sku: item.sku.clone(),
            category: item.category.clone(),
            region: regions[(first + at) % regions.len()].clone(),
            mechanic: Mechanic::Tpr,
            depth,
            feature: f64::from(u8::from(feature)),
            display: f64::from(u8::from(display)),
            season: Some((f64::from(week) / WEEKS).fract()),
            price_tier: Some(item.price_tier),
            short_before: short,
            days: 7 * weeks as u32,
        };
        let span = Span { start: Period(week), end: Period(week + weeks) };
        made.push(PastCase { outcome: outcome(item, &context, short, random), context, span, places: 1 });
    }
}

fn outcome(item: &MadeUpItem, context: &Context, short: f64, random: &mut ChaCha8Rng) -> CaseOutcome {
    let baseline = 20.0 * (0.8 * normal(random)).exp();
    let support = 0.3 * context.feature + 0.4 * context.display;
    let noise = 0.25 * normal(random);
    let lift = (item.elasticity * -context.depth.price_ratio().ln() + support + noise).exp() - 1.0;
    let (own, price) = (baseline * lift * (1.0 - short), 200.0 * item.price_tier);
    let (net, half) = (0.7 * own, 0.2 * own.abs() + 1.0);
    let profit = net * price * (0.4 - context.depth.share()) - baseline * price * context.depth.share();
    let split = |units: f64, half: f64| Split { units, lo95: units - half, hi95: units + half };
    CaseOutcome {
        baseline,
        uplift: Some(lift),
        net: split(net, half),
        profit: Some(split(profit, half * price)),
        usual_sales: baseline * price,
        stockout_share: 0.5 * short,
        lost: baseline * lift.max(0.0) * short,
    }
}

/// One of so many, the first far more often than the last: as 1 / rank.
fn skewed(random: &mut ChaCha8Rng, of: usize) -> usize {
    let drawn = ((of as f64 + 1.0).ln() * random.random::<f64>()).exp() - 1.0;
    (drawn as usize).min(of - 1)
}

/// A draw from the standard normal (Box and Muller 1958).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let (radius, angle): (f64, f64) = (random.random(), random.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (angle * std::f64::consts::TAU).cos()
}
