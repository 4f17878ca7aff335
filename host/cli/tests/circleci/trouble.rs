//! An API that limits, fails, falls silent, breaks off, and leads in circles.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use baton_local::api::{ApiRequest, Content, Fault, JobStatus};

use crate::world::{World, refusal};

/// Lets this go wrong the first few times.
fn first(
    times: usize,
    fault: impl Fn() -> Fault + Send + 'static,
) -> impl FnMut(&ApiRequest) -> Option<Fault> + Send {
    let mut left = times;
    move |_| {
        left = left.checked_sub(1)?;
        Some(fault())
    }
}

fn limited(headers: &'static [(&'static str, &'static str)]) -> impl Fn() -> Fault + Send + 'static {
    move || Fault::Answer {
        status: 429,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: r#"{"message":"Rate limit exceeded"}"#.to_owned(),
    }
}

#[test]
fn a_limit_is_waited_for_and_said() {
    for (headers, least_ms) in [
        (&[("retry-after", "1")][..], 1000),
        (&[("x-ratelimit-remaining-second", "0")], 1000),
        (&[], 250),
    ] {
        let world = World::new();
        let newest = world.build("main", "x");
        world.trouble(first(1, limited(headers)));
        let started = Instant::now();
        let ran = world.job("deploy", 90).baton("latest --job build").succeeds();
        ran.prints([format!("build:{newest}")])
            .tells("waiting")
            .tells("answers 429");
        assert!(
            started.elapsed() >= Duration::from_millis(least_ms),
            "{headers:?}"
        );
    }
}

#[test]
fn patience_has_an_end() {
    let world = World::new();
    world.build("main", "x");
    world.trouble(first(usize::MAX, limited(&[("retry-after", "100")])));
    let deploy = world.job("deploy", 90).set("BATON_STORE_TIMEOUT_SECONDS", "2");
    let started = Instant::now();
    let ran = deploy.baton("latest --job build").ends(1);
    ran.tells("limits requests")
        .tells("1 try")
        .tells("says to wait 100 s");
    assert!(started.elapsed() < Duration::from_secs(5));
    world.trouble(first(usize::MAX, || refusal(503, "down for maintenance")));
    let ran = deploy.baton("latest --job build").ends(1);
    ran.tells("tries in")
        .tells("answers 503")
        .tells("down for maintenance");
}

#[test]
fn what_passes_is_outlived() {
    for fault in [
        || refusal(500, "oops"),
        || refusal(502, "bad gateway"),
        || Fault::Close,
        || Fault::Delay(Duration::from_millis(300)),
    ] {
        let world = World::new();
        let newest = world.build("main", "x");
        world.trouble(first(2, fault));
        world
            .job("deploy", 90)
            .baton("latest --job build")
            .succeeds()
            .prints([format!("build:{newest}")]);
    }
}

#[test]
fn a_server_that_falls_silent_is_given_up() {
    let world = World::new();
    world.build("main", "x");
    world.trouble(first(usize::MAX, || Fault::Delay(Duration::from_secs(60))));
    let deploy = world.job("deploy", 90).set("BATON_STORE_TIMEOUT_SECONDS", "2");
    let started = Instant::now();
    deploy.baton("latest --job build").ends(1).tells("took too long");
    assert!(started.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_download_that_breaks_off_is_taken_up_where_it_was() {
    let world = World::new();
    let number = world.run(&world.pipeline("main"), "build", JobStatus::Success);
    let content: Vec<u8> = (0..5_000_000u32).flat_map(|it| [it as u8]).collect();
    world.add(number, 0, "dist/large.bin", content.clone().into());
    let mut cuts = 2;
    *world.third_trouble.lock().unwrap() = Some(Box::new(move |_| {
        cuts -= i32::from(cuts > 0);
        (cuts > 0).then_some(Fault::CutAfter(2_000_000))
    }));
    let deploy = world.job("deploy", 90);
    let report = deploy.json("attach latest --at out");
    assert!(std::fs::read(deploy.path("out/dist/large.bin")).unwrap() == content);
    assert_eq!(report["fetched_bytes"], 5_000_000);
    let led = world.led.lock().unwrap();
    let ranges: Vec<_> = led
        .iter()
        .filter_map(|it| it.request.headers.get("range"))
        .collect();
    assert!(
        !ranges.is_empty(),
        "the second try begins where the first one ended"
    );
}

#[test]
fn a_download_that_never_ends_well_leaves_nothing() {
    let world = World::new();
    let number = world.build("main", "whole");
    world.add(
        number,
        0,
        "dist/large.bin",
        Content::Repeated {
            byte: 7,
            length: 1 << 20,
        },
    );
    *world.third_trouble.lock().unwrap() = Some(Box::new(|asked| {
        asked.path.ends_with("large.bin").then_some(Fault::CutAfter(0))
    }));
    let deploy = world.job("deploy", 90).set("BATON_STORE_TIMEOUT_SECONDS", "2");
    deploy
        .baton("attach latest --at out")
        .ends(1)
        .tells("cannot read dist/large.bin")
        .tells("interrupted");
    assert!(!deploy.path("out").exists());
}

/// Before an answer, and in the midst of one.
#[test]
fn neither_a_time_limit_nor_a_signal_waits_for_a_silent_server() {
    let silences: [fn() -> Fault; 2] = [
        || Fault::Delay(Duration::from_secs(60)),
        || Fault::SilentAfter(1000),
    ];
    for silence in silences {
        let world = World::new();
        let number = world.build("main", "x");
        world.add(number, 0, "dist/large.bin", vec![7; 5000].into());
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        *world.third_trouble.lock().unwrap() = Some(Box::new(move |it| {
            it.path.ends_with("large.bin").then(|| {
                count.fetch_add(1, Ordering::Relaxed);
                silence()
            })
        }));
        let deploy = world.job("deploy", 90);

        let started = Instant::now();
        let ran = deploy.baton("attach latest --at out --timeout-seconds 1").ends(1);
        ran.tells("--timeout-seconds");
        assert!(started.elapsed() < Duration::from_secs(10));
        let before = asked.load(Ordering::Relaxed);
        assert!(before > 0);

        let run = deploy.start("attach latest --at out");
        while asked.load(Ordering::Relaxed) == before {
            std::thread::sleep(Duration::from_millis(1));
        }
        let signalled = Instant::now();
        let pid = rustix::process::Pid::from_child(&run);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let output = run.wait_with_output().unwrap();
        assert!(signalled.elapsed() < Duration::from_secs(5));
        assert_eq!(output.status.code(), Some(1));
        let tells = String::from_utf8(output.stderr).unwrap();
        assert!(tells.contains("error: interrupted"), "{tells}");
        assert!(!deploy.path("out/dist/large.bin").exists());
    }
}

#[test]
fn an_artifact_that_is_listed_and_gone_has_expired() {
    let world = World::new();
    world.build("main", "x");
    *world.third_trouble.lock().unwrap() = Some(Box::new(|_| Some(refusal(404, "no such key"))));
    world
        .job("deploy", 90)
        .baton("attach latest --at out")
        .ends(1)
        .tells("expire")
        .tells("30 days");
}

#[test]
fn circles_are_left() {
    let world = World::new();
    world.build("main", "x");
    world.trouble(|asked: &ApiRequest| {
        Some(Fault::Answer {
            status: 302,
            headers: vec![("location".to_owned(), format!("{}?{}", asked.path, asked.query))],
            body: String::new(),
        })
    });
    world
        .job("deploy", 90)
        .baton("latest --job build")
        .ends(1)
        .tells("more than 5 times");
}

#[test]
fn each_refusal_says_what_to_do() {
    let world = World::new();
    world.build("main", "x");
    let deploy = world.job("deploy", 90);
    deploy
        .clone()
        .set("CIRCLE_TOKEN", "wrong")
        .baton("latest --job build")
        .ends(1)
        .tells("(401)")
        .tells("personal API token");
    deploy
        .clone()
        .without("CIRCLE_TOKEN")
        .baton("latest --job build")
        .ends(1)
        .tells("CIRCLE_TOKEN is not set");
    world.trouble(|asked| {
        asked
            .path
            .contains("/pipeline")
            .then(|| refusal(403, "Forbidden"))
    });
    deploy.baton("latest --job build").ends(1).tells("(403)");
    *world.trouble.lock().unwrap() = None;
    let other = deploy.clone().set("BATON_STORE", "circleci:gh/acme/other");
    other
        .baton("latest --job build")
        .ends(1)
        .tells("(404)")
        .tells("cannot see it");
}

#[test]
fn an_answer_that_is_no_json_and_pages_that_do_not_end_are_refused() {
    let world = World::new();
    let number = world.build("main", "x");
    let show = format!("show build:{number}");
    let pages = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&pages);
    world.trouble(move |asked| {
        asked.path.ends_with("/artifacts").then(|| {
            counted.fetch_add(1, Ordering::Relaxed);
            Fault::Answer {
                status: 200,
                headers: Vec::new(),
                body: r#"{"items":[{"path":"a","node_index":0,"url":"https://x.circle-artifacts.com/a"}],"next_page_token":"again"}"#.to_owned(),
            }
        })
    });
    let deploy = world.job("deploy", 90);
    deploy.baton(&show).ends(1).tells("do not end");
    assert_eq!(pages.load(Ordering::Relaxed), 2);
    world.trouble(|asked| {
        asked.path.ends_with("/artifacts").then(|| Fault::Answer {
            status: 200,
            headers: Vec::new(),
            body: "<html>".to_owned(),
        })
    });
    deploy
        .baton(&show)
        .ends(1)
        .tells("does not have the expected form");
}
