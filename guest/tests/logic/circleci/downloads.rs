//! Downloads that break off, end early, are too large, or never end.

use super::*;

#[test]
fn a_download_is_taken_up_where_it_broke_off() {
    let http = MemoryHttp::default();
    with_artifacts(&http, &json!([artifact("dist/a", 0, "https://x/a")]));
    let broken = |piece: &str, length: &str| Scripted::Answer {
        status: 200,
        headers: vec![
            ("content-length".into(), length.into()),
            ("etag".into(), "\"1\"".into()),
        ],
        pieces: vec![piece.into()],
        broken: Some(HttpFailure::Transient("reset".into())),
    };
    http.on("https://x/a", broken("hello ", "11"));
    let rest = Scripted::answer(206, "world")
        .with("content-length", "5")
        .with("content-range", "bytes 6-10/11");
    http.on("https://x/a", rest);
    let files = MemoryFiles::default();
    let bytes = attach(&http, &files, &request("build:7", OnConflict::Fail)).unwrap();
    assert_eq!(
        (bytes, files.content("dist/a").unwrap().as_slice()),
        (11, &b"hello world"[..])
    );
    let sent = http.sent.borrow();
    let headers = &sent.last().unwrap().headers;
    assert!(headers.contains(&("range", "bytes=6-".to_owned())));
    assert!(headers.contains(&("if-range", "\"1\"".to_owned())));
}

#[test]
fn a_download_that_cannot_be_taken_up_begins_again() {
    let http = MemoryHttp::default();
    with_artifacts(&http, &json!([artifact("dist/a", 0, "https://x/a")]));
    let cut = Scripted::answer(200, "hello ").with("content-length", "11");
    http.on("https://x/a", cut);
    http.on(
        "https://x/a",
        Scripted::answer(200, "hello world").with("content-length", "11"),
    );
    let files = MemoryFiles::default();
    attach(&http, &files, &request("build:7", OnConflict::Fail)).unwrap();
    assert_eq!(files.content("dist/a").unwrap(), b"hello world");
}

#[test]
fn a_truncated_download_never_looks_complete() {
    let http = MemoryHttp::default();
    with_artifacts(&http, &json!([artifact("dist/a", 0, "https://x/a")]));
    http.on(
        "https://x/a",
        Scripted::answer(200, "hel").with("content-length", "11"),
    );
    let files = MemoryFiles::default();
    let error = attach(&http, &files, &request("build:7", OnConflict::Fail)).unwrap_err();
    assert_eq!(code(&error), "api-unavailable");
    assert!(files.listing().is_empty(), "{:?}", files.listing());
    // Nor does one that is another one by the second try.
    let http = MemoryHttp::default();
    with_artifacts(&http, &json!([artifact("dist/a", 0, "https://x/a")]));
    http.on(
        "https://x/a",
        Scripted::answer(200, "hel").with("content-length", "11"),
    );
    http.on(
        "https://x/a",
        Scripted::answer(200, "other").with("content-length", "5"),
    );
    let error = attach(&http, &files, &request("build:7", OnConflict::Fail)).unwrap_err();
    assert_eq!(code(&error), "artifact-changed");
}

/// An answer that has a strong ETag, and breaks off after its one piece.
fn cut(status: u16, piece: &str, headers: &[(&str, &str)]) -> Scripted {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()));
    Scripted::Answer {
        status,
        headers: headers.collect(),
        pieces: vec![piece.into()],
        broken: Some(HttpFailure::Transient("reset".into())),
    }
}

/// Attaches an artifact whose URL answers these one after the other. Returns what the file has.
fn downloaded(answers: Vec<Scripted>) -> Result<String, String> {
    let http = MemoryHttp::default();
    with_artifacts(&http, &json!([artifact("a", 0, "https://x/a")]));
    for answer in answers {
        http.on("https://x/a", answer);
    }
    let files = MemoryFiles::default();
    match attach(&http, &files, &request("build:7", OnConflict::Fail)) {
        Ok(_) => Ok(String::from_utf8(files.content("a").unwrap()).unwrap()),
        Err(error) => {
            assert!(files.listing().is_empty(), "{:?}", files.listing());
            Err(code(&error))
        }
    }
}

#[test]
fn no_range_behind_the_end_makes_half_a_file_a_whole_one() {
    let half = || cut(200, "hello ", &[("etag", "\"1\"")]);
    let none_left = |total: &str| Scripted::answer(416, "").with("content-range", total);
    let changed = Err("artifact-changed".to_owned());
    assert_eq!(downloaded(vec![half(), none_left("bytes */11")]), changed);
    assert_eq!(downloaded(vec![half(), Scripted::answer(416, "")]), changed);
    assert_eq!(
        downloaded(vec![half(), none_left("bytes */6")]),
        Ok("hello ".into())
    );
    // What was announced has come, though the connection ended badly.
    assert_eq!(
        downloaded(vec![cut(200, "hello ", &[("content-length", "6")])]),
        Ok("hello ".into())
    );
}

