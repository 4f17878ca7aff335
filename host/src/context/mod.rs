//! The detection of the CI runner and of the build.
//!
//! [`Context::detect`] answers from its [`Inputs`]: the runner's variables, the runner's event file, and git's answers about the
//! working directory. Each value carries its [`Provenance`], so that a person can see why baton believes it. The order is:
//! flag, `BATON_*` variable, `baton.toml`, the runner's variables, git.
//!
//! `field.rs` has the one table of fields, and each file of `runners/` says where its runner has each field.
//!
//! **Invariant:** nothing here reads the process environment, a file or the terminal. [`Git::read`] alone runs a command, and
//! only its caller decides to. Nothing here knows the purpose of a build: whether one can become the latest of its branch is
//! the guest's decision, from the `tag`, `pull_request` and `fork` that are detected here.

mod build_context;
mod check;

mod detect;
mod error;
mod field;
mod field_values;
mod git;
mod github_event;
mod inputs;
mod missing;
mod origin;
mod provenance;
mod pull_request;
mod remote;
mod runners;
#[cfg(test)]
mod testing;
mod value;
mod variables;

pub use build_context::{Context, Row};
pub use error::ContextError;
pub use field::{Field, ValueType};
pub use field_values::FieldValues;
pub use git::Git;
pub use inputs::Inputs;
pub use missing::Missing;
pub use provenance::{Provenance, Sourced};
pub use remote::Remote;
pub use runners::Runner;
pub use value::Value;
