//! Requests that may leave, and requests that may not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
use super::*;

const PROJECT: &str = "gh/acme/shop";

fn uri(text: &str) -> Uri {
    text.parse().unwrap()
}

fn policy(api: &str, artifacts: &[&str]) -> Policy {
    let artifacts = artifacts.iter().map(|it| Origin::of(&uri(it)).unwrap());
    Policy::new(Origin::of(&uri(api)).unwrap(), artifacts.collect()).about(vec![PROJECT.to_owned()])
}

fn get(policy: &Policy, url: &str) -> Option<Admitted> {
    ask(policy, url, &mut Tickets::default())
}

fn ask(policy: &Policy, url: &str, tickets: &mut Tickets) -> Option<Admitted> {
    let admitted = policy.admit(&Method::GET, &uri(url), b"", tickets);
    admitted.map(|(admitted, _)| admitted)
}

#[test]
fn the_token_goes_to_the_api_and_to_artifacts_only() {
    let cloud = policy("https://circleci.com", &[]);
    for url in [
        "https://circleci.com/api/v2/workflow/x",
        "https://CircleCI.com:443/api/v2/workflow/x",
        "https://circleci.com./api/v2/workflow/x",
    ] {
        assert_eq!(get(&cloud, url), Some(Admitted::Api), "{url}");
    }
    for url in [
        "https://output.circle-artifacts.com/output/job/1",
        "https://7-1-gh.circle-artifacts.com/0/x",
        "https://circleci.com/output/job/1/artifacts/0/x",
    ] {
        assert_eq!(get(&cloud, url), Some(Admitted::Artifact), "{url}");
    }
    for url in [
        "http://circleci.com/api/v2/workflow/x",
        "https://circleci.com:8443/api/v2/workflow/x",
        "https://circleci.com/output/../api/v2/me",
        "https://circleci.com/output/%2e%2E/api/v2/me",
        "https://evil.com/",
        "https://circleci.com.evil.com/",
        "https://evilcircle-artifacts.com/",
        "https://circle-artifacts.com.evil.com/",
        "https://circle-artifacts.com/",
        "http://output.circle-artifacts.com/x",
        "https://output.circle-artifacts.com:8443/x",
        "https://token@circleci.com/api/v2/workflow/x",
        "https://circleci.com@evil.com/",
        "https://127.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
    ] {
        assert_eq!(get(&cloud, url), None, "{url}");
    }
}

#[test]
fn a_server_has_its_own_artifact_hosts() {
    let server = policy("https://ci.acme.example", &["https://files.acme.example"]);
    assert_eq!(
        get(&server, "https://files.acme.example/x"),
        Some(Admitted::Artifact)
    );
    assert_eq!(get(&server, "https://output.circle-artifacts.com/x"), None);
    let plain = policy("http://ci.acme.example", &[]);
    assert_eq!(get(&plain, "http://ci.acme.example/api/v2/workflow/x"), None);
    let local = policy("http://127.0.0.1:4000", &[]);
    assert_eq!(
        get(&local, "http://127.0.0.1:4000/api/v2/workflow/x"),
        Some(Admitted::Api)
    );
    assert_eq!(get(&local, "http://127.0.0.1:4001/api/v2/workflow/x"), None);
}

