//! Options of a server, and the faults that tests inject.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::request::{ApiRequest, Exchange};

/// A fault to inject into a response.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Another response is sent instead.
    Answer {
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// The connection is closed without a response.
    Close,
    /// The connection is closed after this number of bytes of an artifact.
    CutAfter(u64),
    /// Nothing is sent after this number of bytes of an artifact, and the connection stays open.
    SilentAfter(u64),
    /// The response is delayed.
    Delay(Duration),
}

/// Chooses the fault for a request, if any.
pub type Faults = Arc<dyn Fn(&ApiRequest) -> Option<Fault> + Send + Sync>;
/// Called after each response.
pub type Observer = Arc<dyn Fn(&Exchange) + Send + Sync>;

/// Options of a server.
#[derive(Clone)]
pub struct ServerOptions {
    /// The token that every request must carry. Defaults to none.
    pub token: Option<String>,
    /// Items on a page of a list. Defaults to 20.
    pub page_size: usize,
    /// Whether v1.1 is served, too. Defaults to true.
    pub v1: bool,
    /// The origin in the URLs of artifacts. Defaults to this server.
    pub artifacts_at: Option<String>,
    /// URLs of single artifacts, by their paths.
    pub artifact_urls: BTreeMap<String, String>,
    /// The faults to inject. Defaults to none.
    pub faults: Option<Faults>,
    /// Called after each response. Defaults to no callback.
    pub observer: Option<Observer>,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            token: None,
            page_size: 20,
            v1: true,
            artifacts_at: None,
            artifact_urls: BTreeMap::new(),
            faults: None,
            observer: None,
        }
    }
}

impl fmt::Debug for ServerOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServerOptions")
            .field("token", &self.token.as_ref().map(|_| "(hidden)"))
            .field("page_size", &self.page_size)
            .field("v1", &self.v1)
            .field("artifacts_at", &self.artifacts_at)
            .finish_non_exhaustive()
    }
}
