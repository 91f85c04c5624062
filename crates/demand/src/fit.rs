//! `fit`: from a panel to everything that is known about its demand.

use crate::boosted::Boosted;
use crate::columns::{CROSS, DIP, DISPLAY, FEATURE, OWN, SIGNAL};
use crate::curve;
use crate::dispersion::Dispersion;
use crate::effects::{Effects, PASSES, estimate_effects};
use crate::error::DemandError;
use crate::further::{Anticipation, effects_of, test_anticipation};
use crate::held_out::HeldOutScore;
use crate::level::Memory;
use crate::opinions::Shares;
use crate::predictive;
use crate::prepare::Frame;
use crate::recalibrate::Recalibration;
use crate::reconcile::{Reconcile, Reconciled};
use crate::sensitivity::Exposure;
use crate::sums::Together;
use crate::tail::{self, Learnt};
use endcap_model::{AsOf, Estimate, Further, LiftModel, Panel, PartnerEffect, Response, Sku, SnapshotId, Span};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicUsize, Ordering};

/// 97.5 % quantile of the standard normal distribution.
pub(crate) const Z95: f64 = 1.959_964;

/// Where a fit comes from; nothing in it changes the estimates.
#[derive(Clone, Debug, Default)]
pub struct FitSettings {
    /// Facts that the panel was cut from; nothing for a panel file.
    pub snapshot: Option<SnapshotId>,
    /// When those facts were known.
    pub as_of: Option<AsOf>,
    /// Version of the code, kept with the model.
    pub code_version: String,
    /// Seed, kept with the model. The estimate draws no random numbers.
    pub seed: u64,
    /// How forecasts of sums and of their cells are brought together.
    pub reconcile: Reconcile,
}

/// Everything that is known about the demand of a panel: effects for decisions, and the state that forecasts need.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fitted {
    /// Effects of offers.
    pub lift: LiftModel,
    /// How rows become regressors.
    pub frame: Frame,
    /// Per SKU, sorted: effects in the order of the regressors, and the spread of its demand.
    pub items: Vec<FittedItem>,
    /// Spread of demand over all SKUs.
    pub dispersion: Dispersion,
    /// How quickly levels of the estimated effects forget, and those of the predictive ones.
    pub memories: [Memory; 2],
    /// Trees that forecasts are averaged with, where there is enough to learn them from.
    pub boosted: Option<Boosted>,
    /// How much each opinion counts in a forecast.
    pub shares: Shares,
    /// How far cells err together.
    pub together: Together,
    /// What turns model quantiles into quantiles that hold.
    pub recalibration: Recalibration,
    /// Levels whose own forecasts move those of their cells.
    #[serde(default)]
    pub reconciled: Vec<Reconciled>,
    /// What sales do before promotions: a test of nothing.
    #[serde(default)]
    pub anticipation: Option<Anticipation>,
    /// How forecasts of the held-out end of the history did; nothing where it is too short to hold anything out.
    #[serde(default)]
    pub held_out: Option<HeldOutScore>,
}

/// What forecasts need about one SKU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FittedItem {
    /// The item.
    pub sku: Sku,
    /// Pooled effects, in the order of the regressors.
    pub effects: Vec<f64>,
    /// Effects as they forecast best, in the same order.
    pub predictive: Vec<f64>,
    /// Variances of the pooled effects.
    pub variances: Vec<f64>,
    /// Correlations of the effects of own price with advert, own price with display, advert with display.
    pub related: [f64; 3],
    /// Spread of its demand.
    pub dispersion: Dispersion,
    /// Whether a person set one of its effects, which the second opinion then leaves alone.
    #[serde(default)]
    pub edited: bool,
}

