//! Instances as text: the shipped formulas, the public files where they are at hand, and what is wrong with bad ones.

use super::*;
use crate::solve::{Settings, Solve, solve};
use std::path::PathBuf;

const HEAD: &str =
    r#"{"name":"tiny","n_skus":2,"n_weeks":2,"depths":[0.1,0.2],"budget_cents":10000,"slots":[1,1],"spacing":1}"#;
const SKUS: &str = "sku,group,price,unit_margin,alpha,beta\n0,0,4.0,2.0,2.0,5.0\n1,0,5.0,2.5,3.0,1.0\n";
const BASE: &str = "sku,w0,w1\n0,100.0,50.5\n1,10.0,20.0\n";
const GAMMA: &str = "sku_i,sku_j,gamma_ij\n0,1,0.1\n";
const STOCK: &str = "sku,dc,share,extra_units\n0,0,0.5,40\n0,1,0.5,30\n1,0,1.0,1000\n";

fn text() -> PromotionText<'static> {
    PromotionText {
        instance: HEAD,
        skus: SKUS,
        base: BASE,
        gamma: GAMMA,
        stock: STOCK,
        pairs: Some("sku_i,sku_j,penalty_cents_per_week\n0,1,7\n"),
        triples: None,
    }
}

#[test]
fn values_follow_the_formulas() {
    let instance = promotion(&text()).unwrap();
    let problem = &instance.problem;
    // Lift of SKU 0 in week 0 at 10 %: 100 (2 · 0.1 + 5 · 0.01) = 25; value (2 − 0.4) 25 − 0.1 · 2.5 · 25 = 33.75.
    let column = problem.columns()[0];
    assert_eq!((column.period, column.option, column.value, column.stock), (0, 0, 3375, 25));
    assert_eq!(problem.uses(&column), [(0, 1000), (1, 1)]);
    // The tightest of two centres: 30 / 0.5.
    assert_eq!(problem.units()[0].stock, Some(60));
    // Week 1 at 20 %: lift 50.5 · 0.6 = 30.3, rounded to 30 units.
    assert_eq!(problem.column(3).stock, 30);
    assert_eq!(problem.pairs()[0].penalty, 7);
}

#[test]
fn bad_instances_say_where_and_what() {
    let message = |text: &PromotionText| promotion(text).unwrap_err().to_string();
    let base = BASE.replace("50.5", "many");
    let found = message(&PromotionText { base: &base, ..text() });
    assert_eq!(found, "base.csv, line 2, w1: 'many' where 0 or more units was expected");
    let found = message(&PromotionText { base: "sku,w0\n0,1\n1,1\n", ..text() });
    assert!(found.starts_with("base.csv has no column 'w1'"), "{found}");
    let found = message(&PromotionText { base: "sku,w0,w1\n0,1,1\n", ..text() });
    assert!(found.starts_with("base.csv: no row for SKU 1"), "{found}");
    let found = message(&PromotionText { skus: "", ..text() });
    assert_eq!(found, "skus.csv: the file is empty: expected a header");
    let found = message(&PromotionText { gamma: "sku_i,sku_j,gamma_ij\n0,5,0.1\n", ..text() });
    assert_eq!(found, "gamma.csv, line 2, sku_j: '5' where a SKU number from 0 to 1 was expected");
    let head = HEAD.replace("[1,1]", "[1]");
    let found = message(&PromotionText { instance: &head, ..text() });
    assert_eq!(found, "instance.json: slots must have one number per week");
    let found = message(&PromotionText { instance: "{}", ..text() });
    assert!(found.contains("missing field `name`"), "{found}");
    let found = message(&PromotionText { stock: "sku,dc,share,extra_units\n0,0,0.5\n", ..text() });
    assert_eq!(found, "stock.csv: line 2 has 3 values where the header has 4");
    let triples = "sku,week,depth,value_cents,cost_cents,units\n0,0,0.1,1,1,1\n";
    let found = message(&PromotionText { triples: Some(triples), ..text() });
    assert_eq!(found, "triples.csv: no row for SKU 0, week 0, depth 0.2");
}

