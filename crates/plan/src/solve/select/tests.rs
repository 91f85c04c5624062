//! Small menus against every choice, and a large one against its bound.

use super::*;
use proptest::prelude::*;
use rand::SeedableRng;

/// What a candidate of a test is: value, uses by limit, periods in which it is on.
type Plain = (i64, Vec<i64>, u64);

fn menu(groups: &[Vec<Plain>], limits: &[(i64, i64)], pairs: &[(u32, u32, i64)], prices: &[f64]) -> Menu {
    let mut menu = Menu { starts: vec![0], use_starts: vec![0], words: 1, pairs: pairs.to_vec(), ..Menu::default() };
    (menu.least, menu.most) = limits.iter().copied().unzip();
    menu.prices = prices.to_vec();
    for group in groups {
        let earns = |(value, uses, _): &Plain| {
            *value as f64 - uses.iter().zip(prices).map(|(&amount, price)| amount as f64 * price).sum::<f64>()
        };
        let best = group.iter().map(earns).fold(f64::NEG_INFINITY, f64::max);
        for plain in group {
            menu.values.push(plain.0);
            menu.losses.push(best - earns(plain));
            let uses = plain.1.iter().enumerate().filter(|(_, amount)| **amount > 0);
            menu.uses.extend(uses.map(|(limit, &amount)| (limit as u32, amount)));
            menu.use_starts.push(menu.uses.len() as u32);
            menu.on.push(plain.2);
        }
        menu.starts.push(menu.values.len() as u32);
    }
    menu
}

fn keeps(menu: &Menu, choice: &[u32]) -> bool {
    let mut used = vec![0; menu.most.len()];
    for &(limit, amount) in choice.iter().flat_map(|&candidate| menu.uses_of(candidate as usize)) {
        used[limit as usize] += amount;
    }
    (0..used.len()).all(|limit| (menu.least[limit]..=menu.most[limit]).contains(&used[limit]))
}

/// The highest value of any choice that keeps the limits.
fn best_of_all(menu: &Menu) -> Option<i64> {
    let mut choices = vec![Vec::new()];
    for group in 0..menu.groups() {
        let longer = |choice: &Vec<u32>| {
            let choice = choice.clone();
            menu.candidates(group).map(move |candidate| [&choice[..], &[candidate as u32]].concat())
        };
        choices = choices.iter().flat_map(longer).collect();
    }
    choices.iter().filter(|choice| keeps(menu, choice)).map(|choice| menu.value(choice)).max()
}

fn search(menu: &Menu, choice: &mut [u32], steps: u64, seed: u64) -> Option<i64> {
    select(menu, choice, &Effort { steps }, &mut ChaCha8Rng::seed_from_u64(seed), &|_| false)
}

fn firsts(menu: &Menu) -> Vec<u32> {
    (0..menu.groups()).map(|group| menu.starts[group]).collect()
}

/// Up to five groups of up to four candidates under `limits` limits, of which a candidate uses two at most.
fn small(limits: usize) -> impl Strategy<Value = Menu> {
    let uses = proptest::collection::vec((0..limits, 1..9i64), 0..=2).prop_map(move |some| {
        let mut uses = vec![0; limits];
        some.iter().for_each(|&(limit, amount)| uses[limit] += amount);
        uses
    });
    let group = proptest::collection::vec((-20..60i64, uses, 0..16u64), 1..=4);
    let groups = proptest::collection::vec(group, 1..=5);
    let ranges = proptest::collection::vec((0..3i64, 4..20i64, 0.0..8.0f64), limits);
    let pairs = proptest::collection::vec((0..5u32, 0..5u32, -9..20i64), 0..=2);
    (groups, ranges, pairs).prop_map(|(groups, ranges, pairs)| {
        let count = groups.len() as u32;
        let pairs: Vec<_> = pairs.into_iter().filter(|&(one, other, _)| one < other && other < count).collect();
        let prices: Vec<f64> = ranges.iter().map(|range| range.2 - if range.0 > 0 { 4.0 } else { 0.0 }).collect();
        let limits: Vec<_> = ranges.iter().map(|&(least, most, _)| (least, most)).collect();
        menu(&groups, &limits, &pairs, &prices)
    })
}

