//! The promises of the trait `ObjectStore`, written once, and run against every kind of store.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use baton_host::store::{ByteRange, Key, PutMode, PutOutcome, StoreUse};
use baton_host::{CloudStore, DirectoryStore, MemoryStore, ObjectStore};
use tempfile::TempDir;

use crate::servers::weed::Weed;

/// Generates a test of each promise, for the stores that an expression returns. Each test has an empty store.
macro_rules! conforms {
    ($kind:ident, $make:expr) => {
        mod $kind {
            conforms!(
                @each $make,
                what_is_not_there_is_no_error
                an_object_comes_back_whole_and_in_parts
                an_empty_object_is_one
                a_large_object_comes_back
                create_keeps_what_is_there_and_overwrite_replaces_it
                of_racing_creators_one_wins
                a_reader_sees_one_object_or_the_other
                a_listing_goes_on_behind_any_key
                a_listing_in_pages_has_every_key_once
                a_prefix_is_no_directory
                what_is_deleted_is_gone_and_nothing_else
                odd_names_are_names
            );
        }
    };
    (@each $make:expr, $($promise:ident)*) => {
        $(
            #[test]
            fn $promise() {
                let store = $make(stringify!($promise));
                super::$promise(&*store);
            }
        )*
    };
}

conforms!(memory, crate::conformance::memory);
conforms!(directory, crate::conformance::directory);
conforms!(s3, crate::conformance::s3);

fn memory(_: &str) -> Box<MemoryStore> {
    Box::default()
}

/// A store in a directory that goes when the store does.
struct Made(
    DirectoryStore,
    #[expect(dead_code, reason = "dropped, it removes the directory")] TempDir,
);

impl std::ops::Deref for Made {
    type Target = DirectoryStore;

    fn deref(&self) -> &DirectoryStore {
        &self.0
    }
}

fn directory(_: &str) -> Made {
    let parent = Some(PathBuf::from("/dev/shm")).filter(|memory| memory.is_dir());
    let dir = tempfile::tempdir_in(parent.unwrap_or_else(std::env::temp_dir)).unwrap();
    Made(DirectoryStore::create(dir.path()).unwrap(), dir)
}

fn s3(promise: &str) -> Box<CloudStore> {
    let weed = Weed::shared();
    let bucket = weed.bucket("conformance");
    Box::new(crate::clouds::open(&weed.endpoint(), bucket.name(), promise, StoreUse::Write).unwrap())
}

fn key(text: &str) -> Key<'_> {
    Key::parse(text).unwrap()
}

fn put(store: &dyn ObjectStore, name: &str, bytes: &[u8]) {
    let outcome = store.put(key(name), bytes, PutMode::Create).unwrap();
    assert_eq!(outcome, PutOutcome::Stored, "{name}");
}

fn get(store: &dyn ObjectStore, name: &str) -> Option<Vec<u8>> {
    store.get(key(name), None).unwrap()
}

fn part(store: &dyn ObjectStore, name: &str, offset: u64, length: u64) -> Option<Vec<u8>> {
    store.get(key(name), Some(ByteRange { offset, length })).unwrap()
}

fn what_is_not_there_is_no_error(store: &dyn ObjectStore) {
    assert_eq!(get(store, "a/b"), None);
    assert_eq!(part(store, "a/b", 0, 10), None);
    assert_eq!(store.head(key("a/b")).unwrap(), None);
    store.delete(&[key("a/b"), key("c")]).unwrap();
    store.delete(&[]).unwrap();
    assert!(store.list("", None, 10).unwrap().is_empty());
    assert!(store.list("a/", Some("a/b"), 10).unwrap().is_empty());
    // A directory of keys is no object.
    put(store, "a/b/c", b"x");
    assert_eq!(get(store, "a/b"), None);
    assert_eq!(store.head(key("a/b")).unwrap(), None);
}

