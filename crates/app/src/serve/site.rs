//! Where the desk is reached, and what follows for cookies and origins.

use std::fmt;

/// The address that people type, without a path: `https://desk.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    origin: String,
}

impl Site {
    /// Reads an address.
    ///
    /// # Errors
    /// What was expected, when it is no plain `http` or `https` origin.
    pub fn parse(text: &str) -> Result<Self, String> {
        let expected = || format!("'{text}' is no address: expected one such as https://desk.example.com");
        let text = text.trim_end_matches('/');
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or_else(expected)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']');
        if host.is_empty() || !host.chars().all(plain) {
            return Err(expected());
        }
        Ok(Self { origin: text.to_ascii_lowercase() })
    }

    /// Whether it is reached over TLS, so that cookies go over nothing else.
    pub fn secure(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// Whether a request with this `Origin` header comes from our own pages.
    pub fn is_own(&self, origin: &str) -> bool {
        origin.eq_ignore_ascii_case(&self.origin)
    }

    /// Name of the session's cookie; the prefix keeps other sites of the domain from setting it.
    pub fn cookie(&self) -> &'static str {
        if self.secure() { "__Host-endcap" } else { "endcap" }
    }

    /// Name of the cookie of a sign-in elsewhere that is under way.
    pub fn ticket_cookie(&self) -> &'static str {
        if self.secure() { "__Host-endcap-ticket" } else { "endcap-ticket" }
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::Site;

    #[test]
    fn an_address_is_an_origin_and_nothing_more() {
        for wrong in ["desk.example.com", "ftp://desk", "https://", "https://desk/path", "https://me@desk"] {
            assert!(Site::parse(wrong).is_err(), "{wrong}");
        }
        let site = Site::parse("https://Desk.example.com/").unwrap();
        assert!(site.secure() && site.is_own("https://desk.example.com") && !site.is_own("https://evil.example.com"));
    }
}
