//! Requests, and the responses to them.

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::escapes::decoded;

/// A request, as it was received.
#[derive(Debug, Clone)]
pub struct ApiRequest {
    /// For example `GET`.
    pub method: Method,
    /// Not decoded.
    pub path: String,
    /// The part after `?`, not decoded.
    pub query: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl ApiRequest {
    /// Returns a value of the query, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| decoded(&value.replace('+', " ")))
            .next()
    }
}

/// A request and its response.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The request.
    pub request: ApiRequest,
    /// The status of the response.
    pub status: u16,
    /// The body of the response, if it is JSON.
    pub json: Option<serde_json::Value>,
}
