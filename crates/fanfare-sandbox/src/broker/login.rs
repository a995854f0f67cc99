//! The shortest AMQP 0-9-1 conversation that proves a broker is ready: a login into a vhost.
//!
//! An open port proves nothing: RabbitMQ listens before it lets anybody in.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use super::error::LoginError;

/// Generous for loopback; a broker that is starting answers late, not never.
const LOGIN_SECONDS: u64 = 5;

/// Frames of a handshake are far smaller; more means that something else answers.
const MAX_FRAME: u32 = 131_072;

const PROTOCOL_HEADER: &[u8] = b"AMQP\x00\x00\x09\x01";
const METHOD_FRAME: u8 = 1;
const FRAME_END: u8 = 0xCE;

// Class and method numbers of the specification, section 1.4.
const START: (u16, u16) = (10, 10);
const START_OK: (u16, u16) = (10, 11);
const TUNE: (u16, u16) = (10, 30);
const TUNE_OK: (u16, u16) = (10, 31);
const OPEN: (u16, u16) = (10, 40);
const OPEN_OK: (u16, u16) = (10, 41);
const CLOSE: (u16, u16) = (10, 50);

/// What a broker says about itself.
#[derive(Debug)]
pub(super) struct Greeting {
    pub(super) version: String,
}

/// Logs in, opens the vhost, and hangs up politely.
pub(super) async fn log_in(url: &Url) -> Result<Greeting, LoginError> {
    if url.scheme() != "amqp" {
        return Err(LoginError::Tls);
    }
    let host = url.host_str().unwrap_or("127.0.0.1");
    let address = format!("{host}:{}", url.port().unwrap_or(5672));
    match timeout(Duration::from_secs(LOGIN_SECONDS), converse(url, &address)).await {
        Ok(answer) => answer,
        Err(_) => Err(LoginError::Silence { address, seconds: LOGIN_SECONDS }),
    }
}

