//! Files of keys: the secret one for its owner alone, the public one beside it.

use crate::{AdapterError, tables};
use endcap_govern::approval::ApprovalKey;
use endcap_govern::audit::{PublicKey, SecretKey, SecretText};
use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes a secret key to a new file that only its owner may read, and the public one to the same name with `.pub`.
///
/// # Errors
/// [`AdapterError`] when a file is there already or cannot be written.
pub fn write_key(path: &Path, key: &SecretKey) -> Result<(), AdapterError> {
    write_both(path, &key.to_file(), key.public())
}

/// Writes a person's approval key as [`write_key`] does.
///
/// # Errors
/// [`AdapterError`] when a file is there already or cannot be written.
pub fn write_approval_key(path: &Path, key: &ApprovalKey) -> Result<(), AdapterError> {
    write_both(path, &key.to_file(), &key.public())
}

fn write_both(path: &Path, secret: &SecretText, public: &dyn Display) -> Result<(), AdapterError> {
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(secret.expose())?;
        file.sync_all()
    };
    match write() {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(AdapterError::form(path, "is there already", "a name that is free: a key is never written over"))
        }
        written => written.map_err(|error| AdapterError::system("write", path, error)),
    }?;
    tables::write_atomic(&public_path(path), format!("{public}\n").as_bytes())
}

/// Reads a secret key from its file.
///
/// # Errors
/// [`AdapterError`] when it cannot be read, others may read it too, or it is no key.
pub fn read_key(path: &Path) -> Result<SecretKey, AdapterError> {
    let text = read_secret(path)?;
    SecretKey::from_file(&text).map_err(|error| AdapterError::form(path, "holds no secret key", error))
}

/// Reads a person's approval key from its file.
///
/// # Errors
/// [`AdapterError`] when it cannot be read, others may read it too, or it is no such key.
pub fn read_approval_key(path: &Path) -> Result<ApprovalKey, AdapterError> {
    let text = read_secret(path)?;
    ApprovalKey::from_file(&text).map_err(|error| AdapterError::form(path, "holds no approval key", error))
}

fn read_secret(path: &Path) -> Result<SecretText, AdapterError> {
    let failed = |error| AdapterError::system("read", path, error);
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).map_err(failed)?.permissions());
        if mode & 0o077 != 0 {
            let problem = format!("may be read or written by others (mode {:03o})", mode & 0o777);
            return Err(AdapterError::form(path, problem, "600: make a new key if others were on this machine"));
        }
    }
    Ok(SecretText::new(fs::read(path).map_err(failed)?))
}

/// Reads a public key: the key itself, or the name of the file that holds it.
///
/// # Errors
/// [`AdapterError`] when it is neither.
pub fn read_public_key(given: &str) -> Result<PublicKey, AdapterError> {
    if let Ok(key) = given.parse() {
        return Ok(key);
    }
    let path = Path::new(given);
    let text = fs::read_to_string(path).map_err(|error| AdapterError::system("read", path, error))?;
    text.parse().map_err(|error| AdapterError::form(path, "holds no public key", error))
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use endcap_govern::audit::Purpose;

    #[test]
    fn a_key_is_for_its_owner_alone_and_is_never_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.key");
        let key = SecretKey::new("shop.example/log", Purpose::Log, &[7; 32]).unwrap();
        write_key(&path, &key).unwrap();
        assert_eq!(read_key(&path).unwrap().public(), key.public());
        let public = folder.path().join("log.key.pub");
        assert_eq!(&read_public_key(&public.display().to_string()).unwrap(), key.public());
        assert_eq!(&read_public_key(&key.public().to_string()).unwrap(), key.public());
        assert!(write_key(&path, &key).unwrap_err().to_string().contains("is there already"));
        assert!(read_key(&public).err().unwrap().to_string().contains("log.key.pub"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
            assert!(read_key(&path).err().unwrap().to_string().contains("mode 640"));
        }
    }
}
