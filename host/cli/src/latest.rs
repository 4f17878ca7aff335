//! `baton latest`, and `baton latest set`.

use baton_host::builds::{Build, Resolution};
use baton_host::circleci::SetLatestRequest;
use baton_host::context::Field;
use baton_host::store::StoreLocation;

use super::args::{Format, Latest, LatestCommand, LatestSet};
use super::builds::about;
use super::failure::Failure;
use super::json;
use super::output::{named, warn};
use super::settings::{Settings, project_slug};
use super::sink::{note, print, print_json};
use super::stores::variable;

pub(crate) fn run(settings: &Settings, args: Latest) -> Result<(), Failure> {
    if let Some(LatestCommand::Set(args)) = args.command {
        return set(settings, args);
    }
    let mut scope = settings.scope("latest".to_owned(), args.look_up, args.strict.strict)?;
    scope.having = args.having.having;
    let Resolution { builds, warnings, .. } = settings.reader()?.resolve(&scope)?;
    if settings.format == Format::Json {
        print_json(&json::Latest {
            builds: json::builds(&builds),
            warnings: json::warnings(&warnings),
        });
        return Ok(());
    }
    warn(&warnings);
    if let Some(first) = builds.first() {
        // A parallel job's nodes persisted it together.
        let mut build: Build = first.clone();
        build.files = builds.iter().map(|node| node.files).sum();
        build.bytes = builds.iter().map(|node| node.bytes).sum();
        let times = builds.iter().map(|node| node.created_ms);
        build.created_ms = times.max().unwrap_or_default();
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
        context,
    } = args;
    let project = context.values.get(Field::Project).map(str::to_owned);
    let context = settings.look_up_context(&context.values)?;
    let named = match &settings.store.location {
        StoreLocation::CircleCi(slug) => project.as_ref().or(slug.as_ref()),
        _ => project.as_ref(),
    };
    let number = value.or(context.number).ok_or_else(|| {
        anyhow::anyhow!("the CI system gives no number for this build: pass one with --value")
    })?;
    let circleci = settings.store.circleci()?;
    let source = circleci.source(&project_slug(named, &context)?, None);
    let mut request = SetLatestRequest::new(source, &var, number, context);
    // The environment of a job has the value from when the job began.
    request.seen = variable(&var)?.and_then(|seen| seen.trim().parse().ok());
    request.force = force;
    let set = settings.asker(circleci)?.set_latest(&request)?;
    if settings.format == Format::Json {
        print_json(&json::LatestSet {
            before: set.before,
            number: request.number,
            variable: request.variable,
            warnings: json::warnings(&set.warnings),
        });
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
