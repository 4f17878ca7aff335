//! No secret is in anything that baton says or keeps, in the list of processes, or in the memory of the component.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use crate::files::write;
use crate::place::Job;
use crate::scene::Scene;
use crate::servers::fault::{Answer, Fault, Rule};
use crate::servers::issuer::{Issuer, ROLE};
use crate::servers::weed::{WRITER, Weed};

/// Shorter than any of the secrets, and long enough to be no coincidence.
const PART: usize = 12;

/// Whether text has any of the secrets in it, or the beginning of one.
fn leaks(text: &[u8], secrets: &[String]) -> Option<String> {
    let found = |secret: &&String| holds(text, &secret.as_bytes()[..secret.len().min(PART)]);
    secrets.iter().find(found).cloned()
}

/// Whether bytes are somewhere in others.
fn holds(text: &[u8], wanted: &[u8]) -> bool {
    let first = wanted[0];
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == first) {
        if rest[at..].starts_with(wanted) {
            return true;
        }
        rest = &rest[at + 1..];
    }
    false
}

/// Jobs with secrets of every kind, right and wrong ones.
fn jobs(scene: &Scene) -> (Vec<(&'static str, Job)>, Vec<String>) {
    let token = Issuer::shared().token(600);
    // The part of a token that is the same in all of them tells nothing.
    let signature = token.rsplit('.').next().unwrap().to_owned();
    let wrong = "wrongSecretThatNobodyKnows0123456789";
    let session = "sessionTokenThatNobodyKnows0123456789";
    let bearer = Issuer::shared().github()[1].1.clone();
    let role = scene
        .job
        .clone()
        .without("AWS_ACCESS_KEY_ID")
        .without("AWS_SECRET_ACCESS_KEY")
        .set("BATON_ROLE_ARN", ROLE)
        .set("BATON_STS_ENDPOINT", Weed::shared().endpoint());
    let github = Issuer::shared()
        .github()
        .into_iter()
        .fold(role.clone(), |job, (variable, value)| job.set(variable, value));
    let jobs = vec![
        ("keys", scene.job.clone()),
        (
            "wrong keys",
            scene.job.clone().set("AWS_SECRET_ACCESS_KEY", wrong),
        ),
        (
            "a wrong session",
            scene.job.clone().set("AWS_SESSION_TOKEN", session),
        ),
        ("a token", role.clone().set("CIRCLE_OIDC_TOKEN_V2", &token)),
        (
            "a refused token",
            role.clone()
                .set("CIRCLE_OIDC_TOKEN_V2", &token)
                .set("BATON_ROLE_ARN", "arn:aws:iam::role/other"),
        ),
        ("a bearer", github.clone()),
        (
            "a service that is not there",
            github.set("BATON_STS_ENDPOINT", "http://127.0.0.1:9"),
        ),
        (
            "a location with a password",
            scene
                .job
                .clone()
                .set("BATON_STORE", format!("s3://key:{wrong}@tests/x")),
        ),
        (
            "an endpoint with a password",
            scene
                .job
                .clone()
                .set("BATON_ENDPOINT", format!("http://key:{wrong}@127.0.0.1:9"))
                .set("BATON_STORE_TIMEOUT_SECONDS", "2"),
        ),
        (
            "a proxy with a password",
            scene
                .job
                .clone()
                .set("HTTP_PROXY", format!("http://key:{wrong}@127.0.0.1:9"))
                .set("BATON_STORE_TIMEOUT_SECONDS", "2"),
        ),
    ];
    let secrets = vec![
        WRITER.secret.to_owned(),
        wrong.to_owned(),
        session.to_owned(),
        signature,
        bearer,
    ];
    (jobs, secrets)
}

#[test]
fn nothing_that_is_said_or_kept_has_a_secret_in_it() {
    let scene = Scene::new();
    let (jobs, secrets) = jobs(&scene);
    let mut number = 1;
    for (what, job) in &jobs {
        let job = job.clone().set("RUST_LOG", "trace").set("RUST_BACKTRACE", "1");
        number += 1;
        write(&job.path("tree/build"), number.to_string());
        let persist = format!("persist tree --number {number}");
        for words in [
            persist.as_str(),
            "latest",
            "attach latest --at out",
            "doctor",
            "policy persist tree",
            "policy attach latest --at out",
            "verify",
        ] {
            for format in ["", " --format json"] {
                let ran = job.baton(&format!("{words}{format}"));
                let said = format!("{}{}", ran.out, ran.err);
                assert_eq!(leaks(said.as_bytes(), &secrets), None, "{what}, {words}: {said}");
            }
        }
    }
    // Nor has an error that shows what a server said, which may repeat what it was asked.
    scene.proxy.reset();
    scene.proxy.rule(Rule::new(Fault::Answer(Answer::s3(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided",
    ))));
    let ran = jobs[0].1.baton("latest --format json").ends(1);
    assert_eq!(
        leaks(format!("{}{}", ran.out, ran.err).as_bytes(), &secrets),
        None
    );
    for (_, request) in scene.proxy.requests() {
        assert_eq!(leaks(&request.head(), &secrets[..1]), None);
    }
    for key in scene.place.store().keys("") {
        assert_eq!(leaks(&scene.place.store().get(&key), &secrets), None, "{key}");
    }
}

/// Starts a persist that stands still, with the component loaded and at work, when it puts its first pack.
fn halted(scene: &Scene) -> Child {
    scene.write_tree(2);
    write(&scene.job.path("tree/marker-of-these-tests"), "x");
    scene.proxy.reset();
    scene
        .proxy
        .rule(Rule::new(Fault::Stall).method("PUT").path("/v1/packs/"));
    let run = scene.job.start("persist tree --number 2 --workers 1");
    let deadline = Instant::now() + Duration::from_secs(60);
    while scene.proxy.faults() == 0 {
        assert!(Instant::now() < deadline, "it puts a pack");
        thread::sleep(Duration::from_millis(5));
    }
    run
}

fn end(mut run: Child) {
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn no_secret_is_in_the_list_of_processes() {
    if !cfg!(target_os = "linux") {
        println!("skipped: the list of processes is read from /proc, which only Linux has");
        return;
    }
    let scene = Scene::new();
    let (_, secrets) = jobs(&scene);
    let run = halted(&scene);
    let mut seen = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        // Not all that is there is a process, and some that are end meanwhile.
        let Ok(line) = fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        assert_eq!(leaks(&line, &secrets), None, "{}", String::from_utf8_lossy(&line));
        seen.push(entry.file_name().into_string().unwrap());
    }
    assert!(seen.contains(&run.id().to_string()), "the run is among them");
    end(run);
}

/// One line of `/proc/PID/maps`: from where to where, and what may be done there.
struct Region {
    start: u64,
    end: u64,
    writable: bool,
    forbidden: bool,
}

fn regions(pid: u32) -> Vec<Region> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    maps.lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            let (start, end) = words.next().unwrap().split_once('-').unwrap();
            let may = words.next().unwrap();
            let number = |text| u64::from_str_radix(text, 16).unwrap();
            Region {
                start: number(start),
                end: number(end),
                writable: may.starts_with("rw"),
                forbidden: may.starts_with("---"),
            }
        })
        .collect()
}

