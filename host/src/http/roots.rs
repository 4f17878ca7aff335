//! The configuration of TLS. It trusts the certificates of the system, the built-in ones (minimal images have no others), and
//! those that the user adds.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::failure::{HttpFailure, HttpFailureKind};

/// Returns the configuration of TLS.
pub(super) fn tls(ca_pem: &[String]) -> Result<ClientConfig, HttpFailure> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    // Certificates of the system that cannot be parsed are ignored. A server that needs one is refused.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for pem in ca_pem {
        let mut added = 0;
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| wrong(&error))?;
            roots.add(certificate).map_err(|error| wrong(&error))?;
            added += 1;
        }
        if added == 0 {
            return Err(wrong(&"it holds no certificate in PEM"));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpFailure::new(HttpFailureKind::Tls, error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn wrong(error: &dyn std::fmt::Display) -> HttpFailure {
    HttpFailure::new(
        HttpFailureKind::Request,
        format!("the file with certificates cannot be used: {error}"),
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_file_without_a_certificate_is_an_error() {
        assert!(tls(&[]).is_ok());
        assert!(tls(&["nothing".to_owned()]).is_err());
        let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        assert!(tls(&[key.cert.pem()]).is_ok());
    }
}
