//! Signed statements: DSSE envelopes (version 1) with Ed25519. Keys stay on this side, and so does what is signed: a
//! statement of [`crate::statement`], always under its payload type.

use std::fmt;

use base64ct::{Base64, Encoding};
use ed25519_dalek::pkcs8::DecodePrivateKey;
use ed25519_dalek::pkcs8::spki::DecodePublicKey;
use ed25519_dalek::{Signature, Signer};
use serde::{Deserialize, Serialize};

use crate::statement::PAYLOAD_TYPE;

/// A key that signs. Shows nothing of itself.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

/// A key that checks what the [`SigningKey`] of the same pair has signed.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

/// A text that is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing that signs.
    #[error("this is no Ed25519 private key in PEM form (PKCS #8: BEGIN PRIVATE KEY)")]
    Private,
    /// Nothing that checks.
    #[error("this is no Ed25519 public key in PEM form (BEGIN PUBLIC KEY)")]
    Public,
}

/// DSSE, "Envelope".
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Serialize, Deserialize)]
struct EnvelopeSignature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

impl SigningKey {
    /// Reads a private key in PEM form, as `openssl genpkey -algorithm ed25519` writes it.
    pub fn from_pem(pem: &str) -> Result<SigningKey, KeyError> {
        ed25519_dalek::SigningKey::from_pkcs8_pem(pem)
            .map(SigningKey)
            .map_err(|_| KeyError::Private)
    }

    /// Returns the public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(self.0.verifying_key())
    }

    /// Returns a statement in an envelope that this key has signed.
    pub fn sign(&self, statement: &[u8]) -> Vec<u8> {
        let signature = self.0.sign(&pre_authentication(PAYLOAD_TYPE, statement));
        let envelope = Envelope {
            payload: Base64::encode_string(statement),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![EnvelopeSignature {
                keyid: self.verifying_key().id(),
                sig: Base64::encode_string(&signature.to_bytes()),
            }],
        };
        // Strings and lists of strings always serialize.
        serde_json::to_vec(&envelope).unwrap_or_default()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({})", self.verifying_key().id())
    }
}

impl VerifyingKey {
    /// Reads a public key in PEM form, as `openssl pkey -pubout` writes it. Where a private key is given, takes its
    /// public half.
    pub fn from_pem(pem: &str) -> Result<VerifyingKey, KeyError> {
        if let Ok(key) = SigningKey::from_pem(pem) {
            return Ok(key.verifying_key());
        }
        ed25519_dalek::VerifyingKey::from_public_key_pem(pem)
            .map(VerifyingKey)
            .map_err(|_| KeyError::Public)
    }

    /// Returns what names the key: 32 hex digits of the BLAKE3 of its bytes.
    pub fn id(&self) -> String {
        blake3::hash(self.0.as_bytes())
            .to_hex()
            .chars()
            .take(32)
            .collect()
    }

    /// Whether an envelope holds just this statement, signed by this key. An envelope that is none of DSSE's does not.
    pub fn verifies(&self, envelope: &[u8], statement: &[u8]) -> bool {
        let Ok(envelope) = serde_json::from_slice::<Envelope>(envelope) else {
            return false;
        };
        let same = envelope.payload_type == PAYLOAD_TYPE
            && Base64::decode_vec(&envelope.payload).is_ok_and(|signed| signed == statement);
        let signed = pre_authentication(PAYLOAD_TYPE, statement);
        same && envelope.signatures.iter().any(|signature| {
            Base64::decode_vec(&signature.sig)
                .ok()
                .and_then(|bytes| Signature::from_slice(&bytes).ok())
                .is_some_and(|signature| self.0.verify_strict(&signed, &signature).is_ok())
        })
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VerifyingKey({})", self.id())
    }
}

/// Returns what is signed: type and payload, each with its length in front (DSSE, "PAE").
fn pre_authentication(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len()).into_bytes();
    bytes.extend_from_slice(payload);
    bytes
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    /// Made by `openssl genpkey -algorithm ed25519`, for this test.
    const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn what_is_signed_is_as_the_specification_has_it() {
        // The example of the DSSE specification.
        assert_eq!(
            pre_authentication("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }

    #[test]
    fn only_the_same_payload_by_the_same_key_verifies() {
        let key = SigningKey::from_pem(PRIVATE).unwrap();
        let other = SigningKey(ed25519_dalek::SigningKey::from_bytes(&[7; 32])).verifying_key();
        let envelope = key.sign(b"payload");
        let public = key.verifying_key();
        assert!(public.verifies(&envelope, b"payload"));
        assert!(!public.verifies(&envelope, b"payloae"));
        assert!(!other.verifies(&envelope, b"payload"));
        let text = String::from_utf8(envelope.clone()).unwrap();
        let sig = text
            .split("\"sig\":\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let forged = text.replace(sig, &Base64::encode_string(&[0; 64]));
        assert!(!public.verifies(forged.as_bytes(), b"payload"));
        let retyped = text.replace(PAYLOAD_TYPE, "application/x-other");
        assert!(retyped != text && !public.verifies(retyped.as_bytes(), b"payload"));
        for broken in [&b"{}"[..], b"", b"[1]"] {
            assert!(!public.verifies(broken, b"payload"));
        }
    }

    #[test]
    fn a_key_shows_nothing_of_itself() {
        let key = SigningKey::from_pem(PRIVATE).unwrap();
        let shown = format!("{key:?}");
        assert!(!shown.contains("AAEC") && shown.contains(&key.verifying_key().id()));
        assert_eq!(VerifyingKey::from_pem(PRIVATE).unwrap(), key.verifying_key());
        assert_eq!(VerifyingKey::from_pem("x").unwrap_err(), KeyError::Public);
    }
}
