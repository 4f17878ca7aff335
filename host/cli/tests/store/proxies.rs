//! The proxy and the token service do what the other tests rely on.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::servers::fault::{Answer, Fault, Rule};
use crate::servers::http::{Message, exchange};
use crate::servers::issuer::{Issuer, ROLE};
use crate::servers::proxy::Proxy;
use crate::servers::weed::Weed;

fn address(proxy: &Proxy) -> SocketAddr {
    proxy.endpoint().rsplit('/').next().unwrap().parse().unwrap()
}

/// A proxy before the part of SeaweedFS that asks for no signature.
fn scene(key: &str) -> (Proxy, String) {
    let weed = Weed::shared();
    let bucket = weed.bucket("proxies");
    bucket.put(key, b"0123456789");
    (Proxy::before(weed.filer()), format!("/buckets/proxies/{key}"))
}

/// Asks once and returns the head of the answer, what came of its body, and how that ended.
fn ask(proxy: &Proxy, target: &str, seconds_max: u64) -> (String, String, Result<(), ErrorKind>) {
    let stream = TcpStream::connect(address(proxy)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(seconds_max)))
        .unwrap();
    let mut request = Message::request("GET", target, "")
        .with("Host", "x")
        .with("Connection", "close");
    request.announce_body();
    (&stream).write_all(&request.head()).unwrap();
    let mut stream = BufReader::new(stream);
    let (mut head, mut body) = (String::new(), Vec::new());
    let mut line = String::new();
    loop {
        line.clear();
        if let Err(error) = stream.read_line(&mut line) {
            return (head, String::new(), Err(error.kind()));
        }
        match line.trim_end() {
            "" => break,
            line => head.push_str(line),
        }
        head.push('\n');
    }
    let mut byte = [0];
    let ended = loop {
        match stream.read(&mut byte) {
            Ok(0) => break Ok(()),
            Ok(_) => body.push(byte[0]),
            Err(error) => break Err(error.kind()),
        }
        if head.contains("Content-Length: 10\n") && body.len() == 10 {
            break Ok(());
        }
    };
    (head, String::from_utf8(body).unwrap(), ended)
}

#[test]
fn a_proxy_does_to_an_answer_what_its_rule_says() {
    let (proxy, target) = scene("answers");
    let (head, body, ended) = ask(&proxy, &target, 10);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!((body.as_str(), ended), ("0123456789", Ok(())));
    let cases = [
        (
            Fault::ResetAnswer { after_bytes: 4 },
            "0123",
            Err(ErrorKind::ConnectionReset),
        ),
        (Fault::LoseAnswer, "", Err(ErrorKind::ConnectionReset)),
        (Fault::TruncateAnswer { to_bytes: 3 }, "012", Ok(())),
        (Fault::FlipAnswer { at: 2 }, "0133456789", Ok(())),
        (Fault::Stall, "", Err(ErrorKind::WouldBlock)),
        (
            Fault::StallAnswer { after_bytes: 1 },
            "0",
            Err(ErrorKind::WouldBlock),
        ),
    ];
    for (fault, wanted, how) in cases {
        proxy.rule(Rule::new(fault).method("GET").path("answers").times(1));
        let (head, body, ended) = ask(&proxy, &target, 1);
        assert_eq!((body.as_str(), ended), (wanted, how), "{head}");
        assert!(head.is_empty() || head.contains("Content-Length: 10\n"), "{head}");
    }
    let (_, body, _) = ask(&proxy, &target, 10);
    assert_eq!(body, "0123456789", "each happened once");
    assert_eq!((proxy.count("GET"), proxy.faults()), (8, 6));
}

#[test]
fn a_proxy_does_to_a_request_what_its_rule_says() {
    let (proxy, _) = scene("requests");
    let put = |body: &str| {
        let request = Message::request("PUT", "/buckets/proxies/requests", body);
        exchange(address(&proxy), request).map(|answer| answer.status())
    };
    let stored = || Weed::shared().bucket("proxies").get("requests").unwrap();
    proxy.rule(
        Rule::new(Fault::ResetRequest { after_bytes: 1 })
            .after(1)
            .times(1),
    );
    proxy.rule(Rule::new(Fault::LoseAnswer).after(1).times(1));
    proxy.rule(Rule::new(Fault::FlipRequest { at: 0 }).after(1).times(1));
    proxy.rule(
        Rule::new(Fault::Answer(Answer::s3(503, "SlowDown", "slow")))
            .after(1)
            .times(1),
    );
    assert_eq!(put("a").unwrap(), 201);
    assert!(put("b").is_err());
    assert_eq!(stored(), b"a", "a request that was reset did not arrive");
    assert!(put("c").is_err());
    assert_eq!(stored(), b"c", "what was lost was the answer only");
    assert_eq!(put("d").unwrap(), 201);
    assert_eq!(stored(), b"e");
    assert_eq!(put("f").unwrap(), 503);
    assert_eq!(stored(), b"e");
}

#[test]
fn a_proxy_adds_latency() {
    let (proxy, target) = scene("latency");
    proxy.set_latency(Duration::from_millis(200));
    let start = Instant::now();
    let (head, ..) = ask(&proxy, &target, 10);
    assert!(head.starts_with("HTTP/1.1 200") && start.elapsed() >= Duration::from_millis(200));
}

#[test]
fn the_token_service_knows_its_issuer_its_role_and_the_time() {
    let assume = |role: &str, token: &str| {
        let form = format!(
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleSessionName=tests&RoleArn={role}&WebIdentityToken={token}"
        );
        let request =
            Message::request("POST", "/", form).with("Content-Type", "application/x-www-form-urlencoded");
        exchange(Weed::shared().address(), request).unwrap()
    };
    let issuer = Issuer::shared();
    let good = assume(ROLE, &issuer.token(300));
    assert_eq!(good.status(), 200, "{}", good.text());
    assert!(good.text().contains("<SessionToken>"));
    for (role, token) in [
        ("arn:aws:iam::role/other", issuer.token(300)),
        (ROLE, issuer.token(-60)),
        (ROLE, issuer.token_for("somebody else", 300)),
        (ROLE, format!("{}AAAA", issuer.token(300))),
    ] {
        let refused = assume(role, &token);
        assert!(matches!(refused.status(), 400 | 403), "{}", refused.text());
    }
}

#[test]
fn a_server_that_is_killed_keeps_what_it_has() {
    let weed = Weed::start(&std::env::temp_dir());
    let bucket = weed.bucket("killed");
    bucket.put("a/b/c", b"content");
    bucket.put("a/d", b"more");
    weed.kill();
    assert!(TcpStream::connect(weed.address()).is_err());
    weed.restart();
    assert_eq!(bucket.get("a/b/c").unwrap(), b"content");
    assert_eq!(
        bucket.list("a/"),
        [("a/b/c".to_owned(), 7), ("a/d".to_owned(), 4)]
    );
    bucket.remove("a/d");
    assert_eq!(bucket.get("a/d"), None);
    bucket.clear("a/");
    assert!(bucket.list("").is_empty());
}
