//! From a host's name to addresses, each of which is checked: a name that anybody may choose must not lead anywhere.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::failure::{HttpFailure, HttpFailureKind};

/// Says whether an address may be asked, and if not, why.
pub(crate) type AddressCheck = Arc<dyn Fn(IpAddr) -> Result<(), &'static str> + Send + Sync>;

/// Admits every address: for servers that the user named.
pub(crate) fn all_addresses() -> AddressCheck {
    Arc::new(|_| Ok(()))
}

/// Asks the system's resolver, and checks what it says.
pub(super) struct CheckedResolver {
    pub(super) check: AddressCheck,
    /// Proxies are the user's choice, wherever they are.
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

/// Whether a name means this machine: then it may be asked without TLS, wherever the system says that it is.
fn is_localhost(host: &str) -> bool {
    host.trim_end_matches('.').eq_ignore_ascii_case("localhost")
}

/// Fails where an address must not be asked.
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
