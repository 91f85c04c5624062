//! Questions to a solved instance: answers agree with what further runs of the optimiser find.

use crate::run;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// Six SKUs over five weeks with two depths, two slots a week and a budget that binds; solved.
struct Solved {
    kept: tempfile::TempDir,
}

impl Solved {
    fn new() -> Self {
        let kept = tempfile::tempdir().unwrap();
        let solved = Self { kept };
        write_instance(&solved.at(""));
        solved.solve("s", &[]);
        solved
    }

    fn at(&self, name: &str) -> std::path::PathBuf {
        self.kept.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.at(name).to_str().unwrap().to_owned()
    }

    fn solve(&self, out: &str, more: &[&str]) -> Value {
        let (folder, out) = (self.text(""), self.text(out));
        let arguments = [&["solve", &folder, "--gap", "0", "--out", &out, "--json"], more].concat();
        let (answer, messages, status) = run(&arguments);
        assert_eq!(status, 0, "{messages}");
        serde_json::from_str(&answer).unwrap()
    }

    fn ask_any(&self, question: &[&str]) -> (String, String, i32) {
        let (folder, solved) = (self.text(""), self.text("s/solve.json"));
        run(&[&["ask", &folder, "--gap", "0", "--solved", &solved, "--json"], question].concat())
    }

    fn ask(&self, question: &[&str]) -> Value {
        let (answer, messages, status) = self.ask_any(question);
        assert_eq!(status, 0, "{messages}");
        serde_json::from_str(&answer).unwrap()
    }

    fn objective(&self) -> i64 {
        let solved: Value = serde_json::from_slice(&fs::read(self.at("s/solve.json")).unwrap()).unwrap();
        solved["objective"].as_i64().unwrap()
    }

    fn plan(&self) -> Vec<[i64; 3]> {
        rows(&fs::read_to_string(self.at("s/plan.csv")).unwrap())
    }

    fn write(&self, name: &str, rows: &[[i64; 3]]) -> String {
        let lines: String = rows.iter().map(|[sku, week, depth]| format!("{sku},{week},{depth}\n")).collect();
        fs::write(self.at(name), format!("sku,week,depth_index\n{lines}")).unwrap();
        self.text(name)
    }
}

fn rows(text: &str) -> Vec<[i64; 3]> {
    let numbers = |line: &str| line.split(',').map(|number| number.parse().unwrap()).collect::<Vec<i64>>();
    text.lines().skip(1).map(|line| numbers(line).try_into().unwrap()).collect()
}

fn write_instance(folder: &Path) {
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
    write(
        "instance.json",
        r#"{"name": "six", "n_skus": 6, "n_weeks": 5, "depths": [0.1, 0.2], "budget_cents": 9000, "slots": [2, 2, 2, 2, 2],
            "spacing": 2}"#,
    );
    let (mut skus, mut base) =
        (String::from("sku,group,price,unit_margin,alpha,beta\n"), String::from("sku,w0,w1,w2,w3,w4\n"));
    for sku in 0..6 {
        let _ =
            writeln!(skus, "{sku},{},5.0,{},3.0,{}", sku / 2, 2.0 + 0.1 * f64::from(sku), 1.0 + 0.5 * f64::from(sku));
        let week = |week: i32| 30 + (sku * 7 + week * 11) % 23;
        let _ = writeln!(base, "{sku},{},{},{},{},{}", week(0), week(1), week(2), week(3), week(4));
    }
    write("skus.csv", &skus);
    write("base.csv", &base);
    write("gamma.csv", "sku_i,sku_j,gamma_ij\n");
    write("stock.csv", "sku,dc,share,extra_units\n");
    write("pairs.csv", "sku_i,sku_j,penalty_cents_per_week\n0,1,200\n2,3,150\n");
}

fn whole(value: &Value) -> i64 {
    value.as_i64().unwrap_or_else(|| panic!("{value} is no whole number"))
}

