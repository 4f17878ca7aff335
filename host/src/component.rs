//! The component that does the work: the one that is built in, or another one from a file.

use std::path::{Path, PathBuf};

use wasmtime::Engine;

use crate::error::Error;

static EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.wasm"));
/// The same, compiled for this target by the build script: loading takes a millisecond, compiling most of a second.
static COMPILED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/plugin.cwasm"));

/// A component in a file is not larger than this, in bytes.
const BYTES_MAX: u64 = 256 << 20;

/// A component that exports the world `plugin`.
#[derive(Debug, Clone)]
pub struct Component {
    bytes: std::borrow::Cow<'static, [u8]>,
    path: Option<PathBuf>,
}

impl Component {
    /// Returns the component that is built in.
    pub fn embedded() -> Component {
        Component {
            bytes: EMBEDDED.into(),
            path: None,
        }
    }

    /// Reads a component from a file. It is compiled when it is loaded.
    pub fn from_file(path: &Path) -> Result<Component, Error> {
        let bytes = crate::files::read(path, BYTES_MAX).map_err(|source| Error::ComponentFile {
            path: path.to_owned(),
            source,
        })?;
        Ok(Component {
            bytes: bytes.into(),
            path: Some(path.to_owned()),
        })
    }

    /// Returns the file that it came from, unless it is built in.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Whether it is the one that was built and reviewed with this host.
    pub(crate) fn is_built_in(&self) -> bool {
        self.path.is_none()
    }

    /// Returns its BLAKE3 in hex.
    pub fn digest(&self) -> String {
        blake3::hash(&self.bytes).to_hex().to_string()
    }

    /// Returns its SHA-256 in hex: the digest that a release lists.
    pub fn sha256(&self) -> String {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(&self.bytes);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns its size in bytes.
    pub fn size_bytes(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Returns the bytes of the component.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns its world as WIT text: what it asks for and what it offers.
    pub fn wit(&self) -> Result<String, Error> {
        let unreadable = |error: &dyn std::fmt::Display| Error::ComponentInvalid {
            name: self.name(),
            reason: error.to_string(),
        };
        let decoded = wit_component::decode(&self.bytes).map_err(|error| unreadable(&error))?;
        let mut printer = wit_component::WitPrinter::default();
        let packages: Vec<_> = decoded.resolve().packages.iter().map(|(id, _)| id).collect();
        let nested: Vec<_> = packages
            .iter()
            .copied()
            .filter(|id| *id != decoded.package())
            .collect();
        printer
            .print(decoded.resolve(), decoded.package(), &nested)
            .map_err(|error| unreadable(&error))?;
        Ok(printer.output.to_string())
    }

    /// Returns what errors call it.
    pub(crate) fn name(&self) -> String {
        self.path.as_ref().map_or_else(
            || "the built-in component".to_owned(),
            |path| path.display().to_string(),
        )
    }

    /// Prepares it to run.
    pub(crate) fn load(&self, engine: &Engine) -> Result<wasmtime::component::Component, Error> {
        let compiled_ahead = match self.path {
            None => deserialize(engine).ok(),
            Some(_) => None,
        };
        // Compiled now: another component, or the built-in one on a processor that its code is not for.
        let loaded =
            compiled_ahead.map_or_else(|| wasmtime::component::Component::new(engine, &self.bytes), Ok);
        loaded.map_err(|error| Error::ComponentInvalid {
            name: self.name(),
            reason: format!("{error:#}"),
        })
    }
}

#[expect(
    unsafe_code,
    reason = "the only way to load code that was compiled ahead of time"
)]
fn deserialize(engine: &Engine) -> wasmtime::Result<wasmtime::component::Component> {
    // SAFETY: the bytes are what `precompile_component` of the same wasmtime made in this crate's build script, and are
    // a constant of this binary: nobody can have changed them since.
    unsafe { wasmtime::component::Component::deserialize(engine, COMPILED) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn digests_are_those_of_the_standards() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("abc");
        std::fs::write(&file, b"abc").unwrap();
        let component = Component::from_file(&file).unwrap();
        assert_eq!(
            component.sha256(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(
            component.digest(),
            "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
        );
    }
}
