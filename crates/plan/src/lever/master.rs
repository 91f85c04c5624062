//! The prices at which the columns seen so far promise least: a small linear program, by the primal simplex method.
//!
//! Chooses a mix of columns in every block, worth most, under limits that all blocks share. What a limit has too little
//! of may be had at its highest price, what it has left over is given back at its lowest, so that there always is a
//! mix and every price lies between the two. Rounding can make its prices a little worse, never a bound wrong: bounds
//! are worked out from the prices alone.
//!
//! Source: Dantzig and Wolfe (1960) for the mix of columns; Bland (1977) for the rule that ends ties.

/// A column: what one choice in a block is worth and uses.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Column {
    pub block: usize,
    pub value: f64,
    pub uses: Vec<f64>,
}

/// A limit that all blocks share.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limit {
    pub amount: f64,
    /// Lowest and highest price of a unit.
    pub price: (f64, f64),
}

/// The best mix and its prices.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mix {
    /// What the mix is worth, too little and left over included.
    pub value: f64,
    /// Price of each limit.
    pub prices: Vec<f64>,
    /// Share of each column.
    pub shares: Vec<f64>,
}

/// What fills a row of the basis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Member {
    Column(usize),
    /// Left over of a limit.
    Left(usize),
    /// Had beyond a limit.
    Extra(usize),
}

struct Simplex<'a> {
    blocks: usize,
    columns: &'a [Column],
    limits: &'a [Limit],
    basis: Vec<Member>,
    /// Inverse of the basis, row by row.
    inverse: Vec<Vec<f64>>,
    amounts: Vec<f64>,
}

const PIVOTS: usize = 2000;
/// Pivots without gain after which ties are broken by number.
const PATIENCE: usize = 50;
const TINY: f64 = 1e-11;

/// The best mix. Every block needs at least one column.
pub(super) fn mix(blocks: usize, columns: &[Column], limits: &[Limit]) -> Mix {
    let mut simplex = Simplex::start(blocks, columns, limits);
    let mut stale = 0;
    for _ in 0..PIVOTS {
        let prices = simplex.prices();
        let Some(enter) = simplex.entering(&prices, stale > PATIENCE) else { break };
        let Some(gain) = simplex.pivot(enter) else { break };
        stale = if gain { 0 } else { stale + 1 };
    }
    simplex.result()
}

impl<'a> Simplex<'a> {
    /// Begins with the first column of every block, and what is left over of each limit or had beyond it.
    fn start(blocks: usize, columns: &'a [Column], limits: &'a [Limit]) -> Self {
        let rows = blocks + limits.len();
        let mut inverse = vec![vec![0.0; rows]; rows];
        let mut basis = Vec::with_capacity(rows);
        let mut amounts = vec![1.0; blocks];
        for (block, row) in inverse.iter_mut().enumerate().take(blocks) {
            let first = columns.iter().position(|column| column.block == block);
            basis.push(Member::Column(first.expect("Invariant: every block has a column")));
            row[block] = 1.0;
        }
        for (limit, Limit { amount, .. }) in limits.iter().enumerate() {
            let uses: Vec<f64> = (0..blocks).map(|block| uses_of(&basis[block], columns, limit)).collect();
            let left = amount - uses.iter().sum::<f64>();
            let sign = if left >= 0.0 { 1.0 } else { -1.0 };
            basis.push(if left >= 0.0 { Member::Left(limit) } else { Member::Extra(limit) });
            amounts.push(left * sign);
            for (block, uses) in uses.iter().enumerate() {
                inverse[blocks + limit][block] = -uses * sign;
            }
            inverse[blocks + limit][blocks + limit] = sign;
        }
        Self { blocks, columns, limits, basis, inverse, amounts }
    }

    fn worth(&self, member: Member) -> f64 {
        match member {
            Member::Column(column) => self.columns[column].value,
            Member::Left(limit) => self.limits[limit].price.0,
            Member::Extra(limit) => -self.limits[limit].price.1,
        }
    }

    /// The prices of all rows: what the blocks earn, then the limits.
    fn prices(&self) -> Vec<f64> {
        let mut prices = vec![0.0; self.basis.len()];
        for (member, row) in self.basis.iter().zip(&self.inverse) {
            let worth = self.worth(*member);
            for (price, entry) in prices.iter_mut().zip(row) {
                *price += worth * entry;
            }
        }
        prices
    }

    /// What the member would add per unit at the prices.
    fn gain(&self, member: Member, prices: &[f64]) -> f64 {
        let paid = match member {
            Member::Column(column) => {
                let column = &self.columns[column];
                let uses: f64 = column.uses.iter().zip(&prices[self.blocks..]).map(|(uses, price)| uses * price).sum();
                uses + prices[column.block]
            }
            Member::Left(limit) => prices[self.blocks + limit],
            Member::Extra(limit) => -prices[self.blocks + limit],
        };
        self.worth(member) - paid
    }

