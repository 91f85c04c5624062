//! `[sign_in.oidc]` of `desk.toml`: at which provider people sign in, and what that gives them here. Read once, checked
//! whole, before the desk listens. The client's secret lies elsewhere and is never shown.

use super::outside::is_local;
use anyhow::{Context, bail, ensure};
use endcap_adapters::ledger::read_public_key;
use endcap_adapters::tables::read_toml;
use endcap_govern::Role;
use endcap_govern::audit::Anchors;
use openidconnect::{ClientId, ClientSecret, IssuerUrl, Scope};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Name of the desk's settings in a project's folder.
pub const FILE_NAME: &str = "desk.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Desk {
    sign_in: Option<Ways>,
    audit: Option<AuditKeys>,
}

/// `[audit]`: keys that the desk checks checkpoints of the audit trail with, or the files that hold them.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AuditKeys {
    log: Vec<String>,
    witnesses: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ways {
    oidc: Option<SignIn>,
}

/// Sign-in at an OpenID Connect provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// What people call the provider: it stands on the button.
    pub name: String,
    /// Its address, as its own documents write it; https, or http on this machine.
    pub issuer: IssuerUrl,
    /// What the desk is called there.
    pub client_id: ClientId,
    /// Environment variable with the client's secret.
    #[serde(default)]
    client_secret_env: Option<String>,
    /// File with the client's secret, from the project's folder on.
    #[serde(default)]
    client_secret_file: Option<PathBuf>,
    /// A mistake that is refused: the secret itself.
    #[serde(default)]
    client_secret: Option<IgnoredAny>,
    /// The client's secret; nothing for a client that proves itself by PKCE alone.
    #[serde(skip)]
    pub secret: Option<ClientSecret>,
    /// What is asked for beside `openid`.
    #[serde(default = "usual_scopes")]
    pub scopes: Vec<Scope>,
    /// The claim that names an account when it is made.
    #[serde(default = "usual_name")]
    pub name_claim: String,
    /// The claim whose values give roles, such as `groups`; a path with points where it lies deeper.
    #[serde(default)]
    pub roles_claim: Option<String>,
    /// For each role, the values that give it; `*` is everybody whom the provider lets in. Without any, admins give roles
    /// at the desk.
    #[serde(default)]
    pub roles: BTreeMap<Role, Vec<String>>,
    /// Whether somebody with a role but without an account gets one.
    #[serde(default = "usually")]
    pub new_accounts: bool,
    /// Whom people ask who are refused.
    #[serde(default = "usual_help")]
    pub ask: String,
}

impl SignIn {
    /// Whether the provider runs on this machine.
    pub fn is_local(&self) -> bool {
        is_local(self.issuer.url())
    }

    /// How an account names who signs in to it there: issuers have no spaces.
    pub fn linked(&self, subject: &str) -> String {
        format!("{} {subject}", self.issuer.as_str())
    }

    fn check(&self) -> anyhow::Result<()> {
        let filled = |text: &str| !text.trim().is_empty();
        ensure!(filled(&self.name), "name is empty: expected what people call the provider");
        ensure!(filled(&self.client_id), "client_id is empty: expected the one that the provider gave the desk");
        ensure!(filled(&self.ask), "ask is empty: expected whom people ask, such as an address");
        ensure!(
            self.issuer.url().scheme() == "https" || self.issuer.url().scheme() == "http" && self.is_local(),
            "issuer is {}: expected https (http only where the provider runs on this machine)",
            self.issuer.as_str()
        );
        ensure!(
            self.client_secret.is_none(),
            "client_secret: a secret does not belong in this file; expected client_secret_env or client_secret_file"
        );
        let by_value = self.roles.values().flatten().any(|value| value != "*");
        ensure!(
            !by_value || self.roles_claim.is_some(),
            "roles_claim is missing: expected the claim with the values under roles, such as \"groups\""
        );
        Ok(())
    }

    /// Adds the client's secret, from the environment or a file.
    ///
    /// # Errors
    /// Where it was looked for in vain. It is in no message.
    pub fn with_secret(mut self, folder: &Path, environment: impl Fn(&str) -> Option<String>) -> anyhow::Result<Self> {
        let text = match (&self.client_secret_env, &self.client_secret_file) {
            (None, None) => return Ok(self),
            (Some(_), Some(_)) => bail!("client_secret_env and client_secret_file are both given: expected one"),
            (Some(name), None) => environment(name)
                .with_context(|| format!("client_secret_env: the environment has no variable {name}: set it"))?,
            (None, Some(file)) => std::fs::read_to_string(folder.join(file))
                .with_context(|| format!("client_secret_file: {} cannot be read", folder.join(file).display()))?,
        };
        ensure!(!text.trim().is_empty(), "the client's secret is empty");
        self.secret = Some(ClientSecret::new(text.trim().to_owned()));
        Ok(self)
    }
}

/// Reads how people sign in elsewhere; nothing where the folder's `desk.toml` is not there or says nothing of it.
///
/// # Errors
/// What is wrong, where, and what was expected.
pub fn read(folder: &Path) -> anyhow::Result<Option<SignIn>> {
    let path = folder.join(FILE_NAME);
    if !path.exists() {
        return Ok(None);
    }
    let desk: Desk = read_toml(&path)?;
    let Some(settings) = desk.sign_in.and_then(|ways| ways.oidc) else { return Ok(None) };
    settings.check().with_context(|| format!("{}: [sign_in.oidc]", path.display()))?;
    Ok(Some(settings))
}

