//! Clusters of places that answer to price each in their own way: formats, channels, segments of shoppers.
//!
//! Each item's elasticity is estimated per cluster; the ratios to its own are drawn to what the cluster's items have in
//! common. They are used and reported only where clusters differ by more than chance, over all items.
//!
//! Sources: the pooling as in `pool`; the criterion as in `evidence`.

use super::evidence::{Common, pays};
use crate::columns::{LiftTerms, OWN};
use crate::effects::Effects;
use crate::pool::{Own, Pooled, Prior, pool};
use crate::prepare::Prepared;
use crate::response::{SkuRows, estimate};
use endcap_model::{Input, Panel, Place, Sku};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is believed of a cluster's elasticity over the item's before any data.
const RATIO: Prior = Prior { mean: 1.0, deviation: 0.3 };
/// Elasticity from which a difference can be told as a share of it.
const ELASTICITY_MIN: f64 = 0.2;
/// Bounds of a factor on the elasticity.
const FACTOR: (f64, f64) = (0.0, 3.0);

/// How elasticities differ by cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Clusters {
    /// Names.
    pub names: Vec<String>,
    /// Cluster of every place that has one.
    pub of_place: BTreeMap<Place, usize>,
    /// Per item and cluster: factor on its elasticity and that factor's variance.
    pub factors: BTreeMap<Sku, Vec<(f64, f64)>>,
}

impl Clusters {
    /// Mean and standard error of an item's elasticity in a cluster; nothing where clusters do not differ for it.
    pub(crate) fn elasticity(&self, sku: &Sku, cluster: &str, own: (f64, f64)) -> Option<(f64, f64)> {
        let at = self.names.iter().position(|name| name == cluster)?;
        self.factors.get(sku).map(|factors| elasticity(own, factors[at]))
    }

    /// Factor on the elasticity of an item at a place.
    pub(crate) fn factor(&self, sku: &Sku, place: &Place) -> f64 {
        let of = |factors: &Vec<(f64, f64)>| self.of_place.get(place).map(|&cluster| factors[cluster].0);
        self.factors.get(sku).and_then(of).unwrap_or(1.0)
    }
}

/// Mean and standard error of an elasticity times a factor on it, each given as mean and variance.
pub(crate) fn elasticity((own, own_variance): (f64, f64), (factor, variance): (f64, f64)) -> (f64, f64) {
    (own * factor, (own_variance * factor * factor + variance * own * own).sqrt())
}

/// Names of the clusters and the cluster of each place, by its first row that has one.
fn places(panel: &Panel) -> (Vec<String>, BTreeMap<Place, usize>) {
    let c = panel.columns();
    let mut names = Vec::new();
    let mut of_place = BTreeMap::new();
    for control in &c.controls {
        let Input::Cluster(name) = Input::of(&control.name) else { continue };
        for row in (0..panel.len()).filter(|&row| control.values[row] > 0.5) {
            let place = &panel.places()[c.place[row] as usize].place;
            of_place.entry(place.clone()).or_insert(names.len());
        }
        names.push(name.to_owned());
    }
    (names, of_place)
}

/// Learns how clusters differ; nothing where there are none or they do not.
pub(crate) fn learn(prepared: &Prepared, effects: &Effects) -> Clusters {
    let (names, of_place) = places(prepared.panel);
    if names.len() < 2 {
        return Clusters::default();
    }
    let skus = prepared.panel.skus().len();
    let told: Vec<Option<Vec<(f64, f64)>>> =
        (0..skus).into_par_iter().map(|sku| ratios(prepared, effects, sku, &names, &of_place)).collect();
    let promoted: usize =
        (0..skus).filter(|&sku| told[sku].is_some()).map(|sku| effects.experience[sku].promoted).sum();
    let common = |cluster: usize| Common::of(&told.iter().flatten().map(|all| all[cluster]).collect::<Vec<_>>());
    let of_cluster: Vec<Common> = (0..names.len()).filter_map(common).collect();
    let middle = Common::of(&of_cluster.iter().map(|c| (c.mean, c.variance)).collect::<Vec<_>>());
    let gain: f64 = of_cluster.iter().map(|c| (c.mean - middle.map_or(1.0, |m| m.mean)).powi(2) / c.variance).sum();
    if !pays(gain, names.len() as f64 - 1.0, promoted as f64, 1.0) {
        return Clusters::default();
    }
    let factors = factors(&told, names.len());
    let skus = prepared.panel.skus().iter().zip(factors).map(|(entry, factors)| (entry.sku.clone(), factors));
    Clusters { factors: skus.collect(), names, of_place }
}

/// Draws every item's ratios to those of its clusters.
fn factors(told: &[Option<Vec<(f64, f64)>>], clusters: usize) -> Vec<Vec<(f64, f64)>> {
    let own = |sku: usize, cluster: usize| {
        let (estimate, variance) = told[sku].as_ref().map_or((1.0, f64::INFINITY), |all| all[cluster]);
        Own { estimate, variance, widening: 1.0, group: cluster as u32, tier: 0 }
    };
    let all: Vec<Own> = (0..told.len()).flat_map(|sku| (0..clusters).map(move |cluster| own(sku, cluster))).collect();
    let pooled = pool(&all, clusters, 1, RATIO);
    let factor = |p: &Pooled| (p.mean.clamp(FACTOR.0, FACTOR.1), p.variance);
    pooled.chunks(clusters).map(|of_item| of_item.iter().map(factor).collect()).collect()
}

/// One item's elasticity in each cluster over its own, with variances.
fn ratios(
    prepared: &Prepared,
    effects: &Effects,
    sku: usize,
    names: &[String],
    of_place: &BTreeMap<Place, usize>,
) -> Option<Vec<(f64, f64)>> {
    let start = effects.estimates[sku].as_ref()?;
    let (means, panel) = (effects.means(sku), prepared.panel);
    if effects.experience[sku].lack(OWN).is_some() || means[OWN].abs() < ELASTICITY_MIN {
        return None;
    }
    let mut rows = SkuRows::of(prepared, sku, effects.signals[sku].used);
    rows.fill_dip(prepared, sku, LiftTerms::of(&means), effects.carry);
    let first = rows.columns;
    rows.widen(names.len(), |row, line| {
        if let Some(&cluster) = of_place.get(&panel.places()[panel.columns().place[row] as usize].place) {
            line[first + cluster] = line[OWN];
            line[OWN] = 0.0;
        }
    });
    let found = estimate(&rows, &effects.dispersion[sku], Some(start));
    let ratio = |at: usize| {
        let sampling = found.sampling[at];
        (found.effects[at] / means[OWN], sampling.variance * sampling.widening.powi(2) / means[OWN].powi(2))
    };
    Some((first..first + names.len()).map(ratio).collect())
}
