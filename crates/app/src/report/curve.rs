//! Lift curves: what the fitted response says at each depth, with its 95 % band.

use super::data::short;
use endcap_model::{Depth, EffectKind, EffectStatus, Estimate, Response};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Normal quantile of a 95 % interval.
const Z95: f64 = 1.959_963_984_540_054;

/// One point of a curve: depth, median lift (promoted over normal demand) and its 95 % band.
pub(super) struct Point {
    /// Share of the list price off.
    pub depth: Depth,
    /// Median of promoted over normal demand.
    pub median: f64,
    /// Lower end of the 95 % interval.
    pub lo95: f64,
    /// Upper end of the 95 % interval.
    pub hi95: f64,
}

/// Reads the curve of a response off the model, without support: at every 5 % up to the deepest depth that may be
/// chosen or was seen, and at each depth that may be chosen.
pub(super) fn points(response: &Response, choices: &[Depth]) -> Vec<Point> {
    let deepest = choices.iter().copied().fold(response.depth_seen_max, Depth::max);
    let steps = 0..=deepest.basis_points().div_ceil(500);
    let even = steps.filter_map(|step| Depth::from_share(f64::from(step) * 0.05).ok());
    let depths: BTreeSet<Depth> = even.chain(choices.iter().copied()).collect();
    let point = |depth| {
        let (log, se) = response.log_lift(depth, 0.0, 0.0);
        Point { depth, median: log.exp(), lo95: (log - Z95 * se).exp(), hi95: (log + Z95 * se).exp() }
    };
    depths.into_iter().map(point).collect()
}

/// Lays out a response for the page.
pub(super) fn response(item: usize, response: &Response, choices: &[Depth]) -> Value {
    let curve: Vec<_> = points(response, choices)
        .iter()
        .map(|point| json!([point.depth, short(point.median), short(point.lo95), short(point.hi95)]))
        .collect();
    let effects = EffectKind::ALL.map(|kind| json!([kind.name(), estimate(response.effect(kind))]));
    json!({"item": item, "seen": response.depth_seen_max, "curve": curve, "effects": effects})
}

/// An estimate with its interval, and how far it can be trusted.
pub(super) fn estimate(estimate: &Estimate) -> Value {
    let (status, reason) = match &estimate.status {
        EffectStatus::Estimated => ("estimated", ""),
        EffectStatus::Borrowed(reason) => ("borrowed", reason.as_str()),
        EffectStatus::NotIdentified(reason) => ("not_identified", reason.as_str()),
    };
    json!({
        "mean": short(estimate.mean),
        "lo": short(estimate.lo95),
        "hi": short(estimate.hi95),
        "periods": estimate.periods_promoted,
        "status": status,
        "reason": reason,
    })
}
