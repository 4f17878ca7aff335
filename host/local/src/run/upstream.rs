//! The layers of the workspace that a job sees: those of all jobs that it requires, directly or not.

use crate::plan::{Job, Workflow};

/// The jobs whose layers a job sees.
#[derive(Debug, Clone)]
pub(super) struct Upstream {
    /// Their names, in the order of the plan.
    pub(super) names: Vec<String>,
    /// Each of them alone, for its nodes, and each pair that runs concurrently: neither requires the other. What they
    /// persist must not overlap.
    pub(super) concurrent: Vec<Vec<String>>,
}

impl Upstream {
    pub(super) fn of(job: &Job, planned: &Workflow) -> Upstream {
        let names = required(job, planned);
        let mut concurrent = Vec::new();
        for (at, name) in names.iter().enumerate() {
            let own = planned.jobs.iter().find(|it| it.name == *name);
            let before = own.map(|own| required(own, planned)).unwrap_or_default();
            concurrent.push(vec![name.clone()]);
            // The order of the plan: none requires a later one.
            let others = names.iter().take(at).filter(|other| !before.contains(other));
            concurrent.extend(others.map(|other| vec![other.clone(), name.clone()]));
        }
        Upstream { names, concurrent }
    }
}

/// Returns all that a job requires, directly or not, in the order of the plan.
fn required(job: &Job, planned: &Workflow) -> Vec<String> {
    let mut wanted: Vec<&str> = job.requires.iter().map(|it| it.job.as_str()).collect();
    let mut names = Vec::new();
    for before in planned.jobs.iter().rev() {
        if wanted.contains(&before.name.as_str()) {
            wanted.extend(before.requires.iter().map(|it| it.job.as_str()));
            names.push(before.name.clone());
        }
    }
    names.reverse();
    names
}