/// Estimates how the demand of a panel answers to price, advert, display, substitutes and its own past, and how well
/// it can be forecast.
///
/// `progress` is told steps done and steps in all; it may be called from several threads.
///
/// # Errors
/// [`DemandError::Empty`] for a panel without rows. A panel that is too thin is no error: see the status of each effect.
pub fn fit(
    panel: &Panel,
    settings: &FitSettings,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Fitted, DemandError> {
    let span = panel.span().ok_or(DemandError::Empty)?;
    let held_out = tail::held_out(span);
    let passes = if held_out.is_some() { 2 * PASSES } else { PASSES };
    let (done, total) = (AtomicUsize::new(0), passes * panel.skus().len());
    let step = || progress(done.fetch_add(1, Ordering::Relaxed) + 1, total);
    let learnt = held_out.and_then(|tail| {
        let before = panel.within(Span { start: span.start, end: tail.start });
        let trial = fit_uncalibrated(&before, Span { start: span.start, end: tail.start }, settings, &step, false)?;
        Some(tail::learn(&trial, panel, tail, settings))
    });
    let mut fitted = fit_uncalibrated(panel, span, settings, &step, true).ok_or(DemandError::Empty)?;
    if let Some(Learnt { taught, reconciled, recalibration, together, held_out }) = learnt {
        (fitted.memories, fitted.shares) = (taught.memories, taught.shares);
        fitted.reconciled = reconciled.into_iter().filter_map(|paid| paid.fit(panel, settings)).collect();
        (fitted.recalibration, fitted.together) = (recalibration, together);
        fitted.held_out = Some(held_out);
    }
    progress(total, total);
    Ok(fitted)
}

/// Fits without learning the quantiles' recalibration; nothing without rows. A fit that is not thorough looks for no effect
/// beyond those of its columns.
pub(crate) fn fit_uncalibrated(
    panel: &Panel,
    span: Span,
    settings: &FitSettings,
    step: &(dyn Fn() + Sync),
    thorough: bool,
) -> Option<Fitted> {
    if panel.is_empty() {
        return None;
    }
    let mut frame = Frame::learn(panel, span);
    let constant = frame.prepare(panel);
    let mut effects = estimate_effects(&constant, step);
    let curves = curve::learn(&constant, &effects);
    let bent = !curves.is_empty();
    frame.curves = curves;
    let prepared = frame.prepare(panel);
    if bent {
        effects = estimate_effects(&prepared, &|| ());
    }
    let anticipation = thorough.then(|| test_anticipation(&prepared, &effects));
    let more = if thorough { prepared.frame.further.learn(&prepared, &effects) } else { None };
    let prepared = match more {
        None => prepared,
        Some(further) => {
            drop(prepared);
            frame.further = further;
            let prepared = frame.prepare(panel);
            effects = estimate_effects(&prepared, &|| ());
            prepared
        }
    };
    let exposure = Exposure::of(&prepared, &effects);
    let mut order: Vec<usize> = (0..panel.skus().len()).collect();
    order.sort_by(|&a, &b| panel.skus()[a].sku.cmp(&panel.skus()[b].sku));
    let mut own: Vec<FittedItem> = (0..order.len()).map(|sku| item(panel, &effects, sku)).collect();
    let responses = order.iter().map(|&sku| response(panel, &frame, &effects, &exposure, sku)).collect();
    weigh_partners(panel, &mut frame, &effects);
    let prepared = frame.prepare(panel);
    let predictive = predictive::learn(&prepared, &own, effects.carry);
    own.iter_mut().zip(predictive).for_each(|(item, effects)| item.predictive = effects);
    let items = order.iter().map(|&sku| own[sku].clone()).collect();
    let known: Vec<Option<&FittedItem>> = own.iter().map(Some).collect();
    let boosted = Boosted::learn(&prepared, &known, span, (effects.carry, settings.seed));
    let lift = LiftModel {
        snapshot: settings.snapshot.clone(),
        as_of: settings.as_of,
        span,
        calendar: panel.calendar(),
        code_version: settings.code_version.clone(),
        seed: settings.seed,
        dip_carry: effects.carry,
        responses,
    };
    let dispersion = effects.pooled_dispersion;
    Some(Fitted {
        lift,
        frame,
        items,
        dispersion,
        memories: [Memory::usual(span); 2],
        boosted,
        shares: Shares::default(),
        together: Together::default(),
        recalibration: Recalibration::default(),
        reconciled: Vec::new(),
        anticipation,
        held_out: None,
    })
}

fn item(panel: &Panel, effects: &Effects, sku: usize) -> FittedItem {
    FittedItem {
        sku: panel.skus()[sku].sku.clone(),
        effects: effects.pooled[sku].iter().map(|p| p.mean).collect(),
        predictive: Vec::new(),
        variances: effects.pooled[sku].iter().map(|p| p.variance).collect(),
        related: effects.related(sku),
        dispersion: effects.dispersion[sku],
        edited: false,
    }
}

fn response(panel: &Panel, frame: &Frame, effects: &Effects, exposure: &Exposure, sku: usize) -> Response {
    let entry = &panel.skus()[sku];
    let estimate = |column| Estimate {
        sensitivity: Some(exposure.sensitivity(effects, sku, column)),
        ..effects.estimate(sku, column, frame)
    };
    let listed = frame.partners.get(&entry.sku).map_or(&[][..], |partners| &partners.listed);
    let partner = |(at, (partner, _)): (usize, &(Sku, f64))| PartnerEffect {
        partner: partner.clone(),
        effect: effects.partner(sku, at),
    };
    Response {
        sku: entry.sku.clone(),
        group: entry.group.clone(),
        share_in_group: frame.shares.get(&entry.sku).copied().unwrap_or(0.0),
        own_price: estimate(OWN),
        curve: frame.curves.get(&entry.sku).cloned(),
        cross_price: estimate(CROSS),
        partners: listed.iter().enumerate().map(partner).collect(),
        feature: estimate(FEATURE),
        display: estimate(DISPLAY),
        dip: estimate(DIP),
        depth_seen_max: effects.experience[sku].depth_max,
        further: Further {
            periods_at_list: Some(effects.experience[sku].at_list),
            effects: effects_of(effects, sku, (&entry.sku, frame), estimate),
        },
    }
}

/// Weighs the substitutes in every item's price index by what they were found to take.
fn weigh_partners(panel: &Panel, frame: &mut Frame, effects: &Effects) {
    for (sku, entry) in panel.skus().iter().enumerate() {
        if let Some(partners) = frame.partners.get_mut(&entry.sku) {
            let pairs: Vec<f64> = effects.pairs[sku].iter().map(|pair| pair.mean).collect();
            partners.weigh(&pairs, effects.pooled[sku][CROSS].mean - pairs.iter().sum::<f64>());
        }
    }
}

/// Effects that a forecast can rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opinion {
    /// What promotions cause.
    Estimated,
    /// What went along with them.
    Predictive,
}

