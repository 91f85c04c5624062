//! The model card: what a fit was made from, what it knows, how far to trust it, and what to compare later data with.
//!
//! Never tells an effect or a forecast of its own: it sums up what is fitted.
//!
//! Source: Mitchell, Wu, Zaldivar and others (2019), model cards for model reporting.

use crate::coefficients::Applied;
use crate::fit::{Fitted, Z95};
use crate::held_out::HeldOutScore;
use crate::prepare::Evidence;
use endcap_model::{
    AsOf, Calendar, Depth, EffectKind, EffectStatus, Estimate, Group, Panel, Response, Sku, SnapshotId,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Items whose lift curves are on the card, those that sell most.
const CURVES: usize = 60;
/// Items that a refusal names.
const NAMED: usize = 50;
/// Rows that a summary of a column looks at, at most.
const ROWS_MOST: usize = 200_000;
/// Steps of depth of a lift curve, in basis points.
const STEP: u16 = 500;

/// Rows of one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceRows {
    /// Name of the source.
    pub source: String,
    /// Rows read.
    pub read: u64,
    /// Rows loaded.
    pub loaded: u64,
    /// Rows set aside with their reason.
    pub set_aside: u64,
    /// Rows that repeat a loaded one.
    pub duplicates: u64,
}

/// What a fit was made from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataCut {
    /// Facts; nothing for a panel file.
    pub snapshot: Option<SnapshotId>,
    /// When they were known.
    pub as_of: Option<AsOf>,
    /// Calendar of the periods.
    pub calendar: Calendar,
    /// First period.
    pub first_period: String,
    /// Last period.
    pub last_period: String,
    /// Number of periods.
    pub periods: usize,
    /// Rows.
    pub rows: usize,
    /// Items.
    pub items: usize,
    /// Groups of items.
    pub groups: usize,
    /// Places.
    pub places: usize,
    /// Share of the rows that are promoted.
    pub promoted_share: f64,
    /// Rows whose units are a lower bound of demand, for stock ran out.
    pub rows_cut_short: usize,
    /// Rows that say nothing of demand, for there was no stock to sell.
    pub rows_without_evidence: usize,
    /// Names of the controls.
    pub controls: Vec<String>,
    /// Rows read, loaded and set aside by source; empty for a panel file, of which no row may be bad.
    pub sources: Vec<SourceRows>,
}

/// How many items an effect is known of, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Known {
    /// From the item's own history.
    pub estimated: usize,
    /// Mostly from similar items.
    pub borrowed: usize,
    /// Not at all.
    pub not_identified: usize,
}

/// An effect over the items of a group, weighed by what they sell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupEffect {
    /// The group; nothing for all items.
    pub group: Option<Group>,
    /// The effect.
    pub effect: EffectKind,
    /// Mean over the items.
    pub mean: f64,
    /// Lower end of the 95 % interval of that mean, the items' errors taken as independent.
    pub lo95: f64,
    /// Upper end of it.
    pub hi95: f64,
    /// Items by how the effect is known.
    pub known: Known,
}

/// One effect of an item, as estimated and as used.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemEffect {
    /// The effect.
    pub effect: EffectKind,
    /// What the data say.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// What is used in its place, if anything: value and ends of its interval.
    pub edited: Option<[f64; 3]>,
}

/// Demand on promotion over demand without, at one depth and without support.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LiftPoint {
    /// Share of the price that is off.
    pub depth: Depth,
    /// Median.
    pub median: f64,
    /// Lower end of the 95 % interval.
    pub lo95: f64,
    /// Upper end of it.
    pub hi95: f64,
}

/// What is known of one item.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CardItem {
    /// The item.
    pub sku: Sku,
    /// Its group.
    pub group: Group,
    /// Units that it sold in the history.
    pub units: f64,
    /// Deepest price cut in its own history.
    pub depth_seen_max: Depth,
    /// Its effects.
    pub effects: Vec<ItemEffect>,
    /// Its lift by depth; empty for items that sell less than the first ones.
    pub lift: Vec<LiftPoint>,
}

