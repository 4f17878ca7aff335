//! The request of an attach.

use super::layout::Layout;
use crate::lookup::Scope;
use crate::workspace::OnConflict;

/// The request of an attach.
#[derive(Debug, Clone)]
pub struct Attach {
    /// The selector, and who asks.
    pub scope: Scope,
    /// Only these files, or all.
    pub only: Vec<String>,
    /// Whether to remove what the artifact covers and does not have.
    pub clean: bool,
    /// The treatment of the directories in the artifact's paths.
    pub layout: Layout,
    /// The treatment of layers that disagree.
    pub on_conflict: OnConflict,
    /// Whether to look only.
    pub dry_run: bool,
}
