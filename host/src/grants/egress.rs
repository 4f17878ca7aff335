//! Which requests may leave: the policy alone, without a socket.
//!
//! Nothing may, unless it goes to one of three places: the API; the hosts that CircleCI keeps artifacts on; and, once and
//! without the token, the very URL that one of those two has just answered a request with. The token belongs to the
//! first two, over TLS or on this machine, and to nobody else, whatever an answer says.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{HeaderName, Method, Uri, header};

/// Where CircleCI itself keeps artifacts.
const ARTIFACT_DOMAIN: &str = ".circle-artifacts.com";
/// The API that keeps its artifacts there.
const CLOUD_HOST: &str = "circleci.com";
/// So many redirects may be open at a time. One instance asks one thing after the other.
const TICKETS_MAX: usize = 16;
/// What a request may say. Host and length are the client's own.
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
            Ok(address) => plain(address).is_loopback(),
            Err(_) => self.host == "localhost",
        }
    }

    /// Whether nobody on the way can read along.
    fn is_private(&self) -> bool {
        self.tls || self.is_loopback()
    }
}

/// What a run may ask.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    api: Origin,
    /// Hosts with artifacts besides CircleCI's own domain.
    artifacts: Vec<Origin>,
    /// Whether CircleCI's own domain has this API's artifacts.
    cloud: bool,
    /// The one path of the API that may be posted to.
    post: Option<String>,
}

/// That a request may leave, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// To a server that the token belongs to.
    WithToken,
    /// Where a redirect leads.
    WithoutToken,
}

/// The redirects that one instance may follow, each once.
#[derive(Debug, Default)]
pub(crate) struct Tickets(VecDeque<Uri>);

impl Policy {
    pub(crate) fn new(api: Origin, artifacts: Vec<Origin>) -> Policy {
        Policy {
            cloud: api.host == CLOUD_HOST && api.tls,
            api,
            artifacts,
            post: None,
        }
    }

