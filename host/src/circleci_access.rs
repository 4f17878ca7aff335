//! Access to CircleCI: the options, the part of them that the component receives, and the client with the token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::HeaderValue;

use crate::circleci_source::{CircleciSource, ToldNumber};
use crate::error::Error;
use crate::grants::{Egress, Origin, Policy, is_inner};
use crate::http::{AddressCheck, HttpClient, HttpOptions};
use crate::percent;
use crate::secret::Secret;
use crate::syntax::address;

/// CircleCI itself.
pub const CLOUD: &str = "https://circleci.com";

/// A CircleCI server, and the options to access it.
#[derive(Debug, Clone)]
pub struct CircleCi {
    /// The origin of the API, for example `https://circleci.com`.
    pub base_url: String,
    /// Additional hosts of artifacts, each as `HOST`, `HOST:PORT` or an origin. A CircleCI Server may have one; the hosts of
    /// circleci.com are known.
    pub artifact_hosts: Vec<String>,
    /// The token. It is added to requests for the API and for artifacts, and never reaches the component.
    pub token: Option<Secret>,
    /// The name of the variable with the token, for messages.
    pub token_variable: String,
    /// Certificates, proxies and time limits. The base URL decides whether plain HTTP is allowed.
    pub http: HttpOptions,
    /// The time limit of one request, all attempts together.
    pub time_budget: Duration,
}

impl Default for CircleCi {
    fn default() -> CircleCi {
        CircleCi {
            base_url: CLOUD.to_owned(),
            artifact_hosts: Vec::new(),
            token: None,
            token_variable: "CIRCLE_TOKEN".to_owned(),
            http: HttpOptions::default(),
            time_budget: Duration::from_secs(120),
        }
    }
}

impl CircleCi {
    /// Returns what a scope needs to look among the artifacts of a project, by its slug. A number is the
    /// latest build, and the API is not asked for it.
    pub fn source(&self, project: &str, told: Option<ToldNumber>) -> CircleciSource {
        CircleciSource {
            base_url: self.base_url.trim_end_matches('/').to_owned(),
            project: project.to_owned(),
            patience_ms: self.time_budget.as_millis() as u64,
            token_variable: self.token_variable.clone(),
            has_token: self.token.is_some(),
            told,
        }
    }

    /// Returns the servers that the component may access, for people.
    pub fn servers(&self) -> Result<Vec<String>, Error> {
        Ok(self.policy()?.shown())
    }

    /// Checks that the token may go to the base URL: it has TLS, or is on this machine.
    ///
    /// # Errors
    ///
    /// [`Error::CircleCi`] where it may not, or where the base URL is none.
    pub fn check(&self) -> Result<(), Error> {
        self.policy().map(drop)
    }

    fn policy(&self) -> Result<Policy, Error> {
        let api = origin(&self.base_url)
            .ok_or_else(|| self.wrong("it is not an origin such as https://circleci.com"))?;
        if !self.base_url.starts_with("https:") && !api.is_loopback() {
            return Err(self.wrong("without TLS the token would not be sent"));
        }
        let artifacts = self.artifact_hosts.iter().map(|host| {
            let scheme = if api.is_loopback() { "http" } else { "https" };
            let url = match host.contains("://") {
                true => host.clone(),
                false => format!("{scheme}://{host}"),
            };
            origin(&url)
                .ok_or_else(|| self.wrong(&format!("the artifact host {host} is not a host or an origin")))
        });
        let artifacts = artifacts.collect::<Result<_, _>>()?;
        Ok(Policy::new(api, artifacts))
    }

    fn wrong(&self, reason: &str) -> Error {
        Error::CircleCi {
            base_url: self.base_url.clone(),
            reason: reason.to_owned(),
        }
    }

