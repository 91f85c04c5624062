//! `goods.csv`: what the law asks of items and facts do not tell: what a piece holds, whether it spoils, below which price its
//! vendor allows no advertising.
//!
//! Columns: `unit_id`, and any of `content_amount` with `content_measure` (gram, millilitre, centimetre, ounce, fluid_ounce,
//! piece), `perishable` (true, false), `minimum_advertised` (minor units; 0 where no vendor set one).

use crate::AdapterError;
use endcap_govern::law::{Content, Goods, Measure};
use endcap_model::Sku;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Name of the file in a project's folder.
pub const FILE_NAME: &str = "goods.csv";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    unit_id: String,
    content_amount: Option<i64>,
    content_measure: Option<Measure>,
    perishable: Option<bool>,
    minimum_advertised: Option<i64>,
}

/// Goods with the rows that could not be read: number of the row, and why.
pub type Read = (BTreeMap<Sku, Goods>, Vec<(usize, String)>);

/// Reads the goods of a project; none where it has no file. A row that cannot be read is told and leaves its item unknown.
///
/// # Errors
/// [`AdapterError`] when the file cannot be read.
pub fn read(project: &Path) -> Result<Read, AdapterError> {
    let path = project.join(FILE_NAME);
    let (mut goods, mut wrong) = (BTreeMap::new(), vec![]);
    if !path.exists() {
        return Ok((goods, wrong));
    }
    let file = std::fs::File::open(&path).map_err(|error| AdapterError::system("read", &path, error))?;
    let mut reader = csv::Reader::from_reader(file);
    for (number, row) in (2..).zip(reader.deserialize::<Row>()) {
        match row.map_err(|error| error.to_string()).and_then(told) {
            Ok((sku, told)) => {
                goods.insert(sku, told);
            }
            Err(reason) => wrong.push((number, reason)),
        }
    }
    Ok((goods, wrong))
}

fn told(row: Row) -> Result<(Sku, Goods), String> {
    let content = match (row.content_amount, row.content_measure) {
        (None, None) => None,
        (Some(amount), Some(measure)) if amount > 0 => Some(Content { amount, measure }),
        _ => return Err("content_amount (1 or more) and content_measure go together".to_owned()),
    };
    if row.unit_id.trim().is_empty() {
        return Err("no unit_id".to_owned());
    }
    let perishable = row.perishable.unwrap_or(false);
    let goods = Goods { perishable, content, minimum_advertised: row.minimum_advertised, on_sale_since: None };
    Ok((Sku::from(row.unit_id.as_str()), goods))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_cannot_be_read_is_told_and_the_others_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let text = "unit_id,content_amount,content_measure,perishable,minimum_advertised\n\
                    milk,1000,millilitre,true,0\nbeer,500,,false,\nham,200,pound,,\ncorn,,,,150\n";
        std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
        let (goods, wrong) = read(folder.path()).unwrap();
        assert_eq!(goods[&Sku::from("milk")].content, Some(Content { amount: 1000, measure: Measure::Millilitre }));
        assert!(goods[&Sku::from("milk")].perishable);
        assert_eq!(goods[&Sku::from("corn")].minimum_advertised, Some(150));
        assert_eq!(wrong.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [3, 4]);
        assert_eq!(read(&folder.path().join("elsewhere")).unwrap(), (BTreeMap::new(), vec![]));
    }
}
