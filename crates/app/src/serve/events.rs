//! The desk's messages as AsyncAPI 3 describes them: what happens, which it sends to pages that watch, and sales, which
//! it receives. The schemas are those of the API.

use super::api;
use super::live::Happened;
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

/// The description, as JSON.
pub fn document() -> Value {
    let sale = serde_json::to_value(api::record_schema(endcap_model::FactKind::Sales)).unwrap_or_default();
    let happened = serde_json::to_value(Happened::schema()).unwrap_or_default();
    let messages: Map<String, Value> = happened["oneOf"].as_array().into_iter().flatten().map(message).collect();
    let names: Vec<Value> =
        messages.keys().map(|name| json!({ "$ref": format!("#/channels/live/messages/{name}") })).collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Endcap",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What the desk tells as it happens, and the sales that programs tell it. docs/openapi.json describes everything else.",
        },
        "defaultContentType": "application/json",
        "servers": {
            "desk": {
                "host": "127.0.0.1:8484",
                "protocol": "http",
                "security": [{ "$ref": "#/components/securitySchemes/token" }],
            },
        },
        "channels": {
            "live": {
                "address": "/api/v1/live",
                "description": "Server-sent events: the data of each is one of these messages. An event named `reload` says that some were missed: read again what is shown.",
                "messages": messages,
            },
            "sales": {
                "address": "/api/v1/sales",
                "description": "Batches: a JSON array, or a line of JSON each (application/x-ndjson). Answered once they are on disk for good; a sale that is sent again is kept once.",
                "messages": { "sale": { "name": "sale", "title": "A sale", "payload": sale } },
            },
        },
        "operations": {
            "watch": {
                "action": "send",
                "summary": "Tell what happens from now on.",
                "channel": { "$ref": "#/channels/live" },
                "messages": names,
                "bindings": { "http": { "method": "GET", "bindingVersion": "0.3.0" } },
            },
            "takeSales": {
                "action": "receive",
                "summary": "Take sales as they happen.",
                "channel": { "$ref": "#/channels/sales" },
                "messages": [{ "$ref": "#/channels/sales/messages/sale" }],
                "bindings": { "http": { "method": "POST", "bindingVersion": "0.3.0" } },
            },
        },
        "components": { "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } } },
    })
}

/// One kind of event as a message with its name.
fn message(schema: &Value) -> (String, Value) {
    let event = &schema["properties"]["event"];
    let name = event["enum"][0].as_str().or_else(|| event["const"].as_str()).unwrap_or_default().to_owned();
    let message = json!({ "name": name, "title": schema["description"], "payload": schema });
    (name, message)
}
