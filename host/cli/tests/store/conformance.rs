//! The suite of the library, run against every kind of store.

use std::path::PathBuf;

use baton_host::store::StoreUse;
use baton_host::store::conformance::PROMISES;
use baton_host::{CloudStore, DirectoryStore, MemoryStore, ObjectStore};
use tempfile::TempDir;

use crate::servers::weed::Weed;

/// Defines a test of each promise, for each kind of store.
macro_rules! conforms {
    ($($kind:ident)*; $promises:tt) => {
        $(conforms!(@each $kind $promises);)*

        #[test]
        fn every_promise_is_a_test() {
            let tested = conforms!(@names $promises);
            assert!(PROMISES.iter().map(|promise| promise.name()).eq(tested), "{PROMISES:?}");
        }
    };
    (@each $kind:ident { $($promise:ident)* }) => {
        mod $kind {
            $(
                #[test]
                fn $promise() {
                    super::keeps(stringify!($promise), &*super::$kind(stringify!($promise)));
                }
            )*
        }
    };
    (@names { $($promise:ident)* }) => { [$(stringify!($promise)),*] };
}

conforms! {
    memory directory s3;
    {
        missing_objects_are_not_errors
        objects_are_read_whole_and_in_parts
        empty_objects_exist
        large_objects_are_kept
        named_objects_are_kept
        create_keeps_and_overwrite_replaces
        one_of_several_creators_succeeds
        a_reader_sees_one_whole_object
        delete_removes_only_what_it_names
        unusual_names_are_accepted
        a_probe_succeeds_and_leaves_nothing
        a_listing_continues_after_any_key
        pages_contain_each_key_once
        a_prefix_is_not_a_directory
    }
}

#[track_caller]
fn keeps(name: &str, store: &dyn ObjectStore) {
    let promise = PROMISES.iter().find(|promise| promise.name() == name).unwrap();
    if let Err(violation) = promise.check(store) {
        let reason = std::error::Error::source(&violation);
        panic!("{violation}: {reason:?}");
    }
}

fn memory(_: &str) -> Box<MemoryStore> {
    Box::default()
}

/// A store in a directory that is removed with it.
struct Temporary(
    DirectoryStore,
    #[expect(dead_code, reason = "dropped, it removes the directory")] TempDir,
);

impl std::ops::Deref for Temporary {
    type Target = DirectoryStore;

    fn deref(&self) -> &DirectoryStore {
        &self.0
    }
}

fn directory(_: &str) -> Temporary {
    let parent = Some(PathBuf::from("/dev/shm")).filter(|memory| memory.is_dir());
    let dir = tempfile::tempdir_in(parent.unwrap_or_else(std::env::temp_dir)).unwrap();
    Temporary(DirectoryStore::create(dir.path()).unwrap(), dir)
}

fn s3(promise: &str) -> Box<CloudStore> {
    let weed = Weed::shared();
    let bucket = weed.bucket("conformance");
    Box::new(crate::clouds::open(&weed.endpoint(), bucket.name(), promise, StoreUse::Write).unwrap())
}
