//! Hostile events, markers, lists of what is condemned, and names of keys.

use serde_json::{Value, json};

use super::cases::{Case, DAMAGED, End, case, with_tree};
use super::written::{bomb, build, event, event_key, lines, name, number, record, small, with};

const STATED: End = End::Stated;

/// Events that point where nothing is, or lie.
pub(crate) fn events() -> Vec<Case> {
    let (mut store, id) = with_tree();
    let own = record(7, &id);
    store.put_record(&own);
    let first = event(1, "production", &own);
    let of = |name: &str, sequence: u64, fields: Value, end: End| {
        let mut store = store.clone();
        store.put_event(&first);
        store.put_event(&with(event(sequence, "production", &own), fields));
        case(name, store, "channel:production", end)
    };
    let other_build = |fields: Value| json!({ "build": with(build(&own), fields) });
    let gone = End::Refused(&["build-gone", "damaged", "incomplete-build"]);
    let mut cases = vec![
        of("an honest event", 2, json!({}), End::Fine),
        of("the event 0", 0, json!({}), STATED),
        of("the last event that there can be", u64::MAX, json!({}), STATED),
        of(
            "a build that is not there",
            2,
            other_build(json!({ "number": 9 })),
            gone,
        ),
        of(
            "a build without nodes",
            2,
            other_build(json!({ "nodes": 0 })),
            gone,
        ),
        of(
            "a build of 2^32 - 1 nodes",
            2,
            other_build(json!({ "nodes": u32::MAX })),
            gone,
        ),
        of(
            "a build whose job is a path",
            2,
            other_build(json!({ "job": "../../../x" })),
            gone,
        ),
        of(
            "a build whose job is huge",
            2,
            other_build(json!({ "job": "x".repeat(100_000) })),
            gone,
        ),
        of(
            "a build of another counter",
            2,
            other_build(json!({ "counter": { "rank": "time", "runner": "", "by": "", "part": null } })),
            gone,
        ),
        of(
            "a build of a fork",
            2,
            other_build(json!({ "trusted": false })),
            gone,
        ),
        of("a step back to itself", 2, json!({ "back": 2 }), STATED),
        of("a step forward", 2, json!({ "back": 3 }), STATED),
        of("a step back to 0", 2, json!({ "back": 0 }), STATED),
        of("based on the future", 2, json!({ "based_on": u64::MAX }), STATED),
        of(
            "a hold of a channel",
            2,
            json!({ "held": true, "action": "rollback" }),
            STATED,
        ),
        of(
            "a release without a hold",
            2,
            json!({ "action": "release" }),
            STATED,
        ),
        of("a gap in the history", 9, json!({}), STATED),
        of("an unknown action", 2, json!({ "action": "explode" }), DAMAGED),
        of(
            "a date ahead of every clock",
            2,
            json!({ "created_ms": u64::MAX }),
            STATED,
        ),
        of(
            "a reason of control characters",
            2,
            json!({ "reason": "\u{1b}[2J\u{202e}\n" }),
            STATED,
        ),
    ];
    for (name, other) in [
        (
            "another channel's event",
            json!({ "pointer": { "channel": "staging" } }),
        ),
        ("another artifact's event", json!({ "artifact": "other" })),
        ("another project's event", json!({ "project": "gh/evil/evil" })),
        ("another sequence", json!({ "sequence": 3 })),
        (
            "two pointers",
            json!({ "pointer": { "channel": "production", "branch": "main" } }),
        ),
        ("no pointer", json!({ "pointer": {} })),
    ] {
        let mut store = store.clone();
        let honest = event(2, "production", &own);
        store.put(
            &event_key(&honest),
            small("event", &with(honest, other).to_string()),
        );
        cases.push(case(name, store, "channel:production", DAMAGED));
    }
    let on_branch = |fields: Value| {
        let mut store = store.clone();
        let honest = with(
            event(1, "", &own),
            json!({ "pointer": { "branch": "main" }, "action": "rollback", "held": true }),
        );
        store.put_event(&with(honest, fields));
        store
    };
    for (name, fields, end) in [
        ("an honest hold", json!({}), End::Fine),
        (
            "a hold at a build of another branch",
            json!({ "build": build(&with(record(2, ""), json!({ "workflow": "w0" }))) }),
            STATED,
        ),
        ("a hold at no build", other_build(json!({ "number": 9 })), STATED),
        (
            "a hold by a build that is ahead of all",
            json!({ "newest": with(build(&own), json!({ "order": { "run": u64::MAX, "attempt": u64::MAX } })) }),
            STATED,
        ),
        (
            "a hold at a job that is no digits",
            other_build(json!({ "job": "/" })),
            STATED,
        ),
    ] {
        cases.push(case(name, on_branch(fields), "latest", end));
    }
    cases
}

