//! Signing in at a provider. The fake one stands for another company's server, as it is and as somebody who took it over
//! would have it; `web/e2e/sign-in.mjs` drives a real one.

use super::*;
use crate::serve::access::provider::SignIn;
use axum::Json;
use axum::extract::{ConnectInfo, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use openidconnect::core::{
    CoreEdDsaPrivateSigningKey, CoreHmacKey, CoreJwsSigningAlgorithm as Algorithm, CoreRsaPrivateSigningKey,
};
use openidconnect::url::{Url, form_urlencoded};
use openidconnect::{ClientSecret, JsonWebKeyId, PkceCodeChallenge, PkceCodeVerifier, PrivateSigningKey};
use serde_json::{Map, json as value};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::TcpListener;

/// Keys of the fake provider, made for these tests.
const RSA: &str = include_str!("provider_key.pem");
const ED25519: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEpwDecGr+2Rue1H1GBvEelMppo3aIR1hCat/7e/lm6B\n-----END PRIVATE KEY-----\n";
const SECRET: &str = "the secret of the client";
const ACCESS: &str = "an access token of the provider";

/// What the fake provider answers, and what it was asked.
#[derive(Default)]
struct Told {
    issuer: String,
    keys: Vec<Value>,
    id_token: String,
    userinfo: Option<Value>,
    refuses: Option<Value>,
    keys_asked: u64,
    asked: HashMap<String, String>,
}

type Fake = Arc<Mutex<Told>>;

async fn begin_fake() -> Fake {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let fake: Fake = Arc::new(Mutex::new(Told { issuer, keys: vec![rsa("one").1], ..Told::default() }));
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(metadata))
        .route("/keys", get(keys))
        .route("/token", post(tokens))
        .route("/userinfo", get(userinfo))
        .with_state(fake.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    fake
}

async fn metadata(State(fake): State<Fake>) -> Json<Value> {
    let told = fake.lock().unwrap();
    let issuer = &told.issuer;
    let mut metadata = value!({
        "issuer": issuer, "authorization_endpoint": format!("{issuer}/auth"), "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"), "end_session_endpoint": format!("{issuer}/end"),
        "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "EdDSA", "HS256", "none"],
    });
    if told.userinfo.is_some() {
        metadata["userinfo_endpoint"] = format!("{issuer}/userinfo").into();
    }
    Json(metadata)
}

async fn keys(State(fake): State<Fake>) -> Json<Value> {
    let mut told = fake.lock().unwrap();
    told.keys_asked += 1;
    Json(value!({ "keys": told.keys }))
}

async fn tokens(State(fake): State<Fake>, form: String) -> Response {
    let mut told = fake.lock().unwrap();
    told.asked = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    match &told.refuses {
        Some(refusal) => (StatusCode::BAD_REQUEST, Json(refusal.clone())).into_response(),
        None => {
            Json(value!({ "access_token": ACCESS, "token_type": "Bearer", "id_token": told.id_token })).into_response()
        }
    }
}

async fn userinfo(State(fake): State<Fake>, headers: HeaderMap) -> Json<Value> {
    assert_eq!(headers[header::AUTHORIZATION], format!("Bearer {ACCESS}"));
    Json(fake.lock().unwrap().userinfo.clone().unwrap())
}

/// A key with its public half.
fn rsa(kid: &str) -> (CoreRsaPrivateSigningKey, Value) {
    let key = CoreRsaPrivateSigningKey::from_pem(RSA, Some(JsonWebKeyId::new(kid.to_owned()))).unwrap();
    let public = serde_json::to_value(key.as_verification_key()).unwrap();
    (key, public)
}

fn ed25519(kid: &str) -> (CoreEdDsaPrivateSigningKey, Value) {
    let key = CoreEdDsaPrivateSigningKey::from_ed25519_pem(ED25519, Some(JsonWebKeyId::new(kid.to_owned()))).unwrap();
    let public = serde_json::to_value(key.as_verification_key()).unwrap();
    (key, public)
}

/// RFC 4648 section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let group = |group: &[u8]| {
        let bits = group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        (0..=group.len()).map(move |at| digits[(bits >> (18 - 6 * at) & 63) as usize] as char).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

fn jwt(header: Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let text = format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()));
    let signature = base64url(&sign(text.as_bytes()));
    format!("{text}.{signature}")
}