#[test]
fn bad_benchmark_files_say_where_and_what() {
    let message = |text: &str, format| public("f.txt", text, format, Sense::Maximise).unwrap_err().to_string();
    let found = message("1\n2 2\n1 2\n3 x\n", PublicFormat::Gap);
    assert_eq!(found, "f.txt, line 4, value: 'x' where a decimal number was expected");
    assert_eq!(message("", PublicFormat::Mkp), "f.txt: the file ends where number of items was expected");
    assert_eq!(message("", PublicFormat::Mmkp), "f.txt: the file ends where number of groups was expected");
    let found = message("2 1\n5 6\n1 1\n9\n7\n", PublicFormat::Mkp);
    assert_eq!(found, "f.txt: line 5: '7' after the last problem");
    let found = message("99999999999 1\n", PublicFormat::Mkp);
    assert!(found.contains("a whole number from 1 to"), "{found}");
}

fn shared(path: &str) -> Option<(String, PathBuf)> {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")).join(path);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some((text, path)),
        Err(_) => {
            eprintln!("SKIPPED: {} is not there", path.display());
            None
        }
    }
}

fn optimum(text: &str, format: PublicFormat, sense: Sense, number: usize) -> f64 {
    let problems = public("file", text, format, sense).unwrap();
    let problem = &problems[number - 1];
    match solve(&problem.problem, &Settings { gap: 0.0, ..Settings::default() }, &|| false) {
        Solve::Solved(solution) => {
            assert_eq!(solution.objective, solution.bound);
            problem.value(solution.objective)
        }
        other => panic!("{other:?}"),
    }
}

/// Proven optima from `best_known.csv` beside the files.
#[test]
fn small_public_problems_are_solved_to_their_known_optimum() {
    let cases = [
        ("mmkp/khan_I01.txt", PublicFormat::Mmkp, Sense::Maximise, 1, 173.0),
        ("mmkp/khan_I05.txt", PublicFormat::Mmkp, Sense::Maximise, 1, 3905.7),
        ("mmkp/hh_5GP10IT5KP.txt", PublicFormat::Mmkp, Sense::Maximise, 8, 386.0),
        ("mmkp/hh_30GP10IT10KP.txt", PublicFormat::Mmkp, Sense::Maximise, 10, 2602.0),
        ("gap/gap1.txt", PublicFormat::Gap, Sense::Maximise, 1, 336.0),
        ("gap/gapa.txt", PublicFormat::Gap, Sense::Minimise, 1, 1698.0),
    ];
    for (path, format, sense, number, known) in cases {
        let Some((text, _)) = shared(&format!("data/orlib/{path}")) else { continue };
        assert_eq!(optimum(&text, format, sense, number), known, "{path} {number}");
    }
}

#[test]
fn expanded_values_agree_with_the_formulas() {
    let read = |name: &str| shared(&format!("bench/plan/inst/p6x4x4/{name}"));
    let names = ["instance.json", "skus.csv", "base.csv", "gamma.csv", "stock.csv", "pairs.csv", "triples.csv"];
    let Some(files) = names.into_iter().map(|name| read(name).map(|(text, _)| text)).collect::<Option<Vec<_>>>() else {
        return;
    };
    let text = PromotionText {
        instance: &files[0],
        skus: &files[1],
        base: &files[2],
        gamma: &files[3],
        stock: &files[4],
        pairs: Some(&files[5]),
        triples: None,
    };
    let computed = promotion(&text).unwrap();
    let expanded = promotion(&PromotionText { triples: Some(&files[6]), ..text }).unwrap();
    assert_eq!(computed.problem.columns(), expanded.problem.columns());
    let Solve::Solved(solution) = solve(&computed.problem, &Settings { gap: 0.0, ..Settings::default() }, &|| false)
    else {
        panic!("no plan");
    };
    assert_eq!(solution.objective, solution.bound, "the smallest instance is proven");
}