/// Markers, and lists of what is condemned.
pub(crate) fn upkeep() -> Vec<Case> {
    let (mut store, id) = with_tree();
    store.put_record(&record(7, &id));
    let mut cases = Vec::new();
    for (name, bytes) in [
        ("no marker", None),
        ("an empty marker", Some(Vec::new())),
        ("a marker of another kind", Some(small("record", "{}"))),
        (
            "a marker of a later version",
            Some(b"{\"baton\":\"store\",\"version\":2,\"sha\":\"x\"}\n{}\n".to_vec()),
        ),
        ("a marker without a maker", Some(small("store", "{}"))),
        ("a marker of 2 MiB", Some(vec![b'{'; 2 << 20])),
    ] {
        let mut store = store.clone();
        match bytes {
            Some(bytes) => store.put("v1/store", bytes),
            None => drop(store.objects.remove("v1/store")),
        }
        let end = End::Refused(&["not-a-store", "damaged", "later-format"]);
        cases.push(case(name, store, "build:7", end));
    }
    let header = |fields: Value| {
        let header =
            json!({ "baton": "condemned", "version": 1, "sequence": 1, "packs": 0, "trees": 0, "builds": 0 });
        with(header, fields)
    };
    let mark = |phase: &str, since: u64| json!({ "id": id, "phase": phase, "since_ms": since });
    for (name, list) in [
        ("an empty list", vec![header(json!({}))]),
        (
            "a list of another sequence",
            vec![header(json!({ "sequence": 2 }))],
        ),
        ("a list of a later version", vec![header(json!({ "version": 2 }))]),
        ("a list without a version", vec![header(json!({ "version": 0 }))]),
        (
            "a list of 2^63 packs",
            vec![header(json!({ "packs": 1_u64 << 63 }))],
        ),
        (
            "a list of fewer lines than it says",
            vec![header(json!({ "packs": 10_000_000 }))],
        ),
        (
            "a list of more lines than it says",
            vec![header(json!({})), mark("seen", 0)],
        ),
        (
            "a list with an unknown phase",
            vec![header(json!({ "trees": 1 })), mark("loved", 0)],
        ),
        (
            "a tree in use that is condemned",
            vec![header(json!({ "trees": 1 })), mark("condemned", 1)],
        ),
        (
            "a tree in use that is deleted",
            vec![header(json!({ "trees": 1 })), mark("deleting", 1)],
        ),
        (
            "a tree condemned in the future",
            vec![header(json!({ "trees": 1 })), mark("condemned", u64::MAX)],
        ),
        (
            "nothing known until the end of time",
            vec![header(json!({ "unknown_until_ms": u64::MAX }))],
        ),
        (
            "a build that is no name",
            vec![header(json!({ "builds": 1 })), json!([{ "project": 1 }, 2])],
        ),
        ("no list at all", vec![json!(null)]),
    ] {
        let mut store = store.clone();
        store.put_condemned(1, &lines(&list));
        cases.push(case(name, store, "build:7", End::Fine));
    }
    let mut last = store.clone();
    last.put_condemned(u64::MAX, &lines(&[header(json!({ "sequence": u64::MAX }))]));
    cases.push(case(
        "the last list that there can be",
        last,
        "build:7",
        End::Fine,
    ));
    let mut bombed = store.clone();
    bombed.put_list(1, bomb(b"{\"baton\":\"", 12_288, b"\"}\n"));
    cases.push(case(
        "a list that is a bomb of 1.5 GiB",
        bombed,
        "build:7",
        End::Fine,
    ));
    let mut damaged = store.clone();
    damaged.put(&format!("v1/condemned/{}", number(3)), b"zeros".to_vec());
    cases.push(case("a damaged list", damaged, "build:7", End::Fine));
    cases
}

