//! `baton remove`: one build that must go.

use baton_host::retention::RemoveRequest;

use super::args::{Format, Remove};
use super::channels::scope;
use super::failure::Failure;
use super::json;
use super::output::{age, named};
use super::settings::Settings;
use super::sink::{note, print_json, print_table, say};

pub(crate) fn run(settings: &Settings, args: Remove) -> Result<(), Failure> {
    let Remove {
        selector,
        reason,
        even_if_pointed_to,
        dry_run,
        who,
    } = args;
    let mut request = RemoveRequest::new(scope(settings, selector, who)?);
    request.reason = reason;
    request.even_if_pointed_to = even_if_pointed_to;
    let baton = match dry_run {
        true => settings.reader()?,
        false => settings.mover()?,
    };
    let plan = baton.plan_removal(&request)?;
    if settings.format == Format::Text {
        let row = |build| {
            vec![
                "remove".to_owned(),
                named(build),
                build.artifact.clone(),
                age(build.created_ms),
            ]
        };
        let rows: Vec<_> = plan.builds.iter().map(row).collect();
        print_table(&rows);
    }
    let removed = match dry_run {
        true => None,
        false => Some(baton.remove(&plan)?),
    };
    let selector = plan.builds.first().map_or("", |build| build.selector.as_str());
    match (settings.format, &removed) {
        (Format::Json, _) => print_json(&json::Removed {
            builds: json::builds(&plan.builds),
            dry_run,
            overtaken: removed.as_ref().map(|removed| removed.overtaken),
            pointed: plan.pointed.clone(),
            removed: removed.as_ref().map(|removed| removed.removed > 0),
        }),
        (Format::Text, None) => note("nothing was changed: this is a dry run"),
        (Format::Text, Some(removed)) if removed.overtaken => {
            say("a prune came first: nothing was done; run it again");
        }
        (Format::Text, Some(removed)) if removed.removed == 0 => {
            say(&format!("kept {selector}: something has begun to point to it"));
        }
        (Format::Text, Some(_)) => note(&format!(
            "removed {selector}; later prunes delete what only it used"
        )),
    }
    match removed {
        Some(removed) if removed.overtaken || removed.removed == 0 => Err(Failure::Reported(3)),
        _ => Ok(()),
    }
}