fn with_rsa(header: Value, claims: &Value) -> String {
    jwt(header, claims, |text| rsa("one").0.sign(&Algorithm::RsaSsaPkcs1V15Sha256, text).unwrap())
}

fn with_secret(secret: &str, claims: &Value) -> String {
    let key = CoreHmacKey::new(secret.as_bytes());
    jwt(value!({ "alg": "HS256", "kid": "one" }), claims, |text| key.sign(&Algorithm::HmacSha256, text).unwrap())
}

fn good(claims: &Value) -> String {
    with_rsa(value!({ "alg": "RS256", "kid": "one" }), claims)
}

/// A desk whose people sign in at the fake provider.
async fn desk_at(issuer: &str) -> TestDesk {
    let text = format!(
        "name = \"Acme login\"\nissuer = \"{issuer}\"\nclient_id = \"endcap\"\nask = \"it@acme.example\"\n\
         roles_claim = \"groups\"\n[roles]\nplanner = [\"promo\"]\nviewer = [\"promo\", \"staff\"]"
    );
    let mut provider: SignIn = toml::from_str(&text).unwrap();
    provider.secret = Some(ClientSecret::new(SECRET.to_owned()));
    TestDesk::with(|settings| settings.sign_in = Some(provider)).await
}

/// Somebody on the provider's page.
struct Away {
    cookie: String,
    asked: HashMap<String, String>,
}

/// A request of a caller of its own, so that the limit on tries does not stand in the way.
fn from_somebody(mut request: Request<Body>) -> Request<Body> {
    static LAST: AtomicU8 = AtomicU8::new(1);
    let address = SocketAddr::from(([192, 0, 2, LAST.fetch_add(1, Ordering::Relaxed)], 4711));
    request.extensions_mut().insert(ConnectInfo(address));
    request
}

async fn leave(desk: &TestDesk) -> Away {
    let got = desk.send(from_somebody(json("POST", "/api/v1/session/provider", &Value::Null))).await;
    assert_eq!(got.status, StatusCode::OK, "{}", got.body);
    let cookie = got.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    for attribute in ["endcap-ticket=", "HttpOnly", "SameSite=Strict", "Path=/", "Max-Age=600"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let address = Url::parse(got.json()["address"].as_str().unwrap()).unwrap();
    let asked = address.query_pairs().into_owned().collect();
    Away { cookie: cookie.split(';').next().unwrap().to_owned(), asked }
}

async fn come_back(desk: &TestDesk, cookie: &str, returned: &Value) -> Got {
    let mut request = from_somebody(json("POST", "/api/v1/session/provider/return", returned));
    if !cookie.is_empty() {
        request.headers_mut().insert(header::COOKIE, cookie.parse().unwrap());
    }
    desk.send(request).await
}

impl Away {
    fn returned(&self) -> Value {
        value!({ "state": self.asked["state"], "code": "a code" })
    }

    fn claims(&self, fake: &Fake) -> Value {
        let issuer = fake.lock().unwrap().issuer.clone();
        let now = noon().as_second();
        value!({
            "iss": issuer, "sub": "s-7", "aud": "endcap", "exp": now + 300, "iat": now, "nonce": self.asked["nonce"],
            "preferred_username": "grace", "groups": ["promo"],
        })
    }
}

/// Signs somebody in who has these claims beside the usual ones.
async fn sign_in(desk: &TestDesk, fake: &Fake, more: Value) -> Got {
    let away = leave(desk).await;
    let mut claims = away.claims(fake);
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap_or(&Map::new()).clone());
    fake.lock().unwrap().id_token = good(&claims);
    come_back(desk, &away.cookie, &away.returned()).await
}

