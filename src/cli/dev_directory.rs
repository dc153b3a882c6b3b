//! The directory of `dev`: database, secret key and certificate, so that sessions and tokens survive a restart.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::failure::Failure;
use crate::clock::Deps;
use crate::server::listen::Certificate;

/// The start of the name of a temporary directory.
const TEMPORARY_PREFIX: &str = "rest-social-auth-dev-";
/// A file in a temporary directory that its process has locked.
const LOCK_FILE: &str = "lock";
/// After this time, a temporary directory without the file belongs to no process that is starting.
const MAX_START_TIME: Duration = Duration::from_secs(3600);

pub(super) struct DevDirectory {
    path: PathBuf,
    /// The directory is temporary: it is deleted at the end. The system unlocks the file when the process ends, however it ends.
    lock: Option<fs::File>,
}

impl Drop for DevDirectory {
    fn drop(&mut self) {
        if self.lock.is_some() {
            // A file that remains is in the system's temporary directory.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

impl DevDirectory {
    /// `target/dev` in a checkout, `rest-social-auth-dev` elsewhere. It is created if it is missing, for its owner only.
    pub(super) fn open() -> Result<Self, Failure> {
        let target = Path::new("target");
        Self::at(if target.is_dir() { target.join("dev") } else { PathBuf::from("rest-social-auth-dev") })
    }

    fn at(path: PathBuf) -> Result<Self, Failure> {
        let created = fs::DirBuilder::new().recursive(true).mode(0o700).create(&path);
        created.map_err(|error| Failure::Other(format!("{} cannot be created: {error}", path.display())))?;
        Ok(Self { path, lock: None })
    }

    /// A new directory in that of the system for temporary files, deleted at the end. Those that killed processes left are deleted now.
    pub(super) fn temporary(deps: &Deps) -> Result<Self, Failure> {
        let parent = std::env::temp_dir();
        delete_abandoned(&parent);
        let mut directory = Self::at(parent.join(format!("{TEMPORARY_PREFIX}{}", deps.hex::<8>())))?;
        let (unlocked, locked) = (directory.path("lock.new"), directory.path(LOCK_FILE));
        let lock = fs::File::create_new(&unlocked).and_then(|file| {
            file.lock()?;
            // Another process never sees the file unlocked.
            fs::rename(&unlocked, &locked)?;
            Ok(file)
        });
        directory.lock = Some(lock.map_err(|error| Failure::cannot_write(&locked, &error))?);
        Ok(directory)
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn secret_key(&self, deps: &Deps) -> Result<String, Failure> {
        self.read_or_create("secret-key", || Ok(deps.token::<48>()))
    }

    /// Self-signed, for the loopback names.
    pub(super) fn certificate(&self) -> Result<Certificate, Failure> {
        let failed = |error: rcgen::Error| Failure::Other(format!("a certificate cannot be created: {error}"));
        let key =
            self.read_or_create("tls-key.pem", || Ok(rcgen::KeyPair::generate().map_err(failed)?.serialize_pem()))?;
        let pair = rcgen::KeyPair::from_pem(&key).map_err(failed)?;
        let chain = self.read_or_create("tls-certificate.pem", || {
            let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
            let mut parameters = rcgen::CertificateParams::new(names).map_err(failed)?;
            parameters.distinguished_name.push(rcgen::DnType::CommonName, "rest-social-auth dev");
            parameters.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
            Ok(parameters.self_signed(&pair).map_err(failed)?.pem())
        })?;
        Ok(Certificate { chain, key })
    }

    /// Writes a file with the certificate and the certificates of the file `further` (SSL_CERT_FILE).
    pub(super) fn roots(&self, chain: &str, further: Option<&str>) -> Result<PathBuf, Failure> {
        let mut text = format!("{chain}\n");
        if let Some(further) = further {
            let read = fs::read_to_string(further);
            text.push_str(&read.map_err(|error| Failure::cannot_read(Path::new(further), &error))?);
        }
        let path = self.path("tls-roots.pem");
        fs::write(&path, text).map_err(|error| Failure::cannot_write(&path, &error))?;
        Ok(path)
    }

    /// The text of a file, which `create` provides if the file is missing or empty.
    fn read_or_create(&self, name: &str, create: impl FnOnce() -> Result<String, Failure>) -> Result<String, Failure> {
        let path = self.path(name);
        match fs::read_to_string(&path) {
            Ok(text) if !text.trim().is_empty() => {
                make_private(&path)?;
                return Ok(text.trim_end().to_owned());
            }
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Failure::cannot_read(&path, &error));
            }
            _ => {}
        }
        let text = create()?.trim_end().to_owned();
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options
            .open(&path)
            .and_then(|mut file| {
                // The mode above applies to a new file only.
                file.set_permissions(fs::Permissions::from_mode(0o600))?;
                file.write_all(text.as_bytes())
            })
            .map_err(|error| Failure::cannot_write(&path, &error))?;
        Ok(text)
    }
}

/// Deletes the temporary directories of this user whose process has ended. What cannot be deleted stays.
fn delete_abandoned(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let is_ours = |data: &fs::Metadata| data.is_dir() && data.uid() == rustix::process::geteuid().as_raw();
        let has_prefix = entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY_PREFIX));
        // The metadata of the entry itself, so a symbolic link is no directory.
        let data = entry.metadata().ok().filter(|data| has_prefix && is_ours(data));
        if let Some(data) = data
            && is_abandoned(&entry.path(), &data)
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(path: &Path, data: &fs::Metadata) -> bool {
    match fs::File::open(path.join(LOCK_FILE)) {
        Ok(file) => file.try_lock().is_ok(),
        Err(_) => data.modified().ok().and_then(|time| time.elapsed().ok()).is_some_and(|age| age > MAX_START_TIME),
    }
}

/// An existing file may be readable by other users.
fn make_private(path: &Path) -> Result<(), Failure> {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|error| Failure::cannot_write(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good<T>(result: Result<T, Failure>) -> T {
        result.unwrap_or_else(|_| panic!("a failure"))
    }

    #[test]
    fn abandoned_temporary_directories_are_deleted_and_those_in_use_stay() {
        let parent = tempfile::tempdir().expect("a directory");
        let directory = |name: &str| {
            let path = parent.path().join(name);
            fs::create_dir(&path).expect("a directory");
            path
        };
        let lock = |path: &Path| fs::File::create(path.join(LOCK_FILE)).expect("a file");
        let [used, abandoned, starting, other] =
            ["rest-social-auth-dev-1", "rest-social-auth-dev-2", "rest-social-auth-dev-3", "other"].map(directory);
        let held = lock(&used);
        held.lock().expect("a lock");
        drop(lock(&abandoned));
        drop(lock(&other));
        std::os::unix::fs::symlink(&other, parent.path().join("rest-social-auth-dev-4")).expect("a link");
        delete_abandoned(parent.path());
        let remains = [&used, &abandoned, &starting, &other].map(|path| path.exists());
        assert_eq!(remains, [true, false, true, true]);
        assert!(other.join(LOCK_FILE).exists());
    }

    #[test]
    fn secret_key_survives_a_restart_and_is_private() {
        let parent = tempfile::tempdir().expect("a directory");
        let deps = Deps::system();
        let at = parent.path().join("dev");
        let first = good(good(DevDirectory::at(at.clone())).secret_key(&deps));
        let second = good(good(DevDirectory::at(at.clone())).secret_key(&deps));
        assert_eq!(first, second);
        assert!(first.len() >= 32);
        let rights = fs::metadata(at.join("secret-key")).expect("the file").permissions().mode();
        assert_eq!(rights & 0o777, 0o600);
    }

    #[test]
    fn fault_b39_existing_file_becomes_private() {
        let parent = tempfile::tempdir().expect("a directory");
        let directory = good(DevDirectory::at(parent.path().join("dev")));
        for text in ["", " \n", "a key of an earlier run, readable by all users"] {
            let path = directory.path("secret-key");
            fs::write(&path, text).expect("a file");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("rights");
            assert!(good(directory.secret_key(&Deps::system())).len() >= 32);
            assert_eq!(fs::metadata(&path).expect("the file").permissions().mode() & 0o777, 0o600, "{text:?}");
        }
    }

    #[test]
    fn certificate_survives_a_restart() {
        let parent = tempfile::tempdir().expect("a directory");
        let directory = good(DevDirectory::at(parent.path().join("dev")));
        let (first, second) = (good(directory.certificate()), good(directory.certificate()));
        assert_eq!((&first.chain, &first.key), (&second.chain, &second.key));
        assert!(first.chain.contains("BEGIN CERTIFICATE") && first.key.contains("PRIVATE KEY"));
    }
}
