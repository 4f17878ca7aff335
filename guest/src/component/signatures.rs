//! The export `signatures`: what can be signed of a build, and what was.

use super::convert::{record, to_wit_error};
use super::exports::signatures as wit;
use super::store::Granted;
use crate::statement;

impl wit::Guest for super::Component {
    fn get(build: wit::Build) -> Result<wit::Statement, wit::Error> {
        let statement = record(build)
            .and_then(|record| statement::of(&Granted, &record))
            .map_err(to_wit_error)?;
        Ok(wit::Statement {
            payload_type: statement::PAYLOAD_TYPE.to_owned(),
            payload: statement.payload,
            envelopes: statement.envelopes,
        })
    }

    fn add(build: wit::Build, key_id: String, envelope: Vec<u8>) -> Result<(), wit::Error> {
        record(build)
            .and_then(|record| statement::add(&Granted, &record, &key_id, &envelope))
            .map_err(to_wit_error)
    }
}
