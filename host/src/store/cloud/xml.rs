//! The answers of servers in XML. The crate `quick-xml` reads them: `object_store` already uses it for the same servers.

use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::Event;

/// Returns the text of the first element of this name at any depth, in any namespace. Returns `None` if there is none before the
/// first error of the document, so a document that is cut off is read as far as possible.
pub(super) fn text_of(document: &[u8], element: &str) -> Option<String> {
    let mut reader = Reader::from_reader(document);
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if start.local_name().as_ref() == element.as_bytes() => {
                let text = reader.read_text(start.name()).ok()?.into_inner();
                let text = String::from_utf8_lossy(&text);
                return Some(unescape(&text).ok()?.into_owned());
            }
            Event::Eof => return None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_found_wherever_it_is() {
        let document = b"<?xml version=\"1.0\"?><a:Error xmlns:a=\"x\"><a:Code>Slow&amp;Down</a:Code><Message>\xff</Message>";
        assert_eq!(text_of(document, "Code").as_deref(), Some("Slow&Down"));
        assert_eq!(text_of(document, "Message").as_deref(), Some("\u{fffd}"));
        assert_eq!(text_of(document, "Region"), None);
        for other in [&b""[..], b"{}", b"<html><p>Code</html>", b"<Error><Code>cut"] {
            assert_eq!(text_of(other, "Code"), None);
        }
    }
}
