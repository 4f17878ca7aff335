//! A client of a proxy, with or without TLS.

use std::io::{Read, Write};
use std::net::TcpStream;

/// The connection to a client.
pub(super) trait Client: Read + Write {
    fn socket(&self) -> &TcpStream;
}

impl Client for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}
