//! The description of the API as OpenAPI 3.1: the routes as they are, and what holds for all of them.

use super::{boards, guarded, imports, requests, session};
use crate::serve::App;
use utoipa::OpenApi as _;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, Response, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;

/// What the description says beside the routes.
#[derive(utoipa::OpenApi)]
// A part of a pair is described in place; what it refers to has to be named.
#[openapi(
    components(schemas(endcap_plan::NearestOffer)),
    info(
        title = "Endcap",
        description = "Plans promotions with the supply chain inside the decision. Errors are `application/problem+json` \
                   (RFC 9457). Changes of boards take `Idempotency-Key`, and `If-Match` with the board's version. \
                   Amounts of money are whole minor units of the project's currency."
    )
)]
struct Described;

/// The routes, described.
pub fn document() -> OpenApi {
    let routes = OpenApiRouter::<App>::with_openapi(Described::openapi());
    let routes =
        routes.nest("/api/v1", session::routes().merge(guarded()).merge(boards::routes()).merge(requests::routes()));
    let routes = routes.nest("/api/v1", imports::routes().merge(imports::uploads()));
    let (_, mut document) = routes.split_for_parts();
    let components = document.components.get_or_insert_default();
    let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("endcap")));
    components.add_security_scheme("session", cookie);
    components.add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    let none: [&str; 0] = [];
    document.security = Some(vec![SecurityRequirement::new("session", none), SecurityRequirement::new("token", none)]);
    for path in document.paths.paths.values_mut() {
        let operations = [&mut path.get, &mut path.put, &mut path.post, &mut path.delete];
        operations.into_iter().flatten().for_each(complete);
    }
    document
}

/// Gives an operation a name of its own, and says of each problem in what form it comes.
fn complete(operation: &mut Operation) {
    if let (Some(tags), Some(id)) = (&operation.tags, &mut operation.operation_id) {
        *id = format!("{}_{id}", tags.join("_"));
    }
    let responses = &mut operation.responses.responses;
    for (_, response) in responses.iter_mut().filter(|(status, _)| status.as_str() >= "400") {
        *response = problem("").into();
    }
    responses.insert("default".to_owned(), problem("Any other problem.").into());
}

fn problem(description: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}
