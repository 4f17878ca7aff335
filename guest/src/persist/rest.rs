//! The part of a plan that `finish` needs in addition to the outcomes of the tasks.

use serde::{Deserialize, Serialize};

use super::base;
use crate::record::Record;

/// The part of a plan that `finish` needs in addition to the outcomes.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Rest {
    pub record: Record,
    pub base: base::BaseContents,
    pub base_record: Option<Record>,
    pub check_conflicts: bool,
    /// Whether to read back all that the build will point to.
    pub read_back: bool,
    /// The patterns of the request: what the tree covers.
    pub covers: Vec<String>,
    /// The number of the last list of what is condemned.
    pub prunes: u64,
}
