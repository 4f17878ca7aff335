//! Resolves the names of hosts, and checks each address: a name that a server chooses must not give access to an internal
//! network.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::failure::{HttpFailure, HttpFailureKind};

/// Checks whether connections to an address are permitted. The error is the reason.
pub(crate) type AddressCheck = Arc<dyn Fn(IpAddr) -> Result<(), &'static str> + Send + Sync>;

/// Permits every address: for servers that the user named.
pub(crate) fn all_addresses() -> AddressCheck {
    Arc::new(|_| Ok(()))
}

/// Asks the system's resolver, and checks each address.
pub(super) struct CheckedResolver {
    pub(super) check: AddressCheck,
    /// The hosts of proxies, whose addresses are not checked, because the user chose them.
    pub(super) exempt: Arc<BTreeSet<String>>,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (check, exempt) = (Arc::clone(&self.check), Arc::clone(&self.exempt));
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| {
                HttpFailure::new(HttpFailureKind::Name, format!("{host} has no address: {error}"))
            })?;
            let addresses: Vec<SocketAddr> = found.collect();
            if is_localhost(host)
                && let Some(other) = addresses.iter().find(|address| !address.ip().is_loopback())
            {
                let message = format!(
                    "{host} is {}, which is refused: it is not this machine",
                    other.ip()
                );
                return Err(HttpFailure::new(HttpFailureKind::Refused, message).into());
            }
            if !exempt.contains(host) {
                for address in &addresses {
                    checked(&check, host, address.ip())?;
                }
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Whether a name means this machine. Requests to it may go without TLS, so its address must be a loopback address.
fn is_localhost(host: &str) -> bool {
    host.trim_end_matches('.').eq_ignore_ascii_case("localhost")
}

/// Fails if connections to the address are not permitted.
pub(super) fn checked(check: &AddressCheck, host: &str, address: IpAddr) -> Result<(), HttpFailure> {
    check(address).map_err(|reason| {
        HttpFailure::new(
            HttpFailureKind::Refused,
            format!("{host} is {address}, which is refused: {reason}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_one_name() {
        for name in ["localhost", "LOCALHOST", "localhost."] {
            assert!(is_localhost(name), "{name}");
        }
        for name in ["localhost.example", "notlocalhost", "local"] {
            assert!(!is_localhost(name), "{name}");
        }
    }
}
