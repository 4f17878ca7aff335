//! A store whose bytes are not what they were: every harm is seen and named, and nothing comes of it at the target.

use std::fs;

use crate::files::{Listing, assert_same, assert_same_listing, listing, noise, text, write, write_all};
use crate::place::{Job, Place, Ran, Stored};
use crate::stored::id;

/// Two builds of different trees, and a target that has something of its own.
struct Scene {
    _place: Place,
    job: Job,
    store: Stored,
    /// The objects of the second build.
    pack: String,
    tree: String,
    target: Listing,
}

impl Scene {
    fn new() -> Scene {
        let place = Place::new();
        let (job, store) = (place.job("work"), place.store());
        let persist = |seed: u64| {
            let (packs, trees) = (store.packs(), store.trees());
            write(&job.path("tree/small"), noise(seed, 30_000));
            write(&job.path("tree/dir/large"), noise(seed, 2 << 20));
            job.baton(&format!("persist . --root tree --number {seed}"))
                .succeeds();
            let new = |now: Vec<String>, before: Vec<String>| {
                now.into_iter().find(|key| !before.contains(key)).unwrap()
            };
            (new(store.packs(), packs), new(store.trees(), trees))
        };
        persist(1);
        let (pack, tree) = persist(2);
        write_all(&job.path("out"), &[("small", "old"), ("mine", "mine")]);
        write(&job.path("out/dir/large"), noise(1, 2 << 20));
        let target = listing(&job.path("out"));
        Scene {
            _place: place,
            job,
            store,
            pack,
            tree,
            target,
        }
    }

    /// Replaces an object by other bytes, or removes it, calls `check`, and restores it.
    fn with(&self, key: &str, bytes: Option<&[u8]>, check: impl FnOnce()) {
        let original = self.store.get(key);
        match bytes {
            Some(bytes) => self.store.put(key, bytes),
            None => self.store.remove(key),
        }
        check();
        self.store.put(key, original);
    }

    /// Attaches what the selector means, which must fail and leave the target as it was.
    #[track_caller]
    fn refused(&self, selector: &str, code: i32) -> Ran {
        let ran = self
            .job
            .run(["attach", selector, "--at", "out", "--strict"])
            .ends(code)
            .tells("error: ")
            .tells("hint: ");
        assert_same_listing(&listing(&self.job.path("out")), &self.target);
        ran
    }

    /// As [`Scene::refused`], and both digests are shown: what the object is called, and what its bytes are.
    #[track_caller]
    fn refused_with_digests(&self, selector: &str, key: &str, bytes: &[u8]) {
        let found = blake3::hash(bytes).to_hex();
        self.refused(selector, 1)
            .tells(key)
            .tells(&format!("expected {}", id(key)))
            .tells(&format!("found    {found}"));
    }

    /// Checks that a restored store attaches.
    #[track_caller]
    fn attaches(&self) {
        self.job.baton("attach build:2 --at whole").succeeds();
        assert_same(&self.job.path("tree"), &self.job.path("whole"));
    }
}

fn flipped(bytes: &[u8], at: usize, bit: u8) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << bit;
    bytes
}

#[test]
fn a_truncated_pack_or_tree_is_named_with_both_digests() {
    let scene = Scene::new();
    for key in [&scene.pack, &scene.tree] {
        let whole = scene.store.get(key);
        for length in [0, 1, whole.len() / 2, whole.len() - 1] {
            let cut = &whole[..length];
            scene.with(key, Some(cut), || scene.refused_with_digests("build:2", key, cut));
        }
    }
    scene.attaches();
}

#[test]
fn a_flipped_bit_in_a_pack_or_tree_is_named_with_both_digests() {
    let scene = Scene::new();
    for key in [&scene.pack, &scene.tree] {
        let whole = scene.store.get(key);
        for part in 1..8 {
            let bytes = flipped(&whole, whole.len() * part / 8 + part, part as u8 % 8);
            scene.with(key, Some(&bytes), || {
                scene.refused_with_digests("build:2", key, &bytes)
            });
        }
    }
    // A frame has bits without a meaning. Whatever becomes of them, no wrong byte arrives.
    let whole = scene.store.get(&scene.pack);
    for at in 0..12 {
        let bytes = flipped(&whole, at, (at % 8) as u8);
        scene.with(&scene.pack, Some(&bytes), || {
            let ran = scene.job.baton("attach build:2 --at whole");
            match ran.code {
                Some(0) => assert_same(&scene.job.path("tree"), &scene.job.path("whole")),
                _ => drop(ran.ends(1).tells(&scene.pack)),
            }
            let _ = fs::remove_dir_all(scene.job.path("whole"));
        });
    }
    scene.attaches();
}

