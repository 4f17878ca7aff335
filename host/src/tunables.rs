//! How the component is compiled. The build script, which compiles ahead of time, and the host, which loads the result,
//! must agree on every setting: both use this file.

use wasmtime::Config;

/// Returns the settings. `interruptible` code looks up in every loop whether it shall end, which costs a persist a tenth
/// of its time: it is for components that nobody has reviewed. The built-in one is ended between its calls instead.
pub(crate) fn config(interruptible: bool) -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    config.epoch_interruption(interruptible);
    // Nothing unwinds through the component. With a static libc, to register it for that takes a third of a short run.
    config.native_unwind_info(false);
    config
}
