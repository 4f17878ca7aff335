//! The hostile component of `guest/examples/snoop.rs`, for the tests that run it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds the component that looks around, for wasm. It is part of the guest's package, and shares no code with baton.
pub(crate) fn build() -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    // Where the build script has built the component, and with its settings: what both need is there already.
    let profile = Path::new(env!("CARGO_BIN_EXE_baton")).parent().unwrap();
    let target = profile.join("component/target");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--locked",
            "--target",
            "wasm32-wasip2",
            "-p",
            "baton-guest",
            "--example",
            "snoop",
        ])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(repository)
        .env("RUSTFLAGS", "-C target-feature=+simd128")
        .env("CARGO_PROFILE_RELEASE_LTO", "fat")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .env("CARGO_PROFILE_RELEASE_BUILD_OVERRIDE_OPT_LEVEL", "0")
        .env_remove("CARGO_BUILD_TARGET")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    target.join("wasm32-wasip2/release/examples/snoop.wasm")
}
