//! Runs the compiled binary with a given environment, records its output, and stops it by signal.

use std::fs::File;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::client::Client;

const BINARY: &str = env!("CARGO_BIN_EXE_rest-social-auth");

/// A command of the binary with only the necessary variables of this process's environment.
pub fn command(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Command {
    prepared(Command::new(BINARY), arguments, environment, folder)
}

fn prepared(mut command: Command, arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Command {
    command.args(arguments).current_dir(folder).env_clear().stdin(Stdio::null());
    for name in ["PATH", "HOME", "TMPDIR", "LLVM_PROFILE_FILE"] {
        if let Ok(value) = std::env::var(name) {
            command.env(name, value);
        }
    }
    command.envs(environment.iter().copied());
    command
}

/// A command with a limit of `ulimit`, such as `-n 64`.
pub fn limited(limit: &str, arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\""), BINARY]);
    prepared(command, arguments, environment, folder)
}

/// Runs a command and waits for it.
pub fn run(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Output {
    command(arguments, environment, folder).output().expect("the binary runs")
}

/// A running `serve` or `dev`.
pub struct Process {
    child: Child,
    pub base: String,
    output: TempDir,
}

impl Process {
    /// Starts on a free port and waits until `/readyz` answers 200.
    pub async fn start(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Self {
        let process = Self::spawn(arguments, environment, folder).await;
        process.ready().await
    }

    /// Like [`Self::start`], for a process that may open so many files.
    pub async fn start_with_open_files(
        limit: u32,
        arguments: &[&str],
        environment: &[(&str, &str)],
        folder: &Path,
    ) -> Self {
        let port = free_port().await;
        let command = limited(&format!("-n {limit}"), arguments, environment, folder);
        Self::spawn_command(command, &format!("127.0.0.1:{port}"), environment, None).ready().await
    }

    /// Like [`Self::start`], with a log that nothing reads. It is in the pipe that is returned.
    pub async fn start_with_unread_log(
        arguments: &[&str],
        environment: &[(&str, &str)],
        folder: &Path,
    ) -> (Self, ChildStderr) {
        let (command, port) = (command(arguments, environment, folder), free_port().await);
        let log = Some(Stdio::piped());
        let mut process = Self::spawn_command(command, &format!("127.0.0.1:{port}"), environment, log).ready().await;
        let unread = process.child.stderr.take().expect("a pipe");
        (process, unread)
    }

    /// Starts another process on the same address and waits until it listens too (LISTEN_REUSE_PORT).
    pub async fn start_beside(&self, arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Self {
        let listen = self.base.trim_start_matches("http://");
        let mut process = Self::spawn_at(listen, arguments, environment, folder);
        while !process.output().contains("server::run: ready") {
            if let Ok(Some(status)) = process.child.try_wait() {
                panic!("exited with {status}: {}", process.output());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        process
    }

    /// Starts on a free port without waiting.
    pub async fn spawn(arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Self {
        let port = free_port().await;
        Self::spawn_at(&format!("127.0.0.1:{port}"), arguments, environment, folder)
    }

    fn spawn_at(listen: &str, arguments: &[&str], environment: &[(&str, &str)], folder: &Path) -> Self {
        Self::spawn_command(command(arguments, environment, folder), listen, environment, None)
    }

    /// `log`: in place of a file for the standard error.
    fn spawn_command(mut command: Command, listen: &str, environment: &[(&str, &str)], log: Option<Stdio>) -> Self {
        let base = format!("http://{listen}");
        let output = TempDir::new().expect("a temporary folder");
        let file = |name: &str| File::create(output.path().join(name)).expect("a file in the temporary folder");
        command.env("LISTEN", listen);
        if !environment.iter().any(|(name, _)| *name == "PUBLIC_URL") {
            command.env("PUBLIC_URL", &base);
        }
        let log = log.unwrap_or_else(|| file("stderr").into());
        let child = command.stdout(file("stdout")).stderr(log).spawn().expect("the binary runs");
        Self { child, base, output }
    }

    async fn ready(mut self) -> Self {
        let client = self.client();
        // No time limit: a process that cannot start exits with an error.
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                panic!("exited with {status}: {}", self.output());
            }
            if client.get("/readyz").try_send().await.is_ok_and(|answer| answer.status == 200) {
                return self;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn client(&self) -> Client {
        Client::new(&self.base)
    }

    /// The output so far.
    pub fn output(&self) -> String {
        let read = |name: &str| std::fs::read_to_string(self.output.path().join(name)).unwrap_or_default();
        format!("{}{}", read("stdout"), read("stderr"))
    }

    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// `name` as `kill` takes it, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([&format!("-{name}"), &id]).status().expect("kill runs");
        assert!(status.success());
    }

    /// Waits until the process handles these signals instead of their default, which ends it.
    #[cfg(target_os = "linux")]
    pub async fn handles_signals(&self, numbers: &[u32]) {
        let wanted: u64 = numbers.iter().map(|number| 1 << (number - 1)).sum();
        let caught = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("a process");
            let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("the mask").trim();
            u64::from_str_radix(mask, 16).expect("a mask")
        };
        while caught() & wanted != wanted {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until the process exits; returns its status.
    pub async fn wait_for_exit(&mut self) -> ExitStatus {
        loop {
            if let Some(status) = self.child.try_wait().expect("the child process") {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that is free now. If another process takes it first, the server reports that.
async fn free_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("a bound address").port()
}