#[test]
fn whoever_signs_in_elsewhere_has_the_roles_of_their_groups_anew_each_time() {
    run(async {
        let fake = begin_fake().await;
        let issuer = fake.lock().unwrap().issuer.clone();
        let desk = desk_at(&issuer).await;
        assert_eq!(desk.get("/api/v1/welcome").await.json()["provider"], "Acme login");
        let away = leave(&desk).await;
        assert_eq!(away.asked["redirect_uri"], "http://127.0.0.1:8484/sign-in/return");
        assert_eq!((&*away.asked["scope"], &*away.asked["response_type"]), ("openid profile email", "code"));
        fake.lock().unwrap().id_token = good(&away.claims(&fake));
        let got = come_back(&desk, &away.cookie, &away.returned()).await;
        assert_eq!((got.status, &got.json()["name"]), (StatusCode::CREATED, &value!("grace")), "{}", got.body);
        assert_eq!(got.json()["roles"], value!(["viewer", "planner"]));
        let verifier = fake.lock().unwrap().asked["code_verifier"].clone();
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(verifier));
        assert_eq!(
            (away.asked["code_challenge"].as_str(), &*away.asked["code_challenge_method"]),
            (challenge.as_str(), "S256")
        );
        let cookies: Vec<&str> = got.headers.get_all(header::SET_COOKIE).iter().map(|c| c.to_str().unwrap()).collect();
        assert!(cookies[0].starts_with("endcap=") && cookies[1].starts_with("endcap-ticket=; "), "{cookies:?}");

        let fewer = sign_in(&desk, &fake, value!({ "groups": ["staff"], "preferred_username": "grace.hopper" })).await;
        assert_eq!((&fewer.json()["name"], &fewer.json()["roles"]), (&value!("grace"), &value!(["viewer"])));
        let none = sign_in(&desk, &fake, value!({ "groups": ["chess"] })).await;
        assert_eq!((none.status, none.kind().as_str()), (StatusCode::FORBIDDEN, "/problems/forbidden"));
        assert!(none.body.contains("grace has no role at this desk: ask it@acme.example"), "{}", none.body);
        assert_eq!(desk.app.desk.account_by_name("grace").await.unwrap().unwrap().roles, []);
        assert_eq!(desk.app.desk.accounts().await.unwrap().len(), 1);
    });
}

