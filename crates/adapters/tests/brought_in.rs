//! What comes in at the desk: files and records, beside those that the configuration names.

use endcap_adapters::facts::{Snapshot, Store};
use endcap_adapters::imports::{self, Import, ImportedFile};
use endcap_adapters::load::{LoadSettings, load, prepare};
use endcap_adapters::project::Project;
use endcap_adapters::recognise::recognise;
use endcap_adapters::records::{self, Kept, Records};
use endcap_ingest::{Counts, Rules};
use endcap_model::{AsOf, Calendar, Currency, FactKind, SkuEntry};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::path::Path;

const HEAD: &str = "name = \"shop\"\ncurrency = \"EUR\"\ncalendar = \"day\"\n";
const SALES: &str = "[[sales]]\nfiles = [\"till/*.csv\"]\n[sales.columns]\nsku = \"art\"\nplace = \"shop\"\nperiod = \"day\"\nunits = \"pieces\"\nprice = \"paid\"\n";

fn shop(configuration: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("endcap.toml"), configuration).unwrap();
    std::fs::create_dir(folder.path().join("till")).unwrap();
    std::fs::write(
        folder.path().join("till/1.csv"),
        "art,shop,day,pieces,paid\na,x,2024-01-01,3,2.00\nb,x,2024-01-01,1,1.00\n",
    )
    .unwrap();
    folder
}

fn settings(day: i8) -> LoadSettings<'static> {
    let as_of = format!("2024-02-{day:02}T00:00:00Z").parse().unwrap();
    LoadSettings { as_of: AsOf(as_of), threads: 1, progress: &|_, _, _| () }
}

fn counts(snapshot: &Snapshot, kind: FactKind, source: &str) -> Counts {
    let of = snapshot.sources();
    of.iter().find(|(of, counts)| *of == kind && counts.source.ends_with(source)).unwrap().1.counts
}

/// Pieces sold by item and day, as a plan would see them.
fn sold(project: &Path, snapshot: &Snapshot) -> Vec<(String, String, f64)> {
    let panel = Store::open(project).unwrap().panel(snapshot, &Default::default()).unwrap();
    let columns = panel.columns();
    let cells = panel.skus().iter().enumerate().flat_map(|(at, entry)| panel.rows_of(at).map(move |row| (entry, row)));
    let cell = |(entry, row): (&SkuEntry, usize)| {
        (entry.sku.to_string(), snapshot.calendar.format(columns.period[row]), columns.units[row])
    };
    cells.map(cell).collect()
}

/// Sends a file as the desk does and names how it is read.
fn sent(project: &Path, name: &str, text: &str) -> ImportedFile {
    let part = project.join(".part");
    std::fs::write(&part, text).unwrap();
    let (sha256, _) = imports::receive(project, &part, name).unwrap();
    let place = ImportedFile::place(&sha256, name);
    let found = recognise(project, &Project::read_configured(project).unwrap(), &place).unwrap();
    let first = found.readings.into_iter().next().unwrap();
    ImportedFile { name: name.into(), sha256, bytes: text.len() as u64, kind: first.kind, table: first.table }
}

fn at(day: i8) -> Timestamp {
    format!("2024-01-{day:02}T00:00:00Z").parse().unwrap()
}

