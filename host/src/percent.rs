//! Percent-encoding of a value as one part of a URL, with the crate `percent-encoding`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

/// All characters but the unreserved ones of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns a value encoded as one name of a path, or as one value of a form.
pub(crate) fn encoded(value: &str) -> PercentEncode<'_> {
    utf8_percent_encode(value, RESERVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_value_is_one_part() {
        assert_eq!(encoded("a b+c/ü~").to_string(), "a%20b%2Bc%2F%C3%BC~");
        assert_eq!(encoded("AZaz09-._~").to_string(), "AZaz09-._~");
    }
}
