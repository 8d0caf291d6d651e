//! Idempotency keys from content: the same content has the same key as in TypeScript, Python and
//! Go.
//!
//! ```ignore
//! let identity = Identity { exclude: &["trace_id"], ..Identity::default() };
//! let key = samekey::key_of_json(body, &identity)?;
//! ```
//!
//! The file needs the standard library only. Copy it into a crate of your own, as a module. The
//! format of a key is defined in docs/key-format.md.

// A program uses some of this file, and rarely all of it.
#![allow(dead_code)]

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The error of every function here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// It does not change between versions, such as `SAMEKEY_BAD_JSON`.
    pub code: &'static str,
    /// The JSON Pointer (RFC 6901) of a value that is JSON, but out of range.
    pub path: Option<String>,
    /// Where the fault is in a JSON text.
    pub position: Option<Position>,
    message: String,
}

/// A place in a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The offset in bytes.
    pub offset: usize,
    /// Counted from 1.
    pub line: usize,
    /// Counted from 1, in Unicode characters.
    pub column: usize,
}

impl Error {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Error {
            code,
            path: None,
            position: None,
            message: message.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Error {}

pub type Result<T> = std::result::Result<T, Error>;

/// What becomes of an integer in a JSON text that a double does not hold exactly, such as
/// 9007199254740993.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BigNumbers {
    /// It is refused: `SAMEKEY_BIG_NUMBER`.
    #[default]
    Refuse,
    /// It stays as it is spelled. The TypeScript library does this for the bodies of requests.
    Digits,
    /// It is rounded, as JavaScript's `JSON.parse` does.
    Double,
}

/// How many bits of the digest a key has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bits {
    /// Keys of 67 characters.
    #[default]
    All256,
    /// Keys of 35 characters.
    First128,
}

/// A period of time in which the same content has the same key.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// How long each period is, in whole milliseconds. They are counted from 1970.
    pub length: Duration,
    pub now: SystemTime,
}

/// The part of a JSON text that makes the key, and how the key is made. The default takes
/// everything.
///
/// Paths are JSONPath (RFC 9535) with names, indexes, slices, `*` and `..`. A bare name means a member at
/// the top.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The paths of what makes the key. Everything else is left out.
    pub include: Option<&'a [&'a str]>,
    /// The paths of what is left out. It takes precedence over `include`.
    pub exclude: &'a [&'a str],
    /// The paths of large values. Their digest takes their place.
    pub refs: &'a [&'a str],
    /// Separates tenants, environments or operations, from the outermost inwards.
    pub scope: &'a [&'a str],
    pub bits: Bits,
    /// Makes the key an HMAC-SHA-256.
    pub secret: Option<&'a [u8]>,
    /// Gives the same content another key in each period.
    pub window: Option<Window>,
    /// How deep arrays and objects may nest: 1 to 1500.
    pub max_depth: usize,
    pub big_numbers: BigNumbers,
}

impl Identity<'_> {
    /// Takes everything: the default as a constant.
    pub const DEFAULT: Self = Identity {
        include: None,
        exclude: &[],
        refs: &[],
        scope: &[],
        bits: Bits::All256,
        secret: None,
        window: None,
        max_depth: 1000,
        big_numbers: BigNumbers::Refuse,
    };
}

impl Default for Identity<'_> {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Returns the key of a JSON text, such as the body of a request. White space, the order of
/// members and the spelling of strings and numbers do not matter. The whole text is read strictly,
/// as I-JSON (RFC 7493).
///
/// # Errors
///
/// `SAMEKEY_BAD_JSON`, `SAMEKEY_BIG_NUMBER` or `SAMEKEY_TOO_DEEP` for the text,
/// `SAMEKEY_EMPTY_IDENTITY` if no path of `include` matches, and `SAMEKEY_BAD_PATH`,
/// `SAMEKEY_BAD_SCOPE`, `SAMEKEY_BAD_IDENTITY` or `SAMEKEY_BAD_ARGUMENT` for the identity.
pub fn key_of_json(text: &[u8], identity: &Identity) -> Result<String> {
    key_of_frame(canonicalize_json(text, identity)?.as_bytes(), identity)
}

/// Returns the key of content that is not read as JSON: a text as its UTF-8 bytes, or any other
/// bytes. The identity has no paths.
///
/// # Errors
///
/// `SAMEKEY_BAD_SCOPE`, `SAMEKEY_BAD_IDENTITY` or `SAMEKEY_BAD_ARGUMENT` for the identity.
pub fn key_of_bytes(content: &[u8], identity: &Identity) -> Result<String> {
    if identity.include.is_some() || !identity.exclude.is_empty() || !identity.refs.is_empty() {
        return Err(Error::new(
            "SAMEKEY_BAD_IDENTITY",
            "cannot use paths on bytes, wanted key_of_json",
        ));
    }
    key_of_frame(content, identity)
}

