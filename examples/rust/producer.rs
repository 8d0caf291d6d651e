//! Puts requests into a queue in Redis, each with the key that identifies it.
//!
//!     rustc -O --edition 2021 producer.rs
//!     ./producer 127.0.0.1:6379 < requests.jsonl
//!
//! Each line of the input is the JSON text of a request. A job is `{"key": "ik_…", "request": "the
//! text"}`, in the list `jobs`. With `--without-identity`, the key is made of the bytes of the
//! text, so that each spelling of a request counts as another one.

mod samekey;

use samekey::Identity;
use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::ExitCode;

/// Says which requests are the same, as in every other program of this queue.
const IDENTITY: Identity = Identity {
    exclude: &["trace_id"],
    scope: &["orders"],
    ..Identity::DEFAULT
};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let sent = match &args[..] {
        [address] => produce(address, |text| samekey::key_of_json(text, &IDENTITY)),
        [address, flag] if flag == "--without-identity" => produce(address, |text| {
            samekey::key_of_bytes(text, &Identity::default())
        }),
        _ => Err("usage: producer HOST:PORT [--without-identity]".into()),
    };
    match sent {
        Ok(count) => {
            println!("{count} jobs");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("producer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn produce(
    address: &str,
    key_of: impl Fn(&[u8]) -> samekey::Result<String>,
) -> Result<usize, Box<dyn Error>> {
    let mut queue = Connection::open(address)?;
    let mut count = 0;
    for line in io::stdin().lock().lines() {
        let text = line?;
        let key = key_of(text.as_bytes())?;
        let job = format!(
            "{{\"key\":\"{key}\",\"request\":{}}}",
            samekey::quote(&text)
        );
        queue.send(&["RPUSH", "jobs", &job])?;
        count += 1;
    }
    Ok(count)
}

/// A connection to Redis for commands whose replies have one line.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Connection(BufReader::new(stream)))
    }

    fn send(&mut self, words: &[&str]) -> Result<String, Box<dyn Error>> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command += &format!("${}\r\n{word}\r\n", word.len());
        }
        self.0.get_mut().write_all(command.as_bytes())?;
        let mut reply = String::new();
        self.0.read_line(&mut reply)?;
        match reply.trim_end().strip_prefix('-') {
            Some(refused) => Err(refused.into()),
            None if reply.is_empty() => Err("Redis has closed the connection".into()),
            None => Ok(reply),
        }
    }
}
