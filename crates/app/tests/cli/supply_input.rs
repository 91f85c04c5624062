//! `endcap supply` on folders with something wrong in them: what it is, where and what to do is said, and the rest is planned.

use crate::run;
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;

/// A folder with two items in two shops, all of it right.
struct Folder {
    kept: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        let folder = Self { kept: tempfile::tempdir().unwrap() };
        let mut sales = String::from("place_id,unit_id,period,units,in_stock\n");
        for week in 0..40 {
            for (place, unit) in [("north", "tea"), ("north", "jam"), ("south", "tea"), ("south", "jam")] {
                let _ = writeln!(sales, "{place},{unit},{week},{},1", 9 + week % 4);
            }
        }
        folder.write("sales.csv", &sales);
        folder.write("stock.csv", "place_id,unit_id,on_hand\nnorth,tea,5\nnorth,jam,5\nsouth,tea,5\nsouth,jam,5\n");
        folder.write("pipeline.csv", "place_id,unit_id,arrives,quantity\nnorth,tea,41,6\n");
        folder.write("supply.toml", "lead_time_periods = 2\nholding_cost = 0.2\nshortage_cost = 1.0\n");
        folder
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.kept.path().join(name), text).unwrap();
    }

    fn file(&self, name: &str) -> String {
        fs::read_to_string(self.kept.path().join(name)).unwrap()
    }

    /// Plans and returns the summary.
    fn planned(&self) -> Value {
        let (out, messages, status) = run(&["supply", "--state", self.kept.path().to_str().unwrap(), "--json"]);
        assert_eq!(status, 0, "{messages}");
        serde_json::from_str(&out).unwrap()
    }

    /// Plans with one reason to set something aside, which holds all of these words; returns the orders.
    fn one_aside(&self, words: &[&str]) -> String {
        let summary = self.planned();
        let aside: Vec<&str> = summary["set_aside"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
        assert_eq!(aside.len(), 1, "{aside:?}");
        for word in words {
            assert!(aside[0].contains(word), "says nothing of {word}: {aside:?}");
        }
        self.file("orders.csv")
    }

    /// Fails with a message that holds all of these words.
    fn refused(&self, words: &[&str]) {
        let (_, messages, status) = run(&["supply", "--state", self.kept.path().to_str().unwrap()]);
        assert_eq!(status, 2, "{messages}");
        for word in words {
            assert!(messages.contains(word) && !messages.contains("panicked"), "says nothing of {word}: {messages}");
        }
    }
}

#[test]
fn a_right_folder_sets_nothing_aside() {
    let folder = Folder::new();
    assert_eq!(folder.planned()["set_aside"], Value::Array(vec![]));
    assert_eq!(folder.file("orders.csv").lines().count(), 5);
}

#[test]
fn stock_that_cannot_be_is_set_aside_by_row() {
    for (wrong, words) in [
        ("-3", ["stock.csv", "row 2", "on_hand", "-3", "expected 0 or more", "count the shelf"].as_slice()),
        ("", &["stock.csv", "row 2", "on_hand", "expected a whole number"]),
        ("many", &["stock.csv", "row 2", "on_hand", "'many'", "expected a whole number"]),
        ("1e300", &["stock.csv", "row 2", "on_hand", "expected a whole number"]),
    ] {
        let folder = Folder::new();
        let stock = format!("place_id,unit_id,on_hand\nnorth,tea,5\nnorth,jam,{wrong}\nsouth,tea,5\nsouth,jam,5\n");
        folder.write("stock.csv", &stock);
        let orders = folder.one_aside(words);
        assert!(orders.lines().count() == 4 && !orders.contains("north,jam"), "{orders}");
    }
}

#[test]
fn deliveries_in_the_past_or_of_nothing_are_set_aside() {
    for (wrong, words) in [
        ("12,6", ["pipeline.csv", "row 1", "arrives", "12", "(40)", "add it to the stock on hand"].as_slice()),
        ("41,-6", &["pipeline.csv", "row 1", "quantity", "-6", "expected 0 or more"]),
        ("soon,6", &["pipeline.csv", "row 1", "arrives", "'soon'"]),
    ] {
        let folder = Folder::new();
        folder.write("pipeline.csv", &format!("place_id,unit_id,arrives,quantity\nnorth,tea,{wrong}\n"));
        assert_eq!(folder.one_aside(words).lines().count(), 5);
    }
}

#[test]
fn zero_and_endless_lead_times_are_refused_with_their_range() {
    for wrong in ["0", "100000"] {
        let folder = Folder::new();
        folder.write("supply.toml", &format!("lead_time_periods = {wrong}\nholding_cost = 0.2\nshortage_cost = 1.0\n"));
        folder.refused(&["lead_time_periods", wrong, "1 to 1000"]);
    }
    let folder = Folder::new();
    folder.write("supply.toml", "lead_time_periods = -1\nholding_cost = 0.2\nshortage_cost = 1.0\n");
    folder.refused(&["supply.toml", "lead_time_periods", "-1"]);
}

#[test]
fn a_case_larger_than_the_shelf_is_set_aside() {
    let folder = Folder::new();
    folder.write("items.csv", "unit_id,case_pack,maximum_stock\ntea,48,40\njam,6,40\n");
    let summary = folder.planned();
    let aside = summary["set_aside"].to_string();
    for word in ["stock.csv: row 1", "48 pieces", "only 40 fit", "order smaller cases"] {
        assert!(aside.contains(word), "says nothing of {word}: {aside}");
    }
    let orders = folder.file("orders.csv");
    assert!(orders.contains("jam") && !orders.contains("tea"), "{orders}");
}

