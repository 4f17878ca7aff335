//! The servers that tests and the benchmark run against, all on loopback: SeaweedFS, which is a real S3 server with a real
//! token service; a proxy before it that counts requests and does what networks and other servers do; and the issuer of
//! the tokens that CI systems hand to their jobs.
//!
//! Whoever includes this module includes all of it.

pub mod bucket;
mod client;
pub mod fault;
pub mod http;
mod install;
pub mod issuer;
mod ports;
pub mod proxy;
pub mod tls;
pub mod weed;