    /// The member that adds most, or the first that adds anything.
    fn entering(&self, prices: &[f64], first: bool) -> Option<Member> {
        let limits = 0..self.limits.len();
        let others = limits.clone().map(Member::Left).chain(limits.map(Member::Extra));
        let mut best = None;
        for member in (0..self.columns.len()).map(Member::Column).chain(others) {
            let gain = self.gain(member, prices);
            let least = 1e-10 * (1.0 + self.worth(member).abs());
            if gain > least && best.is_none_or(|(most, _)| gain > most) && !self.basis.contains(&member) {
                best = Some((gain, member));
                if first {
                    break;
                }
            }
        }
        best.map(|(_, member)| member)
    }

    /// Brings a member into the basis; says whether the mix changed, or nothing where no row gives way.
    fn pivot(&mut self, enter: Member) -> Option<bool> {
        let direction = self.direction(enter);
        let mut leave: Option<(f64, usize)> = None;
        for (row, step) in direction.iter().enumerate() {
            if *step > TINY {
                let ratio = self.amounts[row].max(0.0) / step;
                let better = leave.is_none_or(|(least, at)| ratio < least || (ratio == least && *step > direction[at]));
                if better {
                    leave = Some((ratio, row));
                }
            }
        }
        let (ratio, row) = leave?;
        let scale = 1.0 / direction[row];
        self.inverse[row].iter_mut().for_each(|entry| *entry *= scale);
        let pivot = self.inverse[row].clone();
        for (other, step) in direction.iter().enumerate().filter(|(other, step)| *other != row && **step != 0.0) {
            for (entry, pivot) in self.inverse[other].iter_mut().zip(&pivot) {
                *entry -= step * pivot;
            }
            self.amounts[other] -= step * ratio;
        }
        self.amounts[row] = ratio;
        self.basis[row] = enter;
        Some(ratio > TINY)
    }

    /// The inverse of the basis times the member's entries.
    fn direction(&self, member: Member) -> Vec<f64> {
        let along = |row: &Vec<f64>| match member {
            Member::Column(column) => {
                let column = &self.columns[column];
                let uses: f64 = column.uses.iter().zip(&row[self.blocks..]).map(|(uses, entry)| uses * entry).sum();
                uses + row[column.block]
            }
            Member::Left(limit) => row[self.blocks + limit],
            Member::Extra(limit) => -row[self.blocks + limit],
        };
        self.inverse.iter().map(along).collect()
    }

    fn result(&self) -> Mix {
        let mut shares = vec![0.0; self.columns.len()];
        let mut value = 0.0;
        for (member, amount) in self.basis.iter().zip(&self.amounts) {
            value += self.worth(*member) * amount;
            if let Member::Column(column) = member {
                shares[*column] = amount.clamp(0.0, 1.0);
            }
        }
        let prices = self.prices().into_iter().skip(self.blocks).zip(self.limits);
        let prices = prices.map(|(price, limit)| price.clamp(limit.price.0, limit.price.1)).collect();
        Mix { value, prices, shares }
    }
}

fn uses_of(member: &Member, columns: &[Column], limit: usize) -> f64 {
    match member {
        Member::Column(column) => columns[*column].uses[limit],
        Member::Left(_) | Member::Extra(_) => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_mix_uses_the_limit_up_and_prices_it() {
        let column = |block, value, uses| Column { block, value, uses: vec![uses] };
        let columns = [column(0, 0.0, 0.0), column(0, 9.0, 3.0), column(1, 0.0, 0.0), column(1, 8.0, 4.0)];
        let limits = [Limit { amount: 5.0, price: (0.0, 100.0) }];
        let mix = mix(2, &columns, &limits);
        assert!((mix.value - 13.0).abs() < 1e-9, "9 for the first, half of the 8 with the two that are left: {mix:?}");
        assert!((mix.prices[0] - 2.0).abs() < 1e-9, "{mix:?}");
        assert_eq!(mix.shares, [0.0, 1.0, 0.5, 0.5]);
    }

    #[test]
    fn what_lacks_is_had_at_the_highest_price_and_what_is_left_goes_at_the_lowest() {
        let columns = [Column { block: 0, value: 10.0, uses: vec![3.0, 1.0] }];
        let limits = [Limit { amount: 1.0, price: (0.0, 7.0) }, Limit { amount: 4.0, price: (-2.0, 5.0) }];
        let mix = mix(1, &columns, &limits);
        assert!((mix.value - (10.0 - 2.0 * 7.0 - 3.0 * 2.0)).abs() < 1e-9, "{mix:?}");
        assert_eq!(mix.prices, [7.0, -2.0]);
    }
}
