//! Every offer that could be made, with its worth, and which of them rules and locks allow.

use crate::calendar::{all_of, blackouts, for_good, rules_of};
use crate::cells::Line;
use crate::locks::Locks;
use crate::shelf::ShelfTerms;
use crate::shop::Shop;
use crate::solve::{Arrival, Rules};
use crate::terms::{PlanError, PlanInput};
use crate::worth::{Cut, Worth};
use crate::worths::{Appraiser, LineWorths, Worths};
use endcap_model::{Depth, OfferKind, Place, Sku};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;

/// One offer that could be made.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub period: usize,
    pub depth: Depth,
    /// Whether the vendor pays its share; otherwise its funds are spared.
    pub funded: bool,
    pub worth: Worth,
    /// Points of the goal beside the worth: what keeping a promise spares.
    pub kept: i64,
    /// The rule that forbids it.
    pub forbidden: Option<String>,
    /// Share of the style's demand whose size is there, where missing sizes forbid it.
    pub sizes_missing: Option<f64>,
}

/// All choices of one kind for one item in one region, by period, depth and funding.
#[derive(Clone, Debug)]
pub(crate) struct LineChoices {
    /// The line in the shop.
    pub line: usize,
    pub sku: Sku,
    pub region: Place,
    pub kind: OfferKind,
    pub choices: Vec<Choice>,
    /// When offers may and, by lock, must run.
    pub rules: Rules,
    /// Pieces that offers may take of stock that cannot be ordered for: of items that are not ordered again, or before
    /// the first delivery.
    pub stock: Option<Vec<Arrival>>,
}

/// Everything that could be offered.
pub(crate) struct Choices<'a> {
    pub shop: Shop<'a>,
    /// First the promotions of every line, then the markdowns, one list for each depth.
    pub lists: Vec<LineChoices>,
    /// Lists that run together: most alone.
    pub units: Vec<Vec<usize>>,
    /// Regions in order.
    pub regions: Vec<Place>,
}

/// An offer as list and choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Picked {
    pub list: usize,
    pub choice: usize,
}

impl LineChoices {
    /// Returns the choices of a period.
    pub fn at(&self, period: usize) -> &[Choice] {
        &self.choices[self.range(period)]
    }

    /// Returns the numbers of the choices of a period.
    pub fn range(&self, period: usize) -> Range<usize> {
        let from = self.choices.partition_point(|choice| choice.period < period);
        from..self.choices.partition_point(|choice| choice.period <= period)
    }

    /// Finds the choice of a period with the depth and funding of another.
    pub fn find(&self, period: usize, like: &Choice) -> Option<usize> {
        self.range(period).find(|&at| {
            let choice = &self.choices[at];
            choice.depth == like.depth && choice.funded == like.funded
        })
    }
}

impl<'a> Choices<'a> {
    /// Values every offer that could be made. Locks that clash are found later, by the core.
    ///
    /// # Errors
    /// [`PlanError`] for input that cannot be planned.
    pub fn new(input: &PlanInput<'a>) -> Result<Self, PlanError> {
        let shop = Shop::new(input)?;
        let nothing = shop.lines.iter().map(|_| None).collect();
        Self::of(shop, nothing)
    }

    /// As [`Self::new`], taking the worths that are known and keeping those that are new.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn keeping(input: &PlanInput<'a>, worths: &mut Worths) -> Result<Self, PlanError> {
        let shop = Shop::new(input)?;
        let kept = worths.under(input.scenario, shop.lines.len()).iter_mut().map(Some).collect();
        Self::of(shop, kept)
    }

    fn of(shop: Shop<'a>, kept: Vec<Option<&mut LineWorths>>) -> Result<Self, PlanError> {
        let locks = Locks::read(&shop.input, &shop.lines)?;
        let of_line = |(at, kept)| {
            let mut appraiser = Appraiser::new(&shop, at, kept);
            Ok((promotions(&mut appraiser, &locks)?, markdowns(&mut appraiser, &locks)))
        };
        let of_lines: Result<Vec<_>, PlanError> = kept.into_par_iter().enumerate().map(of_line).collect();
        let (mut lists, marked): (Vec<_>, Vec<_>) = of_lines?.into_iter().unzip();
        lists.extend(marked.into_iter().flatten());
        let regions: BTreeSet<Place> = shop.lines.iter().map(|line| line.region.clone()).collect();
        let units = units(&shop, &lists)?;
        Ok(Self { shop, lists, units, regions: regions.into_iter().collect() })
    }

    pub fn input(&self) -> &PlanInput<'a> {
        &self.shop.input
    }

    pub fn line(&self, list: usize) -> &Line<'a> {
        &self.shop.lines[self.lists[list].line]
    }

    pub fn choice(&self, picked: Picked) -> &Choice {
        &self.lists[picked.list].choices[picked.choice]
    }

    /// Number of the region of a list.
    pub fn region(&self, list: usize) -> usize {
        self.regions.binary_search(&self.lists[list].region).expect("Invariant: every line's region is listed")
    }

    /// Calendar rules of a unit.
    pub fn rules(&self, unit: usize) -> Rules {
        all_of(self.units[unit].iter().map(|&list| self.lists[list].rules.clone()))
    }

    /// What a unit runs in a period under an option, the place of the choice among its first list's; nothing where one
    /// of its lists has no such choice.
    pub fn picks(&self, unit: usize, period: usize, option: usize) -> Option<Vec<Picked>> {
        let lists = &self.units[unit];
        let first = &self.lists[lists[0]];
        let like = first.at(period).get(option)?;
        let same = lists.iter().map(|&list| Some(Picked { list, choice: self.lists[list].find(period, like)? }));
        same.collect()
    }
}

