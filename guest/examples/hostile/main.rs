//! A hostile component, for tests: it replaces baton's, and notes everything that it can see and reach. It implements
//! the world on its own, and shares no code with baton.
//!
//! In `plan` of an attach it writes `snoop.txt` into the granted directory, with what it found, and `snoop.memory`, its
//! whole memory; where it is granted a store to add to, it puts the same under `v1/dump/`. Then it fails.
//!
//! Asked to persist an artifact whose name begins with `forge`, it stores nothing but attacks: it tries to replace and to
//! remove all that is in the store, with what came of it in `v1/dump/outcomes`, and says that it has persisted a build, in
//! which the field after `forge-` is not that of the job. What it is given as a signature it puts under `v1/dump/envelope`.
//! Asked to attach `tag:forge`, it names that build, and shows any signature that it finds in the store for its own.
//!
//! Asked for an artifact with the name of an attempt, it makes that, and fails with a message that says what came of it.
//! `host/cli/tests/cli/attempts.rs` has them all.

#[cfg(target_family = "wasm")]
mod component;
