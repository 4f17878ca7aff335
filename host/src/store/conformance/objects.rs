//! The promises about single objects: `get`, `head`, `put` and `delete`.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::super::{Key, ObjectStore, PutMode, PutOutcome};
use super::checks::{
    Broken, Checked, create, create_all, ensure, equal, get, in_pages, key, part, same_bytes,
};

pub(super) fn missing_objects_are_not_errors(store: &dyn ObjectStore) -> Checked {
    equal("get of a missing object", get(store, "a/b")?, None::<Vec<u8>>)?;
    equal(
        "get of a part of a missing object",
        part(store, "a/b", 0, 10)?,
        None::<Vec<u8>>,
    )?;
    equal("head of a missing object", store.head(key("a/b")?)?, None::<u64>)?;
    store.delete(&[key("a/b")?, key("c")?])?;
    store.delete(&[])?;
    equal(
        "list of an empty store",
        store.list("", None, 10)?,
        Vec::<String>::new(),
    )?;
    let below = store.list("a/", Some("a/b"), 10)?;
    equal(
        "list after a missing key of an empty store",
        below,
        Vec::<String>::new(),
    )?;
    // The directory of a key is not an object.
    create(store, "a/b/c", b"x")?;
    equal("get of a directory of keys", get(store, "a/b")?, None::<Vec<u8>>)?;
    equal(
        "head of a directory of keys",
        store.head(key("a/b")?)?,
        None::<u64>,
    )
}

pub(super) fn objects_are_read_whole_and_in_parts(store: &dyn ObjectStore) -> Checked {
    const NAME: &str = "v1/some/object";
    let bytes: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let size = bytes.len() as u64;
    create(store, NAME, &bytes)?;
    equal("head", store.head(key(NAME)?)?, Some(size))?;
    same_bytes("get", get(store, NAME)?, &bytes)?;
    for (offset, length) in [
        (0, 1),
        (0, size),
        (1, 999),
        (size - 1, 1),
        (200_000, 150_000),
        // A range may end after the object, or begin there: the part of it that exists is returned.
        (size - 10, 1000),
        (0, size + 1),
        (size, 1),
        (size + 5000, 10),
        (7, 0),
    ] {
        let start = offset.min(size) as usize;
        let end = (offset + length).min(size) as usize;
        let expected = bytes.get(start..end.max(start)).unwrap_or_default();
        let what = format!("get of {length} bytes at {offset} of an object of {size} bytes");
        same_bytes(&what, part(store, NAME, offset, length)?, expected)?;
    }
    Ok(())
}

pub(super) fn empty_objects_exist(store: &dyn ObjectStore) -> Checked {
    create(store, "empty", b"")?;
    equal("head of an empty object", store.head(key("empty")?)?, Some(0))?;
    same_bytes("get of an empty object", get(store, "empty")?, b"")?;
    same_bytes(
        "get of a part of an empty object",
        part(store, "empty", 0, 10)?,
        b"",
    )?;
    same_bytes(
        "get of a part after an empty object",
        part(store, "empty", 5, 10)?,
        b"",
    )?;
    equal("list", store.list("", None, 10)?, ["empty"])?;
    let again = store.put(key("empty")?, b"not", PutMode::Create)?;
    equal(
        "create of an empty object again",
        again,
        PutOutcome::AlreadyExists,
    )?;
    same_bytes("get after that", get(store, "empty")?, b"")
}

pub(super) fn large_objects_are_kept(store: &dyn ObjectStore) -> Checked {
    const NAME: &str = "v1/large/large";
    const MIB: usize = 1 << 20;
    let bytes = distinct_bytes(64 * MIB);
    create(store, NAME, &bytes)?;
    equal("head", store.head(key(NAME)?)?, Some(64 << 20))?;
    same_bytes("get", get(store, NAME)?, &bytes)?;
    let middle = bytes.get(31 * MIB..36 * MIB).unwrap_or_default();
    same_bytes("get of 5 MiB", part(store, NAME, 31 << 20, 5 << 20)?, middle)?;
    same_bytes(
        "get of the whole as a range",
        part(store, NAME, 0, 64 << 20)?,
        &bytes,
    )
}

