//! The problem: units that choose at most one column per period, under limits that all units share.
//!
//! Everything is whole numbers. Columns that no plan could use (alone over a limit or over the unit's own stock)
//! or that no plan needs (worth nothing, in a period that is not required) are left out when the problem is built.

use std::ops::Range;

/// No column.
pub const NONE: u32 = u32::MAX;

/// Values and uses lie below this, so that sums over millions of columns stay inside 64 bits.
const LARGEST: i64 = 1 << 40;

/// Something that all units share: at most `capacity` may be used in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Name for people.
    pub name: String,
    /// How much there is; 0 or more.
    pub capacity: i64,
}

/// One decision maker: at most one column per period, under its own calendar rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// At most one column in this many consecutive periods; 1 for no rule.
    pub spacing: usize,
    /// Most that its columns may use of its own stock over the horizon; nothing for no limit.
    pub stock: Option<i64>,
    /// Periods in which one of its columns must be chosen, rising.
    pub required: Vec<usize>,
}

impl Default for Unit {
    fn default() -> Self {
        Self { spacing: 1, stock: None, required: Vec::new() }
    }
}

/// One choice of a unit in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// The period.
    pub period: u32,
    /// The caller's number of the choice within unit and period.
    pub option: u32,
    /// What it earns.
    pub value: i64,
    /// What it uses of the unit's own stock; 0 or more.
    pub stock: i64,
    uses_from: u32,
    uses_to: u32,
}

/// What two units lose in every period in which both have a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pair {
    /// One unit.
    pub first: u32,
    /// The other.
    pub second: u32,
    /// Lost per period with both; 0 or more.
    pub penalty: i64,
}

/// A whole problem; see the module.
#[derive(Clone, Debug)]
pub struct Problem {
    periods: usize,
    limits: Vec<Limit>,
    units: Vec<Unit>,
    columns: Vec<Column>,
    uses: Vec<(u32, i64)>,
    /// Start of the columns of each unit and period, `units x periods + 1`.
    starts: Vec<u32>,
    pairs: Vec<Pair>,
    partner_starts: Vec<u32>,
    partners: Vec<Partner>,
}

/// The other side of a pair, as one unit sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partner {
    /// The other unit.
    pub unit: u32,
    /// Which pair this is.
    pub pair: u32,
    /// Lost per period with both.
    pub penalty: i64,
}

/// A problem that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProblemError {
    /// A number outside its range.
    #[error("{what} of {at} is {found}: expected {expected}")]
    Value {
        /// The number.
        what: &'static str,
        /// Whose.
        at: String,
        /// What it is.
        found: i64,
        /// What would have been taken.
        expected: &'static str,
    },
    /// A column names a limit that there is not.
    #[error("a column of unit {unit} uses limit {limit}, but there are {limits}")]
    UnknownLimit {
        /// The unit.
        unit: usize,
        /// The limit named.
        limit: usize,
        /// Number of limits.
        limits: usize,
    },
    /// More columns or uses than 32 bits can number.
    #[error("the problem has more than 4 thousand million columns or uses")]
    TooLarge,
}

/// Puts a problem together, unit by unit.
#[derive(Clone, Debug)]
pub struct Builder {
    periods: usize,
    limits: Vec<Limit>,
    units: Vec<Unit>,
    columns: Vec<(u32, Column)>,
    uses: Vec<(u32, i64)>,
    pairs: Vec<Pair>,
    error: Option<ProblemError>,
}

impl Builder {
    /// Begins a problem of so many periods.
    pub fn new(periods: usize) -> Self {
        let mut builder = Self {
            periods,
            limits: Vec::new(),
            units: Vec::new(),
            columns: Vec::new(),
            uses: Vec::new(),
            pairs: Vec::new(),
            error: None,
        };
        builder.expect("number of periods", || "the problem".to_owned(), periods as i64, "1 or more", periods >= 1);
        builder
    }

    /// Adds a limit and returns its number.
    pub fn limit(&mut self, name: impl Into<String>, capacity: i64) -> usize {
        let name = name.into();
        self.expect("capacity", || name.clone(), capacity, "0 or more", capacity >= 0);
        self.limits.push(Limit { name, capacity });
        self.limits.len() - 1
    }

    /// Adds a unit, whose columns follow, and returns its number.
    pub fn unit(&mut self, mut unit: Unit) -> usize {
        let number = self.units.len();
        let name = || format!("unit {number}");
        self.expect("spacing", name, unit.spacing as i64, "1 or more", unit.spacing >= 1);
        self.expect("stock", name, unit.stock.unwrap_or(0), "0 or more", unit.stock.unwrap_or(0) >= 0);
        unit.required.sort_unstable();
        unit.required.dedup();
        let last = unit.required.last().copied();
        let inside = last.is_none_or(|period| period < self.periods);
        self.expect("required period", name, last.unwrap_or(0) as i64, "a period of the horizon", inside);
        self.units.push(unit);
        number
    }

