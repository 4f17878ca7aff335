//! The export `signatures`: what a store has by way of signed statements of a build.

use super::convert::{record, source, to_wit_error};
use super::exports::signatures as wit;
use super::http::Granted as GrantedHttp;
use super::store::Granted;
use crate::circleci;
use crate::error::Result as Outcome;
use crate::signatures::{self, Signatures};

impl wit::Guest for super::Component {
    fn get(
        build: wit::Build,
        key_id: String,
        from: Option<wit::CircleciSource>,
    ) -> Result<wit::Found, wit::Error> {
        let Signatures { envelope, others } = of(build, &key_id, from).map_err(to_wit_error)?;
        Ok(wit::Found { envelope, others })
    }

    fn add(build: wit::Build, key_id: String, envelope: Vec<u8>) -> Result<(), wit::Error> {
        record(build)
            .and_then(|record| signatures::add(&Granted, &record, &key_id, &envelope))
            .map_err(to_wit_error)
    }
}

fn of(build: wit::Build, key_id: &str, from: Option<wit::CircleciSource>) -> Outcome<Signatures> {
    let Some(from) = from.map(source) else {
        return signatures::get(&Granted, &record(build)?, key_id);
    };
    if build.tree.is_empty() {
        return Err(circleci::only_plain(&build.selector));
    }
    let http = GrantedHttp::new();
    let store = circleci::store_of(&http, &from, build.number)?;
    signatures::get(&store, &record(build)?, key_id)
}
