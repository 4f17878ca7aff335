//! Percent-encoding of parts of URLs.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All characters but the unreserved ones of RFC 3986, section 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Returns a name, encoded for a part of a URL's path.
pub(super) fn encoded(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

/// Returns a part of a URL, decoded. An invalid escape stays as it is.
pub(super) fn decoded(part: &str) -> String {
    percent_decode_str(part).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_url() {
        for name in ["a b", "grüße", "100%", "a/b", "%41", "~", "x?y#z"] {
            assert_eq!(decoded(&encoded(name)), name);
        }
        assert_eq!(decoded("%zz%4"), "%zz%4");
    }
}
