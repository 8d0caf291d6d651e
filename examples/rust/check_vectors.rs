//! Runs samekey.rs over the vectors that every language shares, test/vectors/*.json.
//!
//!     rustc -O --edition 2021 check_vectors.rs
//!     ./check_vectors ../../test/vectors   prints "N passed, 0 failed"; exits 1 if any failed
//!     ./check_vectors --cases              for each line of the input, a JSON text with an
//!                                          identity, prints the key or an error code

mod samekey;

use samekey::{BigNumbers, Bits, Identity, Json, Name, Sha256, Window};
use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

/// A member of a vector. A missing one is null.
fn get<'a>(vector: &'a Json, name: &str) -> &'a Json {
    match vector {
        Json::Object(members) => members.get(&Name(name.into())).unwrap_or(&Json::Null),
        _ => panic!("a vector is an object"),
    }
}

fn has(vector: &Json, name: &str) -> bool {
    get(vector, name) != &Json::Null
}

fn text_in<'a>(vector: &'a Json, name: &str) -> &'a str {
    match get(vector, name) {
        Json::String(text) => text,
        _ => "",
    }
}

fn number_in(vector: &Json, name: &str) -> Option<i64> {
    match get(vector, name) {
        Json::Number(text) => text.parse().ok(),
        _ => None,
    }
}

fn list_in<'a>(vector: &'a Json, name: &str) -> Option<&'a [Json]> {
    match get(vector, name) {
        Json::Array(list) => Some(list),
        _ => None,
    }
}

fn texts_in<'a>(vector: &'a Json, name: &str) -> Option<Vec<&'a str>> {
    let text = |each: &'a Json| match each {
        Json::String(text) => text.as_str(),
        _ => panic!("{name} is a list of texts"),
    };
    Some(list_in(vector, name)?.iter().map(text).collect())
}

fn from_hex(hex: &str) -> Vec<u8> {
    let digit = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).expect("hexadecimal digits");
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// The bytes that a rule describes, as in every file of vectors.
fn bytes_of(rule: &Json) -> Vec<u8> {
    if has(rule, "utf8") {
        text_in(rule, "utf8").into()
    } else if has(rule, "hex") {
        from_hex(text_in(rule, "hex"))
    } else if let Some(count) = number_in(rule, "pattern") {
        pattern(count as usize)
    } else {
        let repeat = get(rule, "repeat");
        let count = number_in(repeat, "count").expect("a count");
        bytes_of(repeat).repeat(count as usize)
    }
}

fn pattern(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i % 251) as u8).collect()
}

fn bits_of(vector: &Json) -> Bits {
    match number_in(vector, "bits") {
        Some(128) => Bits::First128,
        _ => Bits::All256,
    }
}

/// Calls `then` with the identity that a vector describes.
fn with_identity<T>(vector: &Json, then: impl FnOnce(&Identity) -> T) -> T {
    let list = |name| texts_in(vector, name);
    let include = list("include");
    let secret = has(vector, "secret").then(|| bytes_of(get(vector, "secret")));
    let window = has(vector, "window").then(|| {
        let window = get(vector, "window");
        let now_ms = number_in(window, "nowMs").expect("a time");
        let distance = Duration::from_millis(now_ms.unsigned_abs());
        Window {
            length: Duration::from_millis(number_in(window, "lengthMs").expect("a length") as u64),
            now: if now_ms < 0 {
                UNIX_EPOCH - distance
            } else {
                UNIX_EPOCH + distance
            },
        }
    });
    then(&Identity {
        include: include.as_deref(),
        exclude: &list("exclude").unwrap_or_default(),
        refs: &list("refs").unwrap_or_default(),
        scope: &list("scope").or_else(|| list("scopes")).unwrap_or_default(),
        bits: bits_of(vector),
        secret: secret.as_deref(),
        window,
        max_depth: number_in(vector, "maxDepth").unwrap_or(1000) as usize,
        big_numbers: match text_in(vector, "bigNumbers") {
            "digits" => BigNumbers::Digits,
            "double" => BigNumbers::Double,
            _ => BigNumbers::Refuse,
        },
    })
}

