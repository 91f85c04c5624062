//! Post-promotion analysis: what each past promotion earned, beside what is usually reported of it.
//!
//! Units come from [`crate::events`]: own, taken from substitutes, taken from later periods, sold by other groups. Each is counted at the
//! margin that it sold at, and the discount on units that would have been sold anyway is charged. Naive is the usual lift
//! report: units sold less the mean of the periods before, at the paid margin, with nothing charged. Where no cost is known the
//! margin is told from which the promotion pays.
//!
//! Intervals are by the delta method as in [`crate::events`]; sums over promotions of one item keep what their errors share.
//! Sources: van Heerde, Leeflang and Wittink (2004); Abraham and Lodish (1993) for promotions judged by profit.
//!
//! Never reads a price list or a file: costs and earlier forecasts are arguments.

use crate::events::{Parts, Past, PromotionEvent, Rates, Run, Split, Sum, naive, runs};
use crate::fit::{Fitted, FittedItem, Z95};
use crate::stockouts::{Stockouts, stockouts};
use endcap_model::{EffectStatus, Panel, Period, Place, Sku};
use rayon::prelude::*;
use serde::Serialize;
use statrs::distribution::{ContinuousCDF, Normal};
use std::collections::BTreeMap;

/// What a piece of an item costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cost {
    /// Money for one piece.
    Piece(f64),
    /// Margin over the price without promotion.
    MarginRate(f64),
    /// Not known.
    Unknown,
}

/// Prices and cost of an item in money.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Economics {
    /// Money for one unit of the panel's prices.
    pub scale: f64,
    /// What a piece costs.
    pub cost: Cost,
}

/// Units that were forecast for a cell before it was sold.
pub type PlannedUnits = BTreeMap<(Sku, Place, Period), f64>;

/// What a promotion came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The interval of its profit lies above 0.
    Paid,
    /// It lies below 0.
    DidNotPay,
    /// It holds 0, or no cost is known.
    CannotTell,
}

/// A promotion in money, against no promotion.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Money {
    /// Margin on the units that the promotion itself added.
    pub own: Split,
    /// Discount given on units that would have been sold anyway: 0 or less.
    pub anyway: Split,
    /// Margin lost on substitutes.
    pub cannibalised: Split,
    /// Margin lost in later periods.
    pub pulled_forward: Split,
    /// Margin on what other groups sold more or less; nothing where none was seen to follow.
    pub halo: Option<Split>,
    /// The sum of these.
    pub profit: Split,
    /// Probability that it is over 0.
    pub probability_paid: f64,
    /// Profit for one unit of money given away; nothing where nothing was.
    pub roi: Option<Split>,
    /// Naive units at the margin that they sold at: the usual report.
    pub naive: Option<f64>,
}

/// One past promotion, analysed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysed {
    /// Units by where they came from.
    #[serde(flatten)]
    pub event: PromotionEvent,
    /// Units sold in its cells.
    pub sold: f64,
    /// Units that were forecast for its cells; nothing unless for all of them.
    pub forecast: Option<f64>,
    /// Share of its cells that were advertised.
    pub feature: f64,
    /// Share of its cells that were displayed.
    pub display: f64,
    /// What its item would have taken in without it, in money.
    pub usual_sales: f64,
    /// What empty shelves cost it; nothing where none was seen empty.
    pub stockouts: Option<Stockouts>,
    /// Money given away on all units sold.
    pub given_away: f64,
    /// Sales that it added or lost, in money, whatever they cost.
    pub revenue: Split,
    /// What it earned; nothing where a cost is not known.
    pub money: Option<Money>,
    /// Margin over the price without promotion from which it pays, were it alike for all items; nothing where no margin is
    /// enough.
    pub break_even_margin: Option<f64>,
    /// Whether it paid.
    pub verdict: Verdict,
    /// The verdict in words.
    pub why: String,
}

