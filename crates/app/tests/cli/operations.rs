//! docs/operations.md, followed step by step.

use crate::demo::demo;
use crate::endcap;
use crate::shop::copy;
use std::fs;
use std::path::Path;

/// The commands of the page that end by themselves, in its order.
fn steps(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix("    endcap ")).collect()
}

/// Splits a command as a shell does, quotes only.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('"').enumerate();
    let word = |(number, part): (usize, &str)| match number % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    };
    parts.flat_map(word).collect()
}

#[test]
fn every_step_of_the_page_works_as_it_is_written() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/operations.md")).unwrap();
    let steps = steps(&page);
    assert!(steps.len() > 15, "the page lost its commands");
    let folder = tempfile::tempdir().unwrap();
    copy(&demo().folder, &folder.path().join("shop"));
    for step in steps {
        let done = endcap().args(words(step)).current_dir(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "endcap {step}\n{}\n{said}", String::from_utf8_lossy(&done.stdout));
    }
}