fn finds_the_best(menu: &Menu) {
    let mut choice = firsts(menu);
    let found = search(menu, &mut choice, 60_000, 7);
    assert_eq!(found, best_of_all(menu), "{menu:?}");
    for (group, &candidate) in choice.iter().enumerate() {
        assert!(menu.candidates(group).contains(&(candidate as usize)));
    }
    assert_eq!(found.is_some(), keeps(menu, &choice));
    if let Some(value) = found {
        assert_eq!(value, menu.value(&choice));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn small_menus_end_with_the_best_choice(menu in small(3)) {
        finds_the_best(&menu);
    }

    #[test]
    fn many_limits_end_with_the_best_choice(menu in small(40)) {
        finds_the_best(&menu);
    }

    #[test]
    fn a_start_that_keeps_the_limits_is_never_made_worse(menu in small(3), steps in 0..2_000u64) {
        let mut choice = firsts(&menu);
        let start = keeps(&menu, &choice).then(|| menu.value(&choice));
        prop_assert!(search(&menu, &mut choice, steps, 1) >= start);
    }
}

/// Units with calendars that differ by a few weeks, like those of a promotion plan: one budget and slots per week, a
/// calendar as good as the best at the prices for every unit, others that lose up to a twentieth. Returns the bound too.
fn season(units: usize, weeks: usize, seed: u64) -> (Menu, f64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut prices = vec![0.8];
    prices.extend((0..weeks).map(|_| random.random_range(1_000.0..6_000.0)));
    let mut used = vec![0i64; weeks + 1];
    let (mut groups, mut best) = (Vec::new(), 0.0);
    for _ in 0..units {
        let worth = random.random_range(100_000.0..900_000.0f64);
        best += worth;
        let first: Vec<usize> = (0..weeks).filter(|_| random.random_range(0..6) == 0).collect();
        let mut group = Vec::new();
        for number in 0..random.random_range(2..12) {
            let mut calendar = first.clone();
            if number > 0 {
                calendar.retain(|_| random.random_range(0..5) > 0);
                calendar.push(random.random_range(0..weeks));
                calendar.sort_unstable();
                calendar.dedup();
            }
            let mut uses = vec![0; weeks + 1];
            uses[0] = calendar.iter().map(|_| random.random_range(5_000..20_000i64)).sum();
            calendar.iter().for_each(|&week| uses[week + 1] = 1);
            let loss = if number == 0 { 0.0 } else { worth * 0.05 * random.random::<f64>() };
            let paid: f64 = uses.iter().zip(&prices).map(|(&amount, price)| amount as f64 * price).sum();
            group.push(((worth - loss + paid).floor() as i64, uses, 0));
        }
        group[0].1.iter().zip(&mut used).for_each(|(amount, used)| *used += amount);
        groups.push(group);
    }
    let most = used.iter().map(|&used| used - random.random_range(0..=used.isqrt() / 4)).collect::<Vec<_>>();
    let bound = best + most.iter().zip(&prices).map(|(&most, price)| most as f64 * price).sum::<f64>();
    let limits: Vec<_> = most.into_iter().map(|most| (0, most)).collect();
    (menu(&groups, &limits, &[], &prices), bound)
}

#[test]
fn a_season_comes_close_to_its_bound() {
    for seed in 1..=3 {
        let (menu, bound) = season(1_000, 26, seed);
        let mut choice = menu.least_losses();
        assert!(!keeps(&menu, &choice));
        let value = search(&menu, &mut choice, 3_000_000, seed).expect("a plan");
        assert_eq!(value, menu.value(&choice));
        let gap = (bound - value as f64) / bound;
        assert!((0.0..1e-4).contains(&gap), "gap {gap:e}");
    }
}

#[test]
fn the_same_seed_gives_the_same_choice() {
    let (menu, _) = season(300, 13, 5);
    let run = |seed| {
        let mut choice = menu.least_losses();
        search(&menu, &mut choice, 200_000, seed);
        choice
    };
    assert_eq!(run(1), run(1));
}

#[test]
fn limits_are_kept_to_the_last_unit_in_huge_amounts() {
    let huge = 1 << 39;
    let group = |over: i64| vec![(10, vec![huge + over], 0), (9, vec![huge], 0)];
    let groups: Vec<_> = (0..6).map(|over| group(1 + over % 2)).collect();
    let menu = menu(&groups, &[(0, 6 * huge + 4)], &[], &[1.0]);
    let mut choice = firsts(&menu);
    assert_eq!(search(&menu, &mut choice, 50_000, 1), Some(57));
    assert!(keeps(&menu, &choice));
}

#[test]
fn one_candidate_a_group_is_kept_or_refused() {
    let alone = [vec![(5, vec![3], 0)], vec![(4, vec![3], 0)]];
    assert_eq!(search(&menu(&alone, &[(0, 6)], &[], &[1.0]), &mut [0, 1], 1_000, 1), Some(9));
    assert_eq!(search(&menu(&alone, &[(0, 5)], &[], &[1.0]), &mut [0, 1], 1_000, 1), None);
}

#[test]
fn what_cannot_be_kept_ends_with_the_fewest_limits_broken() {
    let group = vec![(9, vec![4, 4], 0), (1, vec![2, 0], 0)];
    let menu = menu(&[group], &[(0, 1), (0, 1)], &[], &[0.0, 0.0]);
    let mut choice = [0];
    assert_eq!(search(&menu, &mut choice, 1_000, 1), None);
    assert_eq!(choice, [1]);
}

#[test]
fn a_stop_ends_the_search_at_once() {
    let (menu, _) = season(100, 13, 2);
    let mut choice = menu.least_losses();
    let asked = std::cell::Cell::new(0);
    let stop = |_| {
        asked.set(asked.get() + 1);
        asked.get() == 5
    };
    select(&menu, &mut choice, &Effort { steps: u64::MAX }, &mut ChaCha8Rng::seed_from_u64(1), &stop);
    assert_eq!(asked.get(), 5);
}
