//! `baton doctor`: checks everything that a job needs, and says what to fix.

use std::sync::Arc;
use std::time::Duration;

use baton_host::builds::{BuildContext, Query, Scope};
use baton_host::context::{Context, FieldValues, Missing, Row, Runner};
use baton_host::store::{StoreError, StoreLocation};
use baton_host::{Baton, Error, Interrupt, MemoryStore, ObjectStore, PluginError};

use super::args::{Format, KeySource};
use super::failure::Failure;
use super::hints;
use super::json;
use super::settings::{Settings, project_slug, signing_key, verifying_key};
use super::sink::{print, print_json};

/// A server that does not answer within this time is one that doctor reports.
const ASKING_MAX: Duration = Duration::from_secs(20);

/// One thing that was checked.
struct Check {
    what: &'static str,
    /// The result, or the problem.
    found: Result<String, String>,
    hint: String,
}

pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let context = settings.context(&FieldValues::default());
    let mut checks = vec![config(settings), component(settings)];
    checks.push(match &context {
        Ok(context) => Check::good("runner", context.runner.value.as_str()),
        Err(failure) => Check::bad("runner", failure.shown().message, ""),
    });
    checks.extend(store(settings, context.as_ref().ok()));
    checks.extend(keys());
    let failed = checks.iter().any(|check| check.found.is_err());
    match settings.format {
        Format::Json => print_json(&report(&checks, context.as_ref().ok(), settings.git_said())),
        Format::Text => text(&checks, context.as_ref().ok(), settings.git_said()),
    }
    if failed { Err(Failure::Reported(1)) } else { Ok(()) }
}

impl Check {
    fn called(self, what: &'static str) -> Check {
        Check { what, ..self }
    }

    fn good(what: &'static str, found: impl Into<String>) -> Check {
        Check {
            what,
            found: Ok(found.into()),
            hint: String::new(),
        }
    }

    fn bad(what: &'static str, wrong: impl Into<String>, hint: &str) -> Check {
        Check {
            what,
            found: Err(wrong.into()),
            hint: hint.to_owned(),
        }
    }
}

fn config(settings: &Settings) -> Check {
    let file = settings.config_file.as_ref();
    Check::good(
        "settings",
        file.map_or_else(|| "no baton.toml".to_owned(), |file| file.display().to_string()),
    )
}

fn component(settings: &Settings) -> Check {
    let component = &settings.options.component;
    let origin = component
        .path()
        .map_or_else(|| "built in".to_owned(), |path| path.display().to_string());
    Check::good(
        "component",
        format!("{origin}, {}", component.digest().get(..12).unwrap_or_default()),
    )
}

/// Checks that the store is one, can be written to, and lets one of several creators win.
fn store(settings: &Settings, context: Option<&Context>) -> Vec<Check> {
    let place = settings.store.location.to_string();
    if settings.store.is_circleci() {
        return vec![circleci(settings, context, place)];
    }
    if let Some(warning) = context.and_then(|context| settings.warn_of_store(context)) {
        let failure = Failure::Run(Error::Plugin(PluginError::Store(warning)));
        return vec![bad("", &failure)];
    }
    let opened = match settings.store.open(&Interrupt::default()) {
        Err(StoreError::Missing(_)) => {
            return vec![Check::good(
                "store",
                format!("{place} does not exist yet: the first persist creates it"),
            )];
        }
        other => other,
    };
    let store = match opened {
        Ok(store) => store,
        Err(error) => return vec![wrong("store", error)],
    };
    let mut checks = vec![format_check(settings, &store, context, place)];
    if checks.iter().any(|check| check.found.is_err()) {
        return checks;
    }
    match store.probe() {
        Ok(found) => checks.extend(found.into_iter().map(|(what, found)| Check::good(what, found))),
        Err(error) => checks.push(wrong("create", error)),
    }
    checks
}

/// Whether CircleCI answers with this token: it is asked for the newest build. That there is none is an answer, too.
fn circleci(settings: &Settings, context: Option<&Context>, place: String) -> Check {
    match ask_circleci(settings, context) {
        Ok(found) => Check::good("store", format!("{place}, to read, from {found}")),
        Err(failure) => bad(&place, &failure),
    }
}

