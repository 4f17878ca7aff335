//! The servers that tests and the benchmark run against, all on loopback: SeaweedFS, which is a real S3 server with a real
//! token service; a proxy before it that counts requests and does what networks and other servers do; and the issuer of
//! the tokens that CI systems hand to their jobs.
//!
//! Whoever includes this module includes all of it.

mod bucket;
mod fault;
mod http;
mod install;
mod issuer;
mod ports;
mod proxy;
mod tls;
mod weed;

pub(crate) use bucket::Bucket;
pub(crate) use fault::{Answer, Fault, Rule};
pub(crate) use http::{Message, exchange};
pub(crate) use issuer::{Issuer, ROLE};
pub(crate) use proxy::Proxy;
pub(crate) use tls::Authority;
pub(crate) use weed::{Identity, READER, REGION, WRITER, Weed};
