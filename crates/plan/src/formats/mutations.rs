//! Thousands of damaged files per format: each is read, or refused with the name of the file, and never a panic.
//!
//! Every case has its own seed, its number, which a failure shows.

use super::*;
use rand::seq::{IndexedMutRandom, IndexedRandom};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::panic::{AssertUnwindSafe, catch_unwind};

const SKUS: usize = 5;
const WEEKS: usize = 4;
const DEPTHS: [f64; 3] = [0.1, 0.2, 0.35];

/// What damaged numbers become.
const NASTY: [&str; 22] = [
    "NaN",
    "inf",
    "-inf",
    "-1",
    "-0",
    "1e400",
    "-1e400",
    "1e300",
    "1e-320",
    "0",
    "1",
    "",
    "4294967296",
    "65536",
    "9223372036854775807",
    "99999999999999999999",
    "2147483648",
    "10000000",
    "0x10",
    "1_000",
    "\"",
    "é",
];

const NAMES: [&str; 7] =
    ["instance.json", "skus.csv", "base.csv", "gamma.csv", "stock.csv", "pairs.csv", "triples.csv"];

/// An instance as texts, in the order of [`NAMES`].
fn instance() -> Vec<Vec<u8>> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let head = format!(
        r#"{{"name":"damaged","n_skus":{SKUS},"n_weeks":{WEEKS},"depths":{DEPTHS:?},"budget_cents":90000,"slots":{:?},"spacing":2}}"#,
        [2; WEEKS]
    );
    let mut texts = [
        "sku,group,price,unit_margin,alpha,beta\n".to_owned(),
        "sku,w0,w1,w2,w3\n".to_owned(),
        "sku_i,sku_j,gamma_ij\n".to_owned(),
        "sku,dc,share,extra_units\n".to_owned(),
        "sku_i,sku_j,penalty_cents_per_week\n".to_owned(),
        "sku,week,depth,value_cents,cost_cents,units\n".to_owned(),
    ];
    for sku in 0..SKUS {
        let other = (sku + 1) % SKUS;
        let base: Vec<String> = (0..WEEKS).map(|_| format!("{:.1}", rng.random_range(10.0..90.0))).collect();
        texts[0] += &format!("{sku},0,{:.2},1.5,2.25,{:.3}\n", rng.random_range(2.0..9.0), rng.random_range(0.0..9.0));
        texts[1] += &format!("{sku},{}\n", base.join(","));
        texts[2] += &format!("{sku},{other},{:.4}\n", rng.random_range(0.0..0.2));
        texts[3] += &format!("{sku},0,0.25,{}\n{sku},1,0.75,{}\n", 10 + 5 * sku, 40 + 9 * sku);
        texts[4] += &format!("{sku},{other},{}\n", 10 * sku);
        for (week, depth) in (0..WEEKS).flat_map(|week| DEPTHS.map(|depth| (week, depth))) {
            texts[5] += &format!("{sku},{week},{depth},{},{},{}\n", 100 + sku, 50 + week, 3);
        }
    }
    std::iter::once(head).chain(texts).map(String::into_bytes).collect()
}

fn read(files: &[Vec<u8>], triples: bool) -> Result<PromotionInstance, FormatError> {
    promotion(PromotionFiles {
        instance: files[0].as_slice(),
        skus: files[1].as_slice(),
        base: files[2].as_slice(),
        gamma: files[3].as_slice(),
        stock: files[4].as_slice(),
        pairs: Some(files[5].as_slice()),
        triples: triples.then_some(files[6].as_slice()),
    })
}

/// Ranges of the runs of bytes that numbers are made of.
fn numbers(text: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut runs: Vec<std::ops::Range<usize>> = Vec::new();
    for at in (0..text.len()).filter(|&at| text[at].is_ascii_digit() || b"+-.".contains(&text[at])) {
        match runs.last_mut().filter(|run| run.end == at) {
            Some(run) => run.end += 1,
            None => runs.push(at..at + 1),
        }
    }
    runs
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    text.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect()
}

fn replaced(text: &[u8], from: u8, to: &[u8]) -> Vec<u8> {
    text.iter().flat_map(|&byte| if byte == from { to.to_vec() } else { vec![byte] }).collect()
}

/// Damages a text in one of many ways.
fn damage(text: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    if text.is_empty() {
        return;
    }
    let at = rng.random_range(0..text.len());
    match rng.random_range(0..12) {
        0 => text[at] ^= 1 << rng.random_range(0..8),
        1 => text[at] = rng.random(),
        2 => text.truncate(at),
        3 => drop(text.remove(at)),
        4 => text.splice(at..at, (0..5).map(|_| rng.random())).for_each(drop),
        5 => *text = replaced(text, b'\n', b"\r\n"),
        6 => text.splice(0..0, "\u{feff}".bytes()).for_each(drop),
        7 => *text = replaced(text, b',', b";"),
        8 => {
            let mut lines = lines(text);
            let (from, to) = (rng.random_range(0..lines.len()), rng.random_range(0..lines.len()));
            match rng.random_range(0..3) {
                0 => drop(lines.remove(from)),
                1 => lines.insert(to, lines[from].clone()),
                _ => lines.swap(from, to),
            }
            *text = lines.concat();
        }
        _ => {
            if let Some(run) = numbers(text).choose(rng) {
                let nasty = NASTY.choose(rng).expect("Invariant: there are some");
                text.splice(run.clone(), nasty.bytes()).for_each(drop);
            }
        }
    }
}