#[test]
fn a_forged_proof_is_refused_with_its_reason_and_opens_no_session() {
    run(async {
        let fake = begin_fake().await;
        let issuer = fake.lock().unwrap().issuer.clone();
        let desk = desk_at(&issuer).await;
        type Forge<'a> = Box<dyn Fn(Value) -> String + 'a>;
        let changed = |claim: &'static str, to: Value| -> Forge<'_> {
            Box::new(move |mut claims| {
                claims[claim] = to.clone();
                good(&claims)
            })
        };
        let headed = |header: Value| -> Forge<'_> { Box::new(move |claims| with_rsa(header.clone(), &claims)) };
        let now = noon().as_second();
        let public = rsa("one").1["n"].as_str().unwrap().to_owned();
        let unsigned = |alg: &'static str| -> Forge<'_> {
            Box::new(move |claims| jwt(value!({ "alg": alg }), &claims, |_| vec![]))
        };
        let stranger = |header: Value| -> Forge<'_> {
            Box::new(move |claims| {
                jwt(header.clone(), &claims, |text| ed25519("x").0.sign(&Algorithm::EdDsa, text).unwrap())
            })
        };
        let forged: Vec<(&str, Forge<'_>, &str)> = vec![
            ("alg none", unsigned("none"), "is not signed"),
            ("alg None", unsigned("None"), "cannot be used"),
            (
                "no signature",
                Box::new(|claims| jwt(value!({ "alg": "RS256", "kid": "one" }), &claims, |_| vec![])),
                "signature of the proof is wrong",
            ),
            ("HS256 with the public key", Box::new(|claims| with_secret(&public, &claims)), "not accepted"),
            ("HS256 with the client's secret", Box::new(|claims| with_secret(SECRET, &claims)), "not accepted"),
            (
                "changed after signing",
                Box::new(|claims| {
                    let (one, mut other) = (good(&claims), claims.clone());
                    other["sub"] = "root".into();
                    let parts: Vec<String> = [&one, &good(&other)].iter().map(|token| (*token).clone()).collect();
                    let (header, rest) = parts[0].split_once('.').unwrap();
                    let payload = parts[1].split('.').nth(1).unwrap();
                    format!("{header}.{payload}.{}", rest.split_once('.').unwrap().1)
                }),
                "signature of the proof is wrong",
            ),
            ("wrong iss", changed("iss", "https://evil.example.com".into()), "another issuer"),
            ("iss with a slash", changed("iss", format!("{issuer}/").into()), "another issuer"),
            ("wrong aud", changed("aud", "another".into()), "another program"),
            ("more aud", changed("aud", value!(["endcap", "another"])), "another program"),
            ("no aud", changed("aud", value!([])), "another program"),
            ("wrong azp", changed("azp", "another".into()), "another program"),
            ("wrong nonce", changed("nonce", "guessed".into()), "another sign-in"),
            ("no nonce", changed("nonce", Value::Null), "another sign-in"),
            ("expired", changed("exp", (now - 1).into()), "has expired"),
            ("expires now", changed("exp", now.into()), "has expired"),
            ("future nbf", changed("nbf", (now + 600).into()), "not valid yet"),
            ("future iat", changed("iat", (now + 600).into()), "not valid yet"),
            ("another access token", changed("at_hash", base64url(&[0; 16]).into()), "do not belong together"),
            ("typ of an access token", headed(value!({ "alg": "RS256", "kid": "one", "typ": "at+jwt" })), "of a kind"),
            ("crit", headed(value!({ "alg": "RS256", "kid": "one", "crit": ["exp"] })), "of a kind"),
            ("nested", headed(value!({ "alg": "RS256", "kid": "one", "cty": "JWT" })), "of a kind"),
            ("unknown kid", headed(value!({ "alg": "RS256", "kid": "two" })), "not the provider's"),
            (
                "kid that climbs",
                headed(value!({ "alg": "RS256", "kid": "../../../../dev/null" })),
                "not the provider's",
            ),
            ("kid of a statement", headed(value!({ "alg": "RS256", "kid": "one' or '1'='1" })), "not the provider's"),
            (
                "jku",
                stranger(value!({ "alg": "EdDSA", "kid": "x", "jku": "https://evil.example.com/keys" })),
                "not the provider's",
            ),
            ("jwk", stranger(value!({ "alg": "EdDSA", "kid": "x", "jwk": ed25519("x").1 })), "not the provider's"),
            ("key of another kind", stranger(value!({ "alg": "EdDSA", "kid": "one" })), "not the provider's"),
            (
                "another algorithm of the key",
                headed(value!({ "alg": "PS256", "kid": "one" })),
                "signature of the proof is wrong",
            ),
            ("ES256 named", headed(value!({ "alg": "ES256", "kid": "one" })), "not the provider's"),
            ("aud in capitals", changed("aud", "ENDCAP".into()), "another program"),
            ("no subject", changed("sub", "".into()), "of a kind"),
            ("a subject beyond all length", changed("sub", "s".repeat(256).into()), "of a kind"),
            ("no exp", changed("exp", Value::Null), "cannot be used"),
            ("exp in words", changed("exp", "tomorrow".into()), "cannot be used"),
            ("no iss", changed("iss", Value::Null), "cannot be used"),
            ("several iss", changed("iss", value!([issuer, "https://evil.example.com"])), "cannot be used"),
            ("four parts", Box::new(|claims| format!("{}.more", good(&claims))), "cannot be used"),
            ("empty", Box::new(|_| String::new()), "cannot be used"),
            ("no token", Box::new(|_| "a.b.c".to_owned()), "cannot be used"),
        ];
        let (begun, mut renewals) = (Instant::now(), 0);
        for (name, forge, reason) in forged {
            let away = leave(&desk).await;
            fake.lock().unwrap().id_token = forge(away.claims(&fake));
            let before = fake.lock().unwrap().keys_asked;
            let got = come_back(&desk, &away.cookie, &away.returned()).await;
            renewals += fake.lock().unwrap().keys_asked - before;
            let expected = if reason == "cannot be used" { StatusCode::BAD_GATEWAY } else { StatusCode::UNAUTHORIZED };
            assert_eq!(got.status, expected, "{name}: {}", got.body);
            assert!(got.body.contains(reason) && got.body.contains("it@acme.example"), "{name}: {}", got.body);
            assert!(!got.body.contains("evil"), "{name}: {}", got.body);
            let cookies: Vec<&str> =
                got.headers.get_all(header::SET_COOKIE).iter().map(|c| c.to_str().unwrap()).collect();
            assert!(cookies.iter().all(|cookie| cookie.starts_with("endcap-ticket=; ")), "{name}: {cookies:?}");
        }
        assert!(desk.app.desk.accounts().await.unwrap().is_empty());
        let most = 1 + begun.elapsed().as_secs() / 20;
        assert!((1..=most).contains(&renewals), "unknown keys made the desk ask for keys {renewals} times");
        let good = sign_in(&desk, &fake, Value::Null).await;
        assert_eq!(good.status, StatusCode::CREATED, "{}", good.body);
    });
}

