//! Servers: by sockets, and by HTTP.

use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

use super::tried::Tried;
use super::{asked, types};

/// Uses sockets, and HTTP where no server is granted.
pub(super) fn none() -> Tried {
    let mut tried = Tried::default();
    for address in [
        "127.0.0.1:80",
        "127.0.0.1:22",
        "[::1]:80",
        "169.254.169.254:80",
        "8.8.8.8:53",
    ] {
        tried.must_fail(format!("connect to {address}"), TcpStream::connect(address));
    }
    for address in ["127.0.0.1:0", "0.0.0.0:0", "[::]:0"] {
        tried.must_fail(format!("listen on {address}"), TcpListener::bind(address));
        let sent = UdpSocket::bind(address).and_then(|socket| socket.send_to(b"x", "127.0.0.1:53"));
        tried.must_fail(format!("send from {address}"), sent);
    }
    for name in ["localhost:80", "example.com:443"] {
        tried.must_fail(format!("look up {name}"), name.to_socket_addrs());
    }
    for url in [
        "http://127.0.0.1/",
        "https://circleci.com/api/v2/me",
        "http://169.254.169.254/latest/meta-data",
    ] {
        let answer = asked(waki::Method::Get, url, &[]);
        tried.must_not(format!("{url}: {answer}"), answer != "denied");
    }
    tried
}

/// Asks the API for what baton does not ask, in every spelling.
pub(super) fn odd_paths(source: &types::CircleciSource) -> Tried {
    let mut tried = Tried::default();
    let (base, project) = (&source.base_url, &source.project);
    let authority = base.strip_prefix("http://").unwrap_or(base);
    let port = authority.rsplit(':').next().unwrap_or_default();
    let mut urls: Vec<String> = [
        "/api/v2/me",
        "/api/v2/me/collaborations",
        "/output/../api/v2/me",
        "/output/..%2fapi/v2/me",
        "/output/..%2Fapi%2Fv2%2Fme",
        "/output/%2e%2e/api/v2/me",
        "/output/%2e%2e%2fapi/v2/me",
        "/output/..%5capi%5cv2%5cme",
        "/output/..\\api\\v2\\me",
        "/output/%252e%252e/api/v2/me",
        "/output/..;/api/v2/me",
        "/output/x%00/../../api/v2/me",
        "//api/v2/me",
        "/api//v2/me",
        "/./api/v2/me",
        "/api/v2/%6de",
        "/API/V2/ME",
        "/api/v2/me?x=/output/",
        "/api/v2/me#/output/",
        "/api/v2/project/gh/other/project/pipeline",
        "/api/v1.1/project/gh/other/project",
        "/",
        "*",
    ]
    .iter()
    .map(|path| format!("{base}{path}"))
    .collect();
    for path in [
        "/../../me",
        "/..%2f..%2fme",
        "/envvar",
        "/checkout-key",
        "/pipeline/../envvar",
        "%2f..%2f..%2f..%2fme",
    ] {
        urls.push(format!("{base}/api/v2/project/{project}{path}"));
    }
    urls.extend([
        format!("http://user:pw@{authority}/output/x"),
        format!("http://evil@{authority}/output/x"),
        format!("http://{authority}@127.0.0.1:9/output/x"),
        "http://127.0.0.1:9/output/x".to_owned(),
        format!("http://0x7f000001:{port}/api/v2/me"),
        format!("http://2130706433:{port}/api/v2/me"),
        format!("http://[::ffff:127.0.0.1]:{port}/api/v2/me"),
        format!("https://{authority}/api/v2/me"),
        "http://169.254.169.254/output/x".to_owned(),
        "https://circle-artifacts.com.evil.example/output/x".to_owned(),
        "https://evil.example/.circle-artifacts.com/output/x".to_owned(),
        "file:///etc/passwd".to_owned(),
        "ftp://127.0.0.1/output/x".to_owned(),
    ]);
    for url in &urls {
        let answer = asked(waki::Method::Get, url, &[]);
        // Some are no URLs, for the library that makes requests of them.
        let is_answered = answer
            .split(' ')
            .next()
            .is_some_and(|status| status.parse::<u16>().is_ok());
        tried.must_not(format!("{url}: {answer}"), is_answered);
    }
    let pipelines = format!("{base}/api/v2/project/{project}/pipeline");
    for method in [
        waki::Method::Post,
        waki::Method::Put,
        waki::Method::Delete,
        waki::Method::Patch,
    ] {
        for url in [
            &pipelines,
            &format!("{base}/api/v2/project/{project}/envvar"),
            &format!("{base}/output/x"),
        ] {
            let answer = asked(method.clone(), url, &[]);
            tried.must_not(format!("{method:?} {url}: {answer}"), answer != "denied");
        }
    }
    tried
}
