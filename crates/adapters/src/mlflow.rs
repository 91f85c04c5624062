//! MLflow: writes a project's models as the folder that MLflow keeps runs and model versions in, so that `mlflow` lists them.
//!
//! Every model is a run of one experiment with its parameters, figures and tags, and a version of one registered model; the
//! champion has the alias `champion`, the challenger `challenger`. What is written is a copy to look at: the journal stays the
//! truth, and nothing is read back.
//!
//! # Source
//! The layout of MLflow's file store (`mlflow/store/tracking/file_store.py` and `mlflow/store/model_registry/file_store.py`, 2.x
//! and 3.x): `meta.yaml` per experiment, run, model and version; a file per parameter, tag and figure.

use crate::AdapterError;
use crate::tables::write_atomic;
use endcap_agent::jobs::model_name;
use endcap_agent::registry::{Entry, ModelState, Registry};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// The one experiment, numbered as MLflow numbers them.
const EXPERIMENT: &str = "100000000000000001";
/// Name of experiment and registered model.
const NAME: &str = "endcap";
/// States of runs: MLflow's number of "finished", and of runs that somebody's own program made.
const FINISHED: u8 = 3;
const LOCAL: u8 = 4;

/// Writes all models below a folder; returns the runs that were written. The project's folder holds the models' files.
///
/// # Errors
/// [`AdapterError`] when a file cannot be written.
pub fn export(models: &Registry, project: &Path, to: &Path) -> Result<usize, AdapterError> {
    std::fs::create_dir_all(to).map_err(|source| refused("make", to, source))?;
    let to = to.canonicalize().map_err(|source| refused("find", to, source))?;
    let entries = models.entries();
    let first = entries.iter().map(made_at).min().unwrap_or(0);
    let experiment = to.join(EXPERIMENT);
    meta(
        &experiment,
        &json!({
            "artifact_location": uri(&experiment), "creation_time": first, "experiment_id": EXPERIMENT,
            "last_update_time": first, "lifecycle_stage": "active", "name": NAME,
        }),
    )?;
    let registered = to.join("models").join(NAME);
    let last = entries.iter().map(made_at).max().unwrap_or(0);
    meta(
        &registered,
        &json!({
            "creation_timestamp": first, "description": "Models of demand; the truth is the project's journal.",
            "last_updated_timestamp": last, "latest_versions": [], "name": NAME,
        }),
    )?;
    for alias in ["champion", "challenger"] {
        // What an earlier copy said may hold no more.
        let alias = registered.join("aliases").join(alias);
        if alias.exists() {
            std::fs::remove_file(&alias).map_err(|source| refused("replace", &alias, source))?;
        }
    }
    for (version, entry) in (1..).zip(entries) {
        let folder = experiment.join(run_id(entry));
        run(&folder, entry, project)?;
        model_version(&registered.join(format!("version-{version}")), &folder, entry, version)?;
        let alias = match entry.state {
            ModelState::Champion => "champion",
            ModelState::Challenger => "challenger",
            ModelState::Retired | ModelState::Refused => continue,
        };
        write(&registered.join("aliases").join(alias), &version.to_string())?;
    }
    Ok(entries.len())
}

fn run(folder: &Path, entry: &Entry, project: &Path) -> Result<(), AdapterError> {
    let (made, at) = (&entry.made, made_at(entry));
    let artifacts = folder.join("artifacts");
    meta(
        folder,
        &json!({
            "artifact_uri": uri(&artifacts), "end_time": at, "entry_point_name": "", "experiment_id": EXPERIMENT,
            "lifecycle_stage": "active", "run_id": run_id(entry), "run_name": made.model.short(),
            "run_uuid": run_id(entry), "source_name": "", "source_type": LOCAL, "source_version": "", "start_time": at,
            "status": FINISHED, "tags": [], "user_id": made.made_by,
        }),
    )?;
    for (name, value) in &made.metrics {
        write(&folder.join("metrics").join(name), &format!("{at} {value} 0\n"))?;
    }
    let period = |period| made.calendar.format(period);
    let parameters = [
        ("model", made.model.to_string()),
        ("snapshot", made.snapshot.as_ref().map(ToString::to_string).unwrap_or_default()),
        ("data", made.data.to_string()),
        ("first_period", period(made.span.start)),
        ("last_period", period(made.span.end.plus(-1))),
        ("code_version", made.code_version.clone()),
        ("seed", made.seed.to_string()),
        ("parent", made.parent.as_ref().map(ToString::to_string).unwrap_or_default()),
    ];
    for (name, value) in parameters.into_iter().filter(|(_, value)| !value.is_empty()) {
        write(&folder.join("params").join(name), &value)?;
    }
    for (name, value) in tags(entry) {
        write(&folder.join("tags").join(name), &value)?;
    }
    std::fs::create_dir_all(&artifacts).map_err(|source| refused("make", &artifacts, source))?;
    let file = project.join(model_name(&made.model));
    if file.is_file() {
        let copy = artifacts.join("model.json");
        std::fs::copy(&file, &copy).map_err(|source| refused("write", &copy, source))?;
    }
    Ok(())
}

fn model_version(folder: &Path, run: &Path, entry: &Entry, version: usize) -> Result<(), AdapterError> {
    let at = made_at(entry);
    meta(
        folder,
        &json!({
            "creation_timestamp": at, "current_stage": "None", "description": entry.reason, "last_updated_timestamp": at,
            "name": NAME, "run_id": run_id(entry), "run_link": "", "source": uri(&run.join("artifacts")),
            "status": "READY", "status_message": "", "user_id": entry.made.made_by, "version": version,
        }),
    )?;
    for (name, value) in tags(entry) {
        write(&folder.join("tags").join(name), &value)?;
    }
    Ok(())
}

fn tags(entry: &Entry) -> Vec<(&'static str, String)> {
    let approved = entry.approved_by.clone();
    let state = match entry.state {
        ModelState::Champion => "champion",
        ModelState::Challenger => "challenger in shadow",
        ModelState::Retired => "retired",
        ModelState::Refused => "refused",
    };
    let told = [("state", Some(state.to_owned())), ("approved_by", approved), ("reason", Some(entry.reason.clone()))];
    let named = [("mlflow.runName", Some(entry.made.model.short().to_owned()))];
    told.into_iter().chain(named).filter_map(|(name, value)| Some((name, value?))).collect()
}

/// When the facts behind a model were known, in milliseconds: a run has no other time that is the same on every machine.
fn made_at(entry: &Entry) -> i64 {
    entry.made.as_of.map_or(0, |as_of| as_of.0.as_millisecond())
}

/// A run's name in MLflow: 32 digits.
fn run_id(entry: &Entry) -> &str {
    &entry.made.model.as_str()[..32]
}

fn uri(path: &Path) -> String {
    format!("file://{}", path.display())
}

/// Writes a flat object as YAML: JSON values are YAML values.
fn meta(folder: &Path, fields: &Value) -> Result<(), AdapterError> {
    let mut text = String::new();
    for (name, value) in fields.as_object().into_iter().flatten() {
        let _ = writeln!(text, "{name}: {value}");
    }
    write(&folder.join("meta.yaml"), &text)
}

fn refused(doing: &'static str, path: &Path, source: std::io::Error) -> AdapterError {
    AdapterError::System { doing, path: path.to_owned(), help: "check that the folder can be written to", source }
}

fn write(path: &Path, text: &str) -> Result<(), AdapterError> {
    write_atomic(path, text.as_bytes())
}
