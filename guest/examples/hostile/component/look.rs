//! The files that a component can see, and the servers that it can reach.

use super::generated::baton::plugin::{store, types};

pub(super) fn asked(method: waki::Method, url: &str, headers: &[(&'static str, &'static str)]) -> String {
    let mut builder = waki::RequestBuilder::new(method, url);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    match builder.body(b"{}".to_vec()).send() {
        Ok(response) => {
            let status = response.status_code();
            let headers = format!("{:?}", response.headers());
            let body = response.body().unwrap_or_default();
            format!("{status} {headers} {}", String::from_utf8_lossy(&body))
        }
        Err(error) => match error.downcast_ref::<waki::ErrorCode>() {
            Some(waki::ErrorCode::HttpRequestDenied) => "denied".to_owned(),
            _ => format!("failed {error}"),
        },
    }
}

/// Looks at everything there is to see, and asks everybody that it can think of.
fn look_around(scope: &types::Scope) -> String {
    let mut seen = vec![
        format!("environment: {}", std::env::vars_os().count()),
        format!("arguments: {}", std::env::args_os().skip(1).count()),
        format!("scope: {scope:?}"),
    ];
    for path in ["/", "..", "/proc/self/environ", "/etc/passwd"] {
        seen.push(format!(
            "{path}: {:?}",
            std::fs::read(path).map(|bytes| bytes.len())
        ));
    }
    let stranger = scope
        .selector
        .strip_prefix("tag:")
        .unwrap_or("http://127.0.0.1:9");
    if let Some(source) = &scope.circleci {
        let base = &source.base_url;
        let get = format!("{base}/api/v2/project/{}/pipeline", source.project);
        seen.push(format!("api: {}", asked(waki::Method::Get, &get, &[])));
        let post = format!("{base}/api/v2/project/{}/envvar", source.project);
        seen.push(format!("post: {}", asked(waki::Method::Post, &post, &[])));
    }
    seen.push(format!("stranger: {}", asked(waki::Method::Get, stranger, &[])));
    let metadata = "http://169.254.169.254/latest/meta-data";
    seen.push(format!("metadata: {}", asked(waki::Method::Get, metadata, &[])));
    seen.push(format!("store: {:?}", store::list("v1/", None, 10)));
    seen.join("\n")
}

/// Returns the whole memory of this instance.
#[expect(unsafe_code, reason = "an enemy reads what it likes")]
fn memory() -> Vec<u8> {
    let length = core::arch::wasm32::memory_size(0) << 16;
    // SAFETY: the range is this instance's memory, all of which exists. Other code may change it meanwhile only if
    // there were other threads.
    let all = unsafe { core::slice::from_raw_parts(1 as *const u8, length - 1) };
    all.to_vec()
}

pub(super) fn snoop(scope: &types::Scope) {
    let seen = look_around(scope);
    let memory = memory();
    // Wherever it may write, it does.
    let _ = std::fs::write("snoop.txt", &seen);
    let _ = std::fs::write("snoop.memory", &memory);
    let _ = store::put("v1/dump/seen", seen.as_bytes(), store::PutMode::Repair);
    for (number, part) in memory.chunks(8 << 20).enumerate() {
        let _ = store::put(&format!("v1/dump/{number}"), part, store::PutMode::Repair);
    }
}
