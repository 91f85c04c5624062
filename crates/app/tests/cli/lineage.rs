//! Every figure leads back to files and rows, and the journal alone tells what the loop is in.

use crate::run;
use crate::shop::plannable;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

#[test]
fn a_plan_leads_back_to_source_rows_and_replaying_its_journal_gives_the_same_state() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().to_str().unwrap();
    plannable(home.path(), jiff::civil::date(2026, 3, 1));
    assert_eq!(run(&["lineage", folder]).2, 2, "there is no journal yet");
    assert_eq!(run(&["plan", folder]).2, 0);
    let events = home.path().join("lineage.ndjson");
    let (out, said, status) = run(&["lineage", folder, "--json", "--openlineage", events.to_str().unwrap()]);
    assert_eq!(status, 0, "{said}");
    let lineage: Value = serde_json::from_str(&out).unwrap();
    let jobs: Vec<&str> =
        lineage["steps"].as_array().unwrap().iter().map(|step| step["job"].as_str().unwrap()).collect();
    assert_eq!(jobs, ["load", "fit", "forecast", "plan"]);
    assert!(lineage["code_version"].as_str().unwrap().starts_with("endcap "));
    let facts = &lineage["facts"][0];
    let sales = facts["sources"].as_array().unwrap().iter().find(|source| source["kind"] == "sales").unwrap();
    let lines = fs::read_to_string(home.path().join("sales.csv")).unwrap().lines().count() - 1;
    assert_eq!((sales["source"].as_str(), sales["read"].as_u64()), (Some("sales.csv"), Some(lines as u64)));
    // Each stored file is what its hash says.
    for file in facts["files"].as_array().unwrap() {
        let bytes = fs::read(home.path().join(file["path"].as_str().unwrap())).unwrap();
        assert_eq!(endcap_model::hash_bytes(&bytes).as_str(), file["sha256"].as_str().unwrap());
    }
    assert_events(&fs::read_to_string(events).unwrap(), jobs.len());
    let model: Value = serde_json::from_str(&run(&["lineage", folder, "--of", "model", "--json"]).0).unwrap();
    assert_eq!(model["of"]["kind"], "estimates", "estimates that nobody edited are the model");
    assert_eq!(run(&["lineage", folder, "--of", "nothing like it"]).2, 1);
    let replays = [(); 2].map(|()| serde_json::from_str::<Value>(&run(&["replay", folder, "--json"]).0).unwrap());
    assert_eq!(replays[0]["state_hash"], replays[1]["state_hash"]);
    assert_eq!(replays[0]["plan"], lineage["of"]["id"]);
    assert_eq!(replays[0]["published"], true);
}

/// What the specification asks of run events: one start and one end of each run, and what every event, run, job, data set and
/// facet must have.
fn assert_events(text: &str, steps: usize) {
    let mut kinds: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        event["eventTime"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(event["producer"].as_str().unwrap().starts_with("urn:"));
        assert!(event["schemaURL"].as_str().unwrap().ends_with("#/$defs/RunEvent"));
        let id = event["run"]["runId"].as_str().unwrap();
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        assert!(id.chars().all(|letter| letter == '-' || letter.is_ascii_hexdigit()));
        let things = [&event["inputs"], &event["outputs"]].into_iter().flat_map(|all| all.as_array().unwrap());
        for thing in things.chain([&event["job"]]) {
            assert!(thing["namespace"].is_string() && thing["name"].is_string(), "{thing}");
            let facets = ["facets", "outputFacets"].into_iter().filter_map(|name| thing[name].as_object()).flatten();
            for (_, facet) in facets {
                assert!(facet["_producer"].is_string() && facet["_schemaURL"].is_string(), "{facet}");
            }
        }
        kinds.entry(id.to_owned()).or_default().push(event["eventType"].as_str().unwrap().to_owned());
    }
    assert_eq!(kinds.len(), steps);
    assert!(kinds.values().all(|kinds| *kinds == ["START", "COMPLETE"]), "{kinds:?}");
}
