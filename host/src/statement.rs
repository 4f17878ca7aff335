//! The signed statement of a build: an in-toto Statement v1 with an SLSA provenance v1 predicate.
//!
//! The host creates it from the component's description of the build, and signs it only if that equals what the host itself
//! knows about the job. So a component cannot choose what is signed: only the tree of a statement comes from it. The
//! same build always gives the same bytes, so that a signature is checked against the build without believing the store.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::bindings::transfer::PersistRequest;
use crate::bindings::types::BuildContext;
use crate::build::{Build, Counter, Node, Rank};
use crate::mirror::Convert as _;

/// The payload type of a DSSE envelope (in-toto attestation, "Envelope").
pub(crate) const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// RFC 3339 has four digits for a year.
const YEAR_10000_MS: u64 = 253_402_300_800_000;

/// Returns the statement of a build.
pub(crate) fn of(build: &Build) -> Vec<u8> {
    // A time that nobody can have made cannot be written either.
    let finished = (build.created_ms < YEAR_10000_MS).then(|| {
        let time = UNIX_EPOCH + Duration::from_millis(build.created_ms);
        humantime::format_rfc3339_millis(time).to_string()
    });
    let dependencies: Vec<Value> = build
        .commit
        .iter()
        .map(|commit| json!({ "name": build.project, "digest": { "gitCommit": commit } }))
        .collect();
    let component: Vec<Value> = build
        .component
        .iter()
        .map(|digest| json!({ "name": "baton component", "digest": { "blake3": digest } }))
        .collect();
    let node = node_of(build.node);
    let rank = match build.counter.rank {
        Rank::Run => "run",
        Rank::Number => "number",
        Rank::Time => "time",
    };
    let counter = json!({
        "rank": rank,
        "runner": build.counter.runner,
        "by": build.counter.by,
        "part": build.counter.part,
    });
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": build.artifact, "digest": { "blake3": build.tree } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:baton:persist:v1",
                "externalParameters": {
                    "project": build.project,
                    "branch": build.branch,
                    "tag": build.tag,
                    "pullRequest": build.pull_request,
                    "fork": build.fork,
                    "job": build.job,
                    "artifact": build.artifact,
                },
                "internalParameters": {
                    "counter": counter,
                    "number": build.number,
                    "run": build.run,
                    "attempt": build.attempt,
                    "workflow": build.workflow,
                    "workspace": build.workspace,
                    "node": { "index": node.0, "total": node.1 },
                    "revision": build.revision,
                    "actor": build.actor,
                },
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {
                    "id": format!("urn:baton:runner:{}", build.runner),
                    "version": { "baton": build.baton },
                    "builderDependencies": component,
                },
                "metadata": {
                    "invocationId": build.url,
                    "finishedOn": finished,
                },
            },
        },
    });
    sorted(statement).to_string().into_bytes()
}

/// Returns the value with the names of each object in order, and without those that a build does not have: so the bytes do
/// not depend on how a library keeps objects.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, sorted(value)))
            .collect::<BTreeMap<_, _>>()
            .into_iter()
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(values) => values.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// Checks that a build is the one that the host asked a component to persist: every field is what the host knows of the
/// job, as far as it knows. Returns what differs.
///
/// A build that was persisted before, by this job, has the time of then. Everything else is what it would be now.
pub(crate) fn check(build: &Build, request: &PersistRequest, is_repeated: bool) -> Result<(), String> {
    let context = &request.context;
    let commit = context.commit.as_ref().map(|commit| commit.to_ascii_lowercase());
    let number = context.number.or(context.run);
    let equal = [
        ("artifact", build.artifact == request.name),
        ("project", context.project.as_ref() == Some(&build.project)),
        ("branch", context.branch == build.branch),
        ("tag", context.tag == build.tag),
        ("commit", commit == build.commit),
        ("counter", counter_is_of(context, &build.counter)),
        ("number", number.is_none_or(|number| number == build.number)),
        ("run", context.run.is_none_or(|run| run == build.run)),
        (
            "attempt",
            context.attempt.is_none_or(|attempt| attempt == build.attempt),
        ),
        ("workflow", context.workflow == build.workflow),
        ("workspace", context.workspace == build.workspace),
        ("job", context.job == build.job),
        ("node", node_of(context.node.convert()) == node_of(build.node)),
        ("pull request", context.pull_request == build.pull_request),
        ("fork", context.fork == build.fork),
        ("runner", context.runner == build.runner),
        ("URL", context.url == build.url),
        ("actor", context.actor == build.actor),
        ("version of baton", build.baton == env!("CARGO_PKG_VERSION")),
        ("component", context.component == build.component),
        (
            "time",
            match is_repeated {
                true => build.created_ms <= context.now_ms,
                false => build.created_ms == context.now_ms,
            },
        ),
        ("tree", is_digest(&build.tree)),
    ];
    match equal.into_iter().find(|(_, is_equal)| !is_equal) {
        None => Ok(()),
        Some((what, _)) if is_repeated => Err(format!(
            "it was persisted before, and its record names another {what}"
        )),
        Some((what, _)) => Err(format!("the component names another {what} than this job has")),
    }
}

/// Whether a build counts by what the job counts by.
fn counter_is_of(context: &BuildContext, counter: &Counter) -> bool {
    let rank = match (context.run, context.number) {
        (Some(_), _) => Rank::Run,
        (None, Some(_)) => Rank::Number,
        (None, None) => return counter.rank == Rank::Time,
    };
    counter.rank == rank
        && counter.runner == context.runner
        && counter.by == context.counter.as_deref().unwrap_or_default()
        && counter.part == context.counter_part
}

/// A job that does not run as parallel nodes has one.
fn node_of(node: Option<Node>) -> (u32, u32) {
    node.map_or((0, 1), |node| (node.index, node.total))
}

fn is_digest(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
