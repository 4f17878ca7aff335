//! The shape of the JSON: a script may rely on every key, and on standard output holding nothing else.

use serde_json::Value;

use crate::files::write_all;
use crate::place::{Job, Place, figures};

fn job(place: &Place) -> Job {
    let job = place.circle("build", 7);
    write_all(job.dir(), &[("tree/dir/file", "content"), ("tree/setuid", "x")]);
    std::os::unix::fs::symlink("file", job.path("tree/link")).unwrap();
    crate::files::set_bits(&job.path("tree/setuid"), 0o4755);
    job
}

/// Checks that an object has just these keys.
#[track_caller]
fn has(value: &Value, keys: &str) {
    let mut expected: Vec<&str> = keys.split_whitespace().collect();
    expected.sort_unstable();
    let mut found: Vec<&String> = value.as_object().unwrap().keys().collect();
    found.sort_unstable();
    assert_eq!(found, expected);
}

#[track_caller]
fn is_build(build: &Value) {
    has(
        build,
        "selector artifact project branch tag commit number counter order workflow workspace job node revision \
         pull_request fork eligible runner url actor created_ms baton component tree files bytes",
    );
    has(&build["order"], "run attempt");
}

#[test]
fn persist_reports_what_it_did() {
    let place = Place::new();
    let job = job(&place);
    let report = job.json("persist tree");
    has(
        &report,
        "build files directories symlinks bytes new_files new_bytes stored_bytes stored_again base repeated repaired seconds warnings",
    );
    is_build(&report["build"]);
    assert_eq!(report["base"], Value::Null);
    has(&report["warnings"][0], "code message subject");
    assert_eq!(report["warnings"][0]["code"], "special-bits-dropped");
    assert_eq!(figures(&report, "files directories symlinks bytes"), [2, 2, 1, 8]);
    assert_eq!(figures(&report, "new_files new_bytes"), [2, 8]);
    assert_eq!(report["repeated"], false);
    // What is said is what was written.
    let written = place.store().bytes("") - place.store().bytes("v1/store");
    let stored = report["stored_bytes"].as_u64().unwrap();
    assert!(
        stored <= written && written < stored + 500,
        "{stored} and {written}"
    );

    let other = job.clone().set("CIRCLE_BUILD_NUM", "8");
    is_build(&other.json("persist tree")["base"]);
    let plan = other.json("persist tree --dry-run");
    has(&plan, "dry_run files bytes steps warnings");
    assert_eq!(plan["dry_run"], true);
    let steps = plan["steps"].as_array().unwrap();
    steps.iter().for_each(|step| has(step, "action path files bytes"));
    let paths: Vec<&str> = steps.iter().map(|step| step["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        ["tree", "tree/dir", "tree/dir/file", "tree/link", "tree/setuid"]
    );
}

#[test]
fn attach_reports_what_it_did() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist tree").succeeds();
    let report = job.json("attach --at out");
    has(
        &report,
        "builds files directories symlinks bytes new_files new_bytes fetched_bytes removed seconds warnings",
    );
    is_build(&report["builds"][0]);
    assert_eq!(figures(&report, "files directories symlinks bytes"), [2, 2, 1, 8]);
    let plan = job.json("attach --at out --dry-run --clean");
    has(&plan, "dry_run files bytes steps warnings");
    has(&plan["steps"][0], "action path files bytes");
}

