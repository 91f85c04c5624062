//! Past promotions as cases, kept as one Parquet file under the hash of what they come from.

use crate::error::AdapterError;
use crate::tables::{Column, Table, read_table, write_parquet};
use endcap_agent::analogues::{CaseOutcome, Context, PastCase, Split};
use endcap_model::{ContentHash, Depth, Mechanic, Period, Place, Sku, Span};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the cases of an input lie.
pub fn path(folder: &Path, input: &ContentHash) -> PathBuf {
    folder.join("analogues").join(format!("{}.parquet", input.short()))
}

/// Reads kept cases; nothing where none are kept.
///
/// # Errors
/// [`AdapterError`] when the file holds something else.
pub fn read(path: &Path) -> Result<Option<Vec<PastCase>>, AdapterError> {
    if !path.is_file() {
        return Ok(None);
    }
    let table = read_table(path)?;
    let mut names = Names::default();
    let [sku, category, region] = ["unit_id", "category", "region_id"].map(|name| table.text(name));
    let (sku, category, region) = (sku?, category?, region?);
    let whole = |name: &str| table.wholes(name);
    let (depth, start, end, days, places) =
        (whole("depth")?, whole("start")?, whole("end")?, whole("days")?, whole("places")?);
    let figures = Figures::of(&table)?;
    let case = |row: usize| {
        let depth_share = depth[row] as f64 / 10_000.0;
        let depth = Depth::from_share(depth_share)
            .map_err(|_| table.bad("depth", row, &depth[row].to_string(), "basis points, 0 to 9999"))?;
        let context = Context {
            sku: names.sku(&sku[row]),
            category: names.category(&category[row]),
            region: names.region(&region[row]),
            mechanic: Mechanic::Tpr,
            depth,
            feature: figures.must("feature", row),
            display: figures.must("display", row),
            season: figures.may("season", row),
            price_tier: figures.may("price_tier", row),
            short_before: figures.must("short_before", row),
            days: days[row] as u32,
        };
        let outcome = CaseOutcome {
            baseline: figures.must("baseline", row),
            uplift: figures.may("uplift", row),
            net: figures.split(["net", "net_lo95", "net_hi95"], row).unwrap_or_default(),
            profit: figures.split(["profit", "profit_lo95", "profit_hi95"], row),
            usual_sales: figures.must("usual_sales", row),
            stockout_share: figures.must("stockout_share", row),
            lost: figures.must("lost", row),
        };
        let span = Span { start: Period(start[row] as i32), end: Period(end[row] as i32) };
        Ok(PastCase { context, span, places: places[row] as usize, outcome })
    };
    (0..table.len()).map(case).collect::<Result<Vec<_>, AdapterError>>().map(Some)
}

/// Keeps cases, whole or not at all.
///
/// # Errors
/// [`AdapterError`] when they cannot be written.
pub fn write(path: &Path, cases: &[PastCase]) -> Result<(), AdapterError> {
    let text = |of: &dyn Fn(&PastCase) -> &str| Column::Text(cases.iter().map(|case| of(case).to_owned()).collect());
    let whole = |of: &dyn Fn(&PastCase) -> i64| Column::Whole(cases.iter().map(of).collect());
    let mut columns = vec![
        ("unit_id", text(&|case| case.context.sku.as_str())),
        ("category", text(&|case| &case.context.category)),
        ("region_id", text(&|case| case.context.region.as_str())),
        ("mechanic", text(&|case| case.context.mechanic.name())),
        ("depth", whole(&|case| i64::from(case.context.depth.basis_points()))),
        ("start", whole(&|case| i64::from(case.span.start.0))),
        ("end", whole(&|case| i64::from(case.span.end.0))),
        ("days", whole(&|case| i64::from(case.context.days))),
        ("places", whole(&|case| case.places as i64)),
    ];
    for (name, of) in FIGURES {
        columns.push((name, Column::Number(cases.iter().map(|case| of(case).unwrap_or(f64::NAN)).collect())));
    }
    write_parquet(path, &columns)
}

type Figure = fn(&PastCase) -> Option<f64>;

/// Figures of a case with their columns.
const FIGURES: [(&str, Figure); 16] = [
    ("feature", |case| Some(case.context.feature)),
    ("display", |case| Some(case.context.display)),
    ("season", |case| case.context.season),
    ("price_tier", |case| case.context.price_tier),
    ("short_before", |case| Some(case.context.short_before)),
    ("baseline", |case| Some(case.outcome.baseline)),
    ("uplift", |case| case.outcome.uplift),
    ("net", |case| Some(case.outcome.net.units)),
    ("net_lo95", |case| Some(case.outcome.net.lo95)),
    ("net_hi95", |case| Some(case.outcome.net.hi95)),
    ("profit", |case| case.outcome.profit.map(|profit| profit.units)),
    ("profit_lo95", |case| case.outcome.profit.map(|profit| profit.lo95)),
    ("profit_hi95", |case| case.outcome.profit.map(|profit| profit.hi95)),
    ("usual_sales", |case| Some(case.outcome.usual_sales)),
    ("stockout_share", |case| Some(case.outcome.stockout_share)),
    ("lost", |case| Some(case.outcome.lost)),
];

/// The figures of a file by their columns.
struct Figures(BTreeMap<&'static str, Vec<Option<f64>>>);

impl Figures {
    fn of(table: &Table) -> Result<Self, AdapterError> {
        let columns = FIGURES.iter().map(|(name, _)| Ok((*name, table.optional_numbers(name)?)));
        columns.collect::<Result<_, AdapterError>>().map(Self)
    }

    fn may(&self, name: &str, row: usize) -> Option<f64> {
        self.0[name][row]
    }

    fn must(&self, name: &str, row: usize) -> f64 {
        self.may(name, row).unwrap_or(0.0)
    }

    fn split(&self, [units, lo95, hi95]: [&str; 3], row: usize) -> Option<Split> {
        Some(Split { units: self.may(units, row)?, lo95: self.may(lo95, row)?, hi95: self.may(hi95, row)? })
    }
}

/// Names that many cases share are held once.
#[derive(Default)]
struct Names {
    skus: BTreeMap<String, Sku>,
    categories: BTreeMap<String, Arc<str>>,
    regions: BTreeMap<String, Place>,
}

impl Names {
    fn sku(&mut self, text: &str) -> Sku {
        shared(&mut self.skus, text, |text| Sku::new(text))
    }

    fn category(&mut self, text: &str) -> Arc<str> {
        shared(&mut self.categories, text, |text| Arc::from(text))
    }

    fn region(&mut self, text: &str) -> Place {
        shared(&mut self.regions, text, |text| Place::new(text))
    }
}

fn shared<T: Clone>(known: &mut BTreeMap<String, T>, text: &str, made: impl Fn(&str) -> T) -> T {
    if let Some(found) = known.get(text) {
        return found.clone();
    }
    let new = made(text);
    known.insert(text.to_owned(), new.clone());
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_agent::analogues::generated;

    #[test]
    fn kept_cases_come_back_as_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let mut cases = generated(500, 4);
        cases[3].context.season = None;
        cases[4].outcome.profit = None;
        cases[5].context.category = "".into();
        let path = path(folder.path(), &endcap_model::hash_bytes(b"input"));
        assert_eq!(read(&path).unwrap(), None);
        write(&path, &cases).unwrap();
        assert_eq!(read(&path).unwrap().unwrap(), cases);
    }
}