/// Returns the canonical form (RFC 8785) of the part of a JSON text that `include`, `exclude` and
/// `refs` select. The other members of the identity that it reads are `max_depth` and
/// `big_numbers`.
///
/// # Errors
///
/// As `key_of_json`.
pub fn canonicalize_json(text: &[u8], identity: &Identity) -> Result<String> {
    let rules = rules_of(identity)?;
    let value = parse_json(text, identity.max_depth, identity.big_numbers)?;
    let start = (0..rules.len())
        .map(|rule| Step { rule, done: 0 })
        .collect();
    let mut writer = Writer {
        rules: &rules,
        text: String::with_capacity(text.len()),
        has_included: identity.include.is_none(),
        open_refs: 0,
    };
    let place = writer.arrive(start, identity.include.is_none());
    writer.write(&value, &place)?;
    if writer.has_included {
        return Ok(writer.text);
    }
    let paths = identity.include.unwrap_or_default().join(", ");
    Err(Error::new(
        "SAMEKEY_EMPTY_IDENTITY",
        format!("no include path matches the value: {paths}"),
    ))
}

/// Returns the UUID of RFC 9562 §5.5. The namespace is the text of a UUID.
///
/// # Errors
///
/// `SAMEKEY_BAD_UUID`.
pub fn uuidv5(namespace: &str, content: &[u8]) -> Result<String> {
    let is_uuid = namespace.len() == 36
        && namespace.bytes().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if !is_uuid {
        return Err(Error::new(
            "SAMEKEY_BAD_UUID",
            format!("the namespace is {namespace:?}, wanted 8-4-4-4-12 hexadecimal digits"),
        ));
    }
    let digits: Vec<u8> = namespace.bytes().filter_map(hex_digit).collect();
    let mut bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair[0] << 4 | pair[1])
        .collect();
    bytes.extend_from_slice(content);
    let mut digest = sha1(&bytes);
    digest[6] = digest[6] & 0x0f | 0x50;
    digest[8] = digest[8] & 0x3f | 0x80;
    let hex = to_hex(&digest[..16]);
    Ok([
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-"))
}

/// Prints a double as ECMAScript does (`Number::toString`), which RFC 8785 demands.
///
/// # Errors
///
/// `SAMEKEY_NOT_FINITE`.
pub fn format_number(number: f64) -> Result<String> {
    if !number.is_finite() {
        return Err(Error::new(
            "SAMEKEY_NOT_FINITE",
            format!("{number} is not a JSON number"),
        ));
    }
    if number == 0.0 {
        return Ok("0".into()); // also for -0
    }
    // d.ddde±x, with the shortest digits that read back as the same double.
    let shortest = format!("{:e}", number.abs());
    let (mantissa, power) = shortest
        .split_once('e')
        .expect("the format has an exponent");
    let power: i32 = power.parse().expect("the exponent is an integer");
    let mut digits = mantissa.replace('.', "");
    let sign = if number < 0.0 { "-" } else { "" };
    let count = digits.len() as i32;
    let point = power + 1; // where the decimal point stands: the n of the standard
    if is_halfway(number, count - point) {
        round_to_even(&mut digits, count - point, number.abs());
    }
    Ok(if count <= point && point <= 21 {
        format!("{sign}{digits}{}", "0".repeat((point - count) as usize))
    } else if 0 < point && point <= 21 {
        let (whole, fraction) = digits.split_at(point as usize);
        format!("{sign}{whole}.{fraction}")
    } else if -6 < point && point <= 0 {
        format!("{sign}0.{}{digits}", "0".repeat(-point as usize))
    } else {
        let (first, fraction) = digits.split_at(1);
        let dot = if fraction.is_empty() { "" } else { "." };
        format!("{sign}{first}{dot}{fraction}e{power:+}")
    })
}

/// Whether a double lies exactly between two neighbours among the numbers with so many decimals.
fn is_halfway(number: f64, decimals: i32) -> bool {
    // The double is odd · 2^power.
    let fraction = number.to_bits() & ((1 << 52) - 1);
    let (integer, power) = match (number.to_bits() >> 52 & 0x7ff) as i32 {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << 52, exponent - 1075),
    };
    let odd = integer >> integer.trailing_zeros();
    let power = power + integer.trailing_zeros() as i32;
    // Then 2 · 10^decimals · odd · 2^power is an odd integer.
    let has_fives =
        |count: i32| matches!(5u64.checked_pow(count as u32), Some(fives) if odd % fives == 0);
    1 + decimals + power == 0 && (decimals >= 0 || has_fives(-decimals))
}

/// Of two decimals that are equally close, ECMAScript prints the even one, and Rust the larger one.
fn round_to_even(digits: &mut String, decimals: i32, number: f64) {
    let last = digits.pop().expect("a number has digits");
    let is_odd = matches!(last, '1' | '3' | '5' | '7' | '9');
    let even = char::from(last as u8 - u8::from(is_odd));
    let reads_back = format!("{digits}{even}e{}", -decimals).parse() == Ok(number);
    digits.push(if reads_back { even } else { last });
}

