//! Prints the key of a JSON file, or of each line of the input.
//!
//!     rustc -O --edition 2021 key.rs
//!     ./key request.json
//!     ./key --lines < requests.jsonl
//!
//! With `--lines`, a line that has no key prints the code of the error.

mod samekey;

use samekey::Identity;
use std::error::Error;
use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let printed = match &args[..] {
        [flag] if flag == "--lines" => print_lines(),
        [file] => print_key(file),
        _ => Err("usage: key FILE | key --lines".into()),
    };
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("samekey: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_key(file: &str) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
    let key = samekey::key_of_json(&text, &Identity::default())
        .map_err(|error| format!("{file}: {error}"))?;
    println!("{key}");
    Ok(())
}

fn print_lines() -> Result<(), Box<dyn Error>> {
    let mut printed = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().split(b'\n') {
        match samekey::key_of_json(&line?, &Identity::default()) {
            Ok(key) => writeln!(printed, "{key}")?,
            Err(error) => writeln!(printed, "{}", error.code)?,
        }
    }
    Ok(printed.flush()?)
}
