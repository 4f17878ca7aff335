//! The options of an object store. Everything comes from the caller: nothing here looks at the environment.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::http::HttpOptions;
use crate::interrupt::Interrupt;

/// The way in which a command uses a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreUse {
    /// Only read from it.
    Read,
    /// Create objects, too: the store must let exactly one of several creators win.
    Write,
}

/// Whether the bucket is a part of the host's name or of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Addressing {
    /// `https://HOST/BUCKET/KEY`: what most servers other than Amazon's want.
    Path,
    /// `https://BUCKET.HOST/KEY`.
    VirtualHost,
}

/// A role of AWS that the job's own identity is exchanged for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// For example `arn:aws:iam::123456789012:role/ci`.
    pub arn: String,
    /// The variable that holds the job's OIDC token. Default: what the runner is known to set.
    pub token_variable: Option<String>,
    /// The address of the token service. Default: Amazon's in the region.
    pub sts_endpoint: Option<String>,
}

/// Environment variables that the host has: `AWS_…`, `AZURE_…`, `GOOGLE_…` and those with OIDC tokens. Values are never
/// shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Variables(pub BTreeMap<String, String>);

impl Variables {
    /// Returns a variable that is set and not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}

impl FromIterator<(String, String)> for Variables {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Variables {
        Variables(variables.into_iter().collect())
    }
}

impl fmt::Debug for Variables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// The options of an object store.
#[derive(Debug, Clone)]
pub struct CloudOptions {
    /// Connections, TLS, proxies, time limits of one try.
    pub http: HttpOptions,
    /// The server's address, for one that is not Amazon's, Google's or Microsoft's.
    pub endpoint: Option<String>,
    /// The region, before what the variables say.
    pub region: Option<String>,
    /// Default: by path where there is an endpoint, else by host.
    pub addressing: Option<Addressing>,
    /// The role to take on.
    pub role: Option<Role>,
    /// The source of credentials and of the library's other settings.
    pub variables: Variables,
    /// The files with profiles, credentials first. One that is not there is passed over.
    pub profile_files: Vec<PathBuf>,
    /// The most requests under way at once, and so the most connections.
    pub connections_max: usize,
    /// The longest that one call may take, all tries together.
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
