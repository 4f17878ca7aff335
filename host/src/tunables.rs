//! How the component is compiled. The build script, which compiles ahead of time, and the host, which loads the result,
//! must agree on every setting: both use this file.

use wasmtime::Config;

/// Returns the settings, for the processor at hand.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    // What ends a component that runs away: the host counts epochs, and compiled loops look.
    config.epoch_interruption(true);
    config
}
