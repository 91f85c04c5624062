use super::*;
use serde_json::json as value;
use std::path::Path;

const PROJECT: &str = "name = \"shop\"\ncurrency = \"EUR\"\ncalendar = \"day\"\n[[sales]]\nfiles = [\"till.csv\"]\n[sales.columns]\nsku = \"sku\"\nplace = \"place\"\nperiod = \"day\"\nunits = \"units\"\nprice = \"price\"\n";
const TILL: &str = "sku,place,day,units,price\na,x,2024-01-01,3,2.00\nb,x,2024-01-01,1,1.00\n";
const MORE: &str =
    "sku,place,period,units,price\na,x,2024-01-02,5,2.00\na,x,2024-01-03,five,2.00\nb,x,2024-01-01,1,1.00\n";

impl TestDesk {
    /// A desk over a small shop.
    async fn shop() -> Self {
        let desk = Self::new(false).await;
        let folder = &desk.app.settings.folder;
        std::fs::write(folder.join("endcap.toml"), PROJECT).unwrap();
        std::fs::write(folder.join("till.csv"), TILL).unwrap();
        desk.account("grace", &[Role::DataScientist]).await;
        desk
    }
}

impl Browser<'_> {
    fn file(&self, name: &str, content: impl Into<Body>) -> Request<Body> {
        let mut request = self.request("POST", &format!("/api/v1/imports/files?name={name}"), &Value::Null);
        *request.body_mut() = content.into();
        request
    }

    /// Sends a file and returns its number.
    async fn sent(&self, name: &str, content: &str) -> String {
        let got = self.desk.send(self.file(name, content.to_owned())).await;
        assert_eq!(got.status, StatusCode::CREATED, "{}", got.body);
        got.json()["id"].as_str().unwrap().to_owned()
    }

    /// Brings files in, or tries it out, and returns what came of it.
    async fn import(&self, files: &[&str], dry_run: bool) -> Value {
        let files: Vec<Value> = files.iter().map(|id| value!({ "id": id })).collect();
        let path = format!("/api/v1/imports?dry_run={dry_run}");
        let got = self.send("POST", &path, &value!({ "files": files })).await;
        assert_eq!(got.status, StatusCode::ACCEPTED, "{}", got.body);
        let id = got.json()["id"].as_str().unwrap().to_owned();
        loop {
            let run = self.get(&format!("/api/v1/imports/{id}")).await.json();
            if run["state"] != "running" {
                return run;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<String> {
    let mut found = vec![];
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path.display().to_string()) }
    }
    found.sort();
    found
}

#[test]
fn a_file_is_tried_out_brought_in_and_harmless_the_second_time() {
    run(async {
        let desk = TestDesk::shop().await;
        let grace = desk.sign_in("grace").await;
        let id = grace.sent("june.csv", MORE).await;
        let waiting = grace.get("/api/v1/imports/waiting").await.json();
        assert_eq!(waiting["files"][0]["readings"][0]["kind"], "sales");
        let tried = grace.import(&[&id], true).await;
        let rows = value!({ "kind": "sales", "name": "june.csv", "read": 3, "loaded": 1, "set_aside": 1, "duplicates": 1, "replaced": 0 });
        assert_eq!((&tried["state"], &tried["result"]["files"][0]), (&value!("done"), &rows), "{tried}");
        let aside = &tried["result"]["first_set_aside"][0];
        assert_eq!(
            (&aside["file"], &aside["row"], &aside["column"]),
            (&value!("june.csv"), &value!(2), &value!("units"))
        );
        let folder = &desk.app.settings.folder;
        assert!(!folder.join("snapshots").exists() && !folder.join("facts").exists(), "a trial leaves no facts");
        let all = grace.get(&format!("/api/v1/imports/{}/set-aside", tried["id"].as_str().unwrap())).await;
        assert!(all.body.contains("sales,june.csv,2,units,five,"), "{}", all.body);

        let done = grace.import(&[&id], false).await;
        assert_eq!((&done["state"], &done["result"]["snapshot"]), (&value!("done"), &tried["result"]["snapshot"]));
        assert_eq!(grace.get("/api/v1/imports").await.json()[0]["by"], "grace");
        let again = desk.send(grace.file("other-name.csv", MORE)).await.json();
        assert_eq!(again["known"], true);
        assert_eq!(grace.get("/api/v1/imports/waiting").await.json()["files"], value!([]));
        let same_rows = grace.sent("again.csv", "sku,place,period,units,price\na,x,2024-01-02,5,2.00\n").await;
        assert_eq!(grace.import(&[&same_rows], false).await["state"], "refused");
        assert_eq!(grace.get("/api/v1/imports").await.json().as_array().unwrap().len(), 1);
    });
}

