//! `endcap init`: a commented configuration to fill in.

use crate::console::{Console, Ending};
use anyhow::{Context, bail};
use endcap_adapters::presets::Preset;
use endcap_adapters::project::{FILE_NAME, template};
use endcap_adapters::tables::write_atomic;
use endcap_model::Calendar;
use serde::Serialize;
use std::path::{Path, PathBuf};

const SCENARIO: &str = include_str!("../../templates/scenario.toml");
const POLICY: &str = include_str!("../../templates/policy.toml");

/// Write a commented endcap.toml, scenario.toml and policy.toml to fill in.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  endcap init shop\n  endcap init cj --preset completejourney --folder data/completejourney\n\nThen: edit the files, `endcap ingest shop`, `endcap check shop`, `endcap plan shop`."
)]
pub struct Args {
    /// Folder of the new project; made when it is not there.
    dir: PathBuf,
    /// A data set whose columns are known: completejourney or freshretailnet50k.
    #[arg(long, requires = "folder", value_parser = preset)]
    preset: Option<Preset>,
    /// Folder with the files of the preset.
    #[arg(long, requires = "preset")]
    folder: Option<PathBuf>,
}

fn preset(name: &str) -> Result<Preset, String> {
    let names = Preset::ALL.map(Preset::name).join(" or ");
    Preset::from_name(name).ok_or_else(|| format!("expected {names}"))
}

#[derive(Serialize)]
struct Written {
    files: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args, console: &Console) -> anyhow::Result<Ending> {
    let data = match &args.folder {
        Some(folder) if !folder.is_dir() => {
            bail!("{} is not a folder: name the one with the preset's files", folder.display())
        }
        Some(folder) => Some(std::path::absolute(folder).context("the folder's path cannot be completed")?),
        None => None,
    };
    let chosen = args.preset.zip(data.as_deref());
    let files = files(&args.dir, chosen);
    if let Some((path, _)) = files.iter().find(|(path, _)| path.exists()) {
        bail!("{} is already there: nothing was written; choose another folder or move it away", path.display());
    }
    for (path, text) in &files {
        write_atomic(path, text.as_bytes())?;
    }
    let written = Written { files: files.into_iter().map(|(path, _)| path).collect() };
    console.result(&written, |written| {
        let paths: Vec<String> = written.files.iter().map(|path| format!("wrote {}", path.display())).collect();
        format!("{}\nnext: look through them, then `endcap ingest {}`", paths.join("\n"), args.dir.display())
    })?;
    Ok(Ending::Done)
}

/// Makes a project in a folder whose data are still to be brought in; says whether it was not there yet.
pub fn begin(dir: &Path, name: &str, currency: &str, calendar: Calendar) -> anyhow::Result<bool> {
    let path = dir.join(FILE_NAME);
    if path.exists() {
        return Ok(false);
    }
    let name = toml::Value::from(name);
    let text = format!(
        "# What this project is called and how its time and money are counted. Its data are brought in at the desk; files\n\
         # that are to be read from a folder can be named here as well (see docs/formats.md).\n\
         name = {name}\ncurrency = \"{currency}\"\ncalendar = \"{calendar}\"\nabsent_sales_are_zero = true\n",
    );
    for (path, text) in [(dir.join("scenario.toml"), scenario(currency)), (dir.join("policy.toml"), POLICY.to_owned())]
    {
        if !path.exists() {
            write_atomic(&path, text.as_bytes())?;
        }
    }
    write_atomic(&path, text.as_bytes())?;
    Ok(true)
}

fn scenario(currency: &str) -> String {
    SCENARIO.replace("currency = \"EUR\"", &format!("currency = \"{currency}\""))
}

/// The files of a new project with their texts.
fn files(dir: &Path, chosen: Option<(Preset, &Path)>) -> Vec<(PathBuf, String)> {
    let currency = chosen.map_or("EUR", |(preset, _)| preset.currency().code());
    vec![
        (dir.join(FILE_NAME), template(chosen)),
        (dir.join("scenario.toml"), scenario(currency)),
        (dir.join("policy.toml"), POLICY.to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_model::{Chain, Policy, Scenario};

    #[test]
    fn the_templates_are_a_scenario_and_a_policy() {
        for chosen in [None, Some((Preset::FreshRetailNet50k, Path::new("data")))] {
            let files = files(Path::new("x"), chosen);
            let scenario: Scenario = toml::from_str(&files[1].1).unwrap();
            scenario.check().unwrap();
            assert_eq!(scenario.currency.code(), if chosen.is_some() { "CNY" } else { "EUR" });
            let policy: Policy = toml::from_str(&files[2].1).unwrap();
            policy.check().unwrap();
            assert_eq!(policy.approval, Some(Chain::cautious()));
        }
    }
}