fn an_object_comes_back_whole_and_in_parts(store: &dyn ObjectStore) {
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let size = bytes.len() as u64;
    put(store, "v1/some/object", &bytes);
    assert_eq!(store.head(key("v1/some/object")).unwrap(), Some(size));
    assert!(get(store, "v1/some/object").unwrap() == bytes);
    for (offset, length) in [
        (0, 1),
        (0, size),
        (1, 999),
        (size - 1, 1),
        (200_000, 150_000),
        // What there is of it.
        (size - 10, 1000),
        (0, size + 1),
        (size, 1),
        (size + 5000, 10),
        (7, 0),
    ] {
        let start = offset.min(size) as usize;
        let end = (offset + length).min(size) as usize;
        let found = part(store, "v1/some/object", offset, length).unwrap();
        assert!(
            found == bytes[start..end.max(start)],
            "{offset} and {length}: {}",
            found.len()
        );
    }
}

fn an_empty_object_is_one(store: &dyn ObjectStore) {
    put(store, "empty", b"");
    assert_eq!(store.head(key("empty")).unwrap(), Some(0));
    assert_eq!(get(store, "empty").unwrap(), b"");
    assert_eq!(part(store, "empty", 0, 10).unwrap(), b"");
    assert_eq!(part(store, "empty", 5, 10).unwrap(), b"");
    assert_eq!(store.list("", None, 10).unwrap(), ["empty"]);
    let again = store.put(key("empty"), b"not", PutMode::Create).unwrap();
    assert_eq!(again, PutOutcome::AlreadyExists);
    assert_eq!(get(store, "empty").unwrap(), b"");
}

fn a_large_object_comes_back(store: &dyn ObjectStore) {
    // No two parts of it are alike, so that none can take another's place.
    let mut bytes = vec![0; 64 << 20];
    for (number, chunk) in bytes.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    }
    put(store, "v1/packs/large", &bytes);
    assert_eq!(store.head(key("v1/packs/large")).unwrap(), Some(64 << 20));
    assert!(get(store, "v1/packs/large").unwrap() == bytes);
    let middle = part(store, "v1/packs/large", 31 << 20, 5 << 20).unwrap();
    assert!(middle == bytes[31 << 20..36 << 20]);
    let whole = part(store, "v1/packs/large", 0, 64 << 20).unwrap();
    assert!(whole == bytes);
}

fn create_keeps_what_is_there_and_overwrite_replaces_it(store: &dyn ObjectStore) {
    let name = key("v1/record");
    let put = |bytes: &[u8], mode| store.put(name, bytes, mode).unwrap();
    assert_eq!(put(b"first", PutMode::Create), PutOutcome::Stored);
    assert_eq!(put(b"second", PutMode::Create), PutOutcome::AlreadyExists);
    assert_eq!(
        put(b"first", PutMode::Create),
        PutOutcome::AlreadyExists,
        "the same bytes"
    );
    assert_eq!(get(store, "v1/record").unwrap(), b"first");
    assert_eq!(put(b"a longer third", PutMode::Overwrite), PutOutcome::Stored);
    assert_eq!(get(store, "v1/record").unwrap(), b"a longer third");
    assert_eq!(put(b"4", PutMode::Overwrite), PutOutcome::Stored);
    assert_eq!(store.head(name).unwrap(), Some(1));
    store.delete(&[name]).unwrap();
    assert_eq!(
        put(b"fifth", PutMode::Create),
        PutOutcome::Stored,
        "after a delete"
    );
    let fresh = store.put(key("v1/other"), b"x", PutMode::Overwrite).unwrap();
    assert_eq!(fresh, PutOutcome::Stored);
}

fn of_racing_creators_one_wins(store: &dyn ObjectStore) {
    const RACERS: usize = 8;
    // Few: SeaweedFS makes who loses wait for seconds.
    for round in 0..8 {
        let name = format!("v1/races/{round:02}");
        let start = Barrier::new(RACERS);
        let winners: Vec<usize> = thread::scope(|scope| {
            let racers: Vec<_> = (0..RACERS)
                .map(|racer| {
                    let (name, start) = (&name, &start);
                    scope.spawn(move || {
                        let bytes = vec![racer as u8; 1000 + racer];
                        start.wait();
                        let outcome = store.put(key(name), &bytes, PutMode::Create).unwrap();
                        (outcome == PutOutcome::Stored).then_some(racer)
                    })
                })
                .collect();
            racers
                .into_iter()
                .filter_map(|racer| racer.join().unwrap())
                .collect()
        });
        assert_eq!(winners.len(), 1, "{name}: {winners:?}");
        let racer = winners[0];
        assert!(
            get(store, &name).unwrap() == vec![racer as u8; 1000 + racer],
            "{name}"
        );
    }
}