#[test]
fn keys_may_change_while_somebody_is_away() {
    run(async {
        let fake = begin_fake().await;
        let issuer = fake.lock().unwrap().issuer.clone();
        let desk = desk_at(&issuer).await;
        let away = leave(&desk).await;
        let (key, public) = ed25519("two");
        let claims = away.claims(&fake);
        let sign = |text: &[u8]| key.sign(&Algorithm::EdDsa, text).unwrap();
        fake.lock().unwrap().keys = vec![public];
        fake.lock().unwrap().id_token = jwt(value!({ "alg": "EdDSA", "kid": "two" }), &claims, sign);
        let got = come_back(&desk, &away.cookie, &away.returned()).await;
        assert_eq!(got.status, StatusCode::CREATED, "{}", got.body);
        let old = sign_in(&desk, &fake, Value::Null).await;
        assert_eq!(old.status, StatusCode::UNAUTHORIZED, "a key that was taken back counts no more");
    });
}

#[test]
fn a_return_counts_once_and_for_the_browser_that_left() {
    run(async {
        let fake = begin_fake().await;
        let issuer = fake.lock().unwrap().issuer.clone();
        let desk = desk_at(&issuer).await;
        let (away, other) = (leave(&desk).await, leave(&desk).await);
        fake.lock().unwrap().id_token = good(&away.claims(&fake));
        let state = &away.asked["state"];
        let old = format!("endcap-ticket={}-{}", noon().as_second() - 601, "0".repeat(64));
        for (cookie, returned, status, reason) in [
            ("", away.returned(), 403, "begun in another browser"),
            (old.as_str(), away.returned(), 403, "took too long"),
            (other.cookie.as_str(), away.returned(), 403, "belongs to another sign-in"),
            (away.cookie.as_str(), value!({ "state": "guessed", "code": "a code" }), 403, "belongs to another sign-in"),
            (
                away.cookie.as_str(),
                value!({ "state": state, "code": "c", "iss": "https://evil.example.com" }),
                403,
                "does not come from",
            ),
            (
                away.cookie.as_str(),
                value!({ "state": state, "error": "access_denied" }),
                401,
                "did not sign you in: access_denied.",
            ),
            (
                away.cookie.as_str(),
                value!({ "state": state, "error": "login_required", "error_description": "Your licence\nhas ended." }),
                401,
                "did not sign you in: Your licence has ended.",
            ),
            (away.cookie.as_str(), value!({ "state": state }), 401, "no reason was given"),
        ] {
            let got = come_back(&desk, cookie, &returned).await;
            assert_eq!(got.status.as_u16(), status, "{}", got.body);
            assert!(got.body.contains(reason), "{reason}: {}", got.body);
        }
        assert!(fake.lock().unwrap().asked.is_empty(), "no code was spent");
        fake.lock().unwrap().refuses = Some(value!({ "error": "invalid_grant" }));
        let again = come_back(&desk, &away.cookie, &away.returned()).await;
        assert_eq!(again.status, StatusCode::UNAUTHORIZED);
        assert!(again.body.contains("it was used already, or took too long"), "{}", again.body);
        for path in ["/api/v1/session/provider", "/api/v1/session/provider/return"] {
            let mut request = from_somebody(json("POST", path, &away.returned()));
            request.headers_mut().insert("origin", "https://evil.example.com".parse().unwrap());
            assert_eq!(desk.send(request).await.status, StatusCode::FORBIDDEN, "{path}");
        }
        assert!(desk.app.desk.accounts().await.unwrap().is_empty());
    });
}

#[test]
fn an_account_is_found_by_issuer_and_subject_and_never_by_its_name() {
    run(async {
        let fake = begin_fake().await;
        let issuer = fake.lock().unwrap().issuer.clone();
        let desk = desk_at(&issuer).await;
        desk.account("grace", &[Role::Admin]).await;
        let got = sign_in(&desk, &fake, Value::Null).await;
        assert_eq!((got.status, got.kind().as_str()), (StatusCode::CONFLICT, "/problems/conflict"));
        assert!(got.body.contains("endcap account link grace --subject 's-7'"), "{}", got.body);
        assert_eq!(desk.app.desk.account_by_name("grace").await.unwrap().unwrap().roles, [Role::Admin]);
        assert!(desk.app.desk.link_account("grace", &format!("{issuer} s-7")).await.unwrap());
        assert_eq!(sign_in(&desk, &fake, Value::Null).await.json()["roles"], value!(["viewer", "planner"]));
        let other = sign_in(&desk, &fake, value!({ "sub": "s-8", "email": "grace@acme.example" })).await;
        assert_eq!(other.status, StatusCode::CONFLICT, "the same name is another person");
        desk.app.desk.change_account("grace", &[Role::Viewer], true).await.unwrap();
        let kept_out = sign_in(&desk, &fake, Value::Null).await;
        assert_eq!(kept_out.status, StatusCode::FORBIDDEN);
        assert!(kept_out.body.contains("kept out of this desk: ask it@acme.example"), "{}", kept_out.body);
        assert!(desk.app.desk.account_by_name("grace").await.unwrap().unwrap().disabled);
    });
}

