//! Small files: stored once, and never in bundles that are mostly something else.

use std::collections::{HashMap, HashSet};

use baton_guest::keys;
use baton_guest::persist;
use baton_guest::testing::{MemoryFiles, MemoryScratch, MemoryStore};
use baton_guest::tree::{Content, Location};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};

use crate::support::driver::{attached_latest, everything, persist, persisted, work};
use crate::support::stores::stored_bytes;
use crate::support::{Tree, build, job, noise, tree_of};

/// Bytes of each bundle that the tree's files use. Files with the same bytes use them once.
fn used_bytes(tree: &Tree) -> HashMap<u32, u64> {
    let mut places = HashSet::new();
    let mut used: HashMap<u32, u64> = HashMap::new();
    for entry in &tree.entries {
        if let Content::File {
            size,
            location: Location::Bundle { chunk, offset },
            ..
        } = &entry.content
            && places.insert((*chunk, *offset))
        {
            *used.entry(*chunk).or_default() += size;
        }
    }
    used
}

/// Checks that the tree uses at least half of each bundle, and every chunk and pack of its table.
fn assert_fit(tree: &Tree) {
    let used = used_bytes(tree);
    for (number, chunk) in (0..)
        .zip(&tree.chunks)
        .filter(|(_, chunk)| chunk.digest.is_none())
    {
        let used = used.get(&number).copied().unwrap_or_default();
        assert!(
            used * 2 >= u64::from(chunk.raw_length),
            "bundle {number}: {used} of {}",
            chunk.raw_length
        );
    }
    let packs: HashSet<u32> = tree.chunks.iter().map(|chunk| chunk.pack).collect();
    assert_eq!(packs.len(), tree.packs.len());
}

fn files_of(contents: &HashMap<u64, Vec<u8>>) -> MemoryFiles {
    let files = MemoryFiles::default();
    let mut names: Vec<_> = contents.keys().collect();
    names.sort();
    for name in names {
        files.file(&format!("src/{name}"), contents[name].clone(), 0o644);
    }
    files
}

#[test]
fn each_small_file_is_stored_once() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    for number in 0..100 {
        files.file(&format!("{number}/LICENSE"), noise(1, 10_000), 0o644);
        files.file(&format!("{number}/own"), noise(100 + number, 1000), 0o644);
    }
    let report = persist(&store, &files, &everything(build(1)), 1).unwrap();
    assert_eq!((report.new_bytes, report.new_files), (10_000 + 100 * 1000, 101));
    assert!(stored_bytes(&store, "v1/packs/") < 112_000);
    assert_fit(&tree_of(&store, &report.record.unwrap()));
    // One more, and one with bytes that are stored already.
    files.file("new/LICENSE", noise(1, 10_000), 0o600);
    files.file("new/own", "new", 0o644);
    let report = persist(&store, &files, &everything(build(2)), 1).unwrap();
    assert_eq!((report.new_bytes, report.new_files), (3, 1));
    assert_eq!(files.listing(), attached_latest(&store).listing());
}

#[test]
fn a_directory_under_another_name_stores_nothing() {
    let (store, before, after) = (
        MemoryStore::default(),
        MemoryFiles::default(),
        MemoryFiles::default(),
    );
    for number in 0..50 {
        before.file(&format!("old/{number}"), noise(number, 3000), 0o644);
        after.file(&format!("new/name/{number}"), noise(number, 3000), 0o755);
    }
    before.file("old/large", noise(7, 3 << 20), 0o644);
    after.file("new/name/large", noise(7, 3 << 20), 0o755);
    persisted(&store, &before, build(1));
    let packs = store.keys("v1/packs/");
    let report = persist(&store, &after, &everything(build(2)), 3).unwrap();
    assert_eq!((report.new_bytes, report.new_files), (0, 0));
    assert_eq!(store.keys("v1/packs/"), packs);
    assert_eq!(after.listing(), attached_latest(&store).listing());
}

