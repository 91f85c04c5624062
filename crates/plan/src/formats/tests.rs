//! Instances as text: the shipped formulas, the public files where they are at hand, and what is wrong with bad ones.

use super::*;
use crate::solve::{Problem, Settings, Solve, solve};
use std::path::PathBuf;

const HEAD: &str =
    r#"{"name":"tiny","n_skus":2,"n_weeks":2,"depths":[0.1,0.2],"budget_cents":10000,"slots":[1,1],"spacing":1}"#;
const SKUS: &str = "sku,group,price,unit_margin,alpha,beta\n0,0,4.0,2.0,2.0,5.0\n1,0,5.0,2.5,3.0,1.0\n";
const BASE: &str = "sku,w0,w1\n0,100.0,50.5\n1,10.0,20.0\n";
const GAMMA: &str = "sku_i,sku_j,gamma_ij\n0,1,0.1\n";
const STOCK: &str = "sku,dc,share,extra_units\n0,0,0.5,40\n0,1,0.5,30\n1,0,1.0,1000\n";

fn files() -> PromotionFiles<&'static [u8]> {
    PromotionFiles {
        instance: HEAD.as_bytes(),
        skus: SKUS.as_bytes(),
        base: BASE.as_bytes(),
        gamma: GAMMA.as_bytes(),
        stock: STOCK.as_bytes(),
        pairs: Some(b"sku_i,sku_j,penalty_cents_per_week\n0,1,7\n"),
        triples: None,
    }
}

/// All that the problem holds, as text.
fn content(problem: &Problem) -> Vec<String> {
    let units = (0..problem.units()).map(|unit| format!("{:?} {:?}", problem.rules(unit), problem.supply(unit)));
    let cells = (0..problem.units()).flat_map(|unit| (0..problem.periods()).map(move |period| (unit, period)));
    let columns = cells.flat_map(|(unit, period)| {
        problem.columns_at(unit, period).map(move |column| {
            let column = column as u32;
            let (option, value, stock) = (problem.option(column), problem.value(column), problem.stock_use(column));
            format!("{unit} {period} {option}: {value} {stock} {:?}", problem.uses(column).collect::<Vec<_>>())
        })
    });
    let limits = problem.limits().iter().map(|limit| format!("{limit:?}"));
    let pairs = problem.pairs().iter().map(|pair| format!("{pair:?}"));
    limits.chain(units).chain(columns).chain(pairs).collect()
}

#[test]
fn values_follow_the_formulas() {
    let problem = promotion(files()).unwrap().problem;
    // Lift of SKU 0 in week 0 at 10 %: 100 (2 · 0.1 + 5 · 0.01) = 25; value (2 − 0.4) 25 − 0.1 · 2.5 · 25 = 33.75.
    assert_eq!((problem.option(0), problem.value(0), problem.stock_use(0)), (0, 3375, 25));
    let mut uses: Vec<_> = problem.uses(0).collect();
    uses.sort_unstable();
    assert_eq!(uses, [(0, 1000), (1, 1)]);
    // The tightest of two centres: 30 / 0.5.
    assert_eq!(problem.supply(0), Some([(0, 60)].as_slice()));
    // Week 1 at 20 %: lift 50.5 · 0.6 = 30.3, rounded to 30 units.
    let last = problem.columns_at(0, 1).next_back().unwrap() as u32;
    assert_eq!((problem.option(last), problem.stock_use(last)), (1, 30));
    assert_eq!(problem.pairs()[0].penalty, 7);
}

#[test]
fn rows_may_come_in_any_order() {
    let expected = content(&promotion(files()).unwrap().problem);
    let turned = |text: &str| {
        let mut lines: Vec<&str> = text.lines().collect();
        lines[1..].reverse();
        lines.join("\n")
    };
    let (skus, base, stock) = (turned(SKUS), turned(BASE), turned(STOCK));
    let turned = PromotionFiles { skus: skus.as_bytes(), base: base.as_bytes(), stock: stock.as_bytes(), ..files() };
    assert_eq!(content(&promotion(turned).unwrap().problem), expected);
}

