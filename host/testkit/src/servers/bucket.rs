//! A bucket as its server's administrator sees it: SeaweedFS shows the same objects through an interface of its own, which
//! asks for no signature. Tests look into a store with it, and harm it.

use std::net::SocketAddr;

use serde_json::Value;

use super::http::{Message, exchange};

/// The bit of a Go `FileMode` that says directory.
const DIRECTORY: u64 = 1 << 31;

#[derive(Debug, Clone)]
pub struct Bucket {
    filer: SocketAddr,
    name: String,
}

impl Bucket {
    pub fn make(filer: SocketAddr, name: &str) -> Bucket {
        let bucket = Bucket {
            filer,
            name: name.to_owned(),
        };
        let status = bucket.ask("POST", "", "").status();
        assert!(matches!(status, 200 | 201 | 409), "bucket {name}: {status}");
        bucket
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Keys of baton's need no escape in a path.
    fn ask(&self, method: &str, key: &str, body: impl Into<Vec<u8>>) -> Message {
        let target = format!("/buckets/{}/{key}", self.name);
        let request = Message::request(method, &target, body).with("Accept", "application/json");
        exchange(self.filer, request).unwrap_or_else(|error| panic!("{method} {target}: {error}"))
    }

    /// Returns an object, if there is one.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let answer = self.ask("GET", key, "");
        match answer.status() {
            200 => Some(answer.body),
            404 => None,
            other => panic!("{key}: {other}"),
        }
    }

    pub fn put(&self, key: &str, bytes: &[u8]) {
        let answer = self.ask("PUT", key, bytes);
        assert_eq!(answer.status(), 201, "{key}: {}", answer.text());
    }

    pub fn remove(&self, key: &str) {
        let answer = self.ask("DELETE", key, "");
        assert_eq!(answer.status(), 204, "{key}: {}", answer.text());
    }

    /// Removes all objects in a directory, which ends with a slash.
    pub fn clear(&self, dir: &str) {
        let answer = self.ask(
            "DELETE",
            &format!("{dir}?recursive=true&ignoreRecursiveError=true"),
            "",
        );
        assert!(matches!(answer.status(), 204 | 404), "{dir}: {}", answer.text());
    }

    /// Returns the keys in a directory and below it, sorted, with the size of each object in bytes.
    pub fn list(&self, dir: &str) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        self.walk(dir, &mut found);
        found.sort();
        found
    }

    fn walk(&self, dir: &str, found: &mut Vec<(String, u64)>) {
        let mut last = String::new();
        loop {
            let answer = self.ask("GET", &format!("{dir}?limit=1000&lastFileName={last}"), "");
            if answer.status() == 404 {
                return;
            }
            let page: Value = serde_json::from_slice(&answer.body).unwrap();
            for entry in page["Entries"].as_array().unwrap_or(&Vec::new()) {
                let path = entry["FullPath"].as_str().unwrap();
                let name = path.rsplit('/').next().unwrap();
                if entry["Mode"].as_u64().unwrap() & DIRECTORY != 0 {
                    self.walk(&format!("{dir}{name}/"), found);
                } else {
                    found.push((format!("{dir}{name}"), entry["FileSize"].as_u64().unwrap()));
                }
            }
            if page["ShouldDisplayLoadMore"] != true {
                return;
            }
            last = page["LastFileName"].as_str().unwrap().to_owned();
        }
    }
}
