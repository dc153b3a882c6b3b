//! `healthcheck`, `completions`, `man`, and what holds for every command: examples, exit codes, confirmation.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Stdio;

use tempfile::TempDir;

use crate::support::process::{Process, command, run};

const SECRET_KEY: &str = "secret-key-of-the-command-tests-5d10e4-for-no-other-use";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn healthcheck_asks_the_server_of_the_settings() {
    let folder = TempDir::new().expect("a temporary folder");
    let mut process = Process::start(&["serve"], &[("SECRET_KEY", SECRET_KEY)], folder.path()).await;
    let listen = process.base.trim_start_matches("http://").to_owned();
    let check = |arguments: &[&str], environment: &[(&str, &str)]| {
        let output = run(&[&["healthcheck"][..], arguments].concat(), environment, folder.path());
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (status, output) = check(&["--json"], &[("LISTEN", &listen)]);
    assert!(status == Some(0) && output.contains("\"path\": \"/readyz\""), "{output}");
    let (status, output) = check(&["--live", "--listen", &listen], &[]);
    assert!(status == Some(0) && output.contains("/healthz with 200"), "{output}");
    // A server on all addresses.
    let port = listen.rsplit(':').next().expect("a port");
    assert_eq!(check(&[], &[("LISTEN", &format!("0.0.0.0:{port}"))]).0, Some(0));
    // The database is gone: the process is alive and not ready.
    std::fs::rename(folder.path().join("rest-social-auth.db"), folder.path().join("moved.db")).expect("a rename");
    loop {
        let (status, output) = check(&[], &[("LISTEN", &listen)]);
        if status == Some(1) {
            assert!(output.contains("/readyz with 503"), "{output}");
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(check(&["--live"], &[("LISTEN", &listen)]).0, Some(0));
    process.terminate();
    process.wait_for_exit().await;
    let (status, output) = check(&["--live"], &[("LISTEN", &listen)]);
    assert!(status == Some(1) && output.contains("does not answer"), "{output}");
    assert_eq!(check(&[], &[("LISTEN", "nonsense")]).0, Some(2), "an error in the settings");
    assert_eq!(check(&["--timeout", "0"], &[]).0, Some(2), "an error in the command line");
}

#[test]
fn empty_name_of_a_settings_file_counts_as_not_set() {
    let folder = TempDir::new().expect("a temporary folder");
    let output = run(&["completions", "bash"], &[("REST_SOCIAL_AUTH_CONFIG", "")], folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn written_files_may_have_names_that_are_not_utf_8() {
    let folder = TempDir::new().expect("a temporary folder");
    for arguments in [&["man", "--json"][..], &["init", "--json", "--output"]] {
        let mut command = command(arguments, &[], folder.path());
        let output = command.arg(OsStr::from_bytes(b"n\xff")).output().expect("the binary runs");
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).expect("JSON");
        let written = folder.path().join(OsStr::from_bytes(b"n\xff"));
        if written.is_dir() {
            std::fs::remove_dir_all(written).expect("a folder of pages");
        }
    }
}

/// systemd restarts the server after 1, and not after 2.
#[test]
fn address_that_may_become_free_is_no_error_of_the_settings() {
    let folder = TempDir::new().expect("a temporary folder");
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let used = other.local_addr().expect("an address").to_string();
    for listen in [used.as_str(), "192.0.2.1:8000"] {
        let environment = [("SECRET_KEY", SECRET_KEY), ("PUBLIC_URL", "http://127.0.0.1:8000"), ("LISTEN", listen)];
        let output = run(&["serve"], &environment, folder.path());
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    }
}

#[test]
fn completions_and_manual_pages_have_every_command() {
    let folder = TempDir::new().expect("a temporary folder");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(&["completions", shell], &[], folder.path());
        let script = text(&output.stdout);
        assert!(output.status.success() && script.contains("healthcheck") && script.contains("backup"), "{shell}");
    }
    assert_eq!(run(&["completions", "cmd"], &[], folder.path()).status.code(), Some(2));
    let output = run(&["man", "pages/man1", "--json"], &[], folder.path());
    assert!(output.status.success(), "{}", text(&output.stderr));
    for page in ["rest-social-auth.1", "rest-social-auth-serve.1", "rest-social-auth-users-delete.1"] {
        let page = std::fs::read_to_string(folder.path().join("pages/man1").join(page)).expect("a manual page");
        assert!(page.contains("Examples:"), "{page}");
    }
}

#[test]
fn commands_that_destroy_need_a_confirmation() {
    let folder = TempDir::new().expect("a temporary folder");
    assert!(run(&["migrate", "--json"], &[], folder.path()).status.success());
    assert!(run(&["services", "add", "shop"], &[], folder.path()).status.success());
    for arguments in [
        &["services", "remove", "shop"][..],
        &["audit", "prune", "--before", "90d"],
        &["webhooks", "prune", "--before", "90d"],
    ] {
        let refused = run(arguments, &[], folder.path());
        assert_eq!(refused.status.code(), Some(1), "{arguments:?}");
        assert!(text(&refused.stderr).contains("add --yes"), "{arguments:?}");
        let done = run(&[arguments, &["--yes"]].concat(), &[], folder.path());
        assert!(done.status.success(), "{arguments:?}: {}", text(&done.stderr));
    }
}

#[test]
fn services_add_without_a_reader_of_the_secret_adds_nothing() {
    let folder = TempDir::new().expect("a temporary folder");
    assert!(run(&["migrate", "--json"], &[], folder.path()).status.success());
    let (reader, closed_pipe) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut outputs = vec![Stdio::null(), closed_pipe.into()];
    if cfg!(target_os = "linux") {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("a device");
        outputs.push(full.into());
    }
    for (number, output) in outputs.into_iter().enumerate() {
        let mut command = command(&["services", "add", "shop"], &[], folder.path());
        let added = command.stdout(output).stderr(Stdio::piped()).output().expect("the binary runs");
        let errors = text(&added.stderr);
        assert_eq!(added.status.code(), Some(1), "{number}: {errors}");
        assert!(errors.contains("error: the standard output "), "{number}: {errors}");
        let listed = run(&["services", "list", "--json"], &[], folder.path());
        assert_eq!(text(&listed.stdout), "[]\n", "{number}");
    }
    assert!(run(&["services", "add", "shop"], &[], folder.path()).status.success());
}

#[test]
fn values_of_options_that_are_not_possible_are_errors_in_the_command_line() {
    let folder = TempDir::new().expect("a temporary folder");
    for option in [["--seed", "unknown"], ["--simulate", "no-provider"], ["--personas", "missing.toml"]] {
        let output = run(&[&["dev", "--ephemeral", "--port", "0"], &option[..]].concat(), &[], folder.path());
        assert_eq!(output.status.code(), Some(2), "{option:?}: {}", text(&output.stderr));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn help_that_cannot_be_written_is_a_failure() {
    let folder = TempDir::new().expect("a temporary folder");
    let full = std::fs::File::options().write(true).open("/dev/full").expect("a device");
    let status = command(&["--help"], &[], folder.path()).stdout(full).stderr(Stdio::null()).status();
    assert_eq!(status.expect("the binary runs").code(), Some(1));
}

#[test]
fn output_that_is_no_terminal_has_no_colours() {
    let folder = TempDir::new().expect("a temporary folder");
    for arguments in [&["--help"][..], &["serve", "--help"], &["serve"], &["invented"]] {
        let output = run(arguments, &[("CLICOLOR_FORCE", "")], folder.path());
        assert!(!output.stdout.contains(&0x1b) && !output.stderr.contains(&0x1b), "{arguments:?}");
    }
}
