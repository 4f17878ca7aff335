//! The options of the HTTP client.

use std::fmt;
use std::time::Duration;

use crate::secret::RedactedUrl;

/// The options of the HTTP client.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// Certificates in PEM that are trusted besides the system's and the bundled ones.
    pub ca_pem: Vec<String>,
    /// The proxies to use.
    pub proxies: Proxies,
    /// Whether requests without TLS are allowed.
    pub allow_http: bool,
    /// The maximum number of idle connections for each host.
    pub idle_connections_max: usize,
    /// The time limit to establish a connection, TLS included.
    pub connect_timeout: Duration,
    /// The time limit from the last byte of the request to the first byte of the response.
    pub first_byte_timeout: Duration,
    /// The time limit between two parts of a response.
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

/// Proxies by the scheme of the request, as in the usual variables. The URL of a proxy may contain a password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxies {
    /// For requests without TLS.
    pub http: Option<RedactedUrl>,
    /// For requests with TLS.
    pub https: Option<RedactedUrl>,
    /// Hosts that are reached without a proxy, separated by commas, as in `NO_PROXY`.
    pub except: Option<String>,
}

impl Proxies {
    /// Reads the proxies from `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower case first, as curl does.
    pub fn from_variables<'a>(variable: impl Fn(&str) -> Option<&'a str>) -> Proxies {
        let get = |name: &str| {
            variable(name)
                .or_else(|| variable(&name.to_ascii_uppercase()))
                .filter(|value| !value.is_empty())
        };
        let all = get("all_proxy");
        Proxies {
            http: get("http_proxy").or(all).map(RedactedUrl::from),
            https: get("https_proxy").or(all).map(RedactedUrl::from),
            except: get("no_proxy").map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_case_variable_comes_first_and_all_is_the_fallback() {
        let proxies = Proxies::from_variables(|name| match name {
            "https_proxy" => Some("http://lower:1"),
            "HTTPS_PROXY" => Some("http://upper:1"),
            "ALL_PROXY" => Some("http://all:1"),
            "NO_PROXY" => Some("localhost"),
            _ => None,
        });
        assert_eq!(proxies.https, Some("http://lower:1".into()));
        assert_eq!(proxies.http, Some("http://all:1".into()));
        assert_eq!(proxies.except.as_deref(), Some("localhost"));
    }

    #[test]
    fn a_password_of_a_proxy_is_not_shown() {
        let options = HttpOptions {
            proxies: Proxies {
                https: Some("http://user:hunter2@proxy:1".into()),
                ..Proxies::default()
            },
            ..HttpOptions::default()
        };
        let shown = format!("{options:?}");
        assert!(shown.contains("proxy:1") && !shown.contains("hunter2"), "{shown}");
    }
}
