//! From a panel to the effects of all SKUs: own estimates, their pooling, and what each is worth.

use crate::columns::{CALENDAR, CROSS, CROSS_REGULAR, DIP, DISPLAY, FEATURE, LiftTerms, OWN, REGULAR, SIGNAL};
use crate::dispersion::{Dispersion, dispersions};
use crate::fit::Z95;
use crate::identify::Experience;
use crate::pairs::{self, pool_pairs};
use crate::partners::positions;
use crate::pool::{Own, Pooled, Prior, is_informative, pool};
use crate::prepare::{Frame, Prepared};
use crate::response::{Sampling, SkuEstimate, SkuRows, dip_gain, estimate};
use crate::signal::{Measured, Signal, Unseen, weigh};
use crate::stability::Moved;
use endcap_model::{EffectStatus, Estimate, Panel};
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Carries of the household stock that are tried.
const CARRIES: [f64; 4] = [0.2, 0.4, 0.6, 0.8];
/// How far from the best of them neighbours are tried.
const CARRY_STEP: f64 = 0.1;
/// Carry where no dip can be seen.
const CARRY_UNSEEN: f64 = 0.4;
/// More tiers than this are names of items rather than tiers, and are not pooled by.
const TIERS_MAX: usize = 40;
/// Share of the prior's deviation from which a posterior is no better than the prior.
const NO_BETTER: f64 = 0.8;
/// Weight of the own data from which an effect counts as the item's own.
const OWN_WEIGHT_MIN: f64 = 0.5;

/// Share of an item's rows out of stock from which that is named beside an effect that is not its own.
const OUT_MANY: f64 = 0.5;

/// Effects of all SKUs of a panel, in the order of its SKU list.
pub(crate) struct Effects {
    /// Per SKU and column: pooled effect.
    pub(crate) pooled: Vec<Vec<Pooled>>,
    pub(crate) experience: Vec<Experience>,
    pub(crate) dispersion: Vec<Dispersion>,
    pub(crate) pooled_dispersion: Dispersion,
    pub(crate) carry: f64,
    /// Per SKU and listed substitute: pooled effect of its price.
    pub(crate) pairs: Vec<Vec<Pooled>>,
    /// Per SKU and listed substitute: periods in which that one was promoted.
    partner_periods: Vec<Vec<usize>>,
    /// Per SKU: what each place alone says, before pooling.
    pub(crate) estimates: Vec<Option<SkuEstimate>>,
    /// Per SKU: demand that promotions may follow unseen.
    pub(crate) signals: Vec<Signal>,
    /// Per column: whether any SKU's own data say something about it.
    informed: Vec<bool>,
}

/// Where each SKU stands in the hierarchy.
struct Hierarchy {
    group: Vec<u32>,
    groups: usize,
    tier: Vec<u32>,
    tiers: usize,
}

