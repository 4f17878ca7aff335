//! Lists that are printed as they come, so that they need not fit into memory.

use std::cell::RefCell;

use baton_host::Error;
use serde::ser::{Error as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

/// A list whose items are read while it is serialized, once.
#[derive(Debug)]
pub(crate) struct Rows<I> {
    rows: RefCell<I>,
    failed: RefCell<Option<Error>>,
}

impl<I> Rows<I> {
    pub(crate) fn new(rows: I) -> Rows<I> {
        Rows {
            rows: RefCell::new(rows),
            failed: RefCell::default(),
        }
    }

    /// Returns why the list ended early, if it did.
    pub(crate) fn end(&self) -> Result<(), Error> {
        match self.failed.borrow_mut().take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl<I: Iterator<Item = Result<T, Error>>, T: Serialize> Serialize for Rows<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for row in &mut *self.rows.borrow_mut() {
            match row {
                Ok(row) => list.serialize_element(&row)?,
                Err(error) => {
                    self.failed.replace(Some(error));
                    return Err(S::Error::custom("the list ended early"));
                }
            }
        }
        list.end()
    }
}