/// An effect that the data cannot tell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Refused {
    /// The effect.
    pub effect: EffectKind,
    /// Why.
    pub reason: String,
    /// Number of items.
    pub items: usize,
    /// The first of them by name.
    pub named: Vec<Sku>,
}

/// Distribution of a column, to compare that of later data with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Column.
    pub name: String,
    /// Values.
    pub count: usize,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Share of zeros.
    pub zero_share: f64,
    /// Quantiles at 1, 5, 10, 20, ... 90, 95 and 99 %.
    pub quantiles: Vec<f64>,
}

/// Levels of [`Distribution::quantiles`].
pub const QUANTILES: [f64; 13] = [0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

/// Everything a card says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelCard {
    /// Version of the code.
    pub code_version: String,
    /// Seed of whatever was random.
    pub seed: u64,
    /// What the fit was made from.
    pub data: DataCut,
    /// Share of the household stock that is left one period later.
    pub dip_carry: f64,
    /// Effects by group, all items first.
    pub groups: Vec<GroupEffect>,
    /// Items, best-selling first.
    pub items: Vec<CardItem>,
    /// What the data cannot tell, most items first.
    pub refused: Vec<Refused>,
    /// How forecasts of the held-out end of the history did; nothing where it is too short to hold anything out.
    pub held_out: Option<HeldOutScore>,
    /// Distributions of the inputs.
    pub drift: Vec<Distribution>,
    /// Levels of their quantiles.
    pub drift_levels: Vec<f64>,
    /// Edits of effects, in force or not.
    pub edits: Vec<Applied>,
}

/// Sums a fit up: `estimated` is what the data say, `used` the same with the edits in force.
pub fn model_card(
    estimated: &Fitted,
    used: &Fitted,
    panel: &Panel,
    edits: &[Applied],
    sources: &[SourceRows],
) -> ModelCard {
    let units = units_by_item(panel);
    let sold = |sku: &Sku| units.get(sku).copied().unwrap_or(0.0);
    let mut items: Vec<CardItem> = estimated
        .lift
        .responses
        .iter()
        .zip(&used.lift.responses)
        .map(|(response, used)| card_item(response, used, sold(&response.sku)))
        .collect();
    items.sort_by(|a, b| b.units.total_cmp(&a.units).then_with(|| a.sku.cmp(&b.sku)));
    for item in items.iter_mut().take(CURVES) {
        item.lift = used.lift.response(&item.sku).map(lift_points).unwrap_or_default();
    }
    ModelCard {
        code_version: estimated.lift.code_version.clone(),
        seed: estimated.lift.seed,
        data: data_cut(estimated, panel, sources),
        dip_carry: estimated.lift.dip_carry,
        groups: group_effects(&items),
        refused: refused(&estimated.lift.responses),
        items,
        held_out: estimated.held_out.clone(),
        drift: distributions(panel),
        drift_levels: QUANTILES.to_vec(),
        edits: edits.to_vec(),
    }
}

/// Reads a response's lift off at every step of depth up to the deepest that was seen, at least 30 %.
pub fn lift_points(response: &Response) -> Vec<LiftPoint> {
    let deepest = response.depth_seen_max.basis_points().max(3_000).div_ceil(STEP);
    let depths = (0..=deepest).filter_map(|step| Depth::from_share(f64::from(step) * f64::from(STEP) / 10_000.0).ok());
    let point = |depth| {
        let (log, se) = response.log_lift(depth, 0.0, 0.0);
        LiftPoint { depth, median: log.exp(), lo95: (log - Z95 * se).exp(), hi95: (log + Z95 * se).exp() }
    };
    depths.map(point).collect()
}

/// Sums up the values of a column; nothing of no values. Of very many, every so many are looked at.
pub fn distribution(name: &str, values: &[f64]) -> Option<Distribution> {
    let stride = values.len().div_ceil(ROWS_MOST).max(1);
    let mut seen: Vec<f64> = values.iter().copied().step_by(stride).filter(|value| value.is_finite()).collect();
    seen.sort_by(f64::total_cmp);
    let n = seen.len() as f64;
    let last = seen.len().checked_sub(1)?;
    let mean = seen.iter().sum::<f64>() / n;
    let variance = seen.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
    Some(Distribution {
        name: name.to_owned(),
        count: values.len(),
        mean,
        deviation: variance.sqrt(),
        zero_share: seen.iter().filter(|value| **value == 0.0).count() as f64 / n,
        quantiles: QUANTILES.iter().map(|level| seen[(level * last as f64).round() as usize]).collect(),
    })
}