#[test]
fn windows_line_ends_a_byte_order_mark_quotes_blanks_and_empty_lines_are_read() {
    let expected = content(&promotion(files()).unwrap().problem);
    let skus = format!("\u{feff}{}\r\n\r\n", SKUS.replace('\n', "\r\n"));
    let base = BASE.replace(',', " , ").replace("sku , w0 ", "\"sku\",\"w0\" ") + "\n  \n";
    let head = format!("\u{feff}{HEAD}\r\n");
    let changed = PromotionFiles { instance: head.as_bytes(), skus: skus.as_bytes(), base: base.as_bytes(), ..files() };
    assert_eq!(content(&promotion(changed).unwrap().problem), expected);
}

fn told(files: PromotionFiles<&[u8]>) -> String {
    promotion(files).unwrap_err().to_string()
}

#[test]
fn bad_heads_say_what() {
    let cases = [
        ("\"slots\":[1,1]", "\"slots\":[1]", "slots must have one number per week"),
        ("[0.1,0.2]", "[]", "depths must have one number or more"),
        ("[0.1,0.2]", "[0.1,0.1]", "depths must differ: keep each once"),
        ("[0.1,0.2]", "[0.1,1.0]", "depths must be shares from 0 to below 1"),
        ("[0.1,0.2]", "[0.1,-0.2]", "depths must be shares from 0 to below 1"),
        ("\"n_skus\":2", "\"n_skus\":0", "n_skus and n_weeks must be 1 or more"),
        ("\"n_skus\":2", "\"n_skus\":2000000000", "the instance has more than 2^31 SKU-weeks"),
        ("\"n_weeks\":2", "\"n_weeks\":900000", "n_weeks times depths must be at most 1048576"),
        ("\"spacing\":1", "\"spacing\":0", "spacing must be 1 or more"),
        ("10000", "-1", "budget_cents must be 0 or more"),
    ];
    for (from, to, expected) in cases {
        let head = HEAD.replace(from, to);
        assert_eq!(told(PromotionFiles { instance: head.as_bytes(), ..files() }), format!("instance.json: {expected}"));
    }
    let found = told(PromotionFiles { instance: b"{}", ..files() });
    assert!(found.contains("missing field `name`"), "{found}");
}

