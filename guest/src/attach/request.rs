//! What is to be attached.

use super::layout::Layout;
use crate::lookup::Scope;
use crate::workspace::OnConflict;

/// What is to be attached.
#[derive(Debug, Clone)]
pub struct Attach {
    /// What is meant.
    pub scope: Scope,
    /// Only these files, or all.
    pub only: Vec<String>,
    /// Whether to remove what the artifact covers and does not have.
    pub clean: bool,
    /// What becomes of the directories in the artifact's paths.
    pub layout: Layout,
    /// What is done where layers disagree.
    pub on_conflict: OnConflict,
    /// Whether to look only.
    pub dry_run: bool,
}
