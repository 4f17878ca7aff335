//! Where credentials come from, and that they are renewed when a run outlives them. The token service is SeaweedFS's own:
//! it verifies the job's token, and its credentials are good for what the role may do.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::files::{assert_same, write};
use crate::place::Job;
use crate::scene::{Scene, fails};
use crate::servers::fault::{Answer, Fault, Rule};
use crate::servers::http::Message;
use crate::servers::issuer::{Issuer, ROLE};
use crate::servers::proxy::Proxy;
use crate::servers::weed::{REGION, WRITER, Weed};

/// A job without credentials, that may take on the role.
fn without_keys(job: &Job) -> Job {
    job.clone()
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
}

fn with_role(job: &Job, sts: &str) -> Job {
    without_keys(job)
        .set("BATON_ROLE_ARN", ROLE)
        .set("BATON_STS_ENDPOINT", sts)
}

fn on_circleci(job: &Job, sts: &str) -> Job {
    with_role(job, sts).set("CIRCLE_OIDC_TOKEN_V2", Issuer::shared().token(600))
}

#[test]
fn a_role_is_taken_on_with_the_token_of_each_runner() {
    let scene = Scene::new();
    let sts = Proxy::before(Weed::shared().address());
    let job = with_role(&scene.direct, &sts.endpoint());
    let token = || Issuer::shared().token(600);
    let github = Issuer::shared()
        .github()
        .into_iter()
        .fold(job.clone(), |job, (variable, value)| job.set(variable, value));
    let jobs = [
        ("CircleCI", job.clone().set("CIRCLE_OIDC_TOKEN_V2", token())),
        ("GitHub Actions", github),
        ("GitLab CI", job.clone().set("GITLAB_OIDC_TOKEN", token())),
        (
            "a variable",
            job.clone()
                .set("MY_TOKEN", token())
                .set("BATON_OIDC_TOKEN_VAR", "MY_TOKEN"),
        ),
    ];
    for (number, (who, job)) in (2..).zip(jobs) {
        sts.reset();
        scene.write_tree(number);
        let ran = job.baton(&format!("persist tree --number {number}"));
        assert_eq!(ran.code, Some(0), "{who}: {}", ran.err);
        assert!(sts.count("POST") > 0, "{who}");
        scene.arrives(number);
        // A token in the request's address would be in the service's log.
        for (_, request) in sts.requests() {
            assert!(!request.target().contains("Token"), "{}", request.target());
        }
    }
}

#[test]
fn a_role_that_is_not_to_be_had_is_told() {
    let scene = Scene::new().within(8);
    let sts = Weed::shared().endpoint();
    let job = with_role(&scene.direct, &sts).set("BATON_STORE_TIMEOUT_SECONDS", "8");
    let issuer = Issuer::shared();
    let with = |token: String| job.clone().set("CIRCLE_OIDC_TOKEN_V2", token);
    let github = with(issuer.token(600))
        .without("CIRCLE_OIDC_TOKEN_V2")
        .set("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/github", issuer.url()))
        .set("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another");
    let cases = [
        ("no token", job.clone()),
        (
            "another role",
            with(issuer.token(600)).set("BATON_ROLE_ARN", "arn:aws:iam::role/other"),
        ),
        ("an old token", with(issuer.token(-60))),
        (
            "a token for somebody else",
            with(issuer.token_for("somebody", 600)),
        ),
        (
            "no token of that name",
            with(issuer.token(600)).set("BATON_OIDC_TOKEN_VAR", "NOT_SET"),
        ),
        ("a wrong bearer", github),
        (
            "no service",
            with(issuer.token(600)).set("BATON_STS_ENDPOINT", unused()),
        ),
    ];
    for (what, job) in cases {
        for words in ["persist tree --number 2", "latest"] {
            let error = fails(job.baton(&format!("{words} --format json")), "store-credentials");
            assert!(error.to_string().contains("s3://tests/"), "{what}: {error:#}");
        }
    }
    scene.is_sound();
}

