//! The retailer's crisis as a world with known truth: a summer in which sports shoes were only ever seen at a discount.
//!
//! Eight groups of shoes. Sports shoes sell fast and hardly answer to price; the history holds them at 20 to 40 % off
//! in every place and week, deeper when demand was high. Old casual shoes sell slowly and do not answer to price at any
//! depth. The other groups answer as shoes do, each item in its own way.
//!
//! Source: the PittaRosso pricing and promotion lecture, the crisis of summer 2019.

use endcap_model::{Calendar, Panel, PanelColumns, Period, PlaceEntry, Sku, SkuEntry};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Gamma, Normal, Poisson};

/// Weeks of the history.
pub const WEEKS: i32 = 60;
/// Groups with their mean elasticity and their mean log sales per place and week.
const GROUPS: [(&str, f64, f64); 8] = [
    ("sports", -0.1, 3.2),
    ("old casual", 0.0, 2.0),
    ("ladies", -2.4, 2.6),
    ("men", -1.8, 2.5),
    ("children", -2.8, 2.9),
    ("sandals", -2.1, 2.3),
    ("boots", -1.6, 2.1),
    ("accessories", -1.3, 2.7),
];
const ITEMS: usize = 4;
const PLACES: usize = 16;
/// Depths of the usual offers, and those at which sports shoes were sold.
const DEPTHS: [f64; 4] = [0.1, 0.2, 0.3, 0.5];
const SPORTS: [f64; 3] = [0.2, 0.3, 0.4];

/// What is true of one item.
pub struct Truth {
    pub sku: Sku,
    pub group: &'static str,
    pub elasticity: f64,
    /// Mean sales per place and week at list price.
    pub speed: f64,
}

/// The history, followed by weeks in which every second place sells sports shoes at list price.
pub fn world(seed: u64, undiscounted: i32) -> (Panel, Vec<Truth>) {
    let mut g = ChaCha8Rng::seed_from_u64(seed);
    let normal = Normal::new(0.0, 1.0).expect("Invariant: a spread of 1");
    let noise = Gamma::new(10.0, 0.1).expect("Invariant: shape and scale over 0");
    let places: Vec<f64> = (0..PLACES).map(|_| 0.3 * normal.sample(&mut g)).collect();
    let (mut c, mut truths, mut entries) = (PanelColumns::default(), Vec::new(), Vec::new());
    for (at, &(group, elasticity, level)) in GROUPS.iter().enumerate() {
        for item in 0..ITEMS {
            // Running shoes sell faster than shoes for the hall: the tier is the sub-category.
            let sub = if item < ITEMS / 2 { "first" } else { "second" };
            let spread = if at < 2 { 0.05 } else { 0.3 };
            let own = (elasticity + spread * normal.sample(&mut g)).min(0.0);
            let speed = level + if item < ITEMS / 2 { 0.4 } else { -0.4 } + 0.2 * normal.sample(&mut g);
            let name = format!("{group} {item}");
            entries.push(SkuEntry { sku: name.as_str().into(), group: group.into(), tier: format!("{group} {sub}") });
            truths.push(Truth { sku: name.as_str().into(), group, elasticity: own, speed: speed.exp() });
            for week in 0..WEEKS + undiscounted {
                let season = 0.4 * (std::f64::consts::TAU * f64::from(week) / 52.0).sin();
                let shock = 0.12 * normal.sample(&mut g);
                let (on, draw) = (g.random::<f64>() < 0.3, g.random::<f64>());
                let depth = if group == "sports" {
                    SPORTS[(1.5 + 1.5 * season + 2.0 * (draw - 0.5)).clamp(0.0, 2.0).round() as usize]
                } else if on {
                    DEPTHS[(draw * 4.0) as usize % 4]
                } else {
                    0.0
                };
                for (place, shift) in places.iter().enumerate() {
                    let obeys = group == "sports" || g.random::<f64>() < 0.85;
                    let tested = group == "sports" && week >= WEEKS && place % 2 == 0;
                    let ratio = if obeys && !tested { 1.0 - depth } else { 1.0 };
                    let mean = (speed + shift + season + shock + own * f64::ln(ratio)).exp() * noise.sample(&mut g);
                    c.sku.push(entries.len() as u32 - 1);
                    c.place.push(place as u32);
                    c.period.push(Period(week));
                    c.units.push(Poisson::new(mean.max(1e-9)).expect("Invariant: a mean over 0").sample(&mut g));
                    c.price.push(50.0 * ratio);
                    c.base_price.push(50.0);
                    c.feature.push(0.0);
                    c.display.push(0.0);
                    c.stockout_share.push(0.0);
                }
            }
        }
    }
    let place = |at: usize| PlaceEntry { place: format!("store{at:02}").as_str().into(), region: String::new() };
    let places = (0..PLACES).map(place).collect();
    (Panel::new(Calendar::Week, entries, places, c).expect("Invariant: cells of one kind each"), truths)
}
