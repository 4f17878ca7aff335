//! All that a component can try, one row each, and how it ends. `guest/examples/hostile` makes the attempts; `crowded.rs` has
//! those for which a component is built byte by byte.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use baton_host::attach::AttachRequest;
use baton_host::builds::{BuildContext, Scope};
use baton_host::{Baton, Component, DirectoryStore, Error, Interrupt, ObjectStore, Options};
use rustix::process::{Pid, Signal, kill_process};

use crate::files::{Listing, listing, write, write_all};
use crate::place::{Job, Place};

/// The memory limit of one instance in these tests.
const MEMORY_MIB: u64 = 192;
/// The time limit of a call in these tests, and the time until a stuck call is left.
const TIME_SECONDS: u64 = 1;
const GRACE_SECONDS: u64 = 2;
/// The memory that the process may use in addition: the host, a component being compiled, and one call of at most 256 MiB.
const HOST_MIB: u64 = 512;

const ATTACH: &str = "attach latest --at at --name";
const DRY: &str = "attach latest --at at --dry-run --name";
const PERSIST: &str = "persist . --root ro --name";
const DIFF: &str = "diff latest latest --name";
const PRUNE: &str = "prune --keep-last 1 --dry-run --project";
const VERIFY: &str = "verify latest --name";
const LATEST: &str = "latest --name";
const SHOW: &str = "show latest --name";
const SHOW_JSON: &str = "show latest --format json --name";

