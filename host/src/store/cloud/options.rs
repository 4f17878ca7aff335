//! The options of an object store. The caller gives all of them: nothing here reads the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::http::HttpOptions;
use crate::interrupt::Interrupt;
use crate::secret::{RedactedUrl, Secret};

/// The way in which a command uses a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreUse {
    /// Read only.
    Read,
    /// Create objects, too. The store must let exactly one of several creators succeed.
    Write,
}

/// Whether the bucket is a part of the host's name or of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `https://HOST/BUCKET/KEY`, which most servers other than Amazon's expect.
    Path,
    /// `https://BUCKET.HOST/KEY`.
    VirtualHost,
}

/// A role of AWS that the job assumes with its OIDC token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// For example `arn:aws:iam::123456789012:role/ci`.
    pub arn: String,
    /// The variable with the job's OIDC token. Defaults to the variable of the runner.
    pub token_variable: Option<String>,
    /// The address of the token service. Defaults to Amazon's in the region.
    pub sts_endpoint: Option<RedactedUrl>,
}

/// The environment variables that the host may use: `AWS_…`, `AZURE_…`, `GOOGLE_…` and those with OIDC tokens. Their values are
/// never shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Variables(BTreeMap<String, Secret>);

impl Variables {
    /// Returns a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(Secret::expose)
            .filter(|value| !value.is_empty())
    }

    /// Returns the names and values of the variables that are set and not empty.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let set = self.0.iter().map(|(name, value)| (name.as_str(), value.expose()));
        set.filter(|(_, value)| !value.is_empty())
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Variables {
        let secret = |(name, value): (String, String)| (name, Secret::from(value));
        Variables(variables.into_iter().map(secret).collect())
    }
}

/// The options of an object store.
#[derive(Debug, Clone)]
pub struct CloudOptions {
    /// Connections, TLS, proxies, time limits of one attempt.
    pub http: HttpOptions,
    /// The address of a server that is not Amazon's, Google's or Microsoft's.
    pub endpoint: Option<RedactedUrl>,
    /// The region. It takes precedence over the variables.
    pub region: Option<String>,
    /// The addressing. Defaults to the path if there is an endpoint, else to the host's name.
    pub addressing: Option<Addressing>,
    /// The role to assume.
    pub role: Option<Role>,
    /// The variables with credentials and other settings of the libraries.
    pub variables: Variables,
    /// The files with profiles, credentials first. A missing one is skipped.
    pub profile_files: Vec<PathBuf>,
    /// The maximum number of concurrent requests, and so of connections.
    pub connections_max: usize,
    /// The time limit of one call, all attempts together.
    pub time_budget: Duration,
    /// Ends a call early.
    pub interrupt: Interrupt,
}

impl Default for CloudOptions {
    fn default() -> CloudOptions {
        CloudOptions {
            http: HttpOptions::default(),
            endpoint: None,
            region: None,
            addressing: None,
            role: None,
            variables: Variables::default(),
            profile_files: Vec::new(),
            connections_max: 4,
            time_budget: Duration::from_secs(120),
            interrupt: Interrupt::default(),
        }
    }
}