fn units_by_item(panel: &Panel) -> BTreeMap<Sku, f64> {
    let c = panel.columns();
    let sold = |sku: usize| panel.rows_of(sku).map(|row| c.units[row]).sum();
    panel.skus().iter().enumerate().map(|(at, entry)| (entry.sku.clone(), sold(at))).collect()
}

fn data_cut(fitted: &Fitted, panel: &Panel, sources: &[SourceRows]) -> DataCut {
    let (lift, prepared) = (&fitted.lift, fitted.frame.prepare(panel));
    let are = |evidence: Evidence| prepared.evidence.iter().filter(|known| **known == evidence).count();
    let promoted = (0..panel.len()).filter(|&row| prepared.is_promoted(row)).count();
    let groups: std::collections::BTreeSet<&Group> = panel.skus().iter().map(|entry| &entry.group).collect();
    DataCut {
        snapshot: lift.snapshot.clone(),
        as_of: lift.as_of,
        calendar: lift.calendar,
        first_period: lift.calendar.format(lift.span.start),
        last_period: lift.calendar.format(lift.span.end.plus(-1)),
        periods: lift.span.len(),
        rows: panel.len(),
        items: panel.skus().len(),
        groups: groups.len(),
        places: panel.places().len(),
        promoted_share: promoted as f64 / panel.len().max(1) as f64,
        rows_cut_short: are(Evidence::Censored),
        rows_without_evidence: are(Evidence::Nothing),
        controls: panel.columns().controls.iter().map(|control| control.name.clone()).collect(),
        sources: sources.to_vec(),
    }
}

fn card_item(response: &Response, used: &Response, units: f64) -> CardItem {
    let effect = |kind: EffectKind| {
        let (estimate, in_use) = (response.effect(kind), used.effect(kind));
        let edited = (estimate != in_use).then_some([in_use.mean, in_use.lo95, in_use.hi95]);
        ItemEffect { effect: kind, estimate: estimate.clone(), edited }
    };
    CardItem {
        sku: response.sku.clone(),
        group: response.group.clone(),
        units,
        depth_seen_max: response.depth_seen_max,
        effects: EffectKind::ALL.into_iter().map(effect).collect(),
        lift: vec![],
    }
}

fn group_effects(items: &[CardItem]) -> Vec<GroupEffect> {
    let mut groups: BTreeMap<&Group, Vec<&CardItem>> = BTreeMap::new();
    items.iter().for_each(|item| groups.entry(&item.group).or_default().push(item));
    let all = (None, items.iter().collect::<Vec<_>>());
    let several = groups.len() > 1;
    let each = groups.into_iter().filter(|_| several).map(|(group, items)| (Some(group.clone()), items));
    let effects = |(group, items): (Option<Group>, Vec<&CardItem>)| {
        (0..EffectKind::ALL.len()).filter_map(move |at| group_effect(group.clone(), &items, at)).collect::<Vec<_>>()
    };
    std::iter::once(all).chain(each).flat_map(effects).collect()
}

fn group_effect(group: Option<Group>, items: &[&CardItem], at: usize) -> Option<GroupEffect> {
    let (mut weight, mut sum, mut variance, mut known) = (0.0, 0.0, 0.0, Known::default());
    for item in items {
        let estimate = &item.effects[at].estimate;
        let units = item.units.max(1e-9);
        weight += units;
        sum += units * estimate.mean;
        variance += (units * estimate.se).powi(2);
        match estimate.status {
            EffectStatus::Estimated => known.estimated += 1,
            EffectStatus::Borrowed(_) => known.borrowed += 1,
            EffectStatus::NotIdentified(_) => known.not_identified += 1,
        }
    }
    let effect = items.first()?.effects[at].effect;
    let (mean, half) = (sum / weight, Z95 * variance.sqrt() / weight);
    Some(GroupEffect { group, effect, mean, lo95: mean - half, hi95: mean + half, known })
}

