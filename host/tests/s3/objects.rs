//! The objects of a store in an S3 bucket. Each test has a prefix of its own in the bucket of the test process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::servers::bucket::Bucket;
use crate::servers::weed::{REGION, WRITER, Weed};

const BUCKET: &str = "tests";

pub(crate) struct Objects {
    bucket: Bucket,
    /// Ends with a slash.
    prefix: String,
}

impl Objects {
    /// Returns the store that stands for one in this directory. The names of the directory and of the one above it tell it
    /// from the stores of other tests.
    pub(crate) fn at(place: &Path) -> Objects {
        let names = place.iter().rev().take(2).map(|name| name.to_str().unwrap());
        let mut names: Vec<&str> = names.collect();
        names.reverse();
        Objects {
            bucket: Weed::shared().bucket(BUCKET),
            prefix: format!("{}/", names.join("/")),
        }
    }

    /// Returns the variables by which a job finds this store.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        vec![
            (
                "BATON_STORE",
                format!(
                    "s3://{}/{}",
                    self.bucket.name(),
                    self.prefix.trim_end_matches('/')
                )
                .into(),
            ),
            ("BATON_ENDPOINT", Weed::shared().endpoint().into()),
            ("BATON_ALLOW_HTTP", "true".into()),
            ("BATON_REGION", REGION.into()),
            ("AWS_ACCESS_KEY_ID", WRITER.key.into()),
            ("AWS_SECRET_ACCESS_KEY", WRITER.secret.into()),
        ]
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Returns the size in bytes of each object.
    pub(crate) fn sizes(&self) -> BTreeMap<String, u64> {
        let listed = self.bucket.list(&self.prefix).into_iter();
        listed
            .map(|(key, bytes)| (key[self.prefix.len()..].to_owned(), bytes))
            .collect()
    }

    pub(crate) fn everything(&self) -> BTreeMap<String, Vec<u8>> {
        let keys = self.sizes().into_keys();
        keys.map(|key| (key.clone(), self.get(&key))).collect()
    }

    pub(crate) fn has_any(&self, dir: &str) -> bool {
        !self.bucket.list(&self.key(dir)).is_empty()
    }

    pub(crate) fn get(&self, key: &str) -> Vec<u8> {
        let bytes = self.bucket.get(&self.key(key));
        bytes.unwrap_or_else(|| panic!("there is no object {key}"))
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        self.bucket.put(&self.key(key), bytes);
    }

    pub(crate) fn remove(&self, key: &str) {
        self.bucket.remove(&self.key(key));
    }

    pub(crate) fn clear(&self, dir: &str) {
        self.bucket.clear(&self.key(dir));
    }
}