#[test]
fn a_swapped_pack_or_tree_is_named_with_both_digests() {
    let scene = Scene::new();
    let other = |keys: Vec<String>, not: &String| keys.into_iter().find(|key| key != not).unwrap();
    let swaps = [
        (&scene.pack, other(scene.store.packs(), &scene.pack)),
        (&scene.tree, other(scene.store.trees(), &scene.tree)),
        (&scene.pack, scene.tree.clone()),
        (&scene.tree, scene.pack.clone()),
    ];
    for (key, other) in swaps {
        let bytes = scene.store.get(&other);
        scene.with(key, Some(&bytes), || {
            scene.refused_with_digests("build:2", key, &bytes)
        });
    }
    scene.attaches();
}

#[test]
fn a_missing_pack_or_tree_is_named() {
    let scene = Scene::new();
    for (key, tells) in [
        (&scene.pack, "the pack is missing"),
        (&scene.tree, "the tree is missing"),
    ] {
        scene.with(key, None, || {
            let _ = scene
                .refused("build:2", 1)
                .tells(tells)
                .tells(key)
                .tells(&format!("expected {}", id(key)));
        });
    }
    scene.attaches();
}

#[test]
fn a_damaged_pack_leaves_no_target_behind_that_was_not_there() {
    let scene = Scene::new();
    scene.with(&scene.pack, Some(b"nothing of the kind"), || {
        scene
            .job
            .baton("attach build:2 --at new")
            .ends(1)
            .tells(&scene.pack);
        assert!(!scene.job.path("new").exists() || listing(&scene.job.path("new")).is_empty());
    });
}

/// Selectors, each with the kind of look-up key that answers it.
const WAYS: [(&str, &str); 3] = [
    ("latest", "builds"),
    ("build:2", "numbers"),
    ("sha:c0ffee1", "commits"),
];

/// Returns the key under which the second build is found.
fn record(scene: &Scene, kind: &str) -> String {
    let is_second = |key: &String| {
        String::from_utf8(scene.store.get(key))
            .unwrap()
            .contains("\"number\":2,")
    };
    scene.store.records(kind).into_iter().find(is_second).unwrap()
}

#[test]
fn a_truncated_record_is_named() {
    let scene = Scene::new();
    for (selector, kind) in WAYS {
        let key = record(&scene, kind);
        let whole = scene.store.get(&key);
        for length in [0, 1, 60, whole.len() / 2, whole.len() - 1] {
            scene.with(&key, Some(&whole[..length]), || {
                drop(scene.refused(selector, 1).tells(&key))
            });
        }
        let cut = &whole[..whole.len() - 7];
        let body = &cut[cut.iter().position(|byte| *byte == b'\n').unwrap() + 1..];
        let found = format!("found    {}", blake3::hash(body).to_hex());
        scene.with(&key, Some(cut), || {
            drop(scene.refused(selector, 1).tells("expected ").tells(&found))
        });
    }
    scene.attaches();
}

#[test]
fn a_flipped_bit_in_a_record_is_named() {
    let scene = Scene::new();
    for (selector, kind) in WAYS {
        let key = record(&scene, kind);
        let whole = scene.store.get(&key);
        let body = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        for at in (0..whole.len()).step_by(29) {
            let bytes = flipped(&whole, at, (at % 8) as u8);
            scene.with(&key, Some(&bytes), || {
                let ran = scene.refused(selector, 1).tells(&key);
                if at >= body {
                    let _ = ran
                        .tells("the record was altered")
                        .tells("expected ")
                        .tells("found    ");
                }
            });
        }
    }
    scene.attaches();
}

#[test]
fn a_swapped_record_is_named() {
    let scene = Scene::new();
    for (selector, kind) in WAYS {
        let key = record(&scene, kind);
        let other = scene
            .store
            .records(kind)
            .into_iter()
            .find(|other| *other != key)
            .unwrap();
        let bytes = scene.store.get(&other);
        scene.with(&key, Some(&bytes), || {
            drop(
                scene
                    .refused(selector, 1)
                    .tells("this is the record of default 1, which has other keys")
                    .tells(&key),
            );
        });
    }
    let tree = scene.store.get(&scene.tree);
    let key = record(&scene, "builds");
    scene.with(&key, Some(&tree), || drop(scene.refused("latest", 1).tells(&key)));
}

#[test]
fn a_missing_record_is_as_if_the_build_had_never_been() {
    let scene = Scene::new();
    scene.with(&record(&scene, "numbers"), None, || {
        drop(scene.refused("build:2", 3).tells("the newest are build:1"));
    });
    scene.with(&record(&scene, "builds"), None, || {
        scene.job.baton("latest").succeeds().prints(["build:1"]);
    });
    scene.attaches();
}