/// Estimates the effects of all SKUs. `step` is called whenever one SKU is through one of the [`PASSES`] passes.
pub(crate) fn estimate_effects(prepared: &Prepared, step: &(dyn Fn() + Sync)) -> Effects {
    let skus = prepared.panel.skus().len();
    let hierarchy = Hierarchy::of(prepared.panel);
    let mut members = vec![0usize; hierarchy.groups];
    hierarchy.group.iter().for_each(|&group| members[group as usize] += 1);
    let alone = |sku: usize| members[hierarchy.group[sku] as usize] < 2;
    let experience: Vec<Experience> =
        (0..skus).into_par_iter().map(|sku| Experience::of(prepared, sku, alone(sku))).collect();
    let plain: Vec<Option<SkuEstimate>> = each(skus, step, |sku| {
        let rows = SkuRows::of(prepared, sku, Unseen::NONE);
        (!rows.is_empty()).then(|| estimate(&rows, &Dispersion::START, None))
    });
    let mut state = Pass::new(&plain, &hierarchy, &experience, prepared.frame);
    let carry = choose_carry(prepared, &plain, &state, step);
    let refit = |state: &Pass, start: &[Option<SkuEstimate>], unseen: &(dyn Fn(usize) -> Unseen + Sync)| {
        each(skus, step, |sku| {
            let start = start[sku].as_ref()?;
            let unseen = unseen(sku);
            let mut rows = SkuRows::of(prepared, sku, unseen);
            if unseen != Unseen::Apart {
                rows.believe(state.pooled[sku].iter().map(|p| p.without_own));
            }
            rows.fill_dip(prepared, sku, LiftTerms::of(&state.means(sku)), carry);
            Some(estimate(&rows, &state.dispersion[sku], Some(start)))
        })
    };
    let apart = refit(&state, &plain, &|_| Unseen::Apart);
    let signals = weigh(&apart.iter().map(|one| one.as_ref().map(measured)).collect::<Vec<_>>());
    let mut estimates = plain;
    for _ in 0..2 {
        estimates = refit(&state, &estimates, &|sku| signals[sku].used);
        state = Pass::new(&estimates, &hierarchy, &experience, prepared.frame);
    }
    for (pooled, seen) in state.pooled.iter_mut().zip(&experience) {
        pooled[OWN].variance += seen.regime_variance();
    }
    let pairs = pool_pairs(prepared, &estimates);
    let positions = positions(prepared.panel);
    let partner_periods = (0..skus)
        .map(|sku| {
            let partners = prepared.frame.partners.get(&prepared.panel.skus()[sku].sku);
            let listed = partners.map_or_else(Vec::new, |partners| partners.positions(&positions));
            listed.iter().map(|&(partner, _)| experience[partner].promoted).collect()
        })
        .collect();
    Effects {
        pooled: state.pooled,
        experience,
        dispersion: state.dispersion,
        pooled_dispersion: state.pooled_dispersion,
        carry,
        pairs,
        partner_periods,
        estimates,
        signals,
        informed: state.informed,
    }
}

/// What the unpromoted rows of one SKU say about demand in its promoted periods.
fn measured(apart: &SkuEstimate) -> Measured {
    let Sampling { variance, widening } = apart.sampling[SIGNAL];
    Measured { estimate: apart.effects[SIGNAL], variance: variance * widening * widening }
}

/// Number of times that [`estimate_effects`] goes through all SKUs.
pub(crate) const PASSES: usize = 5;

fn each<T: Send>(skus: usize, step: &(dyn Fn() + Sync), work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    (0..skus)
        .into_par_iter()
        .map(|sku| {
            let done = work(sku);
            step();
            done
        })
        .collect()
}

/// Everything pooled after one pass over the SKUs.
struct Pass {
    pooled: Vec<Vec<Pooled>>,
    dispersion: Vec<Dispersion>,
    pooled_dispersion: Dispersion,
    informed: Vec<bool>,
}

impl Pass {
    fn new(estimates: &[Option<SkuEstimate>], hierarchy: &Hierarchy, experience: &[Experience], frame: &Frame) -> Self {
        let moments: Vec<_> = estimates.iter().map(|one| one.as_ref().map(|e| e.moments)).collect();
        let (pooled_dispersion, dispersion) = dispersions(&moments);
        let by_column: Vec<(Vec<Pooled>, bool)> = (0..frame.columns())
            .into_par_iter()
            .map(|column| {
                let prior = prior(column, frame);
                let own: Vec<Own> = (0..estimates.len())
                    .map(|sku| own(estimates[sku].as_ref(), &experience[sku], hierarchy, sku, (column, prior)))
                    .collect();
                let informed = own.iter().any(|o| is_informative(o, prior));
                (pool(&own, hierarchy.groups, hierarchy.tiers, prior), informed)
            })
            .collect();
        let pooled =
            (0..estimates.len()).map(|sku| by_column.iter().map(|(column, _)| column[sku]).collect()).collect();
        let informed = by_column.iter().map(|(_, informed)| *informed).collect();
        Self { pooled, dispersion, pooled_dispersion, informed }
    }

    fn means(&self, sku: usize) -> Vec<f64> {
        self.pooled[sku].iter().map(|p| p.mean).collect()
    }
}

