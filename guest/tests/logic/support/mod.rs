//! Shared by the tests: a driver in place of a host, builds, and variants of the ports that count calls or fail.

pub(crate) mod driver;
pub(crate) mod files;
pub(crate) mod hostile;
pub(crate) mod layers;
pub(crate) mod stores;
pub(crate) mod trees;

use baton_guest::Error;
use baton_guest::context::Context;
use baton_guest::id::PackId;
use baton_guest::record::Record;
use baton_guest::tree::{Chunk, Entries, Entry};
use proptest::test_runner::Config as ProptestConfig;

/// How often a property is tried. Nothing is remembered in files: a failure prints its seed.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A build of the branch `main`: number, run and time all follow from `run`.
pub(crate) fn build(run: u64) -> Context {
    Context {
        runner: "circleci".into(),
        project: Some("gh/acme/shop".into()),
        branch: Some("main".into()),
        default_branch: Some("main".into()),
        commit: Some(format!("{run:040x}")),
        run: Some(run),
        number: Some(run),
        job: Some("build".into()),
        now_ms: 1_700_000_000_000 + run * 1000,
        ..Context::default()
    }
}

/// The same build in a workspace, by a job that has an attempt of its own.
pub(crate) fn job(workspace: &str, job: &str, attempt: u64) -> Context {
    Context {
        workflow: Some(workspace.into()),
        workspace: Some(workspace.into()),
        job: Some(job.into()),
        attempt: Some(attempt),
        now_ms: 1_700_000_000_000 + attempt * 1000,
        ..build(1)
    }
}

/// Returns the word by which scripts know a failure.
pub(crate) fn code(error: &Error) -> &str {
    match error {
        Error::Damaged(_) => "damaged",
        Error::Invalid(it)
        | Error::MissingContext(it)
        | Error::NothingMatched(it)
        | Error::Stale(it)
        | Error::Conflict(it)
        | Error::Unsupported(it)
        | Error::Files(it)
        | Error::Store(it)
        | Error::Limit(it)
        | Error::Internal(it) => &it.code,
    }
}

/// A tree of one part, as a whole.
pub(crate) struct Tree {
    pub(crate) entries: Vec<Entry>,
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) packs: Vec<PackId>,
}

/// Returns the tree of a record.
pub(crate) fn tree_of(store: &impl baton_guest::ports::Store, record: &Record) -> Tree {
    let (mut entries, mut table) = (Vec::new(), None);
    let mut stored = Entries::open(store, &record.tree).unwrap();
    while let Some(located) = stored.next_entry().unwrap() {
        entries.push(located.entry);
        table = Some(located.table);
    }
    assert_eq!(stored.objects().len(), 1, "a tree of one part");
    let table = table.unwrap();
    Tree {
        entries,
        chunks: table.chunks.clone(),
        packs: table.packs.clone(),
    }
}

/// Returns bytes that do not compress, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
