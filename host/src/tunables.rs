//! How the component is compiled. The build script, which compiles ahead of time, and the host, which loads the result,
//! must agree on every setting: both use this file.

use wasmtime::Config;

/// Returns the settings, for the processor at hand. [`for_any_processor`] makes them portable.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    // What ends a component that runs away: the host counts epochs, and compiled loops look.
    config.epoch_interruption(true);
    config
}

/// Limits the settings to what every processor of the target has, so that a binary that was built on one runs on all.
#[allow(dead_code, clippy::allow_attributes, reason = "only the build script compiles for other machines")]
pub(crate) fn for_any_processor(config: &mut Config, target: &str) -> wasmtime::Result<()> {
    config.target(target)?;
    Ok(())
}