fn promotions(appraiser: &mut Appraiser, locks: &Locks) -> Result<LineChoices, PlanError> {
    let (input, line) = (&appraiser.shop.input, appraiser.line());
    let dark = blackouts(input, line)?;
    let mut list = list(appraiser, OfferKind::Promotion, rules_of(input, line));
    for period in 0..input.span.len() {
        let lock = locks.of(line, period);
        let mut depths: BTreeSet<Depth> = input.scenario.depths.iter().copied().filter(|&d| d > Depth::ZERO).collect();
        if let Some(depth) = lock.filter(|&depth| depth > Depth::ZERO) {
            list.rules.required.push(period);
            depths.insert(depth);
        }
        let blackout = dark.iter().any(|stretch| stretch.contains(&period)).then(|| "a blackout".to_owned());
        for depth in depths {
            let forbidden = match lock {
                Some(Depth::ZERO) => Some("a lock says that it must not run".to_owned()),
                Some(locked) if locked != depth => Some(format!("a lock fixes the depth at {locked}")),
                Some(_) => below_floor(input, line, depth),
                None => below_floor(input, line, depth).or_else(|| beyond_history(line, depth)),
            };
            let sizes_missing = broken(input, line).filter(|_| lock.is_none());
            offer(&mut list, appraiser, (period, depth), blackout.clone().or(forbidden), sizes_missing);
        }
    }
    if line.run_out.is_none() {
        share_first_stock(&mut list, line, ShelfTerms::of(line, input.scenario).first_arrival.min(input.span.len()));
    }
    Ok(list)
}

/// Lets the offers before the first delivery share what is there until then. Each is valued as if alone: together they
/// may take what the baseline leaves, or what one of them, or the locked ones, take by themselves.
fn share_first_stock(list: &mut LineChoices, line: &Line, first_arrival: usize) {
    let most = |period: usize| list.at(period).iter().map(|choice| choice.worth.stock).max().unwrap_or(0);
    let most: Vec<i64> = (0..first_arrival).map(most).collect();
    let locked: i64 = list.rules.required.iter().filter_map(|&period| most.get(period)).sum();
    let alone = most.iter().copied().max().unwrap_or(0).max(locked);
    let excess: Vec<f64> = line.excess(first_arrival).iter().map(|there| there.max(alone as f64)).collect();
    if excess.first().is_none_or(|&there| most.iter().sum::<i64>() <= there as i64) {
        return;
    }
    list.stock = Some(arrivals(&excess));
    list.choices.iter_mut().filter(|choice| choice.period >= first_arrival).for_each(|choice| choice.worth.stock = 0);
}

/// A list for each depth to which the price may go down for good. The margin floor does not hold them: what is left
/// brings less.
fn markdowns(appraiser: &mut Appraiser, locks: &Locks) -> Vec<LineChoices> {
    let line = appraiser.line();
    let periods = appraiser.shop.input.span.len();
    let depths: BTreeSet<Depth> = line.run_out.iter().flat_map(|terms| terms.markdowns.iter().copied()).collect();
    if depths.is_empty() {
        return Vec::new();
    }
    let sizes_missing = broken(&appraiser.shop.input, line);
    let marked = depths.into_iter().filter(|&depth| depth > Depth::ZERO).map(|depth| {
        let mut list = list(appraiser, OfferKind::Markdown, for_good(periods));
        for period in 0..periods {
            let locked = locks.of(line, period).map(|depth| format!("a lock fixes the depth at {depth}"));
            let forbidden = locked.or_else(|| beyond_history(line, depth));
            offer(&mut list, appraiser, (period, depth), forbidden, sizes_missing);
        }
        list
    });
    marked.collect()
}

