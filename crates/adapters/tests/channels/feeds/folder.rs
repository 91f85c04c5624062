//! Files that are dropped into a folder.

use super::{Shop, drained, now, pieces, sale};
use endcap_adapters::feeds::Turn;
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const FEED: &str = "kind = \"folder\"\nfolder = \"inbox\"";

/// Puts a file there as people are told to.
fn dropped(inbox: &Path, name: &str, text: &str) {
    fs::create_dir_all(inbox).unwrap();
    fs::write(inbox.join(format!(".{name}")), text).unwrap();
    fs::rename(inbox.join(format!(".{name}")), inbox.join(name)).unwrap();
}

fn lines(from: usize, to: usize) -> String {
    (from..to).map(|id| sale(id) + "\n").collect()
}

#[test]
fn files_are_taken_once_whole_and_put_away_and_unfinished_ones_wait() {
    let mut shop = Shop::new(FEED);
    let inbox = shop.path().join("inbox");
    dropped(&inbox, "a.jsonl", &lines(0, 100));
    // The same sales as a till's export writes them, in CSV, with some that are new.
    let csv: String = (90..120)
        .map(|id| {
            let sale: serde_json::Value = serde_json::from_str(&sale(id)).unwrap();
            let text = |name: &str| sale[name].as_str().unwrap().to_owned();
            format!(
                "{},{},{},{},{},{}\n",
                text("id"),
                text("sku"),
                text("place"),
                text("period"),
                sale["units"],
                sale["price"]
            )
        })
        .collect();
    dropped(&inbox, "b.csv", &format!("id,sku,place,period,units,price\n{csv}"));
    fs::write(inbox.join("c.jsonl.part"), "{\"id\": \"half").unwrap();
    let mut pump = shop.pump();
    drained(&mut pump);
    assert_eq!(shop.totals(), (120, pieces(120)));
    assert_eq!((shop.standing().new, shop.standing().repeated, shop.asides()), (120, 10, vec![]));
    assert!(
        inbox.join("taken/a.jsonl").is_file() && inbox.join("taken/b.csv").is_file() && !inbox.join("a.jsonl").exists()
    );
    assert!(inbox.join("c.jsonl.part").is_file());
    // Another file of the same name is another file.
    dropped(&inbox, "a.jsonl", &lines(110, 130));
    drained(&mut pump);
    assert_eq!(shop.totals(), (130, pieces(130)));
    assert!(inbox.join("taken/a.jsonl.1").is_file());
}

#[test]
fn a_line_that_cannot_be_read_is_set_aside_with_its_place_and_stops_nothing() {
    let mut shop = Shop::new(FEED);
    let inbox = shop.path().join("inbox");
    let bad = [
        "{\"id\": \"x1\", \"sku\": \"a\"",
        "{\"id\": \"x2\", \"sku\": \"a\", \"place\": \"b\", \"period\": \"2026-13-01\", \"units\": 1}",
        "{\"sku\": \"a\", \"place\": \"b\", \"period\": \"2026-03-01\", \"units\": 1}",
        "{\"id\": \"x4\", \"sku\": \"a\", \"place\": \"b\", \"period\": \"2026-03-01\", \"units\": 1, \"colour\": \"red\"}",
        "7",
    ];
    let text = format!("{}{}\n{}{}\n", lines(0, 5), bad.join("\n"), lines(5, 10), &"y".repeat(2 << 20));
    // A sale that was kept never changes: another one of its id is set aside.
    let text = format!("{text}{}\n", sale(3).replace("\"price\":1.99", "\"price\":9.99"));
    dropped(&inbox, "a.jsonl", &text);
    let mut pump = shop.pump();
    let turns = drained(&mut pump);
    assert_eq!(shop.totals(), (10, pieces(10)));
    assert_eq!(turns.iter().map(|turn| turn.aside).sum::<usize>(), 7, "{turns:?}");
    let asides = shop.asides();
    let reasons: Vec<&str> = asides.iter().rev().map(|kept| kept.aside.reason.as_str()).collect();
    for expected in
        ["it is no JSON", "not a day of the calendar", "id is missing", "unknown", "longer than", "another sale"]
    {
        assert_eq!(reasons.iter().filter(|reason| reason.contains(expected)).count(), 1, "{expected}: {reasons:#?}");
    }
    assert_eq!(reasons.iter().filter(|reason| **reason == "expected an object").count(), 1, "{reasons:#?}");
    let first = asides.iter().find(|kept| kept.aside.reason.contains("no JSON")).unwrap();
    let ends = (lines(0, 5).len() + bad[0].len() + 1) as u64;
    assert_eq!((first.aside.origin.part.as_str(), first.aside.origin.position), ("a.jsonl", ends));
    assert_eq!(first.aside.content.trim(), bad[0]);
    // Dropped again, nothing is new and nothing is set aside twice.
    dropped(&inbox, "again.jsonl", &lines(0, 10));
    drained(&mut pump);
    assert_eq!((shop.totals().0, shop.asides().len()), (10, 7));
}