    /// Adds a column to the last unit: its period, the caller's option number, what it earns, what it uses of the
    /// unit's stock and of the limits.
    pub fn column(&mut self, period: usize, option: u32, value: i64, stock: i64, uses: &[(usize, i64)]) {
        let unit = self.units.len().wrapping_sub(1);
        let name = || format!("a column of unit {unit} in period {period}");
        self.expect("unit", name, unit as i64, "a unit before its columns", !self.units.is_empty());
        self.expect("period", name, period as i64, "a period of the horizon", period < self.periods);
        self.expect("stock use", name, stock, "0 to below 2^40", (0..LARGEST).contains(&stock));
        self.expect("value", name, value, "between -2^40 and 2^40", value.unsigned_abs() < LARGEST as u64);
        let uses_from = self.uses.len() as u32;
        for &(limit, amount) in uses {
            self.expect("use of a limit", name, amount, "0 to below 2^40", (0..LARGEST).contains(&amount));
            if limit >= self.limits.len() && self.error.is_none() {
                self.error = Some(ProblemError::UnknownLimit { unit, limit, limits: self.limits.len() });
            }
            if amount > 0 {
                self.uses.push((limit as u32, amount));
            }
        }
        let uses_to = self.uses.len() as u32;
        if self.uses.len() >= NONE as usize || self.columns.len() >= NONE as usize {
            self.error.get_or_insert(ProblemError::TooLarge);
        }
        let column = Column { period: period as u32, option, value, stock, uses_from, uses_to };
        self.columns.push((unit as u32, column));
    }

    /// Adds what two units lose in every period in which both have a column.
    pub fn pair(&mut self, first: usize, second: usize, penalty: i64) {
        let name = || format!("the pair {first}, {second}");
        let known = first != second && first.max(second) < self.units.len();
        self.expect("unit", name, first.max(second) as i64, "two different units", known);
        self.expect("penalty", name, penalty, "0 to below 2^40", (0..LARGEST).contains(&penalty));
        self.pairs.push(Pair { first: first as u32, second: second as u32, penalty });
    }

    /// Ends the problem.
    ///
    /// # Errors
    /// [`ProblemError`] for the first number outside its range.
    pub fn build(self) -> Result<Problem, ProblemError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let Self { periods, limits, units, columns, uses, pairs, .. } = self;
        let wanted = |unit: &Unit, column: &Column| {
            let required = unit.required.binary_search(&(column.period as usize)).is_ok();
            let fits = unit.stock.is_none_or(|stock| column.stock <= stock)
                && uses[column.uses_from as usize..column.uses_to as usize]
                    .iter()
                    .all(|&(limit, amount)| amount <= limits[limit as usize].capacity);
            fits && (required || column.value > 0)
        };
        let mut kept: Vec<_> =
            columns.into_iter().filter(|(unit, column)| wanted(&units[*unit as usize], column)).collect();
        kept.sort_by_key(|(unit, column)| (*unit, column.period));
        let mut starts = vec![0u32; units.len() * periods + 1];
        for (unit, column) in &kept {
            starts[*unit as usize * periods + column.period as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let columns = kept.into_iter().map(|(_, column)| column).collect();
        let (partner_starts, partners) = partners_of(units.len(), &pairs);
        Ok(Problem { periods, limits, units, columns, uses, starts, pairs, partner_starts, partners })
    }

    fn expect(
        &mut self,
        what: &'static str,
        at: impl FnOnce() -> String,
        found: i64,
        expected: &'static str,
        holds: bool,
    ) {
        if !holds && self.error.is_none() {
            self.error = Some(ProblemError::Value { what, at: at(), found, expected });
        }
    }
}

fn partners_of(units: usize, pairs: &[Pair]) -> (Vec<u32>, Vec<Partner>) {
    let sides = pairs.iter().enumerate().flat_map(|(number, pair)| {
        let side = |unit| Partner { unit, pair: number as u32, penalty: pair.penalty };
        [(pair.first, side(pair.second)), (pair.second, side(pair.first))]
    });
    let mut sides: Vec<(u32, Partner)> = sides.collect();
    sides.sort_by_key(|&(unit, partner)| (unit, partner.pair));
    let mut starts = vec![0u32; units + 1];
    for (unit, _) in &sides {
        starts[*unit as usize + 1] += 1;
    }
    for at in 1..starts.len() {
        starts[at] += starts[at - 1];
    }
    (starts, sides.into_iter().map(|(_, partner)| partner).collect())
}

impl Problem {
    /// Returns the number of periods.
    pub fn periods(&self) -> usize {
        self.periods
    }

    /// Returns the limits.
    pub fn limits(&self) -> &[Limit] {
        &self.limits
    }

    /// Returns the units.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// Returns the pairs.
    pub fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    /// Returns all columns that a plan could use, by unit and period.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// Returns one column.
    pub fn column(&self, column: u32) -> &Column {
        &self.columns[column as usize]
    }

    /// Returns the numbers of the columns of a unit.
    pub fn columns_of(&self, unit: usize) -> Range<usize> {
        self.starts[unit * self.periods] as usize..self.starts[(unit + 1) * self.periods] as usize
    }

    /// Returns the numbers of the columns of a unit in a period.
    pub fn columns_at(&self, unit: usize, period: usize) -> Range<usize> {
        let at = unit * self.periods + period;
        self.starts[at] as usize..self.starts[at + 1] as usize
    }

    /// Returns what a column uses: limit and amount.
    pub fn uses(&self, column: &Column) -> &[(u32, i64)] {
        &self.uses[column.uses_from as usize..column.uses_to as usize]
    }

    /// Returns the units that a unit shares a pair with.
    pub fn partners(&self, unit: usize) -> &[Partner] {
        &self.partners[self.partner_starts[unit] as usize..self.partner_starts[unit + 1] as usize]
    }

    /// Returns the unit of every column, by binary search.
    pub fn unit_of(&self, column: u32) -> usize {
        let cell = self.starts.partition_point(|&start| start <= column) - 1;
        cell / self.periods
    }
}
