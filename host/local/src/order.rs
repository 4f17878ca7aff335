//! The order in which the jobs of a workflow can run.

use super::error::{LocalError, Place};
use super::plan::Job;

/// Returns the jobs such that each comes after all that it requires, and else in the order of the config.
///
/// # Errors
///
/// [`LocalError::Wrong`] where jobs wait for one another in a circle.
pub(crate) fn ordered(mut waiting: Vec<Job>, place: &Place) -> Result<Vec<Job>, LocalError> {
    let mut ordered: Vec<Job> = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let is_ready = |job: &Job| {
            job.requires
                .iter()
                .all(|it| ordered.iter().any(|before| before.name == it.job))
        };
        let Some(next) = waiting.iter().position(is_ready) else {
            let names: Vec<&str> = waiting.iter().map(|job| job.name.as_str()).collect();
            return Err(place.wrong(format!("these jobs wait for one another: {}", names.join(", "))));
        };
        ordered.push(waiting.remove(next));
    }
    Ok(ordered)
}

/// Returns one job and all that it requires, in the same order.
pub(crate) fn up_to(jobs: Vec<Job>, name: &str) -> Vec<Job> {
    let mut wanted = vec![name.to_owned()];
    let mut kept = Vec::new();
    // Those that come later can only be wanted by those that come later still.
    for job in jobs.into_iter().rev() {
        if wanted.contains(&job.name) {
            wanted.extend(job.requires.iter().map(|it| it.job.clone()));
            kept.push(job);
        }
    }
    kept.reverse();
    kept
}
