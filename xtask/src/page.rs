//! docs/BENCHMARKS.md: a page of sections, each written whole by the command that measures it.

use anyhow::Context;
use std::fs;

const HEAD: &str = "# Benchmarks\n\nWritten by `cargo xtask bench`, `bench plan`, `bench demand`, `bench supply`, `bench desk`, `bench twin` and `bench loop`.\n\
                    Compare figures of one machine only, and CPU seconds rather than wall time where it is shared.\n";

/// Replaces one section of the page and keeps the others.
pub fn write_section(heading: &str, body: &str) -> anyhow::Result<()> {
    let path = crate::root().join("docs/BENCHMARKS.md");
    let before = fs::read_to_string(&path).unwrap_or_default();
    fs::write(&path, with_section(&before, heading, body)).context("docs/BENCHMARKS.md could not be written")
}

/// A table with a sentence before it, and the commit of each row behind it; nothing where there is no row.
pub fn table(about: &str, columns: &[&str], rows: Vec<Vec<String>>) -> Option<String> {
    if rows.is_empty() {
        return None;
    }
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut head: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
    head.push("commit".to_owned());
    let rule = vec!["---".to_owned(); head.len()];
    let body: String = rows.iter().map(|row| line(row)).collect();
    Some(format!("\n{about}\n\n{}{}{body}", line(&head), line(&rule)))
}

fn with_section(page: &str, heading: &str, body: &str) -> String {
    let mut sections: Vec<(&str, &str)> = Vec::new();
    for section in page.split("\n## ").skip(1) {
        let (name, text) = section.split_once('\n').unwrap_or((section, ""));
        sections.push((name, text.trim_matches('\n')));
    }
    match sections.iter_mut().find(|(name, _)| *name == heading) {
        Some((_, text)) => *text = body.trim_matches('\n'),
        None => sections.push((heading, body.trim_matches('\n'))),
    }
    let written: String = sections.iter().map(|(name, text)| format!("\n## {name}\n\n{text}\n")).collect();
    format!("{HEAD}{written}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_replaced_in_place_and_the_others_stay() {
        let page = with_section("", "The product", "one");
        let page = with_section(&page, "The optimiser", "two");
        let page = with_section(&page, "The product", "three\n\n| a |");
        assert_eq!(page, format!("{HEAD}\n## The product\n\nthree\n\n| a |\n\n## The optimiser\n\ntwo\n"));
    }
}
