//! A client that does little itself.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A successful answer.
pub(crate) struct Answer {
    /// Of head and body.
    pub(crate) bytes: usize,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn to(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the port accepts");
        stream.set_nodelay(true).expect("a socket takes options");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket takes options");
        Self { stream, buffer: Vec::with_capacity(8192) }
    }

    /// POSTs `body` and asserts success.
    pub(crate) fn ask(&mut self, path: &str, body: &str) -> Answer {
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\naccept: */*\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        self.answer_to(&request)
    }

    /// GETs with lines of a head that each end in CR and LF, and asserts success.
    pub(crate) fn get(&mut self, path: &str, head: &str) -> Answer {
        self.answer_to(&format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nuser-agent: bench\r\naccept: */*\r\n{head}\r\n"))
    }

    fn answer_to(&mut self, request: &str) -> Answer {
        self.stream.write_all(request.as_bytes()).expect("the server reads");
        self.buffer.clear();
        let mut part = [0; 8192];
        loop {
            let read = self.stream.read(&mut part).expect("the server answers");
            assert!(read > 0, "the server closed: {}", String::from_utf8_lossy(&self.buffer));
            self.buffer.extend_from_slice(&part[..read]);
            if let Some(answer) = whole(&self.buffer) {
                return answer;
            }
        }
    }
}

/// The answer, once all of it is there.
fn whole(read: &[u8]) -> Option<Answer> {
    let end = read.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&read[..end]).expect("heads are text");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let bytes = end + 4 + length.expect("a length");
    let body = read.get(end + 4..bytes)?;
    assert!(head.starts_with("HTTP/1.1 200"), "{}", String::from_utf8_lossy(read));
    Some(Answer { bytes, head: head.to_owned(), body: body.to_vec() })
}