/// Money of several promotions by where it came from and went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MoneyParts {
    /// Margin on added units.
    pub own: f64,
    /// Discount on units sold anyway.
    pub anyway: f64,
    /// Margin lost on substitutes.
    pub cannibalised: f64,
    /// Margin lost in later periods.
    pub pulled_forward: f64,
    /// Margin on what other groups sold more or less.
    pub halo: f64,
}

/// All promotions of an item.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemTotal {
    /// The item; nothing for all items together.
    pub sku: Option<Sku>,
    /// Number of promotions.
    pub events: usize,
    /// Promotions that paid.
    pub paid: usize,
    /// Promotions that did not.
    pub did_not_pay: usize,
    /// Net units.
    pub net: Split,
    /// Sum of the naive units.
    pub naive: f64,
    /// Money given away.
    pub given_away: f64,
    /// Sales added, in money.
    pub revenue: Split,
    /// Profit of the promotions whose costs are known; nothing where none is.
    pub profit: Option<Split>,
    /// Where that profit came from and went.
    pub parts: Option<MoneyParts>,
    /// Naive profit of the same.
    pub naive_profit: Option<f64>,
    /// What one standard error of the halo moves in net units, sales and profit: an error that items share.
    #[serde(skip)]
    halo_error: [f64; 3],
}

/// Every past promotion with its sums.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysis {
    /// Promotions, most profit first; those without known cost after them, most sales added first.
    pub events: Vec<Analysed>,
    /// Sums by item, most profit first.
    pub items: Vec<ItemTotal>,
    /// Sums over all.
    pub total: ItemTotal,
}

/// Analyses every past promotion of a panel. Items without economics have their panel's prices and no known cost.
pub fn analyse(
    fitted: &Fitted,
    panel: &Panel,
    economics: &BTreeMap<Sku, Economics>,
    planned: &PlannedUnits,
) -> Analysis {
    let prepared = fitted.frame.prepare(panel);
    let ledger = Ledger { past: Past::of(fitted, &prepared), books: Books::of(panel, economics), planned };
    let by_item: Vec<ItemBook> = (0..panel.skus().len()).into_par_iter().map(|sku| ledger.item(sku)).collect();
    let mut events: Vec<Analysed> = by_item.iter().flat_map(|book| book.events.iter().cloned()).collect();
    events.sort_by(|a, b| b.rank().total_cmp(&a.rank()).then_with(|| key(a).cmp(&key(b))));
    let mut items: Vec<ItemTotal> =
        by_item.iter().filter(|book| !book.events.is_empty()).map(|book| book.total()).collect();
    items.sort_by(|a, b| b.rank().total_cmp(&a.rank()).then_with(|| a.sku.cmp(&b.sku)));
    let total = ItemTotal::over(&items);
    Analysis { events, items, total }
}

fn key(event: &Analysed) -> (&Sku, &str, Period) {
    (&event.event.sku, &event.event.region, event.event.span.start)
}

/// Money for a unit of every row.
struct Books {
    /// Paid price less cost, and price without promotion less cost; not a number where the cost is not known.
    profit: Rates,
    /// Paid price less cost, of gained units alone.
    margin: Rates,
    /// What is given away on each unit that would have been sold anyway.
    anyway: Rates,
    /// Paid price, and price without promotion.
    revenue: Rates,
    /// Price without promotion on each unit that would have been sold anyway, taken off.
    usual: Rates,
    /// Paid price less price without promotion: as `profit`, were every cost the price without promotion.
    at_cost: Rates,
    units: Rates,
    discount: Vec<f64>,
    known: Vec<bool>,
}

