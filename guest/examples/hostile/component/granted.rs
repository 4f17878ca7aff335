//! Finds out what this instance may do, by trying it.

use wasip2::filesystem::preopens::get_directories;

use super::Failed;
use super::generated::baton::plugin::attributes::{self, Edit};
use super::generated::baton::plugin::store::{self, PutMode};
use super::generated::baton::plugin::types;
use super::look::asked;
use super::tried::told;

/// A run of this project is asked what it may do.
const PROJECT: &str = "gh/acme/granted";
/// A run of this project is asked when it has decided and deletes.
const PROJECT_THAT_DELETES: &str = "gh/acme/granted-to-delete";

/// Tells what this instance may do, if its project is the one that asks.
pub(super) fn report<T>(
    context: &types::BuildContext,
    source: Option<&types::CircleciSource>,
) -> Option<Failed<T>> {
    (context.project.as_deref() == Some(PROJECT)).then(|| tell(source))
}

/// Whether a plan of this project leads to a call of `run`.
pub(super) fn deletes(context: &types::BuildContext) -> bool {
    context.project.as_deref() == Some(PROJECT_THAT_DELETES)
}

/// Tells what this instance may do.
pub(super) fn tell<T>(source: Option<&types::CircleciSource>) -> Failed<T> {
    let directory = access(&[
        (
            "read",
            !get_directories().is_empty() && attributes::look("").is_ok(),
        ),
        ("write", may_change()),
    ]);
    let key = "v1/granted/object";
    let store = access(&[
        (
            "read",
            store::list("v1/", None, 1).is_ok() && store::get(key, None).is_ok(),
        ),
        ("create", store::put(key, b"x", PutMode::Create).is_ok()),
        ("repair", store::put(key, b"y", PutMode::Repair).is_ok()),
        ("delete", store::delete(&[key.to_owned()]).is_ok()),
    ]);
    let (base, project) = match source {
        Some(source) => (source.base_url.as_str(), source.project.as_str()),
        None => ("http://127.0.0.1:9", "gh/acme/shop"),
    };
    let pipelines = format!("{base}/api/v2/project/{project}/pipeline");
    let answer = asked(waki::Method::Get, &pipelines, &[]);
    let network = access(&[("read", answer != "denied")]);
    told(&format!(
        "directory: {directory}; store: {store}; network: {network}"
    ))
}

fn may_change() -> bool {
    let name = || "granted".to_owned();
    let by_edit = attributes::edits(&[Edit::MakeDirectory(name()), Edit::RemoveDirectory(name())]).is_ok();
    let by_wasi = std::fs::create_dir(name())
        .and_then(|()| std::fs::remove_dir(name()))
        .is_ok();
    by_edit || by_wasi
}

fn access(tried: &[(&str, bool)]) -> String {
    let may: Vec<&str> = tried
        .iter()
        .filter(|(_, may)| *may)
        .map(|(what, _)| *what)
        .collect();
    match may.is_empty() {
        true => "none".to_owned(),
        false => may.join(", "),
    }
}
