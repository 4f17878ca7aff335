//! The policy for requests: which of them may leave. It has no socket.
//!
//! Nothing may, unless it goes to one of three places: what baton asks of the API, about the projects that the run is
//! about; the hosts that CircleCI keeps artifacts on; and, once and without the token, the very URL that an artifact's
//! host has just answered a request with. The token belongs to the first two, over TLS or on this machine, and to nobody
//! else, whatever an answer says.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderName, Method, Uri, header};
use reqwest::Url;
use serde::Deserialize;

/// The domain of CircleCI's artifacts.
const ARTIFACT_DOMAIN: &str = ".circle-artifacts.com";
/// The path of artifacts on a host that has both the API and artifacts.
const ARTIFACT_PATH: &str = "/output/";
/// The API that keeps its artifacts there.
const CLOUD_HOST: &str = "circleci.com";
/// So many redirects may be open at a time. One instance asks one thing after the other.
const TICKETS_MAX: usize = 16;
/// The headers that a request may have. The client sets host and length.
const HEADERS: [HeaderName; 6] = [
    header::ACCEPT,
    header::CONTENT_TYPE,
    header::RANGE,
    header::IF_RANGE,
    header::IF_NONE_MATCH,
    header::CONTENT_LENGTH,
];

/// Scheme, host and port: what decides whether two URLs are of one server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    tls: bool,
    /// In lower case, without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

impl Origin {
    /// Returns the origin of a URL. None where it has none, or holds a name and a password.
    pub(crate) fn of(url: &Uri) -> Option<Origin> {
        let tls = match url.scheme_str()? {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = url.authority()?;
        if authority.as_str().contains('@') {
            return None;
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        // A name with a dot at its end is the same name.
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let port = authority.port_u16().unwrap_or(if tls { 443 } else { 80 });
        (!host.is_empty()).then_some(Origin { tls, host, port })
    }

    /// Whether it is on this machine by its name.
    pub(crate) fn is_loopback(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => self.host == "localhost",
        }
    }

    /// Whether it is an address of a network that not everybody reaches.
    pub(crate) fn is_inner(&self) -> bool {
        self.is_loopback() || self.host.parse::<IpAddr>().is_ok_and(is_inner)
    }

    /// Whether nobody on the way can read along.
    fn is_private(&self) -> bool {
        self.tls || self.is_loopback()
    }
}

/// The requests that a run may send.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    api: Origin,
    /// Hosts with artifacts besides CircleCI's own domain.
    artifacts: Vec<Origin>,
    /// Whether CircleCI's own domain has this API's artifacts.
    cloud: bool,
    /// The projects that the run is about, each as its slug is written in a path.
    projects: Vec<String>,
    /// The one variable that may be set.
    change: Option<Change>,
}

/// A variable of a project, and what it is to be set to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// As its slug is written in a path.
    pub(crate) project: String,
    pub(crate) name: String,
    pub(crate) number: u64,
}

/// The body that sets a variable: these two fields, and no other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewVariable<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow)]
    value: Cow<'a, str>,
}

impl Change {
    /// Whether a request's body says this, and nothing else.
    fn is_said_by(&self, body: &[u8]) -> bool {
        serde_json::from_slice::<NewVariable<'_>>(body)
            .is_ok_and(|new| new.name == self.name && new.value == self.number.to_string())
    }
}

/// The way in which an admitted request leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// To the API, with the token.
    Api,
    /// To where an artifact is, with the token. It may lead on.
    Artifact,
    /// The target of a redirect, without the token.
    Redirected,
}

impl Admitted {
    /// Whether the token goes along.
    pub(crate) fn has_token(self) -> bool {
        self != Admitted::Redirected
    }
}

/// The redirects that one instance may follow, each once and as [`normal`] writes them.
#[derive(Debug, Default)]
pub(crate) struct Tickets(VecDeque<Url>);

impl Policy {
    pub(crate) fn new(api: Origin, artifacts: Vec<Origin>) -> Policy {
        Policy {
            cloud: api.host == CLOUD_HOST && api.tls,
            api,
            artifacts,
            projects: Vec::new(),
            change: None,
        }
    }

    /// Returns the policy of a run about these projects.
    pub(crate) fn about(&self, projects: Vec<String>) -> Policy {
        Policy {
            projects,
            ..self.clone()
        }
    }

    /// Returns the policy of a run that sets one variable.
    pub(crate) fn with_change(&self, change: Change) -> Policy {
        Policy {
            projects: vec![change.project.clone()],
            change: Some(change),
            ..self.clone()
        }
    }

    /// Returns where the API is.
    pub(crate) fn api(&self) -> &Origin {
        &self.api
    }

    /// Whether the API is CircleCI's own, on the open network.
    pub(crate) fn is_cloud(&self) -> bool {
        self.cloud
    }

