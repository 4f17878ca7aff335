//! The pipeline, and the values that a config may use of it.

use super::error::{LocalError, Place};
use super::parameters;
use super::spelling::similar;
use super::yaml::Yaml;

/// One pipeline: the numbers that CircleCI would give it, and what git says about the commit.
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    /// A UUID, the same for nothing else.
    pub id: String,
    /// The number within the project, from 1.
    pub number: u64,
    /// The branch; nothing where a tag was pushed.
    pub branch: Option<String>,
    /// The tag that was pushed.
    pub tag: Option<String>,
    /// The branch that others start from.
    pub default_branch: Option<String>,
    /// The commit, as 40 hex digits.
    pub revision: String,
    /// The commit before.
    pub base_revision: String,
    /// The message of the commit: its first line, and the rest.
    pub message: (String, String),
    /// The URL of the repository, for example `https://github.com/acme/shop`.
    pub git_url: String,
    /// The slug of the project, for example `gh/acme/shop`.
    pub project_slug: String,
    /// `github`, `bitbucket`, or another.
    pub project_type: String,
    /// The path of the config.
    pub config_file: String,
    /// The login of the person who pushed.
    pub actor: String,
    /// When the pipeline was triggered, as in RFC 3339.
    pub received_at: String,
    /// The parameters that the pipeline was triggered with, as text; an integer or a boolean becomes one where it is declared
    /// as such. With parameters the trigger is the API, else a push.
    pub arguments: Vec<(String, String)>,
    /// Values in place of those that follow from the rest, without `pipeline.`, for example `schedule.name`.
    pub values: Vec<(String, String)>,
    /// Whether the config is one with `setup: true`.
    pub in_setup: bool,
}

/// Values that exist only where something else than a push or the API triggers the pipeline, or where an id would lead to
/// CircleCI.
const EMPTY: [&str; 33] = [
    "definition.id",
    "name",
    "git.repo_id",
    "trigger.id",
    "schedule.name",
    "schedule.id",
    "event.context.github.pr_url",
    "event.github.comment.body",
    "event.github.label.name",
    "event.github.pull_request.base.ref",
    "event.github.pull_request.base.sha",
    "event.github.pull_request.draft",
    "event.github.pull_request.head.ref",
    "event.github.pull_request.head.sha",
    "event.github.pull_request.merged",
    "event.github.pull_request.number",
    "event.github.pull_request.title",
    "event.github.pull_request.url",
    "event.github.sender.avatar_url",
    "event.github.sender.type",
    "deploy.component_name",
    "deploy.environment_name",
    "deploy.target_version",
    "deploy.current_version",
    "deploy.namespace",
    "deploy.reason",
    "event.github.after",
    "event.github.head_commit.url",
    "event.github.ref",
    "event.github.repository.name",
    "event.github.repository.owner.login",
    "event.github.repository.url",
    "event.github.sender.login",
];

/// Prefixes of the values of events and deployments, which the reference does not list in full.
const OPEN: [&str; 4] = [
    "trigger_parameters.",
    "event.github.",
    "event.context.",
    "deploy.",
];

impl Pipeline {
    /// Returns a value such as `pipeline.number`; `name` comes without `pipeline.`.
    fn value(&self, name: &str) -> Option<Yaml> {
        let usual = self.usual_value(name)?;
        let Some((_, given)) = self.values.iter().find(|(known, _)| known == name) else {
            return Some(usual);
        };
        let is_flag = |name: &str| {
            ["draft", "merged", "is_default", "in_setup"]
                .iter()
                .any(|it| name.ends_with(it))
        };
        Some(match given.parse() {
            Ok(number) if name.ends_with("number") => Yaml::Integer(number),
            _ => match given.parse() {
                Ok(flag) if is_flag(name) => Yaml::Bool(flag),
                _ => Yaml::Text(given.clone()),
            },
        })
    }

