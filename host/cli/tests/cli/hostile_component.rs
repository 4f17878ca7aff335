//! A hostile component: what it can make the host sign, and what it can do to a store.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use baton_host::attach::AttachRequest;
use baton_host::builds::{BuildContext, Scope};
use baton_host::persist::PersistRequest;
use baton_host::{Baton, Component, DirectoryStore, Error, Options, SigningKey};
use serde_json::Value;

use crate::files::write;
use crate::place::{Job, Place};

/// Made by `openssl genpkey -algorithm ed25519`, for these tests.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n\
    -----END PRIVATE KEY-----\n";
const OWN: &str = "v1/projects/gh~2Facme~2Fshop/";

/// A store with builds of two projects, one of them signed.
fn job(place: &Place) -> Job {
    let job = place.job("work");
    write(&job.path("dist/app"), "app");
    write(&job.path("key.pem"), PRIVATE);
    for number in 1..4 {
        write(&job.path("dist/number"), number.to_string());
        let of_victim = job.clone().set("BATON_PROJECT", "gh/victim/app");
        for job in [&job, &of_victim] {
            job.clone()
                .number(number)
                .baton("persist dist --sign key.pem")
                .succeeds();
        }
    }
    job
}

fn hostile(place: &Place, component: &Path) -> Baton {
    let key = SigningKey::from_pem(PRIVATE).unwrap();
    let mut options = Options::default();
    options.component = Component::from_file(component).unwrap();
    options.require_signed = Some(key.verifying_key());
    options.sign = Some(key);
    let store = DirectoryStore::open(&place.path("store")).unwrap();
    Baton::new(Arc::new(store), options).unwrap()
}

fn context() -> BuildContext {
    let mut context = BuildContext::new("none");
    context.project = Some("gh/acme/shop".to_owned());
    context.branch = Some("main".to_owned());
    context.commit = Some("C0FFEE1".to_lowercase());
    context.number = Some(9);
    context.job = Some("build".to_owned());
    context.actor = Some("jane".to_owned());
    context
}

/// Asks the component to persist an artifact of this name.
fn persist(baton: &Baton, job: &Job, name: &str) -> Result<(), Error> {
    let asked = PersistRequest::new(["dist"], context()).name(name);
    baton.persist(job.dir(), &asked, &mut ()).map(|_| ())
}

#[test]
fn a_component_chooses_nothing_of_what_is_signed_but_the_tree() {
    let place = Place::new();
    let job = job(&place);
    let file = crate::hostile::build();
    let baton = hostile(&place, &file);
    for field in [
        "artifact",
        "project",
        "branch",
        "no-branch",
        "tag",
        "commit",
        "number",
        "workflow",
        "workspace",
        "job",
        "node",
        "pull-request",
        "fork",
        "runner",
        "url",
        "actor",
        "time",
        "baton",
        "component",
        "no-component",
        "tree",
    ] {
        let refused = persist(&baton, &job, &format!("forge-{field}")).unwrap_err();
        assert!(matches!(refused, Error::Unsigned { .. }), "{field}: {refused:?}");
        let told = refused.to_string();
        assert!(told.contains("the component names another "), "{field}: {told}");
        assert!(place.store().keys("v1/dump/envelope").is_empty(), "{field}");
    }
    persist(&baton, &job, "forge").unwrap();
    let envelope: Value = serde_json::from_slice(&place.store().get("v1/dump/envelope")).unwrap();
    assert_eq!(envelope["payloadType"], "application/vnd.in-toto+json");
    let statement = Base64::decode_vec(envelope["payload"].as_str().unwrap()).unwrap();
    let statement: Value = serde_json::from_slice(&statement).unwrap();
    assert_eq!(statement["subject"][0]["name"], "forge");
    assert_eq!(statement["subject"][0]["digest"]["blake3"], "a".repeat(64));
    let definition = &statement["predicate"]["buildDefinition"];
    assert_eq!(definition["externalParameters"]["project"], "gh/acme/shop");
    assert_eq!(definition["internalParameters"]["number"], 9);
    let details = &statement["predicate"]["runDetails"];
    // Who reads the signature sees that it was another component.
    let component = Component::from_file(&file).unwrap().digest();
    assert_eq!(
        details["builder"]["builderDependencies"][0]["digest"]["blake3"],
        component
    );
    // Nor does it pass off the signature of another build for the one that was asked for.
    let attach = AttachRequest::new(Scope::new("tag:forge", context()));
    let refused = baton.attach(&job.path("out"), &attach, &mut ()).unwrap_err();
    assert!(matches!(refused, Error::Unsigned { .. }), "{refused:?}");
    assert!(!job.path("out").exists());
}

