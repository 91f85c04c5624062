//! Columns that not every panel has and that are more than a number: kinds of promotion, a competitor's price, clusters of
//! places.
//!
//! They travel among the panel's further columns under names that say what they are, so that whatever copies, cuts or joins
//! panels carries them along.

use crate::Control;
use std::collections::BTreeMap;
use std::fmt;

/// Name of the competitor's price in files.
pub const COMPETITOR_PRICE: &str = "competitor_price";
/// Name of the kind of promotion in files.
pub const MECHANIC: &str = "mechanic";
/// Name of the cluster of a place in files.
pub const CLUSTER: &str = "cluster_id";

/// What a further column of a panel holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A number that demand may follow.
    Control,
    /// 1 where a promotion of this kind runs, else 0.
    Mechanic(&'a str),
    /// The competitor's price; 0 where it is not known.
    CompetitorPrice,
    /// 1 in places of this cluster, else 0.
    Cluster(&'a str),
}

impl<'a> Input<'a> {
    /// Reads what a column of this name holds.
    pub fn of(name: &'a str) -> Self {
        match name.split_once('=') {
            Some((MECHANIC, kind)) => Self::Mechanic(kind),
            Some((CLUSTER, cluster)) => Self::Cluster(cluster),
            _ if name == COMPETITOR_PRICE => Self::CompetitorPrice,
            _ => Self::Control,
        }
    }
}

impl Control {
    /// Makes a column of 0s and 1s for every name that a text column holds, in the order of the names; no name, no 1.
    pub fn flags(column: &str, values: &[Option<String>]) -> Vec<Self> {
        let mut rows: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let named = values.iter().enumerate().filter_map(|(row, value)| Some((row, value.as_deref()?)));
        named.for_each(|(row, name)| rows.entry(name).or_default().push(row));
        Self::flags_at(column, &rows, values.len())
    }

    /// Makes the same columns from the rows, of so many, that each name holds.
    pub fn flags_at<N: fmt::Display>(column: &str, rows: &BTreeMap<N, Vec<usize>>, len: usize) -> Vec<Self> {
        let flag = |(name, rows): (&N, &Vec<usize>)| {
            let mut values = vec![0.0; len];
            rows.iter().for_each(|&row| values[row] = 1.0);
            Self { name: format!("{column}={name}"), values }
        };
        rows.iter().map(flag).collect()
    }

    /// Makes the column of a competitor's prices.
    pub fn competitor_price(values: &[Option<f64>]) -> Self {
        let known = |value: &Option<f64>| value.filter(|price| *price > 0.0).unwrap_or(0.0);
        Self { name: COMPETITOR_PRICE.to_owned(), values: values.iter().map(known).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_column_becomes_a_flag_per_name() {
        let values = ["coupon", "", "bundle", "coupon"].map(|v| (!v.is_empty()).then(|| v.to_owned()));
        let flags = Control::flags(MECHANIC, &values);
        let names: Vec<Input> = flags.iter().map(|flag| Input::of(&flag.name)).collect();
        assert_eq!(names, [Input::Mechanic("bundle"), Input::Mechanic("coupon")]);
        assert_eq!(flags[1].values, [1.0, 0.0, 0.0, 1.0]);
        assert_eq!(Input::of("temperature"), Input::Control);
        assert_eq!(Control::competitor_price(&[Some(2.0), None]).values, [2.0, 0.0]);
    }
}