fn refused(responses: &[Response]) -> Vec<Refused> {
    let mut by_reason: BTreeMap<(EffectKind, &str), Vec<&Sku>> = BTreeMap::new();
    for response in responses {
        for kind in EffectKind::ALL {
            if let EffectStatus::NotIdentified(reason) = &response.effect(kind).status {
                by_reason.entry((kind, reason)).or_default().push(&response.sku);
            }
        }
    }
    let one = |((effect, reason), skus): ((EffectKind, &str), Vec<&Sku>)| Refused {
        effect,
        reason: reason.to_owned(),
        items: skus.len(),
        named: skus.into_iter().take(NAMED).cloned().collect(),
    };
    let mut refused: Vec<Refused> = by_reason.into_iter().map(one).collect();
    refused.sort_by(|a, b| b.items.cmp(&a.items).then_with(|| (a.effect, &a.reason).cmp(&(b.effect, &b.reason))));
    refused
}

/// Distributions of what demand was estimated from.
fn distributions(panel: &Panel) -> Vec<Distribution> {
    input_columns(panel).iter().filter_map(|(name, values)| distribution(name, values)).collect()
}

/// The columns of a panel that a model card describes, by the name that it gives them.
pub fn input_columns(panel: &Panel) -> Vec<(String, Vec<f64>)> {
    let c = panel.columns();
    let off = c.price.iter().zip(&c.base_price).map(|(price, base)| (1.0 - price / base).max(0.0));
    let depths = off.filter(|off| *off >= 1.0 - crate::PROMOTED_RATIO - 1e-9).collect();
    let named = [
        ("units", c.units.clone()),
        ("base_price", c.base_price.clone()),
        ("depth of promoted rows", depths),
        ("feature", c.feature.clone()),
        ("display", c.display.clone()),
        ("stockout_share", c.stockout_share.clone()),
    ];
    let controls = c.controls.iter().map(|control| (control.name.clone(), control.values.clone()));
    named.map(|(name, values)| (name.to_owned(), values)).into_iter().chain(controls).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FitSettings, fit};

    #[test]
    fn a_card_counts_what_it_was_made_from_and_says_what_it_cannot_tell() {
        let panel = crate::test_support::weekly("a", 60);
        let fitted = fit(&panel, &FitSettings::default(), &|_, _| {}).unwrap();
        let card = model_card(&fitted, &fitted, &panel, &[], &[]);
        assert_eq!((card.data.rows, card.data.items, card.data.periods), (60, 1, 60));
        assert!((card.data.promoted_share - 0.2).abs() < 1e-9);
        assert!(card.refused.iter().any(|refused| refused.effect == EffectKind::Display), "{:?}", card.refused);
        assert_eq!(card.groups.len(), EffectKind::ALL.len(), "one group is all items");
        let own = &card.items[0].effects[0];
        assert_eq!((own.effect, own.estimate.mean), (EffectKind::OwnPrice, card.groups[0].mean));
        let lift = &card.items[0].lift;
        assert_eq!((lift[0].median, lift[0].lo95), (1.0, 1.0));
        assert!(lift.windows(2).all(|pair| pair[0].median < pair[1].median));
        let held_out = card.held_out.expect("60 periods are enough");
        assert!(held_out.sets[0].count > 0 && (0.0..=1.0).contains(&held_out.sets[0].coverage90));
    }

    #[test]
    fn a_distribution_has_the_quantiles_of_its_values() {
        let values: Vec<f64> = (0..=100).map(f64::from).collect();
        let found = distribution("x", &values).unwrap();
        assert_eq!((found.count, found.mean, found.quantiles[6]), (101, 50.0, 50.0));
        assert_eq!(found.quantiles.first().zip(found.quantiles.last()), Some((&1.0, &99.0)));
        assert_eq!(distribution("x", &[]), None);
    }
}
