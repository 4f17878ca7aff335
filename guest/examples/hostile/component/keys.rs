//! Keys that are none, keys of others, and more than a store gives.

use super::generated::baton::plugin::store::{self, ByteRange, PutMode};
use super::tried::{Tried, told};
use super::{Failed, scratch};

/// Below the project of the job.
const OWN: &str = "v1/projects/gh~2Facme~2Fshop/evil";

/// Tries every call with keys that lead elsewhere.
pub(super) fn odd() -> Tried {
    let mut tried = Tried::default();
    let (long_name, long_key) = ("a".repeat(201), "abc/".repeat(250) + "x");
    let odd = [
        "",
        "/",
        "..",
        ".",
        "../outside/secret",
        "v1/../../outside/secret",
        "/etc/passwd",
        "v1/..",
        "v1/./x",
        ".tmp/x",
        ".probe",
        "v1/.hidden",
        "v1//x",
        "v1/",
        "/v1/x",
        "v1/\0",
        "v1/x\0y",
        "v1/\u{fc}",
        "v1/x y",
        "v1/x\n",
        "v1\\x",
        "C:\\x",
        "v1/x?y",
        "v1/x#y",
        "v1/x%2e%2e",
        "v1/*",
        &long_name,
        &long_key,
    ];
    for key in odd {
        let range = ByteRange {
            offset: 0,
            length: 10,
        };
        tried.must_fail(format!("get {key:?}"), store::get(key, None));
        tried.must_fail(format!("get a part of {key:?}"), store::get(key, Some(range)));
        tried.must_fail(format!("head {key:?}"), store::head(key));
        for mode in [PutMode::Create, PutMode::Named, PutMode::Repair] {
            tried.must_fail(format!("{mode:?} {key:?}"), store::put(key, b"evil", mode));
        }
        tried.must_fail(format!("delete {key:?}"), store::delete(&[key.to_owned()]));
    }
    for prefix in [
        "/", "..", "../", "v1/../", ".tmp", ".tmp/", "v1/.", "v1//", "/etc/", "v1/\0",
    ] {
        tried.must_fail(format!("list {prefix:?}"), store::list(prefix, None, 10));
    }
    tried
}

/// Asks for more than there is. What the host gives is counted: the test has put 1,100 objects under `v1/many/`.
pub(super) fn huge() -> Tried {
    let mut tried = Tried::default();
    let listed = store::list("v1/many/", None, u32::MAX).unwrap_or_default();
    tried.must_not(format!("{} keys in one list", listed.len()), listed.len() > 1000);
    for (offset, length) in [
        (0, u64::MAX),
        (u64::MAX, u64::MAX),
        (1 << 63, 1 << 63),
        (0, 1 << 40),
    ] {
        let part = store::get("v1/many/0000", Some(ByteRange { offset, length }));
        let bytes = part.ok().flatten().unwrap_or_default().len();
        tried.must_not(format!("{bytes} bytes of an object that has one"), bytes > 1);
    }
    tried.must_fail(
        "delete of 1,001",
        store::delete(&vec!["v1/many/0000".to_owned(); 1001]),
    );
    tried.must_fail("a page of 9 MiB", scratch::write(&vec![0; 9 << 20]));
    tried.must_fail("a page that nobody wrote", scratch::read(u32::MAX));
    tried
}

/// Replaces whole objects of the own project until the host refuses.
pub(super) fn repairs<T>() -> Failed<T> {
    let mut repaired = 0;
    for number in 0..100 {
        let key = format!("{OWN}/{number}");
        // One line of JSON: nothing says that it is damaged.
        let _ = store::put(&key, b"{}", PutMode::Create);
        repaired += u32::from(store::put(&key, b"{\"a\":1}", PutMode::Repair).is_ok());
    }
    told(&format!("{repaired} of 100 objects were replaced"))
}