impl Books {
    fn of(panel: &Panel, economics: &BTreeMap<Sku, Economics>) -> Self {
        let c = panel.columns();
        let unknown = Economics { scale: 1.0, cost: Cost::Unknown };
        let of: Vec<Economics> =
            panel.skus().iter().map(|entry| economics.get(&entry.sku).copied().unwrap_or(unknown)).collect();
        let scale = |row: usize| of[c.sku[row] as usize].scale;
        let paid: Vec<f64> = (0..panel.len()).map(|row| c.price[row] * scale(row)).collect();
        let base: Vec<f64> = (0..panel.len()).map(|row| c.base_price[row] * scale(row)).collect();
        let cost = |row: usize| match of[c.sku[row] as usize].cost {
            Cost::Piece(cost) => cost,
            Cost::MarginRate(rate) => base[row] * (1.0 - rate),
            Cost::Unknown => f64::NAN,
        };
        let less_cost = |price: &[f64]| (0..panel.len()).map(|row| price[row] - cost(row)).collect::<Vec<f64>>();
        let discount: Vec<f64> = paid.iter().zip(&base).map(|(paid, base)| (base - paid).max(0.0)).collect();
        let nothing = vec![0.0; panel.len()];
        let margin = less_cost(&paid);
        Self {
            profit: Rates { with: margin.clone(), without: less_cost(&base) },
            margin: Rates { with: margin.clone(), without: margin },
            anyway: Rates { with: nothing.clone(), without: discount.clone() },
            usual: Rates { with: nothing.clone(), without: base.clone() },
            at_cost: Rates { with: paid.iter().zip(&base).map(|(paid, base)| paid - base).collect(), without: nothing },
            revenue: Rates { with: paid, without: base },
            units: Rates::units(panel),
            discount,
            known: of.iter().map(|of| of.cost != Cost::Unknown).collect(),
        }
    }
}

/// All that promotions are analysed with.
struct Ledger<'a> {
    past: Past<'a>,
    books: Books,
    planned: &'a PlannedUnits,
}

/// The promotions of one item, with the sums whose errors they share.
struct ItemBook<'a> {
    sku: Sku,
    item: Option<&'a FittedItem>,
    events: Vec<Analysed>,
    net: Sum,
    revenue: Sum,
    profit: Option<Sum>,
}

