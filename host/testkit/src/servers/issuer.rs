//! The issuer of identity tokens, as each CI system has one: it publishes its key, hands out tokens as GitHub Actions does,
//! and the configuration by which SeaweedFS's token service trusts it.

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use rustls::SignatureScheme;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde_json::{Value, json};

use super::http::{Message, read_head};

/// The role that a token of this issuer may take. It may do everything in S3.
pub const ROLE: &str = "arn:aws:iam::role/builder";
/// The audience that the token service expects, as AWS's documents name it.
const AUDIENCE: &str = "sts.amazonaws.com";
/// Made by `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048`, for these tests: the token service verifies only
/// RSA, and nothing here can make such a key.
const KEY: &str = include_str!("issuer.pem");
/// The modulus of that key, as a JSON Web Key has it (RFC 7518, 6.3.1).
const MODULUS: &str = "rSjolfZNZkJCPwplLKMTNL7xllz416mulgha4FLhmLT2YYxJRvp-ysQBYmiVECJkB8fOW9nj_k9C3tzTV17GpIO4u1vQ7qUk97OpvJBKmwpqsI9VC04_hzSIYIsJlpp5IC__fTZ8Ged-zaae6IdAhUH0U5deLOshUhBw1YH1av3KhTZWoaV1FGPDjRLKmUpXrR5IAmwKCmn7OlNoBw90pXTSqZyBnhbzhMi3zp49PpjepCPOanVALRdzbbDOrXzKF9OZG9w4jJ2QXWpYRjQJ3WZZI1iGUnk1IdtpPXlSdhQKiL-XVY-y7tHWa5NWacHTeNGMsXi-4CuXfqDuz_7gxw";
const KEY_NAME: &str = "tests";
/// The credential that GitHub's runner gives to a job that may request tokens.
const BEARER: &str = "github-request-token-0123456789";

pub struct Issuer {
    address: SocketAddr,
}

impl Issuer {
    /// Returns the issuer of this test process.
    pub fn shared() -> &'static Issuer {
        static SHARED: OnceLock<Issuer> = OnceLock::new();
        SHARED.get_or_init(|| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let address = listener.local_addr().unwrap();
            thread::spawn(move || {
                for client in listener.incoming().flatten() {
                    thread::spawn(move || Issuer { address }.answer(client));
                }
            });
            Issuer { address }
        })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns a token that is good for so many seconds from now; with less than none it has expired.
    pub fn token(&self, seconds: i64) -> String {
        self.token_for(AUDIENCE, seconds)
    }

    pub fn token_for(&self, audience: &str, seconds: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_NAME });
        let claims = json!({
            "iss": self.url(),
            "aud": audience,
            "sub": "org/acme/project/shop",
            "iat": now.min(now + seconds),
            "exp": now + seconds,
        });
        let part = |value: Value| Base64UrlUnpadded::encode_string(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = Base64UrlUnpadded::encode_string(&sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// Returns the variables by which a job on GitHub Actions asks for a token.
    pub fn github(&self) -> [(&'static str, String); 2] {
        [
            (
                "ACTIONS_ID_TOKEN_REQUEST_URL",
                format!("{}/github?api-version=2.0", self.url()),
            ),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", BEARER.to_owned()),
        ]
    }

    fn answer(&self, client: TcpStream) {
        let mut client = BufReader::new(client);
        while let Ok(Some(request)) = read_head(&mut client) {
            let mut answer = self.answer_to(&request);
            answer.announce_body();
            let out = client.get_mut();
            if out
                .write_all(&answer.head())
                .and_then(|()| out.write_all(&answer.body))
                .is_err()
            {
                return;
            }
        }
    }

    fn answer_to(&self, request: &Message) -> Message {
        let (path, query) = request.target().split_once('?').unwrap_or((request.target(), ""));
        match path {
            "/keys" => json_answer(
                200,
                &json!({ "keys": [{
                    "kty": "RSA", "kid": KEY_NAME, "use": "sig", "alg": "RS256", "n": MODULUS, "e": "AQAB",
                }]}),
            ),
            "/github" => self.github_answer(request, query),
            _ => json_answer(404, &json!({ "message": "not found" })),
        }
    }

    fn github_answer(&self, request: &Message, query: &str) -> Message {
        let allowed = request
            .field("authorization")
            .and_then(|value| value.split_once(' '));
        if !allowed.is_some_and(|(scheme, token)| scheme.eq_ignore_ascii_case("bearer") && token == BEARER) {
            return json_answer(401, &json!({ "message": "Unauthorized" }));
        }
        let audience = query.split('&').find_map(|pair| pair.strip_prefix("audience="));
        let token = self.token_for(audience.unwrap_or("https://github.com/acme"), 300);
        json_answer(200, &json!({ "count": 1, "value": token }))
    }
}

fn json_answer(status: u16, body: &Value) -> Message {
    Message::answer(status, body.to_string()).with("Content-Type", "application/json")
}

fn sign(bytes: &[u8]) -> Vec<u8> {
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let signer = key.choose_scheme(&[SignatureScheme::RSA_PKCS1_SHA256]).unwrap();
    signer.sign(bytes).unwrap()
}

/// Returns what SeaweedFS's token service is told: one issuer, and one role that its tokens may take.
pub fn trust(issuer: &Issuer) -> Value {
    let all = |actions: Value| json!({ "Effect": "Allow", "Action": actions, "Resource": ["*"] });
    json!({
        "sts": {
            "tokenDuration": "1h",
            "maxSessionLength": "12h",
            "issuer": "tests",
            "signingKey": Base64::encode_string(b"0123456789abcdef0123456789abcdef"),
        },
        "providers": [{
            "name": "ci",
            "type": "oidc",
            "enabled": true,
            "config": { "issuer": issuer.url(), "clientId": AUDIENCE, "jwksUri": format!("{}/keys", issuer.url()) },
        }],
        "policy": { "defaultEffect": "Deny", "storeType": "memory" },
        "roles": [{
            "roleName": "builder",
            "roleArn": ROLE,
            "trustPolicy": { "Version": "2012-10-17", "Statement": [{
                "Effect": "Allow", "Principal": { "Federated": "ci" }, "Action": ["sts:AssumeRoleWithWebIdentity"],
            }]},
            "attachedPolicies": ["all"],
        }],
        "policies": [{ "name": "all", "document": {
            "Version": "2012-10-17",
            "Statement": [all(json!(["s3:*"])), all(json!(["sts:ValidateSession"]))],
        }}],
    })
}