/// Returns bytes of which no two parts are alike: a wrong part is noticed.
fn distinct_bytes(size_bytes: usize) -> Vec<u8> {
    (0..size_bytes as u64 / 8)
        .flat_map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes())
        .collect()
}

/// A store may put a named object in the background. Nobody who uses the store can tell.
pub(super) fn named_objects_are_kept(store: &dyn ObjectStore) -> Checked {
    let bytes = distinct_bytes(9 << 20);
    let digest = blake3::hash(&bytes).to_hex();
    let name = format!("v1/large/{}/{digest}", digest.get(..2).unwrap_or_default());
    let outcome = store.put(key(&name)?, &bytes, PutMode::Named)?;
    equal("put of a new named object", outcome, PutOutcome::Stored)?;
    create(store, "v1/record", b"points to the named object")?;
    same_bytes("get of a named object", get(store, &name)?, &bytes)?;
    equal(
        "head of a named object",
        store.head(key(&name)?)?,
        Some(bytes.len() as u64),
    )?;
    // It has the same bytes, so both outcomes are true.
    store.put(key(&name)?, &bytes, PutMode::Named)?;
    same_bytes("get after a second put", get(store, &name)?, &bytes)?;
    equal("list", store.list("v1/large/", None, 10)?, [name])
}

pub(super) fn create_keeps_and_overwrite_replaces(store: &dyn ObjectStore) -> Checked {
    let name = key("v1/record")?;
    let put = |what, bytes: &[u8], mode, expected| equal(what, store.put(name, bytes, mode)?, expected);
    put("create", b"first", PutMode::Create, PutOutcome::Stored)?;
    put(
        "create of an existing object",
        b"second",
        PutMode::Create,
        PutOutcome::AlreadyExists,
    )?;
    put(
        "create of an existing object with the same bytes",
        b"first",
        PutMode::Create,
        PutOutcome::AlreadyExists,
    )?;
    same_bytes("get after create", get(store, name.as_str())?, b"first")?;
    put(
        "overwrite",
        b"a longer third",
        PutMode::Overwrite,
        PutOutcome::Stored,
    )?;
    same_bytes(
        "get after overwrite",
        get(store, name.as_str())?,
        b"a longer third",
    )?;
    put(
        "overwrite with fewer bytes",
        b"4",
        PutMode::Overwrite,
        PutOutcome::Stored,
    )?;
    equal("head after overwrite", store.head(name)?, Some(1))?;
    store.delete(&[name])?;
    put(
        "create after delete",
        b"fifth",
        PutMode::Create,
        PutOutcome::Stored,
    )?;
    let fresh = store.put(key("v1/other")?, b"x", PutMode::Overwrite)?;
    equal("overwrite of a missing object", fresh, PutOutcome::Stored)
}

pub(super) fn one_of_several_creators_succeeds(store: &dyn ObjectStore) -> Checked {
    const RACERS: usize = 8;
    // Few rounds, because some servers let each loser wait for seconds.
    for round in 0..8 {
        let name = format!("v1/races/{round:02}");
        let start = Barrier::new(RACERS);
        let bytes = |racer: usize| vec![racer as u8; 1000 + racer];
        let outcomes = thread::scope(|scope| {
            let racers: Vec<_> = (0..RACERS)
                .map(|racer| {
                    let (name, start) = (&name, &start);
                    scope.spawn(move || {
                        start.wait();
                        store.put(Key::parse(name)?, &bytes(racer), PutMode::Create)
                    })
                })
                .collect();
            racers
                .into_iter()
                .map(|racer| Ok(racer.join().map_err(|_| Broken::Panic)??))
                .collect::<Checked<Vec<PutOutcome>>>()
        })?;
        let winners: Vec<usize> = (0..RACERS)
            .zip(outcomes)
            .filter_map(|(racer, outcome)| (outcome == PutOutcome::Stored).then_some(racer))
            .collect();
        let [winner] = winners[..] else {
            return Err(Broken::Answer(format!(
                "of {RACERS} creators of {name}, {} succeeded",
                winners.len()
            )));
        };
        let what = format!("get of {name}, which creator {winner} created");
        same_bytes(&what, get(store, &name)?, &bytes(winner))?;
    }
    Ok(())
}

