//! `baton prune`: what is removed, and why the rest is kept.

use baton_host::retention::{Decision, PrunePlan, PruneRequest, Pruned, Retention};

use super::args::{Format, Prune};
use super::failure::Failure;
use super::json;
use super::output::{age, counted, named, several, sized};
use super::settings::Settings;
use super::sink::{Table, note, print, print_json, say};

pub(crate) fn run(settings: &Settings, args: Prune) -> Result<(), Failure> {
    let Prune {
        keep_last,
        keep_within,
        keep_tags,
        branches_gone,
        drop_damaged,
        keep_channel_steps,
        grace,
        no_other_writers,
        dry_run,
        context,
    } = args;
    let context = settings.look_up_context(&context.values)?;
    let mut retention = Retention::default();
    retention.keep_last = keep_last;
    retention.keep_within_ms = keep_within.map(|within| within.as_millis() as u64);
    retention.keep_tags = keep_tags;
    retention.branches_gone = branches_gone;
    retention.drop_damaged = drop_damaged;
    retention.keep_channel_steps = keep_channel_steps;
    let mut request = PruneRequest::new(context, retention);
    request.grace_ms = grace.as_millis() as u64;
    // A dry run harms nobody.
    request.no_other_writers = no_other_writers || dry_run;
    let baton = match dry_run {
        true => settings.reader()?,
        false => settings.mover()?,
    };
    let mut plan = baton.plan_prune(&request)?;
    if settings.format == Format::Text {
        print_plan(&mut plan)?;
    }
    let pruned = match dry_run {
        true => None,
        false => Some(baton.prune(&plan)?),
    };
    match (settings.format, &pruned) {
        (Format::Text, Some(pruned)) if pruned.overtaken => say(&summary(pruned)),
        (Format::Text, Some(pruned)) => note(&summary(pruned)),
        (Format::Text, None) => note("nothing was changed: this is a dry run"),
        (Format::Json, pruned) => print_result(plan, pruned.as_ref())?,
    }
    match pruned {
        Some(pruned) if pruned.overtaken => Err(Failure::Reported(3)),
        _ => Ok(()),
    }
}

fn print_plan(plan: &mut PrunePlan) -> Result<(), Failure> {
    let mut table = Table::begin(&["PLAN", "BUILD", "ARTIFACT", "PERSISTED", "WHY"]);
    for decision in &mut plan.decisions {
        let Decision { build, reasons, .. } = decision?;
        let what = if reasons.is_empty() { "remove" } else { "keep" };
        table.row(vec![
            what.to_owned(),
            named(&build),
            build.artifact.clone(),
            age(build.created_ms),
            reasons.join(", "),
        ]);
    }
    table.end();
    print(&format!(
        "{} of {} to remove; {} freed now, {} after the grace period",
        counted(plan.removed),
        several(plan.builds, "build"),
        sized(plan.deleted.bytes),
        sized(plan.condemned.bytes)
    ));
    Ok(())
}

fn print_result(plan: PrunePlan, pruned: Option<&Pruned>) -> Result<(), Failure> {
    let decisions = plan.decisions.map(|decision| Ok(json::Decision::from(decision?)));
    let shown = json::Prune {
        builds: json::Rows::new(decisions),
        condemned: pruned.map_or(&plan.condemned, |pruned| &pruned.condemned).into(),
        deleted: pruned.map_or(&plan.deleted, |pruned| &pruned.deleted).into(),
        dry_run: pruned.is_none(),
        overtaken: pruned.map(|pruned| pruned.overtaken),
        removed: pruned.map(|pruned| pruned.removed),
    };
    print_json(&shown);
    shown.builds.end()?;
    Ok(())
}

fn summary(pruned: &Pruned) -> String {
    if pruned.overtaken {
        return "another prune came first: nothing was done; run it again".to_owned();
    }
    format!(
        "removed {}; deleted {} of packs and trees, {} freed; {} more after the grace period",
        several(pruned.removed, "build"),
        several(pruned.deleted.objects, "object"),
        sized(pruned.deleted.bytes),
        counted(pruned.condemned.objects)
    )
}