fn list(appraiser: &Appraiser, kind: OfferKind, rules: Rules) -> LineChoices {
    let line = appraiser.line();
    let stock = line.run_out.map(|_| arrivals(&line.excess(appraiser.shop.input.span.len())));
    LineChoices {
        line: appraiser.at,
        sku: line.sku.clone(),
        region: line.region.clone(),
        kind,
        choices: Vec::new(),
        rules,
        stock,
    }
}

/// Whole pieces that come to what has come by each period.
fn arrivals(excess: &[f64]) -> Vec<Arrival> {
    let mut there = 0;
    let come = excess.iter().enumerate().map(|(period, &pieces)| {
        let amount = pieces.floor() as i64 - there;
        there += amount;
        Arrival { period, amount }
    });
    come.filter(|arrival| arrival.amount > 0).collect()
}

/// Adds an offer: with its vendor's money and, where that is capped, also without.
fn offer(
    list: &mut LineChoices,
    appraiser: &mut Appraiser,
    (period, depth): (usize, Depth),
    forbidden: Option<String>,
    sizes_missing: Option<f64>,
) {
    let capped = appraiser.line().funding.most.is_some();
    let most = appraiser.shop.input.scenario.limits.stockout_probability_max;
    for funded in [true, false].into_iter().take(if capped { 2 } else { 1 }) {
        let cut = Cut { period, depth, kind: list.kind, funded };
        let worth = appraiser.worth(cut);
        let runs_out = || {
            (worth.stockout > most).then(|| {
                let (found, most) = (100.0 * worth.stockout, 100.0 * most);
                format!("stock-outs: {found:.1} % of the stores are expected to run out, at most {most:.1} % may")
            })
        };
        let sizes =
            || sizes_missing.map(|_| "missing sizes, not the price, make it slow: rebuild sizes instead".to_owned());
        let forbidden = forbidden.clone().or_else(runs_out).or_else(sizes);
        list.choices.push(Choice { period, depth, funded, worth, kept: 0, forbidden, sizes_missing });
    }
}

/// Lists that run together, by the first of them.
fn units(shop: &Shop, lists: &[LineChoices]) -> Result<Vec<Vec<usize>>, PlanError> {
    let together = &shop.input.scenario.limits.together;
    let mut units: Vec<Vec<usize>> = Vec::new();
    let mut taken = vec![false; lists.len()];
    for at in 0..lists.len() {
        if taken[at] {
            continue;
        }
        let joint = |at: usize| {
            let own = together.iter().enumerate().filter(|(_, set)| {
                lists[at].kind == OfferKind::Promotion && shop.lines[lists[at].line].tags.fit(&set.items)
            });
            let sets: Vec<usize> = own.map(|(set, _)| set).collect();
            match sets[..] {
                [] => Ok(None),
                [set] => Ok(Some(set)),
                _ => Err(PlanError::TwiceTogether { sku: lists[at].sku.clone(), region: lists[at].region.clone() }),
            }
        };
        let mut unit = vec![at];
        if let Some(set) = joint(at)? {
            for other in (at + 1..lists.len()).filter(|&other| lists[other].region == lists[at].region) {
                if joint(other)? == Some(set) {
                    unit.push(other);
                    taken[other] = true;
                }
            }
        }
        units.push(unit);
    }
    Ok(units)
}

/// Share of the demand of the line's style whose size is there, where missing sizes make it slow.
fn broken(input: &PlanInput, line: &Line) -> Option<f64> {
    input.broken.get(&(line.sku.clone(), line.region.clone())).copied()
}

/// Says how a depth breaks the least margin.
pub(crate) fn below_floor(input: &PlanInput, line: &Line, depth: Depth) -> Option<String> {
    let paid = line.item.list_price as f64 * depth.price_ratio();
    let rate = (paid - line.item.unit_cost as f64) / paid;
    let floor = input.scenario.limits.margin_rate_min;
    (rate < floor).then(|| {
        format!(
            "margin floor: {:.1} % of the paid price is left, at least {:.1} % must be",
            100.0 * rate,
            100.0 * floor
        )
    })
}

/// A lift is not extrapolated to depths that the item has never had; a person may still lock one.
fn beyond_history(line: &Line, depth: Depth) -> Option<String> {
    let deepest = line.response.depth_seen_max;
    (depth > deepest).then(|| format!("deeper than the {deepest} that its history has seen: lock it to try"))
}