    /// Returns a value as it is where a person triggers the pipeline: by a push, or through the API with parameters.
    fn usual_value(&self, name: &str) -> Option<Yaml> {
        let is_push = self.arguments.is_empty();
        let (owner, repository) = self.owner_and_name();
        let reference = match (&self.tag, &self.branch) {
            (Some(tag), _) => format!("refs/tags/{tag}"),
            (None, Some(branch)) => format!("refs/heads/{branch}"),
            (None, None) => String::new(),
        };
        let text: &str = match name {
            "number" => return Some(Yaml::Integer(i64::try_from(self.number).unwrap_or(i64::MAX))),
            "in_setup" => return Some(Yaml::Bool(self.in_setup)),
            "git.branch.is_default" => {
                let is_default = self.branch.is_some() && self.branch == self.default_branch;
                return Some(Yaml::Bool(is_default));
            }
            "git.commit.url" => {
                return Some(Yaml::Text(format!("{}/commit/{}", self.git_url, self.revision)));
            }
            "config.repository.name" => return Some(Yaml::Text(format!("{owner}/{repository}"))),
            "id" => &self.id,
            "project.git_url" | "git.repo_url" | "config.repository.url" => &self.git_url,
            "project.type" | "integration_source" => &self.project_type,
            "project.slug" => &self.project_slug,
            "git.branch" => self.branch.as_deref().unwrap_or_default(),
            "git.tag" => self.tag.as_deref().unwrap_or_default(),
            "git.revision" | "config.sha" => &self.revision,
            "git.base_revision" => &self.base_revision,
            "git.repo_owner" => owner,
            "git.repo_name" => repository,
            "git.commit.subject" => &self.message.0,
            "git.commit.body" => &self.message.1,
            "git.commit.author_login" => &self.actor,
            "config.file_path" => &self.config_file,
            "config.ref" => &reference,
            "trigger.received_at" => &self.received_at,
            "trigger.type" => match (is_push, self.project_type.as_str()) {
                (false, _) => "api",
                (true, "bitbucket") => "bitbucket_cloud",
                (true, "github") => "github_oauth",
                (true, _) => "github_app",
            },
            "trigger_source" => {
                if is_push {
                    "webhook"
                } else {
                    "api"
                }
            }
            "event.name" | "event.action" => {
                if is_push {
                    "push"
                } else {
                    "api"
                }
            }
            "event.github.after" if is_push => &self.revision,
            "event.github.ref" if is_push => &reference,
            "event.github.head_commit.url" if is_push => {
                return self.usual_value("git.commit.url");
            }
            "event.github.repository.name" if is_push => repository,
            "event.github.repository.owner.login" if is_push => owner,
            "event.github.repository.url" if is_push => &self.git_url,
            "event.github.sender.login" if is_push => &self.actor,
            _ if EMPTY.contains(&name) => "",
            // Of these the reference does not name all.
            _ if OPEN.iter().any(|prefix| name.starts_with(prefix)) && similar(name, &EMPTY).is_none() => "",
            _ => return None,
        };
        Some(Yaml::Text(text.to_owned()))
    }

    /// Returns the last two parts of the repository's URL.
    pub(crate) fn owner_and_name(&self) -> (&str, &str) {
        let url = self.git_url.trim_end_matches(".git");
        let mut parts = url.rsplit(['/', ':']);
        let name = parts.next().unwrap_or_default();
        (parts.next().unwrap_or_default(), name)
    }
}

/// The values of `<< pipeline.… >>` in one config.
#[derive(Debug, Clone)]
pub(crate) struct PipelineValues<'a> {
    pipeline: &'a Pipeline,
    /// The declared parameters with their values.
    parameters: Vec<(String, Yaml)>,
}

impl<'a> PipelineValues<'a> {
    /// Checks the arguments of the pipeline against what the config declares.
    pub(crate) fn bind(
        pipeline: &'a Pipeline,
        config: &Yaml,
        place: &Place,
    ) -> Result<PipelineValues<'a>, LocalError> {
        let declared = config.get("parameters").unwrap_or(&Yaml::Null);
        let place = place.within("parameters");
        for (name, declaration) in declared.entries(&place)? {
            if declaration.get("default").is_none() {
                return Err(place
                    .within(name)
                    .wrong("a parameter of a pipeline needs a default"));
            }
        }
        let arguments = pipeline.arguments.iter().map(|(name, text)| {
            let declared_type = declared.get(name).and_then(|it| it.get("type")?.as_text());
            let integer = text.parse().ok().filter(|_| declared_type == Some("integer"));
            let value = integer.map_or_else(|| Yaml::Text(text.clone()), Yaml::Integer);
            (name.clone(), value)
        });
        let parameters = parameters::bind(declared, &arguments.collect::<Vec<_>>(), &place)?;
        let unknown = pipeline
            .values
            .iter()
            .find(|(name, _)| pipeline.usual_value(name).is_none());
        if let Some((name, _)) = unknown {
            return Err(Place::file("--pipeline-value").wrong(format!("pipeline.{name} does not exist")));
        }
        Ok(PipelineValues { pipeline, parameters })
    }

    /// Returns the value of `<< pipeline.NAME >>`. In orbs the parameters of the pipeline are out of scope, as CircleCI
    /// has it, and the other values are not.
    pub(crate) fn get(&self, name: &str, in_orb: bool, place: &Place) -> Result<Yaml, LocalError> {
        let pipeline = self.pipeline;
        if name == "git.branch.is_default" && pipeline.branch.is_some() && pipeline.default_branch.is_none() {
            return Err(place.unsupported(
                "the default branch of the repository is unknown; name it with --default-branch",
            ));
        }
        if let Some(parameter) = name.strip_prefix("parameters.") {
            if in_orb {
                return Err(place.wrong(format!(
                    "pipeline.{name} is used in an orb, where the parameters of a pipeline are out of scope"
                )));
            }
            let found = self.parameters.iter().find(|(known, _)| known == parameter);
            return found.map(|(_, value)| value.clone()).ok_or_else(|| {
                place.wrong(format!(
                    "pipeline.{name} is used, and no such parameter is declared"
                ))
            });
        }
        self.pipeline
            .value(name)
            .ok_or_else(|| place.wrong(format!("pipeline.{name} is used, and no such value exists")))
    }
}