#[test]
fn bad_rows_say_where_and_what() {
    type Change = fn(PromotionFiles<&'static [u8]>, &'static [u8]) -> PromotionFiles<&'static [u8]>;
    let skus: Change = |files, skus| PromotionFiles { skus, ..files };
    let base: Change = |files, base| PromotionFiles { base, ..files };
    let gamma: Change = |files, gamma| PromotionFiles { gamma, ..files };
    let stock: Change = |files, stock| PromotionFiles { stock, ..files };
    let pairs: Change = |files, pairs| PromotionFiles { pairs: Some(pairs), ..files };
    let triples: Change = |files, triples| PromotionFiles { triples: Some(triples), ..files };
    let cases: [(Change, &str, &str); 25] = [
        (base, "sku,w0,w1\n0,1,many\n", "base.csv, line 2, w1: 'many' where 0 to 1e12 units was expected"),
        (base, "sku,w0,w1\r\n\r\n0,1,-1\r\n", "base.csv, line 3, w1: '-1' where 0 to 1e12 units was expected"),
        (base, "sku,w0,w1\n0,1,NaN", "base.csv, line 2, w1: 'NaN' where 0 to 1e12 units was expected"),
        (base, "sku,w0,w1\n0,1,1e400", "base.csv, line 2, w1: '1e400' where 0 to 1e12 units was expected"),
        (base, "sku,w0\n0,1\n1,1\n", "base.csv has no column 'w1': expected a header with it; found 'sku,w0'"),
        (base, "sku,w0,w0\n", "base.csv: the header names column 'w0' twice: keep one"),
        (base, "sku,w0,w1\n0,1,1\n", "base.csv: no row for SKU 1: instance.json has 2 SKUs"),
        (
            base,
            "sku,w0,w1\n0,1,1\n0,1,1\n",
            "base.csv, line 3, sku: '0' where a SKU that no row above names was expected",
        ),
        (
            base,
            "sku,w0,w1\n1,1,1\n1,1,1\n",
            "base.csv, line 3, sku: '1' where a SKU that no row above names was expected",
        ),
        (
            base,
            "sku,w0,w1\n0,1,5,3\n",
            "base.csv: line 2 has 4 values where the header has 3; write decimals with a point and no thousands separators",
        ),
        (
            base,
            "sku;w0;w1\n0;1;5\n",
            "base.csv: the header 'sku;w0;w1' has no comma: separate values with ',' instead of ';'",
        ),
        (skus, "", "skus.csv: the file is empty: expected a header"),
        (
            skus,
            "sku,price,unit_margin,alpha,beta\n0,1,1,1,1\n0,1,1,1,1\n",
            "skus.csv, line 3, sku: '0' where a SKU that no row above names was expected",
        ),
        (
            skus,
            "sku,price,unit_margin,alpha,beta\n0,1,inf,1,1\n",
            "skus.csv, line 2, unit_margin: 'inf' where a margin from -1e12 to 1e12 was expected",
        ),
        (
            skus,
            "sku,price,unit_margin,alpha,beta\n0,1,1,1,-9\n",
            "skus.csv, line 2, alpha: '1' where alpha and beta with alpha d + beta d^2 of 0 or more at depth 0.2 was expected",
        ),
        (skus, "sku,price,unit_margin,alpha,beta\n1,1,1,1,1\n", "skus.csv: no row for SKU 0: instance.json has 2 SKUs"),
        (
            gamma,
            "sku_i,sku_j,gamma_ij\n0,5,0.1\n",
            "gamma.csv, line 2, sku_j: '5' where a SKU number from 0 to 1 was expected",
        ),
        (
            gamma,
            "sku_i,sku_j,gamma_ij\n0,1,0.1\n1,0,0\n0,1,0.1\n",
            "gamma.csv: line 4 has the same sku_i and sku_j as line 2: keep one of them",
        ),
        (stock, "sku,dc,share,extra_units\n0,0,0.5\n", "stock.csv: line 2 has 3 values where the header has 4"),
        (
            stock,
            "sku,dc,share,extra_units\n0,a,0.5,1\n0,a,0.5,1\n",
            "stock.csv: line 3 has the same sku and dc as line 2: keep one of them",
        ),
        (
            stock,
            "sku,dc,share,extra_units\n1,a,1.5,1\n",
            "stock.csv, line 2, share: '1.5' where a share from 0 to 1 was expected",
        ),
        (
            pairs,
            "sku_i,sku_j,penalty_cents_per_week\n0,1,7\n1,0,7\n",
            "pairs.csv: line 3 has the same two SKUs as line 2: keep one of them",
        ),
        (
            pairs,
            "sku_i,sku_j,penalty_cents_per_week\n1,1,7\n",
            "pairs.csv, line 2, sku_j: '1' where another SKU than sku_i was expected",
        ),
        (
            triples,
            "sku,week,depth,value_cents,cost_cents,units\n0,0,0.1,1,1,1\n",
            "triples.csv: no row for SKU 0, week 0, depth 0.2",
        ),
        (
            triples,
            "sku,week,depth,value_cents,cost_cents,units\n0,0,0.3,1,1,1\n",
            "triples.csv, line 2, depth: '0.3' where one of the instance's depths was expected",
        ),
    ];
    for (change, text, expected) in cases {
        assert_eq!(told(change(files(), text.as_bytes())), expected);
    }
}

#[test]
fn numbers_too_large_for_the_core_are_refused_with_their_cell() {
    let base = BASE.replace("20.0", "1e12");
    let error = promotion(PromotionFiles { base: base.as_bytes(), ..files() }).unwrap_err();
    assert_eq!(error.to_string(), "base.csv: the numbers make no problem");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("unit 1 in period 1"), "{cause}");
}

