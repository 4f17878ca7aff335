//! Wrong stores, and wrong ways to reach them: each is a clear error whose hint says what to do.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use crate::files::write;
use crate::place::{Job, Place};
use crate::scene::{Scene, fails};
use crate::servers::fault::{Answer, Fault, Rule};
use crate::servers::proxy::Proxy;
use crate::servers::tls::Authority;
use crate::servers::weed::{READER, WRITER, Weed};

/// Runs commands that read and that write, which must fail with this code and in reasonable time. Returns the last error.
#[track_caller]
fn all_fail(job: &Job, code: &str) -> serde_json::Value {
    write(&job.path("tree/new"), "new");
    let mut last = serde_json::Value::Null;
    for words in [
        "latest",
        "attach latest --at out",
        "promote latest production",
        "persist tree --number 9",
    ] {
        let started = Instant::now();
        last = fails(job.baton(&format!("{words} --format json")), code);
        assert!(
            started.elapsed() < Duration::from_secs(12),
            "{words}: {:?}",
            started.elapsed()
        );
        assert!(
            last.to_string().contains("s3://"),
            "{words}: the store is named: {last:#}"
        );
        assert!(!last.to_string().contains(WRITER.secret), "{words}");
    }
    let doctor = job.baton("doctor --format json").ends(1);
    assert!(
        doctor.out.contains("\"ok\": false") || doctor.out.contains("\"ok\":false"),
        "{}",
        doctor.out
    );
    last
}

#[test]
fn wrong_credentials_are_told() {
    let scene = Scene::new();
    let job = &scene.direct;
    all_fail(
        &job.clone().set("AWS_SECRET_ACCESS_KEY", "wrong"),
        "store-credentials",
    );
    all_fail(
        &job.clone().set("AWS_ACCESS_KEY_ID", "AKIANOBODY0000000000"),
        "store-credentials",
    );
    all_fail(
        &job.clone().set("AWS_SESSION_TOKEN", "nobody's"),
        "store-credentials",
    );
}

#[test]
fn no_credentials_at_all_are_told() {
    let scene = Scene::new();
    let job = scene
        .direct
        .clone()
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .set("BATON_STORE_TIMEOUT_SECONDS", "4");
    // Where there is no machine that has some.
    let unused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    all_fail(
        &job.set("AWS_METADATA_ENDPOINT", format!("http://{unused}")),
        "store-credentials",
    );
}

#[test]
fn a_missing_bucket_is_told() {
    let scene = Scene::new();
    let error = all_fail(
        &scene
            .direct
            .clone()
            .set("BATON_STORE", "s3://no-such-bucket/prefix"),
        "store-bucket-missing",
    );
    assert!(error.to_string().contains("no-such-bucket"), "{error:#}");
}

#[test]
fn who_may_only_read_reads_and_is_told_when_writing() {
    let scene = Scene::new();
    let reader = scene
        .direct
        .clone()
        .set("AWS_ACCESS_KEY_ID", READER.key)
        .set("AWS_SECRET_ACCESS_KEY", READER.secret);
    reader.baton("latest").succeeds().prints(["build:1"]);
    reader.baton("attach latest --at out").succeeds();
    reader.baton("verify --all --data").succeeds();
    scene.write_tree(2);
    for words in ["persist tree --number 2", "promote latest production"] {
        fails(reader.baton(&format!("{words} --format json")), "store-denied");
    }
    scene.direct.baton("persist tree --number 2").succeeds();
    fails(
        reader.baton("prune --keep-last 1 --keep-within 0s --grace 0s --no-other-writers --format json"),
        "store-denied",
    );
    reader.baton("doctor").ends(1);
    // A store that nobody has written to yet, and whose server is not known.
    let other = scene
        .place
        .job("other")
        .set("BATON_STORE", "s3://tests/of-nobody");
    let other = other
        .set("AWS_ACCESS_KEY_ID", READER.key)
        .set("AWS_SECRET_ACCESS_KEY", READER.secret);
    write(&other.path("file"), "x");
    fails(other.baton("persist file --format json"), "store-denied");
    other.baton("latest").ends(3).tells("the store is empty");
    scene.is_sound();
}

