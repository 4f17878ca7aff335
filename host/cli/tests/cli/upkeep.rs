//! A store over time: damage is found and reported, intact builds replace damaged ones, damage is repaired, and old builds
//! are pruned.

use crate::files::{assert_same, noise, read, write};
use crate::place::{Job, Place};

/// Persists three builds of files that have packs of their own.
pub(crate) fn builds(place: &Place) -> Job {
    let job = place.job("work");
    for number in 1..=3 {
        write(&job.path("tree/version"), number.to_string());
        write(&job.path("tree/data"), noise(number, 200_000));
        job.clone().number(number).baton("persist tree").succeeds();
    }
    job
}

/// Returns the packs that only build 3 uses.
fn packs_of_the_newest(place: &Place, job: &Job) -> Vec<String> {
    let before = place.store().packs();
    write(&job.path("tree/version"), "4");
    write(&job.path("tree/data"), noise(4, 200_000));
    job.clone().number(4).baton("persist tree").succeeds();
    let mut packs = place.store().packs();
    packs.retain(|pack| !before.contains(pack));
    packs
}

#[test]
fn the_newest_intact_build_takes_the_place_of_a_damaged_one() {
    let place = Place::new();
    let job = builds(&place);
    let pack = packs_of_the_newest(&place, &job).pop().unwrap();
    let whole = place.store().get(&pack);
    let mut flipped = whole.clone();
    flipped[1000] ^= 1;
    for bytes in [None, Some(&flipped[..]), Some(&whole[..whole.len() - 100])] {
        match bytes {
            Some(bytes) => place.store().put(&pack, bytes),
            None => place.store().remove(&pack),
        }
        job.baton("attach latest --at out")
            .succeeds()
            .tells(&pack)
            .tells("from build:3");
        assert_eq!(read(&job.path("out/tree/version")), "3");
        let report = job.json("attach latest --at out");
        assert_eq!(report["warnings"][0]["code"], "damaged-skipped");
        job.baton("attach latest --at out --strict").ends(1).tells(&pack);
        job.baton("attach build:4 --at out").ends(1).tells(&pack);
        let ran = job.baton("verify --all --data").ends(1);
        assert!(
            ran.out.contains(&pack) && ran.out.contains("build:4"),
            "{}",
            ran.out
        );
        assert!(!ran.out.contains("build:3"), "{}", ran.out);
    }
    // Without its data, a flipped bit does not show; what is missing or short does.
    job.baton("verify --all").ends(1);
    job.baton("verify build:3 --data").succeeds();
    // The same files again repair a pack that is missing.
    place.store().remove(&pack);
    job.clone().number(5).baton("persist tree").succeeds();
    job.baton("verify --all --data").succeeds();
    job.baton("attach build:4 --at fresh --strict").succeeds();
    assert_same(&job.path("tree"), &job.path("fresh/tree"));
}

#[test]
fn a_missing_tree_gives_way_too_and_a_verify_names_the_build() {
    let place = Place::new();
    let job = builds(&place);
    let tree = job.json("show build:3")["builds"][0]["tree"]
        .as_str()
        .unwrap()
        .to_owned();
    let key = format!("v1/trees/{}/{tree}", &tree[..2]);
    place.store().remove(&key);
    job.baton("attach latest --at out")
        .succeeds()
        .tells("the tree is missing")
        .tells("from build:2");
    job.baton("show").succeeds().tells("the tree is missing");
    job.baton("show --strict").ends(1);
    let ran = job.baton("verify").ends(1);
    assert!(
        ran.out.contains(&key) && ran.out.contains("hurts    build:3"),
        "{}",
        ran.out
    );
}

#[test]
fn a_verify_changes_nothing() {
    let place = Place::new();
    let job = builds(&place);
    job.baton("promote latest production").succeeds();
    let before = place.store().all();
    job.baton("verify --all --data").succeeds().tells("all is well");
    job.baton("verify build:1").succeeds();
    job.baton("prune --keep-last 1 --grace 0s --dry-run")
        .succeeds()
        .tells("dry run");
    assert_eq!(place.store().all(), before);
    let key = place.store().records("channels").pop().unwrap();
    place.store().put(&key, b"x");
    let ran = job.baton("verify --all").ends(1);
    assert!(ran.out.contains(&key), "{}", ran.out);
}

