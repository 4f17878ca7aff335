//! `baton promote`, `baton rollback`, `baton release`, `baton history`, `baton channels`: moves of channels and branches.

use baton_host::builds::Scope;
use baton_host::channel::{
    ChannelPage, Event, Move, Moved, Pointer, PromoteRequest, RollbackRequest, Target,
};

use super::args::{Channels, Format, History, PointerArgs, Promote, Release, Rollback, WhoArgs};
use super::artifacts::report_end;
use super::failure::Failure;
use super::json;
use super::output::{age, named, warn};
use super::settings::Settings;
use super::sink::{note, print, print_json, print_table};

pub(crate) fn promote(settings: &Settings, args: Promote) -> Result<(), Failure> {
    let Promote {
        selector,
        channel,
        reason,
        if_current,
        allow_fork,
        who,
    } = args;
    let mut request = PromoteRequest::new(&channel, scope(settings, selector, who)?);
    request.reason = reason;
    request.if_current = if_current;
    request.allow_fork = allow_fork;
    let moved = settings.mover()?.promote(&request)?;
    report(settings, &moved);
    Ok(())
}

pub(crate) fn rollback(settings: &Settings, args: Rollback) -> Result<(), Failure> {
    let Rollback {
        pointer,
        to,
        steps,
        reason,
        no_hold,
        who,
    } = args;
    let scope = scope(settings, "latest".to_owned(), who)?;
    let mut request = RollbackRequest::new(pointer_of(pointer), scope);
    request.target = to.map_or(Target::Steps(steps), Target::Build);
    request.reason = reason;
    request.hold = !no_hold;
    let moved = settings.mover()?.rollback(&request)?;
    report(settings, &moved);
    Ok(())
}

pub(crate) fn release(settings: &Settings, args: Release) -> Result<(), Failure> {
    let Release { pointer, reason, who } = args;
    let scope = scope(settings, "latest".to_owned(), who)?;
    let moved = settings
        .mover()?
        .release(&pointer_of(pointer), &scope, reason.as_deref())?;
    report(settings, &moved);
    Ok(())
}

pub(crate) fn history(settings: &Settings, args: History) -> Result<(), Failure> {
    let History { pointer, limit, who } = args;
    let scope = scope(settings, "latest".to_owned(), who)?;
    let history = settings.reader()?.history(&pointer_of(pointer), &scope, limit)?;
    let (events, warnings) = (history.events, history.warnings);
    if settings.format == Format::Json {
        print_json(&json::History {
            events: events.iter().map(json::Event::from).collect(),
            warnings: json::warnings(&warnings),
        });
        return Ok(());
    }
    warn(&warnings);
    let mut rows = vec![
        ["EVENT", "MOVE", "BUILD", "BEFORE", "HELD", "WHEN", "BY", "REASON"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for event in &events {
        let or_none = |text: Option<&String>| text.cloned().unwrap_or_else(|| "-".to_owned());
        rows.push(vec![
            event.sequence.to_string(),
            move_name(event.action).to_owned(),
            event.build.selector.clone(),
            or_none(event.previous.as_ref().map(|build| &build.selector)),
            if event.held { "held" } else { "-" }.to_owned(),
            age(event.created_ms),
            or_none(event.actor.as_ref()),
            or_none(event.reason.as_ref()),
        ]);
    }
    print_table(&rows);
    Ok(())
}

pub(crate) fn list(settings: &Settings, args: Channels) -> Result<(), Failure> {
    let Channels { page, name, context } = args;
    let context = settings.look_up_context(&context.values)?;
    let artifact = name.as_str();
    let ChannelPage { events, more, .. } =
        settings
            .reader()?
            .channels(&context, artifact, page.after.as_deref(), page.limit)?;
    if settings.format == Format::Json {
        print_json(&json::Channels {
            artifact: name,
            channels: events.iter().map(json::Event::from).collect(),
            more,
        });
        return Ok(());
    }
    let named: Vec<(&String, &Event)> = events
        .iter()
        .filter_map(|event| match &event.pointer {
            Pointer::Channel(name) => Some((name, event)),
            Pointer::Branch(_) => None,
        })
        .collect();
    let mut rows = vec![
        ["CHANNEL", "BUILD", "HELD", "WHEN", "BY"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (name, event) in &named {
        rows.push(vec![
            (*name).clone(),
            event.build.selector.clone(),
            if event.held { "held" } else { "-" }.to_owned(),
            age(event.created_ms),
            event.actor.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    if !named.is_empty() {
        print_table(&rows);
    }
    let project = context.project.as_deref().unwrap_or("the project");
    let last = named.last().map(|(name, _)| *name);
    report_end("channel", &format!("{artifact} in {project}"), last, more);
    Ok(())
}

pub(super) fn scope(settings: &Settings, selector: String, who: WhoArgs) -> Result<Scope, Failure> {
    let WhoArgs { name, job, context } = who;
    let context = settings.look_up_context(&context.values)?;
    let mut scope = Scope::new(&selector, context);
    scope.name = Some(name);
    scope.jobs = job;
    Ok(scope)
}

fn pointer_of(PointerArgs { channel, branch }: PointerArgs) -> Pointer {
    match branch {
        Some(branch) => Pointer::Branch(branch),
        None => Pointer::Channel(channel.unwrap_or_default()),
    }
}

/// Says what was done, and prints the build.
fn report(settings: &Settings, moved: &Moved) {
    let Moved {
        event,
        builds,
        warnings,
        ..
    } = moved;
    if settings.format == Format::Json {
        print_json(&json::Moved {
            builds: json::builds(builds),
            event: json::Event::from(event),
            warnings: json::warnings(warnings),
        });
        return;
    }
    warn(warnings);
    let pointer = match &event.pointer {
        Pointer::Channel(name) => format!("channel {name}"),
        Pointer::Branch(name) => format!("the latest of branch {name}"),
    };
    let before = event
        .previous
        .as_ref()
        .map(|build| format!(", before: {}", build.selector))
        .unwrap_or_default();
    let held = if event.held {
        ", held until it is released"
    } else {
        ""
    };
    let build = builds.first().map_or_else(|| event.build.selector.clone(), named);
    note(&format!("{pointer} is {build}{before}{held}"));
    print(&event.build.selector);
}

fn move_name(action: Move) -> &'static str {
    match action {
        Move::Promote => "promote",
        Move::Rollback => "rollback",
        Move::Release => "release",
    }
}