/// Digests the frame: scope 00 scope 00 … 00 content.
fn key_of_frame(content: &[u8], identity: &Identity) -> Result<String> {
    let mut frame = Vec::new();
    for scope in identity.scope {
        if scope.contains('\0') {
            return Err(Error::new(
                "SAMEKEY_BAD_SCOPE",
                format!("the scope {scope:?} holds U+0000, which separates scopes"),
            ));
        }
        frame.extend_from_slice(scope.as_bytes());
        frame.push(0);
    }
    if let Some(window) = identity.window {
        frame.extend_from_slice(scope_of_window(window)?.as_bytes());
        frame.push(0);
    }
    let digest = match identity.secret {
        Some([]) => return Err(Error::new("SAMEKEY_BAD_ARGUMENT", "the secret is empty")),
        Some(secret) => hmac_sha256(secret, &[&frame, content]),
        None => sha256(&[&frame, content]),
    };
    let mut key = format!("ik_{}", to_hex(&digest));
    if identity.bits == Bits::First128 {
        key.truncate("ik_".len() + 32);
    }
    Ok(key)
}

fn scope_of_window(Window { length, now }: Window) -> Result<String> {
    let length_ms = length.as_millis() as i128;
    if length_ms < 1 || length.subsec_nanos() % 1_000_000 != 0 {
        return Err(Error::new(
            "SAMEKEY_BAD_IDENTITY",
            format!("the window is {length:?}, wanted whole milliseconds"),
        ));
    }
    let now_ns = match now.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    };
    // Before 1970, too, it is rounded down.
    Ok(format!(
        "window={length_ms}:{}",
        now_ns.div_euclid(length_ms * 1_000_000)
    ))
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Json {
    Null,
    Bool(bool),
    /// The canonical text of the number.
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(BTreeMap<Name, Json>),
}

/// The name of a member. Names are ordered by their UTF-16 code units (RFC 8785 §3.2.3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(pub String);

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.encode_utf16().cmp(other.0.encode_utf16())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

// --- Reading JSON: RFC 8259, as strictly as RFC 7493.

