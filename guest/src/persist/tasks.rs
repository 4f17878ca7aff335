//! The selected entries, cut into tasks, or listed as the steps of a dry run.

use super::item::{Item, ItemKind, Items};
use crate::error::Result;
use crate::ports::Scratch;
use crate::scratch_list::ScratchWriter;
use crate::transfer_plan::{Planned, Step, StepKind, Task};

/// A task is closed by the entry that gives it this much to read.
const TASK_BYTES: u64 = 16 << 20;
/// Nor does it grow beyond this many entries, which take as long as some MiB.
const TASK_ENTRIES: u64 = 2048;
/// Nor beyond this many bytes of paths, so that a task is one page.
const TASK_PAYLOAD_BYTES: usize = 900 << 10;

/// The tasks of a plan, or the steps of a dry run, as the walk goes.
pub(super) struct Tasks<'a> {
    scratch: &'a dyn Scratch,
    open: ScratchWriter<'a, Item>,
    open_files: u64,
    open_bytes: u64,
    steps: Option<ScratchWriter<'a, Step>>,
    planned: Planned,
}

impl<'a> Tasks<'a> {
    pub(super) fn new(scratch: &'a dyn Scratch, dry_run: bool) -> Tasks<'a> {
        Tasks {
            scratch,
            open: ScratchWriter::new(scratch),
            open_files: 0,
            open_bytes: 0,
            steps: dry_run.then(|| ScratchWriter::new(scratch)),
            planned: Planned::default(),
        }
    }

    pub(super) fn push(&mut self, item: &Item) -> Result<()> {
        let (files, bytes) = match item.kind {
            ItemKind::Small { size } => (1, size),
            // The last segment counts the file.
            ItemKind::Segment { size, offset, length } => (u64::from(offset + length == size), length),
            ItemKind::Directory | ItemKind::Symlink(_) => (0, 0),
        };
        self.planned.files += files;
        self.planned.bytes += bytes;
        if let Some(steps) = &mut self.steps {
            return match step(item) {
                Some(step) => steps.push(&step),
                None => Ok(()),
            };
        }
        self.open.push(item)?;
        self.open_files += files;
        self.open_bytes += bytes;
        let is_full = self.open.len() >= TASK_ENTRIES || self.open.open_bytes() >= TASK_PAYLOAD_BYTES;
        if self.open_bytes >= TASK_BYTES || is_full {
            self.end()?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let items: Items = std::mem::replace(&mut self.open, ScratchWriter::new(self.scratch)).close()?;
        self.planned.tasks.push(Task {
            payload: crate::wire::write(&items)?,
            files: std::mem::take(&mut self.open_files),
            bytes: std::mem::take(&mut self.open_bytes),
        });
        Ok(())
    }

    pub(super) fn planned(mut self) -> Result<Planned> {
        if !self.open.is_empty() {
            self.end()?;
        }
        if let Some(steps) = self.steps {
            self.planned.steps = steps.close()?;
        }
        Ok(self.planned)
    }
}

/// Returns the step of an item.
fn step(item: &Item) -> Option<Step> {
    let bytes = match item.kind {
        ItemKind::Small { size } | ItemKind::Segment { size, offset: 0, .. } => size,
        // The first segment stood for the file.
        ItemKind::Segment { .. } => return None,
        ItemKind::Directory | ItemKind::Symlink(_) => 0,
    };
    Some(Step {
        action: StepKind::Store,
        path: item.path.clone(),
        files: 1,
        bytes,
    })
}