/// Reads the keys that the audit trail's checkpoints are checked with; none where `desk.toml` names none.
///
/// # Errors
/// Which is no public key.
pub fn read_audit_keys(folder: &Path) -> anyhow::Result<Anchors> {
    let path = folder.join(FILE_NAME);
    if !path.exists() {
        return Ok(Anchors::default());
    }
    let given = read_toml::<Desk>(&path)?.audit.unwrap_or_default();
    let key = |text: &String| {
        let file = folder.join(text);
        let named = if file.is_file() { file.display().to_string() } else { text.clone() };
        read_public_key(&named).with_context(|| format!("{}: [audit]", path.display()))
    };
    let keys = |texts: &[String]| texts.iter().map(key).collect::<anyhow::Result<Vec<_>>>();
    Ok(Anchors { checkpoints: vec![], log: keys(&given.log)?, witnesses: keys(&given.witnesses)? })
}

fn usual_scopes() -> Vec<Scope> {
    ["profile", "email"].map(|scope| Scope::new(scope.to_owned())).into()
}

fn usual_name() -> String {
    "preferred_username".to_owned()
}

fn usually() -> bool {
    true
}

fn usual_help() -> String {
    "an admin of the desk".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str =
        "[sign_in.oidc]\nname = \"Login\"\nissuer = \"https://login.example.com\"\nclient_id = \"endcap\"\n";

    fn from(text: &str) -> anyhow::Result<Option<SignIn>> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
        std::fs::write(folder.path().join("secret"), "from the file\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let environment = |name: &str| (name == "SECRET").then(|| "from the environment".to_owned());
        read(folder.path())?.map(|settings| settings.with_secret(folder.path(), environment)).transpose()
    }

    #[test]
    fn the_secret_comes_from_the_environment_or_a_file_and_is_not_shown() {
        let secret = |more: &str| from(&format!("{LEAST}{more}")).unwrap().unwrap().secret;
        assert_eq!(secret("client_secret_env = \"SECRET\"").unwrap().secret(), "from the environment");
        assert_eq!(secret("client_secret_file = \"secret\"").unwrap().secret(), "from the file");
        assert!(secret("").is_none());
        let shown = format!("{:?}", from(&format!("{LEAST}client_secret_file = \"secret\"")));
        assert!(shown.contains("Login") && !shown.contains("from the file"), "{shown}");
    }

    #[test]
    fn without_the_file_or_the_table_people_sign_in_here() {
        assert!(read(tempfile::tempdir().unwrap().path()).unwrap().is_none());
        assert!(from("").unwrap().is_none());
    }

    #[test]
    fn what_does_not_fit_is_named_and_a_secret_in_the_file_is_not_repeated() {
        for (text, expected) in [
            (LEAST.replace("https:", "http:"), "expected https"),
            (LEAST.replace("Login", " "), "name is empty"),
            (LEAST.replace("\"endcap\"", "\"\""), "client_id is empty"),
            (LEAST.replace("https://login.example.com", "login"), "issuer"),
            (format!("{LEAST}client_secret = \"hunter2hunter2\""), "expected client_secret_env"),
            (format!("{LEAST}client_secret_env = \"NONE\""), "no variable NONE"),
            (format!("{LEAST}client_secret_file = \"none\""), "cannot be read"),
            (format!("{LEAST}client_secret_file = \"empty\""), "is empty"),
            (format!("{LEAST}client_secret_env = \"SECRET\"\nclient_secret_file = \"secret\""), "both given"),
            (format!("{LEAST}colour = 1"), "unknown field `colour`"),
            (format!("{LEAST}[sign_in.oidc.roles]\nking = [\"x\"]"), "no role"),
            (format!("{LEAST}[sign_in.oidc.roles]\nviewer = [\"x\"]"), "roles_claim is missing"),
        ] {
            let message = format!("{:#}", from(&text).unwrap_err());
            assert!(message.contains(expected), "{message}\n{text}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn keys_of_the_audit_trail_are_read_and_what_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |text: &str| std::fs::write(folder.path().join(FILE_NAME), text).unwrap();
        assert!(read_audit_keys(folder.path()).unwrap().log.is_empty());
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        std::fs::write(folder.path().join("log.pub"), key).unwrap();
        write(&format!("[audit]\nlog = [\"log.pub\"]\nwitnesses = [\"{key}\"]\n"));
        let keys = read_audit_keys(folder.path()).unwrap();
        assert_eq!((keys.log.len(), keys.witnesses), (1, keys.log.clone()));
        write("[audit]\nlog = [\"nothing\"]\n");
        assert!(format!("{:#}", read_audit_keys(folder.path()).unwrap_err()).contains("[audit]"));
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for here in ["http://127.0.0.1:8080", "http://localhost/realm", "http://[::1]:1"] {
            assert!(from(&LEAST.replace("https://login.example.com", here)).unwrap().unwrap().is_local());
        }
        for elsewhere in ["http://127.0.0.1.example.com", "http://10.0.0.1"] {
            assert!(from(&LEAST.replace("https://login.example.com", elsewhere)).is_err());
        }
    }
}
