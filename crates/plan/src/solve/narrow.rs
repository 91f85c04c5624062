//! What a menu's whole numbers alone rule out: values that no choice has, candidates that another replaces, candidates
//! that fit with no choice of the others.

use super::menu::Menu;
use super::relaxed::Allowed;

/// Groups larger than this are not searched for candidates that others make needless.
const COMPARED: usize = 400;

/// How much of a limit a candidate uses.
pub fn used(menu: &Menu, candidate: u32, limit: usize) -> i64 {
    let uses = menu.uses_of(candidate as usize).iter().find(|(other, _)| *other as usize == limit);
    uses.map_or(0, |(_, amount)| *amount)
}

/// Value of a choice; nothing when it breaks a limit.
pub fn value_of(menu: &Menu, choice: &[u32]) -> Option<i64> {
    let mut used = vec![0i64; menu.most.len()];
    let uses = choice.iter().flat_map(|&candidate| menu.uses_of(candidate as usize));
    uses.for_each(|&(limit, amount)| used[limit as usize] += amount);
    let fits = used.iter().zip(&menu.least).zip(&menu.most).all(|((used, least), most)| least <= used && used <= most);
    fits.then(|| menu.value(choice))
}

fn on(menu: &Menu, candidate: u32) -> &[u64] {
    &menu.on[candidate as usize * menu.words..(candidate as usize + 1) * menu.words]
}

/// Greatest number by multiples of which the values of choices differ; 0 when all are equal.
pub fn step(menu: &Menu) -> i64 {
    let differences = (0..menu.groups()).flat_map(|group| {
        let first = menu.starts[group] as usize;
        menu.candidates(group).map(move |candidate| menu.values[candidate].abs_diff(menu.values[first]))
    });
    let penalties = menu.pairs.iter().map(|(_, _, penalty)| penalty.unsigned_abs());
    differences.chain(penalties).fold(0, divisor) as i64
}

fn divisor(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// The smallest value above `value` that a choice could have; nothing when none could.
pub fn target(menu: &Menu, step: i64, value: i64) -> Option<i64> {
    let firsts = (0..menu.groups()).map(|group| menu.candidates(group).next().map(|first| menu.values[first]));
    let some = firsts.sum::<Option<i64>>()?;
    let past = |step: i64| (i128::from(value) - i128::from(some)).rem_euclid(i128::from(step)) as i64;
    match step {
        0 => (some > value).then_some(some),
        step => Some(value + (step - past(step))),
    }
}

/// Drops candidates for which another of the group is worth at least as much, uses at most as much of every limit, of
/// those with a least use the same, and is on in the same periods.
pub fn drop_needless(menu: &Menu, least: &[i64], allowed: &mut Allowed) {
    let exact: Vec<usize> = (0..least.len()).filter(|&limit| least[limit] > 0).collect();
    let replaces = |a: u32, b: u32| {
        let (value, other) = (menu.values[a as usize], menu.values[b as usize]);
        let (uses, others) = (menu.uses_of(a as usize), menu.uses_of(b as usize));
        value >= other
            && on(menu, a) == on(menu, b)
            && uses.iter().all(|&(limit, amount)| amount <= used(menu, b, limit as usize))
            && exact.iter().all(|&limit| used(menu, a, limit) == used(menu, b, limit))
            // Of two alike the first stays.
            && (value > other || uses != others || a < b)
    };
    let before = allowed.clone();
    allowed.retain(|group, candidate| {
        let among = before.of(group);
        among.len() > COMPARED || !among.iter().any(|&other| other != candidate && replaces(other, candidate))
    });
}

/// Least and most that each group can use of each limit.
pub struct Reach {
    low: Vec<i64>,
    high: Vec<i64>,
    low_sum: Vec<i64>,
    high_sum: Vec<i64>,
}

impl Reach {
    /// Measures all candidates of a menu.
    pub fn new(menu: &Menu) -> Self {
        let (cells, limits) = (menu.groups() * menu.most.len(), menu.most.len());
        let mut reach =
            Self { low: vec![0; cells], high: vec![0; cells], low_sum: vec![0; limits], high_sum: vec![0; limits] };
        reach.measure(menu, &Allowed::all(menu));
        reach
    }

    /// Least and most use of each limit, no wider than the candidates can come to; nothing when no choice fits.
    pub fn limits(&self, menu: &Menu) -> Option<(Vec<i64>, Vec<i64>)> {
        let least: Vec<i64> = menu.least.iter().zip(&self.low_sum).map(|(&least, &low)| least.max(low)).collect();
        let most: Vec<i64> = menu.most.iter().zip(&self.high_sum).map(|(&most, &high)| most.min(high)).collect();
        least.iter().zip(&most).all(|(least, most)| least <= most).then_some((least, most))
    }

    /// Drops candidates that fit with no choice of the others, until none is left that does. False when some group has
    /// no candidate left.
    pub fn drop_misfits(&mut self, menu: &Menu, least: &[i64], most: &[i64], allowed: &mut Allowed) -> bool {
        loop {
            if allowed.lacks() {
                return false;
            }
            self.measure(menu, allowed);
            let room: Vec<i64> = most.iter().zip(&self.low_sum).map(|(most, low)| most - low).collect();
            let spare: Vec<i64> = least.iter().zip(&self.high_sum).map(|(least, high)| high - least).collect();
            let before = allowed.list.len();
            allowed.retain(|group, candidate| {
                let start = group * room.len();
                let mut amounts = amounts(menu, candidate, room.len()).enumerate();
                amounts.all(|(limit, amount)| {
                    amount - self.low[start + limit] <= room[limit] && self.high[start + limit] - amount <= spare[limit]
                })
            });
            if allowed.list.len() == before {
                return true;
            }
        }
    }

    fn measure(&mut self, menu: &Menu, allowed: &Allowed) {
        let limits = self.low_sum.len();
        self.low_sum.fill(0);
        self.high_sum.fill(0);
        for group in 0..allowed.groups() {
            let low = &mut self.low[group * limits..(group + 1) * limits];
            let high = &mut self.high[group * limits..(group + 1) * limits];
            low.fill(i64::MAX);
            high.fill(0);
            for &candidate in allowed.of(group) {
                for (limit, amount) in amounts(menu, candidate, limits).enumerate() {
                    low[limit] = low[limit].min(amount);
                    high[limit] = high[limit].max(amount);
                }
            }
            self.low_sum.iter_mut().zip(low).for_each(|(sum, low)| *sum += *low);
            self.high_sum.iter_mut().zip(high).for_each(|(sum, high)| *sum += *high);
        }
    }
}

/// What a candidate uses of each limit.
fn amounts(menu: &Menu, candidate: u32, limits: usize) -> impl Iterator<Item = i64> + '_ {
    let mut uses = menu.uses_of(candidate as usize).iter().peekable();
    (0..limits).map(move |limit| uses.next_if(|(other, _)| *other as usize == limit).map_or(0, |(_, amount)| *amount))
}