const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// Reads a JSON text.
///
/// # Errors
///
/// `SAMEKEY_BAD_JSON`, `SAMEKEY_BIG_NUMBER`, `SAMEKEY_TOO_DEEP`; `SAMEKEY_BAD_ARGUMENT` for
/// `max_depth`.
pub fn parse_json(text: &[u8], max_depth: usize, big_numbers: BigNumbers) -> Result<Json> {
    if !(1..=1500).contains(&max_depth) {
        return Err(Error::new(
            "SAMEKEY_BAD_ARGUMENT",
            format!("max_depth is {max_depth}, wanted 1 to 1500"),
        ));
    }
    let (valid, rest) = match std::str::from_utf8(text) {
        Ok(valid) => (valid, None),
        Err(error) => {
            let (valid, _) = text.split_at(error.valid_up_to());
            (
                std::str::from_utf8(valid).expect("this part is valid"),
                Some(error),
            )
        }
    };
    let mut parser = Parser {
        text: valid,
        at: 0,
        max_depth,
        big_numbers,
        path: Vec::new(),
    };
    if rest.is_some() {
        parser.at = valid.len();
        return Err(parser.fail("UTF-8"));
    }
    let value = parser.value()?;
    match parser.next() {
        None => Ok(value),
        Some(_) => Err(parser.fail("the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    max_depth: usize,
    big_numbers: BigNumbers,
    /// The path to the value that is being read: names and indexes.
    path: Vec<String>,
}

impl Parser<'_> {
    /// Describes a text that is not JSON at the current position.
    fn fail(&self, wanted: &str) -> Error {
        let before = &self.text[..self.at];
        let line = 1 + before.matches('\n').count();
        let column = 1 + before
            .chars()
            .rev()
            .take_while(|&char| char != '\n')
            .count();
        let message =
            format!("cannot read the JSON text at line {line}, column {column}: wanted {wanted}");
        let position = Some(Position {
            offset: self.at,
            line,
            column,
        });
        Error {
            position,
            ..Error::new("SAMEKEY_BAD_JSON", message)
        }
    }

    /// Describes a value that is JSON, but out of range.
    fn refuse(&self, code: &'static str, wanted: &str) -> Error {
        let escape = |name: &String| format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        let path = Some(self.path.iter().map(escape).collect());
        Error {
            code,
            path,
            ..self.fail(wanted)
        }
    }

    fn rest(&self) -> &[u8] {
        &self.text.as_bytes()[self.at..]
    }

    /// Skips white space and returns the next byte, unless the text ends.
    fn next(&mut self) -> Option<u8> {
        let is_blank = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.at += self.rest().iter().take_while(is_blank).count();
        self.rest().first().copied()
    }

    fn value(&mut self) -> Result<Json> {
        match self.next() {
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(b'n') => self.word("null", Json::Null),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.fail("a value"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Json> {
        let (length, is_integer) = match number_length(self.rest()) {
            Some(found) => found,
            None => return Err(self.fail("a value")),
        };
        let spelled = &self.text[self.at..self.at + length];
        // Infinite if it is out of range.
        let double: f64 = spelled
            .parse()
            .expect("the grammar of JSON is part of Rust's");
        let canonical = format_number(double);
        // The digits that a double is printed with name that double.
        let is_exact = !is_integer || matches!(&canonical, Ok(text) if text == spelled);
        let text = if double.abs() > MAX_SAFE_INTEGER && !is_exact {
            match self.big_numbers {
                BigNumbers::Digits => Ok(spelled.to_string()),
                BigNumbers::Double => canonical,
                BigNumbers::Refuse => {
                    let wanted = "at most 2^53 - 1, or other big_numbers";
                    return Err(self.refuse("SAMEKEY_BIG_NUMBER", wanted));
                }
            }
        } else {
            canonical
        };
        let text = text.map_err(|_| self.refuse("SAMEKEY_BIG_NUMBER", "a finite double"))?;
        self.at += length;
        Ok(Json::Number(text))
    }

    /// Begins an array or object. Returns whether it has a first member or element.
    fn enter(&mut self, closing: u8) -> Result<bool> {
        if self.path.len() >= self.max_depth {
            let wanted = format!("at most the {} levels of max_depth", self.max_depth);
            return Err(self.refuse("SAMEKEY_TOO_DEEP", &wanted));
        }
        self.at += 1;
        if self.next() != Some(closing) {
            return Ok(true);
        }
        self.at += 1;
        Ok(false)
    }

    /// Skips the comma or the end after a member or element. Returns whether another one follows.
    fn has_next(&mut self, closing: u8) -> Result<bool> {
        match self.next() {
            Some(byte) if byte == closing || byte == b',' => {
                self.at += 1;
                Ok(byte == b',')
            }
            _ => Err(self.fail(&format!("\",\" or \"{}\"", char::from(closing)))),
        }
    }

    /// Reads the value of a member or an element.
    fn child(&mut self, name: String) -> Result<Json> {
        self.path.push(name);
        let value = self.value()?;
        self.path.pop();
        Ok(value)
    }

    fn array(&mut self) -> Result<Json> {
        let mut array = Vec::new();
        let mut has_next = self.enter(b']')?;
        while has_next {
            array.push(self.child(array.len().to_string())?);
            has_next = self.has_next(b']')?;
        }
        Ok(Json::Array(array))
    }

    fn object(&mut self) -> Result<Json> {
        let mut object = BTreeMap::new();
        let mut has_next = self.enter(b'}')?;
        while has_next {
            if self.next() != Some(b'"') {
                return Err(self.fail("a name in double quotes"));
            }
            let start = self.at;
            let name = Name(self.string()?);
            if object.contains_key(&name) {
                self.at = start;
                return Err(self.fail(&format!("the name {:?} once", name.0)));
            }
            if self.next() != Some(b':') {
                return Err(self.fail("\":\""));
            }
            self.at += 1;
            let value = self.child(name.0.clone())?;
            object.insert(name, value);
            has_next = self.has_next(b'}')?;
        }
        Ok(Json::Object(object))
    }

    fn string(&mut self) -> Result<String> {
        let mut string = String::new();
        self.at += 1;
        loop {
            let is_plain = |&&byte: &&u8| byte >= b' ' && byte != b'"' && byte != b'\\';
            let plain = self.rest().iter().take_while(is_plain).count();
            string.push_str(&self.text[self.at..self.at + plain]);
            self.at += plain;
            match self.rest().first() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => match read_escape(self.rest()) {
                    Some((char, length)) => {
                        string.push(char);
                        self.at += length;
                    }
                    None => return Err(self.fail("an escape, surrogates in pairs")),
                },
                Some(_) => return Err(self.fail("an escape")),
                None => return Err(self.fail("'\"'")),
            }
        }
    }
}

/// Returns how many bytes at the beginning of a text are a number, and whether it has neither a
/// fraction nor an exponent (RFC 8259 §6).
fn number_length(text: &[u8]) -> Option<(usize, bool)> {
    let at = |i: usize| text.get(i).copied().unwrap_or(0);
    let digits = |from: usize| (from..).take_while(|&i| at(i).is_ascii_digit()).count();
    let sign = usize::from(at(0) == b'-');
    let integer = sign + if at(sign) == b'0' { 1 } else { digits(sign) };
    if integer == sign {
        return None;
    }
    let mut end = integer;
    if at(end) == b'.' && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if matches!(at(end), b'e' | b'E') {
        let power = end + 1 + usize::from(matches!(at(end + 1), b'+' | b'-'));
        if digits(power) > 0 {
            end = power + digits(power);
        }
    }
    Some((end, end == integer))
}

/// Returns the character of the escape at the beginning of a text and its length in bytes, unless
/// it is no escape, or half of a surrogate pair.
fn read_escape(text: &[u8]) -> Option<(char, usize)> {
    let short = match *text.get(1)? {
        char @ (b'"' | b'\\' | b'/') => char::from(char),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        _ => {
            let first = read_unit(text)?;
            if let Some(char) = char::from_u32(first) {
                return Some((char, 6));
            }
            // A surrogate: only a high one with a low one behind it makes a character.
            let second = read_unit(&text[6..])?;
            let is_pair = first < 0xdc00 && (0xdc00..0xe000).contains(&second);
            let code = 0x10000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
            return char::from_u32(code)
                .filter(|_| is_pair)
                .map(|char| (char, 12));
        }
    };
    Some((short, 2))
}

/// Reads `\u` and four hexadecimal digits.
fn read_unit(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit, &digit| {
        Some(unit << 4 | u32::from(hex_digit(digit)?))
    })
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

// --- Paths: JSONPath (RFC 9535) with names, indexes, slices, `*` and `..`.

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Include,
    Exclude,
    Reference,
}

/// A path and its effect on the values that it matches.
struct Rule {
    role: Role,
    segments: Vec<Segment>,
}

/// One step of a path: to children, or with `..` to descendants of any depth.
struct Segment {
    is_descendant: bool,
    selectors: Vec<Selector>,
}

enum Selector {
    Any,
    Name(String),
    /// The elements from `start` up to and without `end`, every `step`th. An index is a slice of
    /// one element.
    Slice {
        start: Option<i64>,
        end: Option<i64>,
        step: i64,
    },
}

/// A child of a container, as selectors see it.
#[derive(Clone, Copy)]
enum Child<'a> {
    Member(&'a str),
    Element { index: usize, length: usize },
}

impl Selector {
    fn matches(&self, child: Child) -> bool {
        match (self, child) {
            (Selector::Any, _) => true,
            (Selector::Name(wanted), Child::Member(name)) => wanted == name,
            (&Selector::Slice { start, end, step }, Child::Element { index, length }) => {
                is_in_slice(start, end, step, index as i64, length as i64)
            }
            _ => false,
        }
    }
}

/// RFC 9535 §2.3.4.2.2. A backward slice goes down from its start.
fn is_in_slice(start: Option<i64>, end: Option<i64>, step: i64, index: i64, length: i64) -> bool {
    let bound = |at: i64| if at < 0 { at + length } else { at };
    if step > 0 {
        let first = start.map_or(0, bound).max(0);
        return index >= first && index < end.map_or(length, bound) && (index - first) % step == 0;
    }
    let first = start.map_or(length - 1, bound).min(length - 1);
    step < 0 && index <= first && index > end.map_or(-1, bound) && (first - index) % step == 0
}

fn rules_of(identity: &Identity) -> Result<Vec<Rule>> {
    let refuse = |what| Err(Error::new("SAMEKEY_BAD_IDENTITY", what));
    if matches!(identity.include, Some([])) {
        return refuse("include is an empty list, which leaves nothing to make a key of");
    }
    let lists = [
        (Role::Include, identity.include.unwrap_or_default()),
        (Role::Exclude, identity.exclude),
        (Role::Reference, identity.refs),
    ];
    let mut rules = Vec::new();
    for (role, paths) in lists {
        let first = rules.len();
        for path in paths {
            let segments = parse_path(path)?;
            rules.push(Rule { role, segments });
        }
        let names_all = rules[first..].iter().any(|rule| rule.segments.is_empty());
        if names_all && role == Role::Exclude {
            return refuse("exclude names \"$\", which leaves nothing");
        }
    }
    Ok(rules)
}

struct PathParser<'a> {
    text: &'a str,
    at: usize,
}

fn parse_path(text: &str) -> Result<Vec<Segment>> {
    let mut parser = PathParser { text, at: 0 };
    if !text.is_empty() && name_length(text, true) == text.len() {
        let selectors = vec![Selector::Name(text.into())];
        return Ok(vec![Segment {
            is_descendant: false,
            selectors,
        }]);
    }
    if !parser.take("$") {
        parser.at = name_length(text, false);
        return parser.fail(
            "a path begins with \"$\", and a bare name holds only letters, digits, \"_\" and \"-\"",
        );
    }
    let mut segments = Vec::new();
    while parser.at < text.len() {
        parser.skip_blanks();
        segments.push(parser.segment()?);
    }
    Ok(segments)
}

/// Returns how many bytes at the beginning of a text are a name that needs no quotes (RFC 9535
/// §2.5.1.1). A bare name may contain hyphens.
fn name_length(text: &str, is_bare: bool) -> usize {
    let is_letter = |char: char| char.is_ascii_alphabetic() || char == '_' || !char.is_ascii();
    text.char_indices()
        .find(|&(i, char)| {
            let is_inner = char.is_ascii_digit() || is_bare && char == '-';
            !(is_letter(char) || i > 0 && is_inner)
        })
        .map_or(text.len(), |(i, _)| i)
}

impl PathParser<'_> {
    fn fail<T>(&self, wanted: &str) -> Result<T> {
        let PathParser { text, at } = self;
        let message = format!("cannot read the path {text:?} at byte {at}: {wanted}");
        Err(Error::new("SAMEKEY_BAD_PATH", message))
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn take(&mut self, token: &str) -> bool {
        let is_next = self.rest().starts_with(token);
        self.at += if is_next { token.len() } else { 0 };
        is_next
    }

    fn skip_blanks(&mut self) {
        let rest = self.rest().trim_start_matches([' ', '\t', '\n', '\r']);
        self.at = self.text.len() - rest.len();
    }

    fn segment(&mut self) -> Result<Segment> {
        let is_descendant = self.take("..");
        let is_dotted = is_descendant || self.take(".");
        let selectors = if (is_descendant || !is_dotted) && self.take("[") {
            self.bracketed()?
        } else if !is_dotted {
            return self.fail("wanted \".\", \"..\" or \"[\", as in ['a-b'] for other names");
        } else if self.take("*") {
            vec![Selector::Any]
        } else {
            let name = self.rest()[..name_length(self.rest(), false)].to_string();
            if name.is_empty() {
                return self.fail("wanted a name or \"*\"");
            }
            self.at += name.len();
            vec![Selector::Name(name)]
        };
        Ok(Segment {
            is_descendant,
            selectors,
        })
    }

    fn bracketed(&mut self) -> Result<Vec<Selector>> {
        let mut selectors = Vec::new();
        loop {
            self.skip_blanks();
            selectors.push(self.selector()?);
            self.skip_blanks();
            if self.take("]") {
                return Ok(selectors);
            }
            if !self.take(",") {
                return self.fail("wanted \",\" or \"]\"");
            }
        }
    }

    fn selector(&mut self) -> Result<Selector> {
        if self.take("*") {
            return Ok(Selector::Any);
        }
        for quote in ["\"", "'"] {
            if self.take(quote) {
                return self.quoted(quote);
            }
        }
        let start = self.integer()?;
        let after_start = self.at;
        self.skip_blanks();
        if self.take(":") {
            return self.slice(start);
        }
        self.at = after_start;
        match start {
            None => self.fail("wanted a quoted name, an index, a slice or \"*\""),
            Some(index) => Ok(Selector::Slice {
                start,
                // The element after the last one has no negative index.
                end: if index == -1 { None } else { Some(index + 1) },
                step: 1,
            }),
        }
    }

    /// Reads the rest of `start:end:step`, with blanks between them (RFC 9535 §2.3.4.1).
    fn slice(&mut self, start: Option<i64>) -> Result<Selector> {
        self.skip_blanks();
        let end = self.integer()?;
        self.skip_blanks();
        let mut step = 1;
        if self.take(":") {
            self.skip_blanks();
            step = self.integer()?.unwrap_or(1);
        }
        Ok(Selector::Slice { start, end, step })
    }

    /// Reads an integer, if there is one: without leading zeros, and not -0.
    fn integer(&mut self) -> Result<Option<i64>> {
        let length = match number_length(self.rest().as_bytes()) {
            Some((length, true)) if &self.rest()[..length] != "-0" => length,
            _ => return Ok(None),
        };
        match self.rest()[..length].parse::<i64>() {
            Ok(value) if value.unsigned_abs() <= MAX_SAFE_INTEGER as u64 => {
                self.at += length;
                Ok(Some(value))
            }
            _ => self.fail("an integer has at most 53 bits"),
        }
    }

    /// Reads the rest of a name in quotes: the escapes of JSON, and `\'` in single quotes (RFC 9535
    /// §2.3.1.2).
    fn quoted(&mut self, quote: &str) -> Result<Selector> {
        let start = self.at - 1;
        let mut name = String::new();
        while let Some(char) = self.rest().chars().next() {
            if self.take(quote) {
                return Ok(Selector::Name(name));
            }
            if char < ' ' {
                break;
            }
            if char != '\\' {
                name.push(char);
                self.at += char.len_utf8();
            } else if quote == "'" && self.take("\\'") {
                name.push('\'');
            } else {
                match read_escape(self.rest().as_bytes()) {
                    Some(('"', 2)) if quote == "'" => break,
                    Some((unescaped, length)) => {
                        name.push(unescaped);
                        self.at += length;
                    }
                    None => break,
                }
            }
        }
        self.at = start;
        self.fail(
            "the quoted name has no end, or holds an escape or a character that is not allowed",
        )
    }
}

// --- Writing the selected part as canonical JSON (RFC 8785).

/// How many segments of a rule have matched on the way to a value.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Step {
    rule: usize,
    done: usize,
}

/// The effect of all rules on one value.
struct Place {
    steps: Vec<Step>,
    /// Whether `include` names the value or a container around it.
    is_inside: bool,
    /// Whether `include` may name a value below.
    leads_inside: bool,
    is_excluded: bool,
    is_included: bool,
    is_reference: bool,
}

impl Place {
    fn leaves_out(&self, value: &Json) -> bool {
        // A container on the way to an included value stays.
        let leads_inside = self.leads_inside && matches!(value, Json::Array(_) | Json::Object(_));
        self.is_excluded || !(self.is_inside || leads_inside)
    }
}

/// How deep references may lie inside references.
const MAX_NESTED_REFS: usize = 100;

struct Writer<'a> {
    rules: &'a [Rule],
    text: String,
    has_included: bool,
    /// How many references are open, one inside the other.
    open_refs: usize,
}

