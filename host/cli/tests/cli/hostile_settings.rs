//! Every setting with values that nobody means: each run ends in a stated way, and never in a panic.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::ffi::OsStringExt as _;
use std::sync::Mutex;
use std::thread;

use baton_host::context::Field;

use crate::files::write;
use crate::place::{Job, Place};

/// Where a setting is used: the store that a job has.
#[derive(Clone, Copy)]
enum Reach {
    Directory,
    S3,
    Role,
    Gcs,
    Azure,
    CircleCi,
}

/// Starts a server that refuses everything, so that no run tries for long.
fn refuser() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut stream = stream;
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream
                    .write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            });
        }
    });
    port
}

fn job(place: &Place, reach: Reach, port: u16) -> Job {
    let server = format!("http://127.0.0.1:{port}");
    let job = place.job("work");
    let cloud = |job: Job, store: &str| {
        job.set("BATON_STORE", store)
            .set("BATON_ENDPOINT", &server)
            .set("BATON_ALLOW_HTTP", "true")
            .set("BATON_STORE_TIMEOUT_SECONDS", "1")
    };
    match reach {
        Reach::Directory => job,
        Reach::S3 => cloud(job, "s3://bucket/p")
            .set("AWS_ACCESS_KEY_ID", "id")
            .set("AWS_SECRET_ACCESS_KEY", "secret")
            .set("AWS_REGION", "us-east-1"),
        Reach::Role => cloud(job, "s3://bucket/p")
            .set("AWS_REGION", "us-east-1")
            .set("BATON_ROLE_ARN", "arn:aws:iam::1:role/ci")
            .set("BATON_STS_ENDPOINT", &server)
            .set("CIRCLE_OIDC_TOKEN_V2", "a.b.c"),
        Reach::Gcs => cloud(job, "gs://bucket/p").set("GOOGLE_BEARER_TOKEN", "token"),
        Reach::Azure => cloud(job, "az://container/p")
            .set("AZURE_STORAGE_ACCOUNT_NAME", "account")
            .set("AZURE_STORAGE_TOKEN", "token"),
        Reach::CircleCi => job
            .set("BATON_STORE", "circleci:gh/acme/shop")
            .set("BATON_CIRCLECI_API", &server)
            .set("BATON_STORE_TIMEOUT_SECONDS", "1")
            .set("CIRCLE_TOKEN", "token"),
    }
}

/// Each setting, and where it is used.
fn settings() -> Vec<(&'static str, Reach)> {
    use Reach::{Azure, CircleCi, Directory, Gcs, Role, S3};
    let of = |reach: Reach, names: &'static str| names.split_whitespace().map(move |name| (name, reach));
    of(
        Directory,
        "BATON_STORE BATON_FORMAT BATON_CONFIG BATON_COMPONENT BATON_WORKERS BATON_MEMORY_MIB
         BATON_TIMEOUT_SECONDS BATON_REQUIRE_SIGNED BATON_RUNNER HOME XDG_DATA_HOME SUDO_UID",
    )
    .chain(Field::ALL.iter().map(|field| (field.variable(), Directory)))
    .chain(of(
        S3,
        "BATON_STORE BATON_ENDPOINT BATON_REGION BATON_ADDRESSING BATON_CA_FILE BATON_ALLOW_HTTP
         BATON_STORE_TIMEOUT_SECONDS AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_TOKEN AWS_REGION
         AWS_PROFILE AWS_SKIP_SIGNATURE AWS_UNSIGNED_PAYLOAD AWS_CHECKSUM_ALGORITHM AWS_SERVER_SIDE_ENCRYPTION
         AWS_SSE_KMS_KEY_ID AWS_SSE_CUSTOMER_KEY_BASE64 AWS_REQUEST_PAYER AWS_DISABLE_BULK_DELETE
         AWS_SHARED_CREDENTIALS_FILE AWS_CONFIG_FILE HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY",
    ))
    .chain(of(
        Role,
        "BATON_ROLE_ARN BATON_OIDC_TOKEN_VAR BATON_STS_ENDPOINT CIRCLE_OIDC_TOKEN_V2 BATON_OIDC_TOKEN
         AWS_ROLE_SESSION_NAME AWS_REGION AWS_DEFAULT_REGION AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_ENDPOINT_URL_STS
         ACTIONS_ID_TOKEN_REQUEST_URL ACTIONS_ID_TOKEN_REQUEST_TOKEN AWS_ROLE_ARN AWS_WEB_IDENTITY_TOKEN_FILE",
    ))
    .chain(of(
        Gcs,
        "BATON_STORE BATON_ENDPOINT GOOGLE_BEARER_TOKEN GOOGLE_SERVICE_ACCOUNT GOOGLE_SERVICE_ACCOUNT_KEY
         GOOGLE_APPLICATION_CREDENTIALS GOOGLE_SKIP_SIGNATURE",
    ))
    .chain(of(
        Azure,
        "BATON_STORE BATON_ENDPOINT AZURE_STORAGE_ACCOUNT_NAME AZURE_STORAGE_ACCOUNT_KEY AZURE_STORAGE_TOKEN
         AZURE_STORAGE_SAS_KEY AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID AZURE_AUTHORITY_HOST
         AZURE_FEDERATED_TOKEN_FILE AZURE_CREDENTIAL_TYPE AZURE_STORAGE_ENCRYPTION_KEY",
    ))
    .chain(of(
        CircleCi,
        "BATON_STORE BATON_CIRCLECI_API BATON_TOKEN_VAR BATON_ARTIFACT_HOST CIRCLE_TOKEN BATON_CA_FILE
         BATON_STORE_TIMEOUT_SECONDS BATON_BRANCH LATEST_BUILD_NUM http_proxy",
    ))
    .collect()
}

