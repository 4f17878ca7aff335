//! From what was found on the runner to the context of a request.

use crate::build::{BuildContext, Node};
use crate::context::{Context, Field};

impl From<Context> for BuildContext {
    fn from(detected: Context) -> BuildContext {
        let text = |field| detected.text(field).map(str::to_owned);
        let mut context = BuildContext::new(detected.runner.value.as_str());
        context.project = text(Field::Project);
        context.branch = text(Field::Branch);
        context.default_branch = text(Field::DefaultBranch);
        context.tag = text(Field::Tag);
        context.commit = text(Field::Commit);
        context.run = detected.number(Field::Run);
        context.number = detected.number(Field::Number);
        context.attempt = detected.number(Field::Attempt);
        context.counter = text(Field::Counter);
        context.counter_part = detected.counter_part().map(str::to_owned);
        context.counter_shared = detected.is_counter_shared();
        context.workflow = text(Field::Workflow);
        context.workspace = text(Field::Workspace);
        context.job = text(Field::Job);
        context.node = detected.node().map(|(index, total)| Node::new(index, total));
        context.pull_request = text(Field::PullRequest);
        context.fork = detected.is_fork();
        context.url = text(Field::Url);
        context.actor = text(Field::Actor);
        context
    }
}