#[test]
fn bundles_stay_fit_over_twenty_generations() {
    for workers in [1, 3] {
        let store = MemoryStore::default();
        let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
        let mut seed = 1_000_000;
        let mut content = |random: &mut TestRng| {
            seed += 1;
            noise(seed, random.random_range(1..12_000))
        };
        let mut contents: HashMap<u64, Vec<u8>> = (0..300).map(|name| (name, content(&mut random))).collect();
        let (mut changed_bytes, mut live_bytes) = (0, 0);
        for generation in 1..=20 {
            for _ in 0..if generation == 1 { 0 } else { 30 } {
                let name = random.random_range(0..400);
                contents.remove(&name);
                if random.random_bool(0.8) {
                    let content = content(&mut random);
                    changed_bytes += content.len() as u64;
                    contents.insert(name, content);
                }
            }
            let files = files_of(&contents);
            let report = persist(&store, &files, &everything(build(generation)), workers).unwrap();
            let tree = tree_of(&store, &report.record.unwrap());
            assert_fit(&tree);
            live_bytes = contents.values().map(|content| content.len() as u64).sum();
            let pointed: u64 = tree.chunks.iter().map(|chunk| u64::from(chunk.length)).sum();
            assert!(
                pointed <= live_bytes * 2 + 1000,
                "attach would read {pointed} for {live_bytes}"
            );
            assert_eq!(files.listing(), attached_latest(&store).listing());
        }
        // The cost of the bundles: each byte is bundled again at most once for each time that a bundle halves.
        let stored = stored_bytes(&store, "v1/packs/");
        let most = (live_bytes + changed_bytes) * 5 / 2;
        assert!(
            stored <= most,
            "{stored} stored for {live_bytes} live and {changed_bytes} changed"
        );
    }
}

#[test]
fn what_lies_in_a_missing_pack_is_stored_again() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.file("small", noise(1, 5000), 0o644);
    files.file("large", noise(2, 20 << 20), 0o644);
    persisted(&store, &files, build(1));
    for lost in store.keys("v1/packs/") {
        store.objects.borrow_mut().remove(&lost);
        persist(&store, &files, &everything(build(2)), 2).unwrap();
        assert_eq!(
            files.listing(),
            attached_latest(&store).listing(),
            "without {lost}"
        );
    }
}

#[test]
fn what_lies_in_a_pack_that_was_cut_short_is_stored_again() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.file("small", noise(1, 5000), 0o644);
    files.file("large", noise(2, 3 << 20), 0o644);
    persisted(&store, &files, build(1));
    let cut = store.keys("v1/packs/").remove(0);
    for length in [0, 1, 100_000] {
        store.objects.borrow_mut().get_mut(&cut).unwrap().truncate(length);
        persist(&store, &files, &everything(build(2 + length as u64)), 1).unwrap();
        assert_eq!(
            files.listing(),
            attached_latest(&store).listing(),
            "cut to {length}"
        );
    }
}

#[test]
fn a_pack_that_vanishes_while_files_are_persisted_is_noticed() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.file("small", noise(1, 5000), 0o644);
    files.file("large", noise(2, 3 << 20), 0o644);
    persisted(&store, &files, build(1));
    let planned = persist::plan(&store, &files, &MemoryScratch, &everything(build(2))).unwrap();
    let outcomes = work(&store, &files, &planned, 1).unwrap();
    store
        .objects
        .borrow_mut()
        .retain(|key, _| !key.starts_with("v1/packs/"));
    persist::finish(&store, &files, &MemoryScratch, &planned.rest, &outcomes).unwrap();
    assert_eq!(files.listing(), attached_latest(&store).listing());
}

