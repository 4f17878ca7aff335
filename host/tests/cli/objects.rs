//! The objects of a directory store: files. Where the same tests run on another store, another file takes this one's place.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::files::{self, Listing};

pub(crate) struct Objects {
    root: PathBuf,
}

impl Objects {
    pub(crate) fn at(place: &Path) -> Objects {
        Objects {
            root: place.to_owned(),
        }
    }

    /// Returns the variables by which a job finds this store.
    pub(crate) fn variables(&self) -> Vec<(&'static str, OsString)> {
        vec![("BATON_STORE", self.root.clone().into())]
    }

    /// Returns the size in bytes of each object.
    pub(crate) fn sizes(&self) -> BTreeMap<String, u64> {
        let paths = files::listing(&self.root).into_keys();
        let sized = paths.filter_map(|path| {
            let metadata = fs::metadata(self.root.join(&path)).unwrap();
            let key = path.into_os_string().into_string().unwrap();
            (metadata.is_file() && !key.starts_with(".tmp/")).then_some((key, metadata.len()))
        });
        sized.collect()
    }

    /// Returns all that there is, temporary files, bits and times too.
    pub(crate) fn everything(&self) -> Listing {
        files::listing(&self.root)
    }

    pub(crate) fn has_any(&self, dir: &str) -> bool {
        self.root.join(dir).is_dir()
    }

    pub(crate) fn get(&self, key: &str) -> Vec<u8> {
        fs::read(self.root.join(key)).unwrap()
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        files::write(&self.root.join(key), bytes);
    }

    pub(crate) fn remove(&self, key: &str) {
        fs::remove_file(self.root.join(key)).unwrap();
    }

    pub(crate) fn clear(&self, dir: &str) {
        fs::remove_dir_all(self.root.join(dir)).unwrap();
    }
}