#[test]
fn questions_about_builds_answer_with_builds() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist tree").succeeds();
    for words in ["latest", "builds", "builds --commit 0000"] {
        let answer = job.json(words);
        has(
            &answer,
            if words == "latest" {
                "builds warnings"
            } else {
                "builds"
            },
        );
        is_build(&answer["builds"][0]);
    }
    let shown = job.json("show");
    has(&shown, "builds entries warnings");
    let entry = |path: &str| {
        shown["entries"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["path"] == path)
            .unwrap()
    };
    has(entry("tree"), "path kind modified mode");
    has(entry("tree/dir/file"), "path kind modified mode size digest");
    has(entry("tree/link"), "path kind modified target");
    has(&entry("tree")["modified"], "seconds nanoseconds");
    assert_eq!(
        entry("tree/dir/file")["digest"],
        blake3::hash(b"content").to_hex().to_string()
    );
    assert_eq!(entry("tree/setuid")["mode"], "755");

    let build = &job.json("latest")["builds"][0];
    for (key, value) in [
        ("selector", "build:7"),
        ("artifact", "default"),
        ("project", "gh/acme/shop"),
        ("branch", "main"),
        ("commit", "0000000000000000000000000000000000000007"),
        ("workflow", "w1"),
        ("workspace", "w1"),
        ("job", "build"),
        ("runner", "circleci"),
    ] {
        assert_eq!(build[key], value, "{key}");
    }
    assert_eq!(
        [
            &build["tag"],
            &build["node"],
            &build["pull_request"],
            &build["url"]
        ],
        [&Value::Null; 4]
    );
    assert_eq!(build["order"], serde_json::json!({ "run": 7, "attempt": 7 }));
    assert_eq!([&build["fork"], &build["eligible"]], [false, true]);
}

#[test]
fn a_parallel_node_says_which_it_is() {
    let place = Place::new();
    let job = job(&place)
        .set("CIRCLE_NODE_INDEX", "1")
        .set("CIRCLE_NODE_TOTAL", "2");
    let report = job.json("persist tree");
    has(&report["build"]["node"], "index total");
    assert_eq!(
        report["build"]["node"],
        serde_json::json!({ "index": 1, "total": 2 })
    );
}