#[test]
fn prune_says_why_and_frees_after_the_grace_period() {
    let place = Place::new();
    let job = builds(&place);
    job.baton("promote build:1 production").succeeds();
    let ran = job
        .baton("prune --keep-last 1 --grace 0s --no-other-writers")
        .succeeds();
    let why = |build: &str| {
        let line = ran.out.lines().find(|line| line.contains(build)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert!(
        why("build:1").ends_with("just now on channel production"),
        "{}",
        ran.out
    );
    assert!(why("build:2").starts_with("remove build:2"), "{}", ran.out);
    assert!(why("build:3").contains("newest of branch main"), "{}", ran.out);
    job.baton("attach build:2 --at out").ends(3);
    let packs = place.store().packs().len();
    job.baton("prune --grace 0s --no-other-writers")
        .succeeds()
        .tells("freed");
    assert!(place.store().packs().len() < packs);
    job.baton("verify --all --data").succeeds();
    job.baton("attach channel:production --at out").succeeds();
    assert_eq!(read(&job.path("out/tree/version")), "1");
    // Nothing is young enough to go by default.
    job.baton("prune --keep-last 0")
        .succeeds()
        .tells("removed 0 builds");
    job.baton("prune --grace soon").ends(2);
}

/// Made by `openssl genpkey -algorithm ed25519`, for these tests.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
    -----END PRIVATE KEY-----\n";
const OTHER: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIAEBAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
    -----END PRIVATE KEY-----\n";

#[test]
fn only_what_a_key_has_signed_is_attached() {
    let place = Place::new();
    let job = builds(&place).set("SIGNING_KEY", PRIVATE).set("OTHER_KEY", OTHER);
    write(&job.path("key.pem"), PRIVATE);
    job.baton("attach latest --at out --require-signed key.pem")
        .ends(1)
        .tells("build:3 is refused: it is not signed");
    assert!(!job.path("out").exists());
    job.clone()
        .number(4)
        .baton("persist tree --sign env:SIGNING_KEY")
        .succeeds();
    job.baton("attach latest --at out --require-signed key.pem")
        .succeeds();
    job.baton("verify latest --key key.pem").succeeds();
    // A signature covers a build, and not a tree alone.
    let tree = job.json("latest")["builds"][0]["tree"]
        .as_str()
        .unwrap()
        .to_owned();
    job.baton(&format!(
        "attach tree:{tree} --at tree-out --require-signed key.pem"
    ))
    .ends(1)
    .tells("only builds are signed");
    job.baton("attach latest --at other --require-signed env:OTHER_KEY")
        .ends(1)
        .tells("none of its 1 signatures is by the key");
    let ran = job.baton("verify --all --key key.pem").ends(1);
    assert!(
        ran.out.contains("build:3 is refused: it is not signed"),
        "{}",
        ran.out
    );
    // A signature of another build, or an altered one, is none.
    let signed = place.store().records("signatures").pop().unwrap();
    job.clone()
        .number(5)
        .baton("persist tree --sign env:SIGNING_KEY")
        .succeeds();
    let of_five = place
        .store()
        .records("signatures")
        .into_iter()
        .find(|key| *key != signed)
        .unwrap();
    place.store().put(&of_five, place.store().get(&signed));
    job.baton("attach latest --at out --require-signed key.pem")
        .ends(1);
    job.baton("attach build:4 --at out --require-signed key.pem")
        .succeeds();
    // A key that cannot be used is told, and shows nothing of itself.
    job.baton("persist tree --sign nowhere.pem")
        .ends(1)
        .tells("the key in nowhere.pem cannot be used");
    job.baton("persist tree --sign env:NOT_SET")
        .ends(1)
        .tells("the variable NOT_SET");
    let wrong = job.clone().set("SIGNING_KEY", "secret-but-wrong");
    wrong
        .baton("persist tree --sign env:SIGNING_KEY")
        .ends(1)
        .tells("no Ed25519 private key")
        .omits("secret-but-wrong");
}

#[test]
fn a_statement_says_where_a_build_comes_from() {
    let place = Place::new();
    let job = place.circle("build", 7);
    write(&job.path("file"), "x");
    write(&job.path("key.pem"), PRIVATE);
    let build = &job.json("persist file")["build"].clone();
    let statement: serde_json::Value =
        serde_json::from_str(&job.baton("show --format intoto").succeeds().out).unwrap();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    assert_eq!(statement["subject"][0]["digest"]["blake3"], build["tree"]);
    let definition = &statement["predicate"]["buildDefinition"];
    assert_eq!(definition["externalParameters"]["project"], "gh/acme/shop");
    assert_eq!(
        definition["resolvedDependencies"][0]["digest"]["gitCommit"],
        build["commit"]
    );
    let details = &statement["predicate"]["runDetails"];
    assert_eq!(details["builder"]["id"], "urn:baton:runner:circleci");
    assert_eq!(details["builder"]["version"]["baton"], env!("CARGO_PKG_VERSION"));
    assert_eq!(
        details["builder"]["builderDependencies"][0]["digest"]["blake3"],
        job.json("component")["digest"]
    );
    let signed = job.baton("show --format intoto --sign key.pem").succeeds().out;
    let envelope: serde_json::Value = serde_json::from_str(&signed).unwrap();
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    job.baton("show --sign key.pem").ends(2).tells("--format intoto");
    job.baton("latest --format intoto").ends(2).tells("baton show");
}