#[test]
fn an_item_without_supplier_is_named_and_ordered() {
    let folder = Folder::new();
    folder.write("items.csv", "unit_id,supplier_id\ntea,acme\njam,\n");
    let config = folder.file("supply.toml");
    folder.write("supply.toml", &format!("{config}[suppliers.acme]\nlate = [0.2]\n"));
    let orders = folder.one_aside(&["items.csv", "row 2", "supplier_id", "jam", "name its supplier"]);
    assert!(orders.contains("jam"), "{orders}");
}

#[test]
fn places_that_feed_each_other_are_named_and_the_others_are_planned() {
    let folder = Folder::new();
    folder.write("feeds.csv", "place_id,source_id,lead_time_periods\nnorth,depot,1\ndepot,north,1\n");
    let summary = folder.planned();
    let aside = summary["set_aside"].to_string();
    for word in ["feeds.csv: row 1", "source_id", "depot from north from depot", "let one of them be fed by suppliers"]
    {
        assert!(aside.contains(word), "says nothing of {word}: {aside}");
    }
    let orders = folder.file("orders.csv");
    assert!(orders.contains("south") && !orders.contains("north"), "{orders}");
}

#[test]
fn a_feed_without_a_lead_time_is_set_aside() {
    for wrong in ["0", "9999", "-2"] {
        let folder = Folder::new();
        folder.write("feeds.csv", &format!("place_id,source_id,lead_time_periods\nnorth,depot,{wrong}\n"));
        let aside = folder.planned()["set_aside"].to_string();
        assert!(
            aside.contains("feeds.csv: row 1: lead_time_periods") && aside.contains("expected 1 to 1000"),
            "{aside}"
        );
        assert!(aside.contains("stock.csv: row 1: place_id"), "the cells of the place are named: {aside}");
        assert!(folder.file("orders.csv").contains("south"));
    }
}

#[test]
fn sales_that_cannot_be_are_set_aside() {
    for (wrong, found) in [("-5", "-5"), ("lots", "NaN"), ("", "NaN")] {
        let folder = Folder::new();
        let sales = folder.file("sales.csv").replacen("north,tea,0,9,1", &format!("north,tea,0,{wrong},1"), 1);
        folder.write("sales.csv", &sales);
        let orders = folder.one_aside(&["sales.csv", "row 1", "units", "tea", found, "expected a number"]);
        assert_eq!(orders.lines().count(), 5);
    }
}

#[test]
fn shops_are_supplied_by_their_warehouse() {
    let folder = Folder::new();
    folder.write("feeds.csv", "place_id,source_id,lead_time_periods,case_pack\nnorth,depot,1,1\nsouth,depot,1,1\n");
    let stock = folder.file("stock.csv");
    folder.write("stock.csv", &format!("{stock}depot,tea,60\ndepot,jam,4\n"));
    let summary = folder.planned();
    assert_eq!(summary["set_aside"], Value::Array(vec![]));
    let orders = folder.file("orders.csv");
    assert!(orders.lines().skip(1).all(|line| line.starts_with("depot,")), "{orders}");
    let transfers = folder.file("transfers.csv");
    assert!(transfers.contains("tea,depot,north") && transfers.contains("jam,depot,"), "{transfers}");
}

#[test]
fn missing_sizes_block_a_markdown_and_are_brought_from_elsewhere() {
    let folder = Folder::new();
    let mut sales = String::from("place_id,unit_id,period,units,in_stock\n");
    for week in 0..60 {
        for place in ["north", "south"] {
            for (size, mean) in [("s", 2), ("m", 6), ("l", 6)] {
                let out = place == "north" && size != "s" && week >= 56;
                let units = if out { 0 } else { mean + week % 3 - 1 };
                let _ = writeln!(sales, "{place},coat-{size},{week},{units},{}", u8::from(!out));
            }
        }
    }
    folder.write("sales.csv", &sales);
    let stock = "north,coat-s,9\nnorth,coat-m,0\nnorth,coat-l,0\nsouth,coat-s,9\nsouth,coat-m,60\nsouth,coat-l,60\n";
    folder.write("stock.csv", &format!("place_id,unit_id,on_hand\n{stock}"));
    folder.write("pipeline.csv", "place_id,unit_id,arrives,quantity\n");
    folder.write(
        "items.csv",
        "unit_id,style_id,size,core,unit_margin\ncoat-s,coat,s,0,30\ncoat-m,coat,m,1,30\ncoat-l,coat,l,1,30\n",
    );
    let config = folder.file("supply.toml");
    let regions = "[transfers]\ncost = 2.0\nregions = { north = \"here\", south = \"here\" }\n";
    folder.write("supply.toml", &format!("{config}{regions}"));
    assert_eq!(folder.planned()["markdown_blocked"], 1);
    let sizes = folder.file("sizes.csv");
    assert!(sizes.contains("coat,north") && sizes.contains(",sizes,1") && sizes.contains(",not_slow,0"), "{sizes}");
    let moves = folder.file("size_moves.csv");
    assert!(moves.contains("coat,coat-m,south,north") && moves.contains("coat,coat-l,south,north"), "{moves}");
}
