//! A season that is bought once: markdowns where a style falls behind its path, transfers that rebuild size runs.
//!
//! Each can be switched off, so that one world shows what either does. Rules of thumb of the trade, no optimisation:
//! the markdown goes a step deeper when sell-through is behind the season's path; transfers bring what is left of a
//! style to the stores where it sells best, whole runs first (after Caro and Gallien 2010).

use crate::choice::SeasonTerms;
use crate::{Actions, Observation, Policy, WorldSpec};
use endcap_model::{Depth, Mechanic, Offer, Period, Pieces, Span, Support, Transfer};
use std::collections::BTreeMap;

/// How far behind its path a style may fall before it is marked down.
const BEHIND: f64 = 0.03;
/// Share of the core sizes that stores have of a style, on average, below which its runs are rebuilt.
const BROKEN: f64 = 0.7;
/// Weight of the last period in a store's rate of sale.
const RECENT: f64 = 0.25;
/// Rate of a store that has not sold a style lately, as a share of a piece per period.
const RATE_MIN: f64 = 0.02;

/// The policy.
pub(super) struct Season<'a> {
    name: &'a str,
    spec: &'a WorldSpec,
    terms: SeasonTerms,
    styles: Vec<Style>,
    /// By season period: share of the season's demand that has come before it.
    path: Vec<f64>,
}

/// One style: its sizes in all stores.
struct Style {
    /// By size: number of its cells, stores in one order for all sizes.
    sizes: Vec<Vec<usize>>,
    core: Vec<bool>,
    opening: i64,
    sold: i64,
    depth: f64,
    /// By store: pieces sold per period, lately.
    rate: Vec<f64>,
}

impl<'a> Season<'a> {
    pub(super) fn new(name: &'a str, spec: &'a WorldSpec, terms: SeasonTerms) -> Self {
        let mut sizes: BTreeMap<String, Vec<(Vec<usize>, bool)>> = BTreeMap::new();
        for (sku, cells) in &spec.index.skus {
            let size = spec.size_of(sku);
            let style = size.map_or(sku.as_str(), |size| size.style.as_str()).to_owned();
            sizes.entry(style).or_default().push((cells.clone().collect(), size.is_none_or(|size| size.core)));
        }
        let places = |cells: &Vec<usize>| cells.iter().map(|&cell| spec.index.place_of[cell]).collect::<Vec<_>>();
        // Sizes that stores do not all carry cannot make whole runs.
        let whole = |sizes: &Vec<(Vec<usize>, bool)>| sizes.iter().all(|size| places(&size.0) == places(&sizes[0].0));
        let styles = sizes.into_values().filter(whole).map(|sizes| {
            let (sizes, core): (Vec<_>, Vec<_>) = sizes.into_iter().unzip();
            let stores = sizes[0].len();
            Style { sizes, core, opening: 0, sold: 0, depth: 0.0, rate: vec![RATE_MIN; stores] }
        });
        let total = |period: Period| spec.index.means_of(spec.slot_of(period)).iter().sum::<f64>();
        let by_period: Vec<f64> = spec.span().iter().map(total).collect();
        let whole: f64 = by_period.iter().sum();
        let path = by_period.iter().scan(0.0, |before, demand| {
            let share = *before / whole;
            *before += demand;
            Some(share)
        });
        Self { name, spec, terms, path: path.collect(), styles: styles.collect() }
    }

    fn offers(&self, period: Period) -> Vec<Offer> {
        let mut offers = Vec::new();
        for style in self.styles.iter().filter(|style| style.depth > 0.0) {
            let depth = Depth::from_share(style.depth).expect("Invariant: at most the deepest markdown, below 1");
            for cells in &style.sizes {
                let sku = &self.spec.cells()[cells[0]].sku;
                for region in &self.spec.index.regions {
                    offers.push(Offer {
                        sku: sku.clone(),
                        place: region.clone(),
                        span: Span::of_length(period, 1),
                        mechanic: Mechanic::Tpr,
                        depth,
                        support: Support::default(),
                    });
                }
            }
        }
        offers
    }

    fn transfers(&self, seen: &Observation) -> Vec<Transfer> {
        let mut transfers = Vec::new();
        for style in self.styles.iter().filter(|style| style.is_broken(|cell| seen.cells[cell].on_hand.0)) {
            for (from, to, pieces) in style.moves(|cell| seen.cells[cell].on_hand.0) {
                let (giver, taker) = (&self.spec.cells()[from], &self.spec.cells()[to]);
                transfers.push(Transfer {
                    sku: giver.sku.clone(),
                    from: giver.place.clone(),
                    to: taker.place.clone(),
                    period: seen.period.plus(-1),
                    quantity: Pieces(pieces),
                });
            }
        }
        transfers
    }
}