    /// Returns the origins, for people.
    pub(crate) fn shown(&self) -> Vec<String> {
        let shown = |origin: &Origin| {
            let scheme = if origin.tls { "https" } else { "http" };
            let host = match origin.host.contains(':') {
                true => format!("[{}]", origin.host),
                false => origin.host.clone(),
            };
            match (origin.tls, origin.port) {
                (true, 443) | (false, 80) => format!("{scheme}://{host}"),
                (_, port) => format!("{scheme}://{host}:{port}"),
            }
        };
        let cloud = self.cloud.then(|| format!("https://*{ARTIFACT_DOMAIN}"));
        std::iter::once(shown(&self.api))
            .chain(cloud)
            .chain(self.artifacts.iter().map(shown))
            .collect()
    }

    /// Decides about one request, and returns the URL that was decided on: no other may be asked. A ticket that it needs
    /// is used up.
    pub(crate) fn admit(
        &self,
        method: &Method,
        url: &Uri,
        body: &[u8],
        tickets: &mut Tickets,
    ) -> Option<(Admitted, Uri)> {
        let url = normal(url)?;
        let sent: Uri = url.as_str().parse().ok()?;
        if !is_plain(sent.path()) {
            return None;
        }
        let origin = Origin::of(&sent)?;
        let reads = *method == Method::GET || *method == Method::HEAD;
        let admitted = if reads && self.is_artifact(&origin, sent.path()) {
            Admitted::Artifact
        } else if origin == self.api && origin.is_private() && self.is_asked(method, &sent, body) {
            Admitted::Api
        } else if reads && self.may_follow(&origin) && tickets.take(&url) {
            Admitted::Redirected
        } else {
            return None;
        };
        Some((admitted, sent))
    }

    /// Notes where an answer leads, if its server may lead anywhere.
    pub(crate) fn answered(&self, admitted: Admitted, from: &Uri, location: &str, tickets: &mut Tickets) {
        if admitted == Admitted::Artifact
            && let Some(to) = resolved(from, location)
        {
            tickets.add(to);
        }
    }

    /// Whether baton asks this of the API.
    fn is_asked(&self, method: &Method, url: &Uri, body: &[u8]) -> bool {
        let path = url.path();
        let change = self.change.as_ref().and_then(|change| {
            let rest = path.strip_prefix("/api/v2/project/")?;
            let rest = rest.strip_prefix(change.project.as_str())?;
            Some((change, rest.strip_prefix("/envvar")?))
        });
        match *method {
            Method::POST => {
                url.query().is_none()
                    && change.is_some_and(|(change, rest)| rest.is_empty() && change.is_said_by(body))
            }
            Method::GET => {
                change.is_some_and(|(change, rest)| rest.strip_prefix('/') == Some(change.name.as_str()))
                    || self.is_read(path)
            }
            _ => false,
        }
    }

    /// Whether baton reads this path of the API.
    fn is_read(&self, path: &str) -> bool {
        let parts = |rest: &str| -> Vec<String> { rest.split('/').map(str::to_owned).collect() };
        let of_project = |rest: &str, written: &dyn Fn(&str) -> String| {
            let rest = self
                .projects
                .iter()
                .find_map(|project| rest.strip_prefix(written(project).as_str())?.strip_prefix('/'));
            rest.map(parts).unwrap_or_default()
        };
        if let Some(rest) = path.strip_prefix("/api/v1.1/project/") {
            let parts = of_project(rest, &in_v1);
            return matches!(parts.as_slice(), [tree, branch] if tree == "tree" && !branch.is_empty());
        }
        let Some(rest) = path.strip_prefix("/api/v2/") else {
            return false;
        };
        if let Some(rest) = rest.strip_prefix("project/") {
            let parts = of_project(rest, &str::to_owned);
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            return match parts.as_slice() {
                ["pipeline"] => true,
                ["job", number] | [number, "artifacts"] => is_number(number),
                _ => false,
            };
        }
        match rest.split('/').collect::<Vec<_>>().as_slice() {
            ["pipeline", id, "workflow"] | ["workflow", id] | ["workflow", id, "job"] => !id.is_empty(),
            _ => false,
        }
    }

    /// Whether the URL is one of artifacts: on a host of theirs, or below the one path of the API's host that has them.
    fn is_artifact(&self, origin: &Origin, path: &str) -> bool {
        let on_cloud = self.cloud
            && origin.tls
            && origin.port == 443
            && origin.host.len() > ARTIFACT_DOMAIN.len()
            && origin.host.ends_with(ARTIFACT_DOMAIN);
        let on_api = *origin == self.api && path.starts_with(ARTIFACT_PATH);
        origin.is_private() && (on_cloud || on_api || self.artifacts.contains(origin))
    }

    /// Whether a redirect may lead there at all.
    fn may_follow(&self, origin: &Origin) -> bool {
        let local = origin.is_loopback();
        (origin.tls && !local) || (local && self.api.is_loopback())
    }

    /// Says why an address must not be asked, whatever name led to it.
    pub(crate) fn check_address(&self, address: IpAddr) -> Result<(), &'static str> {
        check_address(address, self.api.is_loopback())
    }
}

