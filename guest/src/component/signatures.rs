//! The export `signatures`: what can be signed of a build, and what was.

use super::convert::{record, source, to_wit_error};
use super::exports::signatures as wit;
use super::http::Granted as GrantedHttp;
use super::store::Granted;
use crate::circleci;
use crate::error::Result as Outcome;
use crate::statement;

impl wit::Guest for super::Component {
    fn get(build: wit::Build, from: Option<wit::CircleciSource>) -> Result<wit::Statement, wit::Error> {
        let statement = of(build, from).map_err(to_wit_error)?;
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

fn of(build: wit::Build, from: Option<wit::CircleciSource>) -> Outcome<statement::Statement> {
    let Some(from) = from.map(source) else {
        return statement::of(&Granted, &record(build)?);
    };
    if build.tree.is_empty() {
        return Err(circleci::only_plain(&build.selector));
    }
    let http = GrantedHttp::new();
    let store = circleci::store_of(&http, &from, build.number)?;
    statement::of(&store, &record(build)?)
}