/// Runs a case, and names it when it panics or says too little or too much.
fn counted<T>(case: u64, names: &[&str], run: impl FnOnce() -> Result<T, FormatError>) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| panic!("case {case} panics"));
    done.inspect_err(|error| {
        let message = error.to_string();
        assert!(names.iter().any(|name| message.starts_with(name)), "case {case}: {message}");
        assert!(message.len() < 600, "case {case}: {message}");
    })
    .ok()
}

#[test]
fn damaged_promotion_instances_are_read_or_refused() {
    let whole = instance();
    let (mut read_fully, cases) = (0, 4000);
    for case in 0..cases {
        let mut rng = ChaCha8Rng::seed_from_u64(case);
        let mut files = whole.clone();
        for _ in 0..rng.random_range(1..=2) {
            damage(files.choose_mut(&mut rng).expect("Invariant: there are files"), &mut rng);
        }
        let triples = rng.random();
        if let Some(instance) = counted(case, &NAMES, || read(&files, triples)) {
            let problem = &instance.problem;
            assert!((0..problem.columns()).all(|column| problem.value(column as u32) > 0), "case {case}");
            read_fully += 1;
        }
    }
    assert!((cases / 10..cases / 10 * 9).contains(&read_fully), "{read_fully} of {cases} are read");
}

#[test]
fn no_row_is_lost_or_doubled_unseen() {
    let whole = instance();
    // Files in which every row is needed; in the others, rows may be absent.
    let needed = ["skus.csv", "base.csv", "triples.csv"];
    for (number, name) in NAMES.into_iter().enumerate().skip(1) {
        let all = lines(&whole[number]);
        for line in 1..all.len() {
            let with = |lines: Vec<Vec<u8>>| {
                let mut files = whole.clone();
                files[number] = lines.concat();
                read(&files, name == "triples.csv").is_ok()
            };
            let (mut less, mut more) = (all.clone(), all.clone());
            less.remove(line);
            more.push(all[line].clone());
            assert!(!with(more), "{name}: line {} twice", line + 1);
            assert_eq!(with(less), !needed.contains(&name), "{name}: without line {}", line + 1);
        }
    }
}

#[test]
fn semicolons_are_refused_with_a_hint() {
    let whole = instance();
    for number in 1..NAMES.len() {
        let mut files = whole.clone();
        files[number] = replaced(&whole[number], b',', b";");
        let message = read(&files, NAMES[number] == "triples.csv").unwrap_err().to_string();
        assert!(message.starts_with(NAMES[number]) && message.contains("separate values with ','"), "{message}");
    }
}

/// Small made-up problems of every public format.
const PUBLIC: [(PublicFormat, &str); 5] = [
    (PublicFormat::Mkp, "3 2\n10 20.5 30\n1 2 3\n4 5 6\n5 9\n"),
    (PublicFormat::Mkp, "2\n2 1 0\n10 20\n1 2\n2\n2 2 7\n1 2\n3 4\n5 6\n7 8\n"),
    (PublicFormat::Mmkp, "2 2\n10 10\n2\n5 1 2\n6 2 1\n3\n1 1 1\n2.5 2 2\n3 3.25 3\n"),
    (PublicFormat::Mmkp, "1 2 2 1\n10\n1\n5 1\n6 2\n2\n1 1\n2 2\n2 1 1 2\n4 4\n1\n9 1 2\n"),
    (PublicFormat::Gap, "2\n2 3\n1 2 3\n4 5 6\n1 1 1\n2 2 2\n3 3\n1 1\n5\n1\n1\n"),
];

#[test]
fn damaged_public_problems_are_read_or_refused() {
    let (mut read_fully, cases) = (0, 5000);
    for case in 0..cases {
        let mut rng = ChaCha8Rng::seed_from_u64(case);
        let (format, text) = PUBLIC[case as usize % PUBLIC.len()];
        let mut bytes = text.as_bytes().to_vec();
        for _ in 0..rng.random_range(1..=2) {
            damage(&mut bytes, &mut rng);
        }
        let text = String::from_utf8_lossy(&bytes);
        let sense = if rng.random() { Sense::Minimise } else { Sense::Maximise };
        read_fully += u64::from(counted(case, &["f.txt"], || public("f.txt", &text, format, sense)).is_some());
    }
    assert!((cases / 10..cases / 10 * 9).contains(&read_fully), "{read_fully} of {cases} are read");
}

#[test]
fn counts_beyond_the_file_take_no_memory() {
    for text in ["10000000 10000000", "10000000", "1 10000000 10000000 10000000", "1\n10000000 10000000\n1 2 3"] {
        for format in [PublicFormat::Mkp, PublicFormat::Mmkp, PublicFormat::Gap] {
            let message = public("f.txt", text, format, Sense::Maximise).unwrap_err().to_string();
            assert!(message.contains("the file ends where"), "{message}");
        }
    }
}