#[test]
fn whoever_the_provider_vouches_for_and_the_desk_turns_away_is_recorded_by_name() {
    run(async {
        let fake = begin_fake().await;
        let issuer = fake.lock().unwrap().issuer.clone();
        let desk = desk_at(&issuer).await;
        let stranger = value!({ "sub": "s-9", "preferred_username": "mallory", "groups": ["chess"] });
        assert_eq!(sign_in(&desk, &fake, stranger.clone()).await.status, StatusCode::FORBIDDEN);
        assert_eq!(sign_in(&desk, &fake, Value::Null).await.status, StatusCode::CREATED);
        assert_eq!(sign_in(&desk, &fake, value!({ "groups": [] })).await.status, StatusCode::FORBIDDEN);
        assert_eq!(sign_in(&desk, &fake, value!({ "sub": "s-8" })).await.status, StatusCode::CONFLICT);
        desk.app.desk.change_account("grace", &[Role::Viewer], true).await.unwrap();
        assert_eq!(sign_in(&desk, &fake, Value::Null).await.status, StatusCode::FORBIDDEN);
        // The session of somebody else in the same browser does not make it theirs.
        desk.account("ada", &[Role::Planner]).await;
        let ada = desk.sign_in("ada").await;
        let away = leave(&desk).await;
        let mut claims = away.claims(&fake);
        claims.as_object_mut().unwrap().extend(stranger.as_object().unwrap().clone());
        fake.lock().unwrap().id_token = good(&claims);
        let mut request = ada.request("POST", "/api/v1/session/provider/return", &away.returned());
        let cookies = format!("{}; {}", ada.cookie, away.cookie);
        request.headers_mut().insert(header::COOKIE, cookies.parse().unwrap());
        assert_eq!(desk.send(from_somebody(request)).await.status, StatusCode::FORBIDDEN);
        // Whoever is not vouched for leaves nothing behind: that could fill the disk.
        let mut foreign = from_somebody(json("POST", "/api/v1/session/provider/return", &away.returned()));
        foreign.headers_mut().insert("origin", "https://evil.example.com".parse().unwrap());
        assert_eq!(desk.send(foreign).await.status, StatusCode::FORBIDDEN);
        assert_eq!(come_back(&desk, "", &away.returned()).await.status, StatusCode::FORBIDDEN);
        let back = "desk: POST session/provider/return";
        assert_eq!(
            desk.trail().await,
            [
                format!("(mallory) {back} (mallory) Refused "),
                format!("(grace) {back} (grace) Allowed "),
                format!("(grace) {back} (grace) Refused "),
                format!("(grace) {back} (grace) Refused "),
                format!("(grace) {back} (grace) Refused "),
                "(ada) desk: POST session (ada) Allowed ".to_owned(),
                format!("(mallory) {back} (mallory) Refused "),
            ]
        );
    });
}

#[test]
fn what_the_proof_does_not_tell_is_asked_for_about_the_same_person_only() {
    run(async {
        let fake = begin_fake().await;
        let issuer = fake.lock().unwrap().issuer.clone();
        let desk = desk_at(&issuer).await;
        let more = |subject: &str| value!({ "sub": subject, "groups": ["staff"], "preferred_username": "lin" });
        fake.lock().unwrap().userinfo = Some(more("s-7"));
        let got = sign_in(&desk, &fake, value!({ "groups": null })).await;
        assert_eq!(
            (&got.json()["name"], &got.json()["roles"]),
            (&value!("grace"), &value!(["viewer"])),
            "{}",
            got.body
        );
        fake.lock().unwrap().userinfo = Some(more("s-1"));
        let another = sign_in(&desk, &fake, value!({ "groups": null })).await;
        assert_eq!((another.status, another.kind().as_str()), (StatusCode::BAD_GATEWAY, "/problems/elsewhere"));
    });
}