#[test]
fn a_damaged_layer_of_a_workspace_is_named() {
    let place = Place::new();
    let build = place.circle("build", 1);
    write(&build.path("file"), "content");
    build.baton("persist file").succeeds();
    let key = place.store().records("workspaces").remove(0);
    let whole = place.store().get(&key);
    place.store().put(&key, flipped(&whole, whole.len() - 9, 0));
    let deploy = place.circle("deploy", 2);
    deploy
        .baton("attach --at ws")
        .ends(1)
        .tells("the record was altered")
        .tells(&key)
        .tells("found    ");
}

/// Harms one object of the newest build, persists what `work/tree` then holds, and checks that it arrives.
#[track_caller]
fn repaired(harm: impl FnOnce(&Scene)) {
    let scene = Scene::new();
    harm(&scene);
    scene.job.baton("persist . --root tree --number 3").succeeds();
    scene.job.baton("attach build:3 --at whole").succeeds();
    assert_same(&scene.job.path("tree"), &scene.job.path("whole"));
}

#[test]
fn a_damaged_record_is_no_obstacle_to_a_persist() {
    repaired(|scene| {
        let key = record(scene, "builds");
        scene.store.put(&key, flipped(&scene.store.get(&key), 300, 1));
    });
}

#[test]
fn persisting_again_stores_a_damaged_tree_again() {
    repaired(|scene| scene.store.put(&scene.tree, "not a tree"));
    repaired(|scene| scene.store.remove(&scene.tree));
}

#[test]
fn persisting_again_stores_a_pack_again_that_is_lost_or_cut_short() {
    repaired(|scene| scene.store.remove(&scene.pack));
    repaired(|scene| {
        let whole = scene.store.get(&scene.pack);
        scene.store.put(&scene.pack, &whole[..whole.len() / 2]);
    });
    repaired(|scene| scene.store.put(&scene.pack, ""));
}

#[test]
fn what_a_later_version_wrote_asks_for_an_update() {
    let scene = Scene::new();
    let later = |key: &str| {
        let text = String::from_utf8(scene.store.get(key)).unwrap();
        text.replacen("\"version\":1", "\"version\":2", 1).into_bytes()
    };
    for (selector, kind) in WAYS {
        let key = record(&scene, kind);
        scene.with(&key, Some(&later(&key)), || {
            drop(
                scene
                    .refused(selector, 1)
                    .tells("has format version 2, and this baton reads up to 1")
                    .tells("update"),
            );
        });
    }
    scene.with("v1/store", Some(&later("v1/store")), || {
        scene
            .job
            .baton("persist . --root tree --number 9")
            .ends(1)
            .tells("format version 2")
            .tells("update baton");
    });
    let header = serde_json::json!({ "baton": "tree", "version": 2, "entries": 0, "packs": 0, "new": true });
    let tree = scene.store.put_tree(&[header]);
    scene
        .refused(&format!("tree:{tree}"), 1)
        .tells("this tree has format version 2")
        .omits("damaged");
    let key = record(&scene, "numbers");
    let whole = scene.store.get(&key);
    scene
        .store
        .forge_record(&key, |record| record["tree"] = tree.into());
    scene
        .refused("build:2", 1)
        .tells("this tree has format version 2")
        .omits("damaged");
    scene.store.put(&key, whole);
    scene.attaches();
}

#[test]
fn a_record_may_say_more_than_this_version_knows() {
    let scene = Scene::new();
    scene
        .store
        .forge_record(&record(&scene, "builds"), |record| record["mood"] = "good".into());
    scene.job.baton("latest").succeeds().prints(["build:2"]);
}

#[test]
fn what_is_in_a_record_cannot_move_the_cursor() {
    let scene = Scene::new();
    scene.store.forge_record(&record(&scene, "builds"), |record| {
        record["actor"] = "\u{1b}[2J\n\u{7}".into()
    });
    let shown = scene.job.baton("show latest").succeeds();
    assert!(
        !shown.out.contains(['\u{1b}', '\u{7}']) && shown.out.contains(r"\u{1b}[2J\n\u{7}"),
        "{}",
        shown.out
    );
}

#[test]
fn a_pack_is_readable_without_baton() {
    let place = Place::new();
    let job = place.job("work");
    let content = text(1, 100_000);
    write(&job.path("file"), &content);
    job.baton("persist file").succeeds();
    let pack = job.path("pack");
    write(&pack, place.store().get(&place.store().packs()[0]));
    match std::process::Command::new("zstd").arg("-dc").arg(pack).output() {
        Ok(output) if output.status.success() => assert_eq!(output.stdout, content),
        other => println!("skipped: zstd cannot be run: {other:?}"),
    }
}
