//! `baton artifacts`: which artifacts a project has.

use baton_host::builds::Names;

use super::args::{Artifacts, Format};
use super::failure::Failure;
use super::json;
use super::settings::Settings;
use super::sink::{note, print, print_json};

pub(crate) fn run(settings: &Settings, args: Artifacts) -> Result<(), Failure> {
    let Artifacts { page, context } = args;
    let context = settings.look_up_context(&context.values)?;
    let Names { names, more, .. } =
        settings
            .reader()?
            .artifacts(&context, page.after.as_deref(), page.limit)?;
    if settings.format == Format::Json {
        print_json(&json::Artifacts {
            artifacts: names,
            more,
        });
        return Ok(());
    }
    names.iter().for_each(|name| print(name));
    let project = context.project.as_deref().unwrap_or("the project");
    report_end("artifact", project, names.last(), more);
    Ok(())
}

/// Says that a list is empty, or how to read on.
pub(super) fn report_end(thing: &str, of: &str, last: Option<&String>, more: bool) {
    match last {
        None => note(&format!("there is no {thing} of {of}")),
        Some(last) if more => note(&format!("there are more: read on with --after {last:?}")),
        Some(_) => {}
    }
}