#[test]
fn what_is_too_large_empty_or_no_table_is_refused_and_leaves_nothing() {
    run(async {
        let desk = TestDesk::shop().await;
        let grace = desk.sign_in("grace").await;
        let mut huge = grace.file("huge.csv", "sku");
        huge.headers_mut().insert(header::CONTENT_LENGTH, (2_u64 << 30).into());
        assert_eq!(desk.send(huge).await.kind(), "/problems/too-large");
        let endless =
            Body::from_stream(futures::stream::iter((0..200).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 1 << 14]))));
        assert_eq!(desk.send(grace.file("endless.csv", endless)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
        let cut = Body::from_stream(futures::stream::iter([Ok(vec![b'x']), Err(std::io::Error::other("gone"))]));
        assert_eq!(desk.send(grace.file("cut.csv", cut)).await.status, StatusCode::BAD_REQUEST);
        assert_eq!(desk.send(grace.file("empty.csv", "")).await.status, StatusCode::UNPROCESSABLE_ENTITY);
        let strange = desk.send(grace.file("colours.csv", "colour,size\nred,1\n")).await;
        assert_eq!(strange.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(strange.body.contains("sku, place, period, units"), "{}", strange.body);
        let not_parquet = desk.send(grace.file("x.parquet", "PAR1 and nothing more")).await;
        assert_eq!(not_parquet.status, StatusCode::UNPROCESSABLE_ENTITY);
        let folder = desk.app.settings.folder.display().to_string();
        assert!(!not_parquet.body.contains(&folder), "folders of the machine are not told: {}", not_parquet.body);
        assert_eq!(files(&desk.app.settings.folder.join("imports")), [""; 0]);
    });
}

#[test]
fn a_name_leads_nowhere_and_a_viewer_brings_nothing_in() {
    run(async {
        let desk = TestDesk::shop().await;
        desk.account("vera", &[Role::Viewer]).await;
        let grace = desk.sign_in("grace").await;
        let before = files(&desk.app.settings.folder).len();
        for name in [
            "..%2F..%2Fevil.csv",
            "%2Fetc%2Fcron.d%2Fevil.csv",
            "..%5C..%5Cevil.csv",
            "evil.csv%00.png",
            "..",
            "%2e%2e%2fendcap.toml",
        ] {
            let content = format!("{TILL}c,x,2024-01-01,{},1.00\n", name.len());
            let id = grace.sent(name, &content.replace(",day,", ",period,")).await;
            assert_eq!(
                grace.send("DELETE", &format!("/api/v1/imports/files/{id}"), &Value::Null).await.status,
                StatusCode::NO_CONTENT
            );
        }
        assert_eq!(files(&desk.app.settings.folder).len(), before);
        assert_eq!(std::fs::read_to_string(desk.app.settings.folder.join("endcap.toml")).unwrap(), PROJECT);
        for id in ["..%2F..%2Ftill.csv", "none"] {
            let got = grace.send("DELETE", &format!("/api/v1/imports/files/{id}"), &Value::Null).await;
            assert_eq!(got.status, StatusCode::NOT_FOUND, "{id}");
        }
        let vera = desk.sign_in("vera").await;
        assert_eq!(desk.send(vera.file("a.csv", TILL)).await.status, StatusCode::FORBIDDEN);
        assert_eq!(vera.send("POST", "/api/v1/imports", &value!({ "files": [] })).await.status, StatusCode::FORBIDDEN);
        assert_eq!(vera.send("POST", "/api/v1/sales", &value!([])).await.status, StatusCode::FORBIDDEN);
        assert_eq!(
            desk.send(Request::post("/api/v1/imports/files?name=a").body(Body::empty()).unwrap()).await.status,
            StatusCode::UNAUTHORIZED
        );
    });
}

