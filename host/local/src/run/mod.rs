//! Runs a plan: each job on this machine, in a directory of its own.
//!
//! A job finds what CircleCI gives it: variables, the workspace, artifacts, and CircleCI's API on loopback. Each kind of step
//! that CircleCI has is a file here.

mod artifacts;
mod assignment;
mod caches;
mod checkout;
mod continuation;
mod copy;
mod directories;
mod environment;
mod events;
mod inside;
mod invocation;
mod keys;
mod launcher;
mod library;
mod masking;
mod node;
mod options;
mod outcome;
mod sandbox;

mod services;
mod session;
mod shell;
mod state_directory;
mod test_results;
mod upstream;
mod workflow;
mod workspace;

pub use events::{Event, NodeName, Reporter};
pub use library::OrbLibrary;
pub use options::RunOptions;
pub use outcome::{Ending, JobOutcome, Outcome, TestCounts, WorkflowOutcome};
pub use sandbox::check_sandbox;
pub use session::Session;
