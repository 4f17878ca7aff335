//! Keys of caches: their templates, filled in as CircleCI does.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use super::inside::Inside;
use crate::pipeline::Pipeline;

/// CircleCI refuses longer keys.
const KEY_BYTES_MAX: usize = 900;

/// The values for the templates of a key.
pub(super) struct KeyValues<'a> {
    pub(super) pipeline: &'a Pipeline,
    /// The number of the job.
    pub(super) number: u64,
    pub(super) variables: &'a BTreeMap<String, OsString>,
    pub(super) inside: &'a Inside,
    pub(super) working_directory: &'a Path,
}

impl KeyValues<'_> {
    /// Returns a key with its templates filled in, or why that is impossible.
    pub(super) fn fill(&self, key: &str) -> Result<String, String> {
        let mut filled = String::new();
        let mut rest = key;
        while let Some((before, after)) = rest.split_once("{{") {
            let (template, after) = after
                .split_once("}}")
                .ok_or_else(|| format!("the key {key} has {{{{ without }}}}"))?;
            filled.push_str(before);
            filled.push_str(&self.value(template.trim())?);
            rest = after;
        }
        filled.push_str(rest);
        match filled.len() {
            0 => Err("the key of the cache is empty".to_owned()),
            length if length > KEY_BYTES_MAX => Err(format!(
                "the key of the cache has more than {KEY_BYTES_MAX} bytes"
            )),
            _ => Ok(filled),
        }
    }

    fn value(&self, template: &str) -> Result<String, String> {
        let text = |value: Option<&String>| value.cloned().unwrap_or_default();
        if let Some(name) = template.strip_prefix(".Environment.") {
            let value = self.variables.get(name);
            return Ok(value.map_or_else(String::new, |it| it.to_string_lossy().into_owned()));
        }
        if let Some(file) = template.strip_prefix("checksum") {
            let file = file.trim().trim_matches('"');
            return self.checksum(file);
        }
        match template {
            ".Branch" => Ok(text(self.pipeline.branch.as_ref())),
            ".BuildNum" => Ok(self.number.to_string()),
            ".Revision" => Ok(self.pipeline.revision.clone()),
            // No key of the project is here.
            ".CheckoutKey" => Ok(String::new()),
            "epoch" => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Ok(now.as_secs().to_string())
            }
            "arch" => Ok(format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH)),
            other => Err(format!(
                "the key of the cache has the unknown template {{{{ {other} }}}}: there are .Branch, .BuildNum, .Revision, \
                 .CheckoutKey, .Environment.NAME, checksum \"FILE\", epoch and arch"
            )),
        }
    }

    fn checksum(&self, file: &str) -> Result<String, String> {
        let path = self.inside.resolve(self.working_directory, file);
        let failed = |error: std::io::Error| format!("cannot read {file} for the key of the cache: {error}");
        let mut file = self.inside.open(&path).map_err(failed)?.file;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match std::io::Read::read(&mut file, &mut buffer).map_err(failed)? {
                0 => return Ok(Base64::encode_string(&hash.finalize())),
                read => hash.update(buffer.get(..read).unwrap_or_default()),
            }
        }
    }
}
