//! The builds that channels and rollbacks point to.

use std::collections::{HashMap, HashSet};

use crate::build_id::BuildId;
use crate::counter::Counter;
use crate::event::{Action, Event};
use crate::inventory::CurrentPointer;
use crate::pointer::Pointer;
use crate::record::Record;

/// The default number of steps back on a channel that are kept: a rollback often goes further than one step.
pub(super) const CHANNEL_STEPS: u32 = 3;

/// Names a build among all: project, artifact, job run with all attempts of its nodes.
pub(super) type Key = (String, String, BuildId);

pub(super) fn key(record: &Record) -> Key {
    let id = record.build_id().all_attempts();
    (record.project.clone(), record.artifact.clone(), id)
}

/// Returns what channels and rollbacks point to, and where a channel would go back to.
pub(crate) fn pointed_builds(present: &[CurrentPointer]) -> HashMap<Key, Vec<String>> {
    let mut pointed: HashMap<Key, Vec<String>> = HashMap::new();
    let mut keep = |event: &Event, why: String| {
        let key = (
            event.project.clone(),
            event.artifact.clone(),
            event.build.id.clone().all_attempts(),
        );
        pointed.entry(key).or_default().push(why);
    };
    for CurrentPointer { last, before } in present {
        match &last.pointer {
            Pointer::Channel(channel) => {
                keep(last, format!("on channel {channel}"));
                for (step, before) in (1u32..).zip(before) {
                    let steps = match step {
                        1 => "a step".to_owned(),
                        steps => format!("{steps} steps"),
                    };
                    keep(before, format!("{steps} back on channel {channel}"));
                }
            }
            Pointer::Branch(branch) if last.action == Action::Rollback => {
                keep(last, format!("branch {branch} was rolled back to it"));
            }
            Pointer::Branch(_) => {}
        }
    }
    pointed
}

/// Project, artifact, branch, counter, and the run's number.
pub(super) type HeldRun<'a> = (&'a str, &'a str, &'a str, &'a Counter, u64);

/// Returns the runs that branches are held at: `latest` answers every job's build of such a run.
pub(super) fn held_runs(present: &[CurrentPointer]) -> HashSet<HeldRun<'_>> {
    let held = present
        .iter()
        .filter_map(|CurrentPointer { last, .. }| match &last.pointer {
            Pointer::Branch(branch) if last.action == Action::Rollback => Some((
                last.project.as_str(),
                last.artifact.as_str(),
                branch.as_str(),
                &last.build.id.counter,
                last.build.id.order.run,
            )),
            _ => None,
        });
    held.collect()
}