fn sale(id: Option<&str>, day: u32, units: Value) -> Value {
    value!({ "id": id, "sku": "a", "place": "x", "period": format!("2024-02-{day:02}T09:15:00Z"), "units": units })
}

#[test]
fn sales_sent_to_the_api_are_kept_once_and_are_facts_with_the_next_load() {
    run(async {
        let desk = TestDesk::shop().await;
        let grace = desk.sign_in("grace").await;
        let batch = value!([
            sale(Some("1"), 1, value!(2)),
            sale(Some("2"), 1, value!(-1)),
            sale(Some("3"), 2, value!(4)),
            sale(Some("1"), 3, value!(9))
        ]);
        let sent = grace.send("POST", "/api/v1/sales", &batch).await;
        assert_eq!(sent.status, StatusCode::MULTI_STATUS, "some are refused");
        let taken = sent.json();
        assert_eq!((&taken["new"], &taken["repeated"]), (&value!(2), &value!(0)), "{taken}");
        let at: Vec<_> = taken["refused"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["record"].clone(), one["field"].clone()))
            .collect();
        assert_eq!(at, [(value!(1), value!("units")), (value!(3), value!("id"))]);
        assert_eq!(grace.send("POST", "/api/v1/sales", &batch).await.json()["repeated"], 2);

        let mut lines = grace.request("POST", "/api/v1/sales", &Value::Null);
        lines.headers_mut().insert(header::CONTENT_TYPE, "application/x-ndjson".parse().unwrap());
        *lines.body_mut() = Body::from(format!("{}\n\nno json\n", sale(Some("4"), 4, value!("1"))));
        let taken = desk.send(lines).await.json();
        assert_eq!((&taken["new"], taken["refused"].as_array().unwrap().len()), (&value!(1), 1));

        let named = |key: &str| {
            let mut request =
                grace.request("POST", "/api/v1/sales", &value!([sale(None, 5, value!(1)), sale(None, 5, value!(1))]));
            request.headers_mut().insert("idempotency-key", key.parse().unwrap());
            request
        };
        assert_eq!(desk.send(named("k")).await.json()["new"], 2);
        assert_eq!(desk.send(named("k")).await.json()["repeated"], 2);
        let none = grace.send("POST", "/api/v1/sales", &value!([sale(None, 5, value!(1))])).await;
        assert_eq!(
            (none.status, none.json()["errors"][0]["at"].as_str()),
            (StatusCode::UNPROCESSABLE_ENTITY, Some("/0/id"))
        );
        assert_eq!(grace.send("POST", "/api/v1/sales", &value!({ "id": 1 })).await.status, StatusCode::BAD_REQUEST);

        let item =
            value!([{ "sku": "a", "category": "fruit", "list_price": 2.5 }, { "sku": "b", "list_price": "dear" }]);
        let taken = grace.send("PUT", "/api/v1/items", &item).await.json();
        assert_eq!((&taken["new"], &taken["refused"][0]["field"]), (&value!(1), &value!("list_price")));
        let stock = value!([{ "sku": "a", "place": "x", "period": "2024-02-05", "on_hand": 7 }]);
        assert_eq!(grace.send("PUT", "/api/v1/stock", &stock).await.json()["new"], 1);
        for (sku, status) in [
            ("x".repeat(200), 200),
            (format!("{}\n", "x".repeat(199)), 200),
            (format!(" {}", "x".repeat(200)), 422),
            ("ü".repeat(101), 422),
        ] {
            let got = grace.send("PUT", "/api/v1/items", &value!([{ "sku": sku }])).await;
            assert_eq!(got.status.as_u16(), status, "{} characters: {}", sku.chars().count(), got.body);
        }
        let price = value!([{ "sku": "a", "period": "2024-02-05", "price": 1.99 }]);
        assert_eq!(grace.send("PUT", "/api/v1/prices", &price).await.json()["new"], 1);

        let waiting = grace.get("/api/v1/imports/waiting").await.json();
        assert_eq!(waiting["records"], value!({ "items": 3, "prices": 1, "sales": 5, "stock": 1 }));
        let done = grace.import(&[], false).await;
        let of = |kind: &str| {
            let records = done["result"]["records"].as_array().unwrap();
            records.iter().find(|one| one["kind"] == kind).unwrap()["loaded"].clone()
        };
        assert_eq!(
            (of("sales"), of("items"), of("stock"), of("prices")),
            (value!(5), value!(3), value!(1), value!(1)),
            "{done}"
        );
        assert_eq!(grace.get("/api/v1/imports/waiting").await.json()["records"], value!({}));
        assert_eq!(done["result"]["periods"], value!(["2024-01-01", "2024-02-05"]));
    });
}