/// What a function has returned, as one text: the code of an error says more than its message.
fn result(returned: samekey::Result<String>) -> String {
    returned.unwrap_or_else(|error| error.code.into())
}

struct Checks {
    folder: String,
    passed: usize,
    failed: usize,
}

impl Checks {
    fn load(&self, file: &str, section: &str) -> Vec<Json> {
        let path = format!("{}/{file}", self.folder);
        let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let sections = samekey::parse_json(&text, 1000, BigNumbers::Refuse).expect(&path);
        list_in(&sections, section).expect("a section").to_vec()
    }

    fn check(&mut self, what: &str, vector: &Json, actual: String, expected: &str) {
        if actual == expected {
            self.passed += 1;
            return;
        }
        self.failed += 1;
        let name = text_in(vector, "name");
        println!("{what}: {name}: got {actual:.200?}, expected {expected:.200?}");
    }

    fn digests(&mut self) {
        for v in self.load("sha256.json", "vectors") {
            let digest = samekey::sha256(&[&bytes_of(get(&v, "content"))]);
            self.check(
                "sha256",
                &v,
                samekey::to_hex(&digest),
                text_in(&v, "digest"),
            );
        }
        for v in self.load("sha1.json", "vectors") {
            let digest = samekey::sha1(&bytes_of(get(&v, "content")));
            self.check("sha1", &v, samekey::to_hex(&digest), text_in(&v, "digest"));
        }
        for v in self.load("sha256.json", "everyLength") {
            let until = number_in(&v, "until").expect("a length") as usize;
            let mut all = Sha256::new();
            (0..=until).for_each(|length| all.update(&samekey::sha256(&[&pattern(length)])));
            self.check(
                "every length",
                &v,
                samekey::to_hex(&all.finish()),
                text_in(&v, "digest"),
            );
        }
        for v in self.load("sha256-state.json", "vectors") {
            let mut hasher = Sha256::new();
            hasher.update(&bytes_of(get(&v, "content")));
            let state = samekey::to_hex(&hasher.save());
            self.check("saved state", &v, state, text_in(&v, "state"));
            self.resume(&v, text_in(&v, "state"));
        }
        for v in self.load("sha256-long.json", "vectors") {
            self.resume(&v, text_in(&v, "midstate"));
        }
    }

    fn resume(&mut self, v: &Json, state: &str) {
        let mut hasher = Sha256::restore(&from_hex(state)).expect("a saved state");
        hasher.update(&bytes_of(get(v, "append")));
        let digest = samekey::to_hex(&hasher.finish());
        self.check("restored state", v, digest, text_in(v, "digest"));
    }

    fn monte_carlo(&mut self) {
        for v in self.load("sha-monte-carlo.json", "vectors") {
            let digest = |bytes: &[u8]| match text_in(&v, "algorithm") {
                "SHA-1" => samekey::sha1(bytes).to_vec(),
                _ => samekey::sha256(&[bytes]).to_vec(),
            };
            let mut seed = from_hex(text_in(&v, "seed"));
            for checkpoint in texts_in(&v, "checkpoints").expect("checkpoints") {
                let mut last = [seed.clone(), seed.clone(), seed];
                for _ in 0..1000 {
                    let next = digest(&last.concat());
                    last.rotate_left(1);
                    last[2] = next;
                }
                seed = last[2].clone();
                self.check("monte carlo", &v, samekey::to_hex(&seed), checkpoint);
            }
        }
    }

    fn hmacs(&mut self) {
        for v in self.load("hmac-sha256.json", "vectors") {
            let secret = bytes_of(get(&v, "key"));
            let identity = Identity {
                secret: Some(&secret),
                bits: bits_of(&v),
                ..Identity::default()
            };
            let key = samekey::key_of_bytes(&bytes_of(get(&v, "content")), &identity);
            let expected = format!("ik_{}", text_in(&v, "mac"));
            self.check("hmac", &v, result(key), &expected);
        }
    }

    fn uuids(&mut self) {
        for v in self.load("uuidv5.json", "vectors") {
            let namespace = text_in(&v, "namespace");
            for namespace in [namespace, &namespace.to_uppercase()] {
                let uuid = samekey::uuidv5(namespace, &bytes_of(get(&v, "content")));
                self.check("uuidv5", &v, result(uuid), text_in(&v, "uuid"));
            }
        }
    }