/// One attempt: the command, what is to be attempted, the exit code, and what the command says.
type Row = (&'static str, &'static str, i32, &'static str);

const REFUSED: &str = "attempts were refused";
pub(crate) const TIMED_OUT: &str = "was ended after 1 s";
const TRAPPED: &str = "error: the component failed in `plan`";
pub(crate) const MEMORY: &str = "needs more than 192 MiB";

const TABLE: &[Row] = &[
    // Ways out of the directory, and changes where there may be none.
    (ATTACH, "files-outside", 1, REFUSED),
    (PERSIST, "files-read-only", 1, REFUSED),
    (DRY, "files-read-only", 1, REFUSED),
    (LATEST, "files-none", 1, REFUSED),
    // The store.
    (PERSIST, "keys-odd", 1, REFUSED),
    (LATEST, "keys-odd", 1, REFUSED),
    (PERSIST, "keys-huge", 1, REFUSED),
    (PERSIST, "keys-repair", 1, "64 of 100 objects were replaced"),
    (LATEST, "keys-repair", 1, "0 of 100 objects were replaced"),
    // Servers. `host/cli/tests/circleci/secrets.rs` has a run that may ask one.
    (ATTACH, "network-none", 1, REFUSED),
    // Time: in compiled code, in a grant, in WASI, in the operating system.
    (ATTACH, "spin", 1, TIMED_OUT),
    (ATTACH, "sleep", 1, TIMED_OUT),
    (ATTACH, "poll", 1, TIMED_OUT),
    (ATTACH, "block", 1, TIMED_OUT),
    (ATTACH, "wait", 1, TIMED_OUT),
    (ATTACH, "fifo-read", 1, TIMED_OUT),
    (ATTACH, "fifo-write", 1, TIMED_OUT),
    (LATEST, "sleep", 1, "`resolve` was ended after 1 s"),
    (ATTACH, "worker-sleep", 1, "`worker` was ended after 1 s"),
    (ATTACH, "run-sleep", 1, "`worker.run` was ended after 1 s"),
    (ATTACH, "finish-sleep", 1, "`finish` was ended after 1 s"),
    (ATTACH, "finish-begun-sleep", 1, "`finish` was ended after 1 s"),
    (ATTACH, "abandon-sleep", 1, "error: the run fails"),
    // Memory and the stack.
    (ATTACH, "memory", 1, MEMORY),
    (ATTACH, "one-allocation", 1, MEMORY),
    (ATTACH, "stack", 70, TRAPPED),
    // Handles.
    (ATTACH, "descriptors", 70, TRAPPED),
    (ATTACH, "streams", 70, TRAPPED),
    (ATTACH, "pollables", 70, TRAPPED),
    (ATTACH, "poll-list", 70, TRAPPED),
    // Output, and answers of any size.
    (ATTACH, "stdout", 1, TIMED_OUT),
    (ATTACH, "stderr", 1, TIMED_OUT),
    (ATTACH, "random", 70, TRAPPED),
    (ATTACH, "insecure-random", 70, TRAPPED),
    (ATTACH, "file-read", 1, "bytes at once"),
    (ATTACH, "long-message", 1, "error: xxxxx"),
    // Ends.
    (ATTACH, "trap", 70, TRAPPED),
    (ATTACH, "abort", 70, TRAPPED),
    (ATTACH, "exit", 70, TRAPPED),
    (
        ATTACH,
        "run-trap",
        70,
        "error: the component failed in `worker.run`",
    ),
    // Imports in odd states.
    (ATTACH, "in-realloc", 70, TRAPPED),
    (ATTACH, "odd-states", 1, REFUSED),
    (ATTACH, "finish-twice", 1, "first true, then false"),
    // Results that lie.
    (PERSIST, "lie-report", 70, "the component reported something else"),
    (ATTACH, "lie-report", 0, ""),
    (ATTACH, "lie-numbers", 0, ""),
    (
        ATTACH,
        "lie-outcomes",
        70,
        "returned more than 67108864 bytes as outcomes",
    ),
    (
        ATTACH,
        "lie-shared",
        70,
        "returned more than 67108864 bytes for each worker",
    ),
    (ATTACH, "lie-damage", 1, "error: "),
    (DRY, "lie-steps", 0, ""),
    (DRY, "lie-pages", 70, "returned more than 100000 pages"),
    (ATTACH, "lie-tasks", 70, "returned more than 1000000 tasks"),
    (SHOW, "lie-entries", 0, ""),
    (SHOW_JSON, "lie-entries", 0, ""),
    (SHOW, "lie-pages", 70, "returned more than 100000 pages"),
    (SHOW_JSON, "lie-pages", 70, "returned more than 100000 pages"),
    (DIFF, "lie-entries", 0, ""),
    (PRUNE, "gh/any", 0, ""),
    (VERIFY, "lie-verified", 1, ""),
];

pub(crate) struct Scene {
    place: Place,
    job: Job,
}

impl Scene {
    /// Creates the directories that `guest/examples/hostile/component/files.rs` expects, and a store.
    pub(crate) fn new(component: &Path) -> Scene {
        let place = Place::new();
        let job = place.job("work");
        write(&job.path("tree/file"), "content");
        job.clone().number(1).baton("persist tree").succeeds();
        for number in 0..1100 {
            place.store().put(&format!("v1/many/{number:04}"), "x");
        }
        write(&job.path("outside/secret"), "secret");
        write_all(&job.path("ro"), &[("mine", "mine"), ("empty/x", "x")]);
        fs::remove_file(job.path("ro/empty/x")).unwrap();
        write_all(&job.path("at"), &[("mine", "mine"), ("sub/mine", "mine")]);
        fs::File::create(job.path("at/large"))
            .unwrap()
            .set_len(8 << 30)
            .unwrap();
        let at = job.path("at");
        for (name, target) in [
            ("out", "../outside"),
            ("file-link", "../outside/secret"),
            ("abs", "/etc"),
            ("self", "/proc/self"),
            ("loop", "loop"),
        ] {
            std::os::unix::fs::symlink(target, at.join(name)).unwrap();
        }
        fifo(&at.join("fifo"));
        let job = job
            .number(2)
            .set("BATON_COMPONENT", component)
            .set("BATON_MEMORY_MIB", MEMORY_MIB.to_string())
            .set("BATON_WORKERS", "2");
        Scene { place, job }
    }

    /// Returns all that no attempt may change: what is outside, what may only be read, and what the store has of others.
    fn untouched(&self) -> (Listing, Listing, Listing, Vec<u8>) {
        let of = |dir: &str| listing(&self.job.path(dir));
        let record = self.place.store().records("builds").pop().unwrap();
        (
            of("outside"),
            of("ro"),
            of("tree"),
            self.place.store().get(&record),
        )
    }

    /// Runs one attempt, and says what was not as it should be.
    pub(crate) fn fails(&self, words: &str, (code, tells): (i32, &str)) -> Option<String> {
        // What is not about time has enough of it, on a busy machine too.
        let time_seconds = match tells.contains("was ended after") || words.contains("sleep") {
            true => TIME_SECONDS,
            false => 30,
        };
        let job = self
            .job
            .clone()
            .set("BATON_TIMEOUT_SECONDS", time_seconds.to_string());
        let (before, began) = (self.untouched(), Instant::now());
        let (ran, peak_mib) = job.observed(words);
        let took = began.elapsed();
        let mut wrong = Vec::new();
        if ran.code != Some(code) || !ran.err.contains(tells) {
            let err: String = ran.err.chars().take(700).collect();
            wrong.push(format!("it ends with {:?} and says: {err}", ran.code));
        }
        if ran.err.contains('\u{1b}') || ran.out.contains('\u{1b}') || ran.out.contains('\u{202e}') {
            wrong.push("it prints control characters".to_owned());
        }
        if peak_mib > MEMORY_MIB * 2 + HOST_MIB {
            wrong.push(format!("it takes {peak_mib} MiB"));
        }
        // On a busy machine a second is soon gone.
        if took > Duration::from_secs(2 * (TIME_SECONDS + GRACE_SECONDS) + 30) {
            wrong.push(format!("it takes {took:?}"));
        }
        if self.untouched() != before {
            wrong.push("it changes what is outside".to_owned());
        }
        if self.job.path("at/.baton-attach").exists() {
            wrong.push("it leaves a staging directory".to_owned());
        }
        println!("{words}: {:?}, {peak_mib} MiB, {took:?}", ran.code);
        (!wrong.is_empty()).then(|| format!("`{words}`: {}", wrong.join("; ")))
    }
}

fn fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
}