fn a_reader_sees_one_object_or_the_other(store: &dyn ObjectStore) {
    const SIZES: [usize; 2] = [300_000, 200_000];
    const READS: usize = 30;
    let name = key("v1/packs/damaged");
    let bytes = |turn: usize| vec![turn as u8 % 2; SIZES[turn % 2]];
    store.put(name, &bytes(0), PutMode::Overwrite).unwrap();
    let reads = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while reads.fetch_add(1, Ordering::Relaxed) < READS {
                    let found = store.get(name, None).unwrap().unwrap();
                    assert_eq!(found.len(), SIZES[usize::from(found[0])]);
                    assert!(found.iter().all(|byte| *byte == found[0]));
                }
            });
        }
        for turn in 1.. {
            store.put(name, &bytes(turn), PutMode::Overwrite).unwrap();
            if reads.load(Ordering::Relaxed) >= READS {
                break;
            }
        }
    });
}

/// Puts small objects under these keys, several at a time.
fn put_all(store: &dyn ObjectStore, keys: &[String]) {
    thread::scope(|scope| {
        for part in keys.chunks(keys.len().div_ceil(8)) {
            scope.spawn(move || part.iter().for_each(|name| put(store, name, name.as_bytes())));
        }
    });
}

/// Lists in pages, each from the last key of the one before.
fn in_pages(store: &dyn ObjectStore, prefix: &str, limit: usize) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    loop {
        let page = store
            .list(prefix, keys.last().map(String::as_str), limit)
            .unwrap();
        assert!(page.len() <= limit, "{} of {limit}", page.len());
        if page.is_empty() {
            return keys;
        }
        keys.extend(page);
        assert!(keys.len() <= 10_000, "the pages do not end");
    }
}

fn a_listing_goes_on_behind_any_key(store: &dyn ObjectStore) {
    // Names of equal length, as all are that baton compares.
    let keys: Vec<String> = (0..3000)
        .map(|number| format!("v1/numbers/{:02x}/{:04x}", number / 256, number))
        .collect();
    put_all(store, &keys);
    put_all(
        store,
        &["v1/number".to_owned(), "v1/numberz".to_owned(), "v2/x".to_owned()],
    );
    for limit in [1000, 999, 4000] {
        assert_eq!(in_pages(store, "v1/numbers/", limit), keys, "{limit}");
    }
    assert_eq!(store.list("v1/numbers/", None, 1).unwrap(), keys[..1]);
    assert_eq!(
        store.list("v1/numbers/05/", None, 300).unwrap(),
        keys[0x500..0x600]
    );
    for at in [0, 255, 256, 1000, 2998] {
        let behind = store.list("v1/numbers/", Some(&keys[at]), 5).unwrap();
        assert_eq!(behind, keys[at + 1..(at + 6).min(keys.len())], "{at}");
    }
    assert!(
        store
            .list("v1/numbers/", keys.last().map(String::as_str), 5)
            .unwrap()
            .is_empty()
    );
    // After a key that does not exist, and after the name of a directory.
    assert_eq!(
        store.list("v1/numbers/", Some("v1/numbers/03/0310-"), 2).unwrap(),
        keys[0x311..0x313]
    );
    assert_eq!(
        store.list("v1/numbers/03/", Some("v1/numbers/03"), 1).unwrap(),
        keys[0x300..0x301]
    );
    assert_eq!(
        store.list("v1/numbers/0", Some("v1/numbers/02/02ff"), 1).unwrap(),
        keys[0x300..0x301]
    );
    // After a key that sorts before, or after, all of them.
    assert_eq!(store.list("v1/numbers/", Some("v0"), 2).unwrap(), keys[..2]);
    assert!(store.list("v1/numbers/", Some("v9"), 2).unwrap().is_empty());
}