impl<'a> Ledger<'a> {
    fn item(&self, sku: usize) -> ItemBook<'a> {
        let panel = self.past.prepared.panel;
        let name = panel.skus()[sku].sku.clone();
        let item = self.past.fitted.item(&name);
        let (events, net, revenue) = (vec![], Sum::default(), Sum::default());
        let mut book = ItemBook { sku: name, item, events, net, revenue, profit: None };
        for run in runs(self.past.prepared, sku) {
            self.enter(&mut book, sku, &run);
        }
        book
    }

    /// Analyses one run and adds it to its item's book; nothing for an item that the model does not know.
    fn enter(&self, book: &mut ItemBook, sku: usize, run: &Run) {
        let (past, books) = (&self.past, &self.books);
        let sums = |rates: &Rates| past.parts(sku, run, rates);
        let (Some(item), Some(event)) = (book.item, past.event(sku, run, &books.units)) else { return };
        let (Some(units), Some(revenue), Some(at_cost)) =
            (sums(&books.units), sums(&books.revenue), sums(&books.at_cost))
        else {
            return;
        };
        let mut moved = past.others(sku).iter().copied().chain(past.followers(sku));
        let known = books.known[sku] && moved.all(|other| books.known[other]);
        let profit = if known { sums(&books.profit) } else { None };
        let given_away = self.given_away(run);
        let money = profit.map(|profit| self.money(item, sku, run, &profit, given_away));
        let (revenue, at_cost) = (revenue.net(), at_cost.net());
        let break_even_margin = break_even(at_cost.units, revenue.units);
        let status = past.fitted.lift.response(&book.sku).map(|response| &response.own_price.status);
        let c = past.prepared.panel.columns();
        let mean = |of: &dyn Fn(usize) -> f64| run.rows.iter().map(|&row| of(row)).sum::<f64>() / run.rows.len() as f64;
        let (verdict, why) = verdict(money.as_ref(), &revenue.split(item), break_even_margin, status);
        book.net = book.net.plus(&units.net());
        book.revenue = book.revenue.plus(&revenue);
        if let Some(profit) = profit {
            book.profit = Some(book.profit.unwrap_or_default().plus(&profit.net()));
        }
        book.events.push(Analysed {
            event,
            sold: run.rows.iter().map(|&row| past.prepared.panel.columns().units[row]).sum(),
            forecast: self.forecast(run),
            feature: mean(&|row| c.feature[row]),
            display: mean(&|row| c.display[row]),
            usual_sales: -sums(&books.usual).unwrap_or_default().own.units,
            stockouts: stockouts(past, item, &run.rows, known.then_some(&books.margin.with[..])),
            given_away,
            revenue: revenue.split(item),
            money,
            break_even_margin,
            verdict,
            why,
        });
    }

    fn money(&self, item: &FittedItem, sku: usize, run: &Run, profit: &Parts, given_away: f64) -> Money {
        let (past, books) = (&self.past, &self.books);
        let part = |rates: &Rates| past.parts(sku, run, rates).unwrap_or_default().own.split(item);
        let net = profit.net();
        let whole = net.split(item);
        let scaled = |by: f64| Split { units: whole.units / by, lo95: whole.lo95 / by, hi95: whole.hi95 / by };
        Money {
            own: part(&books.margin),
            anyway: part(&books.anyway),
            cannibalised: profit.cannibalised.split(item),
            pulled_forward: profit.pulled.split(item),
            halo: profit.halo.map(|halo| halo.split(item)),
            profit: whole,
            probability_paid: above_zero(net.units, net.variance(item).sqrt()),
            roi: (given_away > 0.0).then(|| scaled(given_away)),
            naive: naive(past.prepared, run, &books.margin),
        }
    }

    fn given_away(&self, run: &Run) -> f64 {
        let units = &self.past.prepared.panel.columns().units;
        run.rows.iter().map(|&row| self.books.discount[row] * units[row]).sum()
    }

    /// Units that were forecast for all cells of a run.
    fn forecast(&self, run: &Run) -> Option<f64> {
        let panel = self.past.prepared.panel;
        let c = panel.columns();
        let cell = |row: usize| {
            let (sku, place) = (&panel.skus()[c.sku[row] as usize].sku, &panel.places()[c.place[row] as usize].place);
            self.planned.get(&(sku.clone(), place.clone(), c.period[row])).copied()
        };
        if self.planned.is_empty() { None } else { run.rows.iter().map(|&row| cell(row)).sum() }
    }
}

/// Margin at which a profit is 0 that is `at_cost` at none and `revenue` at a whole.
fn break_even(at_cost: f64, revenue: f64) -> Option<f64> {
    let margin = -at_cost / (revenue - at_cost);
    (revenue > at_cost && margin <= 1.0).then_some(margin.max(0.0))
}

fn above_zero(mean: f64, se: f64) -> f64 {
    if se > 0.0 { Normal::standard().cdf(mean / se) } else { f64::from(u8::from(mean > 0.0)) }
}

fn verdict(
    money: Option<&Money>,
    revenue: &Split,
    break_even: Option<f64>,
    status: Option<&EffectStatus>,
) -> (Verdict, String) {
    let guess = match status {
        Some(EffectStatus::NotIdentified(reason)) => format!(" The item's price response is not identified: {reason}."),
        _ => String::new(),
    };
    let Some(money) = money else {
        let why = match break_even {
            Some(margin) => format!("No cost is known: it pays at a margin over {:.0} %.", 100.0 * margin),
            None if revenue.hi95 < 0.0 => {
                return (Verdict::DidNotPay, "It lost sales in money: no cost is low enough.".to_owned());
            }
            None => "No cost is known, and its sales in money did not grow.".to_owned(),
        };
        return (Verdict::CannotTell, why + &guess);
    };
    let percent = 100.0 * money.probability_paid;
    match money.profit {
        Split { lo95, .. } if lo95 > 0.0 => (Verdict::Paid, format!("Paid: the whole interval is a gain.{guess}")),
        Split { hi95, .. } if hi95 < 0.0 => {
            (Verdict::DidNotPay, format!("Did not pay: the whole interval is a loss.{guess}"))
        }
        _ => (Verdict::CannotTell, format!("Cannot tell: a gain with a probability of {percent:.0} %.{guess}")),
    }
}