/// Keys that no baton makes, and more of those that it makes than anybody has.
pub(crate) fn names() -> Vec<Case> {
    let (mut store, id) = with_tree();
    store.put_record(&record(7, &id));
    let project = "v1/projects/gh~2Facme~2Fshop";
    let mut junk = store.clone();
    for key in [
        "v1/projects/x",
        "v1/projects/~~~~",
        "v1/projects/~~~~/builds/x",
        "v1/projects/aaa/channels/~~~/~~~",
        "v1/packs/zz/x",
        "v1/packs/x",
        "v1/trees/~~~",
        "v1/trees/af/short",
        "v1/condemned/x",
        "v1/condemned/~~~",
        "v2/store",
        "~~~",
        "x",
    ] {
        junk.put(key, b"junk".to_vec());
    }
    for below in [
        "builds/~~~/~~~",
        "builds/default/~~~",
        "builds/default/main/0-0000000000000000/~~~",
        "builds/default/main/~~~/~~~",
        "numbers/default/trusted/x/y",
        "numbers/~~~",
        "channels/default/~~~",
        "channels/default/production/x",
        "moves/default/main",
        "workspaces/w1/trusted/x",
        "workflows/w1/trusted/~~~",
        "signatures/~~~/~~~",
        "removals/x",
        "unknown/~~~",
        "~~~/~~~",
    ] {
        junk.put(&format!("{project}/{below}"), b"junk".to_vec());
    }
    let mut cases = vec![case("names that nobody makes", junk, "build:7", STATED)];
    let mut counters = store.clone();
    for at in 0..300 {
        let counter = json!({ "rank": "run", "runner": "circleci", "by": format!("{at}"), "part": null });
        counters.put_record(&with(
            record(7, &id),
            json!({ "counter": counter, "workspace": null }),
        ));
    }
    let many = End::Refused(&["too-many-counters"]);
    cases.push(case("300 counters", counters, "latest", many));
    let mut jobs = store.clone();
    for at in 0..200 {
        let job = json!({ "job": format!("job{at}"), "number": 1000 + at, "order": { "run": 7, "attempt": 1000 + at } });
        jobs.put_record(&with(record(7, &id), job));
    }
    cases.push(case("a workspace of 201 layers", jobs, "workspace", End::Fine));
    let note = json!({ "artifact": "default", "number": 5, "reason": "r\n", "actor": null, "runner": "", "url": null,
        "created_ms": u64::MAX });
    for (name, bytes) in [
        (
            "a note of a removal at the end of time",
            small("removal", &note.to_string()),
        ),
        ("a note of a removal that is none", small("removal", "[]")),
        (
            "a note of a removal of another kind",
            small("record", &note.to_string()),
        ),
    ] {
        let mut store = store.clone();
        store.put(&format!("{project}/removals/default/{}/x", number(5)), bytes);
        cases.push(case(name, store, "build:5", End::Refused(&["no-build"])));
    }
    let mut twins = store.clone();
    twins.put_record(&with(record(7, &id), json!({ "job": "twin" })));
    cases.push(case("two jobs of one number", twins, "build:7", STATED));
    let mut elsewhere = store.clone();
    let value = json!({ "workspace": "../../x" }).to_string();
    let prefix = format!("{project}/workflows/w9/trusted");
    elsewhere.put(
        &format!("{prefix}/{}", name("../../x")),
        small("workflow", &value),
    );
    cases.push(case(
        "a workflow whose workspace leads up",
        elsewhere.clone(),
        "workflow:w9",
        STATED,
    ));
    elsewhere.put(&format!("{prefix}/0"), small("workflow", &value));
    cases.push(case(
        "a workflow under another's name",
        elsewhere,
        "workflow:w9",
        DAMAGED,
    ));
    let mut itself = store.clone();
    let value = json!({ "workspace": "w8" }).to_string();
    itself.put(
        &format!("{project}/workflows/w8/trusted/w8"),
        small("workflow", &value),
    );
    cases.push(case(
        "a workflow that is its own workspace",
        itself,
        "workflow:w8",
        STATED,
    ));
    let mut sizes = store;
    for at in 8..11 {
        let most = json!({ "files": u64::MAX, "bytes": u64::MAX, "order": { "run": at, "attempt": at } });
        sizes.put_record(&with(record(at, &id), most));
    }
    cases.push(case("sums above 2^64", sizes, "latest", End::Fine));
    cases
}
