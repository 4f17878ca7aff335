//! Which CI runner runs us, and which build this is.
//!
//! [`Context::detect`] answers from values that it is given: the runner's variables, the runner's event file,
//! and what git says of the working directory. Each answer carries its [`Source`], so that a person can see
//! why baton believes it. The order is: flag, `BATON_*` variable, the runner's variables, git.
//!
//! **Invariant:** nothing here reads the process environment, a file or the terminal. [`Git::read`] alone
//! runs a command, and only its caller decides to. Nothing here knows what a build is used for: whether one
//! can become the latest of its branch is the guest's decision, from the `tag`, `pull_request` and `fork`
//! that are found here.

mod buildkite;
mod circleci;
mod detect;
mod error;
mod field;
mod found;
mod git;
mod github_actions;
mod github_event;
mod gitlab_ci;
mod jenkins;
mod local;
#[cfg(test)]
mod odd_values;
mod overrides;
mod parse;
mod pull_request;
mod reading;
mod remote;
mod report;
mod runner;
mod surroundings;
#[cfg(test)]
mod testing;

pub use detect::Context;
pub use error::ContextError;
pub use field::VARIABLES;
pub use found::{Found, Node, Source};
pub use git::Git;
pub use overrides::Overrides;
pub use remote::Remote;
pub use report::Missing;
pub use runner::Runner;
pub use surroundings::Surroundings;
