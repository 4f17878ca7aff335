//! The HTTP client of all requests: connections, TLS, proxies and time limits.
//!
//! It replaces the clients of the libraries, so that every request obeys the same rules. It deliberately does not retry or
//! follow redirects: its callers do.

mod client;
mod documents;
mod failure;
mod options;
mod resolver;
mod roots;
mod timed;

pub(crate) use client::HttpClient;
pub use documents::{DocumentError, Documents};
pub(crate) use failure::{HttpFailure, HttpFailureKind};
pub use options::{HttpOptions, Proxies};
pub(crate) use resolver::{AddressCheck, all_addresses};
pub(crate) use timed::Received;
