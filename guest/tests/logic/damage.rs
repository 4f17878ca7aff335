//! Bytes that changed in the store: an attach says which object, shows both digests, and never writes a wrong byte.

use std::cell::RefCell;
use std::collections::HashSet;

use baton_guest::Error;
use baton_guest::id::Digest;
use baton_guest::keys;
use baton_guest::pack::PackWriter;
use baton_guest::ports::ExistingCheck;
use baton_guest::testing::{MemoryFiles, MemoryStore};
use baton_guest::tree::{Content, Entry, Location, Table, Writer};

use crate::support::driver::{all_of, attach, persisted};
use crate::support::stores::{Altering, copy};
use crate::support::{build, code, noise};

/// Files of every kind and size, as one build.
fn some_build() -> (MemoryStore, MemoryFiles) {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    for number in 0..10 {
        files.file(
            &format!("src/{number}.rs"),
            format!("fn f{number}() {{}}\n").repeat(300),
            0o644,
        );
    }
    files.file("noise", noise(1, 10_000), 0o600);
    files.file("large", noise(2, (1 << 20) + 1000), 0o755);
    files.file("empty", "", 0o644);
    files.symlink("link", "src/0.rs");
    persisted(&store, &files, build(1));
    (store, files)
}

/// The keys that an attach of the latest reads.
fn read_keys(store: &MemoryStore) -> Vec<String> {
    let mut keys = store.keys("v1/packs/");
    keys.extend(store.keys("v1/trees/"));
    keys.extend(store.keys(&build(1).keys().unwrap().branch("dist", "main")));
    assert!(keys.len() >= 3);
    keys
}

/// Attaches what was harmed. Either it fails, and nothing has changed; or what it wrote is right.
fn assert_harmless(store: &MemoryStore, files: &MemoryFiles, what: &str) -> Option<Error> {
    let to = MemoryFiles::default();
    to.file("there", "stays", 0o644);
    let before = to.listing();
    // Otherwise an older build may replace it.
    let mut request = all_of("latest", build(2));
    request.scope.strict = true;
    match attach(store, &to, &request, 2) {
        Ok(_) => {
            let mut listing = to.listing();
            listing.retain(|line| !line.starts_with("there "));
            assert_eq!(listing, files.listing(), "{what}");
            None
        }
        Err(error) => {
            assert_eq!(to.listing(), before, "{what}: {error:?}");
            assert!(
                matches!(error, Error::Damaged(_) | Error::Unsupported(_)),
                "{what}: {error:?}"
            );
            Some(error)
        }
    }
}

/// About so many positions of an object, its first and last among them.
fn positions(length: usize, about: usize) -> impl Iterator<Item = usize> {
    let step = (length / about).max(1);
    // The beginning of everything says most, so each of its bytes is tried.
    (0..length.min(64))
        .chain((64..length).step_by(step))
        .chain(length.checked_sub(1))
}

#[test]
fn a_flipped_bit_never_becomes_a_wrong_byte() {
    let (store, files) = some_build();
    for key in read_keys(&store) {
        let length = store.objects.borrow()[&key].len();
        for at in positions(length, 150) {
            let harmed = copy(&store);
            harmed.objects.borrow_mut().get_mut(&key).unwrap()[at] ^= 1 << (at % 8);
            let what = format!("bit {} of byte {at} of {key}", at % 8);
            let error = assert_harmless(&harmed, &files, &what);
            // A pack has bytes that nobody needs, such as a frame's unused bits; a tree and a record have none.
            assert!(error.is_some() || key.starts_with("v1/packs/"), "{what}");
            if let Some(Error::Damaged(damage)) = error {
                assert_eq!(damage.key, key, "{what}");
                let both = damage.expected.len() == 64
                    && damage.found.len() == 64
                    && damage.expected != damage.found;
                assert!(both || key.contains("/builds/"), "{what}: {damage:?}");
            }
        }
    }
}

#[test]
fn an_object_that_was_cut_short_is_refused() {
    let (store, files) = some_build();
    for key in read_keys(&store) {
        let length = store.objects.borrow()[&key].len();
        for at in positions(length, 60) {
            let harmed = copy(&store);
            harmed.objects.borrow_mut().get_mut(&key).unwrap().truncate(at);
            let what = format!("{key} cut to {at} of {length} bytes");
            let Some(Error::Damaged(damage)) = assert_harmless(&harmed, &files, &what) else {
                panic!("{what}")
            };
            assert_eq!(damage.key, key);
        }
    }
}

#[test]
fn an_object_that_is_missing_is_named() {
    let (store, files) = some_build();
    for key in read_keys(&store) {
        let harmed = copy(&store);
        harmed.objects.borrow_mut().remove(&key);
        if key.contains("/builds/") {
            // Nothing points to a record: without it, there is no build.
            let to = MemoryFiles::default();
            assert_eq!(
                code(&attach(&harmed, &to, &all_of("latest", build(2)), 1).unwrap_err()),
                "no-build"
            );
            continue;
        }
        let Some(Error::Damaged(damage)) = assert_harmless(&harmed, &files, &key) else {
            panic!("{key}")
        };
        assert!(damage.message.ends_with("is missing") && damage.key == key && damage.expected.len() == 64);
    }
}