#[test]
fn a_file_is_recognised_by_its_columns_whatever_divides_them() {
    let shop = shop(&format!("{HEAD}{SALES}"));
    let kind = |name: &str, text: &str| sent(shop.path(), name, text).kind;
    assert_eq!(kind("1.csv", "art;shop;day;pieces;paid\na;x;2024-01-02;3;2.00\n"), FactKind::Sales);
    let like_the_till = sent(shop.path(), "2.csv", "art,shop,day,pieces,paid\na,x,2024-01-02,3,2.00\n");
    assert_eq!((like_the_till.kind, like_the_till.table.columns["sku"].as_str()), (FactKind::Sales, "art"));
    assert_eq!(kind("3.csv", "sku,place,period,on_hand\na,x,2024-01-02,3\n"), FactKind::Stock);
    assert_eq!(kind("4.csv", "sku\tplace\tperiod\tunits\tprice\na\tx\t2024-01-02\t3\t1\n"), FactKind::Sales);
    assert_eq!(kind("5.csv", "sku,period,price\na,2024-01-02,3\n"), FactKind::Prices);
    assert_eq!(kind("6.csv", "place,region,name\nx,north,X\n"), FactKind::Places);
    let project = Project::read_configured(shop.path()).unwrap();
    std::fs::write(shop.path().join("other.csv"), "colour,size\nred,1\n").unwrap();
    assert!(recognise(shop.path(), &project, "other.csv").unwrap().readings.is_empty());
    std::fs::write(shop.path().join("empty.csv"), "").unwrap();
    assert!(recognise(shop.path(), &project, "empty.csv").is_err());
}

#[test]
fn what_is_tried_out_changes_nothing_and_what_is_brought_in_holds_over_what_was_there() {
    let shop = shop(&format!("{HEAD}{SALES}"));
    let folder = shop.path();
    let first = load(folder, &settings(1)).unwrap();
    let text = "sku,place,period,units,price\na,x,2024-01-01,5,2.00\na,x,2024-01-02,x,2.00\nb,x,2024-01-01,1,1.00\nb,x,2024-01-03,2,1.00\n";
    let import = Import::new(at(1), "ada", 0, vec![sent(folder, "more.csv", text)]);
    let elsewhere = tempfile::tempdir().unwrap();
    let tried = prepare(folder, Some(&import), elsewhere.path(), &settings(2)).unwrap().publish().unwrap();
    let expected = Counts { read: 4, loaded: 2, set_aside: 1, duplicates: 1, replaced: 0 };
    assert_eq!(counts(&tried, FactKind::Sales, "more.csv"), expected);
    assert_eq!(counts(&tried, FactKind::Sales, "1.csv").replaced, 1);
    assert_eq!(Store::open(folder).unwrap().require(None).unwrap().id, first.id);
    assert_eq!(load(folder, &settings(3)).unwrap().id, first.id, "what no manifest names is not read");

    import.publish(folder).unwrap();
    let now = load(folder, &settings(4)).unwrap();
    assert_eq!(now.id, tried.id);
    let row = |sku: &str, day: &str, units: f64| (sku.to_owned(), day.to_owned(), units);
    let expected = [row("a", "2024-01-01", 5.0), row("b", "2024-01-01", 1.0), row("b", "2024-01-03", 2.0)];
    assert_eq!(sold(folder, &now), expected);
    let aside = std::fs::read_to_string(now.quarantine(folder).join("sales.csv")).unwrap();
    assert!(aside.contains("more.csv,2,units,x,"), "{aside}");
}

