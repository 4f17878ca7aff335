//! The export `retention`: what is removed, and when.

use super::convert::{build, builds, context, scope, to_wit_error};
use super::exports::retention as wit;
use super::store::Granted;
use crate::prune::{self, Amount, Decision, Plan, Policy, Prune, Remove};

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
        prune::plan(&Granted, &Granted, &request)
            .map(plan)
            .map_err(to_wit_error)
    }

    fn decide_removal(request: wit::RemoveRequest) -> Result<wit::Removal, wit::Error> {
        let request = Remove {
            scope: scope(request.scope),
            reason: request.reason,
            even_if_pointed_to: request.even_if_pointed_to,
        };
        let removal = prune::plan_removal(&Granted, &Granted, &request).map_err(to_wit_error)?;
        Ok(wit::Removal {
            builds: builds(removal.records),
            pointed: removal.pointed,
            rest: removal.rest,
        })
    }

    fn run(rest: Vec<u8>) -> Result<wit::Pruned, wit::Error> {
        let pruned = prune::run(&Granted, &Granted, &rest).map_err(to_wit_error)?;
        Ok(wit::Pruned {
            removed: pruned.removed,
            deleted: amount(pruned.deleted),
            condemned: amount(pruned.condemned),
            overtaken: pruned.overtaken,
        })
    }
}

fn plan(plan: Plan) -> wit::Plan {
    wit::Plan {
        decisions: plan.decisions.into_iter().filter_map(decision).collect(),
        deleted: amount(plan.deleted),
        condemned: amount(plan.condemned),
        rest: plan.rest,
    }
}

fn decision(decision: Decision) -> Option<wit::Decision> {
    let Decision { found, reasons } = decision;
    let first = found.into_iter().next()?;
    Some(wit::Decision {
        build: build(first.record),
        reasons,
    })
}

fn amount(Amount { objects, bytes }: Amount) -> wit::Amount {
    wit::Amount { objects, bytes }
}
