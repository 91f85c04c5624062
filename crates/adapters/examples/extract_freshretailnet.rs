//! Cuts the shipped example out of FreshRetailNet-50K: every series of a few cities, nothing else changed.
//!
//! `cargo run --release -p endcap-adapters --example extract_freshretailnet -- DATA_DIR OUT_DIR`, where DATA_DIR holds
//! the data set's `daily.parquet`, `series.parquet` and `store_day.parquet`.

use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::error::Result;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};

/// Cities 5, 11, 14 and 15: 79 stores and 3,843 series, small enough to ship and large enough to estimate from.
const CITIES: &str = "(5, 11, 14, 15)";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(from), Some(to)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: extract_freshretailnet DATA_DIR OUT_DIR");
        std::process::exit(2);
    };
    let context = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
    for table in ["daily", "series", "store_day"] {
        context.register_parquet(table, format!("{from}/{table}.parquet"), ParquetReadOptions::default()).await?;
    }
    let extracts = [
        ("series", format!("select * from series where city_id in {CITIES} order by series_id")),
        (
            "daily",
            format!(
                "select series_id, day, sale, stockout_hours_6_22, discount, activity_flag from daily
                 where series_id in (select series_id from series where city_id in {CITIES}) order by series_id, day"
            ),
        ),
        (
            "store_day",
            format!(
                "select * from store_day
                 where store_id in (select store_id from series where city_id in {CITIES}) order by store_id, dt"
            ),
        ),
    ];
    for (table, query) in extracts {
        let mut options = datafusion::config::TableParquetOptions::default();
        options.global.compression = Some("zstd(19)".into());
        let file = format!("{to}/{table}.parquet");
        context
            .sql(&query)
            .await?
            .write_parquet(&file, DataFrameWriteOptions::new().with_single_file_output(true), Some(options))
            .await?;
        println!("{file}");
    }
    Ok(())
}
