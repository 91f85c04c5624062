//! The data that ship with the product, inside the binary.

use anyhow::{Context, bail};
use std::fs;
use std::path::Path;

/// Every file of `examples/freshretailnet`, by name.
const FILES: [(&str, &[u8]); 7] = [
    ("endcap.toml", include_bytes!("../../../examples/freshretailnet/endcap.toml")),
    ("scenario.toml", include_bytes!("../../../examples/freshretailnet/scenario.toml")),
    ("policy.toml", include_bytes!("../../../examples/freshretailnet/policy.toml")),
    ("CREDITS.md", include_bytes!("../../../examples/freshretailnet/CREDITS.md")),
    ("daily.parquet", include_bytes!("../../../examples/freshretailnet/daily.parquet")),
    ("series.parquet", include_bytes!("../../../examples/freshretailnet/series.parquet")),
    ("store_day.parquet", include_bytes!("../../../examples/freshretailnet/store_day.parquet")),
];

/// The Promo Planner page, as `endcap twin` reads it.
pub const PROMO_PLANNER: &str = include_str!("../../../examples/scenarios/promo-planner.toml");

/// The PittaRosso season, as `endcap lever` reads it.
pub const PITTAROSSO: &str = include_str!("../../../examples/pittarosso/season.toml");

/// When the example's facts were known.
pub const AS_OF: &str = "2024-06-26T00:00:00Z";

/// Writes the example into a folder that must not exist yet.
pub fn write(folder: &Path) -> anyhow::Result<()> {
    if fs::symlink_metadata(folder).is_ok() {
        bail!(
            "{} is there already, and nothing in it was changed: name a folder that is not there yet",
            folder.display()
        );
    }
    fs::create_dir_all(folder.parent().unwrap_or(Path::new(".")))
        .and_then(|()| fs::create_dir(folder))
        .with_context(|| format!("{} could not be made: choose a place that you may write to", folder.display()))?;
    for (name, content) in FILES {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("{} could not be written", path.display()))?;
    }
    Ok(())
}