/// An SKU's own estimate of one effect, with its variance widened by what the history lacks.
fn own(
    estimate: Option<&SkuEstimate>,
    seen: &Experience,
    hierarchy: &Hierarchy,
    sku: usize,
    (column, prior): (usize, Prior),
) -> Own {
    let widening = seen.lack(column).map_or(1.0, |lack| lack.widening);
    let (value, variance, few_periods) = match estimate {
        Some(e) if widening.is_finite() && tells_apart(e, column, prior) => {
            let Sampling { variance, widening: few_periods } = e.sampling[column];
            let value = if column == CROSS { e.cross } else { e.own[column] };
            (value, variance * widening, few_periods)
        }
        _ => (0.0, f64::INFINITY, 1.0),
    };
    Own { estimate: value, variance, widening: few_periods, group: hierarchy.group[sku], tier: hierarchy.tier[sku] }
}

/// Whether an SKU's own data tell an effect from its others; if not, what is believed of the others must not decide it.
fn tells_apart(estimate: &SkuEstimate, column: usize, prior: Prior) -> bool {
    estimate.alone[column] < prior.deviation * prior.deviation
}

/// What is known about an effect before any data.
///
/// Sources: own price -2.62 over 1,851 estimates (Bijmolt, van Heerde and Pieters 2005); cross price 0.26 over 7,264
/// (Auer and Papies 2020), so about twice that for all substitutes together; dips of 4 to 25 % of the lift (van Heerde, Leeflang and Wittink 2000); feature and display
/// are wide around the usual double-digit lifts. Calendar terms, trend and controls are wide around nothing.
fn prior(column: usize, frame: &Frame) -> Prior {
    if let Some(prior) = frame.further_prior(column) {
        return prior;
    }
    let (mean, deviation) = match column {
        OWN => (-2.6, 2.2),
        REGULAR => (-1.5, 2.0),
        CROSS => (0.5, 0.8),
        CROSS_REGULAR => (0.26, 1.0),
        FEATURE => (0.2, 0.5),
        DISPLAY => (0.2, 0.5),
        DIP => (-0.1, 0.3),
        _ if column < frame.trend() && column >= CALENDAR => (0.0, 0.5),
        _ if column == frame.trend() => (0.0, 1.0),
        _ => (0.0, 0.3),
    };
    Prior { mean, deviation }
}

/// Chooses the carry that raises the pooled quasi-likelihood most: the best of [`CARRIES`], then of its neighbours.
fn choose_carry(prepared: &Prepared, plain: &[Option<SkuEstimate>], state: &Pass, step: &(dyn Fn() + Sync)) -> f64 {
    let gains = |carries: &[f64]| -> Vec<f64> {
        let by_sku: Vec<Vec<f64>> = (0..plain.len())
            .into_par_iter()
            .map(|sku| {
                let Some(at) = plain[sku].as_ref() else { return vec![0.0; carries.len()] };
                let mut rows = SkuRows::of(prepared, sku, Unseen::NONE);
                let terms = LiftTerms::of(&state.means(sku));
                let gain = |&carry| {
                    rows.fill_dip(prepared, sku, terms, carry);
                    dip_gain(&rows, at, &Dispersion::START)
                };
                carries.iter().map(gain).collect()
            })
            .collect();
        (0..carries.len()).map(|at| by_sku.iter().map(|gains| gains[at]).sum()).collect()
    };
    let best = |carries: &[f64], gains: &[f64]| {
        let at = (0..carries.len()).max_by(|&a, &b| gains[a].total_cmp(&gains[b])).unwrap_or(0);
        (carries[at], gains[at])
    };
    let (coarse, gained) = best(&CARRIES, &gains(&CARRIES));
    (0..plain.len()).for_each(|_| step());
    if gained <= 0.0 {
        return CARRY_UNSEEN;
    }
    let near = [coarse - CARRY_STEP, coarse + CARRY_STEP];
    let (fine, better) = best(&near, &gains(&near));
    if better > gained { fine } else { coarse }
}

impl Hierarchy {
    fn of(panel: &Panel) -> Self {
        fn indices<T: Ord + Clone>(names: Vec<T>) -> (Vec<u32>, usize) {
            let known: BTreeMap<T, u32> = {
                let mut sorted = names.clone();
                sorted.sort();
                sorted.dedup();
                sorted.into_iter().zip(0..).collect()
            };
            (names.iter().map(|name| known[name]).collect(), known.len())
        }
        let (group, groups) = indices(panel.skus().iter().map(|entry| entry.group.clone()).collect());
        let (tier, tiers) = indices(panel.skus().iter().map(|entry| entry.tier.clone()).collect());
        let (tier, tiers) = if tiers > TIERS_MAX { (vec![0; tier.len()], 1) } else { (tier, tiers) };
        Self { group, groups, tier, tiers }
    }
}

