//! The state as text, from which a later run continues.

use std::path::{Component, Path};

use serde::de::Error as _;

use super::records::Content;
use super::state::{Api, State};

impl Api {
    /// Returns all that is known, as JSON. The bytes of artifacts stay where they are: only their files are named.
    ///
    /// # Errors
    ///
    /// An artifact in memory has no file that could be named.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(&*self.lock())
    }

    /// Returns the state that [`Api::to_json`] wrote. Numbers and ids continue from there.
    ///
    /// # Errors
    ///
    /// The text is not such a state, or names an artifact whose file is not below `artifacts`: the API serves these files,
    /// so an edited state must not make it serve any other.
    pub fn from_json(text: &str, artifacts: &Path) -> Result<Api, serde_json::Error> {
        let state: State = serde_json::from_str(text)?;
        let mut kept = state.jobs.iter().flat_map(|job| &job.artifacts);
        let outside = kept.find_map(|artifact| match &artifact.content {
            Content::File(file) if !is_below(file, artifacts) => Some(file),
            _ => None,
        });
        match outside {
            None => Ok(Api::of(state)),
            Some(file) => Err(serde_json::Error::custom(format!(
                "it names {} as an artifact, which is not below {}",
                file.display(),
                artifacts.display()
            ))),
        }
    }
}

fn is_below(file: &Path, directory: &Path) -> bool {
    let plain = |path: &Path| path.components().all(|part| part != Component::ParentDir);
    plain(file)
        && file
            .strip_prefix(directory)
            .is_ok_and(|rest| rest != Path::new(""))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::path::PathBuf;

    use super::super::{Artifact, Content, JobStatus, NewPipeline};
    use super::*;

    #[test]
    fn what_was_saved_goes_on() {
        let api = Api::new();
        let of = NewPipeline {
            project: "gh/acme/shop".to_owned(),
            ..NewPipeline::default()
        };
        let pipeline = api.add_pipeline(of.clone());
        let workflow = api.add_workflow(&pipeline.id, "w").unwrap();
        let job = api.add_job(&workflow.id, "build", 1).unwrap();
        api.set_job_status("gh/acme/shop", job.number, JobStatus::Success)
            .unwrap();
        let artifact = Artifact {
            path: "dist/app".to_owned(),
            node: 0,
            content: Content::File(PathBuf::from("/tmp/app")),
        };
        api.add_artifact("gh/acme/shop", job.number, artifact).unwrap();
        api.set_variable("gh/acme/shop", "LATEST", "1");

        let saved = api.to_json().unwrap();
        let again = Api::from_json(&saved, Path::new("/tmp")).unwrap();
        let found = again.job("gh/acme/shop", 1).unwrap();
        assert_eq!((found.status, found.artifacts.len()), (JobStatus::Success, 1));
        assert_eq!(again.variable("gh/acme/shop", "LATEST").as_deref(), Some("1"));
        let next = again.add_pipeline(of);
        assert_eq!(next.number, 2);
        assert_ne!(next.id, pipeline.id);
    }

    #[test]
    fn a_saved_state_names_no_file_from_elsewhere() {
        let api = Api::new();
        let pipeline = api.add_pipeline(NewPipeline::default());
        let workflow = api.add_workflow(&pipeline.id, "w").unwrap();
        let job = api.add_job(&workflow.id, "build", 1).unwrap();
        let artifact = Artifact {
            path: "key".to_owned(),
            node: 0,
            content: Content::File(PathBuf::from("/state/artifacts/../../home/.ssh/id")),
        };
        api.add_artifact("", job.number, artifact).unwrap();
        let saved = api.to_json().unwrap();
        let directory = Path::new("/state/artifacts");
        let error = Api::from_json(&saved, directory).unwrap_err().to_string();
        assert!(error.contains("not below /state/artifacts"), "{error}");
        let moved = saved.replace("/state/artifacts/../../home/.ssh/id", "/home/.ssh/id");
        assert!(Api::from_json(&moved, directory).is_err());
        let inside = saved.replace("/../../home/.ssh/id", "/1/0/abc");
        assert!(Api::from_json(&inside, directory).is_ok());
    }

    #[test]
    fn an_artifact_in_memory_is_not_saved_half() {
        let api = Api::new();
        let pipeline = api.add_pipeline(NewPipeline {
            project: "gh/acme/shop".to_owned(),
            ..NewPipeline::default()
        });
        let workflow = api.add_workflow(&pipeline.id, "w").unwrap();
        let job = api.add_job(&workflow.id, "build", 1).unwrap();
        let artifact = Artifact {
            path: "a".to_owned(),
            node: 0,
            content: Content::from(b"a".as_slice()),
        };
        api.add_artifact("gh/acme/shop", job.number, artifact).unwrap();
        assert!(api.to_json().is_err());
    }
}