    /// Returns the policy of a run that may also set a project's variables.
    pub(crate) fn with_post(&self, path: String) -> Policy {
        Policy {
            post: Some(path),
            ..self.clone()
        }
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

    /// Decides about one request. A ticket that it needs is used up.
    pub(crate) fn admit(&self, method: &Method, url: &Uri, tickets: &mut Tickets) -> Option<Admitted> {
        let origin = Origin::of(url)?;
        let reads = *method == Method::GET || *method == Method::HEAD;
        let posts = *method == Method::POST
            && origin == self.api
            && url.query().is_none()
            && self.post.as_deref() == Some(url.path());
        if self.owns_token(&origin) && (reads || posts) {
            return Some(Admitted::WithToken);
        }
        (reads && self.may_follow(&origin) && tickets.take(url)).then_some(Admitted::WithoutToken)
    }

    /// Notes where an answer leads, if its server may lead anywhere.
    pub(crate) fn answered(&self, admitted: Admitted, from: &Uri, location: &str, tickets: &mut Tickets) {
        if admitted == Admitted::WithToken
            && let Some(to) = resolved(from, location)
        {
            tickets.add(to);
        }
    }

    fn owns_token(&self, origin: &Origin) -> bool {
        let on_cloud = self.cloud
            && origin.tls
            && origin.port == 443
            && origin.host.len() > ARTIFACT_DOMAIN.len()
            && origin.host.ends_with(ARTIFACT_DOMAIN);
        origin.is_private() && (*origin == self.api || on_cloud || self.artifacts.contains(origin))
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
    fn add(&mut self, url: Uri) {
        if self.0.len() == TICKETS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(url);
    }

    fn take(&mut self, url: &Uri) -> bool {
        let found = self.0.iter().position(|ticket| ticket == url);
        found.is_some_and(|at| self.0.remove(at).is_some())
    }
}

/// Whether a request may have a header. The token's names are not among them: only the host adds it.
pub(crate) fn may_say(name: &HeaderName) -> bool {
    HEADERS.contains(name)
}

/// Returns where a redirect leads. The component resolves it for itself, and only gets there if both agree.
fn resolved(from: &Uri, location: &str) -> Option<Uri> {
    let location = location.trim().split('#').next().unwrap_or_default();
    if location.is_empty() {
        return None;
    }
    let base: reqwest::Url = from.to_string().parse().ok()?;
    let to = base.join(location).ok()?;
    to.as_str().parse().ok()
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
        // Alibaba's and Oracle's metadata.
        IpAddr::V4(v4) if matches!(v4.octets(), [100, 100, 100, 200] | [192, 0, 0, 192]) => {
            Err("it is a cloud's metadata")
        }
        IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfe80 => Err("it is a link-local address"),
        // Amazon's metadata.
        IpAddr::V6(v6) if v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) => {
            Err("it is a cloud's metadata")
        }
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
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn uri(text: &str) -> Uri {
        text.parse().unwrap()
    }

    fn policy(api: &str, artifacts: &[&str]) -> Policy {
        let artifacts = artifacts.iter().map(|it| Origin::of(&uri(it)).unwrap());
        Policy::new(Origin::of(&uri(api)).unwrap(), artifacts.collect())
    }

    fn get(policy: &Policy, url: &str) -> Option<Admitted> {
        policy.admit(&Method::GET, &uri(url), &mut Tickets::default())
    }

    #[test]
    fn the_token_goes_to_the_api_and_to_artifacts_only() {
        let cloud = policy("https://circleci.com", &[]);
        for url in [
            "https://circleci.com/api/v2/x",
            "https://CircleCI.com:443/api",
            "https://circleci.com./api",
            "https://output.circle-artifacts.com/output/job/1",
            "https://7-1-gh.circle-artifacts.com/0/x",
        ] {
            assert_eq!(get(&cloud, url), Some(Admitted::WithToken), "{url}");
        }
        for url in [
            "http://circleci.com/api/v2/x",
            "https://circleci.com:8443/api",
            "https://evil.com/",
            "https://circleci.com.evil.com/",
            "https://evilcircle-artifacts.com/",
            "https://circle-artifacts.com.evil.com/",
            "https://circle-artifacts.com/",
            "http://output.circle-artifacts.com/x",
            "https://output.circle-artifacts.com:8443/x",
            "https://token@circleci.com/api",
            "https://circleci.com@evil.com/",
            "https://127.0.0.1/",
            "http://169.254.169.254/latest/meta-data",
        ] {
            assert_eq!(get(&cloud, url), None, "{url}");
        }
    }

    #[test]
    fn a_server_has_its_own_artifact_hosts() {
        let server = policy("https://ci.acme.example", &["https://files.acme.example"]);
        assert_eq!(
            get(&server, "https://files.acme.example/x"),
            Some(Admitted::WithToken)
        );
        assert_eq!(get(&server, "https://output.circle-artifacts.com/x"), None);
        let plain = policy("http://ci.acme.example", &[]);
        assert_eq!(get(&plain, "http://ci.acme.example/api"), None);
        let local = policy("http://127.0.0.1:4000", &[]);
        assert_eq!(
            get(&local, "http://127.0.0.1:4000/api"),
            Some(Admitted::WithToken)
        );
        assert_eq!(get(&local, "http://127.0.0.1:4001/api"), None);
    }

    #[test]
    fn a_redirect_is_followed_once_without_the_token_and_only_there() {
        let cloud = policy("https://circleci.com", &[]);
        let from = uri("https://output.circle-artifacts.com/a/b");
        let mut tickets = Tickets::default();
        let ask = |policy: &Policy, url: &str, tickets: &mut Tickets| {
            policy.admit(&Method::GET, &uri(url), tickets)
        };
        cloud.answered(
            Admitted::WithToken,
            &from,
            "https://s3.example/k?sig=1",
            &mut tickets,
        );
        assert_eq!(ask(&cloud, "https://s3.example/k?sig=2", &mut tickets), None);
        assert_eq!(ask(&cloud, "https://s3.example/k", &mut tickets), None);
        let target = "https://s3.example/k?sig=1";
        assert_eq!(cloud.admit(&Method::POST, &uri(target), &mut tickets), None);
        assert_eq!(ask(&cloud, target, &mut tickets), Some(Admitted::WithoutToken));
        assert_eq!(ask(&cloud, target, &mut tickets), None);
        // Who was led to leads no further.
        cloud.answered(
            Admitted::WithoutToken,
            &uri(target),
            "https://other.example/",
            &mut tickets,
        );
        assert_eq!(ask(&cloud, "https://other.example/", &mut tickets), None);
        for bad in [
            "http://s3.example/k",
            "https://127.0.0.1/k",
            "https://localhost/k",
            "ftp://s3.example/k",
        ] {
            cloud.answered(Admitted::WithToken, &from, bad, &mut tickets);
            assert_eq!(ask(&cloud, bad, &mut tickets), None, "{bad}");
        }
        // A relative one stays where it was.
        cloud.answered(Admitted::WithToken, &from, "../c", &mut tickets);
        assert_eq!(
            ask(&cloud, "https://output.circle-artifacts.com/c", &mut tickets),
            Some(Admitted::WithToken)
        );
    }

    #[test]
    fn nothing_is_changed_but_what_was_granted() {
        let path = "/api/v2/project/gh/acme/shop/envvar";
        let cloud = policy("https://circleci.com", &[]);
        let setter = cloud.with_post(path.to_owned());
        let post = |policy: &Policy, method: Method, url: &str| {
            policy.admit(&method, &uri(url), &mut Tickets::default())
        };
        let url = format!("https://circleci.com{path}");
        assert_eq!(post(&cloud, Method::POST, &url), None);
        assert_eq!(post(&setter, Method::POST, &url), Some(Admitted::WithToken));
        assert_eq!(post(&setter, Method::DELETE, &url), None);
        assert_eq!(
            post(
                &setter,
                Method::POST,
                "https://circleci.com/api/v2/project/gh/acme/shop/pipeline"
            ),
            None
        );
        assert_eq!(
            post(
                &setter,
                Method::POST,
                &format!("https://a.circle-artifacts.com{path}")
            ),
            None
        );
    }

    #[test]
    fn addresses_of_this_machine_and_of_metadata_are_refused() {
        for refused in [
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
            "0.0.0.0",
            "::",
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "fe80::1",
            "fd00:ec2::254",
            "100.100.100.200",
            "255.255.255.255",
            "224.0.0.1",
            "ff02::1",
        ] {
            assert!(
                check_address(refused.parse().unwrap(), false).is_err(),
                "{refused}"
            );
        }
        for admitted in ["10.0.0.1", "192.168.1.1", "140.82.121.4", "2606:4700::1111"] {
            assert!(
                check_address(admitted.parse().unwrap(), false).is_ok(),
                "{admitted}"
            );
        }
        assert!(check_address("127.0.0.1".parse().unwrap(), true).is_ok());
        assert!(check_address("169.254.169.254".parse().unwrap(), true).is_err());
    }

    #[test]
    fn the_component_cannot_say_who_it_is() {
        for name in [
            "circle-token",
            "authorization",
            "cookie",
            "host",
            "proxy-authorization",
            "x-forwarded-for",
        ] {
            assert!(!may_say(&name.parse().unwrap()), "{name}");
        }
        assert!(may_say(&header::RANGE));
    }
}
