//! One HTTP client for all that speaks HTTP: connections, TLS, proxies and time limits.
//!
//! It replaces the clients that the libraries bring along, so that every request obeys the same rules. It deliberately
//! does not retry, follow redirects, or know what a request means: callers do.

mod client;
mod documents;
mod failure;
mod resolver;
mod roots;
mod timed;

use std::fmt;
use std::time::Duration;

pub(crate) use client::HttpClient;
pub use documents::{DocumentError, Documents};
pub(crate) use failure::{HttpFailure, HttpFailureKind};
pub(crate) use resolver::{AddressCheck, all_addresses};
pub(crate) use timed::Received;

/// The options of the HTTP client.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// Certificates in PEM that are trusted besides the system's and the bundled ones.
    pub ca_pem: Vec<String>,
    /// The proxies to use.
    pub proxies: Proxies,
    /// Whether a request may go out without TLS.
    pub allow_http: bool,
    /// The maximum number of idle connections for each host.
    pub idle_connections_max: usize,
    /// The time limit for a connection, including TLS.
    pub connect_timeout: Duration,
    /// The time limit for the first byte of the answer, from the last byte of the request that the server accepted.
    pub first_byte_timeout: Duration,
    /// The time limit between two bytes of an answer.
    pub idle_timeout: Duration,
}

impl Default for HttpOptions {
    fn default() -> HttpOptions {
        HttpOptions {
            ca_pem: Vec::new(),
            proxies: Proxies::default(),
            allow_http: false,
            idle_connections_max: 8,
            connect_timeout: Duration::from_secs(10),
            first_byte_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(30),
        }
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("HttpOptions")
            .field("ca_pem", &self.ca_pem.len())
            .field("proxies", &self.proxies)
            .field("allow_http", &self.allow_http)
            .field("connect_timeout", &self.connect_timeout)
            .field("first_byte_timeout", &self.first_byte_timeout)
            .field("idle_timeout", &self.idle_timeout)
            .finish_non_exhaustive()
    }
}

/// Proxies by the scheme of the request, as the usual variables give them. A proxy's URL may hold a password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For requests without TLS.
    pub http: Option<String>,
    /// For requests with TLS.
    pub https: Option<String>,
    /// Hosts that are asked directly, separated by commas, as in `NO_PROXY`.
    pub except: Option<String>,
}

impl Proxies {
    /// Returns what `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say, in lower case first, as curl does.
    pub fn from_variables<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Proxies {
        let get = |name: &str| {
            variable(name)
                .or_else(|| variable(&name.to_ascii_uppercase()))
                .filter(|value| !value.is_empty())
                .map(str::to_owned)
        };
        let all = get("all_proxy");
        Proxies {
            http: get("http_proxy").or_else(|| all.clone()),
            https: get("https_proxy").or(all),
            except: get("no_proxy"),
        }
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Proxies")
            .field("http", &self.http.is_some())
            .field("https", &self.https.is_some())
            .field("except", &self.except)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_case_variable_comes_first_and_all_stands_in() {
        let proxies = Proxies::from_variables(|name| match name {
            "https_proxy" => Some("http://lower:1"),
            "HTTPS_PROXY" => Some("http://upper:1"),
            "ALL_PROXY" => Some("http://all:1"),
            "NO_PROXY" => Some("localhost"),
            _ => None,
        });
        assert_eq!(proxies.https.as_deref(), Some("http://lower:1"));
        assert_eq!(proxies.http.as_deref(), Some("http://all:1"));
        assert_eq!(proxies.except.as_deref(), Some("localhost"));
    }

    #[test]
    fn a_password_of_a_proxy_is_not_shown() {
        let options = HttpOptions {
            proxies: Proxies {
                https: Some("http://user:hunter2@proxy:1".to_owned()),
                ..Proxies::default()
            },
            ..HttpOptions::default()
        };
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