#[test]
fn only_what_baton_asks_is_asked_of_the_api() {
    let cloud = policy("https://circleci.com", &[]);
    let of_api = |path: &str| get(&cloud, &format!("https://circleci.com/api/{path}"));
    for path in [
        "v1.1/project/github/acme/shop/tree/feature%2Flogin?filter=successful",
        "v2/project/gh/acme/shop/pipeline?branch=main&page-token=x",
        "v2/project/gh/acme/shop/job/7",
        "v2/project/gh/acme/shop/7/artifacts?page-token=x",
        "v2/pipeline/5034460f/workflow",
        "v2/workflow/5034460f",
        "v2/workflow/5034460f/job?page-token=x",
        "v2/me/../workflow/x",
    ] {
        assert_eq!(of_api(path), Some(Admitted::Api), "{path}");
    }
    for path in [
        "",
        "v2/me",
        "v2/context?owner-slug=gh/acme",
        "v2/project/gh/acme/shop",
        "v2/project/gh/acme/shop/",
        "v2/project/gh/acme/shop/envvar",
        "v2/project/gh/acme/shop/envvar/LATEST_BUILD_NUM",
        "v2/project/gh/acme/shop/checkout-key",
        "v2/project/gh/acme/other/pipeline",
        "v2/project/gh/acme/shopping/pipeline",
        "v2/project/gh/acme/shop/job/7/tests",
        "v2/project/gh/acme/shop/job/x",
        "v2/workflow/x/job/../../../me",
        "v2/workflow/%2e%2e",
        "v2/workflow/..%2Fme",
        "v1.1/project/github/acme/other/tree/main",
        "v1.1/project/github/acme/shop/envvar",
        "v1.1/project/github/acme/shop/tree/main/x",
        "v1.1/me",
    ] {
        assert_eq!(of_api(path), None, "{path}");
    }
}

#[test]
fn a_path_that_a_server_may_read_in_another_way_is_not_asked() {
    let cloud = policy("https://circleci.com", &[]);
    let server = policy("https://ci.acme.example", &["https://files.acme.example"]);
    let steps = [
        "..%2f",
        "..%2F",
        "%2e%2e%2f",
        "%2e%2e/",
        "%2E./",
        "..%5c",
        "..\\",
        "%252e%252e%252f",
        "..%252f",
        "%25252e%25252e/",
        "..%25252f",
        "..%255c",
        "..;/",
        "..;x=y/",
        ".;/..;/",
        "%2e%2e%3b/",
        "..%3bx/",
        "x%2f..%2f..%2f",
        "x/..%2f..%2f",
        "%2f",
        "%2f%2f",
        "/",
        ";/",
        "%c0%ae%c0%ae%2f",
        "%c0%af",
        "..%00/",
        "%0a/",
        "..%0d%0a/",
    ];
    for step in steps {
        for url in [
            format!("https://circleci.com/output/{step}api/v2/me"),
            format!("https://circleci.com/output/job/{step}{step}api/v2/me"),
            format!("https://circleci.com/output/x/{step}"),
            format!("https://output.circle-artifacts.com/x/{step}api/v2"),
            format!("https://files.acme.example/x/{step}api/v2"),
            format!("https://ci.acme.example/output/x/{step}api/v2"),
            format!("https://circleci.com/api/v2/workflow/{step}me"),
            format!("https://circleci.com/api/v1.1/project/github/acme/shop/tree/{step}x"),
            format!("https://circleci.com/api/v2/project/gh/acme/shop/{step}7/artifacts"),
        ] {
            // The client resolves some itself: then nothing of the step is left.
            let Ok(parsed) = url.parse::<Uri>() else { continue };
            for policy in [&cloud, &server] {
                let admitted = policy.admit(&Method::GET, &parsed, b"", &mut Tickets::default());
                if let Some((_, sent)) = admitted {
                    let path = sent.path();
                    let is_left =
                        path.contains(['%', ';', '\\']) || path.contains("..") || path.contains("//");
                    assert!(!is_left && path != "/api/v2/me", "{url} became {sent}");
                }
            }
        }
    }
    for path in [
        "/output/..%2fapi/v2/me",
        "/output/..;/api/v2/me",
        "/output/%252e%252e%252fapi/v2/me",
        "/output//api/v2/me",
        "/output/%2fapi/v2/me",
        "/output/x%5c..%5c..%5capi",
    ] {
        assert_eq!(
            get(&cloud, &format!("https://circleci.com{path}")),
            None,
            "{path}"
        );
    }
    // A redirect is no way around it.
    let from = uri("https://output.circle-artifacts.com/a/b");
    let mut tickets = Tickets::default();
    cloud.answered(
        Admitted::Artifact,
        &from,
        "https://s3.example/x/..%2fy",
        &mut tickets,
    );
    assert_eq!(ask(&cloud, "https://s3.example/x/..%2fy", &mut tickets), None);
    // What artifacts and branches may be called stays asked.
    for path in [
        "/output/job/1/artifacts/0/a%20b/100%25.txt",
        "/output/job/1/artifacts/0/dist/..a/b..c/...",
        "/output/job/1/artifacts/0/%C3%BC%2Bx/a%3Bb",
        "/output/job/1/artifacts/0/%5Bid%5D.js",
    ] {
        let url = format!("https://circleci.com{path}");
        assert_eq!(get(&cloud, &url), Some(Admitted::Artifact), "{path}");
    }
}