impl Writer<'_> {
    /// Returns the place that the steps lead to.
    fn arrive(&self, steps: Vec<Step>, parent_is_inside: bool) -> Place {
        let is_match = |step: &Step| step.done == self.rules[step.rule].segments.len();
        let (matched, live): (Vec<_>, Vec<_>) = steps.into_iter().partition(is_match);
        let has =
            |steps: &[Step], role| steps.iter().any(|step| self.rules[step.rule].role == role);
        let is_included = has(&matched, Role::Include);
        let is_inside = parent_is_inside || is_included;
        Place {
            is_inside,
            leads_inside: has(&live, Role::Include),
            is_excluded: has(&matched, Role::Exclude),
            is_included,
            is_reference: is_inside && has(&matched, Role::Reference),
            steps: live,
        }
    }

    /// Returns the place of a member or element.
    fn child(&self, place: &Place, child: Child) -> Place {
        let mut steps = Vec::new();
        let mut add = |step| {
            if !steps.contains(&step) {
                steps.push(step);
            }
        };
        for &step in &place.steps {
            let segment = &self.rules[step.rule].segments[step.done];
            if segment.is_descendant {
                add(step);
            }
            if segment
                .selectors
                .iter()
                .any(|selector| selector.matches(child))
            {
                add(Step {
                    done: step.done + 1,
                    ..step
                });
            }
        }
        self.arrive(steps, place.is_inside)
    }

    fn write(&mut self, value: &Json, place: &Place) -> Result<()> {
        self.has_included |= place.is_included;
        if place.is_reference {
            return self.write_reference(value, place);
        }
        match value {
            Json::Null => self.text.push_str("null"),
            Json::Bool(true) => self.text.push_str("true"),
            Json::Bool(false) => self.text.push_str("false"),
            Json::Number(text) => self.text.push_str(text),
            Json::String(text) => self.write_string(text),
            Json::Array(array) => self.write_array(array, place)?,
            Json::Object(object) => self.write_object(object, place)?,
        }
        Ok(())
    }

    /// Writes the digest of a value in its place.
    fn write_reference(&mut self, value: &Json, place: &Place) -> Result<()> {
        if self.open_refs == MAX_NESTED_REFS {
            return Err(Error::new(
                "SAMEKEY_TOO_DEEP",
                format!("references are nested deeper than {MAX_NESTED_REFS} levels"),
            ));
        }
        self.open_refs += 1;
        let outer = std::mem::take(&mut self.text);
        let content = self.arrive(place.steps.clone(), place.is_inside);
        self.write(value, &content)?;
        let digest = sha256(&[self.text.as_bytes()]);
        self.text = format!("{outer}\"sha256:{}\"", to_hex(&digest));
        self.open_refs -= 1;
        Ok(())
    }

    fn write_array(&mut self, array: &[Json], place: &Place) -> Result<()> {
        let mut separator = '[';
        for (index, element) in array.iter().enumerate() {
            let next = self.child(
                place,
                Child::Element {
                    index,
                    length: array.len(),
                },
            );
            if next.leaves_out(element) {
                continue;
            }
            self.text.push(std::mem::replace(&mut separator, ','));
            self.write(element, &next)?;
        }
        self.text
            .push_str(if separator == '[' { "[]" } else { "]" });
        Ok(())
    }

    fn write_object(&mut self, object: &BTreeMap<Name, Json>, place: &Place) -> Result<()> {
        let mut separator = '{';
        for (Name(name), value) in object {
            let next = self.child(place, Child::Member(name));
            if next.leaves_out(value) {
                continue;
            }
            self.text.push(std::mem::replace(&mut separator, ','));
            self.write_string(name);
            self.text.push(':');
            self.write(value, &next)?;
        }
        self.text
            .push_str(if separator == '{' { "{}" } else { "}" });
        Ok(())
    }

    fn write_string(&mut self, text: &str) {
        self.text.push_str(&quote(text));
    }
}

