//! The promises about `list`.

use std::collections::BTreeSet;

use super::super::ObjectStore;
use super::checks::{Checked, create_all, ensure, equal, in_pages};

pub(super) fn a_listing_continues_after_any_key(store: &dyn ObjectStore) -> Checked {
    const PREFIX: &str = "v1/numbers/";
    // Names of equal length, as all are that baton compares.
    let keys: Vec<String> = (0..3000)
        .map(|number| format!("{PREFIX}{:02x}/{number:04x}", number / 256))
        .collect();
    create_all(store, &keys)?;
    create_all(store, &["v1/number", "v1/numberz", "v2/x"])?;
    for limit in [1000, 999, 4000] {
        let listed = in_pages(store, PREFIX, limit)?;
        ensure(listed == keys, || {
            format!(
                "list in pages of {limit}: found {} keys, expected {} in ascending order",
                listed.len(),
                keys.len()
            )
        })?;
    }
    // The prefix, the key to start after, the limit, and the first key expected.
    let cases = [
        (PREFIX, None, 1, 0),
        ("v1/numbers/05/", None, 256, 0x500),
        // After a key that does not exist, and after the name of a directory.
        (PREFIX, Some("v1/numbers/03/0310-"), 2, 0x311),
        ("v1/numbers/03/", Some("v1/numbers/03"), 1, 0x300),
        ("v1/numbers/0", Some("v1/numbers/02/02ff"), 1, 0x300),
        // After a key that sorts before, or after, all of them.
        (PREFIX, Some("v0"), 2, 0),
        (PREFIX, Some("v9"), 2, keys.len()),
    ];
    let after_each = [0, 255, 256, 1000, 2998, 2999]
        .into_iter()
        .map(|at| (PREFIX, keys.get(at).map(String::as_str), 5, at + 1));
    for (prefix, start_after, limit, first) in cases.into_iter().chain(after_each) {
        let what = format!("list of {prefix:?} after {start_after:?}, at most {limit}");
        let expected: Vec<&String> = keys.iter().skip(first).take(limit).collect();
        let listed = store.list(prefix, start_after, limit)?;
        equal(&what, listed.iter().collect::<Vec<_>>(), expected)?;
    }
    // The prefix ends the list before the limit does.
    let listed = store.list("v1/numbers/05/", None, 300)?;
    equal("the number of keys below a prefix", listed.len(), 256_usize)
}

pub(super) fn pages_contain_each_key_once(store: &dyn ObjectStore) -> Checked {
    // Names that sort differently with a trailing slash, on which servers disagree.
    let mut keys: BTreeSet<String> = BTreeSet::new();
    for name in ["a", "a-b", "a.b", "a~", "a0", "aa", "A", "b", "b-", "b.c-d"] {
        for below in ["1", "2/3", "2-/3", "2.4"] {
            keys.insert(format!("v1/{name}/{below}"));
        }
    }
    create_all(store, &keys.iter().collect::<Vec<_>>())?;
    for limit in [1, 2, 3, 7, 1000] {
        let listed = in_pages(store, "v1/", limit)?;
        let distinct: BTreeSet<String> = listed.iter().cloned().collect();
        equal(
            &format!("the keys in pages of {limit}"),
            distinct,
            keys.iter().cloned().collect::<BTreeSet<_>>(),
        )?;
        equal(
            &format!("the number of keys in pages of {limit}"),
            listed.len(),
            keys.len(),
        )?;
    }
    Ok(())
}

pub(super) fn a_prefix_is_not_a_directory(store: &dyn ObjectStore) -> Checked {
    let keys = [
        "v1/commits/ab/cdef",
        "v1/commits/ab/cdff",
        "v1/commits/ac/cdef",
        "v1/commitsx",
    ];
    create_all(store, &keys)?;
    for (prefix, expected) in [
        ("", 4),
        ("v", 4),
        ("v1/commits", 4),
        ("v1/commits/", 3),
        ("v1/commits/a", 3),
        ("v1/commits/ab", 2),
        ("v1/commits/ab/cde", 1),
        ("v1/commits/ab/cdef", 1),
        ("v1/commits/b", 0),
        ("v1/commits/ab/cdef/", 0),
        ("x", 0),
    ] {
        let mut found = store.list(prefix, None, 10)?;
        found.sort_unstable();
        let expected: Vec<&str> = keys.into_iter().take(expected).collect();
        equal(&format!("list of {prefix:?}"), found, expected)?;
    }
    // A text that cannot be the beginning of a key is an error.
    for wrong in ["../", "/", "a//b", "a b"] {
        let found = store.list(wrong, None, 10);
        ensure(found.is_err(), || {
            format!("list of {wrong:?}: found {found:?}, expected an error")
        })?;
    }
    Ok(())
}
