//! The hostile component of `guest/examples/hostile`, for the tests that run it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// Builds the component that looks around, for wasm. It is part of the guest's package, and shares no code with baton.
pub fn build() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(built).clone()
}

fn built() -> PathBuf {
    let repository = crate::repository();
    // In the build script's directory for the component, with its settings, because the dependencies are built there.
    let profile = crate::profile_directory();
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
            "hostile",
        ])
        .arg("--target-dir")
        .arg(&target)
        .current_dir(repository)
        .env("RUSTFLAGS", "-C target-feature=+simd128")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_INCREMENTAL", "1")
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
    target.join("wasm32-wasip2/release/examples/hostile.wasm")
}
