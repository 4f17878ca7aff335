//! What stands in for CircleCI on this machine.

pub mod api;
