//! Where the token goes, and where it never does: another origin, an output, the component.

use baton_local::api::{Api, Exchange, Server, ServerOptions};

use crate::place::Ran;
use crate::world::{Record, TOKEN, World, recording};

/// Part of the token is as good as all of it.
const PART: &str = "very-secret";

fn assert_silent(ran: &Ran) {
    assert!(
        !ran.out.contains(PART) && !ran.err.contains(PART),
        "{}{}",
        ran.out,
        ran.err
    );
}

/// Starts a server that is none of CircleCI's, and notes what it is asked.
fn stranger() -> (Server, Record) {
    let asked = Record::default();
    let settings = ServerOptions {
        observer: recording(&asked),
        ..ServerOptions::default()
    };
    (Server::start(Api::new(), settings).unwrap(), asked)
}

fn tokens(record: &Record) -> Vec<bool> {
    let record = record.lock().unwrap();
    let has = |it: &Exchange| {
        let mut values = it.request.headers.values();
        values.any(|value| String::from_utf8_lossy(value.as_bytes()).contains(PART))
            || it.request.query.contains(PART)
            || it.request.headers.contains_key("circle-token")
            || it.request.headers.contains_key("authorization")
    };
    record.iter().map(has).collect()
}

#[test]
fn the_token_goes_to_the_api_and_to_artifacts_and_not_along_a_redirect() {
    let world = World::new();
    world.build("main", "x");
    let deploy = world.job("deploy", 90);
    assert_silent(&deploy.baton("attach latest --at out").succeeds());
    for record in [&world.asked, &world.fetched] {
        let tokens = tokens(record);
        assert!(!tokens.is_empty() && tokens.iter().all(|it| *it));
    }
    let led = tokens(&world.led);
    assert!(!led.is_empty() && led.iter().all(|it| !*it));
}

#[test]
fn a_proxy_does_not_see_what_is_asked_on_this_machine() {
    let (proxy, seen) = stranger();
    let world = World::new();
    world.build("main", "x");
    let deploy = world.job("deploy", 90);
    let by_name = world.api_url().replace("127.0.0.1", "localhost");
    for api in [world.api_url(), by_name] {
        for except in ["", "elsewhere.example"] {
            let job = deploy
                .clone()
                .set("BATON_CIRCLECI_API", &api)
                .set("http_proxy", proxy.base_url())
                .set("no_proxy", except);
            job.baton("attach latest --at out").succeeds();
        }
    }
    assert!(seen.lock().unwrap().is_empty());
}

#[test]
fn an_artifact_s_url_that_points_to_a_stranger_is_not_asked() {
    let (stranger, strangers) = stranger();
    let metadata = "http://169.254.169.254/latest/meta-data/iam".to_owned();
    let user = format!(
        "{}/x",
        stranger.base_url().replace("http://", "http://circleci.com@")
    );
    for url in [
        format!("{}/x", stranger.base_url()),
        metadata,
        user,
        "file:///etc/passwd".to_owned(),
    ] {
        let world = World::with(|settings| {
            settings
                .artifact_urls
                .insert("dist/app.js".to_owned(), url.clone());
        });
        world.build("main", "x");
        let ran = world.job("deploy", 90).baton("attach latest --at out").ends(1);
        assert_silent(&ran);
        assert!(!world.place.path("deploy-90/out").exists(), "{url}");
    }
    assert!(strangers.lock().unwrap().is_empty());
}

#[test]
fn a_failure_shows_neither_token_nor_signature() {
    let world = World::new();
    world.build("main", "x");
    *world.third_trouble.lock().unwrap() = Some(Box::new(|_| Some(crate::world::refusal(403, "expired"))));
    let deploy = world.job("deploy", 90);
    let ran = deploy
        .baton("attach latest --at out")
        .ends(1)
        .omits(crate::world::SIGNATURE);
    assert_silent(&ran);
    assert_silent(&deploy.baton("doctor").succeeds());
    assert_silent(&deploy.baton("policy attach --at out").succeeds());
    let wrong = deploy.set("BATON_CIRCLECI_API", "http://ci.acme.example");
    assert_silent(&wrong.baton("attach latest --at out").ends(1).tells("without TLS"));
}

#[test]
fn a_hostile_component_finds_no_token_and_reaches_no_stranger() {
    let (stranger, strangers) = stranger();
    let world = World::new();
    world.build("main", "x");
    let component = crate::hostile::build();
    let deploy = world.job("deploy", 90);
    // It is told of the stranger by the one thing that a user says to a component: the selector.
    let ran = deploy.run([
        "attach",
        &format!("tag:{}", stranger.base_url()),
        "--at",
        "out",
        "--component",
        component.to_str().unwrap(),
    ]);
    let seen = std::fs::read(deploy.path("out/snoop.txt"))
        .unwrap_or_else(|error| panic!("the component wrote nothing: {error}: {}", ran.err));
    let seen = String::from_utf8_lossy(&seen);
    let memory = std::fs::read(deploy.path("out/snoop.memory")).unwrap();
    assert!(memory.len() > 64 << 10);
    for needle in [TOKEN, PART] {
        assert!(!seen.contains(needle), "{seen}");
        assert!(!memory.windows(needle.len()).any(|part| part == needle.as_bytes()));
    }
    assert!(
        seen.contains("environment: 0") && seen.contains("arguments: 0"),
        "{seen}"
    );
    // The API answers it, as it answers baton: so it could ask, and the gate added what it does not have.
    assert!(seen.contains("api: 200"), "{seen}");
    assert!(seen.contains("stranger: denied"), "{seen}");
    assert!(seen.contains("metadata: denied"), "{seen}");
    assert!(seen.contains("post: denied"), "{seen}");
    assert!(strangers.lock().unwrap().is_empty());
    assert!(world.api.variables(crate::world::PROJECT).is_empty());
}

#[test]
fn no_spelling_of_a_url_gets_a_component_past_the_gate() {
    let world = World::new();
    world.build("main", "x");
    let component = crate::hostile::build();
    let deploy = world.job("deploy", 90);
    let words = [
        "attach",
        "latest",
        "--name",
        "network-paths",
        "--at",
        "out",
        "--component",
    ];
    let words = words.into_iter().chain(component.to_str());
    deploy.run(words).ends(1).tells("attempts were refused");
}