#[test]
fn policy_lists_grants_and_limits() {
    let place = Place::new();
    let job = job(&place);
    let granted = |words: &str| -> Vec<(String, String)> {
        let policy = job.json(&format!("--format json policy {words}").replace("--format json ", ""));
        has(&policy, "grants limits");
        has(
            &policy["limits"],
            "workers memory_bytes_max call_seconds_max handles_max",
        );
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let grants = policy["grants"].as_array().unwrap();
        grants.iter().for_each(|grant| has(grant, "what access place"));
        grants
            .iter()
            .map(|grant| (text(&grant["what"]), text(&grant["access"])))
            .collect()
    };
    let expect = |directory: &str, store: &str| {
        let all = [
            ("directory", directory),
            ("store", store),
            ("network", "none"),
            ("environment", "none"),
        ];
        let all = all.into_iter().chain([("secrets", "none")]);
        all.map(|(what, access)| (what.to_owned(), access.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(granted("persist tree"), expect("read", "read, create, repair"));
    assert_eq!(granted("persist tree --dry-run"), expect("read", "read"));
    assert_eq!(granted("attach --at out"), expect("read, write", "read"));
    assert_eq!(granted("attach --at out --dry-run"), expect("read", "read"));
    assert_eq!(granted("latest"), expect("none", "read"));
    assert_eq!(granted("component"), expect("none", "none"));
    assert!(!job.path("out").exists());
    job.baton("policy fly").ends(2);
}

#[test]
fn doctor_lists_checks_and_context() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist tree").succeeds();
    let report = job.json("doctor");
    has(&report, "checks context git missing");
    for check in report["checks"].as_array().unwrap() {
        has(check, "what ok found hint");
        assert_eq!(check["ok"], true, "{check:#}");
    }
    let what: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["what"].as_str().unwrap())
        .collect();
    // Of an object store it also says how it lists.
    let (common, more) = what.split_at(5);
    assert_eq!(common, ["settings", "component", "runner", "store", "create"]);
    assert!(more.iter().all(|what| *what == "listing"), "{more:?}");
    has(&report["context"][0], "field value source");
    has(&report["missing"][0], "field variable hint");

    std::fs::write(place.path("a-file"), "x").unwrap();
    let broken = job.clone().store(&place.path("a-file"));
    let ran = broken.baton("doctor --format json").ends(1);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    let failed = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .find(|check| check["ok"] == false)
        .unwrap();
    assert_eq!(failed["what"], "store");
    assert_ne!(failed["hint"], "");
    let confused = job.set("CIRCLE_BUILD_NUM", "seven");
    let ran = confused.baton("doctor --format json").ends(1);
    let report: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(report["context"], Value::Null);
    confused.baton("doctor").ends(1).omits("error");
}

#[test]
fn component_says_what_it_is() {
    let place = Place::new();
    let component = place.job("work").json("component");
    has(&component, "sha256 digest size_bytes file wit");
    let embedded = baton_host::Component::embedded();
    assert_eq!(
        component["digest"],
        blake3::hash(embedded.bytes()).to_hex().to_string()
    );
    assert_eq!(component["size_bytes"], embedded.size_bytes());
    let wit = component["wit"].as_str().unwrap();
    for item in [
        "import baton:plugin/store",
        "import baton:plugin/attributes",
        "export baton:plugin/transfer",
    ] {
        assert!(wit.contains(item), "{item}");
    }
    for absent in ["wasi:sockets", "wasi:http/incoming-handler"] {
        assert!(
            !wit.contains(absent),
            "{absent} is not granted, so it is not asked for"
        );
    }
}

#[test]
fn component_writes_a_file_that_runs_in_its_place() {
    let place = Place::new();
    let job = place.job("work");
    let built_in = job.json("component");
    let ran = job.baton("component --output copy.wasm").succeeds();
    let sha256 = built_in["sha256"].as_str().unwrap();
    assert!(ran.out.contains(&format!("sha256    {sha256}\n")), "{}", ran.out);
    assert!(!ran.out.contains("world"), "{}", ran.out);
    let bytes = std::fs::read(job.path("copy.wasm")).unwrap();
    assert!(bytes == baton_host::Component::embedded().bytes());
    let copy = job.json("--component copy.wasm component");
    for same in ["sha256", "digest", "size_bytes", "wit"] {
        assert_eq!(copy[same], built_in[same], "{same}");
    }
    // An existing file is replaced, and a failure names the file.
    std::fs::write(job.path("copy.wasm"), b"old").unwrap();
    job.baton("component --output copy.wasm").succeeds();
    assert_eq!(std::fs::read(job.path("copy.wasm")).unwrap(), bytes);
    job.baton("component --output missing/copy.wasm")
        .ends(1)
        .tells("cannot write the component to missing/copy.wasm");
}

#[test]
fn a_failure_is_json_too() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist tree").succeeds();
    let pack = place.store().packs().remove(0);
    for (words, code, kind, error_code) in [
        ("latest --branch none", 3, "nothing-matched", "no-build"),
        ("attach build:x --at out", 1, "invalid", "wrong-selector"),
        ("persist tree --root missing", 1, "invalid", "root-missing"),
        ("latest --store missing", 1, "store", "store-missing"),
        ("latest --config missing.toml", 1, "invalid", "command"),
        ("persist tree --branch other", 1, "conflict", "build-exists"),
        (
            "attach workspace --workspace none --at out",
            3,
            "nothing-matched",
            "no-build",
        ),
        ("persist tree --commit x", 2, "invalid", "wrong-context"),
        ("latest --component tree/setuid", 1, "invalid", "wrong-component"),
        ("attach --at tree/setuid", 1, "files", "target-unusable"),
        ("attach latest --at out", 1, "damaged", "damaged"),
    ] {
        if words.starts_with("attach latest") {
            place.store().put(&pack, "damaged");
        }
        let ran = job
            .run(words.split_whitespace().chain(["--format", "json"]))
            .ends(code)
            .tells("error: ");
        let failure: Value = serde_json::from_str(&ran.out).unwrap();
        has(&failure, "error");
        has(&failure["error"], "kind code message subject causes hint");
        assert_eq!(
            [&failure["error"]["kind"], &failure["error"]["code"]],
            [kind, error_code],
            "{words}"
        );
        assert!(
            !failure["error"]["message"].as_str().unwrap().ends_with('.'),
            "{words}"
        );
    }
}

#[test]
fn standard_output_is_only_data() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist tree")
        .succeeds()
        .prints(["build:7"])
        .tells("persisted default as build:7");
    job.baton("attach --at out")
        .succeeds()
        .prints([""; 0])
        .tells("attached 2 files");
    job.baton("latest")
        .succeeds()
        .prints(["build:7"])
        .tells("build:7 (main, 0000000): 2 files");
    // Variables choose the format as flags do.
    let report = job.clone().set("BATON_FORMAT", "json").baton("latest").succeeds();
    assert!(serde_json::from_str::<Value>(&report.out).is_ok());
    // A reader that goes away is no error.
    job.bash("baton show | true; set +o pipefail; baton show | head -n 1")
        .succeeds();
}

