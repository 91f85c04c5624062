//! What the best of the other tools and models reached on each figure, measured on the same data and cells.
//!
//! # Source
//! The notes of the shared demand benchmark (`bench/demand/README.md` there: "Panels and scores to beat", "Elasticity
//! and time", "Simulation with known truth", "What to beat"), which also name the versions and how they were run. They
//! hold more than its result files: the mean of three models, intervals, cold start and the usual report of lifts.

/// Name of a figure, what was reached, by what.
type Peer = (&'static str, f64, &'static str);

const ENSEMBLE: &str = "mean of three";
const TWO: &str = "LightGBM + Poisson";
const CONFORMAL: &str = "LightGBM, conformal";
const POOLED: &str = "FE + dip lags, by tier";
const USUAL: &str = "usual report";

/// Best measured figures of others.
const PEERS: &[Peer] = &[
    ("A own elasticity: bias", -0.02, POOLED),
    ("A own elasticity: RMSE", 0.23, POOLED),
    ("A own elasticity: coverage 95 %", 0.925, "FE + dip lags"),
    ("B own elasticity: bias", -0.05, POOLED),
    ("B own elasticity: RMSE", 0.21, POOLED),
    ("B own elasticity: coverage 95 %", 0.88, POOLED),
    ("C own elasticity: bias", -0.05, POOLED),
    ("C own elasticity: RMSE", 0.22, POOLED),
    ("C own elasticity: coverage 95 %", 0.88, "FE + dip lags"),
    ("D own elasticity: bias", 0.02, POOLED),
    ("D own elasticity: RMSE", 0.26, POOLED),
    ("D own elasticity: coverage 95 %", 0.83, "FE + dip lags"),
    ("E own elasticity: bias", -0.06, "Poisson"),
    ("E own elasticity: RMSE", 0.26, "Poisson"),
    ("E own elasticity: coverage 95 %", 0.72, "FE + dip lags"),
    ("A net units, told over true", 1.15, USUAL),
    ("A error per event", 0.35, USUAL),
    ("B net units, told over true", 1.29, USUAL),
    ("B error per event", 0.38, USUAL),
    ("C net units, told over true", 1.78, USUAL),
    ("C error per event", 0.79, USUAL),
    ("D net units, told over true", 1.47, USUAL),
    ("D error per event", 0.63, USUAL),
    ("E net units, told over true", 1.34, USUAL),
    ("E error per event", 0.57, USUAL),
    ("Complete Journey WMAPE promoted", 0.352, ENSEMBLE),
    ("Complete Journey WMAPE 20 % off or more", 0.329, TWO),
    ("Complete Journey WMAPE not promoted", 0.437, "LightGBM Tweedie"),
    ("Complete Journey WMAPE group", 0.269, TWO),
    ("Complete Journey bias of the promoted total", -0.007, "base x lift by depth"),
    ("Complete Journey 90 % interval promoted: coverage", 0.931, CONFORMAL),
    ("Complete Journey 90 % interval promoted: score", 2.26, CONFORMAL),
    ("Complete Journey 90 % interval base: coverage", 0.929, CONFORMAL),
    ("Complete Journey 90 % interval base: score", 2.55, CONFORMAL),
    ("orange juice WMAPE promoted", 0.534, ENSEMBLE),
    ("orange juice WMAPE 20 % off or more", 0.456, ENSEMBLE),
    ("orange juice WMAPE not promoted", 0.334, "LightGBM Tweedie"),
    ("orange juice WMAPE chain brand", 0.467, "log-log"),
    ("orange juice 90 % interval promoted: coverage", 0.921, CONFORMAL),
    ("orange juice 90 % interval promoted: score", 3.91, CONFORMAL),
    ("orange juice 90 % interval base: coverage", 0.866, "LightGBM quantiles"),
    ("orange juice 90 % interval base: score", 2.12, "LightGBM quantiles"),
    ("cold start WMAPE promoted", 0.613, "LightGBM attributes"),
    ("cold start WMAPE base", 0.646, "LightGBM attributes"),
    ("cold start WMAPE 8 weeks of an item", 0.542, "LightGBM attributes"),
    ("3 M rows x 20: CPU s", 132.1, "EconML + LightGBM"),
    ("3 M rows x 20: peak GB", 2.24, "EconML + LightGBM"),
    ("3 M rows x 20: estimate less the truth", -0.007, "EconML + LightGBM"),
];

/// The best measured of others in words; a dash where nobody was measured.
pub fn text(figure: &str) -> String {
    let found = PEERS.iter().find(|(name, ..)| *name == figure);
    found.map_or("-".to_owned(), |(_, value, who)| format!("{} ({who})", super::figure::rounded(*value)))
}

/// Names of all figures that others were measured on.
#[cfg(test)]
pub fn names() -> impl Iterator<Item = &'static str> {
    PEERS.iter().map(|(name, ..)| *name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn every_figure_of_others_is_named_once() {
        let distinct: HashSet<&str> = super::names().collect();
        assert_eq!(distinct.len(), super::names().count());
    }
}