impl Style {
    fn note(&mut self, seen: &Observation) {
        for (store, rate) in self.rate.iter_mut().enumerate() {
            let sold: i64 = self.sizes.iter().map(|cells| seen.cells[cells[store]].sold.0).sum();
            self.sold += sold;
            *rate += RECENT * (sold as f64 - *rate);
        }
    }

    /// Returns whether stores have too few of the style's core sizes on average.
    fn is_broken(&self, on_hand: impl Fn(usize) -> i64) -> bool {
        let core = self.sizes.iter().zip(&self.core).filter(|(_, core)| **core).flat_map(|(cells, _)| cells);
        let (mut all, mut there) = (0, 0);
        core.for_each(|&cell| (all, there) = (all + 1, there + usize::from(on_hand(cell) > 0)));
        (there as f64) < BROKEN * all as f64
    }

    /// From, to and pieces that bring every size to the stores that sell most: one piece each to as many stores as
    /// whole runs can be made for, the rest in proportion to their rates.
    fn moves(&self, on_hand: impl Fn(usize) -> i64) -> Vec<(usize, usize, i64)> {
        let total = |cells: &Vec<usize>| cells.iter().map(|&cell| on_hand(cell)).sum::<i64>();
        let core = self.sizes.iter().zip(&self.core).filter(|(_, core)| **core).map(|(cells, _)| total(cells));
        let stores = core.min().unwrap_or(0).clamp(1, self.rate.len() as i64) as usize;
        let mut best: Vec<usize> = (0..self.rate.len()).collect();
        best.sort_by(|&a, &b| self.rate[b].total_cmp(&self.rate[a]).then(a.cmp(&b)));
        best.truncate(stores);
        let mut moves = Vec::new();
        for cells in &self.sizes {
            let target = self.targets(&best, total(cells));
            let mut takers = best.iter().filter(|&&store| on_hand(cells[store]) < target[store]).copied();
            let mut taker = takers.next().map(|store| (store, target[store] - on_hand(cells[store])));
            for (store, &cell) in cells.iter().enumerate() {
                let mut spare = on_hand(cell) - target[store];
                while let Some((to, lacks)) = taker.filter(|_| spare > 0) {
                    let pieces = spare.min(lacks);
                    moves.push((cell, cells[to], pieces));
                    spare -= pieces;
                    taker = if pieces < lacks {
                        Some((to, lacks - pieces))
                    } else {
                        takers.next().map(|store| (store, target[store] - on_hand(cells[store])))
                    };
                }
            }
        }
        moves
    }

    /// By store: pieces of a size that it should have.
    fn targets(&self, best: &[usize], pieces: i64) -> Vec<i64> {
        let mut target = vec![0; self.rate.len()];
        let firsts = pieces.min(best.len() as i64);
        best.iter().take(firsts as usize).for_each(|&store| target[store] = 1);
        let rates: f64 = best.iter().map(|&store| self.rate[store].max(RATE_MIN)).sum();
        let mut left = pieces - firsts;
        for &store in best {
            let part = ((pieces - firsts) as f64 * self.rate[store].max(RATE_MIN) / rates).floor() as i64;
            target[store] += part;
            left -= part;
        }
        best.iter().cycle().take(left.max(0) as usize).for_each(|&store| target[store] += 1);
        target
    }
}

impl Policy for Season<'_> {
    fn name(&self) -> &str {
        self.name
    }

    fn act(&mut self, seen: &Observation) -> Actions {
        let at = (seen.period.0 - self.spec.span().start.0) as usize;
        let reviews = at > 0 && at.is_multiple_of(self.terms.every);
        for style in &mut self.styles {
            if at == 0 {
                style.opening = style.sizes.iter().flatten().map(|&cell| seen.cells[cell].on_hand.0).sum();
            } else {
                style.note(seen);
            }
            let through = style.sold as f64 / style.opening.max(1) as f64;
            if reviews && self.terms.markdowns && through < self.terms.target * self.path[at] - BEHIND {
                style.depth = (style.depth + self.terms.step).min(self.terms.depth_max);
            }
        }
        let transfers = if reviews && self.terms.transfers { self.transfers(seen) } else { Vec::new() };
        Actions { offers: self.offers(seen.period), transfers, ..Actions::default() }
    }
}