/// Returns a text as a JSON string in canonical form.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{8}' => quoted.push_str("\\b"),
            '\t' => quoted.push_str("\\t"),
            '\n' => quoted.push_str("\\n"),
            '\u{c}' => quoted.push_str("\\f"),
            '\r' => quoted.push_str("\\r"),
            '\0'..='\u{1f}' => quoted.push_str(&format!("\\u{:04x}", char as u32)),
            _ => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

// --- Digests: FIPS 180-4 and RFC 2104.

const BLOCK_BYTES: usize = 64;

/// FIPS 180-4 §4.2.2.
#[rustfmt::skip]
const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// An incremental SHA-256.
#[derive(Clone, Debug)]
pub struct Sha256 {
    h: [u32; 8],
    length: u64,
    /// What does not fill a block yet.
    pending: Vec<u8>,
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl Sha256 {
    pub fn new() -> Self {
        // FIPS 180-4 §5.3.3.
        let h = [
            0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
            0x5be0cd19,
        ];
        Sha256 {
            h,
            length: 0,
            pending: Vec::new(),
        }
    }

    pub fn update(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        if !self.pending.is_empty() {
            let (head, rest) = bytes.split_at(bytes.len().min(BLOCK_BYTES - self.pending.len()));
            self.pending.extend_from_slice(head);
            bytes = rest;
            if self.pending.len() == BLOCK_BYTES {
                sha256_block(&mut self.h, &self.pending);
                self.pending.clear();
            }
        }
        let mut blocks = bytes.chunks_exact(BLOCK_BYTES);
        for block in &mut blocks {
            sha256_block(&mut self.h, block);
        }
        self.pending.extend_from_slice(blocks.remainder());
    }

    pub fn finish(mut self) -> [u8; 32] {
        let padding = padding_of(self.length);
        self.update(&padding);
        let mut digest = [0; 32];
        for (bytes, word) in digest.chunks_exact_mut(4).zip(self.h) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }

    /// Returns the state that docs/key-format.md defines, for `restore` in any language.
    pub fn save(&self) -> Vec<u8> {
        let mut state: Vec<u8> = self.h.iter().flat_map(|word| word.to_be_bytes()).collect();
        state.extend_from_slice(&self.length.to_be_bytes());
        state.extend_from_slice(&self.pending);
        state
    }

    /// Continues from a saved state, unless it is none.
    pub fn restore(state: &[u8]) -> Option<Self> {
        let words: Vec<u32> = state.chunks_exact(4).map(big_endian).collect();
        let h = words.get(..8)?.try_into().ok()?;
        let length = u64::from(*words.get(8)?) << 32 | u64::from(*words.get(9)?);
        let pending = state[40..].to_vec();
        let is_whole = pending.len() as u64 == length % BLOCK_BYTES as u64;
        is_whole.then_some(Sha256 { h, length, pending })
    }
}

/// Returns the SHA-256 of the parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finish()
}

