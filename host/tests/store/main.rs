//! Object stores: what a store must do, and what becomes of a run when a network or a server does wrong. Against SeaweedFS,
//! which these tests install and start, and through a proxy that does the wrong.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod clouds;
mod conformance;
mod credentials;
mod faults;
#[expect(dead_code, reason = "the end-to-end tests need more of it")]
#[path = "../cli/files.rs"]
mod files;
#[path = "../s3/objects.rs"]
mod objects;
mod outages;
#[expect(dead_code, reason = "the end-to-end tests need more of it")]
#[path = "../cli/place.rs"]
mod place;
mod proxies;
mod refusals;
mod scene;
mod secrets;
#[path = "../servers/mod.rs"]
mod servers;
#[expect(dead_code, reason = "the end-to-end tests need more of it")]
#[path = "../cli/stored.rs"]
mod stored;
mod unusual;