    /// Keys of JSON texts and of other content, with all that an identity has.
    fn keys(&mut self, file: &str) {
        for v in self.load(file, "vectors") {
            with_identity(&v, |identity| {
                if has(&v, "content") {
                    let key = samekey::key_of_bytes(&bytes_of(get(&v, "content")), identity);
                    self.check("key", &v, result(key), text_in(&v, "key"));
                    return;
                }
                let json = text_in(&v, "json").as_bytes();
                let key = samekey::key_of_json(json, identity);
                self.check("key", &v, result(key), text_in(&v, "key"));
                let canonical = samekey::canonicalize_json(json, identity);
                self.check(
                    "key, canonical",
                    &v,
                    result(canonical),
                    text_in(&v, "canonical"),
                );
            });
        }
    }

    fn canonical(&mut self) {
        let identity = Identity::default();
        for v in self.load("canonical-json.json", "vectors") {
            for name in ["json", "canonical"] {
                let text = samekey::canonicalize_json(text_in(&v, name).as_bytes(), &identity);
                self.check("canonical", &v, result(text), text_in(&v, "canonical"));
            }
        }
        for v in self.load("canonical-json.json", "numbers") {
            let bits = u64::from_str_radix(text_in(&v, "ieee754"), 16).expect("64 bits");
            let expected = match get(&v, "expected") {
                Json::String(text) => text,
                _ => "SAMEKEY_NOT_FINITE",
            };
            let text = samekey::format_number(f64::from_bits(bits));
            self.check("number", &v, result(text), expected);
        }
        for v in self.load("canonical-json.json", "refused") {
            let expected = match text_in(&v, "reason") {
                "infinity" => "SAMEKEY_BIG_NUMBER",
                _ => "SAMEKEY_BAD_JSON",
            };
            let key = samekey::key_of_json(text_in(&v, "json").as_bytes(), &identity);
            self.check("refused", &v, result(key), expected);
        }
    }

    fn texts(&mut self) {
        for v in self.load("json-text.json", "vectors") {
            let returned = with_identity(&v, |identity| {
                samekey::canonicalize_json(&bytes_of(&v), identity)
            });
            let expected = [text_in(&v, "canonical"), text_in(&v, "code")].concat();
            if let Err(error) = &returned {
                let at = error.position.expect("a fault in a text has a position");
                let path = error.path.as_deref().unwrap_or("");
                let place = format!("{} {} {} {path}", at.offset, at.line, at.column);
                let number = |name| number_in(&v, name).unwrap_or(-1);
                let (offset, line, column) = (number("position"), number("line"), number("column"));
                let expected = format!("{offset} {line} {column} {}", text_in(&v, "path"));
                self.check("text, position", &v, place, &expected);
            }
            self.check("text", &v, result(returned), &expected);
        }
    }
}

fn print_cases() -> io::Result<()> {
    let mut printed = BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().split(b'\n') {
        let case = samekey::parse_json(&line?, 1000, BigNumbers::Refuse).expect("a case");
        let key = with_identity(&case, |identity| {
            samekey::key_of_json(&bytes_of(&case), identity)
        });
        writeln!(printed, "{}", result(key))?;
    }
    printed.flush()
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let folder = match &args[..] {
        [flag] if flag == "--cases" => {
            print_cases().expect("the output can be written");
            return ExitCode::SUCCESS;
        }
        [folder] => folder.clone(),
        _ => {
            eprintln!("usage: check_vectors FOLDER | check_vectors --cases");
            return ExitCode::FAILURE;
        }
    };
    let mut checks = Checks {
        folder,
        passed: 0,
        failed: 0,
    };
    checks.digests();
    checks.monte_carlo();
    checks.hmacs();
    checks.uuids();
    checks.keys("keys.json");
    checks.keys("identity-paths.json");
    checks.canonical();
    checks.texts();
    println!("{} passed, {} failed", checks.passed, checks.failed);
    ExitCode::from(u8::from(checks.failed > 0))
}
