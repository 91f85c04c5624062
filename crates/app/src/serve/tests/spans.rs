//! What spans tell: the same that traces are made of.

use super::*;
use serde_json::json as value;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// Every span of the tests' process: they share one subscriber, as threads that work for a request are no test's own.
static KEPT: LazyLock<Keeper> = LazyLock::new(|| {
    let keeper = Keeper::default();
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(keeper.clone())).unwrap();
    keeper
});

#[derive(Clone, Default)]
struct Keeper(Arc<Mutex<Vec<Told>>>);

/// A span as it was told.
#[derive(Clone, Debug)]
struct Told {
    name: &'static str,
    parent: Option<usize>,
    fields: BTreeMap<&'static str, String>,
}

/// Place of a span among those that were told: numbers of spans are used again.
#[derive(Clone, Copy)]
struct At(usize);

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}").trim_matches('"').to_owned());
    }
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> tracing_subscriber::Layer<S> for Keeper {
    fn on_new_span(&self, given: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let parent = span.parent().and_then(|parent| parent.extensions().get::<At>().map(|at| at.0));
        let mut told = Told { name: given.metadata().name(), parent, fields: BTreeMap::new() };
        given.record(&mut told);
        let mut all = self.0.lock().unwrap();
        span.extensions_mut().insert(At(all.len()));
        all.push(told);
    }

    fn on_record(&self, id: &Id, given: &Record<'_>, context: Context<'_, S>) {
        let at = context.span(id).unwrap().extensions().get::<At>().map(|at| at.0);
        if let Some(at) = at {
            given.record(&mut self.0.lock().unwrap()[at]);
        }
    }
}

/// The span of a request, and all that was done for it.
fn told(number: &str) -> (Told, Vec<Told>) {
    let all = KEPT.0.lock().unwrap().clone();
    let at = all.iter().position(|span| span.fields.get("number").is_some_and(|of| of == number)).unwrap();
    let below = |span: &&Told| {
        let mut parent = span.parent;
        while let Some(above) = parent.filter(|above| *above != at) {
            parent = all[above].parent;
        }
        parent == Some(at)
    };
    (all[at].clone(), all.iter().filter(below).cloned().collect())
}

#[test]
fn a_request_tells_its_route_and_status_and_what_was_done_for_it_names_facts_and_counts() {
    LazyLock::force(&KEPT);
    run(async {
        let desk = TestDesk::new(false).await;
        let folder = &desk.app.settings.folder;
        let project = "name = \"shop\"\ncurrency = \"EUR\"\ncalendar = \"day\"\n[[sales]]\nfiles = [\"till.csv\"]\n[sales.columns]\nsku = \"sku\"\nplace = \"place\"\nperiod = \"period\"\nunits = \"units\"\n";
        std::fs::write(folder.join("endcap.toml"), project).unwrap();
        std::fs::write(folder.join("till.csv"), "sku,place,period,units\na,x,2024-01-01,3\n").unwrap();
        desk.account("grace", &[Role::DataScientist]).await;
        let grace = desk.sign_in("grace").await;
        let named = |path: &str, number: &str, body: &Value| {
            let mut request = grace.request("POST", path, body);
            request.headers_mut().insert("x-request-id", number.parse().unwrap());
            request
        };
        let sale = |id: &str| value!({ "id": id, "sku": "a", "place": "x", "period": "2024-01-02", "units": 1 });
        let sent =
            desk.send(named("/api/v1/sales?x=query", "span-sales", &value!([sale("1"), sale("1"), sale("")]))).await;
        assert_eq!(sent.status, StatusCode::MULTI_STATUS, "{}", sent.body);
        let (request, behind) = told("span-sales");
        let field = |span: &Told, name: &str| span.fields.get(name).cloned().unwrap_or_default();
        assert_eq!((request.name, field(&request, "http.route")), ("request", "/api/v1/sales".to_owned()));
        assert_eq!(
            (field(&request, "http.request.method"), field(&request, "http.response.status_code")),
            ("POST".into(), "207".into())
        );
        assert_eq!(behind.iter().map(|span| span.name).collect::<Vec<_>>(), ["ingest"]);
        assert_eq!(
            ["kind", "new", "repeated", "refused"].map(|name| field(&behind[0], name)),
            ["sales", "1", "1", "1"]
        );

        let begun = desk.send(named("/api/v1/imports", "span-import", &value!({ "files": [] }))).await.json();
        let path = format!("/api/v1/imports/{}", begun["id"].as_str().unwrap());
        let done = loop {
            let run = grace.get(&path).await.json();
            if run["state"] != "running" {
                break run;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        };
        let (_, behind) = told("span-import");
        let import = behind.iter().find(|span| span.name == "import").unwrap();
        assert_eq!((&*field(import, "state"), &*field(import, "last_record")), ("done", "1"));
        assert_eq!(field(import, "import"), begun["id"].as_str().unwrap());
        assert_eq!(Some(&*field(import, "snapshot")), done["result"]["snapshot"].as_str());
        assert!(behind.iter().any(|span| span.name == "load_project"), "{behind:?}");
        let secrets = [PASSWORD, grace.csrf.as_str(), grace.cookie.split_once('=').unwrap().1, "query"];
        for span in KEPT.0.lock().unwrap().iter() {
            let leaks = |value: &String| secrets.iter().any(|secret| value.contains(secret));
            assert!(!span.fields.values().any(leaks), "{span:?}");
        }
    });
}