/// Returns an address that nobody listens on.
fn unused() -> String {
    let listener = std::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// The first session token that requests came with, from then on expired.
#[derive(Clone, Default)]
struct FirstSession(Arc<Mutex<Option<String>>>);

impl FirstSession {
    fn is_of(&self, request: &Message) -> bool {
        let Some(token) = request.field("x-amz-security-token") else {
            return false;
        };
        let mut first = self.0.lock().unwrap();
        first.get_or_insert_with(|| token.to_owned()) == token
    }
}

#[test]
fn credentials_that_expire_in_the_middle_are_renewed() {
    let scene = Scene::new();
    let sts = Proxy::before(Weed::shared().address());
    let job = on_circleci(&scene.job, &sts.endpoint());
    for (words, number) in [("persist tree --number 2", 2), ("attach latest --at out", 2)] {
        if words.starts_with("persist") {
            scene.write_tree(number);
        }
        scene.proxy.reset();
        sts.reset();
        let expired = Answer::s3(400, "ExpiredToken", "The provided token has expired.");
        let session = FirstSession::default();
        scene.proxy.rule(
            Rule::new(Fault::Answer(expired))
                .when(move |request| session.is_of(request))
                .after(4),
        );
        let ran = job.baton(words);
        assert_eq!(ran.code, Some(0), "{words}: {}", ran.err);
        assert!(scene.proxy.faults() >= 1, "{words}");
        assert_eq!(sts.count("POST"), 2, "{words}: once at first, and once more");
    }
    scene.arrives(2);
    assert_same(&scene.job.path("tree"), &scene.job.path("out/tree"));
}

#[test]
fn credentials_are_renewed_before_they_expire() {
    let scene = Scene::new();
    let sts = Proxy::before(Weed::shared().address());
    sts.rule(Rule::new(Fault::rewrite(|_, answer| {
        let soon = SystemTime::now() + Duration::from_secs(2);
        let text = answer.text();
        let (before, rest) = text.split_once("<Expiration>").unwrap();
        let (_, after) = rest.split_once("</Expiration>").unwrap();
        let soon = humantime::format_rfc3339_seconds(soon);
        answer.body = format!("{before}<Expiration>{soon}</Expiration>{after}").into_bytes();
    })));
    scene.proxy.set_latency(Duration::from_millis(300));
    scene.write_tree(2);
    on_circleci(&scene.job, &sts.endpoint())
        .baton("persist tree --number 2 --workers 1")
        .succeeds();
    assert!(sts.count("POST") >= 2, "{}", sts.count("POST"));
    scene.arrives(2);
}

#[test]
fn credentials_that_are_expired_for_good_end_the_run() {
    let scene = Scene::new().within(10);
    let expired = || Fault::Answer(Answer::s3(400, "ExpiredToken", "The provided token has expired."));
    scene.write_tree(2);
    for job in [
        scene.job.clone().set("AWS_SESSION_TOKEN", "old"),
        on_circleci(&scene.job, &Weed::shared().endpoint()),
    ] {
        scene.proxy.reset();
        scene.proxy.rule(Rule::new(expired()));
        fails(
            job.baton("persist tree --number 2 --format json"),
            "store-credentials",
        );
    }
    scene.is_sound();
}

#[test]
fn credentials_come_from_all_places_that_the_tools_of_aws_know() {
    let scene = Scene::new();
    let bare = without_keys(&scene.direct);
    let file = |name: &str, text: &str| {
        write(&scene.job.path(name), text);
        scene.job.path(name)
    };
    let keys = format!(
        "aws_access_key_id = {}\naws_secret_access_key = {}\n",
        WRITER.key, WRITER.secret
    );
    let credentials = file(
        "credentials",
        &format!("[default]\naws_access_key_id = x\naws_secret_access_key = y\n\n[ci]\n{keys}"),
    );
    let config = file("config", &format!("[profile other]\nregion = {REGION}\n{keys}"));
    let profiles = |name: &str| {
        bare.clone()
            .set("AWS_SHARED_CREDENTIALS_FILE", &credentials)
            .set("AWS_CONFIG_FILE", &config)
            .set("AWS_PROFILE", name)
    };
    let token = file("token", &Issuer::shared().token(600));
    let web = bare
        .clone()
        .set("AWS_WEB_IDENTITY_TOKEN_FILE", token)
        .set("AWS_ROLE_ARN", ROLE)
        .set("AWS_ROLE_SESSION_NAME", "tests")
        .set("AWS_ENDPOINT_URL_STS", Weed::shared().endpoint());
    write(
        &scene.place.path("home/.aws/credentials"),
        format!("[default]\n{keys}"),
    );
    for (what, job) in [
        ("a profile with credentials", profiles("ci")),
        ("a profile of the configuration", profiles("other")),
        ("the home directory", bare.clone()),
        ("a web identity", web),
        (
            "variables before profiles",
            profiles("default")
                .set("AWS_ACCESS_KEY_ID", WRITER.key)
                .set("AWS_SECRET_ACCESS_KEY", WRITER.secret),
        ),
    ] {
        let ran = job.baton("latest");
        assert_eq!(ran.code, Some(0), "{what}: {}", ran.err);
    }
    fails(
        profiles("default").baton("latest --format json"),
        "store-credentials",
    );
    let ran = profiles("missing").baton("latest --format json");
    fails(ran, "store-credentials");
}
