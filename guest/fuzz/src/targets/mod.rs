//! The properties that hold for every input, one file a target. Each is a function of the input's bytes, which panics where
//! its property does not hold.

pub(crate) mod api;
pub(crate) mod frame;
pub(crate) mod glob;
pub(crate) mod pack;
pub(crate) mod record;
pub(crate) mod selector;
pub(crate) mod tree;

use baton_guest::Error;

/// Checks what must hold for an input.
type Check = fn(&[u8]);

/// Each target, by the name of its directories of inputs.
pub(crate) const TARGETS: [(&str, Check); 7] = [
    ("tree", tree::check),
    ("record", record::check),
    ("frame", frame::check),
    ("pack", pack::check),
    ("selector", selector::check),
    ("glob", glob::check),
    ("api", api::check),
];

/// Checks that an error tells of the input, not of a defect, and in a text that can be shown.
pub(crate) fn is_stated(error: &Error) {
    assert!(!matches!(error, Error::Internal(_)), "{error:?}");
    assert!(
        error.to_string().len() < 1 << 16,
        "an error of {} bytes",
        error.to_string().len()
    );
}
