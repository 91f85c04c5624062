//! Edits measured in the browser: boards over made-up shops of two sizes in Chromium on this machine, from the click to the
//! new plan on the screen.

use super::Figure;
use super::server::Desk;
use anyhow::{Context, ensure};
use serde::Deserialize;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use toml::{Table, Value};

/// A board and how quickly an edit must be on the screen.
struct Size {
    items: usize,
    periods: usize,
    /// Milliseconds.
    target: f64,
}

const SIZES: [Size; 2] =
    [Size { items: 60, periods: 13, target: 150.0 }, Size { items: 1000, periods: 26, target: 1000.0 }];
/// Edits of each board.
const EDITS: usize = 24;
/// Who edits.
const NAME: &str = "ada";
const PASSWORD: &str = "a long enough secret";

/// Where the history comes from and how it is read.
const PROJECT: &str = r#"
name = "Made-up shop"
currency = "EUR"
calendar = "week"
[[sales]]
files = ["known/panel.parquet"]
[sales.columns]
sku = "unit_id"
place = "place_id"
period = "period"
units = "cast(round(units) as bigint)"
price = "price"
list_price = "base_price"
feature = "feature > 0.5"
display = "display > 0.5"
stockout_share = "stockout_share"
[[items]]
files = ["known/truth_items.csv"]
types = { unit_id = "text" }
[items.columns]
sku = "unit_id"
group = "concat('group-', (cast(substr(unit_id, 5) as bigint) - 1) % GROUPS + 1)"
[[places]]
files = ["places.csv"]
types = { place = "text", region = "text" }
[places.columns]
place = "place"
region = "region"
"#;

/// One edit, as the browser saw it. Times in milliseconds.
#[derive(Deserialize)]
struct Edit {
    /// From the click to the new plan on the screen.
    all: f64,
    /// Until the server answered.
    server: f64,
    /// Of that, the new plan.
    plan: f64,
    /// Until the answer was there whole.
    load: f64,
    parse: f64,
    draw: f64,
    bytes: f64,
}

/// Measures edits of both boards; nothing where there is no browser.
pub fn measured(endcap: &Path, scratch: &Path) -> anyhow::Result<Vec<Figure>> {
    let web = crate::root().join("crates/app/web");
    if !crate::found("npm") || !crate::found("chromium") {
        eprintln!("SKIPPED: edits in the browser: that needs npm and Chromium");
        return Ok(vec![]);
    }
    let quietly = ["install", "--no-save", "--no-audit", "--no-fund", "--silent"];
    crate::run(Command::new("npm").current_dir(&web).args(quietly))?;
    SIZES.iter().map(|size| figure(size, endcap, &web, scratch)).collect()
}

fn figure(size: &Size, endcap: &Path, web: &Path, scratch: &Path) -> anyhow::Result<Figure> {
    let folder = scratch.join(format!("shop-{}", size.items));
    make(endcap, size, &folder)?;
    let edits = measure(endcap, web, &folder)?;
    let of = |part: fn(&Edit) -> f64| both(edits.iter().map(part));
    let found = format!(
        "{} ms (server {}, of it the plan {}; load {}, parse {}, draw {}; {} kB)",
        of(|edit| edit.all),
        of(|edit| edit.server),
        of(|edit| edit.plan),
        of(|edit| edit.load),
        of(|edit| edit.parse),
        of(|edit| edit.draw),
        of(|edit| edit.bytes / 1000.0)
    );
    let what = format!("click to new plan in the browser, {} items x {} periods x 5 depths", size.items, size.periods);
    Ok(Figure::new(what, &format!("{} ms", size.target), found))
}

/// Makes the project of a board: history with known truth, scenario, an account.
fn make(endcap: &Path, size: &Size, folder: &Path) -> anyhow::Result<()> {
    crate::run(Command::new(endcap).arg("init").arg(folder))?;
    let items = i64::try_from(size.items)?;
    let mut world: Table = fs::read_to_string(crate::root().join("examples/twin/known-truth.toml"))?.parse()?;
    set(&mut world, "world", [("items", items.into()), ("places", 3.into()), ("groups", (items / 5).into())])?;
    fs::write(folder.join("world.toml"), world.to_string())?;
    crate::run(
        Command::new(endcap).arg("twin").arg(folder.join("world.toml")).arg("--panel").arg(folder.join("known")),
    )?;
    let scenario = folder.join("scenario.toml");
    let mut terms: Table = fs::read_to_string(&scenario)?.parse()?;
    terms.insert("horizon".to_owned(), i64::try_from(size.periods)?.into());
    set(&mut terms, "items", [("margin_rate", 0.45.into()), ("vendor_funding_share", 0.5.into())])?;
    set(&mut terms, "limits", [("budget", (60.0 * items as f64).into()), ("slots", (items / 10).into())])?;
    fs::write(&scenario, terms.to_string())?;
    fs::write(folder.join("endcap.toml"), PROJECT.replace("GROUPS", &(items / 5).to_string()))?;
    fs::write(folder.join("places.csv"), "place,region\nstore-0001,north\nstore-0002,north\nstore-0003,north\n")?;
    crate::run(Command::new(endcap).arg("ingest").arg(folder))?;
    let mut account = Command::new(endcap)
        .args(["account", "add", NAME, "--role", "planner"])
        .arg(folder)
        .stdin(Stdio::piped())
        .spawn()?;
    account.stdin.take().context("standard input is piped")?.write_all(PASSWORD.as_bytes())?;
    ensure!(account.wait()?.success(), "the account of the board could not be made");
    Ok(())
}

fn set<const N: usize>(table: &mut Table, part: &str, values: [(&str, Value); N]) -> anyhow::Result<()> {
    let part = table.get_mut(part).and_then(Value::as_table_mut).with_context(|| format!("[{part}] is there"))?;
    part.extend(values.map(|(name, value)| (name.to_owned(), value)));
    Ok(())
}

/// Starts the desk over a project and edits a new board of it.
fn measure(endcap: &Path, web: &Path, folder: &Path) -> anyhow::Result<Vec<Edit>> {
    let desk = Desk::over(endcap, folder, &[])?;
    let output = Command::new("node")
        .current_dir(web)
        .args(["e2e/edits.mjs", &format!("http://{}", desk.address), NAME, PASSWORD, &EDITS.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    ensure!(output.status.success(), "the board of {} could not be edited", folder.display());
    let lines = String::from_utf8(output.stdout)?;
    lines.lines().map(|line| serde_json::from_str(line).context("an edit is told in JSON")).collect()
}

/// Median and 95th percentile.
fn both(values: impl Iterator<Item = f64>) -> String {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    format!("{:.0}/{:.0}", at(0.5), at(0.95))
}
