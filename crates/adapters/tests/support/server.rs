//! A PostgreSQL server of a test's own: on loopback, with a data folder of its own, and killed as the test likes.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A server that ends when it goes.
pub struct Server {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

/// The server that the tests of one program share while any of them runs; nothing, said loudly, where none is installed.
pub fn shared() -> Option<Arc<Server>> {
    static RUNNING: Mutex<Weak<Server>> = Mutex::new(Weak::new());
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(server) = running.upgrade() {
        return Some(server);
    }
    let server = Arc::new(Server::start()?);
    *running = Arc::downgrade(&server);
    Some(server)
}

/// A name that no other test gives a schema.
pub fn new_schema() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("shop_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The folder of the server's programs: the newest that is installed.
fn programs() -> Option<PathBuf> {
    let of_debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut all: Vec<PathBuf> = of_debian.map(|version| version.path().join("bin")).collect();
    all.sort();
    all.extend(["/usr/local/bin", "/usr/bin"].map(PathBuf::from));
    let found = all.into_iter().rev().find(|folder| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file());
    let required = std::env::var_os("ENDCAP_PROGRAMS").is_some();
    assert!(found.is_some() || !required, "PostgreSQL is not installed: `cargo xtask test` installs it");
    if found.is_none() {
        eprintln!("SKIPPED: PostgreSQL is not installed, so that only SQLite is tried: run `cargo xtask test`");
    }
    found
}

impl Server {
    /// Makes a new server and starts it; nothing where none is installed.
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let folder = tempfile::tempdir().unwrap();
        if is_root() {
            let id = |flag| run(Command::new("id").args([flag, "postgres"])).trim().parse().unwrap();
            chown(folder.path(), Some(id("-u")), Some(id("-g"))).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { programs, folder, port };
        let data = server.data();
        run(server
            .program("initdb")
            .args(["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "-D"])
            .arg(data));
        server.again();
        Some(server)
    }

    /// Starts it again after it was ended.
    pub fn again(&self) {
        let folder = self.folder.path().display();
        let options = format!(
            "-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories={folder} -c max_connections=200",
            self.port
        );
        let begun = Instant::now();
        loop {
            let mut start = self.program("pg_ctl");
            start.args(["-w", "-t", "60", "-l"]).arg(self.folder.path().join("log")).arg("-D").arg(self.data());
            // What is left of a server that was killed may take a moment to go.
            let started = start.args(["-o", &options, "start"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
            if started.unwrap().success() {
                return;
            }
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(begun.elapsed() < Duration::from_secs(60), "PostgreSQL does not start:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it at once, as a loss of power ends its programs: nothing is written out.
    pub fn crash(&self) {
        let _ = self.program("pg_ctl").args(["-m", "immediate", "-w", "stop", "-D"]).arg(self.data()).output();
    }

    /// Kills the server by its process id.
    pub fn kill(&self) {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let id = file.lines().next().unwrap();
        assert!(Command::new("kill").args(["-9", id]).status().unwrap().success());
    }

    /// Its address, for the user that it knows.
    pub fn url(&self) -> String {
        self.url_at(self.port)
    }

    /// The address of somebody who hands everything on to it.
    pub fn url_at(&self, port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files lie.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Has `endcap.toml` in a folder name a schema of this server.
    pub fn is_home_of(&self, project: &Path, schema: &str) {
        std::fs::write(project.join("endcap.toml"), home(&self.url(), schema)).unwrap();
    }

    /// One of its programs, run by whom it lets.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
            command
        } else {
            Command::new(path)
        };
        // A locale that every machine has, and no settings of whoever runs the tests.
        command.current_dir(self.folder.path()).env("LC_ALL", "C").stdin(Stdio::null());
        command
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.crash();
    }
}

/// The table of `endcap.toml` that names a schema.
pub fn home(url: &str, schema: &str) -> String {
    format!("[database]\npostgres = \"{url}\"\nschema = \"{schema}\"\n")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{command:?}: {}{}", said(&output.stdout), said(&output.stderr));
    said(&output.stdout)
}
