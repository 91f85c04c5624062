//! Secrets of channels: in files that only their owner may read, never in `channels.toml` and never in a text.

use crate::AdapterError;
use endcap_govern::audit::SecretText;
use std::fs;
use std::path::Path;

/// Reads a secret: the text of a file without the line break at its end.
///
/// # Errors
/// [`AdapterError`] when it cannot be read, others may read it too, or it is empty.
pub(crate) fn read(path: &Path) -> Result<SecretText, AdapterError> {
    let failed = |error| AdapterError::system("read", path, error);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).map_err(failed)?.permissions());
        if mode & 0o077 != 0 {
            let problem = format!("may be read or written by others (mode {:03o})", mode & 0o777);
            return Err(AdapterError::form(path, problem, "600: change the secret if others were on this machine"));
        }
    }
    let mut bytes = fs::read(path).map_err(failed)?;
    while bytes.last().is_some_and(u8::is_ascii_whitespace) {
        bytes.pop();
    }
    if bytes.is_empty() {
        return Err(AdapterError::form(path, "is empty", "the secret alone, in one line"));
    }
    Ok(SecretText::new(bytes))
}

/// The user and the password of a secret of the form `user:password`.
pub(crate) fn login(secret: &SecretText) -> Option<(&str, &str)> {
    std::str::from_utf8(secret.expose()).ok()?.split_once(':')
}
