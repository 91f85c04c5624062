//! From claims to somebody: which name they have here, and which roles.

use super::settings::SignIn;
use endcap_govern::Role;
use openidconnect::SubjectIdentifier;
use serde_json::Value;

/// Longest name of an account.
const NAME_MAX: usize = 80;

/// Somebody whom the provider vouches for.
#[derive(Debug, PartialEq, Eq)]
pub struct Person {
    /// Issuer and subject: who they are for good, whatever they are called.
    pub subject: String,
    /// What they would be called here.
    pub name: String,
    /// Their roles, where the provider's groups give them; nothing where admins of the desk do.
    pub roles: Option<Vec<Role>>,
}

/// Whether claims hold everything that is asked of them.
pub fn is_told(settings: &SignIn, claims: &Value) -> bool {
    let asked = [Some(&settings.name_claim), settings.roles_claim.as_ref()];
    asked.into_iter().flatten().all(|name| claim(claims, name).is_some())
}

/// Who claims speak of.
pub fn person(settings: &SignIn, subject: &SubjectIdentifier, claims: &Value) -> Person {
    let called = claim(claims, &settings.name_claim).and_then(Value::as_str);
    let name = called.map(name).filter(|name| !name.is_empty()).unwrap_or_else(|| name(subject));
    let values = settings.roles_claim.as_ref().and_then(|name| claim(claims, name)).map(values).unwrap_or_default();
    let gives = |given: &[String]| given.iter().any(|value| value == "*" || values.contains(&value.as_str()));
    let roles = settings.roles.iter().filter(|(_, given)| gives(given)).map(|(&role, _)| role).collect();
    Person { subject: settings.linked(subject), name, roles: (!settings.roles.is_empty()).then_some(roles) }
}

/// A claim by its name, or by a path of names with points between (`realm_access.roles`).
fn claim<'a>(claims: &'a Value, name: &str) -> Option<&'a Value> {
    let deeper = || name.split('.').try_fold(claims, |inner, part| inner.get(part));
    claims.get(name).or_else(deeper).filter(|value| !value.is_null())
}

fn values(claim: &Value) -> Vec<&str> {
    match claim {
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// A name as accounts have them: what they cannot hold becomes a hyphen.
fn name(called: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '.' | '_' | '@') { c } else { '-' };
    let name: String = called.trim().chars().map(plain).take(NAME_MAX).collect();
    name.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(more: &str) -> SignIn {
        let text = format!("name = \"Login\"\nissuer = \"https://login.example.com\"\nclient_id = \"endcap\"\n{more}");
        toml::from_str(&text).unwrap()
    }

    fn found(settings: &SignIn, claims: Value) -> Person {
        person(settings, &SubjectIdentifier::new("7".to_owned()), &claims)
    }

    #[test]
    fn groups_become_roles_by_the_mapping_and_others_give_none() {
        let settings =
            settings("roles_claim = \"groups\"\n[roles]\nplanner = [\"promo\"]\nviewer = [\"staff\", \"promo\"]");
        let roles = |groups: Value| found(&settings, json!({ "groups": groups })).roles.unwrap();
        assert_eq!(roles(json!(["promo", "chess"])), [Role::Viewer, Role::Planner]);
        assert_eq!(roles(json!("staff")), [Role::Viewer]);
        for none in [json!([]), json!(["Promo"]), json!("promo staff"), json!({ "promo": true }), json!(null)] {
            assert_eq!(roles(none.clone()), [], "{none}");
        }
        assert_eq!(found(&settings, json!({})).roles.unwrap(), []);
    }

    #[test]
    fn roles_may_lie_deeper_be_for_everybody_or_be_left_to_the_desk() {
        let deep =
            settings("roles_claim = \"realm_access.roles\"\n[roles]\nadmin = [\"desk-admin\"]\nviewer = [\"*\"]");
        let claims = json!({ "realm_access": { "roles": ["desk-admin"] } });
        assert_eq!(found(&deep, claims).roles.unwrap(), [Role::Viewer, Role::Admin]);
        assert_eq!(found(&deep, json!({})).roles.unwrap(), [Role::Viewer]);
        let dotted = settings("roles_claim = \"https://shop.example.com/roles\"\n[roles]\nviewer = [\"v\"]");
        assert_eq!(found(&dotted, json!({ "https://shop.example.com/roles": ["v"] })).roles.unwrap(), [Role::Viewer]);
        assert_eq!(found(&settings(""), json!({ "groups": ["promo"] })).roles, None);
    }

    #[test]
    fn a_name_is_made_to_fit_and_never_empty() {
        let called = |name: Value| found(&settings(""), json!({ "preferred_username": name })).name;
        assert_eq!(called(json!("ada@example.com")), "ada@example.com");
        assert_eq!(called(json!("Ada Lovelace")), "Ada-Lovelace");
        assert_eq!(called(json!("SHOP\\ada")), "SHOP-ada");
        assert_eq!(called(json!("<script>")), "script");
        for none in [json!(""), json!(" "), json!("///"), json!(null), json!(5)] {
            assert_eq!(called(none.clone()), "7", "{none}");
        }
        assert_eq!(called(json!("x".repeat(300))).len(), NAME_MAX);
    }

    #[test]
    fn people_are_known_by_issuer_and_subject() {
        assert_eq!(found(&settings(""), json!({})).subject, "https://login.example.com 7");
    }
}