#[test]
fn every_attempt_of_a_component_ends_as_it_should() {
    let component = crate::hostile::build();
    let scene = Scene::new(&component);
    let failures: Vec<String> = TABLE
        .iter()
        .filter_map(|(words, attempt, code, tells)| {
            scene.fails(&format!("{words} {attempt}"), (*code, tells))
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Starts an attempt, sends it SIGTERM after a while, `again` after another, and returns how it ended and after how long.
fn signalled(job: &Job, words: &str, again: bool) -> (Option<i32>, String, Duration) {
    let run = job.start(words);
    let pid = Pid::from_child(&run);
    // Until it is stuck: it has to be compiled first.
    sleep(Duration::from_secs(4));
    kill_process(pid, Signal::TERM).unwrap();
    let began = Instant::now();
    if again {
        sleep(Duration::from_millis(200));
        kill_process(pid, Signal::TERM).unwrap();
    }
    let output = run.wait_with_output().unwrap();
    let tells = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), tells, began.elapsed())
}

#[test]
fn a_signal_ends_what_is_stuck_and_a_second_one_ends_it_at_once() {
    let scene = Scene::new(&crate::hostile::build());
    let job = scene.job.clone().set("BATON_TIMEOUT_SECONDS", "60");
    let before = scene.untouched();
    for attempt in [
        "spin",
        "sleep",
        "poll",
        "wait",
        "fifo-read",
        "run-sleep",
        "finish-sleep",
    ] {
        let (code, tells, took) = signalled(&job, &format!("{ATTACH} {attempt}"), false);
        assert_eq!(code, Some(1), "{attempt}: {tells}");
        assert!(tells.contains("error: interrupted"), "{attempt}: {tells}");
        assert!(
            took < Duration::from_secs(GRACE_SECONDS + 4),
            "{attempt} takes {took:?}"
        );
    }
    for attempt in ["sleep", "fifo-write", "abandon-sleep", "finish-begun-sleep"] {
        let (code, tells, took) = signalled(&job, &format!("{ATTACH} {attempt}"), true);
        assert_eq!(code, Some(130), "{attempt}: {tells}");
        assert!(took < Duration::from_secs(2), "{attempt} takes {took:?}");
    }
    assert!(scene.untouched() == before);
}

#[test]
fn a_program_goes_on_after_a_component_that_is_stuck() {
    let scene = Scene::new(&crate::hostile::build());
    let interrupt = Interrupt::default();
    let store = DirectoryStore::open(&scene.place.path("store")).unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(store);
    let limited = |seconds: u64| {
        let mut options = Options::default();
        options.component = Component::from_file(&crate::hostile::build()).unwrap();
        options.call_time_max = Duration::from_secs(seconds);
        options.scratch_bytes_max = 32 << 20;
        options.interrupt = interrupt.clone();
        Baton::new(Arc::clone(&store), options).unwrap()
    };
    let attempt = |baton: &Baton, name: &str| {
        let scope = Scope::new("latest", BuildContext::new("none")).name(name);
        let asked = AttachRequest::new(scope);
        baton.attach(&scene.job.path("at"), &asked, &mut ()).unwrap_err()
    };
    let baton = limited(1);
    for stuck in ["sleep", "poll"] {
        let error = attempt(&baton, stuck);
        assert!(matches!(error, Error::Timeout { call: "plan", .. }), "{error:?}");
    }
    let full = attempt(&limited(60), "scratch").to_string();
    assert!(
        full.starts_with("4 pages, and then ") && full.contains("scratch-full"),
        "{full}"
    );
    // Who asks for the end of one run asks for the end of all, and nothing takes that back.
    interrupt.set();
    for _ in 0..2 {
        let error = attempt(&baton, "run-sleep");
        assert!(matches!(error, Error::Interrupted), "{error:?}");
    }
}