#[test]
fn a_provider_that_is_down_or_answers_nonsense_leaves_passwords_working() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = format!("http://{}", listener.local_addr().unwrap());
        let elsewhere = begin_fake().await.lock().unwrap().issuer.clone();
        let moved = format!("{elsewhere}/.well-known/openid-configuration");
        let router = Router::new()
            .route("/moved/.well-known/openid-configuration", get(|| async move { Redirect::temporary(&moved) }))
            .route("/large/.well-known/openid-configuration", get(|| async { "x".repeat(2 << 20) }))
            .route("/words/.well-known/openid-configuration", get(|| async { "hello" }))
            .route("/else/.well-known/openid-configuration", get(move || async move { Json(value!({
                "issuer": elsewhere, "authorization_endpoint": "https://a.example", "jwks_uri": "https://a.example",
                "response_types_supported": ["code"], "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
            })) }));
        let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        for (issuer, reason) in [
            (format!("http://{unused}"), "Acme login does not answer"),
            (format!("{there}/large"), "does not answer"),
            (format!("{there}/moved"), "cannot be used"),
            (format!("{there}/words"), "cannot be used"),
            (format!("{there}/else"), "cannot be used"),
            (format!("{there}/none"), "cannot be used"),
        ] {
            let desk = desk_at(&issuer).await;
            desk.account("ada", &[Role::Planner]).await;
            for _ in 0..2 {
                let got = desk.send(from_somebody(json("POST", "/api/v1/session/provider", &Value::Null))).await;
                assert_eq!((got.status, got.kind().as_str()), (StatusCode::BAD_GATEWAY, "/problems/elsewhere"));
                assert!(got.body.contains(reason) && got.body.contains("a password here"), "{issuer}: {}", got.body);
            }
            desk.sign_in("ada").await;
        }
    });
}

#[test]
fn signing_out_leads_to_the_provider_for_those_who_signed_in_there() {
    run(async {
        let fake = begin_fake().await;
        let issuer = fake.lock().unwrap().issuer.clone();
        let desk = desk_at(&issuer).await;
        let got = sign_in(&desk, &fake, Value::Null).await;
        let cookie = got.headers[header::SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
        let grace = Browser { desk: &desk, cookie, csrf: got.json()["csrf"].as_str().unwrap().to_owned() };
        let out = grace.send("DELETE", "/api/v1/session", &Value::Null).await;
        let back = "client_id=endcap&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8484%2F";
        assert_eq!((out.status, &out.json()["address"]), (StatusCode::OK, &value!(format!("{issuer}/end?{back}"))));
        assert_eq!(grace.get("/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
        desk.account("ada", &[Role::Planner]).await;
        let ada = desk.sign_in("ada").await;
        assert_eq!(ada.send("DELETE", "/api/v1/session", &Value::Null).await.status, StatusCode::NO_CONTENT);
    });
}

#[test]
fn nothing_of_the_provider_that_lets_somebody_in_is_kept() {
    run(async {
        let fake = begin_fake().await;
        let issuer = fake.lock().unwrap().issuer.clone();
        let desk = desk_at(&issuer).await;
        let got = sign_in(&desk, &fake, Value::Null).await;
        let copy = desk.app.settings.folder.join("copy.db");
        desk.app.desk.back_up(&copy).await.unwrap();
        let stored = String::from_utf8_lossy(&std::fs::read(&copy).unwrap()).into_owned();
        assert!(stored.contains("grace"), "the copy can be read");
        let proof = fake.lock().unwrap().id_token.clone();
        let session = got.headers[header::SET_COOKIE].to_str().unwrap()["endcap=".len()..][..64].to_owned();
        for secret in [SECRET, ACCESS, proof.as_str(), session.as_str()] {
            assert!(!stored.contains(secret) && !got.body.contains(secret));
        }
    });
}

#[test]
fn without_a_provider_there_is_nowhere_to_go() {
    run(async {
        let desk = TestDesk::new(false).await;
        assert_eq!(desk.get("/api/v1/welcome").await.json()["provider"], Value::Null);
        let got = desk.send(json("POST", "/api/v1/session/provider", &Value::Null)).await;
        assert_eq!((got.status, got.kind().as_str()), (StatusCode::NOT_FOUND, "/problems/not-found"));
    });
}