/// Values of a setting after a slip, or in an attack.
fn values() -> Vec<OsString> {
    let mut values: Vec<OsString> = [
        "",
        "x\n",
        "\n",
        "us-east-1\r\nx-evil: 1",
        "evil.example/x",
        "http://:9",
        "http://[fe80::1%25eth0]:9",
        "http://127.0.0.1:99999",
        "s3://..",
        "s3://b/\u{7f}",
        "circleci:gh/a\n/b",
        "9223372036854775807",
        "-1",
        "0",
        "a b",
        "\u{202e}\u{1b}[31mü",
        "%2e%2e%2f%0a",
        "/dev/null",
    ]
    .into_iter()
    .map(OsString::from)
    .collect();
    values.push("x".repeat(100_000).into());
    values.push(OsString::from_vec(vec![b'a', 0xff, b'\n']));
    values
}

#[test]
fn no_value_of_a_setting_ends_in_a_panic() {
    let place = Place::new();
    let port = refuser();
    write(&place.path("work/dist/app"), "app");
    job(&place, Reach::Directory, port)
        .baton("persist dist --number 1")
        .succeeds();
    let settings = settings();
    let values = values();
    let runs: Vec<(&'static str, Reach, &OsString)> = settings
        .iter()
        .flat_map(|(name, reach)| values.iter().map(|value| (*name, *reach, value)))
        .collect();
    let (next, wrong) = (Mutex::new(runs.iter()), Mutex::new(BTreeSet::new()));
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let Some((name, reach, value)) = next.lock().unwrap().next() else {
                        return;
                    };
                    let job = job(&place, *reach, port).set(name, (*value).clone());
                    let words = match reach {
                        Reach::Directory if *name == "BATON_REQUIRE_SIGNED" => {
                            "attach latest --at out --dry-run"
                        }
                        Reach::CircleCi if *name == "LATEST_BUILD_NUM" => "latest --from-env",
                        Reach::Directory => "persist dist --dry-run",
                        _ => "latest",
                    };
                    let output = job.command(words.split_whitespace()).output().unwrap();
                    let told = String::from_utf8_lossy(&output.stderr);
                    let is_stated = matches!(output.status.code(), Some(0..=3)) && !told.contains("panicked");
                    if !is_stated {
                        let shown: String = format!("{value:?}").chars().take(60).collect();
                        wrong.lock().unwrap().insert(format!(
                            "{name} = {shown}: {:?} {}",
                            output.status,
                            told.lines().take(4).collect::<Vec<_>>().join(" | ")
                        ));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_would_become_a_host_or_a_header_is_named_and_a_secret_is_not_shown() {
    let place = Place::new();
    let port = refuser();
    for (reach, variable, value, tells) in [
        (
            Reach::S3,
            "AWS_REGION",
            "evil.example/x",
            "AWS_REGION is \"evil.example/x\"",
        ),
        (
            Reach::S3,
            "BATON_REGION",
            "evil.example/x",
            "the region is \"evil.example/x\"",
        ),
        (Reach::Role, "BATON_REGION", "evil.example/x", "the region is"),
        (
            Reach::S3,
            "AWS_REGION",
            "us-east-1\n",
            "AWS_REGION is \"us-east-1\\n\"",
        ),
        (
            Reach::S3,
            "AWS_SESSION_TOKEN",
            "hunter2\n",
            "AWS_SESSION_TOKEN has a line break",
        ),
        (
            Reach::S3,
            "AWS_ACCESS_KEY_ID",
            "hunter2\n",
            "AWS_ACCESS_KEY_ID has a line break",
        ),
        (
            Reach::S3,
            "BATON_ENDPOINT",
            "http://:9",
            "the endpoint is not of the form https://HOST:PORT",
        ),
        (
            Reach::S3,
            "BATON_ENDPOINT",
            "http://[fe80::1%25eth0]:9",
            "the endpoint is not of the form",
        ),
        (
            Reach::Role,
            "BATON_ROLE_ARN",
            "arn:aws\n",
            "the role is \"arn:aws\\n\"",
        ),
        (
            Reach::Role,
            "BATON_STS_ENDPOINT",
            "http://:9",
            "the address of the token service is not of the form",
        ),
        (
            Reach::Role,
            "CIRCLE_OIDC_TOKEN_V2",
            "hunter2\n",
            "CIRCLE_OIDC_TOKEN_V2 has a line break",
        ),
        (
            Reach::Azure,
            "AZURE_STORAGE_TOKEN",
            "hunter2\n",
            "AZURE_STORAGE_TOKEN has a line break",
        ),
        (
            Reach::Azure,
            "AZURE_STORAGE_ACCOUNT_NAME",
            "evil.example/x",
            "AZURE_STORAGE_ACCOUNT_NAME is \"evil.example/x\"",
        ),
        (
            Reach::Azure,
            "AZURE_STORAGE_ACCOUNT_NAME",
            "account\n",
            "AZURE_STORAGE_ACCOUNT_NAME is \"account\\n\"",
        ),
        (
            Reach::Gcs,
            "GOOGLE_BEARER_TOKEN",
            "hunter2\n",
            "GOOGLE_BEARER_TOKEN has a line break",
        ),
    ] {
        let ran = job(&place, reach, port)
            .set(variable, value)
            .baton("latest")
            .ends(1);
        assert!(!ran.out.contains("hunter2"));
        ran.tells(tells).tells("hint: ").omits("hunter2");
    }
}
