//! Provides the component for `src/component.rs` to embed: as it is, and compiled ahead of time. In the repository, the
//! guest is built for that. A published crate contains the component instead, and needs no target for WebAssembly.

use std::env;
use std::error::Error;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "src/tunables.rs"]
mod tunables;

const TARGET: &str = "wasm32-wasip2";
/// The component in a published crate: `.ci/package` writes it.
const PACKAGED: &str = "component.wasm";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    // Cargo gives lints and builds different directories. The results that take minutes are kept in one of the profile,
    // for both.
    let shared = out
        .ancestors()
        .nth(3)
        .ok_or("OUT_DIR is not below a directory of the profile")?;
    let shared = shared.join("component");
    std::fs::create_dir_all(&shared)?;
    println!("cargo:rerun-if-changed=src/tunables.rs");
    let wasm = if is_repository() {
        for input in [
            "../wit",
            "../guest/src",
            "../guest/Cargo.toml",
            "../Cargo.toml",
            "../Cargo.lock",
        ] {
            println!("cargo:rerun-if-changed={input}");
        }
        install_target()?;
        build_guest(&shared)?
    } else {
        if !Path::new(PACKAGED).exists() {
            return Err(format!("the crate has no {PACKAGED}: pack it with .ci/package").into());
        }
        println!("cargo:rerun-if-changed={PACKAGED}");
        PathBuf::from(PACKAGED)
    };
    let bytes = std::fs::read(&wasm)
        .map_err(|error| format!("cannot read the component {}: {error}", wasm.display()))?;
    std::fs::write(out.join("plugin.wasm"), &bytes)?;

    let mut config = tunables::config(false);
    // Naming the target keeps the builder's own processor out of it.
    config.target(&env::var("TARGET")?)?;
    if env::var("CARGO_CFG_TARGET_ARCH")? == "x86_64" {
        allow_x86_64_v3(&mut config);
    }
    let engine = wasmtime::Engine::new(&config)?;
    std::fs::write(out.join("plugin.cwasm"), compiled(&engine, &bytes, &shared)?)?;
    Ok(())
}

/// Whether this is the repository, with the guest next to the library, and not a published crate.
fn is_repository() -> bool {
    std::fs::read_to_string("../guest/Cargo.toml")
        .is_ok_and(|manifest| manifest.contains("name = \"baton-guest\""))
}

/// Returns the component as code of the target's processor: what was compiled before, if it was the same component, and
/// the same version and settings of the compiler.
fn compiled(engine: &wasmtime::Engine, wasm: &[u8], shared: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let settings = hasher.finish();
    let kept = shared.join(format!("{settings:016x}.cwasm"));
    let source = kept.with_extension("wasm");
    // The source is written last: where it is the same, the compiled form of it is complete.
    if std::fs::read(&source).is_ok_and(|source| source == wasm) {
        return Ok(std::fs::read(&kept)?);
    }
    let compiled = engine.precompile_component(wasm)?;
    match std::fs::remove_file(&source) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    std::fs::write(&kept, &compiled)?;
    std::fs::write(&source, wasm)?;
    Ok(compiled)
}

/// Allows what every x86-64 server since 2013 has (the level called v3). Without it, BLAKE3's byte shuffles are calls
/// into the runtime, and a persist takes twice as long. A processor that lacks any of it compiles the component at start.
#[expect(unsafe_code, reason = "there is no safe way to name processor features")]
fn allow_x86_64_v3(config: &mut wasmtime::Config) {
    const FEATURES: [&str; 11] = [
        "has_sse3",
        "has_ssse3",
        "has_sse41",
        "has_sse42",
        "has_popcnt",
        "has_avx",
        "has_avx2",
        "has_fma",
        "has_bmi1",
        "has_bmi2",
        "has_lzcnt",
    ];
    for feature in FEATURES {
        // SAFETY: wrong features give code that its processor cannot run; wasmtime compares them with the processor when
        // it loads the code, and refuses.
        unsafe {
            config.cranelift_flag_enable(feature);
        }
    }
}

/// Installs the standard library for the component, where it is missing. `rust-toolchain.toml` lists it, but rustup
/// installs what is listed there only if it may install by itself.
fn install_target() -> Result<(), Box<dyn Error>> {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let printed = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()?;
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

/// Builds the guest in release mode, whatever the host's is: in debug mode it is many times slower. While the host is
/// developed, the guest is not optimised as a whole: that takes a minute each time, and little is gained.
fn build_guest(shared: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let (lto, codegen_units, incremental) = match env::var("PROFILE")?.as_str() {
        "release" => ("fat", "1", "0"),
        _ => ("off", "16", "1"),
    };
    // A target directory of its own: the outer cargo holds the lock of the usual one.
    let target_dir = shared.join("target");
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args([
            "build",
            "--release",
            "--locked",
            "--lib",
            "--package",
            "baton-guest",
            "--target",
            TARGET,
        ])
        .arg("--target-dir")
        .arg(&target_dir)
        .current_dir("..")
        .env("RUSTFLAGS", "-C target-feature=+simd128")
        .env("CARGO_PROFILE_RELEASE_LTO", lto)
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", codegen_units)
        .env("CARGO_INCREMENTAL", incremental)
        .env("CARGO_PROFILE_RELEASE_STRIP", "symbols")
        // Macros run for a second, and take minutes to optimise.
        .env("CARGO_PROFILE_RELEASE_BUILD_OVERRIDE_OPT_LEVEL", "0")
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
