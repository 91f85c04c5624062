//! Programs that others wrote, started on loopback and ended by the process that was started.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where `cargo xtask test` installs programs, and whether they must be there.
fn home() -> (PathBuf, bool) {
    match std::env::var_os("ENDCAP_PROGRAMS") {
        Some(folder) => (folder.into(), true),
        None => {
            let exe = std::env::current_exe().expect("a test has a path");
            (exe.ancestors().nth(2).expect("a test lies in target/debug/deps").join("channels"), false)
        }
    }
}

/// A file among the installed programs; says loudly when it is not there.
pub fn installed(file: &str) -> Option<PathBuf> {
    let (home, required) = home();
    let path = home.join(file);
    missing_unless(path.exists(), file, required).then_some(path)
}

/// A program of the system; says loudly when it is not there.
pub fn of_system(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"].map(PathBuf::from);
    let found = folders.iter().map(|folder| folder.join(name)).find(|path| path.exists());
    missing_unless(found.is_some(), name, home().1).then_some(found?)
}

fn missing_unless(there: bool, name: &str, required: bool) -> bool {
    assert!(there || !required, "{name} is not installed: `cargo xtask test` installs it");
    if !there {
        eprintln!("SKIPPED: {name} is not installed, so this channel is not tried: run `cargo xtask test`");
    }
    there
}

/// A Python module among the installed programs.
pub fn python(module: &str) -> Option<Command> {
    let mut command = Command::new(installed("venv/bin/python")?);
    let there = command.args(["-c", &format!("import {module}")]).stderr(Stdio::null()).status().unwrap().success();
    missing_unless(there, module, home().1).then(|| {
        let mut command = Command::new(command.get_program());
        command.args(["-m", module]).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    })
}

/// An address that nobody listens at.
pub fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A program that listens, ended when it goes.
pub struct Program {
    command: Command,
    child: Option<Child>,
    pub address: SocketAddr,
}

impl Program {
    /// Starts it and waits until it listens.
    pub fn start(command: Command, address: SocketAddr) -> Self {
        let mut program = Self { command, child: None, address };
        program.again();
        program
    }

    /// Starts it again after [`Program::kill`].
    pub fn again(&mut self) {
        let command = self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.child = Some(command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}")));
        let begun = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?} does not listen", self.command);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Asks it to end, and waits until it has.
    pub fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            let asked = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
            assert!(asked.success(), "{:?} is not there", self.command);
            child.wait().unwrap();
        }
    }

    /// Ends it as a crash would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks by HTTP with nothing but a socket; returns status and body.
pub fn ask(address: SocketAddr, method: &str, path: &str, headers: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {length}\r\n{headers}Connection: close\r\n\r\n{body}"
    )
    .unwrap();
    let mut bytes = vec![];
    stream.read_to_end(&mut bytes).unwrap();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text}"));
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}