#[test]
fn a_redirect_is_followed_once_without_the_token_and_only_there() {
    let cloud = policy("https://circleci.com", &[]);
    let from = uri("https://output.circle-artifacts.com/a/b");
    let mut tickets = Tickets::default();
    cloud.answered(
        Admitted::Artifact,
        &from,
        "https://s3.example/k?sig=1",
        &mut tickets,
    );
    assert_eq!(ask(&cloud, "https://s3.example/k?sig=2", &mut tickets), None);
    assert_eq!(ask(&cloud, "https://s3.example/k", &mut tickets), None);
    let target = "https://s3.example/k?sig=1";
    assert_eq!(cloud.admit(&Method::POST, &uri(target), b"", &mut tickets), None);
    assert_eq!(ask(&cloud, target, &mut tickets), Some(Admitted::Redirected));
    assert_eq!(ask(&cloud, target, &mut tickets), None);
    // A server that was reached by a redirect may not redirect further.
    cloud.answered(
        Admitted::Redirected,
        &uri(target),
        "https://other.example/",
        &mut tickets,
    );
    assert_eq!(ask(&cloud, "https://other.example/", &mut tickets), None);
    for bad in [
        "http://s3.example/k",
        "https://127.0.0.1/k",
        "https://localhost/k",
        "ftp://s3.example/k",
    ] {
        cloud.answered(Admitted::Artifact, &from, bad, &mut tickets);
        assert_eq!(ask(&cloud, bad, &mut tickets), None, "{bad}");
    }
    // A relative one stays where it was.
    cloud.answered(Admitted::Artifact, &from, "../c", &mut tickets);
    assert_eq!(
        ask(&cloud, "https://output.circle-artifacts.com/c", &mut tickets),
        Some(Admitted::Artifact)
    );
    // The API leads nowhere.
    let api = uri("https://circleci.com/api/v2/workflow/x");
    cloud.answered(Admitted::Api, &api, "https://s3.example/api", &mut tickets);
    assert_eq!(ask(&cloud, "https://s3.example/api", &mut tickets), None);
}

#[test]
fn a_url_is_decided_on_compared_and_sent_in_one_form() {
    let cloud = policy("https://circleci.com", &[]);
    let from = uri("https://output.circle-artifacts.com/a");
    for (location, asked) in [
        ("HTTPS://S3.example:443/k?s=1#f", "https://s3.example/k?s=1"),
        ("https://s3.example/k?s=1", "https://S3.example:443/k?s=1"),
        ("https://s3.example/x/../k?s=1", "https://s3.example/k?s=1"),
        ("https://s3.example/k?s=1", "https://s3.example/%2e/k?s=1"),
    ] {
        let mut tickets = Tickets::default();
        cloud.answered(Admitted::Artifact, &from, location, &mut tickets);
        let admitted = cloud.admit(&Method::GET, &uri(asked), b"", &mut tickets);
        let sent = uri("https://s3.example/k?s=1");
        assert_eq!(admitted, Some((Admitted::Redirected, sent)), "{location} {asked}");
    }
}

