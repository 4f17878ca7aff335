//! The objects of a store in an S3 bucket. Each test has a prefix of its own in the bucket of the test process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::Objects;
use crate::servers::bucket::Bucket as Client;
use crate::servers::weed::{REGION, WRITER, Weed};

const BUCKET: &str = "tests";
/// Where baton keeps what it found out about the server.
const FOUND: &str = ".probe/found.json";

/// The objects of a store in a bucket.
pub struct Bucket {
    client: Client,
    /// Ends with a slash.
    prefix: String,
}

impl Bucket {
    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

impl Objects for Bucket {
    type Everything = BTreeMap<String, Vec<u8>>;

    /// Returns the store that stands for one in this directory. The names of the directory and of the one above it tell it
    /// from the stores of other tests.
    fn at(place: &Path) -> Bucket {
        let names = place.iter().rev().take(2).map(|name| name.to_str().unwrap());
        let mut names: Vec<&str> = names.collect();
        names.reverse();
        Bucket {
            client: Weed::shared().bucket(BUCKET),
            prefix: format!("{}/", names.join("/")),
        }
    }

    fn variables(&self) -> Vec<(&'static str, OsString)> {
        // It takes the server seconds to let eight race, and it is the same for all prefixes.
        self.client.put(&self.key(FOUND), found());
        variables(&self.prefix)
    }

    fn sizes(&self) -> BTreeMap<String, u64> {
        let listed = self.client.list(&self.prefix).into_iter();
        listed
            .map(|(key, bytes)| (key[self.prefix.len()..].to_owned(), bytes))
            .filter(|(key, _)| key != FOUND)
            .collect()
    }

    fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        let keys = self.sizes().into_keys();
        keys.map(|key| (key.clone(), self.get(&key))).collect()
    }

    fn has_any(&self, dir: &str) -> bool {
        !self.client.list(&self.key(dir)).is_empty()
    }

    fn get(&self, key: &str) -> Vec<u8> {
        let bytes = self.client.get(&self.key(key));
        bytes.unwrap_or_else(|| panic!("there is no object {key}"))
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        self.client.put(&self.key(key), bytes);
    }

    fn remove(&self, key: &str) {
        self.client.remove(&self.key(key));
    }

    fn clear(&self, dir: &str) {
        self.client.clear(&self.key(dir));
    }
}

fn variables(prefix: &str) -> Vec<(&'static str, OsString)> {
    let store = format!("s3://{BUCKET}/{}", prefix.trim_end_matches('/'));
    vec![
        ("BATON_STORE", store.into()),
        ("BATON_ENDPOINT", Weed::shared().endpoint().into()),
        ("BATON_ALLOW_HTTP", "true".into()),
        ("BATON_REGION", REGION.into()),
        ("AWS_ACCESS_KEY_ID", WRITER.key.into()),
        ("AWS_SECRET_ACCESS_KEY", WRITER.secret.into()),
    ]
}

/// Returns the test result of the server, which doctor writes.
fn found() -> &'static [u8] {
    static FOUND_ONCE: OnceLock<Vec<u8>> = OnceLock::new();
    FOUND_ONCE.get_or_init(|| {
        let home = tempfile::tempdir().unwrap();
        let mut doctor = Command::new(crate::command());
        let output = doctor
            .arg("doctor")
            .env_clear()
            .env("HOME", home.path())
            .envs(variables("first"))
            .current_dir(home.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        Weed::shared()
            .bucket(BUCKET)
            .get(&format!("first/{FOUND}"))
            .unwrap()
    })
}