fn a_listing_in_pages_has_every_key_once(store: &dyn ObjectStore) {
    // Names that sort differently with a trailing slash, on which servers disagree.
    let mut keys: BTreeSet<String> = BTreeSet::new();
    for name in ["a", "a-b", "a.b", "a~", "a0", "aa", "A", "b", "b-", "b.c-d"] {
        for below in ["1", "2/3", "2-/3", "2.4"] {
            keys.insert(format!("v1/{name}/{below}"));
        }
    }
    put_all(store, &keys.iter().cloned().collect::<Vec<_>>());
    for limit in [1, 2, 3, 7, 1000] {
        let listed = in_pages(store, "v1/", limit);
        let distinct: BTreeSet<String> = listed.iter().cloned().collect();
        assert_eq!(distinct, keys, "{limit}");
        assert_eq!(listed.len(), keys.len(), "{limit}");
    }
}

fn a_prefix_is_no_directory(store: &dyn ObjectStore) {
    let keys = [
        "v1/commits/ab/cdef",
        "v1/commits/ab/cdff",
        "v1/commits/ac/cdef",
        "v1/commitsx",
    ];
    put_all(store, &keys.map(str::to_owned));
    for (prefix, wanted) in [
        ("", &keys[..]),
        ("v", &keys[..]),
        ("v1/commits", &keys[..]),
        ("v1/commits/", &keys[..3]),
        ("v1/commits/a", &keys[..3]),
        ("v1/commits/ab", &keys[..2]),
        ("v1/commits/ab/cde", &keys[..1]),
        ("v1/commits/ab/cdef", &keys[..1]),
        ("v1/commits/b", &[]),
        ("v1/commits/ab/cdef/", &[]),
        ("x", &[]),
    ] {
        let mut found = store.list(prefix, None, 10).unwrap();
        found.sort_unstable();
        assert_eq!(found, wanted, "{prefix:?}");
    }
    // What could never be one is refused, and lists nothing else.
    for wrong in ["../", "/", "a//b", "a b"] {
        assert!(store.list(wrong, None, 10).is_err(), "{wrong:?}");
    }
}

fn what_is_deleted_is_gone_and_nothing_else(store: &dyn ObjectStore) {
    let keys: Vec<String> = (0..1200)
        .map(|number| format!("v1/d/{:02}/{number:04}", number % 40))
        .collect();
    put_all(store, &keys);
    let (gone, left) = keys.split_at(990);
    let mut named: Vec<Key<'_>> = gone.iter().map(|name| key(name)).collect();
    // Among them what was never there, and what is a directory of others.
    named.extend(["v1/d/00/9999", "v1/missing", "v1/d", "v1/d/01"].map(key));
    store.delete(&named).unwrap();
    let mut left: Vec<&String> = left.iter().collect();
    left.sort_unstable();
    let listed = in_pages(store, "v1/", 1000);
    assert_eq!(listed.iter().collect::<Vec<_>>(), left);
    assert_eq!(get(store, &gone[0]), None);
    assert_eq!(store.head(key(&gone[500])).unwrap(), None);
    assert_eq!(get(store, left[0]).unwrap(), left[0].as_bytes());
    // And again.
    store.delete(&named).unwrap();
    let put_again = store.put(key(&gone[0]), b"again", PutMode::Create).unwrap();
    assert_eq!(put_again, PutOutcome::Stored);
}

fn odd_names_are_names(store: &dyn ObjectStore) {
    let long = "x".repeat(200);
    let deep = vec!["y".repeat(200); 4].join("/");
    let keys = [
        "-rf",
        "--",
        "_",
        "a~2Fb~25",
        "~",
        "~~",
        "a.b.c",
        "trailing.",
        "a..b",
        "a-",
        "Case/Key",
        "case/key",
        "index.html",
        "0",
        "uploads",
        long.as_str(),
        deep.as_str(),
    ];
    for name in keys {
        put(store, name, name.as_bytes());
    }
    for name in keys {
        assert_eq!(get(store, name).as_deref(), Some(name.as_bytes()), "{name}");
        assert_eq!(store.head(key(name)).unwrap(), Some(name.len() as u64), "{name}");
        let again = store.put(key(name), b"x", PutMode::Create).unwrap();
        assert_eq!(again, PutOutcome::AlreadyExists, "{name}");
    }
    let mut wanted = keys.map(str::to_owned);
    wanted.sort_unstable();
    let mut listed = store.list("", None, 100).unwrap();
    listed.sort_unstable();
    assert_eq!(listed, wanted);
    store.delete(&keys.map(key)).unwrap();
    assert!(store.list("", None, 100).unwrap().is_empty());
}