#[test]
fn a_download_that_begins_anew_leaves_nothing_of_the_first_try() {
    let long = || {
        cut(
            200,
            "a long beginning",
            &[("etag", "\"1\""), ("content-length", "40")],
        )
    };
    let other = || Scripted::answer(200, "short").with("etag", "\"2\"");
    assert_eq!(downloaded(vec![long(), other()]), Ok("short".into()));
    // Not even if nothing replaces it.
    let unsaid = || cut(200, "a long beginning", &[]);
    assert_eq!(
        downloaded(vec![unsaid(), Scripted::answer(200, "")]),
        Ok(String::new())
    );
    // The rest of another version is not appended to the start of the first either.
    let rest = |etag: &str, range: &str| {
        Scripted::answer(206, "the rest")
            .with("etag", etag)
            .with("content-range", range)
    };
    for wrong in [
        rest("\"2\"", "bytes 16-23/24"),
        rest("\"1\"", "bytes 3-10/40"),
        Scripted::answer(206, "the rest"),
    ] {
        assert_eq!(
            downloaded(vec![unsaid_with_tag(), wrong, other()]),
            Ok("short".into())
        );
    }
}

fn unsaid_with_tag() -> Scripted {
    cut(200, "a long beginning", &[("etag", "\"1\"")])
}

#[test]
fn a_total_that_a_range_tells_is_the_length() {
    let first = cut(200, "hello ", &[("etag", "\"1\"")]);
    let second = Scripted::answer(206, "wor").with("content-range", "bytes 6-8/11");
    let third = Scripted::answer(206, "ld").with("content-range", "bytes 9-10/11");
    assert_eq!(downloaded(vec![first, second, third]), Ok("hello world".into()));
}

#[test]
fn a_server_that_never_comes_to_an_end_is_left() {
    // It begins again each time.
    let http = MemoryHttp::default();
    with_artifacts(&http, &json!([artifact("a", 0, "https://x/a")]));
    http.on("https://x/a", cut(200, "hello ", &[("content-length", "11")]));
    let error = attach(
        &http,
        &MemoryFiles::default(),
        &request("build:7", OnConflict::Fail),
    );
    assert_eq!(code(&error.unwrap_err()), "api-unavailable");
    assert!(http.urls().len() <= 2 + 7, "{}", http.urls().len());
    // It continues by one byte each time.
    let http = MemoryHttp::default();
    with_artifacts(&http, &json!([artifact("a", 0, "https://x/a")]));
    http.on("https://x/a", cut(200, "0", &[("etag", "\"1\"")]));
    for at in 1..1000 {
        let range = format!("bytes {at}-{at}/5000");
        http.on("https://x/a", cut(206, "0", &[("content-range", &range)]));
    }
    let error = attach(
        &http,
        &MemoryFiles::default(),
        &request("build:7", OnConflict::Fail),
    );
    assert_eq!(code(&error.unwrap_err()), "api-unavailable");
    assert_eq!(http.urls().len(), 2 + 100);
}

#[test]
fn an_artifact_that_is_too_large_is_refused_before_it_is_read() {
    let large = (4u64 << 30) + 1;
    let announced = Scripted::answer(200, "x").with("content-length", &large.to_string());
    assert_eq!(downloaded(vec![announced]), Err("artifact-too-large".into()));
    let told = Scripted::answer(206, "x").with("content-range", &format!("bytes 1-1/{large}"));
    assert_eq!(
        downloaded(vec![cut(200, "x", &[]), told]),
        Err("artifact-too-large".into())
    );
}

#[test]
fn what_drips_is_not_waited_for_without_end() {
    let drip = |status: u16| Scripted::Answer {
        status,
        headers: Vec::new(),
        pieces: vec![b" ".to_vec(); 100_000],
        broken: None,
    };
    // A look-up, and the text of an error.
    for (status, expected) in [(200, "api-unavailable"), (403, "api-forbidden")] {
        let http = MemoryHttp::default();
        http.piece_takes_ms.set(10_000);
        http.on(&v2("project/gh/acme/shop/job/7"), drip(status));
        assert_eq!(refused(&http), expected);
        assert!(http.now.get() <= 130_000, "{}", http.now.get());
    }
    // A download gets further all the time, and may so for a hundred times its patience.
    let http = MemoryHttp::default();
    with_artifacts(&http, &json!([artifact("a", 0, "https://x/a")]));
    http.on("https://x/a", drip(200));
    http.piece_takes_ms.set(10_000);
    let error = attach(
        &http,
        &MemoryFiles::default(),
        &request("build:7", OnConflict::Fail),
    );
    assert_eq!(code(&error.unwrap_err()), "api-unavailable");
    assert!(http.now.get() < 120_000 * 110, "{}", http.now.get());
    // Redirects that are slow.
    let http = MemoryHttp::default();
    http.takes_ms.set(50_000);
    let url = v2("project/gh/acme/shop/job/7");
    http.on(&url, Scripted::answer(302, "").with("location", "7"));
    assert_eq!(refused(&http), "api-unavailable");
    assert!(http.now.get() <= 170_000, "{}", http.now.get());
}
