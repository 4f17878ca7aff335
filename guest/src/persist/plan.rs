//! Plans a persist: selects the entries, and cuts the work into tasks.

use super::base::Base;
use super::request::Persist;
use super::rest::Rest;
use super::tasks::Tasks;
use super::walk::Walk;
use super::walk_report::WalkReport;
use crate::condemned::Condemned;
use crate::error::Result;
use crate::glob::Selection;
use crate::ports::{Files, Scratch, Store};
use crate::transfer_plan::Planned;
use crate::{lookup, store_format};

/// Walks the directory, and decides what each worker will do.
pub fn plan(
    store: &impl Store,
    files: &impl Files,
    scratch: &dyn Scratch,
    request: &Persist,
) -> Result<Planned> {
    let record = request.context.record(&request.name)?;
    let selection = Selection::parse(&request.paths, |path| files.exists(path))?;
    store_format::prepare(store, request.dry_run)?;

    let bases = lookup::bases(store, &record, request.context.default_branch.as_deref())?;
    // A dry run lists steps, and needs no base for that.
    let based = if request.dry_run { &[][..] } else { &bases };
    let mut walk = Walk {
        files,
        selection,
        base: Base::open(store, based)?,
        tasks: Tasks::new(scratch, request.dry_run),
        entries: 0,
        warnings: Vec::new(),
        report: WalkReport::default(),
    };
    walk.all()?;
    let Walk {
        selection,
        base,
        tasks,
        mut warnings,
        report,
        ..
    } = walk;
    warnings.extend(report.report(request, &selection)?);
    let covers = selection.patterns();
    warnings.extend(lookup::ranks_low(&record, bases.first()));
    let (found, index, is_whole) = base.finish(scratch)?;
    let rest = Rest {
        record,
        base: found,
        base_record: bases.into_iter().next(),
        check_conflicts: request.check_conflicts,
        read_back: request.repair || !is_whole,
        covers,
        prunes: Condemned::last_sequence(store)?,
    };
    Ok(Planned {
        shared: crate::wire::write(&index)?,
        rest: crate::wire::write(&rest)?,
        warnings,
        ..tasks.planned()?
    })
}