#[test]
fn moves_report_the_event() {
    let place = Place::new();
    let job = job(&place);
    job.baton("persist tree").succeeds();
    job.clone()
        .set("CIRCLE_BUILD_NUM", "8")
        .baton("persist tree")
        .succeeds();
    let event = |answer: &Value| {
        let keys = "pointer sequence action build previous based_on held reason actor runner url created_ms";
        has(answer, keys);
        has(&answer["build"], "selector number order");
    };
    for words in [
        "promote build:7 production",
        "promote latest production",
        "rollback production --reason broken",
        "release production",
        "rollback --branch main",
    ] {
        let answer = job.json(words);
        has(&answer, "event builds warnings");
        event(&answer["event"]);
        is_build(&answer["builds"][0]);
    }
    let history = job.json("history production");
    has(&history, "events warnings");
    history["events"].as_array().unwrap().iter().for_each(event);
    assert_eq!(history["events"][1]["reason"], "broken");
    assert_eq!(history["events"][0]["pointer"]["channel"], "production");
    let latest = job.json("latest");
    has(&latest["warnings"][0], "code message subject");
    assert_eq!(latest["warnings"][0]["code"], "held");
}

#[test]
fn differences_are_listed_with_both_sides() {
    let place = Place::new();
    let first = job(&place);
    first.baton("persist tree").succeeds();
    let second = first.clone().set("CIRCLE_BUILD_NUM", "8");
    write_all(second.dir(), &[("tree/dir/file", "changed!"), ("tree/new", "x")]);
    second.baton("persist tree").succeeds();
    let diff = second.json("diff build:7 build:8");
    has(&diff, "before after changes sums warnings");
    is_build(&diff["before"][0]);
    has(&diff["sums"], "added removed changed mode");
    assert_eq!(figures(&diff["sums"]["added"], "files bytes"), [1, 1]);
    assert_eq!(
        figures(&diff["sums"]["changed"], "files bytes_before bytes_after"),
        [1, 7, 8]
    );
    let changes = diff["changes"].as_array().unwrap();
    changes
        .iter()
        .for_each(|change| has(change, "change before after"));
    let what: Vec<_> = changes
        .iter()
        .map(|change| change["change"].as_str().unwrap())
        .collect();
    assert_eq!(what, ["changed", "added"]);
    assert_eq!(second.json("diff build:7 build:8 --stat")["changes"], Value::Null);
}

#[test]
fn verify_and_prune_report_what_they_found() {
    let place = Place::new();
    let first = job(&place);
    first.baton("persist tree").succeeds();
    let second = first.clone().set("CIRCLE_BUILD_NUM", "8");
    write_all(second.dir(), &[("tree/dir/file", "changed")]);
    second.baton("persist tree").succeeds();
    let verified = first.json("verify --all --data");
    has(
        &verified,
        "checked selector records trees packs bytes findings unsigned seconds warnings",
    );
    assert_eq!(verified["findings"], serde_json::json!([]));
    let plan = first.json("prune --keep-last 1 --grace 0s --dry-run");
    has(&plan, "dry_run builds deleted condemned removed overtaken");
    assert_eq!(
        (&plan["dry_run"], &plan["removed"]),
        (&Value::Bool(true), &Value::Null)
    );
    plan["builds"]
        .as_array()
        .unwrap()
        .iter()
        .for_each(|decision| has(decision, "build keep reasons"));
    let pruned = first.json("prune --keep-last 1 --grace 0s --no-other-writers");
    assert_eq!(
        (&pruned["removed"], &pruned["overtaken"]),
        (&Value::from(1), &Value::Bool(false))
    );
    has(&pruned["condemned"], "objects bytes");

    let pack = place.store().keys("v1/packs/").pop().unwrap();
    place.store().remove(&pack);
    let ran = first.baton("verify --all --format json").ends(1);
    let damaged: Value = serde_json::from_str(&ran.out).unwrap();
    let finding = &damaged["findings"][0];
    has(finding, "key message remedy expected found hurts builds");
}
