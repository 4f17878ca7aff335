//! Builds the guest as a component, compiles it ahead of time, and leaves both for `src/component.rs` to embed.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "src/tunables.rs"]
mod tunables;

const TARGET: &str = "wasm32-wasip2";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    for input in ["src/tunables.rs", "../wit", "../guest/src", "../guest/Cargo.toml", "../Cargo.toml", "../Cargo.lock"] {
        println!("cargo:rerun-if-changed={input}");
    }
    install_target()?;
    let wasm = build_guest(&out)?;
    let bytes = std::fs::read(&wasm).map_err(|error| format!("{} cannot be read: {error}", wasm.display()))?;
    std::fs::write(out.join("plugin.wasm"), &bytes)?;

    let mut config = tunables::config();
    tunables::for_any_processor(&mut config, &env::var("TARGET")?)?;
    let compiled = wasmtime::Engine::new(&config)?.precompile_component(&bytes)?;
    std::fs::write(out.join("plugin.cwasm"), compiled)?;
    Ok(())
}

/// Installs the standard library for the component, where it is missing. `rust-toolchain.toml` lists it, but rustup
/// installs what is listed there only if it may install by itself.
fn install_target() -> Result<(), Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let printed = Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let libdir = String::from_utf8(printed.stdout)?;
    if printed.status.success() && Path::new(libdir.trim()).exists() {
        return Ok(());
    }
    let added = Command::new("rustup").args(["target", "add", TARGET]).status();
    match added {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!(
            "the Rust target {TARGET} is not installed, and `rustup target add {TARGET}` failed: install it by hand, \
             with your distribution's packages if Rust does not come from rustup"
        )
        .into()),
    }
}

/// Builds the guest in release mode, whatever the host's is: in debug mode it is many times slower.
fn build_guest(out: &Path) -> Result<PathBuf, Box<dyn Error>> {
    // A target directory of its own: the outer cargo holds the lock of the usual one.
    let target_dir = out.join("guest");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--release", "--locked", "--lib", "--package", "baton-guest", "--target", TARGET])
        .arg("--target-dir")
        .arg(&target_dir)
        .current_dir("..")
        .env("RUSTFLAGS", "-C target-feature=+simd128")
        .env("CARGO_PROFILE_RELEASE_LTO", "fat")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1")
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        // Clippy's wrapper, and a target that the user chose for the host.
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .env_remove("CARGO_BUILD_TARGET")
        .status()?;
    if !status.success() {
        return Err(format!("the component could not be built: cargo ended with {status}").into());
    }
    Ok(target_dir.join(TARGET).join("release").join("baton_guest.wasm"))
}