#[test]
fn every_limit_has_a_price_and_a_curve_that_never_falls() {
    let solved = Solved::new();
    let limits = solved.ask(&["limits"]);
    let names: Vec<&str> = limits.as_array().unwrap().iter().map(|limit| limit["limit"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    let curve = solved.ask(&["curve", "budget", "--at", "1.5,0.5,1"]);
    let points = curve["points"].as_array().unwrap();
    let earned: Vec<i64> = points.iter().map(|point| whole(&point["objective"])).collect();
    assert_eq!((points.len(), earned[1]), (3, solved.objective()));
    assert!(earned[0] < earned[1] && earned[1] <= earned[2], "{earned:?}");
    for point in points {
        assert!(
            whole(&point["objective"]) <= whole(&point["bound"]) && whole(&point["used"]) <= whole(&point["level"])
        );
    }
}

#[test]
fn an_offer_that_runs_is_said_to_run_and_another_never_earns_more_than_its_bound() {
    let solved = Solved::new();
    let plan = solved.plan();
    let mut forced = 0;
    for (sku, week) in (0..6).flat_map(|sku| (0..5).map(move |week| (sku, week))) {
        let answer = solved.ask(&["why", &sku.to_string(), &week.to_string()]);
        let runs = plan.iter().find(|row| (row[0], row[1]) == (sku, week));
        let expected = if runs.is_some() { "runs" } else { "does_not_run" };
        assert_eq!(answer["answer"], expected, "{sku} {week}: {answer}");
        if let Some(row) = runs {
            assert_eq!(whole(&answer["offer"]["depth_index"]), row[2]);
        } else if forced < 3 && answer["nearest"].is_object() {
            forced += 1;
            let depth = whole(&answer["nearest"]["offer"]["depth_index"]);
            let locks = solved.write("locks.csv", &[[sku, week, depth]]);
            let priced = solved.ask(&["locks", &locks]);
            assert!(whole(&priced["objective"]) <= whole(&answer["nearest"]["bound_with"]), "{answer} {priced}");
        }
    }
    assert_eq!(forced, 3);
}

#[test]
fn a_lock_costs_what_the_plan_earns_without_it() {
    let solved = Solved::new();
    let [sku, week, _] = solved.plan()[0];
    let priced = solved.ask(&["locks", &solved.write("locks.csv", &[[sku, week, -1]])]);
    let lock = &priced["locks"][0];
    assert_eq!(lock["depth_index"], Value::Null);
    assert_eq!(whole(&lock["objective"]), solved.objective());
    assert_eq!(whole(&lock["cost"]), solved.objective() - whole(&priced["objective"]));
    assert!(whole(&lock["cost"]) >= 0);
}

#[test]
fn locks_that_clash_are_named_with_the_rule_they_clash_with() {
    let solved = Solved::new();
    let locks = solved.write("locks.csv", &[[3, 1, 0], [3, 2, 0], [5, 4, 0]]);
    let (answer, messages, status) = solved.ask_any(&["clash", &locks]);
    assert_eq!(status, 1, "{messages}");
    let clash: Value = serde_json::from_str(&answer).unwrap();
    let rules: Vec<&str> =
        clash["give"].as_array().unwrap().iter().map(|give| give["rule"].as_str().unwrap()).collect();
    assert_eq!(clash["certainty"], "proven");
    assert_eq!(rules.len(), 3, "{rules:?}");
    assert!(rules.contains(&"spacing of SKU 3") && rules.iter().all(|rule| rule.contains("SKU 3")), "{rules:?}");
    let (_, messages, status) = solved.ask_any(&["locks", &locks]);
    assert!(status == 1 && messages.contains("clash"), "{messages}");
    let free = solved.ask(&["clash", &solved.write("free.csv", &[[3, 1, 0]])]);
    assert_eq!(free["clash"], false);
}

#[test]
fn other_plans_differ_and_their_changes_add_up() {
    let solved = Solved::new();
    let answer = solved.ask(&["others", "2", "--differ", "2"]);
    let others = answer["others"].as_array().unwrap();
    assert_eq!(others.len(), 2);
    for other in others {
        assert!(whole(&other["differs"]) >= 2 && whole(&other["objective"]) <= solved.objective());
        let changes: i64 = other["changes"].as_array().unwrap().iter().map(|change| whole(&change["value"])).sum();
        assert_eq!(changes, whole(&other["objective"]) - solved.objective());
        let plan: Vec<[i64; 3]> = other["plan"]
            .as_array()
            .unwrap()
            .iter()
            .map(|offer| ["sku", "week", "depth_index"].map(|field| whole(&offer[field])))
            .collect();
        let diff = solved.ask(&["diff", &solved.write("other.csv", &plan)]);
        assert_eq!((whole(&diff["other"]), whole(&diff["total"])), (whole(&other["objective"]), changes));
    }
}

#[test]
fn a_slot_goes_to_skus_that_do_not_run_in_it() {
    let solved = Solved::new();
    let [sku, week, _] = solved.plan()[0];
    let answer = solved.ask(&["slot", &week.to_string(), "--from", &sku.to_string(), "--most", "3"]);
    let running: Vec<i64> = solved.plan().iter().filter(|row| row[1] == week).map(|row| row[0]).collect();
    let takers = answer["takers"].as_array().unwrap();
    assert!(!takers.is_empty());
    for taker in takers {
        assert!(!running.contains(&whole(&taker["sku"])), "{taker}");
        assert!(whole(&taker["objective"]) <= whole(&taker["bound"]));
    }
}

#[test]
fn bad_questions_are_refused_with_what_was_expected() {
    let solved = Solved::new();
    let plan = solved.plan();
    fs::write(solved.at("columns.csv"), "sku,week\n0,0\n").unwrap();
    let columns = solved.text("columns.csv");
    let twice = solved.write("twice.csv", &[[0, 0, 1], [0, 0, -1]]);
    let outside = solved.write("outside.csv", &[[0, 7, 1]]);
    let depth = solved.write("depth.csv", &[[0, 0, 9]]);
    let all = solved.write("all.csv", &plan);
    let cases: [(&[&str], &[&str]); 9] = [
        (&["why", "9", "0"], &["SKU 9", "0 to 5"]),
        (&["why", "0", "5"], &["week 5", "0 to 4"]),
        (&["why", "0", "0", "--depth", "2"], &["depth 2", "0 to 1"]),
        (&["curve", "bugdet"], &["bugdet", "budget", "slots w0"]),
        (&["diff", "missing.csv"], &["missing.csv", "not there"]),
        (&["diff", &columns], &["columns.csv", "depth_index"]),
        (&["diff", &twice], &["row 2", "once"]),
        (&["locks", &outside], &["row 1", "week", "0 to 4"]),
        (&["clash", &depth], &["depth 9"]),
    ];
    for (question, words) in cases {
        let (_, messages, status) = solved.ask_any(question);
        assert_eq!(status, 2, "{question:?}: {messages}");
        for word in words {
            assert!(messages.contains(word), "{question:?} says nothing of {word}: {messages}");
        }
    }
    fs::write(
        solved.at("s/plan.csv"),
        fs::read_to_string(&all).unwrap().lines().take(3).collect::<Vec<_>>().join("\n"),
    )
    .unwrap();
    let (_, messages, status) = solved.ask_any(&["limits"]);
    assert!(status == 2 && messages.contains("not of one run"), "{messages}");
}