impl Analysed {
    /// Promotions of known profit come first.
    fn rank(&self) -> f64 {
        self.money.as_ref().map_or(self.revenue.units - 1e15, |money| money.profit.units)
    }
}

impl ItemBook<'_> {
    fn total(&self) -> ItemTotal {
        let split = |sum: &Sum| self.item.map_or_else(Split::default, |item| sum.split(item));
        ItemTotal {
            sku: Some(self.sku.clone()),
            net: split(&self.net),
            revenue: split(&self.revenue),
            profit: self.profit.as_ref().map(split),
            halo_error: [self.net.halo, self.revenue.halo, self.profit.map_or(0.0, |profit| profit.halo)],
            ..ItemTotal::counted(&self.events)
        }
    }
}

impl ItemTotal {
    fn rank(&self) -> f64 {
        self.profit.map_or(self.revenue.units - 1e15, |profit| profit.units)
    }

    /// Counts and sums without error.
    pub(crate) fn counted(events: &[Analysed]) -> Self {
        let are = |verdict: Verdict| events.iter().filter(|event| event.verdict == verdict).count();
        let naive = events.iter().filter_map(|event| event.money.as_ref()?.naive);
        let any = events.iter().any(|event| event.money.is_some());
        Self {
            sku: None,
            events: events.len(),
            paid: are(Verdict::Paid),
            did_not_pay: are(Verdict::DidNotPay),
            net: Split::default(),
            naive: events.iter().filter_map(|event| event.event.naive).sum(),
            given_away: events.iter().map(|event| event.given_away).sum(),
            revenue: Split::default(),
            profit: None,
            parts: any.then(|| MoneyParts::of(events.iter().filter_map(|event| event.money.as_ref()))),
            naive_profit: any.then(|| naive.sum()),
            halo_error: [0.0; 3],
        }
    }

    /// Sum over items, whose errors are taken as independent but for those of the halo.
    fn over(items: &[Self]) -> Self {
        let profits = items.iter().filter_map(|item| Some((item.profit?, item.halo_error[2])));
        let known: Vec<(Split, f64)> = profits.collect();
        let naive: Vec<f64> = items.iter().filter_map(|item| item.naive_profit).collect();
        Self {
            sku: None,
            events: items.iter().map(|item| item.events).sum(),
            paid: items.iter().map(|item| item.paid).sum(),
            did_not_pay: items.iter().map(|item| item.did_not_pay).sum(),
            net: together(items.iter().map(|item| (item.net, item.halo_error[0]))),
            naive: items.iter().map(|item| item.naive).sum(),
            given_away: items.iter().map(|item| item.given_away).sum(),
            revenue: together(items.iter().map(|item| (item.revenue, item.halo_error[1]))),
            profit: (!known.is_empty()).then(|| together(known.iter().copied())),
            parts: items.iter().filter_map(|item| item.parts).reduce(MoneyParts::plus),
            naive_profit: (!naive.is_empty()).then(|| naive.iter().sum()),
            halo_error: std::array::from_fn(|at| items.iter().map(|item| item.halo_error[at]).sum()),
        }
    }
}

impl MoneyParts {
    pub(crate) fn of<'a>(events: impl Iterator<Item = &'a Money>) -> Self {
        let of = |money: &Money| Self {
            own: money.own.units,
            anyway: money.anyway.units,
            cannibalised: money.cannibalised.units,
            pulled_forward: money.pulled_forward.units,
            halo: money.halo.map_or(0.0, |halo| halo.units),
        };
        events.map(of).fold(Self::default(), Self::plus)
    }

    fn plus(self, other: Self) -> Self {
        Self {
            own: self.own + other.own,
            anyway: self.anyway + other.anyway,
            cannibalised: self.cannibalised + other.cannibalised,
            pulled_forward: self.pulled_forward + other.pulled_forward,
            halo: self.halo + other.halo,
        }
    }
}