impl Opinion {
    pub(crate) const BOTH: [Self; 2] = [Self::Estimated, Self::Predictive];
}

impl FittedItem {
    /// Returns the effects of an opinion.
    pub(crate) fn effects_of(&self, opinion: Opinion, frame: &Frame) -> Vec<f64> {
        match opinion {
            Opinion::Estimated => self.forecast_effects(frame),
            Opinion::Predictive => self.predictive.clone(),
        }
    }

    /// Returns the effects that forecasts use: all but the linear trend, whose part the levels follow, and what demand
    /// did unseen when promotions were set. The trend guards the other effects against drift; carried forward, it is
    /// the worse guess. A promotion that is only being weighed does not bring unseen demand with it.
    pub(crate) fn forecast_effects(&self, frame: &Frame) -> Vec<f64> {
        let mut effects = self.effects.clone();
        effects[frame.trend()] = 0.0;
        effects[SIGNAL] = 0.0;
        effects
    }
}

impl Fitted {
    /// What forecasts need about each SKU of a panel.
    pub(crate) fn items_of(&self, panel: &Panel) -> Vec<Option<&FittedItem>> {
        panel.skus().iter().map(|entry| self.item(&entry.sku)).collect()
    }

    /// Finds what forecasts need about a SKU.
    pub(crate) fn item(&self, sku: &Sku) -> Option<&FittedItem> {
        let at = self.items.binary_search_by(|item| item.sku.cmp(sku)).ok()?;
        Some(&self.items[at])
    }
}
