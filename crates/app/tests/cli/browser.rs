//! The report in a real browser: it draws without network, and shows the figures that the plan states.

use crate::demo::demo;
use std::process::Command;

/// Opens a page in headless Chromium and returns the document as the scripts left it.
pub fn opened(page: &std::path::Path) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("file://{}", page.display()))
        .output();
    match output {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Err(error) => {
            eprintln!("SKIPPED: Chromium cannot be started ({error}); `cargo xtask test` installs it");
            None
        }
    }
}

#[test]
fn the_report_shows_the_plans_figures() {
    let demo = demo();
    let Some(document) = opened(&demo.folder.join("report.html")) else { return };
    for (id, field) in [("plan-value", "value"), ("plan-bound", "bound"), ("plan-spend", "spend")] {
        let figure = demo.summary[field].to_string();
        let place = format!(r#"id="{id}""#);
        let element = document.split(&place).nth(1).unwrap_or_else(|| panic!("no element {id}"));
        let tag = element.split('>').next().unwrap();
        assert!(tag.contains(&format!(r#"data-minor="{figure}""#)), "{id}: {tag}, expected {figure}");
    }
    assert!(document.contains("<canvas") || document.contains("<svg"), "charts are drawn");
}
