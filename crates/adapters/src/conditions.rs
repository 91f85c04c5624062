//! `conditions.csv`: what must hold before an item on offer starts at a store, inside the window of its offer.
//!
//! Columns: `unit_id`, `place` (empty for all stores), `what` (stock, demand, competitor_price), `is` (at_least, at_most), `value`
//! (pieces, or minor units). Several rows of an item must all hold.

use crate::AdapterError;
use endcap_agent::launch::{Condition, Conditions, For, Is, What};
use endcap_model::{Place, Sku};
use serde::Deserialize;
use std::path::Path;

/// Name of the file in a project's folder.
pub const FILE_NAME: &str = "conditions.csv";

/// What nothing meets: a row that cannot be read keeps its item from starting.
const NEVER: Condition = Condition { what: What::Stock, is: Is::AtMost, value: -1 };

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    unit_id: String,
    place: Option<String>,
    what: What,
    is: Is,
    value: i64,
}

/// Reads the conditions of a project; none where it has no file. A row that cannot be read is told with its number, and keeps
/// its item from starting.
///
/// # Errors
/// [`AdapterError`] when the file cannot be read.
pub fn read(project: &Path) -> Result<(Conditions, Vec<(usize, String)>), AdapterError> {
    let path = project.join(FILE_NAME);
    let (mut conditions, mut wrong) = (Conditions::default(), vec![]);
    if !path.exists() {
        return Ok((conditions, wrong));
    }
    let file = std::fs::File::open(&path).map_err(|error| AdapterError::system("read", &path, error))?;
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(file);
    let headers = reader.headers().map_err(|error| AdapterError::system("read", &path, error.into()))?.clone();
    let item = headers.iter().position(|name| name == "unit_id");
    for (number, record) in (2..).zip(reader.records()) {
        let record = record.map_err(|error| AdapterError::system("read", &path, error.into()))?;
        match record.deserialize::<Row>(Some(&headers)).map_err(|error| error.to_string()).and_then(told) {
            Ok(row) => conditions.rows.push(row),
            Err(reason) => {
                wrong.push((number, reason));
                let sku = item.and_then(|item| record.get(item)).filter(|sku| !sku.is_empty());
                conditions.rows.extend(sku.map(|sku| For { sku: Sku::from(sku), place: None, condition: NEVER }));
            }
        }
    }
    Ok((conditions, wrong))
}

fn told(row: Row) -> Result<For, String> {
    if row.unit_id.is_empty() {
        return Err("no unit_id".to_owned());
    }
    if row.value < 0 {
        return Err(format!("value is {}: expected 0 or more", row.value));
    }
    let place = row.place.filter(|place| !place.is_empty()).map(|place| Place::new(&place));
    let condition = Condition { what: row.what, is: row.is, value: row.value };
    Ok(For { sku: Sku::from(row.unit_id.as_str()), place, condition })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_cannot_be_read_is_told_and_keeps_its_item_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let text = "unit_id,place,what,is,value\nmilk,,stock,at_least,100\nmilk,north,competitor_price,at_most,199\n\
                    beer,,weather,at_least,20\nham,,stock,at_least,-1\n";
        std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
        let (conditions, wrong) = read(folder.path()).unwrap();
        assert_eq!(wrong.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [4, 5]);
        let of = |sku: &str, place: &str| conditions.of(&sku.into(), &place.into());
        let stock = Condition { what: What::Stock, is: Is::AtLeast, value: 100 };
        assert_eq!((of("milk", "south"), of("milk", "north").len()), (vec![stock], 2));
        for item in ["beer", "ham"] {
            assert!(!of(item, "north")[0].holds(Some(0)) && !of(item, "north")[0].holds(None), "{item}");
        }
        assert!(of("eggs", "north").is_empty());
        assert_eq!(read(&folder.path().join("elsewhere")).unwrap(), (Conditions::default(), vec![]));
    }
}
