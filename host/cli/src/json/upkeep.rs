//! `baton verify`, `baton prune`, `baton remove` and `baton policy`.

#[cfg(test)]
use schemars::JsonSchema;
use serde::Serialize;

use super::{Build, Warning};

/// The result of `baton verify`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Verified {
    /// The bytes that were read from packs.
    pub(crate) bytes: u64,
    /// `build`, `workspace` or `store`.
    pub(crate) checked: &'static str,
    /// Empty if there is no damage.
    pub(crate) findings: Vec<Finding>,
    pub(crate) packs: u64,
    pub(crate) records: u64,
    pub(crate) seconds: f64,
    /// Null for the whole store.
    pub(crate) selector: Option<String>,
    pub(crate) trees: u64,
    /// With `--key`: the builds that it has not signed, and why.
    pub(crate) unsigned: Vec<String>,
    pub(crate) warnings: Vec<Warning>,
}

/// A damaged object.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Finding {
    /// The first of the affected builds.
    pub(crate) builds: Vec<Build>,
    /// A digest, or empty if it is not known.
    pub(crate) expected: String,
    /// A digest, or empty if it is not known.
    pub(crate) found: String,
    /// The number of affected records.
    pub(crate) hurts: u64,
    pub(crate) key: String,
    pub(crate) message: String,
    /// `persist-again`, `prune` or `move-again`.
    pub(crate) remedy: Option<&'static str>,
}

/// The result of `baton prune`. `B` is a list of [`Decision`].
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Prune<B> {
    pub(crate) builds: B,
    /// The objects that a later prune deletes.
    pub(crate) condemned: Amount,
    /// The objects that are deleted now.
    pub(crate) deleted: Amount,
    pub(crate) dry_run: bool,
    /// Whether another prune ran first or meanwhile. Null with `--dry-run`.
    pub(crate) overtaken: Option<bool>,
    /// The number of removed builds. Null with `--dry-run`.
    pub(crate) removed: Option<u64>,
}

/// A build, and whether it is kept.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Decision {
    build: Build,
    keep: bool,
    /// Why it is kept. Empty if it is not.
    reasons: Vec<String>,
}

impl From<baton_host::retention::Decision> for Decision {
    fn from(decision: baton_host::retention::Decision) -> Decision {
        Decision {
            build: Build::from(&decision.build),
            keep: !decision.reasons.is_empty(),
            reasons: decision.reasons,
        }
    }
}

/// A number of packs and trees, and the size of the packs.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Amount {
    bytes: u64,
    objects: u64,
}

impl From<&baton_host::retention::Amount> for Amount {
    fn from(amount: &baton_host::retention::Amount) -> Amount {
        Amount {
            bytes: amount.bytes,
            objects: amount.objects,
        }
    }
}

/// The result of `baton remove`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Removed {
    /// One build, or one for each parallel node.
    pub(crate) builds: Vec<Build>,
    pub(crate) dry_run: bool,
    /// Whether a prune ran first, so that nothing was done. Null with `--dry-run`.
    pub(crate) overtaken: Option<bool>,
    /// The channels and branches that point to it.
    pub(crate) pointed: Vec<String>,
    /// Null with `--dry-run`.
    pub(crate) removed: Option<bool>,
}

/// The result of `baton policy`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Policy {
    pub(crate) grants: Vec<Grant>,
    pub(crate) limits: Limits,
}

/// The access to one kind of thing.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Grant {
    pub(crate) access: String,
    /// A path, or empty.
    pub(crate) place: String,
    /// `directory`, `store`, `network`, `environment` or `secrets`.
    pub(crate) what: &'static str,
}

/// The limits of each instance of the component.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct Limits {
    pub(crate) call_seconds_max: u64,
    pub(crate) handles_max: usize,
    pub(crate) memory_bytes_max: usize,
    pub(crate) workers: usize,
}