/// Returns the HMAC-SHA-256 of the parts, one after the other.
pub fn hmac_sha256(secret: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let digest = sha256(&[secret]);
    let secret = if secret.len() > BLOCK_BYTES {
        &digest
    } else {
        secret
    };
    let pad = |filler: u8| {
        let mut block = [filler; BLOCK_BYTES];
        block
            .iter_mut()
            .zip(secret)
            .for_each(|(byte, key)| *byte ^= key);
        block
    };
    let mut inner = Sha256::new();
    inner.update(&pad(0x36));
    parts.iter().for_each(|part| inner.update(part));
    sha256(&[&pad(0x5c), &inner.finish()])
}

/// FIPS 180-4 §5.1.1: a 1, zeros up to a whole block, and the length in bits.
fn padding_of(length: u64) -> Vec<u8> {
    let used = (length % BLOCK_BYTES as u64) as usize;
    let count = if used < 56 { 56 - used } else { 120 - used };
    let mut padding = vec![0; count];
    padding[0] = 0x80;
    padding.extend_from_slice(&(length << 3).to_be_bytes());
    padding
}

fn big_endian(word: &[u8]) -> u32 {
    word.iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte))
}

/// FIPS 180-4 §6.2.2.
fn sha256_block(h: &mut [u32; 8], block: &[u8]) {
    let mut w = [0u32; 64];
    for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
        *word = big_endian(bytes);
    }
    for t in 16..64 {
        let s0 = w[t - 15].rotate_right(7) ^ w[t - 15].rotate_right(18) ^ w[t - 15] >> 3;
        let s1 = w[t - 2].rotate_right(17) ^ w[t - 2].rotate_right(19) ^ w[t - 2] >> 10;
        w[t] = w[t - 16]
            .wrapping_add(s0)
            .wrapping_add(w[t - 7])
            .wrapping_add(s1);
    }
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut last] = *h;
    for t in 0..64 {
        let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let choice = e & f ^ !e & g;
        let t1 = last
            .wrapping_add(s1)
            .wrapping_add(choice)
            .wrapping_add(K[t])
            .wrapping_add(w[t]);
        let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let majority = a & b ^ a & c ^ b & c;
        (last, g, f, e) = (g, f, e, d.wrapping_add(t1));
        (d, c, b, a) = (c, b, a, t1.wrapping_add(s0).wrapping_add(majority));
    }
    for (word, add) in h.iter_mut().zip([a, b, c, d, e, f, g, last]) {
        *word = word.wrapping_add(add);
    }
}

