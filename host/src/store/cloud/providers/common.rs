//! The parts of opening a store that all providers share.

use std::sync::Arc;

use object_store::list::PaginatedListStore;
use object_store::{ClientOptions, RetryConfig};

use super::super::connector::{Connector, address_of};
use super::super::failure::{RemoteFailure, RemoteKind, checked};
use super::super::options::CloudOptions;
use super::super::role::Renewable;
use crate::http::HttpClient;
use crate::syntax::Syntax;

/// An opened store of the library.
pub(crate) struct Opened {
    pub(crate) objects: Arc<dyn object_store::ObjectStore>,
    pub(crate) lister: Arc<dyn PaginatedListStore>,
    /// Credentials that can be renewed.
    pub(crate) renewable: Option<Arc<dyn Renewable>>,
    /// Whether many keys are deleted with one request.
    pub(crate) deletes_in_bulk: bool,
    /// The name of the server. The capabilities of one say nothing about another.
    pub(crate) server: String,
    /// Whether it is one of the three large services, which are known to list in the order of bytes.
    pub(crate) is_known: bool,
}

/// Returns the failure of options that the library refuses.
pub(super) fn refused(error: &object_store::Error) -> RemoteFailure {
    RemoteFailure::new(RemoteKind::Options, error.to_string())
}

pub(super) fn client_options(options: &CloudOptions) -> ClientOptions {
    ClientOptions::new()
        .with_allow_http(options.http.allow_http)
        .with_connect_timeout(options.http.connect_timeout)
}

/// The library makes one attempt. `attempts.rs` retries, because it knows fresh credentials and the pause that the server asks for.
pub(super) fn no_retries() -> RetryConfig {
    RetryConfig {
        max_retries: 0,
        ..RetryConfig::default()
    }
}

pub(super) fn connector(options: &CloudOptions, store: HttpClient, address: &str) -> Connector {
    Connector {
        store,
        options: options.http.clone(),
        library: client_options(options),
        address: address.into(),
    }
}

/// Returns the host and port of a server's address. An address with a password or a signature is refused, and not repeated.
pub(super) fn endpoint_address(what: &str, endpoint: &str) -> Result<String, RemoteFailure> {
    let uri = checked(Syntax::Address, what, endpoint)?
        .parse::<http::Uri>()
        .ok();
    uri.and_then(|uri| address_of(&uri)).ok_or_else(|| {
        let message = format!("{what} is not of the form https://HOST:PORT");
        RemoteFailure::new(RemoteKind::Options, message)
    })
}