#[test]
fn objects_that_were_swapped_are_refused() {
    let (store, files) = some_build();
    let other = MemoryFiles::default();
    other.file("other", noise(9, 100_000), 0o644);
    let read = read_keys(&store);
    persisted(&store, &other, build(0));
    for key in read {
        let kind = &key[..9];
        let others: Vec<String> = store
            .keys(kind)
            .into_iter()
            .filter(|other| *other != key)
            .collect();
        for other in others {
            if store.objects.borrow()[&other] == store.objects.borrow()[&key] {
                continue;
            }
            let harmed = copy(&store);
            let bytes = harmed.objects.borrow()[&other].clone();
            harmed.objects.borrow_mut().insert(key.clone(), bytes);
            let what = format!("{other} in place of {key}");
            assert!(assert_harmless(&harmed, &files, &what).is_some(), "{what}");
        }
    }
}

#[test]
fn every_way_to_a_damaged_record_ends_there() {
    let (store, _) = some_build();
    let commit = format!("sha:{:040x}", 1);
    for (selector, part) in [
        ("latest", "/builds/"),
        ("build:1", "/numbers/"),
        (commit.as_str(), "/commits/"),
    ] {
        let harmed = copy(&store);
        let key = store
            .keys("v1/projects/")
            .into_iter()
            .find(|key| key.contains(part))
            .unwrap();
        *harmed
            .objects
            .borrow_mut()
            .get_mut(&key)
            .unwrap()
            .last_mut()
            .unwrap() ^= 1;
        let to = MemoryFiles::default();
        let error = attach(&harmed, &to, &all_of(selector, build(2)), 1).unwrap_err();
        let Error::Damaged(damage) = error else {
            panic!("{selector}: {error:?}")
        };
        assert_eq!(damage.key, key);
        assert!(damage.expected.len() == 64 && damage.found.len() == 64);
    }
}

#[test]
fn a_store_of_a_later_version_is_left_alone() {
    let (store, files) = some_build();
    let text = String::from_utf8(store.objects.borrow()[keys::STORE].clone()).unwrap();
    let later = text.replace("\"version\":1", "\"version\":2");
    store
        .objects
        .borrow_mut()
        .insert(keys::STORE.into(), later.into_bytes());
    let request = crate::support::driver::everything(build(2));
    let keys = store.keys("");
    let error = crate::support::driver::persist(&store, &files, &request, 1).unwrap_err();
    assert!(matches!(error, Error::Unsupported(_)), "{error:?}");
    assert_eq!(store.keys(""), keys);
}

#[test]
fn a_tree_that_could_not_be_read_again_is_not_written() {
    let file = |path: &str, size, location| Entry {
        path: path.into(),
        bits: 0o644,
        modified: Default::default(),
        content: Content::File {
            size,
            digest: Digest::of(b""),
            location,
        },
    };
    let store = MemoryStore::default();
    for entry in [
        file("a", 1, Location::Slices(vec![(0, u32::MAX)])),
        file("a", 1, Location::Slices(vec![(0, 1); 3 << 20])),
        file(&"a".repeat(17 << 20), 0, Location::Empty),
    ] {
        let sound = HashSet::new();
        let mut tree = Writer::new(&store, &[], None, &sound, ExistingCheck::Size);
        tree.part(vec![entry], Table::default()).unwrap();
        let error = tree.finish().unwrap_err();
        assert_eq!(code(&error), "tree-too-large");
    }
    assert!(store.keys("").is_empty());
}

#[test]
fn a_packs_line_of_the_tree_stays_short() {
    let (store, mut writer) = (MemoryStore::default(), PackWriter::default());
    for number in 0..(1u32 << 16) + 1 {
        writer.add(&store, &number.to_le_bytes(), None).unwrap();
    }
    let (packs, bytes) = writer.finish(&store).unwrap();
    assert_eq!(
        packs.iter().map(|(_, chunks)| chunks.len()).collect::<Vec<_>>(),
        [1 << 16, 1]
    );
    assert_eq!(bytes, crate::support::stores::stored_bytes(&store, "v1/packs/"));
}

#[test]
fn bytes_that_were_altered_on_their_way_are_fetched_again() {
    let (store, files) = some_build();
    let altering = Altering {
        inner: &store,
        asked: RefCell::default(),
    };
    let to = MemoryFiles::default();
    let attached = attach(&altering, &to, &all_of("latest", build(2)), 2).unwrap();
    assert_eq!(to.listing(), files.listing());
    assert_eq!(attached.builds.len(), 1);
    let asked = altering.asked.borrow();
    for prefix in ["v1/packs/", "v1/trees/", "v1/projects/"] {
        assert!(asked.iter().any(|key| key.starts_with(prefix)), "{prefix}");
    }
}
