//! The API against its description: schemathesis asks the real desk on the real demo, in several roles, whatever
//! docs/openapi.json allows and much that it does not, and fails on any breach or server error.

use crate::desk::server::Desk;
use crate::{found, programs, root, run};
use anyhow::{Context, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// Each of these may do something that the others may not. What is drawn (fuzzing) is asked by the two that may do most: to
/// the others, which are refused most of it, only what is worked out from the description.
const ROLES: [(&str, &str); 4] = [
    ("planner", "examples,coverage,fuzzing"),
    ("data_scientist", "examples,coverage,fuzzing"),
    ("admin", "examples,coverage"),
    ("viewer", "examples,coverage"),
];

/// Checks the API of a built program, working in a folder beside it.
pub fn check(endcap: &Path, work: &Path) -> anyhow::Result<()> {
    let Some(schemathesis) = ensure_schemathesis(work) else {
        eprintln!(
            "SKIPPED: the API is not checked against docs/openapi.json: that needs Python 3 with venv, and {SCHEMATHESIS}"
        );
        return Ok(());
    };
    let folder = work.join("desk");
    let _ = std::fs::remove_dir_all(&folder);
    let desk = Desk::start(endcap, &folder)?;
    desk.wait_until_ready(&desk.token("viewer")?)?;
    let document = work.join("openapi.json");
    std::fs::write(&document, for_programs()?.to_string())?;
    for (role, phases) in ROLES {
        println!("xtask: the API for a {role}");
        run(Command::new(&schemathesis)
            .current_dir(work)
            .env("TOKEN", desk.token(role)?)
            .arg("--config-file")
            .arg(root().join("xtask/schemathesis.toml"))
            .arg("run")
            .arg(&document)
            .args(["--url", &format!("http://{}", desk.address), "--phases", phases])
            // The same questions each time: what passed once does not fail by chance.
            .arg("--generation-deterministic"))?;
    }
    let broken = desk.server_errors()?;
    ensure!(broken.is_empty(), "the desk counts server errors: {broken:?}");
    Ok(())
}

/// The program, installed where it is not there yet.
fn ensure_schemathesis(work: &Path) -> Option<PathBuf> {
    let (home, program) = (work.join("venv"), work.join("venv/bin/schemathesis"));
    if let Err(error) = programs::ensure_venv(&home, &program, &[SCHEMATHESIS]) {
        eprintln!("xtask: no schemathesis: {error:#}");
    }
    (found("python3") && program.is_file()).then_some(program)
}

/// The description as programs use it: they come with a token. A cookie that is made up beside a good token changes
/// nothing, which would look like a sign-in that was not asked for.
fn for_programs() -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(root().join("docs/openapi.json"))?;
    let mut document: Value = serde_json::from_str(&text)?;
    document["security"] = json!([{ "token": [] }]);
    let schemes = document["components"]["securitySchemes"].as_object_mut().context("the API has a way to sign in")?;
    schemes.remove("session");
    Ok(document)
}