#[test]
fn a_file_waits_for_its_manifest_and_must_be_what_it_says() {
    let mut shop = Shop::new("kind = \"folder\"\nfolder = \"inbox\"\nmanifest = true");
    let inbox = shop.path().join("inbox");
    let hash = |text: &str| {
        fs::write(shop.path().join("part"), text).unwrap();
        endcap_model::hash_bytes(text.as_bytes()).to_string()
    };
    let (good, bad) = (lines(0, 10), lines(10, 20));
    let (of_good, of_other) = (hash(&good), hash("other"));
    let mut pump = shop.pump();
    dropped(&inbox, "a.jsonl", &good);
    assert_eq!(drained(&mut pump), []);
    dropped(&inbox, "a.jsonl.sha256", &format!("{of_good}  a.jsonl\n"));
    dropped(&inbox, "b.jsonl", &bad);
    dropped(&inbox, "b.jsonl.sha256", &of_other);
    let turns = drained(&mut pump);
    assert_eq!(shop.totals(), (10, pieces(10)));
    assert!(turns.iter().any(|turn| turn.told.iter().any(|told| told.contains("b.jsonl was set aside"))), "{turns:?}");
    assert!(inbox.join("aside/b.jsonl").is_file() && inbox.join("taken/a.jsonl.sha256").is_file());
    assert_eq!(shop.asides().len(), 1);
}

#[test]
fn a_process_that_was_cut_off_goes_on_where_it_was_and_order_does_not_matter() {
    let mut shop = Shop::new(FEED);
    let inbox = shop.path().join("inbox");
    let all: Vec<usize> = (0..9_000).collect();
    // Twice, the second time backwards.
    let text: String = all.iter().chain(all.iter().rev()).map(|id| sale(*id) + "\n").collect();
    dropped(&inbox, "a.jsonl", &text);
    let mut turns = 0;
    loop {
        // A new process for every batch.
        let turn = shop.pump().turn(Duration::ZERO, None, &now).unwrap();
        if turn == Turn::default() {
            break;
        }
        turns += 1;
    }
    assert!(turns > 3, "{turns}");
    assert_eq!(shop.totals(), (9_000, pieces(9_000)));
    assert_eq!((shop.standing().new, shop.standing().repeated), (9_000, 9_000));
}

#[test]
fn late_sales_and_sales_of_unknown_items_are_kept_and_told() {
    let mut shop =
        Shop::new("kind = \"folder\"\nfolder = \"inbox\"\nlate_after_days = 5\nfields = { sku = \"article\" }");
    let known: HashSet<Arc<str>> = HashSet::from(["item 1".into()]);
    let inbox = shop.path().join("inbox");
    let text: String = (0..18).map(|id| sale(id).replace("\"sku\"", "\"colour\":\"red\",\"article\"") + "\n").collect();
    dropped(&inbox, "a.jsonl", &text);
    let turn = shop.pump().turn(Duration::ZERO, Some(&known), &now).unwrap();
    assert_eq!((turn.new, turn.aside), (18, 0), "{turn:?}");
    let [unknown, late] = &turn.told[..] else { panic!("{turn:?}") };
    assert!(
        unknown.contains(
            "15 sales of items that the facts do not know (item 0, item 2, item 3, item 4, item 5 and 1 more)"
        ),
        "{unknown}"
    );
    assert!(late.contains("6 sales came more than 5 days after their period, the oldest of 2026-03-01"), "{late}");
}