pub(super) fn a_reader_sees_one_whole_object(store: &dyn ObjectStore) -> Checked {
    const READS: usize = 30;
    let name = key("v1/large/damaged")?;
    let objects = [vec![0_u8; 300_000], vec![1_u8; 200_000]];
    let [first, _] = &objects;
    store.put(name, first, PutMode::Overwrite)?;
    let reads = AtomicUsize::new(0);
    let read = || -> Checked {
        while reads.fetch_add(1, Ordering::Relaxed) < READS {
            let found = store.get(name, None)?;
            let is_one = objects.iter().any(|object| Some(object) == found.as_ref());
            ensure(is_one, || {
                let size = found.map(|found| found.len());
                format!("get during overwrites: found {size:?} bytes, which are neither of two objects")
            })?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        for object in objects.iter().cycle().skip(1) {
            store.put(name, object, PutMode::Overwrite)?;
            // A reader that failed does not read on.
            if reads.load(Ordering::Relaxed) >= READS || readers.iter().all(|reader| reader.is_finished()) {
                break;
            }
        }
        readers
            .into_iter()
            .try_for_each(|reader| reader.join().map_err(|_| Broken::Panic)?)
    })
}

pub(super) fn delete_removes_only_what_it_names(store: &dyn ObjectStore) -> Checked {
    let keys: Vec<String> = (0..1200)
        .map(|number| format!("v1/d/{:02}/{number:04}", number % 40))
        .collect();
    create_all(store, &keys)?;
    let (gone, left) = keys.split_at(990);
    let mut named = gone
        .iter()
        .map(|name| Key::parse(name))
        .collect::<Result<Vec<_>, _>>()?;
    // Among them keys that never existed, and directories of other keys.
    for other in ["v1/d/00/9999", "v1/missing", "v1/d", "v1/d/01"] {
        named.push(key(other)?);
    }
    store.delete(&named)?;
    let mut left = left.to_vec();
    left.sort_unstable();
    let listed = in_pages(store, "v1/", 1000)?;
    ensure(listed == left, || {
        format!(
            "list after delete: found {} keys, expected the other {}",
            listed.len(),
            left.len()
        )
    })?;
    for name in gone.iter().step_by(100) {
        equal("get of a deleted object", get(store, name)?, None::<Vec<u8>>)?;
        equal("head of a deleted object", store.head(key(name)?)?, None::<u64>)?;
    }
    for name in left.iter().step_by(100) {
        same_bytes("get of another object", get(store, name)?, name.as_bytes())?;
    }
    // Again: nothing of it exists now.
    store.delete(&named)?;
    gone.iter()
        .take(1)
        .try_for_each(|name| create(store, name, b"again"))
}

pub(super) fn unusual_names_are_accepted(store: &dyn ObjectStore) -> Checked {
    let long = "x".repeat(200);
    let deep = vec!["y".repeat(200); 4].join("/");
    let names = [
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
    for name in names {
        create(store, name, name.as_bytes())?;
    }
    let mut keys = Vec::new();
    for name in names {
        same_bytes(&format!("get of {name}"), get(store, name)?, name.as_bytes())?;
        equal(
            &format!("head of {name}"),
            store.head(key(name)?)?,
            Some(name.len() as u64),
        )?;
        let again = store.put(key(name)?, b"x", PutMode::Create)?;
        equal(
            &format!("create of {name} again"),
            again,
            PutOutcome::AlreadyExists,
        )?;
        keys.push(key(name)?);
    }
    let mut expected = names;
    expected.sort_unstable();
    let mut listed = store.list("", None, 100)?;
    listed.sort_unstable();
    equal("list", listed, expected)?;
    store.delete(&keys)?;
    equal(
        "list after delete",
        store.list("", None, 100)?,
        Vec::<String>::new(),
    )
}

pub(super) fn a_probe_succeeds_and_leaves_nothing(store: &dyn ObjectStore) -> Checked {
    create(store, "v1/record", b"x")?;
    let results = store.probe()?;
    ensure(!results.is_empty(), || "the probe reports no result".to_owned())?;
    equal("list after a probe", store.list("", None, 100)?, ["v1/record"])
}
