//! `baton doctor`: whether everything is there that a job needs, and what to mend.

use std::sync::Arc;

use baton::context::{Context, Overrides};
use baton::{Error, Interrupt, ObjectStore, PluginError, StoreError};
use serde_json::{Value, json};

use super::args::Format;
use super::failure::Failure;
use super::hints;
use super::settings::Settings;
use super::sink::{print, print_json};

/// One thing that was checked.
struct Check {
    what: &'static str,
    /// What was found, or what is wrong.
    found: Result<String, String>,
    hint: String,
}

pub(crate) fn run(settings: &Settings) -> Result<(), Failure> {
    let context = settings.context(&Overrides::default());
    let mut checks = vec![config(settings), component(settings)];
    checks.push(match &context {
        Ok(context) => Check::good("runner", context.runner.value.as_str()),
        Err(failure) => Check::bad("runner", failure.shown().message, ""),
    });
    checks.extend(store(settings, context.as_ref().ok()));
    let failed = checks.iter().any(|check| check.found.is_err());
    match settings.format {
        Format::Json => print_json(&json(&checks, context.as_ref().ok())),
        Format::Text => text(&checks, context.as_ref().ok()),
    }
    if failed { Err(Failure::Reported(1)) } else { Ok(()) }
}

impl Check {
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
        return vec![circleci(settings, place)];
    }
    let opened = match settings.store.open(&Interrupt::default()) {
        Err(StoreError::Missing(_)) => {
            return vec![Check::good(
                "store",
                format!("{place} is not there yet: the first persist makes it"),
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

/// Whether CircleCI can be asked as it was said. That it answers is seen when something is asked of it.
fn circleci(settings: &Settings, place: String) -> Check {
    let reached = settings.store.circleci().and_then(|circleci| {
        let servers = circleci.servers()?;
        Ok((circleci, servers))
    });
    match reached {
        Ok((circleci, servers)) => {
            let token = match circleci.token {
                Some(_) => format!("with the token in {}", circleci.token_variable),
                None => format!("without a token: {} has none", circleci.token_variable),
            };
            Check::good(
                "store",
                format!("{place}, to read, from {}, {token}", servers.join(", ")),
            )
        }
        Err(failure) => {
            let shown = failure.shown();
            let hint = hints::of(&shown, "doctor").unwrap_or_default();
            Check::bad("store", shown.message, hint)
        }
    }
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
    let mut who: baton::BuildContext = match context {
        Some(context) => context.clone().into(),
        None => baton::request::context("local"),
    };
    who.project.get_or_insert_with(|| "local/unknown".to_owned());
    let listed = baton::Baton::new(Arc::clone(store), settings.options.clone()).and_then(|baton| {
        baton.list(&baton::Query {
            limit: 1,
            ..baton::request::query(who)
        })
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
        Err(error) => {
            let shown = Failure::Run(error).shown();
            let subject = match shown.message.contains(&shown.subject) {
                true => String::new(),
                false => format!(" {}", shown.subject),
            };
            let causes: String = shown.causes.iter().map(|cause| format!(": {cause}")).collect();
            let hint = hints::of(&shown, "doctor").unwrap_or_default();
            Check::bad(
                "store",
                format!("{place}: {}{subject}{causes}", shown.message),
                hint,
            )
        }
    }
}

fn text(checks: &[Check], context: Option<&Context>) {
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
    for (field, value, source) in context.rows() {
        match (value, source) {
            (Some(value), Some(source)) => {
                print(&format!("found    {field:15} {value}  (from {source})"));
            }
            (Some(value), None) => print(&format!("found    {field:15} {value}")),
            (None, _) => {}
        }
    }
    for missing in context.missing() {
        print(&format!(
            "missing  {:15} set {}: {}",
            missing.field, missing.variable, missing.hint
        ));
    }
}

fn json(checks: &[Check], context: Option<&Context>) -> Value {
    let check = |it: &Check| {
        let (ok, text) = match &it.found {
            Ok(found) => (true, found),
            Err(wrong) => (false, wrong),
        };
        json!({ "what": it.what, "ok": ok, "found": text, "hint": it.hint })
    };
    let found = |(field, value, source)| json!({ "field": field, "value": value, "source": source });
    let missing =
        |it: baton::context::Missing| json!({ "field": it.field, "variable": it.variable, "hint": it.hint });
    json!({
        "checks": checks.iter().map(check).collect::<Value>(),
        "context": context.map(|context| context.rows().into_iter().map(found).collect::<Value>()),
        "missing": context.map(|context| context.missing().into_iter().map(missing).collect::<Value>()),
    })
}