#[test]
fn nothing_is_changed_but_what_was_granted() {
    let cloud = policy("https://circleci.com", &[]);
    let setter = cloud.with_change(Change {
        project: PROJECT.to_owned(),
        name: "LATEST_BUILD_NUM".to_owned(),
        number: 7,
    });
    let path = "/api/v2/project/gh/acme/shop/envvar";
    let url = format!("https://circleci.com{path}");
    let said = r#"{"name":"LATEST_BUILD_NUM","value":"7"}"#;
    let send = |policy: &Policy, method: Method, url: &str, body: &str| {
        let admitted = policy.admit(&method, &uri(url), body.as_bytes(), &mut Tickets::default());
        admitted.map(|(admitted, _)| admitted)
    };
    assert_eq!(send(&cloud, Method::POST, &url, said), None);
    assert_eq!(send(&setter, Method::POST, &url, said), Some(Admitted::Api));
    for body in [
        "",
        "{}",
        r#"{"name":"PATH","value":"7"}"#,
        r#"{"name":"LATEST_BUILD_NUM","value":"8"}"#,
        r#"{"name":"LATEST_BUILD_NUM","value":7}"#,
        r#"{"name":"LATEST_BUILD_NUM","value":"7","created-at":"x"}"#,
        r#"{"name":"PATH","name":"LATEST_BUILD_NUM","value":"7"}"#,
        r#"{"name":"LATEST_BUILD_NUM","value":"7"}{"name":"PATH","value":"7"}"#,
    ] {
        assert_eq!(send(&setter, Method::POST, &url, body), None, "{body}");
    }
    let elsewhere = [
        "https://circleci.com/api/v2/project/gh/acme/shop/pipeline".to_owned(),
        "https://circleci.com/api/v2/project/gh/acme/other/envvar".to_owned(),
        format!("{url}/LATEST_BUILD_NUM"),
        format!("{url}?x"),
        format!("https://a.circle-artifacts.com{path}"),
    ];
    for url in &elsewhere {
        assert_eq!(send(&setter, Method::POST, url, said), None, "{url}");
    }
    assert_eq!(send(&setter, Method::DELETE, &url, said), None);
    let variable = format!("{url}/LATEST_BUILD_NUM");
    assert_eq!(send(&setter, Method::GET, &variable, ""), Some(Admitted::Api));
    assert_eq!(send(&setter, Method::DELETE, &variable, ""), None);
    assert_eq!(send(&setter, Method::GET, &format!("{url}/PATH"), ""), None);
}

#[test]
fn addresses_of_this_machine_and_of_metadata_are_refused() {
    for refused in [
        "127.0.0.1",
        "127.9.9.9",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "2002:a9fe:a9fe::1",
        "fe80::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "168.63.129.16",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:7f00:0:1::",
        "::ffff:0:169.254.169.254",
        "::ffff:0:127.0.0.1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "100.100.100.200",
        "255.255.255.255",
        "224.0.0.1",
        "ff02::1",
    ] {
        assert!(
            check_address(refused.parse().unwrap(), false).is_err(),
            "{refused}"
        );
    }
    for admitted in ["10.0.0.1", "192.168.1.1", "140.82.121.4", "2606:4700::1111"] {
        assert!(
            check_address(admitted.parse().unwrap(), false).is_ok(),
            "{admitted}"
        );
    }
    for inner in [
        "10.0.0.1",
        "172.31.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "fd12::1",
        "::ffff:10.0.0.1",
    ] {
        assert!(is_inner(inner.parse().unwrap()), "{inner}");
    }
    for outer in ["140.82.121.4", "172.32.0.1", "100.128.0.1", "2606:4700::1111"] {
        assert!(!is_inner(outer.parse().unwrap()), "{outer}");
    }
    assert!(check_address("127.0.0.1".parse().unwrap(), true).is_ok());
    assert!(check_address("169.254.169.254".parse().unwrap(), true).is_err());
}

#[test]
fn the_component_cannot_say_who_it_is() {
    for name in [
        "circle-token",
        "authorization",
        "cookie",
        "host",
        "proxy-authorization",
        "x-forwarded-for",
    ] {
        assert!(!may_say(&name.parse().unwrap()), "{name}");
    }
    assert!(may_say(&header::RANGE));
}
