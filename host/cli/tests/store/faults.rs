//! Faults of a network or a server. A run survives a fault that happens once or twice. A permanent fault ends the run within
//! its time limit, with an error that says what to do. Nothing that was committed is lost in either case.

use std::time::{Duration, Instant};

use crate::files::assert_same;
use crate::scene::{Scene, fails};
use crate::servers::fault::{Answer, Fault, Rule};
use crate::servers::http::Message;

fn busy(status: u16) -> Answer {
    Answer::status(status)
}

fn slow_down() -> Answer {
    Answer::s3(503, "SlowDown", "Please reduce your request rate.")
}

fn is_pack(request: &Message) -> bool {
    request.target().contains("/v1/packs/")
}

/// Transient faults of any request.
fn passing() -> Vec<(&'static str, Fault)> {
    let later = |answer: Answer| Fault::Answer(answer.with("Retry-After", "1"));
    vec![
        ("503", Fault::Answer(busy(503))),
        ("503, later", later(busy(503))),
        ("429", Fault::Answer(busy(429))),
        ("429, later", later(busy(429))),
        (
            "500",
            Fault::Answer(Answer::s3(
                500,
                "InternalError",
                "We encountered an internal error.",
            )),
        ),
        ("SlowDown", Fault::Answer(slow_down())),
        ("a lost answer", Fault::LoseAnswer),
        ("a late answer", Fault::Delay(Duration::from_secs(2))),
        ("a stalled socket", Fault::Stall),
    ]
}

#[test]
fn a_persist_comes_through_what_passes() {
    let scene = Scene::new().within(16);
    let mut faults = passing();
    faults.push(("a reset upload", Fault::ResetRequest { after_bytes: 100_000 }));
    faults.push(("a stalled upload", Fault::StallRequest { after_bytes: 100_000 }));
    faults.push(("a flipped upload", Fault::FlipRequest { at: 5000 }));
    for (build, (what, fault)) in (2..).zip(faults) {
        scene.write_tree(build);
        scene.proxy.reset();
        let rule = || Rule::new(fault.clone()).method("PUT");
        scene.proxy.rule(rule().when(is_pack).times(2));
        // The uploads cannot be disturbed in their middle where they are this small.
        if !matches!(
            fault,
            Fault::ResetRequest { .. } | Fault::StallRequest { .. } | Fault::FlipRequest { .. }
        ) {
            scene.proxy.rule(rule().path("/v1/trees/").times(1));
            scene.proxy.rule(rule().path("/builds/").times(1));
        }
        let ran = scene.job.baton(&format!("persist tree --number {build}"));
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.err);
        assert!(scene.proxy.faults() >= 2, "{what}: {}", scene.proxy.faults());
        scene
            .direct
            .baton("latest")
            .succeeds()
            .prints([format!("build:{build}")]);
        scene.arrives(build);
    }
    scene.is_sound();
}

#[test]
fn an_attach_comes_through_what_passes() {
    let scene = Scene::new().within(16);
    let mut faults = passing();
    faults.push(("a reset download", Fault::ResetAnswer { after_bytes: 10_000 }));
    faults.push(("a truncated download", Fault::TruncateAnswer { to_bytes: 10_000 }));
    faults.push(("a stalled download", Fault::StallAnswer { after_bytes: 10_000 }));
    for (what, fault) in faults {
        let _ = std::fs::remove_dir_all(scene.job.path("out"));
        scene.proxy.reset();
        let rule = || Rule::new(fault.clone()).method("GET");
        scene.proxy.rule(rule().path("list-type=2").times(1));
        scene.proxy.rule(rule().path("/v1/trees/").times(1));
        scene.proxy.rule(rule().when(is_pack).times(2));
        let ran = scene.job.baton("attach latest --at out --strict");
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.err);
        assert!(scene.proxy.faults() >= 3, "{what}: {}", scene.proxy.faults());
        assert_same(&scene.job.path("tree"), &scene.job.path("out/tree"));
    }
}

