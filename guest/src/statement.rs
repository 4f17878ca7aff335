//! Where a build comes from, as an in-toto Statement v1 with an SLSA provenance v1 predicate.
//!
//! It says no more than the record does, and the same record always gives the same bytes: so whoever holds a signature of
//! them can check a record against it, without believing the store.

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::keys::Project;
use crate::ports::{PutMode, PutOutcome, Store};
use crate::record::Record;

/// What a DSSE envelope says of the bytes that it holds (in-toto attestation, "Envelope").
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// RFC 3339 has four digits for a year.
pub(crate) const YEAR_10000_MS: u64 = 253_402_300_800_000;
/// More signatures of one build than this are not looked at.
const SIGNATURES_MAX: u32 = 100;
/// A larger envelope is not one of ours.
const ENVELOPE_BYTES_MAX: usize = 1 << 20;

/// What can be signed of a build, and what was.
#[derive(Debug)]
pub struct Statement {
    /// The statement.
    pub payload: Vec<u8>,
    /// What lies in the store as signed statements of this build, whoever put it there.
    pub envelopes: Vec<Vec<u8>>,
}

/// Returns the statement of a record, and the envelopes that the store has.
pub fn of(store: &impl Store, record: &Record) -> Result<Statement> {
    let mut envelopes = Vec::new();
    for key in store.list(
        &Project::new(&record.project).signatures(record),
        None,
        SIGNATURES_MAX,
    )? {
        let envelope = store.get(&key, None)?.unwrap_or_default();
        if (1..=ENVELOPE_BYTES_MAX).contains(&envelope.len()) {
            envelopes.push(envelope);
        }
    }
    Ok(Statement {
        payload: payload(record)?,
        envelopes,
    })
}

/// Stores a signed statement under the name of its key.
pub fn add(store: &impl Store, record: &Record, key_id: &str, envelope: &[u8]) -> Result<()> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=100).contains(&key_id.len()) || !key_id.bytes().all(is_plain) {
        return Err(Error::invalid("wrong-key", "this is no name of a key", key_id));
    }
    if envelope.len() > ENVELOPE_BYTES_MAX {
        let message = format!("a signed statement has {ENVELOPE_BYTES_MAX} bytes at most");
        return Err(Error::limit("statement-too-large", message, key_id));
    }
    let key = format!("{}{key_id}", Project::new(&record.project).signatures(record));
    if store.put(&key, envelope, PutMode::Create)? == PutOutcome::AlreadyExists
        && store.get(&key, None)?.is_none_or(|there| there != envelope)
    {
        // The same key gives the same signature of the same statement: anything else is damaged, or of what the build was
        // before its repair.
        store.put(&key, envelope, PutMode::Repair)?;
    }
    Ok(())
}

/// Returns the statement of one record.
fn payload(record: &Record) -> Result<Vec<u8>> {
    // A time that nobody can have made cannot be written either.
    let finished = (record.created_ms < YEAR_10000_MS).then(|| {
        let since = std::time::Duration::from_millis(record.created_ms);
        humantime::format_rfc3339_millis(std::time::UNIX_EPOCH + since).to_string()
    });
    let dependencies: Vec<Value> = record
        .commit
        .iter()
        .map(|commit| json!({ "name": record.project, "digest": { "gitCommit": commit } }))
        .collect();
    let component: Vec<Value> = record
        .component
        .iter()
        .map(|digest| json!({ "name": "baton component", "digest": { "blake3": digest } }))
        .collect();
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": record.artifact, "digest": { "blake3": record.tree.to_string() } }],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:baton:persist:v1",
                "externalParameters": {
                    "project": record.project,
                    "branch": record.branch,
                    "tag": record.tag,
                    "pullRequest": record.pull_request,
                    "fork": record.fork,
                    "job": record.job,
                    "artifact": record.artifact,
                },
                "internalParameters": {
                    "number": record.number,
                    "run": record.order.run,
                    "attempt": record.order.attempt,
                    "workflow": record.workflow,
                    "workspace": record.workspace,
                    "node": { "index": record.node.index, "total": record.node.total },
                    "actor": record.actor,
                    "files": record.files,
                    "bytes": record.bytes,
                },
                "resolvedDependencies": dependencies,
            },
            "runDetails": {
                "builder": {
                    "id": format!("urn:baton:runner:{}", record.runner),
                    "version": { "baton": record.baton },
                    "builderDependencies": component,
                },
                "metadata": {
                    "invocationId": record.url,
                    "finishedOn": finished,
                },
            },
        },
    });
    serde_json::to_vec(&without_nulls(statement))
        .map_err(|error| Error::internal("a statement could not be written").because(error))
}

/// What a record does not know, the statement leaves out.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name, without_nulls(value)))
            .collect(),
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        other => other,
    }
}