/// Reads a region as far as it can be read.
fn contents(memory: &File, region: &Region) -> Vec<u8> {
    let mut bytes = vec![0; (region.end - region.start) as usize];
    match memory.read_at(&mut bytes, region.start) {
        Ok(length) => bytes.truncate(length),
        Err(_) => bytes.clear(),
    }
    bytes
}

#[test]
fn no_secret_is_in_the_memory_of_the_component() {
    if !cfg!(target_os = "linux") {
        println!("skipped: memory is read from /proc, which only Linux has");
        return;
    }
    let scene = Scene::new();
    let (_, secrets) = jobs(&scene);
    let run = halted(&scene);
    let memory = File::open(format!("/proc/{}/mem", run.id())).unwrap();
    let regions = regions(run.id());
    // Wasmtime reserves 4 GiB of addresses for a memory of 32 bits, and allows as much of it as the component has: what may
    // be written to, with a GiB or more after it that may not be touched, is the component's.
    let is_reserved = |at: usize, region: &Region| {
        let behind = regions.get(at + 1);
        behind.is_some_and(|next| {
            next.start == region.end && next.forbidden && next.end - next.start >= 1 << 30
        })
    };
    let (mut components, mut hosts) = (Vec::new(), Vec::new());
    for (at, region) in regions.iter().enumerate().filter(|(_, region)| region.writable) {
        let bytes = contents(&memory, region);
        match is_reserved(at, region) {
            true => components.push(bytes),
            false => hosts.push(bytes),
        }
    }
    end(run);
    let anywhere = |memories: &[Vec<u8>], wanted: &[u8]| memories.iter().any(|bytes| holds(bytes, wanted));
    // Both kinds of memory are what they are taken for.
    assert!(
        anywhere(&components, b"marker-of-these-tests"),
        "{} memories",
        components.len()
    );
    assert!(anywhere(&hosts, WRITER.secret.as_bytes()));
    for bytes in &components {
        assert_eq!(leaks(bytes, &secrets), None);
    }
    assert!(!anywhere(&components, WRITER.key.as_bytes()), "nor who it is");
}
