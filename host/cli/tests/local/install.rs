//! The script of the orb that installs baton, with an archive of the real binary.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

use crate::laptop::BATON;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A machine without baton, and a place where a release of it lies.
struct Machine {
    dir: TempDir,
}

impl Machine {
    fn new() -> Machine {
        let machine = Machine {
            dir: tempfile::Builder::new()
                .prefix("baton-install-")
                .tempdir()
                .unwrap(),
        };
        let name = format!("baton-{VERSION}-{}", target());
        let release = machine.path(&format!("releases/v{VERSION}"));
        fs::create_dir_all(machine.path(&name)).unwrap();
        fs::create_dir_all(&release).unwrap();
        fs::copy(BATON, machine.path(&name).join("baton")).unwrap();
        machine.shell(&format!(
            "tar -czf releases/v{VERSION}/{name}.tar.gz {name} && cd releases/v{VERSION} && sha256sum *.tar.gz > SHA256SUMS"
        ));
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn shell(&self, script: &str) {
        let status = Command::new("bash")
            .args(["-euc", script])
            .current_dir(self.dir.path())
            .status();
        assert!(status.unwrap().success(), "{script}");
    }

    fn archive(&self) -> PathBuf {
        self.path(&format!(
            "releases/v{VERSION}/baton-{VERSION}-{}.tar.gz",
            target()
        ))
    }

    fn install(&self, parameters: &[(&str, &str)]) -> Output {
        let script = baton_testkit::repository().join("integrations/orb/src/scripts/install.sh");
        fs::create_dir_all(self.path("home")).unwrap();
        let base = format!("file://{}", self.path("releases").display());
        let mut command = Command::new("bash");
        command
            .args(["-eo", "pipefail"])
            .arg(script)
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.path("home"))
            .env("BASH_ENV", self.path("bash_env"))
            .env("PARAM_VERSION", VERSION)
            .env("PARAM_BASE_URL", base)
            .env("PARAM_SHA256", "")
            .env("PARAM_INSTALL_DIR", "$HOME/.local/bin")
            .envs(parameters.iter().copied());
        fs::write(
            self.path("bash_env"),
            fs::read(self.path("bash_env")).unwrap_or_default(),
        )
        .unwrap();
        command.output().unwrap()
    }
}

/// Returns what the script calls this machine.
fn target() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

#[track_caller]
fn fails(output: &Output, says: &str) {
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && err.contains(says), "{err}");
}

#[track_caller]
fn succeeds(output: &Output, says: &str) {
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && out.contains(says), "{out}{err}");
}

#[test]
fn the_pinned_version_is_installed_once() {
    let machine = Machine::new();
    succeeds(&machine.install(&[]), &format!("installed baton {VERSION}"));
    let installed = machine.path("home/.local/bin/baton");
    assert_eq!(
        fs::metadata(&installed).unwrap().permissions().mode() & 0o777,
        0o755
    );
    assert_eq!(fs::read(installed).unwrap(), fs::read(BATON).unwrap());
    // The later steps find it.
    let env = fs::read_to_string(machine.path("bash_env")).unwrap();
    let path = format!(
        "{}:/usr/local/bin:/usr/bin:/bin",
        machine.path("home/.local/bin").display()
    );
    let found = Command::new("bash")
        .args([
            "-c",
            &format!("PATH=/usr/local/bin:/usr/bin:/bin\n{env}\necho $PATH"),
        ])
        .output();
    assert_eq!(String::from_utf8(found.unwrap().stdout).unwrap().trim(), path);
    // The archive is gone, and nothing needs it.
    fs::remove_file(machine.archive()).unwrap();
    succeeds(&machine.install(&[("PATH", &path)]), "is already installed");
}

#[test]
fn the_directory_is_expanded_or_refused() {
    for given in ["~/.local/bin", "${HOME}/.local/bin", "$HOME/.local/bin"] {
        let machine = Machine::new();
        let installed = machine.install(&[("PARAM_INSTALL_DIR", given)]);
        succeeds(&installed, &format!("installed baton {VERSION}"));
        assert!(machine.path("home/.local/bin/baton").is_file(), "{given}");
    }
    let machine = Machine::new();
    for given in ["~jane/bin", "$NOWHERE/bin", "/opt/${NOWHERE}", "a/~/bin"] {
        let refused = machine.install(&[("PARAM_INSTALL_DIR", given)]);
        fails(&refused, "part of it is not expanded");
    }
}

