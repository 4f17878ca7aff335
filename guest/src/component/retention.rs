//! The export `retention`: what is removed, and when.

use super::convert::{build, builds, context, scope, to_wit_error};
use super::exports::retention as wit;
use super::scratch::Granted as Scratch;
use super::store::Granted;
use crate::prune::{self, Amount, Decided, Policy, Prune, PrunePlan, Remove};
use crate::scratch_list::ScratchList;

impl wit::Guest for super::Component {
    fn decide(request: wit::Request) -> Result<wit::Plan, wit::Error> {
        let wit::Policy {
            keep_last,
            keep_within_ms,
            keep_tags,
            branches_gone,
            drop_damaged,
            keep_channel_steps,
        } = request.policy;
        let request = Prune {
            context: context(request.context),
            policy: Policy {
                keep_last,
                keep_within_ms,
                keep_tags,
                branches_gone,
                drop_damaged,
                keep_channel_steps,
            },
            grace_ms: request.grace_ms,
            no_other_writers: request.no_other_writers,
        };
        prune::plan(&Granted, &Granted, &Scratch, &request)
            .and_then(plan)
            .map_err(to_wit_error)
    }

    fn decisions(page: wit::Page) -> Result<Vec<wit::Decision>, wit::Error> {
        let decided: Vec<Decided> = ScratchList::read_page(&Scratch, &page).map_err(to_wit_error)?;
        let decision = |Decided { record, reasons }| wit::Decision {
            build: build(record),
            reasons,
        };
        Ok(decided.into_iter().map(decision).collect())
    }

    fn decide_removal(request: wit::RemoveRequest) -> Result<wit::Removal, wit::Error> {
        let request = Remove {
            scope: scope(request.scope),
            reason: request.reason,
            even_if_pointed_to: request.even_if_pointed_to,
        };
        let removal = prune::plan_removal(&Granted, &Granted, &Scratch, &request).map_err(to_wit_error)?;
        Ok(wit::Removal {
            builds: builds(removal.records),
            pointed: removal.pointed,
            rest: removal.rest,
        })
    }

    fn run(rest: Vec<u8>) -> Result<wit::Pruned, wit::Error> {
        let pruned = prune::run(&Granted, &Granted, &Scratch, &rest).map_err(to_wit_error)?;
        Ok(wit::Pruned {
            removed: pruned.removed,
            deleted: amount(pruned.deleted),
            condemned: amount(pruned.condemned),
            overtaken: pruned.overtaken,
        })
    }
}

fn plan(plan: PrunePlan) -> crate::Result<wit::Plan> {
    Ok(wit::Plan {
        builds: plan.decisions.len(),
        removed: plan.removed,
        decisions: plan.decisions.pages()?,
        deleted: amount(plan.deleted),
        condemned: amount(plan.condemned),
        rest: plan.rest,
    })
}

fn amount(Amount { objects, bytes }: Amount) -> wit::Amount {
    wit::Amount { objects, bytes }
}
