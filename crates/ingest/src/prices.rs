//! The price paid and the price without promotion of every cell of a panel, from whatever the facts say of them.

use endcap_model::Calendar;
use std::collections::HashMap;

/// What is known of the prices of a panel's cells, one value per row, NaN where nothing is; rows sorted by item, place
/// and period. Prices are in minor units.
#[derive(Clone, Copy, Debug)]
pub struct KnownPrices<'a> {
    /// Item of each row.
    pub sku: &'a [u32],
    /// Place of each row.
    pub place: &'a [u32],
    /// Period of each row.
    pub period: &'a [i32],
    /// Price paid.
    pub paid: &'a [f64],
    /// Price without promotion.
    pub list: &'a [f64],
    /// Price paid over price without promotion.
    pub ratio: &'a [f64],
    /// Price without promotion of each item, from master data.
    pub list_of_item: &'a [f64],
}

/// Completes prices: returns the price paid and the base price of every row, both over 0.
///
/// The base price is the list price; else the last list price of the series; else the 75th percentile of the prices
/// paid over the trailing 13 weeks or 28 days, which promotions of less than a quarter of the time do not move; else
/// the item's list price from master data; else 1, an index. The price paid is the one recorded; else ratio times
/// base; else base times the mean ratio of the item at other places in the same period; else the base.
pub fn complete_prices(known: &KnownPrices<'_>, calendar: Calendar) -> (Vec<f64>, Vec<f64>) {
    let mut base = known.list.to_vec();
    let mut start = 0;
    while start < base.len() {
        let series = (known.sku[start], known.place[start]);
        let mut end = start + 1;
        while end < base.len() && (known.sku[end], known.place[end]) == series {
            end += 1;
        }
        let rows = start..end;
        if known.list[rows.clone()].iter().any(|list| !list.is_nan()) {
            carry(&mut base[rows]);
        } else if known.paid[rows.clone()].iter().any(|paid| !paid.is_nan()) {
            trailing_percentile(
                &known.period[rows.clone()],
                &known.paid[rows.clone()],
                calendar,
                &mut base[rows.clone()],
            );
            carry(&mut base[rows]);
        } else {
            let list = known.list_of_item[series.0 as usize];
            base[rows].fill(if list.is_nan() { 1.0 } else { list });
        }
        start = end;
    }
    let ratios = mean_ratios(known, &base);
    let price = (0..base.len()).map(|row| {
        let elsewhere = || ratios.get(&(known.sku[row], known.period[row])).map_or(1.0, |(sum, count)| sum / count);
        match (known.paid[row], known.ratio[row]) {
            (paid, _) if !paid.is_nan() => paid,
            (_, ratio) if !ratio.is_nan() => ratio * base[row],
            _ => elsewhere() * base[row],
        }
    });
    (price.collect(), base)
}

/// Fills gaps with the last value before them, and those at the start with the first value.
fn carry(values: &mut [f64]) {
    let mut last = values.iter().copied().find(|value| !value.is_nan()).unwrap_or(f64::NAN);
    for value in values {
        if value.is_nan() {
            *value = last;
        }
        last = *value;
    }
}

fn trailing_percentile(period: &[i32], paid: &[f64], calendar: Calendar, base: &mut [f64]) {
    let window = if calendar == Calendar::Day { 28 } else { 13 };
    let mut first = 0;
    let mut prices = vec![];
    for row in 0..paid.len() {
        while period[first] <= period[row] - window {
            first += 1;
        }
        prices.clear();
        prices.extend(paid[first..=row].iter().copied().filter(|price| !price.is_nan()));
        if prices.is_empty() {
            continue;
        }
        prices.sort_unstable_by(f64::total_cmp);
        let rank = 0.75 * (prices.len() - 1) as f64;
        let (low, high) = (prices[rank.floor() as usize], prices[rank.ceil() as usize]);
        base[row] = low + (high - low) * rank.fract();
    }
}

/// Sum and count of paid over base, by item and period, over the places where it is known.
fn mean_ratios(known: &KnownPrices<'_>, base: &[f64]) -> HashMap<(u32, i32), (f64, f64)> {
    let mut ratios: HashMap<(u32, i32), (f64, f64)> = HashMap::new();
    if !(0..base.len()).any(|row| known.paid[row].is_nan() && known.ratio[row].is_nan()) {
        return ratios;
    }
    for (row, base) in base.iter().enumerate() {
        let paid = known.paid[row];
        let ratio = if paid.is_nan() { known.ratio[row] } else { paid / base };
        if !ratio.is_nan() {
            let entry = ratios.entry((known.sku[row], known.period[row])).or_default();
            *entry = (entry.0 + ratio, entry.1 + 1.0);
        }
    }
    ratios
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: f64 = f64::NAN;

    fn complete(paid: &[f64], list: &[f64], ratio: &[f64], of_item: f64) -> (Vec<f64>, Vec<f64>) {
        let period: Vec<i32> = (0..paid.len() as i32).collect();
        let zeros = vec![0; paid.len()];
        let known =
            KnownPrices { sku: &zeros, place: &zeros, period: &period, paid, list, ratio, list_of_item: &[of_item] };
        complete_prices(&known, Calendar::Week)
    }

    #[test]
    fn a_short_promotion_does_not_move_the_base_price() {
        let mut paid = vec![10.0; 20];
        paid[15..17].fill(7.0);
        let none = vec![NONE; 20];
        let (price, base) = complete(&paid, &none, &none, NONE);
        assert_eq!(base, vec![10.0; 20]);
        assert_eq!(price, paid);
    }

    #[test]
    fn what_is_missing_is_carried_from_what_is_known() {
        let (price, base) = complete(&[NONE, 8.0, NONE], &[NONE, 10.0, NONE], &[NONE, NONE, 0.5], NONE);
        assert_eq!(base, [10.0, 10.0, 10.0]);
        assert_eq!(price, [10.0, 8.0, 5.0]);
        let none = [NONE; 2];
        assert_eq!(complete(&none, &none, &[0.8, 1.0], NONE), (vec![0.8, 1.0], vec![1.0, 1.0]));
        assert_eq!(complete(&none, &none, &[0.5, NONE], 200.0), (vec![100.0, 200.0], vec![200.0, 200.0]));
    }

    #[test]
    fn a_gap_takes_the_ratio_that_other_places_had() {
        let known = KnownPrices {
            sku: &[0, 0, 0],
            place: &[0, 0, 1],
            period: &[1, 2, 2],
            paid: &[10.0, NONE, 8.0],
            list: &[10.0, NONE, 16.0],
            ratio: &[NONE; 3],
            list_of_item: &[NONE],
        };
        assert_eq!(complete_prices(&known, Calendar::Week).0, [10.0, 5.0, 8.0]);
    }
}
