//! What we write for MLflow, read back by MLflow itself.

use endcap_adapters::mlflow::export;
use endcap_agent::registry::Registry;
use endcap_model::{Calendar, Contested, Event, Period, Registered, Span, Succession, hash_bytes};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Reads the folder as anybody who has MLflow would, and tells what it found.
const READER: &str = r#"
import json, sys, mlflow
client = mlflow.MlflowClient(tracking_uri=sys.argv[1], registry_uri=sys.argv[1])
experiment = client.get_experiment_by_name("endcap")
runs = client.search_runs([experiment.experiment_id])
versions = client.search_model_versions("name='endcap'")
print(json.dumps({
    "runs": {run.info.run_name: {"params": run.data.params, "metrics": run.data.metrics, "tags": run.data.tags,
        "files": [file.path for file in client.list_artifacts(run.info.run_id)]} for run in runs},
    "versions": sorted([int(version.version), version.tags["state"]] for version in versions),
    "champion": int(client.get_model_version_by_alias("endcap", "champion").version),
}))
"#;

fn made(name: &str, end: i32, wape: f64) -> Event {
    let entry = Registered {
        model: hash_bytes(name.as_bytes()),
        made_by: "loop".into(),
        snapshot: Some("2026-06-26-1".into()),
        data: hash_bytes(b"data"),
        as_of: None,
        calendar: Calendar::Week,
        span: Span { start: Period(2800), end: Period(end) },
        code_version: "endcap 0.1.0".into(),
        seed: 7,
        parent: None,
        metrics: BTreeMap::from([("held_out.all.wape".to_owned(), wape)]),
        unsound: vec![],
    };
    Event::Registered { entry: Box::new(entry) }
}

fn ruled(challenger: &str, champion: Option<&str>, ruling: Succession) -> Event {
    let contested = Contested {
        challenger: hash_bytes(challenger.as_bytes()),
        champion: champion.map(|name| hash_bytes(name.as_bytes())),
        snapshot: "2026-06-26-1".into(),
        ruling,
        reasons: vec!["it errs less: \"a quarter\"".into()],
        all: None,
        promoted: None,
        bias: None,
        contest: None,
    };
    Event::Contested { contested: Box::new(contested) }
}

/// Python with MLflow, where `cargo xtask test` has installed it.
fn python() -> Option<PathBuf> {
    let home = std::env::var_os("ENDCAP_PROGRAMS").map(PathBuf::from);
    let required = home.is_some();
    let exe = std::env::current_exe().expect("a test has a path");
    let beside = exe.ancestors().nth(2).expect("a test lies in target/debug/deps").join("channels");
    let python = home.unwrap_or(beside).join("venv/bin/python");
    let there = python.is_file()
        && Command::new(&python).args(["-c", "import mlflow"]).output().is_ok_and(|output| output.status.success());
    assert!(there || !required, "mlflow-skinny is not installed: `cargo xtask test` installs it");
    if !there {
        eprintln!("SKIPPED: mlflow-skinny is not installed, so it is not asked what we wrote: run `cargo xtask test`");
    }
    there.then_some(python)
}

fn read_by_mlflow(python: &Path, folder: &Path) -> Value {
    let uri = format!("file://{}", folder.display());
    // Newer versions ask for this before they read a folder.
    let mut reader = Command::new(python);
    let output = reader.args(["-c", READER, &uri]).env("MLFLOW_ALLOW_FILE_STORE", "true").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn mlflow_lists_runs_parameters_figures_and_versions_as_the_registry_has_them() {
    let (project, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let first = hash_bytes(b"first");
    let file = project.path().join(endcap_agent::jobs::model_name(&first));
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, "{}").unwrap();
    let mut events =
        vec![made("first", 2860, 0.25), ruled("first", None, Succession::Passed), made("second", 2864, 0.2)];
    let folder = to.path().join("mlruns");
    assert_eq!(export(&Registry::of(&events), project.path(), &folder).unwrap(), 2);
    events.push(ruled("second", Some("first"), Succession::Passed));
    // A second copy over the first one takes its place.
    assert_eq!(export(&Registry::of(&events), project.path(), &folder).unwrap(), 2);
    assert!(!folder.join("models/endcap/aliases/challenger").exists());
    let Some(python) = python() else { return };
    let found = read_by_mlflow(&python, &folder);
    assert_eq!(found["versions"], json!([[1, "retired"], [2, "champion"]]));
    assert_eq!(found["champion"], json!(2));
    let run = &found["runs"][first.short()];
    assert_eq!(run["params"]["seed"], "7");
    assert_eq!(run["params"]["snapshot"], "2026-06-26-1");
    assert_eq!(run["params"]["model"], first.as_str());
    assert_eq!(run["metrics"]["held_out.all.wape"], 0.25);
    assert_eq!(run["files"], json!(["model.json"]));
    let second = &found["runs"][hash_bytes(b"second").short()];
    assert_eq!(second["tags"]["reason"], "it errs less: \"a quarter\"");
    assert_eq!(second["tags"]["approved_by"], endcap_agent::registry::GATE);
}