#[test]
fn a_flipped_byte_in_a_download_never_arrives() {
    let scene = Scene::new().within(16);
    for path in ["/v1/packs/", "/v1/trees/", "/builds/"] {
        let attach = |times| {
            let _ = std::fs::remove_dir_all(scene.job.path("out"));
            scene.proxy.reset();
            // In the middle of a record, too, which is small.
            let fault = Fault::FlipAnswer { at: 300 };
            scene
                .proxy
                .rule(Rule::new(fault).method("GET").path(path).times(times));
            let ran = scene.job.baton("attach latest --at out --strict");
            assert!(scene.proxy.faults() > 0, "{path}");
            ran
        };
        // Once is the way's fault: what does not fit its digest is fetched again.
        let ran = attach(1);
        assert_eq!(ran.code, Some(0), "{path}: {}", ran.err);
        assert_same(&scene.job.path("tree"), &scene.job.path("out/tree"));
        let ran = attach(usize::MAX)
            .ends(1)
            .tells("error: ")
            .tells("hint: ")
            .tells("found    ");
        assert!(ran.err.contains(path.trim_matches('/')), "{path}: {}", ran.err);
        assert!(!scene.job.path("out/tree").exists(), "{path}");
    }
    scene.is_sound();
}

/// Permanent faults, with the error codes that they may cause.
fn lasting() -> Vec<(&'static str, Fault, &'static [&'static str])> {
    vec![
        ("503", Fault::Answer(busy(503)), &["store-busy"]),
        ("SlowDown", Fault::Answer(slow_down()), &["store-busy"]),
        (
            "429, in an hour",
            Fault::Answer(busy(429).with("Retry-After", "3600")),
            &["store-busy"],
        ),
        ("lost answers", Fault::LoseAnswer, &["store-unreachable"]),
        ("stalled sockets", Fault::Stall, &["store-timeout"]),
        (
            "400",
            Fault::Answer(Answer::s3(400, "Whatever", "Whatever this is.")),
            &["store-answer"],
        ),
    ]
}

const BUDGET_SECONDS: u64 = 4;
/// A run makes several requests; each has the budget, and the first that fails ends the run.
const ENDS_WITHIN: Duration = Duration::from_secs(BUDGET_SECONDS * 2 + 4);

#[test]
fn what_does_not_pass_ends_a_run_within_its_budget_and_loses_nothing() {
    let scene = Scene::new().within(BUDGET_SECONDS);
    let before = scene.direct.json("builds");
    for (what, fault, codes) in lasting() {
        for (words, method) in [
            ("persist tree --number 2", "PUT"),
            ("attach latest --at out", "GET"),
        ] {
            scene.write_tree(2);
            scene.proxy.reset();
            scene
                .proxy
                .rule(Rule::new(fault.clone()).method(method).when(is_pack));
            let started = Instant::now();
            let ran = scene.job.baton(&format!("{words} --format json"));
            let took = started.elapsed();
            let error = crate::scene::error(ran);
            let code = error["code"].as_str().unwrap();
            assert!(codes.contains(&code), "{what}, {words}: {error:#}");
            assert!(took < ENDS_WITHIN, "{what}, {words}: {took:?}");
            // What, on which key, and in which store.
            let told = error.to_string();
            assert!(
                told.contains("v1/packs/") && told.contains("s3://"),
                "{what}: {told}"
            );
            assert!(!scene.job.path("out/tree").exists(), "{what}");
        }
        assert_eq!(scene.direct.json("builds"), before, "{what}");
    }
    scene.is_sound();
    scene.proxy.reset();
    scene.job.baton("persist tree --number 2").succeeds();
    scene.arrives(2);
    scene.is_sound();
}

#[test]
fn a_create_whose_answer_was_lost_has_created_once() {
    let scene = Scene::new().within(30);
    for (build, path) in (2..).zip(["/builds/", "/numbers/", "/commits/"]) {
        scene.write_tree(build);
        scene.proxy.reset();
        scene
            .proxy
            .rule(Rule::new(Fault::LoseAnswer).method("PUT").path(path).times(1));
        scene
            .job
            .baton(&format!("persist tree --number {build}"))
            .succeeds()
            .omits("warning");
        assert_eq!(scene.proxy.faults(), 1, "{path}");
        let builds = scene.direct.json("builds");
        assert_eq!(builds["builds"].as_array().unwrap().len() as u64, build, "{path}");
        scene
            .direct
            .baton("latest")
            .succeeds()
            .prints([format!("build:{build}")]);
        scene.arrives(build);
    }
    // A move, which is a create that others race for.
    scene.proxy.reset();
    scene.proxy.rule(
        Rule::new(Fault::LoseAnswer)
            .method("PUT")
            .path("/channels/")
            .times(1),
    );
    scene.job.baton("promote build:2 production").succeeds();
    assert_eq!(scene.proxy.faults(), 1);
    let history = scene.direct.json("history production");
    assert_eq!(history["events"].as_array().unwrap().len(), 1, "{history:#}");
    scene.is_sound();
}

#[test]
fn a_server_that_says_when_is_asked_then() {
    let scene = Scene::new().within(20);
    let pauses = |answer: Answer| {
        scene.proxy.reset();
        scene
            .proxy
            .rule(Rule::new(Fault::Answer(answer)).path("list-type=2").times(1));
        scene.job.baton("latest").succeeds();
        let lists: Vec<Instant> = scene
            .proxy
            .requests()
            .into_iter()
            .filter(|(_, request)| request.target().contains("list-type=2"))
            .map(|(when, _)| when)
            .collect();
        assert!(lists.len() >= 2, "it was asked again");
        lists[1] - lists[0]
    };
    let at_once = pauses(busy(503));
    assert!(at_once < Duration::from_secs(1), "{at_once:?}");
    for answer in [busy(503), busy(429), slow_down()] {
        let told = pauses(answer.with("Retry-After", "2"));
        assert!(
            told >= Duration::from_secs(2) && told < Duration::from_secs(4),
            "{told:?}"
        );
    }
}

#[test]
fn a_listing_that_fails_is_no_empty_one() {
    let scene = Scene::new().within(BUDGET_SECONDS);
    scene
        .proxy
        .rule(Rule::new(Fault::Answer(busy(503))).path("list-type=2"));
    fails(scene.job.baton("latest --format json"), "store-busy");
    fails(scene.job.baton("prune --keep-last 1 --format json"), "store-busy");
    scene.is_sound();
}

/// A page of a captive portal, or a layer of gzip that a proxy adds, in the place of one pack.
#[test]
fn an_answer_that_cannot_be_the_object_is_no_damage_of_the_store() {
    let scene = Scene::new().within(16);
    let page = |_: &Message, answer: &mut Message| {
        *answer = Message::answer(200, "<!DOCTYPE html><title>Please log in</title>");
    };
    let gzip = |_: &Message, answer: &mut Message| {
        let body = [&[0x1f, 0x8b, 8, 0][..], &answer.body].concat();
        *answer = Message::answer(200, body);
    };
    for (what, fault) in [("page", Fault::rewrite(page)), ("gzip", Fault::rewrite(gzip))] {
        scene.proxy.reset();
        scene.proxy.rule(Rule::new(fault).method("GET").when(is_pack));
        for words in ["attach build:1 --at out", "attach latest --at out"] {
            // An attach asks for a part of a pack, and this is no answer to that, whatever is in it.
            let error = fails(scene.job.baton(&format!("{words} --format json")), "store-answer");
            let hint = error["hint"].as_str().unwrap();
            assert!(
                hint.contains("proxy") && !hint.contains("persist"),
                "{what}: {hint}"
            );
        }
        // verify continues, and reports each object.
        let verified = scene.job.baton("verify --all --data").ends(1);
        assert!(verified.out.contains("v1/packs/"), "{what}: {}", verified.out);
        // Nothing of it stays: straight to the server all is well.
        scene.is_sound();
        scene.arrives(1);
    }
}