#[test]
fn a_component_replaces_and_removes_nothing_of_others() {
    let place = Place::new();
    let job = job(&place);
    let before = place.store().all();
    let baton = hostile(&place, &crate::hostile::build());
    persist(&baton, &job, "forge").unwrap();
    let outcomes = String::from_utf8(place.store().get("v1/dump/outcomes")).unwrap();
    assert!(outcomes.lines().count() >= 10 * before.len(), "{outcomes}");
    assert!(
        outcomes
            .lines()
            .filter(|line| line.starts_with("delete "))
            .all(|line| line.contains("Err("))
    );
    let after = place.store().all();
    let of_others = |all: &BTreeMap<String, blake3::Hash>| -> BTreeMap<String, blake3::Hash> {
        let kept = |key: &&String| !key.starts_with(OWN) && !key.starts_with("v1/dump/");
        all.keys()
            .filter(kept)
            .map(|key| (key.clone(), all[key]))
            .collect()
    };
    assert!(
        of_others(&before)
            .keys()
            .any(|key| key.starts_with("v1/projects/gh~2Fvictim~2Fapp/"))
    );
    assert_eq!(of_others(&before), of_others(&after));
    // Of its own project a run may replace a few, so that a build that lost its bytes can be persisted again.
    let of_own = |all: &BTreeMap<String, blake3::Hash>| all.keys().filter(|key| key.starts_with(OWN)).count();
    assert_eq!(of_own(&before), of_own(&after));
    let victim = job.clone().set("BATON_PROJECT", "gh/victim/app");
    victim
        .baton("attach latest --at victim --require-signed key.pem")
        .succeeds();
}

#[test]
fn signatures_need_the_built_in_component() {
    let place = Place::new();
    let job = job(&place);
    let mut changed = Component::embedded().bytes().to_vec();
    // An empty custom section at the end: the same logic, and other bytes.
    changed.extend([0, 2, 1, b'x']);
    fs::write(job.path("other.wasm"), changed).unwrap();
    fs::write(job.path("same.wasm"), Component::embedded().bytes()).unwrap();
    let other = job.clone().number(7).set("BATON_COMPONENT", "other.wasm");
    for words in [
        "persist dist --sign key.pem",
        "attach latest --at out --require-signed key.pem",
        "verify --key key.pem",
        "verify --all --key key.pem",
        "show --format intoto --sign key.pem",
    ] {
        let ran = other.baton(words);
        assert_ne!(ran.code, Some(0), "{words}");
        ran.tells("signatures are created and checked with the built-in component only");
    }
    assert!(!job.path("out").exists());
    other.baton("persist dist").succeeds();
    let same = job.number(8).set("BATON_COMPONENT", "same.wasm");
    same.baton("persist dist --sign key.pem").succeeds();
    same.baton("attach latest --at out --require-signed key.pem")
        .succeeds();
}

#[test]
fn no_number_of_signatures_hides_the_one_that_is_asked_for() {
    let place = Place::new();
    let job = job(&place);
    let signed = place
        .store()
        .records("signatures")
        .into_iter()
        .find(|key| key.starts_with(OWN))
        .unwrap();
    for key in place.store().records("signatures") {
        let (prefix, _) = key.rsplit_once('/').unwrap();
        for number in 0..150 {
            place.store().put(&format!("{prefix}/0{number:03}"), "junk");
        }
    }
    assert!(signed.starts_with(OWN));
    job.baton("attach latest --at out --require-signed key.pem")
        .succeeds();
    job.baton("verify --all --key key.pem").succeeds();
}