#[test]
fn a_wrong_region_is_told() {
    let scene = Scene::new();
    let malformed = Answer::s3(
        400,
        "AuthorizationHeaderMalformed",
        "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'",
    );
    let moved = Answer::s3(
        301,
        "PermanentRedirect",
        "The bucket you are attempting to access must be addressed using the specified endpoint.",
    )
    .with("x-amz-bucket-region", "eu-central-1");
    for answer in [malformed, moved] {
        scene.proxy.reset();
        scene.proxy.rule(Rule::new(Fault::Answer(answer)));
        let error = all_fail(&scene.job, "store-region");
        assert!(
            error.to_string().contains("eu-central-1") || error.to_string().contains("region"),
            "{error:#}"
        );
    }
}

#[test]
fn a_clock_that_is_wrong_is_told() {
    let scene = Scene::new();
    let skewed = Answer::s3(
        403,
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
    );
    scene.proxy.rule(Rule::new(Fault::Answer(skewed)));
    all_fail(&scene.job, "store-clock");
}

#[test]
fn a_certificate_is_trusted_when_its_authority_is() {
    let scene = Scene::new();
    let authority = Authority::new();
    let secure = Proxy::with_tls(Weed::shared().address(), &authority);
    let job = scene
        .direct
        .clone()
        .set("BATON_ENDPOINT", secure.endpoint())
        .without("BATON_ALLOW_HTTP");
    all_fail(&job, "store-certificate");
    write(&job.path("other.pem"), Authority::new().pem());
    all_fail(
        &job.clone().set("BATON_CA_FILE", job.path("other.pem")),
        "store-certificate",
    );
    write(&job.path("ca.pem"), authority.pem());
    let trusting = job.clone().set("BATON_CA_FILE", job.path("ca.pem"));
    scene.write_tree(2);
    trusting.baton("persist tree --number 2").succeeds();
    trusting.baton("latest").succeeds().prints(["build:2"]);
    scene.arrives(2);
    for (file, text) in [("none.pem", None), ("text.pem", Some("no certificate"))] {
        if let Some(text) = text {
            write(&job.path(file), text);
        }
        job.clone()
            .set("BATON_CA_FILE", job.path(file))
            .baton("latest")
            .ends(1)
            .tells("error: ")
            .tells(file);
    }
}

#[test]
fn a_server_without_tls_is_asked_only_if_allowed() {
    let scene = Scene::new();
    let job = scene.job.clone().without("BATON_ALLOW_HTTP");
    all_fail(&job, "store-options");
    job.baton("latest").ends(1).tells("allow-http");
    assert!(scene.proxy.requests().is_empty(), "nothing was sent");
    job.baton("latest --allow-http").succeeds();
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let scene = Scene::new();
    let unused = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let job = scene.direct.clone().set("BATON_STORE_TIMEOUT_SECONDS", "3");
    let refused = job.clone().set("BATON_ENDPOINT", format!("http://{unused}"));
    let error = all_fail(&refused, "store-unreachable");
    assert!(
        error.to_string().contains(&unused.port().to_string()),
        "{error:#}"
    );
    all_fail(
        &job.set("BATON_ENDPOINT", "http://nobody.invalid"),
        "store-unreachable",
    );
}

#[test]
fn what_does_not_name_a_store_is_refused() {
    let place = Place::new();
    let job = place.job("work");
    write(&job.path("file"), "x");
    for (store, tells) in [
        ("s3://", "s3://BUCKET/PREFIX"),
        ("s3://bucket/a//b", "a//b"),
        ("s3:bucket", "s3://BUCKET/PREFIX"),
        ("ftp://host/dir", "a store is"),
    ] {
        for words in ["persist file", "latest"] {
            job.clone()
                .set("BATON_STORE", store)
                .baton(words)
                .ends(1)
                .tells(tells)
                .tells("hint: ");
        }
    }
    job.clone()
        .set("BATON_STORE", "s3://key:hunter2@bucket/p")
        .baton("latest")
        .ends(1)
        .omits("hunter2");
}
