//! As much of HTTP/1.1 (RFC 9112) as a proxy and a fake server need: whole messages, read and written on blocking streams.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// No message of these tests has a larger body, in bytes.
const BODY_BYTES_MAX: u64 = 300 << 20;
const HEAD_BYTES_MAX: u64 = 64 << 10;

/// A request or an answer.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// The request line or the status line, without its end.
    pub start: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Message {
    pub fn request(method: &str, target: &str, body: impl Into<Vec<u8>>) -> Message {
        Message {
            start: format!("{method} {target} HTTP/1.1"),
            fields: Vec::new(),
            body: body.into(),
        }
    }

    pub fn answer(status: u16, body: impl Into<Vec<u8>>) -> Message {
        Message {
            start: format!("HTTP/1.1 {status} Status"),
            fields: Vec::new(),
            body: body.into(),
        }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Message {
        self.fields.push((name.to_owned(), value.into()));
        self
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self
            .fields
            .iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name));
        field.map(|(_, value)| value.as_str())
    }

    pub fn remove(&mut self, name: &str) {
        self.fields.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
    }

    fn word(&self, index: usize) -> &str {
        self.start.split(' ').nth(index).unwrap_or_default()
    }

    /// Returns the method of a request.
    pub fn method(&self) -> &str {
        self.word(0)
    }

    /// Returns the path of a request, with its query.
    pub fn target(&self) -> &str {
        self.word(1)
    }

    /// Returns the status of an answer.
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or_default()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the message up to its body. What says how long the body is was set by whoever wrote the message.
    pub fn head(&self) -> Vec<u8> {
        let fields: String = self
            .fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!("{}\r\n{fields}\r\n", self.start).into_bytes()
    }

    /// Says how long the body is, in the one way that this module writes.
    pub fn announce_body(&mut self) {
        self.remove("transfer-encoding");
        self.remove("content-length");
        self.fields
            .push(("Content-Length".to_owned(), self.body.len().to_string()));
    }
}

/// Reads a message up to its body. Returns nothing where the other side has ended.
pub fn read_head(stream: &mut impl BufRead) -> io::Result<Option<Message>> {
    let mut lines = Vec::new();
    let mut limited = stream.take(HEAD_BYTES_MAX);
    loop {
        let mut line = String::new();
        if limited.read_line(&mut line)? == 0 {
            return match lines.is_empty() {
                true => Ok(None),
                false => Err(ErrorKind::UnexpectedEof.into()),
            };
        }
        match line.trim_end_matches(['\r', '\n']) {
            "" if lines.is_empty() => {}
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let start = lines.remove(0);
    let fields = lines
        .iter()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect();
    Ok(Some(Message {
        start,
        fields,
        body: Vec::new(),
    }))
}

/// Returns how many bytes a message announces, or nothing where it comes in chunks or ends with the connection.
pub fn announced(message: &Message) -> Option<u64> {
    message.field("content-length")?.parse().ok()
}

fn is_chunked(message: &Message) -> bool {
    let coding = message.field("transfer-encoding");
    coding.is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"))
}

/// Reads the body of a request.
pub fn read_request_body(stream: &mut impl BufRead, request: &mut Message) -> io::Result<()> {
    if is_chunked(request) {
        request.body = read_chunks(stream)?;
    } else if let Some(length) = announced(request) {
        request.body = read_exactly(stream, length)?;
    }
    Ok(())
}

/// Reads the body of the answer to a request with this method.
pub fn read_answer_body(stream: &mut impl BufRead, method: &str, answer: &mut Message) -> io::Result<()> {
    let status = answer.status();
    if method == "HEAD" || status == 204 || status == 304 {
        return Ok(());
    }
    answer.body = if is_chunked(answer) {
        read_chunks(stream)?
    } else if let Some(length) = announced(answer) {
        read_exactly(stream, length)?
    } else {
        let mut body = Vec::new();
        stream.take(BODY_BYTES_MAX).read_to_end(&mut body)?;
        body
    };
    Ok(())
}

fn read_exactly(stream: &mut impl BufRead, length: u64) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    stream.take(length.min(BODY_BYTES_MAX)).read_to_end(&mut body)?;
    match body.len() as u64 == length {
        true => Ok(body),
        false => Err(ErrorKind::UnexpectedEof.into()),
    }
}

fn read_chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = line.trim_end().split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).map_err(|_| ErrorKind::InvalidData)?;
        body.extend(read_exactly(stream, size)?);
        // The end of the chunk; after the last one, the end of the message. No test sends trailers.
        stream.read_line(&mut line)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

/// Sends one request on a connection of its own, and returns the answer.
pub fn exchange(server: SocketAddr, request: Message) -> io::Result<Message> {
    let mut request = request
        .with("Host", server.to_string())
        .with("Connection", "close");
    request.announce_body();
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(&request.head())?;
    stream.write_all(&request.body)?;
    let mut stream = BufReader::new(stream);
    let mut answer = read_head(&mut stream)?.ok_or(ErrorKind::UnexpectedEof)?;
    read_answer_body(&mut stream, request.method(), &mut answer)?;
    Ok(answer)
}