/// Returns the SHA-1 (FIPS 180-4 §6.1.2), which version 5 UUIDs need. It protects nothing.
pub fn sha1(bytes: &[u8]) -> [u8; 20] {
    let mut message = bytes.to_vec();
    message.extend(padding_of(bytes.len() as u64));
    let mut h: [u32; 5] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
    for block in message.chunks_exact(BLOCK_BYTES) {
        let mut w = [0u32; 80];
        for (word, bytes) in w.iter_mut().zip(block.chunks_exact(4)) {
            *word = big_endian(bytes);
        }
        for t in 16..80 {
            w[t] = (w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = h;
        for (t, &word) in w.iter().enumerate() {
            let (mixed, k) = match t / 20 {
                0 => (b & c ^ !b & d, 0x5a827999),
                1 => (b ^ c ^ d, 0x6ed9eba1),
                2 => (b & c ^ b & d ^ c & d, 0x8f1bbcdc),
                _ => (b ^ c ^ d, 0xca62c1d6u32),
            };
            let sum = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e);
            (e, d, c, b, a) = (
                d,
                c,
                b.rotate_left(30),
                a,
                sum.wrapping_add(k).wrapping_add(word),
            );
        }
        for (word, add) in h.iter_mut().zip([a, b, c, d, e]) {
            *word = word.wrapping_add(add);
        }
    }
    let mut digest = [0; 20];
    for (bytes, word) in digest.chunks_exact_mut(4).zip(h) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

/// Returns bytes as lower-case hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