#[test]
fn a_file_that_must_be_stored_again_but_has_changed_is_refused() {
    let (store, files) = (MemoryStore::default(), MemoryFiles::default());
    files.file("small", noise(1, 5000), 0o644);
    files.file("large", noise(2, 3 << 20), 0o644);
    persisted(&store, &files, build(1));
    for path in ["small", "large"] {
        let planned = persist::plan(&store, &files, &MemoryScratch, &everything(build(2))).unwrap();
        let outcomes = work(&store, &files, &planned, 1).unwrap();
        let packs: Vec<_> = store.keys("v1/packs/");
        let kept: Vec<_> = packs
            .iter()
            .filter_map(|key| store.objects.borrow_mut().remove(key))
            .collect();
        let old = files.content(path).unwrap();
        files.file(path, noise(9, old.len()), 0o644);
        let error = persist::finish(&store, &files, &MemoryScratch, &planned.rest, &outcomes).unwrap_err();
        assert_eq!(crate::support::code(&error), "file-changed", "{path}");
        let keys = build(2).record("dist").unwrap().keys();
        assert!(keys.iter().all(|key| store.keys(key).is_empty()));
        files.file(path, old, 0o644);
        store.objects.borrow_mut().extend(packs.into_iter().zip(kept));
    }
}

#[test]
fn a_base_that_is_damaged_or_missing_is_no_obstacle() {
    let (fresh, files) = (MemoryStore::default(), MemoryFiles::default());
    files.file("small", noise(1, 5000), 0o644);
    files.file("large", noise(2, 2 << 20), 0o644);
    persisted(&fresh, &files, job("w", "build", 1));
    let harmed: Vec<String> = fresh
        .keys("v1/")
        .into_iter()
        .filter(|key| key != keys::STORE)
        .collect();
    assert!(harmed.len() > 4);
    for key in harmed {
        for harm in ["missing", "flipped", "cut", "foreign"] {
            let store = crate::support::stores::copy(&fresh);
            {
                let mut objects = store.objects.borrow_mut();
                let object = objects.get_mut(&key).unwrap();
                match harm {
                    "flipped" if key.starts_with("v1/packs/") => continue,
                    "missing" => drop(objects.remove(&key)),
                    "flipped" => *object.last_mut().unwrap() ^= 1,
                    "cut" => object.truncate(object.len() / 2),
                    _ => *object = b"something else".to_vec(),
                }
            }
            let mut next = job("w", "build", 2);
            next.now_ms += 1;
            persist(&store, &files, &everything(next), 1)
                .unwrap_or_else(|error| panic!("{harm} {key}: {error:?}"));
            let context = job("w", "build", 2);
            let to = MemoryFiles::default();
            crate::support::driver::attach(
                &store,
                &to,
                &crate::support::driver::all_of("latest", context),
                1,
            )
            .unwrap_or_else(|error| panic!("{harm} {key}: {error:?}"));
            assert_eq!(files.listing(), to.listing(), "{harm} {key}");
        }
    }
}

proptest! {
    #![proptest_config(crate::support::cases(8))]

    #[test]
    fn equal_files_converge_whoever_stores_them(
        seeds in prop::collection::vec(0u64..6, 1..40),
        workers in 1usize..4,
    ) {
        let (store, files) = (MemoryStore::default(), MemoryFiles::default());
        for (number, seed) in seeds.iter().enumerate() {
            files.file(&format!("{number}"), noise(*seed, 700_000 + *seed as usize), 0o644);
        }
        persist(&store, &files, &everything(build(1)), workers).unwrap();
        // What two workers stored twice may be put in order once, and then it stays.
        persist(&store, &files, &everything(build(2)), 1).unwrap();
        let packs = store.keys("v1/packs/");
        let third = persist(&store, &files, &everything(build(3)), workers).unwrap();
        prop_assert_eq!((store.keys("v1/packs/"), third.new_bytes), (packs, 0));
        assert_fit(&tree_of(&store, &third.record.unwrap()));
        prop_assert_eq!(files.listing(), attached_latest(&store).listing());
    }
}
