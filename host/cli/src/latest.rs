//! `baton latest`, and `baton latest set`.

use baton_host::context::{Field, FieldValues};
use baton_host::{Build, Resolution, SetLatestRequest, StoreLocation};
use serde_json::json;

use super::args::{Format, Latest, LatestCommand, LatestSet};
use super::builds::about;
use super::failure::Failure;
use super::output::{builds_json, named, warn, warnings_json};
use super::settings::{Settings, project_slug};
use super::sink::{note, print, print_json};
use super::stores::variable;

pub(crate) fn run(settings: &Settings, args: Latest) -> Result<(), Failure> {
    if let Some(LatestCommand::Set(args)) = args.command {
        return set(settings, args);
    }
    let mut scope = settings.scope("latest".to_owned(), args.look_up, args.strict.strict)?;
    scope.having = args.having.having;
    let Resolution { builds, warnings } = settings.reader()?.resolve(&scope)?;
    if settings.format == Format::Json {
        print_json(&json!({ "builds": builds_json(&builds), "warnings": warnings_json(&warnings) }));
        return Ok(());
    }
    warn(&warnings);
    if let Some(first) = builds.first() {
        let build = Build {
            // A parallel job's nodes persisted it together.
            files: builds.iter().map(|node| node.files).sum(),
            bytes: builds.iter().map(|node| node.bytes).sum(),
            created_ms: builds
                .iter()
                .map(|node| node.created_ms)
                .max()
                .unwrap_or_default(),
            ..first.clone()
        };
        note(&format!("{}: {}", named(&build), about(&build)));
        print(&build.selector);
    }
    Ok(())
}

fn set(settings: &Settings, args: LatestSet) -> Result<(), Failure> {
    let LatestSet {
        var,
        value,
        force,
        project,
    } = args;
    let context = settings.look_up_context(&FieldValues::default().with(Field::Project, project.clone()))?;
    let named = match &settings.store.location {
        StoreLocation::CircleCi(slug) => project.as_ref().or(slug.as_ref()),
        _ => project.as_ref(),
    };
    let number = value.or(context.number).ok_or_else(|| {
        anyhow::anyhow!("the runner does not note the number of this build: give one with --value")
    })?;
    let circleci = settings.store.circleci()?;
    let request = SetLatestRequest {
        source: circleci.source(&project_slug(named, &context)?, None),
        // What a job finds in its environment is what was set when it began.
        seen: variable(&var)?.and_then(|seen| seen.trim().parse().ok()),
        variable: var,
        number,
        force,
        context,
    };
    let set = settings.asker(circleci)?.set_latest(&request)?;
    if settings.format == Format::Json {
        print_json(&json!({
            "variable": request.variable,
            "number": request.number,
            "before": set.before,
            "warnings": warnings_json(&set.warnings),
        }));
        return Ok(());
    }
    warn(&set.warnings);
    let before = set.before.map_or_else(
        || "".to_owned(),
        |masked| format!("; the API showed {masked} before"),
    );
    note(&format!("set {} to {}{before}", request.variable, request.number));
    print(&format!("build:{}", request.number));
    Ok(())
}