/// Sum of splits, of each of which so much is an error that all share.
fn together(splits: impl Iterator<Item = (Split, f64)>) -> Split {
    let (units, variance, shared) = splits.fold((0.0, 0.0, 0.0), |(units, variance, all), (split, shared)| {
        let own = ((split.hi95 - split.lo95) / (2.0 * Z95)).powi(2) - shared * shared;
        (units + split.units, variance + own.max(0.0), all + shared)
    });
    let half = Z95 * f64::sqrt(variance + shared * shared);
    Split { units, lo95: units - half, hi95: units + half }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FitSettings, events, fit};

    fn analysed(cost: Cost) -> (Analysis, Vec<PromotionEvent>) {
        let panel = crate::test_support::weekly("a", 60);
        let fitted = fit(&panel, &FitSettings::default(), &|_, _| {}).unwrap();
        let economics = BTreeMap::from([("a".into(), Economics { scale: 100.0, cost })]);
        (analyse(&fitted, &panel, &economics, &PlannedUnits::new()), events(&fitted, &panel))
    }

    /// Of about 20 units at 2.00, 20 % off sells about 31: at a cost of 1.00 it gains 11 x 0.60 and gives 20 x 0.40 away.
    #[test]
    fn the_discount_on_units_sold_anyway_is_charged() {
        let (analysis, events) = analysed(Cost::Piece(100.0));
        assert_eq!(analysis.events.len(), events.len());
        for one in &analysis.events {
            let money = one.money.as_ref().unwrap();
            let (gained, base) = (one.event.own.units, one.event.baseline);
            assert!((money.own.units - 60.0 * gained).abs() < 1e-6 && (money.anyway.units + 40.0 * base).abs() < 1e-6);
            let parts = money.own.units + money.anyway.units + money.cannibalised.units + money.pulled_forward.units;
            assert!((money.profit.units - parts).abs() < 1e-6);
            assert!(money.naive.unwrap() > money.profit.units, "the usual report charges nothing");
            assert!((money.roi.unwrap().units - money.profit.units / one.given_away).abs() < 1e-9);
        }
        let sum: f64 = analysis.events.iter().map(|one| one.money.as_ref().unwrap().profit.units).sum();
        assert!((analysis.total.profit.unwrap().units - sum).abs() < 1e-6);
        let profits: Vec<f64> = analysis.events.iter().map(|one| one.money.as_ref().unwrap().profit.units).collect();
        assert!(profits.windows(2).all(|pair| pair[0] >= pair[1]), "most profit first");
    }

    #[test]
    fn a_promotion_pays_exactly_from_its_break_even_margin_on() {
        let (unknown, _) = analysed(Cost::Unknown);
        for one in &unknown.events {
            assert_eq!((one.verdict, one.money.as_ref()), (Verdict::CannotTell, None));
            assert!(one.why.contains("it pays at a margin over"), "{}", one.why);
        }
        let first = &unknown.events[0];
        let margin = first.break_even_margin.unwrap();
        let (at, _) = analysed(Cost::MarginRate(margin));
        let same = at.events.iter().find(|one| one.event.span == first.event.span).unwrap();
        assert!(same.money.as_ref().unwrap().profit.units.abs() < 1e-6, "{same:?}");
        assert_eq!(same.verdict, Verdict::CannotTell);
    }

    #[test]
    fn high_margins_pay_and_no_margin_does_not() {
        let verdicts = |rate: f64| analysed(Cost::MarginRate(rate)).0.total;
        assert_eq!(verdicts(0.95).paid, verdicts(0.95).events);
        assert_eq!(verdicts(0.0).did_not_pay, verdicts(0.0).events);
    }
}