impl Effects {
    /// Returns one effect with its interval and its status.
    pub(crate) fn estimate(&self, sku: usize, column: usize, frame: &Frame) -> Estimate {
        let p = self.pooled[sku][column];
        let se = p.variance.sqrt();
        let half = Z95 * se;
        Estimate {
            mean: p.mean,
            se,
            lo95: p.mean - half,
            hi95: p.mean + half,
            periods_promoted: self.experience[sku].periods_behind(column),
            status: self.status(sku, column, prior(column, frame)),
            sensitivity: None,
        }
    }

    /// Returns the pooled means of one SKU.
    pub(crate) fn means(&self, sku: usize) -> Vec<f64> {
        self.pooled[sku].iter().map(|pooled| pooled.mean).collect()
    }

    /// Returns the effect of one listed substitute.
    pub(crate) fn partner(&self, sku: usize, at: usize) -> Estimate {
        let p = self.pairs[sku][at];
        let (se, promoted) = (p.variance.sqrt(), self.partner_periods[sku][at]);
        let carried = || self.carried(sku, p);
        let status = match self.experience[sku].lack(CROSS) {
            _ if se > NO_BETTER * pairs::PRIOR.deviation => {
                EffectStatus::NotIdentified("its price and those of the other items do not vary apart enough".into())
            }
            Some(lack) => EffectStatus::Borrowed(lack.reason),
            None if p.own_weight < OWN_WEIGHT_MIN => EffectStatus::Borrowed(carried()),
            None => EffectStatus::Estimated,
        };
        let (lo95, hi95) = (p.mean - Z95 * se, p.mean + Z95 * se);
        Estimate { mean: p.mean, se, lo95, hi95, periods_promoted: promoted, status, sensitivity: None }
    }

    /// Correlations of an SKU's own-price, advert and display effects.
    pub(crate) fn related(&self, sku: usize) -> [f64; 3] {
        self.estimates[sku].as_ref().map_or([0.0; 3], |estimate| estimate.related)
    }

    fn status(&self, sku: usize, column: usize, prior: Prior) -> EffectStatus {
        let p = self.pooled[sku][column];
        let lack = self.experience[sku].lack(column);
        let carried = || self.carried(sku, p);
        if !self.informed[column] || p.variance.sqrt() > NO_BETTER * prior.deviation {
            let reason =
                lack.map_or_else(|| "the price and the support do not vary apart enough".to_owned(), |l| l.reason);
            return EffectStatus::NotIdentified(reason);
        }
        match lack {
            Some(lack) => EffectStatus::Borrowed(lack.reason),
            None if p.own_weight < OWN_WEIGHT_MIN => match self.unsettled(sku, column, prior) {
                Some(reason) => EffectStatus::NotIdentified(reason),
                None => EffectStatus::Borrowed(carried()),
            },
            None => EffectStatus::Estimated,
        }
    }

    /// How little an item's own history carries, and that stock ran out where that is the likely cause.
    fn carried(&self, sku: usize, p: Pooled) -> String {
        let carried = format!("its own history carries {:.0} % of the estimate", 100.0 * p.own_weight);
        match self.experience[sku].out_share {
            out if out >= OUT_MANY => format!("stock ran out in {:.0} % of its rows: {carried}", 100.0 * out),
            _ => carried,
        }
    }

    /// Why an item whose own data cannot carry its price effect is not taken to be like the others either: they say
    /// something else with every adjustment.
    fn unsettled(&self, sku: usize, column: usize, prior: Prior) -> Option<String> {
        let estimate = self.estimates[sku].as_ref().filter(|_| column == OWN)?;
        let Moved { by, chance, without } = estimate.moved;
        (by > NO_BETTER * prior.deviation && by > Z95 * chance).then(|| {
            let own = estimate.own[OWN];
            format!("its own data say {own:.1} but move by {by:.1} without {}", without.name())
        })
    }
}