#[test]
fn a_project_without_any_sales_waits_for_its_first_file() {
    let shop = shop(HEAD);
    assert!(Project::read(shop.path()).unwrap_err().to_string().contains("sales is missing"));
    let file = sent(shop.path(), "s.csv", "sku,place,period,units\na,x,2024-01-01,5\n");
    Import::new(at(1), "ada", 0, vec![file]).publish(shop.path()).unwrap();
    assert_eq!(load(shop.path(), &settings(1)).unwrap().rows_read(), 1);
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

fn rules() -> Rules {
    Rules { calendar: Calendar::Day, currency: Currency::EUR, items: None, places: None }
}

fn sale(id: &str, day: &str, units: i64) -> Value {
    json!({ "id": id, "sku": "a", "place": "x", "period": day, "units": units, "price": 1.5 })
}

async fn keep(records: &Records, kind: FactKind, batch: &[Value]) -> Vec<Kept> {
    let checked = records::check(kind, &rules(), batch, None).into_iter().collect::<Result<Vec<_>, _>>().unwrap();
    records.keep(kind, checked, at(1)).await.unwrap()
}

#[test]
fn records_are_facts_with_the_next_load() {
    let shop = shop(&format!("{HEAD}{SALES}"));
    let folder = shop.path();
    let first = load(folder, &settings(1)).unwrap();
    run(async {
        let records = Records::open(folder).await.unwrap();
        let batch = [sale("e1", "2024-01-05T10:30:00", 2), sale("e2", "2024-01-05", 3)];
        assert_eq!(keep(&records, FactKind::Sales, &batch).await, [Kept::New, Kept::New]);
        assert_eq!(keep(&records, FactKind::Sales, &batch).await, [Kept::Repeated, Kept::Repeated]);
        assert_eq!(keep(&records, FactKind::Sales, &[sale("e1", "2024-01-05", 9)]).await, [Kept::Other]);
        let item = |price: f64| json!({ "sku": "a", "list_price": price });
        assert_eq!(keep(&records, FactKind::Items, &[item(2.0), item(3.0)]).await, [Kept::New, Kept::Replaced]);
        assert_eq!(keep(&records, FactKind::Items, &[json!({ "sku": "b" })]).await, [Kept::New]);
        assert_eq!(records.last().await.unwrap(), 4);
        assert_eq!(records.since(first.last_record).await.unwrap()["sales"], 2);
    });
    let now = load(folder, &settings(2)).unwrap();
    assert_eq!(now.last_record, 4);
    assert!(sold(folder, &now).contains(&("a".to_owned(), "2024-01-05".to_owned(), 5.0)));
    let items = Store::open(folder).unwrap().items(&now).unwrap();
    assert_eq!(items[0].list_price.unwrap().minor, 300);
}

#[test]
fn of_a_file_and_a_record_the_one_that_came_later_holds() {
    let shop = shop(&format!("{HEAD}{SALES}"));
    let folder = shop.path();
    let stock = |units: i64| json!({ "sku": "a", "place": "x", "period": "2024-01-05", "on_hand": units });
    let held = |day| {
        let snapshot = load(folder, &settings(day)).unwrap();
        Store::open(folder).unwrap().stock(&snapshot).unwrap()[0].on_hand.0
    };
    run(async {
        let records = Records::open(folder).await.unwrap();
        keep(&records, FactKind::Stock, &[stock(1)]).await;
    });
    assert_eq!(held(1), 1);
    let file = sent(folder, "stock.csv", "sku,place,period,on_hand\na,x,2024-01-05,2\n");
    Import::new(at(2), "ada", 1, vec![file]).publish(folder).unwrap();
    assert_eq!(held(2), 2);
    run(async {
        let records = Records::open(folder).await.unwrap();
        keep(&records, FactKind::Stock, &[stock(3)]).await;
    });
    assert_eq!(held(3), 3);
}

#[test]
fn every_fault_of_a_record_names_its_field() {
    let batch = [
        json!("text"),
        json!({ "id": "1", "sku": "a", "place": "x", "period": "2024-01-01", "units": -1 }),
        json!({ "id": "2", "sku": "a", "place": "x", "period": "yesterday", "units": 1 }),
        json!({ "sku": "a", "place": "x", "period": "2024-01-01", "units": 1 }),
        json!({ "id": "4", "sku": "a", "place": "x", "period": "2024-01-01", "units": 1, "prise": 2 }),
        json!({ "id": "5", "sku": ["a"], "place": "x", "period": "2024-01-01", "units": 1 }),
        json!({ "id": "6", "place": "x", "period": "2024-01-01", "units": 1 }),
        json!({ "id": "7", "sku": "a", "place": "x", "period": "2024-01-01", "units": 1 }),
    ];
    let faults = |named| -> Vec<String> {
        let checked = records::check(FactKind::Sales, &rules(), &batch, named);
        checked.into_iter().map(|record| record.map_or_else(|fault| fault.field, |_| "fine".to_owned())).collect()
    };
    assert_eq!(faults(None), ["", "units", "period", "id", "prise", "sku", "sku", "fine"]);
    assert_eq!(faults(Some("key"))[3], "fine");
}