/// A part of a URL as the broker must get it.
pub(super) fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = part_escape(rest);
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &rest[3..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn part_escape(rest: &[u8]) -> Option<u8> {
    let [b'%', high, low, ..] = rest else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

async fn converse(url: &Url, address: &str) -> Result<Greeting, LoginError> {
    let stream = TcpStream::connect(address)
        .await
        .map_err(|source| LoginError::Connection { address: address.to_owned(), source })?;
    let mut line = Line { stream, address };
    line.send(PROTOCOL_HEADER).await?;

    let start = line.expect(START).await?;
    let greeting = Greeting { version: version(&start).unwrap_or_default() };

    let user = match url.username() {
        "" => "guest".to_owned(),
        user => decoded(user),
    };
    let password = decoded(url.password().unwrap_or("guest"));
    let mut start_ok = Vec::new();
    long_bytes(&mut start_ok, &client_properties());
    short_text(&mut start_ok, "PLAIN");
    long_bytes(&mut start_ok, format!("\0{user}\0{password}").as_bytes());
    short_text(&mut start_ok, "en_US");
    line.call(START_OK, &start_ok).await?;

    // Whatever the broker proposes is fine; only heartbeats are declined.
    let mut tune = line.expect(TUNE).await?;
    tune.truncate(6);
    tune.extend([0, 0]);
    line.call(TUNE_OK, &tune).await?;

    let vhost = match url.path() {
        "" | "/" => "/".to_owned(),
        path => decoded(&path[1..]),
    };
    let mut open = Vec::new();
    short_text(&mut open, &vhost);
    open.extend([0, 0]); // two reserved fields
    line.call(OPEN, &open).await?;
    line.expect(OPEN_OK).await?;

    let mut close = 200u16.to_be_bytes().to_vec();
    short_text(&mut close, "ready");
    close.extend([0; 4]); // no method is to blame
    line.call(CLOSE, &close).await?;
    Ok(greeting)
}

struct Line<'a> {
    stream: TcpStream,
    address: &'a str,
}

impl Line<'_> {
    async fn call(
        &mut self,
        (class, method): (u16, u16),
        arguments: &[u8],
    ) -> Result<(), LoginError> {
        let size = u32::try_from(arguments.len() + 4).unwrap_or(u32::MAX);
        let mut frame = vec![METHOD_FRAME, 0, 0];
        frame.extend(size.to_be_bytes());
        frame.extend(class.to_be_bytes());
        frame.extend(method.to_be_bytes());
        frame.extend(arguments);
        frame.push(FRAME_END);
        self.send(&frame).await
    }

    /// The arguments of the next method, if it is this one.
    async fn expect(&mut self, expected: (u16, u16)) -> Result<Vec<u8>, LoginError> {
        let mut header = [0; 7];
        self.receive(&mut header).await?;
        let size = u32::from_be_bytes([header[3], header[4], header[5], header[6]]);
        if header[0] != METHOD_FRAME || !(4..=MAX_FRAME).contains(&size) {
            return Err(LoginError::NotAmqp);
        }
        let mut payload = vec![0; size as usize + 1];
        self.receive(&mut payload).await?;
        if payload.pop() != Some(FRAME_END) {
            return Err(LoginError::NotAmqp);
        }
        let arguments = payload.split_off(4);
        let number = |at: usize| u16::from_be_bytes([payload[at], payload[at + 1]]);
        match (number(0), number(2)) {
            method if method == expected => Ok(arguments),
            CLOSE => Err(refusal(&arguments)),
            _ => Err(LoginError::NotAmqp),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), LoginError> {
        let sent = self.stream.write_all(bytes).await;
        sent.map_err(|source| self.broken(source))
    }

    async fn receive(&mut self, bytes: &mut [u8]) -> Result<(), LoginError> {
        let received = self.stream.read_exact(bytes).await;
        received.map(drop).map_err(|source| self.broken(source))
    }

    fn broken(&self, source: std::io::Error) -> LoginError {
        LoginError::Connection { address: self.address.to_owned(), source }
    }
}

/// Asks to be told why a login is refused; without it RabbitMQ only hangs up.
fn client_properties() -> Vec<u8> {
    let mut capabilities = Vec::new();
    short_text(&mut capabilities, "authentication_failure_close");
    capabilities.extend([b't', 1]);
    let mut properties = Vec::new();
    short_text(&mut properties, "capabilities");
    properties.push(b'F');
    long_bytes(&mut properties, &capabilities);
    properties
}

fn long_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    to.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    to.extend(bytes);
}

fn short_text(to: &mut Vec<u8>, text: &str) {
    let length = text.len().min(usize::from(u8::MAX));
    to.push(length as u8);
    to.extend(&text.as_bytes()[..length]);
}

/// Finds the field `version` among the server's properties, without reading the whole table.
fn version(start: &[u8]) -> Option<String> {
    const FIELD: &[u8] = b"\x07versionS";
    let at = start.windows(FIELD.len()).position(|window| window == FIELD)? + FIELD.len();
    let length = u32::from_be_bytes(start.get(at..at + 4)?.try_into().ok()?) as usize;
    String::from_utf8(start.get(at + 4..at + 4 + length)?.to_vec()).ok()
}

fn refusal(close: &[u8]) -> LoginError {
    let [high, low, length, text @ ..] = close else { return LoginError::NotAmqp };
    let text = &text[..usize::from(*length).min(text.len())];
    LoginError::Refused {
        code: u16::from_be_bytes([*high, *low]),
        text: String::from_utf8_lossy(text).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_stray_percent_signs_kept() {
        assert_eq!(decoded("%2f"), "/");
        assert_eq!(decoded("a%C3%A9b"), "aéb");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz"), "%zz");
    }

    #[test]
    fn the_version_is_found_among_other_properties() {
        let table = b"\x07productS\x00\x00\x00\x08RabbitMQ\x07versionS\x00\x00\x00\x063.10.8\x00";
        assert_eq!(version(table).as_deref(), Some("3.10.8"));
        assert_eq!(version(b"\x07versionS\x00\x00\x00\xff3"), None);
    }

    #[test]
    fn a_refusal_carries_the_brokers_words() {
        let refused = refusal(b"\x01\x93\x02no\x00\x00\x00\x00").to_string();
        assert_eq!(refused, "the broker refused the login: 403 no");
    }
}
