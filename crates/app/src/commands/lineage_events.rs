//! Lineage as OpenLineage run events (version 2-0-2 of its specification): one START and one COMPLETE for each step.

use super::lineage::{Facts, Lineage};
use crate::project::CODE_VERSION;
use endcap_agent::lineage::{Ran, Thing};
use endcap_model::hash_json;
use serde_json::{Map, Value, json};

const EVENT: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
const VERSION: &str =
    "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet";
const WRITTEN: &str = "https://openlineage.io/spec/facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet";

/// The steps as events, in order.
pub(super) fn events(lineage: &Lineage) -> Vec<Value> {
    lineage.steps.iter().flat_map(|ran| ["START", "COMPLETE"].map(|kind| event(lineage, ran, kind))).collect()
}

fn event(lineage: &Lineage, ran: &Ran, kind: &str) -> Value {
    let facts = lineage.facts.iter().find(|facts| facts.snapshot.as_str() == ran.made.id);
    let (inputs, outputs) = match facts {
        Some(facts) if ran.job == "load" => (sources(lineage, facts), stored(lineage, facts)),
        _ => (ran.from.iter().map(|thing| dataset(lineage, thing)).collect(), vec![dataset(lineage, &ran.made)]),
    };
    json!({
        "eventType": kind,
        "eventTime": ran.at.to_string(),
        "producer": producer(),
        "schemaURL": EVENT,
        "run": { "runId": run_id(lineage, ran) },
        "job": { "namespace": namespace(lineage), "name": ran.job },
        "inputs": inputs,
        "outputs": outputs,
    })
}

/// Who tells: a name that needs no server.
fn producer() -> String {
    format!("urn:{}", CODE_VERSION.replace(' ', ":"))
}

fn namespace(lineage: &Lineage) -> String {
    format!("endcap:{}", lineage.project)
}

/// The same step has the same id whenever it is told: its own hash, marked as a UUID of version 8.
fn run_id(lineage: &Lineage, ran: &Ran) -> String {
    let hash = hash_json(&(&lineage.project, ran.event, ran.job, ran.at, &ran.made.id)).to_string();
    format!("{}-{}-8{}-a{}-{}", &hash[..8], &hash[8..12], &hash[13..16], &hash[17..20], &hash[20..32])
}

fn facet(schema: &str, fields: Value) -> Value {
    let mut facet = Map::from_iter([
        ("_producer".to_owned(), Value::from(producer())),
        ("_schemaURL".to_owned(), Value::from(schema)),
    ]);
    if let Value::Object(fields) = fields {
        facet.extend(fields);
    }
    Value::Object(facet)
}

fn dataset(lineage: &Lineage, thing: &Thing) -> Value {
    let version = facet(VERSION, json!({ "datasetVersion": thing.id }));
    json!({ "namespace": namespace(lineage), "name": thing.kind, "facets": { "version": version } })
}

fn sources(lineage: &Lineage, facts: &Facts) -> Vec<Value> {
    let one = |name: &str| json!({ "namespace": namespace(lineage), "name": name });
    facts.sources.iter().map(|source| one(&source.source)).collect()
}

/// The facts as a whole, and each file of them.
fn stored(lineage: &Lineage, facts: &Facts) -> Vec<Value> {
    let whole = dataset(lineage, &Thing { kind: "facts", id: facts.snapshot.to_string() });
    let files = facts.files.iter().map(|file| {
        let version = facet(VERSION, json!({ "datasetVersion": file.sha256 }));
        let written = facet(WRITTEN, json!({ "rowCount": file.rows, "size": file.bytes }));
        json!({
            "namespace": namespace(lineage),
            "name": file.path,
            "facets": { "version": version },
            "outputFacets": { "outputStatistics": written },
        })
    });
    std::iter::once(whole).chain(files).collect()
}
