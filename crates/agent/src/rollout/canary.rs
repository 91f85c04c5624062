//! Which stores come first: drawn by a seed, and alike to all of them in region and size.

use endcap_model::{Hasher, Place, Share};

/// A store that is to have offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Size {
    /// The store.
    pub place: Place,
    /// Its region.
    pub region: Place,
    /// What its items earn in a period.
    pub earns: f64,
}

/// Draws the stages: every store is in one of them, the first ones represent all. The canary holds no more than `canary_max`
/// stores, and one at least.
///
/// Stores are lined up by region and size, in turns up and down so that neighbours are alike across regions as well, and every
/// stage takes stores at even distances from a drawn beginning (systematic sampling; Cochran 1977, chapter 8).
pub fn drawn(mut stores: Vec<Size>, shares: &[Share], canary_max: i64, seed: &str) -> Vec<Vec<Place>> {
    stores.sort_by(|a, b| (&a.region, &a.place).cmp(&(&b.region, &b.place)));
    stores.dedup_by(|a, b| a.place == b.place);
    let mut line = in_line(stores);
    let (all, mut stages, mut reached) = (line.len(), vec![], 0);
    for (stage, share) in shares.iter().enumerate() {
        let wanted = share.of(i64::try_from(all).unwrap_or(i64::MAX)).max(1);
        let most = if stage == 0 && shares.len() > 1 { canary_max.max(1) } else { i64::MAX };
        let wanted = usize::try_from(wanted.min(most)).unwrap_or(all).min(all);
        let wanted = if stage + 1 == shares.len() { all } else { wanted };
        let places = at_even_distances(&mut line, wanted.saturating_sub(reached), seed, stage);
        reached += places.len();
        if !places.is_empty() {
            stages.push(places);
        }
    }
    stages
}

/// By region; within one by size, rising and falling in turns.
fn in_line(stores: Vec<Size>) -> Vec<Place> {
    let (mut line, mut rising) = (vec![], true);
    for region in stores.chunk_by(|a, b| a.region == b.region) {
        let mut region = region.to_vec();
        region.sort_by(|a, b| a.earns.total_cmp(&b.earns).then(a.place.cmp(&b.place)));
        if !rising {
            region.reverse();
        }
        rising = !rising;
        line.extend(region.into_iter().map(|store| store.place));
    }
    line
}

/// Takes so many out of a line.
fn at_even_distances(line: &mut Vec<Place>, wanted: usize, seed: &str, stage: usize) -> Vec<Place> {
    let length = line.len();
    if wanted == 0 || length == 0 {
        return vec![];
    }
    let begin = drawn_below(length, seed, stage);
    let taken: Vec<usize> = (0..wanted).map(|number| (begin + number * length / wanted) % length).collect();
    let places = taken.iter().map(|&at| line[at].clone()).collect();
    let mut at = 0;
    line.retain(|_| {
        at += 1;
        !taken.contains(&(at - 1))
    });
    places
}

fn drawn_below(end: usize, seed: &str, stage: usize) -> usize {
    let mut hasher = Hasher::default();
    hasher.add("rollout").add(seed).add((stage as u64).to_be_bytes());
    let hash = hasher.finish();
    let number = u64::from_str_radix(&hash.as_str()[..15], 16).unwrap_or(0);
    (number % end as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn stores(count: usize) -> Vec<Size> {
        let store = |number: usize| Size {
            place: Place::new(format!("s{number:03}")),
            region: Place::new(["north", "south", "west"][number % 3]),
            earns: ((number * 37) % 101) as f64,
        };
        (0..count).map(store).collect()
    }

    fn shares() -> Vec<Share> {
        [500, 2_000, 5_000, 10_000].map(Share::of_basis_points).into()
    }

    #[test]
    fn every_store_is_in_one_stage_and_the_seed_says_in_which() {
        for count in [1, 2, 5, 19, 100, 333] {
            let stages = drawn(stores(count), &shares(), i64::MAX, "plan");
            let all: BTreeSet<&Place> = stages.iter().flatten().collect();
            assert_eq!((all.len(), stages.iter().map(Vec::len).sum::<usize>()), (count, count));
            assert_eq!(stages, drawn(stores(count).into_iter().rev().collect(), &shares(), i64::MAX, "plan"));
        }
        let stages = drawn(stores(100), &shares(), i64::MAX, "plan");
        assert_eq!(stages.iter().map(Vec::len).collect::<Vec<_>>(), [5, 15, 30, 50]);
        assert_ne!(stages, drawn(stores(100), &shares(), i64::MAX, "another"));
        assert_eq!(drawn(stores(100), &shares(), 2, "plan")[0].len(), 2);
        assert_eq!(drawn(stores(7), &shares()[3..], 1, "plan"), drawn(stores(7), &shares()[3..], 9, "plan"));
    }

    #[test]
    fn the_canary_is_alike_to_all_stores() {
        let all = stores(300);
        let mean = |earns: &[f64]| earns.iter().sum::<f64>() / earns.len() as f64;
        let usual = mean(&all.iter().map(|store| store.earns).collect::<Vec<_>>());
        for seed in 0..200 {
            let canary = drawn(all.clone(), &shares(), i64::MAX, &seed.to_string()).remove(0);
            let of_canary: Vec<&Size> = all.iter().filter(|store| canary.contains(&store.place)).collect();
            let regions: BTreeSet<&Place> = of_canary.iter().map(|store| &store.region).collect();
            let earns = mean(&of_canary.iter().map(|store| store.earns).collect::<Vec<_>>());
            assert!(regions.len() == 3 && (earns / usual - 1.0).abs() < 0.2, "seed {seed}: {earns} of {usual}");
        }
    }
}
