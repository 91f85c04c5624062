//! The oracle's calendar: greedy by what each offer is worth alone, then better by local search.
//!
//! An offer is put in, or made deeper or shallower, where that raises the true expected value with everything that has
//! to go for it: offers of the same item too close by, and the offer worth least where the slots are full. Offers that
//! lower the value go. That is repeated until nothing helps (a local optimum under insertion, exchange and removal;
//! Aarts and Lenstra 1997), so that it never ends below the greedy calendar. Never proves that no calendar is better.

use super::foresight::{Change, Foresight};
use crate::choice::OfferTerms;
use endcap_model::Depth;
use std::collections::BTreeMap;

/// Gain from which a change is worth making, minor units: above what cutting off fading traces leaves out.
const GAIN_MIN: f64 = 50.0;
/// Share of what an offer is worth alone that the others around it may change: an exchange that would lose more is not tried.
const AROUND: f64 = 0.25;
/// Times that all changes are gone through at most.
const PASSES_MAX: usize = 8;

/// An offer that could be made: an item in a region from a period on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub pair: usize,
    pub from: usize,
    pub depth: Depth,
    /// Fixed cost, and what its stock costs more than without it.
    pub cost: f64,
    /// Money that it gives away.
    pub given_away: f64,
    /// What it is worth when no other offer runs.
    pub alone: f64,
}

/// Offers by first period, then item and region.
pub(super) type Calendar = BTreeMap<(usize, usize), Candidate>;

/// The search.
pub(super) struct Search<'a> {
    pub limits: &'a OfferTerms,
    /// Money that may be given away.
    pub budget: f64,
    /// By item and region: the region.
    pub region_of: Vec<u32>,
    pub foresight: Foresight<'a>,
    pub calendar: Calendar,
}

impl Search<'_> {
    /// Takes the most valuable offers that keep slots, spacing and budget.
    pub(super) fn take_greedily(&mut self, candidates: &[Candidate]) {
        let mut order: Vec<&Candidate> = candidates.iter().collect();
        order.sort_by(|a, b| b.alone.total_cmp(&a.alone).then_with(|| (a.pair, a.from).cmp(&(b.pair, b.from))));
        for candidate in order {
            if self.too_close(candidate).is_empty() && self.is_free(candidate, &[]) && self.can_pay(candidate, &[]) {
                self.exchange(&[], Some(candidate));
            }
        }
    }

    /// Changes the calendar as long as its expected value rises.
    pub(super) fn improve(&mut self, candidates: &[Candidate]) {
        for _ in 0..PASSES_MAX {
            let mut changed = false;
            for candidate in candidates {
                changed |= self.put_in(candidate);
            }
            for key in self.calendar.keys().copied().collect::<Vec<_>>() {
                changed |= self.try_exchange(&[key], None);
            }
            if !changed {
                return;
            }
        }
    }

    /// Expected value of the calendar, minor units.
    #[cfg(test)]
    pub(super) fn value(&self) -> f64 {
        self.foresight.earned() - self.calendar.values().map(|offer| offer.cost).sum::<f64>()
    }

    /// Puts an offer in, with all that has to go for it, where that pays.
    fn put_in(&mut self, candidate: &Candidate) -> bool {
        if self.calendar.get(&(candidate.from, candidate.pair)).is_some_and(|runs| runs.depth == candidate.depth) {
            return false;
        }
        let mut gone = self.too_close(candidate);
        if !self.is_free(candidate, &gone) {
            gone.extend(self.least_beside(candidate));
        }
        let lost: f64 = gone.iter().map(|key| self.calendar[key].alone).sum();
        (1.0 + AROUND) * candidate.alone > (1.0 - AROUND) * lost && self.try_exchange(&gone, Some(candidate))
    }

    fn try_exchange(&mut self, gone: &[(usize, usize)], put: Option<&Candidate>) -> bool {
        if put.is_some_and(|put| !self.can_pay(put, gone)) {
            return false;
        }
        let saved: f64 = gone.iter().map(|key| self.calendar[key].cost).sum();
        let gain = self.foresight.gain(&changes(gone, put)) + saved - put.map_or(0.0, |put| put.cost);
        if gain > GAIN_MIN {
            self.exchange(gone, put);
        }
        gain > GAIN_MIN
    }

    fn exchange(&mut self, gone: &[(usize, usize)], put: Option<&Candidate>) {
        self.foresight.change(&changes(gone, put));
        gone.iter().for_each(|key| {
            self.calendar.remove(key);
        });
        self.calendar.extend(put.map(|put| ((put.from, put.pair), *put)));
    }

    /// Offers of the same item and region that may not run beside it.
    fn too_close(&self, candidate: &Candidate) -> Vec<(usize, usize)> {
        let apart = self.limits.spacing.max(self.limits.periods);
        let around = candidate.from.saturating_sub(apart - 1)..candidate.from + apart;
        around.map(|from| (from, candidate.pair)).filter(|key| self.calendar.contains_key(key)).collect()
    }

    /// Offers of the same region and period.
    fn beside(&self, candidate: &Candidate) -> impl Iterator<Item = (&(usize, usize), &Candidate)> {
        let region = self.region_of[candidate.pair];
        let all = self.calendar.range((candidate.from, 0)..(candidate.from + 1, 0));
        all.filter(move |((_, pair), _)| self.region_of[*pair] == region)
    }

    fn is_free(&self, candidate: &Candidate, gone: &[(usize, usize)]) -> bool {
        self.beside(candidate).filter(|(key, _)| !gone.contains(key)).count() < self.limits.slots
    }

    /// The offer beside it that is worth least alone.
    fn least_beside(&self, candidate: &Candidate) -> Option<(usize, usize)> {
        self.beside(candidate).min_by(|(_, a), (_, b)| a.alone.total_cmp(&b.alone)).map(|(key, _)| *key)
    }

    fn can_pay(&self, put: &Candidate, gone: &[(usize, usize)]) -> bool {
        let given: f64 = self.calendar.values().map(|offer| offer.given_away).sum();
        let saved: f64 = gone.iter().map(|key| self.calendar[key].given_away).sum();
        self.budget.is_infinite() || given - saved + put.given_away <= self.budget
    }
}

fn changes(gone: &[(usize, usize)], put: Option<&Candidate>) -> Vec<Change> {
    let gone = gone.iter().map(|&(from, pair)| Change { pair, from, depth: None });
    gone.chain(put.map(|put| Change { pair: put.pair, from: put.from, depth: Some(put.depth) })).collect()
}