    /// Creates the client, and the policy that each request must pass.
    pub(crate) fn egress(&self) -> Result<Egress, Error> {
        let policy = self.policy()?;
        let options = HttpOptions {
            allow_http: self.base_url.starts_with("http:"),
            ..self.http.clone()
        };
        // Servers choose the targets of redirects. One in an internal network is permitted only if the API is in one.
        let inner = Arc::new(AtomicBool::new(policy.api().is_inner()));
        let (checked, noted) = (policy.clone(), Arc::clone(&inner));
        let check: AddressCheck = Arc::new(move |address| {
            checked.check_address(address)?;
            if is_inner(address) && !checked.is_cloud() {
                noted.store(true, Ordering::Relaxed);
            }
            Ok(())
        });
        let checked = policy.clone();
        let check_redirected: AddressCheck = Arc::new(move |address| match is_inner(address) {
            true if !inner.load(Ordering::Relaxed) => Err("it is in an internal network, and the API is not"),
            _ => checked.check_address(address),
        });
        let client =
            |check| HttpClient::new(&options, check).map_err(|failure| self.wrong(&failure.to_string()));
        let (client, redirected) = (client(check)?, client(check_redirected)?);
        let token = self.token.as_ref().map(|token| {
            let mut value = HeaderValue::from_str(token.expose().trim()).map_err(|_| {
                self.wrong(&format!(
                    "the token in {} has characters that are not allowed in a header",
                    self.token_variable
                ))
            })?;
            value.set_sensitive(true);
            Ok::<_, Error>(value)
        });
        Ok(Egress {
            policy,
            client,
            redirected,
            token: token.transpose()?,
        })
    }
}

/// Returns the origin of a URL that consists of nothing else.
fn origin(url: &str) -> Option<Origin> {
    let url = address(url.trim_end_matches('/'))?;
    let plain = matches!(url.path(), "" | "/") && url.query().is_none();
    if plain { Origin::of(&url) } else { None }
}

/// Returns a project's slug as the component writes it in a path: three percent-encoded names.
pub(crate) fn slug_path(project: &str) -> String {
    let parts = project.split('/').map(|part| percent::encoded(part).to_string());
    let parts: Vec<String> = parts.collect();
    let parts = match parts.split_first() {
        Some((host, rest)) if host == "github" => [&["gh".to_owned()], rest].concat(),
        Some((host, rest)) if host == "bitbucket" => [&["bb".to_owned()], rest].concat(),
        _ => parts,
    };
    parts.join("/")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_token_is_not_shown() {
        let circleci = CircleCi {
            token: Some("hunter2".into()),
            ..CircleCi::default()
        };
        assert!(!format!("{circleci:?}").contains("hunter2"));
        assert!(!format!("{:?}", circleci.egress().unwrap()).contains("hunter2"));
        assert!(!format!("{:?}", circleci.source("gh/a/b", None)).contains("hunter2"));
    }

    #[test]
    fn a_base_url_is_an_origin_with_tls() {
        for wrong in [
            "",
            "circleci.com",
            "http://ci.acme.example",
            "https://a/b",
            "https://u@a",
            "ftp://a",
            "https://a?b",
        ] {
            let circleci = CircleCi {
                base_url: wrong.to_owned(),
                ..CircleCi::default()
            };
            assert!(circleci.servers().is_err(), "{wrong}");
        }
        let server = CircleCi {
            base_url: "https://ci.acme.example/".to_owned(),
            artifact_hosts: vec!["files.acme.example:8443".to_owned()],
            ..CircleCi::default()
        };
        assert_eq!(
            server.servers().unwrap(),
            ["https://ci.acme.example", "https://files.acme.example:8443"]
        );
        assert_eq!(
            CircleCi::default().servers().unwrap(),
            ["https://circleci.com", "https://*.circle-artifacts.com"]
        );
    }

    #[test]
    fn a_slug_has_one_path() {
        assert_eq!(slug_path("github/a b/c"), "gh/a%20b/c");
        assert_eq!(slug_path("circleci/1/2"), "circleci/1/2");
    }
}