fn ask_circleci(settings: &Settings, context: Option<&Context>) -> Result<String, Failure> {
    let mut circleci = settings.store.circleci()?;
    circleci.time_budget = circleci.time_budget.min(ASKING_MAX);
    let servers = circleci.servers()?.join(", ");
    let token = match circleci.token {
        Some(_) => format!("with the token in {}", circleci.token_variable),
        None => format!("without a token: {} has none", circleci.token_variable),
    };
    let mut who: BuildContext = match context {
        Some(context) => context.clone().into(),
        None => BuildContext::new(Runner::None.as_str()),
    };
    let branch = who.branch.take().or_else(|| who.default_branch.clone());
    who.branch = Some(branch.unwrap_or_else(|| "main".to_owned()));
    let named = match &settings.store.location {
        StoreLocation::CircleCi(slug) => slug.as_ref(),
        _ => None,
    };
    let source = circleci.source(&project_slug(named, &who)?, None);
    let mut scope = Scope::new("latest", who);
    scope.circleci = Some(source);
    let mut options = settings.options.clone();
    options.circleci = Some(circleci);
    let answer = Baton::new(Arc::new(MemoryStore::default()), options)?.resolve(&scope);
    match answer {
        Ok(found) => {
            let newest = found
                .builds
                .first()
                .map(|build| format!("; newest {}", build.selector));
            Ok(format!("{servers}, {token}{}", newest.unwrap_or_default()))
        }
        Err(Error::Plugin(PluginError::NothingMatched(_))) => {
            Ok(format!("{servers}, {token}; no build of this branch"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether the keys that variables name can be used.
fn keys() -> Vec<Check> {
    let named = |variable: &str| {
        let text = std::env::var_os(variable)?;
        Some(text.to_string_lossy().parse::<KeySource>())
    };
    let check = |variable: &'static str, used: Result<(), Failure>| match used {
        Ok(()) => Check::good(variable, "a key that can be used"),
        Err(failure) => bad(variable, &failure).called(variable),
    };
    let signing = named("BATON_SIGN").map(|source| {
        let used = source.map_err(|wrong| Failure::usage(&wrong));
        check(
            "BATON_SIGN",
            used.and_then(|source| signing_key(&source).map(drop)),
        )
    });
    let required = named("BATON_REQUIRE_SIGNED").map(|source| {
        let used = source.map_err(|wrong| Failure::usage(&wrong));
        check(
            "BATON_REQUIRE_SIGNED",
            used.and_then(|source| verifying_key(&source).map(drop)),
        )
    });
    signing.into_iter().chain(required).collect()
}

/// Returns a problem with the store or another thing at `place`, with all that led to it.
fn bad(place: &str, failure: &Failure) -> Check {
    let shown = failure.shown();
    let subject = match shown.subject.is_empty() || shown.message.contains(&shown.subject) {
        true => String::new(),
        false => format!(" {}", shown.subject),
    };
    let causes: String = shown.causes.iter().map(|cause| format!(": {cause}")).collect();
    let hint = hints::of(&shown, "doctor").unwrap_or_default();
    let lead = if place.is_empty() { "" } else { ": " };
    let found = format!("{place}{lead}{}{subject}{causes}", shown.message);
    Check::bad("store", found, hint)
}

fn wrong(what: &'static str, error: StoreError) -> Check {
    let shown = Failure::from(error).shown();
    let causes = shown.causes.iter().map(|cause| format!(": {cause}"));
    let hint = hints::of(&shown, "doctor").unwrap_or_default();
    Check::bad(what, shown.message + &causes.collect::<String>(), hint)
}

/// Whether the component takes the store for one of its own: it asks for the newest build.
fn format_check(
    settings: &Settings,
    store: &Arc<dyn ObjectStore>,
    context: Option<&Context>,
    place: String,
) -> Check {
    let mut who: BuildContext = match context {
        Some(context) => context.clone().into(),
        None => BuildContext::new(Runner::None.as_str()),
    };
    who.project.get_or_insert_with(|| "local/unknown".to_owned());
    let listed = baton_host::Baton::new(Arc::clone(store), settings.options.clone()).and_then(|baton| {
        let mut query = Query::new(who);
        query.limit = 1;
        baton.list(&query)
    });
    match listed {
        Ok(builds) => {
            let newest = builds
                .first()
                .map(|build| format!(", newest {}", build.selector))
                .unwrap_or_default();
            Check::good("store", format!("{place}{newest}"))
        }
        Err(Error::Plugin(PluginError::NothingMatched(_))) => Check::good("store", format!("{place}, empty")),
        Err(error) => bad(&place, &Failure::Run(error)),
    }
}

fn text(checks: &[Check], context: Option<&Context>, git_said: Option<&str>) {
    for Check { what, found, hint } in checks {
        match found {
            Ok(found) => print(&format!("ok       {what:15} {found}")),
            Err(wrong) => print(&format!("PROBLEM  {what:15} {wrong}")),
        }
        if !hint.is_empty() {
            print(&format!("         {:15} hint: {hint}", ""));
        }
    }
    let Some(context) = context else { return };
    print("");
    for Row {
        name,
        value,
        provenance,
    } in context.rows()
    {
        if let (Some(value), Some(provenance)) = (value, provenance) {
            print(&format!("found    {name:15} {value}  (from {provenance})"));
        }
    }
    for missing in context.missing() {
        let git = match git_said {
            Some(said) if matches!(missing.field, "branch" | "project") => format!("; {said}"),
            _ => String::new(),
        };
        print(&format!(
            "missing  {:15} set {}: {}{git}",
            missing.field, missing.variable, missing.hint
        ));
    }
}

fn report(checks: &[Check], context: Option<&Context>, git_said: Option<&str>) -> json::Doctor {
    let check = |it: &Check| json::Check {
        found: it.found.clone().unwrap_or_else(|wrong| wrong),
        hint: it.hint.clone(),
        ok: it.found.is_ok(),
        what: it.what.to_owned(),
    };
    let field = |row: Row| json::Field {
        field: row.name.to_owned(),
        source: row.provenance.map(|it| it.to_string()),
        value: row.value,
    };
    let missing = |it: Missing| json::Missing {
        field: it.field.to_owned(),
        hint: it.hint.to_owned(),
        variable: it.variable.to_owned(),
    };
    json::Doctor {
        checks: checks.iter().map(check).collect(),
        context: context.map(|context| context.rows().into_iter().map(field).collect()),
        git: git_said.map(str::to_owned),
        missing: context.map(|context| context.missing().into_iter().map(missing).collect()),
    }
}
