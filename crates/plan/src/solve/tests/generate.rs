//! Small random problems in which every rule is there or not, each by itself.

use super::super::graph::{Rules, Window};
use super::exhaustive::plans;
use super::raw::{Raw, RawColumn, RawUnit};
use proptest::collection::vec;
use proptest::prelude::*;

/// Most plans of a problem that is searched to the end.
const MOST_PLANS: usize = 40_000;

/// What a problem may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Feature {
    Spacing,
    Windows,
    Runs,
    Rests,
    Required,
    Before,
    Stock,
    Arrivals,
    Capacities,
    Least,
    Penalties,
    Gains,
    Losses,
    ManyLimits,
    Ties,
    Oversize,
    Huge,
}

/// The features of a problem as bits.
#[derive(Clone, Copy, Debug)]
pub struct Features(pub u32);

impl Features {
    pub const ALL: u32 = (1 << 17) - 1;

    pub fn has(self, feature: Feature) -> bool {
        self.0 & (1 << feature as u32) != 0
    }
}

/// Features with few, half or many of them; huge numbers once in a while.
fn features() -> impl Strategy<Value = Features> {
    let huge = 1 << Feature::Huge as u32;
    (any::<u32>(), any::<u32>(), 0..3usize, 0..12usize).prop_map(move |(one, other, density, rare)| {
        let some = [one & other, one, one | other][density] & Features::ALL & !huge;
        Features(if rare == 11 { some | huge } else { some })
    })
}

/// Periods, units and limits: few of each, or many of one.
fn shapes() -> impl Strategy<Value = (usize, usize, usize)> {
    prop_oneof![4 => (1..6usize, 0..5usize, 0..4usize), 2 => (1..3usize, 3..9usize, 1..4usize), 3 => (4..10usize, 1..3usize, 0..3usize)]
}

/// Problems of all shapes and features.
pub fn problems() -> impl Strategy<Value = Raw> {
    (shapes(), features())
        .prop_flat_map(|((periods, units, limits), features)| problem(periods, units, limits, features))
}

/// Problems with the features given.
pub fn problem(periods: usize, units: usize, limits: usize, features: Features) -> impl Strategy<Value = Raw> {
    let limit = (0..30i64, 0..100i64).prop_map(move |(capacity, share)| limit(capacity, share, features));
    let pair = (0..units.max(1), 0..units.max(1), -30..40i64);
    let parts = (vec(limit, limits), vec(unit(periods, limits, features), units), vec(pair, 0..5));
    parts.prop_map(move |(limits, units, pairs)| {
        let kept = |pair: &(usize, usize, i64)| {
            pair.0 != pair.1 && features.has(if pair.2 < 0 { Feature::Gains } else { Feature::Penalties })
        };
        let pairs = pairs.into_iter().filter(kept).map(|(first, second, lost)| (first, second, scaled(lost, features)));
        let mut raw = Raw { periods, limits, units, pairs: pairs.collect() };
        while plans(&raw) > MOST_PLANS {
            raw.units.iter_mut().max_by_key(|unit| unit.columns.len()).expect("a unit with columns").columns.pop();
        }
        raw
    })
}

fn scaled(number: i64, features: Features) -> i64 {
    if features.has(Feature::Huge) { number * (1 << 33) + number % 7 } else { number }
}

fn limit(capacity: i64, share: i64, features: Features) -> (i64, i64) {
    let capacity = if features.has(Feature::Capacities) { scaled(capacity, features) } else { 1 << 50 };
    let least = if features.has(Feature::Least) { scaled(share % 20, features).min(capacity) } else { 0 };
    (least, capacity)
}

fn unit(periods: usize, limits: usize, features: Features) -> impl Strategy<Value = RawUnit> {
    let stock = vec((0..periods, 0..14i64), 0..4);
    let parts = (rules(periods, features), stock, vec(column(periods, limits, features), 0..9));
    (parts, any::<[bool; 2]>(), vec(any::<prop::sample::Index>(), 0..3)).prop_map(
        move |((mut rules, stock, mut columns), [stocked, falling], required)| {
            let twin = columns.first().filter(|_| features.has(Feature::Ties)).cloned();
            columns.extend(twin.map(|twin| RawColumn { uses: twin.uses.iter().rev().copied().collect(), ..twin }));
            number(&mut columns, falling);
            if features.has(Feature::Required) && !columns.is_empty() {
                rules.required.extend(required.iter().map(|index| index.get(&columns).period));
            }
            let early =
                |&(period, amount): &(usize, i64)| (if features.has(Feature::Arrivals) { period } else { 0 }, amount);
            let stock = (features.has(Feature::Stock) && stocked).then(|| stock.iter().map(early).collect());
            RawUnit { rules, stock, columns }
        },
    )
}

/// Gives the columns of each period their options, rising or falling.
fn number(columns: &mut [RawColumn], falling: bool) {
    for at in 0..columns.len() {
        let before = columns[..at].iter().filter(|other| other.period == columns[at].period).count() as u32;
        columns[at].option = if falling { 65_535 - 3 * before } else { before };
    }
}

fn rules(periods: usize, features: Features) -> impl Strategy<Value = Rules> {
    let window = (1..5usize, 0..4usize).prop_map(|(periods, most)| Window { periods, most });
    let lengths = (1..5usize, 1..4usize, 0..4usize);
    let days = (prop_oneof![3 => Just(vec![]), 1 => vec(0..periods, 0..2)], vec(1..5usize, 0..4));
    (lengths, vec(window, 0..3), days).prop_map(move |((spacing, run, rest), windows, (required, before))| Rules {
        spacing: if features.has(Feature::Spacing) { spacing } else { 1 },
        windows: if features.has(Feature::Windows) { windows } else { vec![] },
        run: if features.has(Feature::Runs) { run } else { 1 },
        rest: if features.has(Feature::Rests) { rest } else { 0 },
        required: if features.has(Feature::Required) { required } else { vec![] },
        before: if features.has(Feature::Before) { before } else { vec![] },
    })
}

fn column(periods: usize, limits: usize, features: Features) -> impl Strategy<Value = RawColumn> {
    let amount = prop_oneof![1 => Just(0i64), 2 => Just(1i64), 3 => 2..12i64];
    let uses = vec(amount, limits);
    (0..periods, -15..60i64, 0..9i64, uses, 0..8usize).prop_map(move |(period, value, stock, amounts, turn)| {
        let value = if features.has(Feature::Ties) { value / 20 * 20 } else { value };
        let value = if features.has(Feature::Losses) { value } else { value.abs() + 1 };
        let most = if features.has(Feature::ManyLimits) { limits } else { limits.min(1) };
        let large = if features.has(Feature::Oversize) && turn == 0 { 5 } else { 1 };
        let mut uses: Vec<(usize, i64)> = amounts.into_iter().enumerate().collect();
        if limits > 0 {
            uses.rotate_left(turn % limits);
        }
        if turn > 4 {
            uses.reverse();
        }
        uses.truncate(most);
        let amount = |amount: i64| if amount == 1 { 1 } else { scaled(amount * large, features) };
        uses.iter_mut().for_each(|used| used.1 = amount(used.1));
        RawColumn { period, option: 0, value: scaled(value, features), stock: stock * large, uses }
    })
}