impl Tickets {
    fn add(&mut self, url: Url) {
        if self.0.len() == TICKETS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(url);
    }

    fn take(&mut self, url: &Url) -> bool {
        let found = self.0.iter().position(|ticket| ticket == url);
        found.is_some_and(|at| self.0.remove(at).is_some())
    }
}

/// Whether a request may have a header. The token's names are not among them: only the host adds it.
pub(crate) fn may_say(name: &HeaderName) -> bool {
    HEADERS.contains(name)
}

/// Returns a URL in the form that is decided on, compared and sent: dots resolved, escapes and host as browsers write
/// them, no fragment. None where it is none, or holds a name or a password.
fn normal(url: &Uri) -> Option<Url> {
    without_fragment(url.to_string().parse().ok()?)
}

/// Returns where a redirect leads, in the same form.
fn resolved(from: &Uri, location: &str) -> Option<Url> {
    let location = location.trim();
    if location.is_empty() {
        return None;
    }
    without_fragment(normal(from)?.join(location).ok()?)
}

fn without_fragment(mut url: Url) -> Option<Url> {
    url.set_fragment(None);
    (url.username().is_empty() && url.password().is_none()).then_some(url)
}

/// Whether every server reads a path alike, however often it decodes it: then the path leads where its first names say.
/// A name that some server takes for a step up or for nothing makes it another one, written in any way: percent-encoded
/// once or many times, with a backslash, or with parameters after a semicolon, which Java's servers drop.
fn is_plain(path: &str) -> bool {
    let mut decoded = path.as_bytes().to_vec();
    // Each turn that changes something makes it shorter.
    loop {
        let next: Vec<u8> = percent_encoding::percent_decode(&decoded).collect();
        if next == decoded {
            break;
        }
        decoded = next;
    }
    let Ok(decoded) = String::from_utf8(decoded) else {
        return false;
    };
    let is_name = |part: &str| {
        let name = part.split(';').next().unwrap_or_default();
        !matches!(name, "" | "." | "..")
    };
    let names = decoded.strip_prefix('/').unwrap_or(&decoded);
    !decoded.contains(|c: char| c == '\\' || c.is_control()) && names.split('/').all(is_name)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// v1.1 has the long name of a project's host.
fn in_v1(slug: &str) -> String {
    match slug.split_once('/') {
        Some(("gh", rest)) => format!("github/{rest}"),
        Some(("bb", rest)) => format!("bitbucket/{rest}"),
        _ => slug.to_owned(),
    }
}

/// Whether an address is of a network that not everybody reaches.
pub(crate) fn is_inner(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            // The last ones are those that providers share (RFC 6598).
            v4.is_private() || v4.is_loopback() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(v6) => {
            let [first, ..] = v6.segments();
            v6.is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfec0
        }
    }
}

fn check_address(address: IpAddr, loopback: bool) -> Result<(), &'static str> {
    let address = plain(address);
    if address.is_loopback() {
        return match loopback {
            true => Ok(()),
            false => Err("it is this machine"),
        };
    }
    if address.is_unspecified() || address.is_multicast() {
        return Err("it is no address of a server");
    }
    match address {
        IpAddr::V4(v4) if v4.is_link_local() => {
            Err("it is a link-local address, as clouds have their metadata on")
        }
        IpAddr::V4(v4) if v4.is_broadcast() => Err("it is no address of a server"),
        // Alibaba's, Oracle's and Azure's.
        IpAddr::V4(v4)
            if matches!(
                v4.octets(),
                [100, 100, 100, 200] | [192, 0, 0, 192] | [168, 63, 129, 16]
            ) =>
        {
            Err("it is a cloud's metadata")
        }
        IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfe80 => Err("it is a link-local address"),
        IpAddr::V6(v6) => match v6.segments() {
            // Amazon's metadata and resolver, and Google's metadata.
            [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254 | 0x23] | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254] => {
                Err("it is a cloud's metadata")
            }
            // A network's own NAT64 (RFC 8215), and Teredo (RFC 4380).
            [0x64, 0xff9b, 1, ..] | [0x2001, 0, ..] => Err("it stands for another address"),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Returns the IPv4 address that an IPv6 address stands for, in any of the forms that a system may route.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    match v6.segments() {
        // NAT64 (RFC 6052), and the old compatible form, of which ::1 and :: are not.
        [0x64, 0xff9b, 0, 0, 0, 0, a, b] => v4(a, b).into(),
        // Translated (RFC 2765).
        [0, 0, 0, 0, 0xffff, 0, a, b] => v4(a, b).into(),
        [0, 0, 0, 0, 0, 0, a, b] if a != 0 => v4(a, b).into(),
        // 6to4 (RFC 3056).
        [0x2002, a, b, ..] => v4(a, b).into(),
        _ => address,
    }
}

fn v4(a: u16, b: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (a.to_be_bytes(), b.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests;
