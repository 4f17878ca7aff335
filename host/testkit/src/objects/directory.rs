//! A directory store: its objects are files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::Objects;
use crate::files::{self, Listing};

/// The objects of a directory store.
pub struct Directory {
    root: PathBuf,
}

impl Objects for Directory {
    type Everything = Listing;

    fn at(place: &Path) -> Directory {
        Directory {
            root: place.to_owned(),
        }
    }

    fn variables(&self) -> Vec<(&'static str, OsString)> {
        vec![("BATON_STORE", self.root.clone().into())]
    }

    fn sizes(&self) -> BTreeMap<String, u64> {
        let paths = files::listing(&self.root).into_keys();
        let sized = paths.filter_map(|path| {
            let metadata = fs::metadata(self.root.join(&path)).unwrap();
            let key = path.into_os_string().into_string().unwrap();
            (metadata.is_file() && !key.starts_with(".tmp/")).then_some((key, metadata.len()))
        });
        sized.collect()
    }

    fn everything(&self) -> Listing {
        files::listing(&self.root)
    }

    fn has_any(&self, dir: &str) -> bool {
        self.root.join(dir).is_dir()
    }

    fn get(&self, key: &str) -> Vec<u8> {
        fs::read(self.root.join(key)).unwrap()
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        files::write(&self.root.join(key), bytes);
    }

    fn remove(&self, key: &str) {
        fs::remove_file(self.root.join(key)).unwrap();
    }

    fn clear(&self, dir: &str) {
        fs::remove_dir_all(self.root.join(dir)).unwrap();
    }
}
