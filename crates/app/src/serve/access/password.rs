//! Passwords: hashed with Argon2id, checked in the same time whether or not there is such an account.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::LazyLock;

/// Fewest characters: NIST SP 800-63B asks for length, not for kinds of characters.
const SHORTEST: usize = 12;
/// Most bytes: longer ones only cost time.
const LONGEST: usize = 256;

/// Refuses passwords that are too short, too long or the account's own name.
///
/// # Errors
/// What is wrong and what was expected.
pub fn check(name: &str, password: &str) -> Result<(), String> {
    if password.chars().count() < SHORTEST {
        return Err(format!("the password is too short: expected at least {SHORTEST} characters"));
    }
    if password.len() > LONGEST {
        return Err(format!("the password is too long: expected at most {LONGEST} bytes"));
    }
    if password.to_lowercase().contains(&name.to_lowercase()) {
        return Err("the password holds the account's name: choose another".to_owned());
    }
    Ok(())
}

/// Hashes a password with a salt of its own. Takes tens of milliseconds and 19 MB, on purpose.
///
/// # Errors
/// When the system has no randomness.
pub fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    Ok(Argon2::default().hash_password(password.as_bytes())?.to_string())
}

/// Whether a password is that of a hash. Without a hash the same work is done, so that time does not tell who has an
/// account.
pub fn is(password: &str, known: Option<&str>) -> bool {
    static NOBODY: LazyLock<String> = LazyLock::new(|| hash("nobody has this password").unwrap_or_default());
    let text = known.unwrap_or(&NOBODY);
    let fits = PasswordHash::new(text)
        .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok());
    fits && known.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_password_itself_fits_and_equal_ones_have_different_hashes() {
        let (one, two) = (hash("correct horse battery").unwrap(), hash("correct horse battery").unwrap());
        assert_ne!(one, two);
        assert!(one.starts_with("$argon2id$") && is("correct horse battery", Some(&one)));
        assert!(!is("correct horse batterz", Some(&one)));
        assert!(!is("nobody has this password", None));
    }

    #[test]
    fn short_ones_and_names_are_refused() {
        assert!(check("ada", "short").is_err());
        assert!(check("lovelace", "my-LOVELACE-password").is_err());
        assert!(check("ada", &"x".repeat(300)).is_err());
        assert!(check("lovelace", "correct horse battery").is_ok());
    }
}
