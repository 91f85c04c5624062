//! Tables that people download.

use super::problem::{Answer, Problem};
use axum::http::header;
use axum::response::IntoResponse;

/// A CSV table to keep under a name. A cell that a spreadsheet would take for a formula becomes text: an apostrophe stands
/// before it. Numbers stay as they are.
pub fn csv(name: &str, table: &[u8]) -> Answer<impl IntoResponse + use<>> {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(table);
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::with_capacity(table.len()));
    let mut row = csv::ByteRecord::new();
    while rows.read_byte_record(&mut row).map_err(Problem::broken)? {
        for cell in &row {
            let cell = if is_formula(cell) { &[b"'", cell].concat() } else { cell };
            writer.write_field(cell).map_err(Problem::broken)?;
        }
        writer.write_record(None::<&[u8]>).map_err(Problem::broken)?;
    }
    let text = writer.into_inner().map_err(Problem::broken)?;
    let kept = format!("attachment; filename=\"{name}.csv\"");
    Ok(([(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, kept)], text))
}

/// Whether a spreadsheet may run what a cell holds, as OWASP lists it.
fn is_formula(cell: &[u8]) -> bool {
    let number = || std::str::from_utf8(cell).is_ok_and(|text| text.parse::<f64>().is_ok());
    matches!(cell.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n')) && !number()
}

#[cfg(test)]
mod tests {
    use super::is_formula;

    #[test]
    fn what_a_spreadsheet_would_run_is_found_and_numbers_are_left_alone() {
        for formula in ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "=", "-1e", "+1 2"] {
            assert!(is_formula(formula.as_bytes()), "{formula}");
        }
        for plain in ["", "-2.5", "+3", "-1e-3", "a=b", " =1", "2024-01-01", "'=1", "\u{fc}"] {
            assert!(!is_formula(plain.as_bytes()), "{plain}");
        }
    }
}