#[test]
fn an_empty_folder_becomes_a_project_once() {
    run(async {
        let desk = TestDesk::new(false).await;
        desk.account("grace", &[Role::DataScientist]).await;
        let grace = desk.sign_in("grace").await;
        assert_eq!(grace.get("/api/v1/imports/waiting").await.json()["project"], false);
        assert_eq!(desk.send(grace.file("a.csv", TILL)).await.status, StatusCode::CONFLICT);
        let wanted = |currency: &str| value!({ "name": "My \"shop\"", "currency": currency, "calendar": "day" });
        assert_eq!(
            grace.send("POST", "/api/v1/project", &wanted("ECU")).await.status,
            StatusCode::UNPROCESSABLE_ENTITY
        );
        assert_eq!(grace.send("POST", "/api/v1/project", &wanted("EUR")).await.status, StatusCode::CREATED);
        assert_eq!(grace.send("POST", "/api/v1/project", &wanted("EUR")).await.status, StatusCode::CONFLICT);
        let id = grace.sent("first.csv", MORE).await;
        assert_eq!(grace.import(&[&id], false).await["state"], "done");
    });
}

#[test]
fn what_somebody_wrote_is_no_formula_in_what_others_download() {
    run(async {
        let desk = TestDesk::shop().await;
        let grace = desk.sign_in("grace").await;
        let file = "sku,place,period,units\na,x,2024-01-02,5\na,x,2024-01-03,\"=HYPERLINK(\"\"http://evil\"\")\"\nb,x,2024-01-04,-3\n@b,x,2024-01-05,many\n";
        let id = grace.sent("sums.csv", file).await;
        let done = grace.import(&[&id], false).await;
        let all = grace.get(&format!("/api/v1/imports/{}/set-aside", done["id"].as_str().unwrap())).await;
        assert!(all.body.contains(",\"'=HYPERLINK(\"\"http://evil\"\")\","), "{}", all.body);
        assert!(all.body.contains(",-3,"), "a number stays one: {}", all.body);
        assert_eq!(all.headers[header::CONTENT_DISPOSITION], "attachment; filename=\"set-aside.csv\"");
    });
}

#[test]
fn a_table_of_endless_columns_or_of_one_endless_name_is_refused_and_leaves_nothing() {
    run(async {
        let desk = TestDesk::shop().await;
        let grace = desk.sign_in("grace").await;
        let wide = (0..100_000).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",");
        for (name, content) in [("wide.csv", wide), ("long.csv", "x".repeat(1_000_000))] {
            let got = desk.send(grace.file(name, content)).await;
            assert_eq!(
                got.status,
                StatusCode::UNPROCESSABLE_ENTITY,
                "{name}: {}",
                &got.body[..got.body.len().min(500)]
            );
            assert!(got.body.len() < 20_000, "{name}: {} bytes are told", got.body.len());
        }
        assert_eq!(files(&desk.app.settings.folder.join("imports")), [""; 0]);
    });
}