#[test]
fn an_archive_that_was_changed_is_refused() {
    let machine = Machine::new();
    let archive = machine.archive();
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    fails(&machine.install(&[]), "has the wrong SHA-256: expected");
    assert!(!machine.path("home/.local/bin/baton").exists());
}

#[test]
fn a_given_digest_goes_before_the_one_beside_the_archive() {
    let machine = Machine::new();
    fails(
        &machine.install(&[("PARAM_SHA256", &"0".repeat(64))]),
        "has the wrong SHA-256",
    );
    let sums = fs::read_to_string(machine.path(&format!("releases/v{VERSION}/SHA256SUMS"))).unwrap();
    fs::remove_file(machine.path(&format!("releases/v{VERSION}/SHA256SUMS"))).unwrap();
    succeeds(&machine.install(&[("PARAM_SHA256", &sums[..64])]), "installed");
}

#[test]
fn what_is_missing_is_named() {
    let machine = Machine::new();
    fails(&machine.install(&[("PARAM_VERSION", "9.9.9")]), "cannot read");
    let sums = machine.path(&format!("releases/v{VERSION}/SHA256SUMS"));
    fs::write(&sums, "").unwrap();
    fails(&machine.install(&[]), "SHA256SUMS does not name");
}

/// Puts something else that calls itself baton into a directory.
fn other(machine: &Machine, dir: &str, version: &str) -> PathBuf {
    let dir = machine.path(dir);
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join("baton");
    fs::write(&path, format!("#!/bin/sh\necho baton {version}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn the_right_version_is_found_where_it_would_go() {
    let machine = Machine::new();
    succeeds(&machine.install(&[]), "installed");
    fs::remove_file(machine.archive()).unwrap();
    fs::remove_file(machine.path("bash_env")).unwrap();
    succeeds(&machine.install(&[]), "is already installed");
    let env = fs::read_to_string(machine.path("bash_env")).unwrap();
    assert!(env.contains("home/.local/bin"), "{env}");
}

#[test]
fn an_older_one_before_it_on_the_path_does_not_hide_it() {
    let machine = Machine::new();
    other(&machine, "old", "0.0.9");
    let path = format!(
        "{}:{}:/usr/local/bin:/usr/bin:/bin",
        machine.path("old").display(),
        machine.path("home/.local/bin").display()
    );
    succeeds(&machine.install(&[("PATH", &path)]), "installed");
    let seen = Command::new("bash")
        .args(["-c", "baton --version"])
        .env("PATH", &path)
        .env("BASH_ENV", machine.path("bash_env"))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(seen.stdout).unwrap(),
        format!("baton {VERSION}\n")
    );
}

#[test]
fn one_that_works_stays_where_the_archive_has_another() {
    let machine = Machine::new();
    let name = format!("baton-{VERSION}-{}", target());
    other(&machine, &name, "0.0.1");
    machine.shell(&format!(
        "tar -czf releases/v{VERSION}/{name}.tar.gz {name} && cd releases/v{VERSION} && sha256sum *.tar.gz > SHA256SUMS"
    ));
    let installed = other(&machine, "home/.local/bin", "0.0.9");
    let before = fs::read(&installed).unwrap();
    fails(&machine.install(&[]), "has baton 0.0.1 in it");
    assert_eq!(fs::read(&installed).unwrap(), before);
    assert_eq!(fs::read_dir(installed.parent().unwrap()).unwrap().count(), 1);
}

/// Puts a program into a directory of the machine.
fn program(machine: &Machine, dir: &str, name: &str, script: &str) -> PathBuf {
    let dir = machine.path(dir);
    fs::create_dir_all(&dir).unwrap();
    let path = dir.join(name);
    fs::write(&path, format!("#!/bin/bash\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Returns the SHA-256 of the archive.
fn pin(machine: &Machine) -> String {
    let sums = fs::read_to_string(machine.path(&format!("releases/v{VERSION}/SHA256SUMS"))).unwrap();
    sums[..64].to_owned()
}

#[test]
fn where_a_digest_is_pinned_what_an_installed_one_says_of_itself_counts_for_nothing() {
    let machine = Machine::new();
    let pin = pin(&machine);
    let evil = format!("touch {}; echo baton {VERSION}", machine.path("ran").display());
    program(&machine, "evil", "baton", &evil);
    program(&machine, "home/.local/bin", "baton", &evil);
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", machine.path("evil").display());
    let pinned = [("PATH", path.as_str()), ("PARAM_SHA256", pin.as_str())];
    succeeds(&machine.install(&pinned), "installed");
    let installed = machine.path("home/.local/bin/baton");
    assert_eq!(fs::read(&installed).unwrap(), fs::read(BATON).unwrap());
    assert!(!machine.path("ran").exists(), "what was there was run");
    // The later steps find the verified one first.
    let seen = Command::new("bash")
        .args(["-c", "command -v baton"])
        .env("PATH", &path)
        .env("BASH_ENV", machine.path("bash_env"))
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(seen.stdout).unwrap().trim(),
        installed.display().to_string()
    );
    // Nothing is fetched a second time, and what was changed meanwhile is replaced.
    let archive = fs::read(machine.archive()).unwrap();
    fs::remove_file(machine.archive()).unwrap();
    succeeds(&machine.install(&pinned), "is already installed");
    fs::remove_file(&installed).unwrap();
    program(&machine, "home/.local/bin", "baton", &evil);
    succeeds(&machine.install(&pinned), "installed");
    assert_eq!(fs::read(&installed).unwrap(), fs::read(BATON).unwrap());
    // Nor is the archive that was kept believed without its digest.
    let kept = fs::read_dir(installed.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|it| it == "gz"))
        .unwrap();
    fs::write(&kept, &archive[..archive.len() / 2]).unwrap();
    fails(&machine.install(&pinned), "cannot read");
    fs::write(machine.archive(), archive).unwrap();
    succeeds(&machine.install(&pinned), "is already installed");
    assert!(!machine.path("ran").exists(), "what was there was run");
}

#[test]
fn a_verified_one_elsewhere_on_the_path_is_used() {
    let machine = Machine::new();
    fs::create_dir(machine.path("image")).unwrap();
    fs::copy(BATON, machine.path("image/baton")).unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", machine.path("image").display());
    let pinned = machine.install(&[("PATH", &path), ("PARAM_SHA256", &pin(&machine))]);
    succeeds(
        &pinned,
        &format!("is already installed: {}", machine.path("image/baton").display()),
    );
    assert!(!machine.path("home/.local/bin/baton").exists());
}

#[test]
fn a_redirect_does_not_leave_https() {
    let machine = Machine::new();
    let base = ("PARAM_BASE_URL", "https://releases.example");
    program(&machine, "stubs", "curl", r#"printf '%s\n' "$*" >&2; exit 1"#);
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", machine.path("stubs").display());
    let asked = machine.install(&[("PATH", &path), base]);
    fails(&asked, "--proto =https --proto-redir =https");
    // wget follows any redirect, so the script does it: here without a curl.
    let tools = machine.path("tools");
    fs::create_dir(&tools).unwrap();
    for tool in [
        "bash",
        "cp",
        "sha256sum",
        "cut",
        "awk",
        "tail",
        "tr",
        "mktemp",
        "rm",
        "tar",
        "cat",
        "uname",
        "mkdir",
        "cmp",
    ] {
        let found = Command::new("bash")
            .args(["-c", &format!("type -P {tool}")])
            .output()
            .unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        std::os::unix::fs::symlink(found.trim(), tools.join(tool)).unwrap();
    }
    let wget = |location: &str| {
        let script = format!(
            r#"printf '%s\n' "${{@: -1}}" >>asked; case ${{@: -1}} in
            https://releases.example/*) printf '  HTTP/1.1 302 Found\n  Location: {location}\n' >&2; exit 8 ;;
            esac; exit 4"#
        );
        program(
            &machine,
            "tools",
            "wget",
            &script.replace("asked", &machine.path("asked").display().to_string()),
        );
        let ran = machine.install(&[("PATH", tools.to_str().unwrap()), base]);
        let asked = fs::read_to_string(machine.path("asked")).unwrap();
        fs::remove_file(machine.path("asked")).unwrap();
        (ran, asked)
    };
    for location in [
        "http://evil.example/x",
        "ftp://evil.example/x",
        "file:///etc/passwd",
    ] {
        let (ran, asked) = wget(location);
        fails(&ran, &format!("it redirects to {location}, which is not allowed"));
        assert!(!asked.contains(location), "{asked}");
    }
    let (ran, asked) = wget("https://cdn.example/x");
    fails(&ran, "cannot download");
    assert!(asked.contains("https://cdn.example/x"), "{asked}");
}