#[test]
fn a_sku_without_a_row_in_the_stock_file_has_no_limit_on_stock() {
    let stock = b"sku,share,extra_units\n1,0.5,20\n1,0.25,20\n".as_slice();
    let problem = promotion(PromotionFiles { stock, ..files() }).unwrap().problem;
    assert_eq!((problem.supply(0), problem.supply(1)), (None, Some([(0, 40)].as_slice())));
}

/// A disk that fails in the middle of a file.
struct Failing(usize);

impl std::io::Read for Failing {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let Some(rest) = BASE.as_bytes().get(self.0..self.0 + 8) else { return Err(std::io::Error::other("broken")) };
        to[..8].copy_from_slice(rest);
        self.0 += 8;
        Ok(8)
    }
}

#[test]
fn a_file_that_breaks_off_is_an_error_and_no_shorter_file() {
    let whole = files();
    let boxed = |text: &'static [u8]| Box::new(text) as Box<dyn std::io::Read>;
    let broken = PromotionFiles {
        instance: boxed(whole.instance),
        skus: boxed(whole.skus),
        base: Box::new(Failing(0)),
        gamma: boxed(whole.gamma),
        stock: boxed(whole.stock),
        pairs: None,
        triples: None,
    };
    let error = promotion(broken).unwrap_err();
    assert!(matches!(&error, FormatError::Unreadable { file, .. } if file == "base.csv"), "{error}");
}

#[test]
fn decimals_are_scaled_and_one_item_of_every_group_is_asked_for() {
    let text = "2 1\n2.5\n1\n1.500000000 1\n2\n2 1\n-0.25 2\n";
    let problems = public("f.txt", text, PublicFormat::Mmkp, Sense::Maximise).unwrap();
    let problem = &problems[0].problem;
    assert_eq!((problem.rules(0).required.as_slice(), problem.limits()[0].capacity), ([0].as_slice(), 25));
    assert_eq!((0..problem.columns() as u32).map(|column| problem.value(column)).collect::<Vec<_>>(), [150, 200]);
    assert_eq!((problem.uses(0).collect::<Vec<_>>(), problems[0].value(350)), (vec![(0, 10)], 3.5));
}

#[test]
fn bad_benchmark_files_say_where_and_what() {
    let message = |text: &str, format| public("f.txt", text, format, Sense::Maximise).unwrap_err().to_string();
    let found = message("1\n2 2\n1 2\n3 x\n", PublicFormat::Gap);
    assert_eq!(found, "f.txt, line 4, value: 'x' where a decimal number with at most 6 decimals was expected");
    assert_eq!(message("", PublicFormat::Mkp), "f.txt: the file ends where number of items was expected");
    assert_eq!(message("", PublicFormat::Mmkp), "f.txt: the file ends where number of groups was expected");
    let found = message("2 1\n5 6\n1 1\n9\n7\n", PublicFormat::Mkp);
    assert_eq!(found, "f.txt: line 5: '7' after the last problem");
    let found = message("1 1\n0.1234567\n1\n1\n", PublicFormat::Mkp);
    assert!(found.contains("line 2, profit: '0.1234567' where a decimal number with at most 6 decimals"), "{found}");
    let huge = "9".repeat(400);
    let found = message(&format!("1 1\n{huge}\n1\n1\n"), PublicFormat::Mkp);
    assert!(found.contains("999...' where a decimal number") && found.len() < 200, "{found}");
    assert_eq!(message("1 1\n5\n-1\n1\n", PublicFormat::Mkp), "f.txt: the numbers make no problem");
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
    let [instance, skus, base, gamma, stock, pairs, triples] = [0, 1, 2, 3, 4, 5, 6].map(|at| files[at].as_bytes());
    let files = PromotionFiles { instance, skus, base, gamma, stock, pairs: Some(pairs), triples: None };
    let computed = promotion(files).unwrap();
    let expanded = promotion(PromotionFiles { triples: Some(triples), ..files }).unwrap();
    assert_eq!(content(&computed.problem), content(&expanded.problem));
    let Solve::Solved(solution) = solve(&computed.problem, &Settings { gap: 0.0, ..Settings::default() }, &|| false)
    else {
        panic!("no plan");
    };
    assert_eq!(solution.objective, solution.bound, "the smallest instance is proven");
}
