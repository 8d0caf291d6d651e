// Package samekey makes idempotency keys from content: the same content has the
// same key as in TypeScript, Python and Rust.
//
//	key, err := samekey.KeyOfJSON(body, samekey.Identity{Exclude: []string{"trace_id"}})
//
// The file needs the standard library only. Copy it into a package of your own.
// The format of a key is defined in docs/key-format.md.
package samekey

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Error is the error of every function here.
type Error struct {
	// Code does not change between versions, such as SAMEKEY_BAD_JSON.
	Code string
	// Path is the JSON Pointer (RFC 6901) of a value that is JSON, but out of range.
	Path string
	// Position is the offset of the fault, in bytes of the JSON text or of the path.
	Position int
	// Line and Column count from 1, the column in Unicode characters. Both are 0 if
	// the fault is not in a JSON text.
	Line, Column int

	message string
}

func (e *Error) Error() string { return e.Code + ": " + e.message }

func refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, message: fmt.Sprintf(format, args...)}
}

// BigNumbers says what becomes of an integer in a JSON text that a double does not
// hold exactly, such as 9007199254740993.
type BigNumbers int

const (
	// RefuseBigNumbers refuses it with SAMEKEY_BIG_NUMBER. This is the default.
	RefuseBigNumbers BigNumbers = iota
	// KeepDigits writes it as it is spelled. The TypeScript library does this for the
	// bodies of requests.
	KeepDigits
	// RoundToDouble rounds it as JavaScript's JSON.parse does.
	RoundToDouble
)

// Identity selects the part of a JSON text that makes the key, and says how the key
// is made. The zero value takes everything.
//
// Paths are JSONPath (RFC 9535) with names, indexes, slices, * and "..". A bare name means
// a member at the top.
type Identity struct {
	// Include lists the paths of what makes the key. Everything else is left out.
	Include []string
	// Exclude lists the paths of what is left out. It takes precedence over Include.
	Exclude []string
	// Refs lists the paths of large values. Their digest takes their place.
	Refs []string
	// Scope separates tenants, environments or operations, from the outermost inwards.
	Scope []string
	// Bits is 256 (keys of 67 characters, the default) or 128 (35 characters).
	Bits int
	// Secret makes the key an HMAC-SHA-256.
	Secret []byte
	// Window gives the same content another key in each period of this length.
	Window time.Duration
	// Now returns the time for Window. The default is time.Now.
	Now func() time.Time
	// MaxDepth limits how deep arrays and objects nest: 1 to 1500, by default 1000.
	MaxDepth int
	// BigNumbers says what becomes of integers beyond 2^53 - 1.
	BigNumbers BigNumbers
}

// KeyOfJSON returns the key of a JSON text, such as the body of a request. White
// space, the order of members and the spelling of strings and numbers do not matter.
// The whole text is read strictly, as I-JSON (RFC 7493).
//
// It fails with SAMEKEY_BAD_JSON, SAMEKEY_BIG_NUMBER or SAMEKEY_TOO_DEEP for the
// text, SAMEKEY_EMPTY_IDENTITY if no path of Include matches, and SAMEKEY_BAD_PATH,
// SAMEKEY_BAD_SCOPE, SAMEKEY_BAD_IDENTITY or SAMEKEY_BAD_ARGUMENT for the identity.
func KeyOfJSON(text []byte, identity Identity) (string, error) {
	canonical, err := CanonicalizeJSON(text, identity)
	if err != nil {
		return "", err
	}
	return identity.keyOf(canonical)
}

// KeyOfBytes returns the key of content that is not read as JSON: a text as its
// UTF-8 bytes, or any other bytes. The identity has no paths.
func KeyOfBytes(content []byte, identity Identity) (string, error) {
	if identity.Include != nil || len(identity.Exclude)+len(identity.Refs) > 0 {
		return "", refuse("SAMEKEY_BAD_IDENTITY", "cannot use paths on bytes, wanted KeyOfJSON")
	}
	return identity.keyOf(content)
}

// CanonicalizeJSON returns the canonical form (RFC 8785) of the part of a JSON text
// that Include, Exclude and Refs select. The other members of the identity that it
// reads are MaxDepth and BigNumbers. It fails as KeyOfJSON.
func CanonicalizeJSON(text []byte, identity Identity) ([]byte, error) {
	rules, err := identity.rules()
	if err != nil {
		return nil, err
	}
	value, err := identity.parse(text)
	if err != nil {
		return nil, err
	}
	w := writer{rules: rules, hasIncluded: identity.Include == nil}
	start := make([]step, len(rules))
	for i := range rules {
		start[i] = step{rule: i}
	}
	if err := w.writeSelected(value, w.arrive(start, identity.Include == nil)); err != nil {
		return nil, err
	}
	if !w.hasIncluded {
		return nil, refuse("SAMEKEY_EMPTY_IDENTITY", "no include path matches the value: %s", strings.Join(identity.Include, ", "))
	}
	return w.text, nil
}

// UUIDv5 returns the UUID of RFC 9562 §5.5: the namespace is the text of a UUID.
// It fails with SAMEKEY_BAD_UUID.
func UUIDv5(namespace string, content []byte) (string, error) {
	digits := strings.ReplaceAll(namespace, "-", "")
	space, err := hex.DecodeString(digits)
	if err != nil || len(space) != 16 || namespace != formatUUID(digits) {
		return "", refuse("SAMEKEY_BAD_UUID", "the namespace is %q, wanted 8-4-4-4-12 hexadecimal digits", namespace)
	}
	digest := sha1.Sum(append(space, content...))
	digest[6] = digest[6]&0x0f | 0x50
	digest[8] = digest[8]&0x3f | 0x80
	return formatUUID(hex.EncodeToString(digest[:16])), nil
}

func formatUUID(digits string) string {
	return strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-")
}

// FormatNumber prints a double as ECMAScript does (Number::toString), which RFC 8785
// demands. It fails with SAMEKEY_NOT_FINITE.
func FormatNumber(number float64) (string, error) {
	if math.IsNaN(number) || math.IsInf(number, 0) {
		return "", refuse("SAMEKEY_NOT_FINITE", "%v is not a JSON number", number)
	}
	if number == 0 {
		return "0", nil // also for -0
	}
	// -d.ddde±xx, with the shortest digits that read back as the same double.
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(number, 'e', -1, 64), "e")
	sign := ""
	if mantissa[0] == '-' {
		sign, mantissa = "-", mantissa[1:]
	}
	digits := strings.Replace(mantissa, ".", "", 1)
	power, _ := strconv.Atoi(exponent)
	point := power + 1 // where the decimal point stands: the n of the standard
	switch {
	case len(digits) <= point && point <= 21:
		return sign + digits + strings.Repeat("0", point-len(digits)), nil
	case 0 < point && point <= 21:
		return sign + digits[:point] + "." + digits[point:], nil
	case -6 < point && point <= 0:
		return sign + "0." + strings.Repeat("0", -point) + digits, nil
	}
	return fmt.Sprintf("%s%se%+d", sign, mantissa, power), nil
}

// keyOf digests the frame: scope 00 scope 00 … 00 content.
func (identity Identity) keyOf(content []byte) (string, error) {
	scopes := identity.Scope
	if identity.Window != 0 {
		window, err := identity.window()
		if err != nil {
			return "", err
		}
		scopes = append(scopes[:len(scopes):len(scopes)], window)
	}
	digest := sha256.New()
	if identity.Secret != nil {
		if len(identity.Secret) == 0 {
			return "", refuse("SAMEKEY_BAD_ARGUMENT", "the secret is empty")
		}
		digest = hmac.New(sha256.New, identity.Secret)
	}
	for _, scope := range scopes {
		if !utf8.ValidString(scope) || strings.IndexByte(scope, 0) >= 0 {
			return "", refuse("SAMEKEY_BAD_SCOPE", "the scope %q is not UTF-8, or holds U+0000, which separates scopes", scope)
		}
		digest.Write([]byte(scope + "\x00"))
	}
	digest.Write(content)
	key := "ik_" + hex.EncodeToString(digest.Sum(nil))
	switch identity.Bits {
	case 0, 256:
		return key, nil
	case 128:
		return key[:len("ik_")+32], nil
	}
	return "", refuse("SAMEKEY_BAD_ARGUMENT", "a key has 256 or 128 bits, not %d", identity.Bits)
}

// window returns the scope of the current period.
func (identity Identity) window() (string, error) {
	length := identity.Window.Milliseconds()
	if length < 1 || identity.Window != time.Duration(length)*time.Millisecond {
		return "", refuse("SAMEKEY_BAD_IDENTITY", "the window is %v, wanted whole milliseconds", identity.Window)
	}
	now := time.Now
	if identity.Now != nil {
		now = identity.Now
	}
	ms := now().UnixMilli()
	period := ms / length
	if ms%length < 0 {
		period-- // before 1970, too, it is rounded down
	}
	return fmt.Sprintf("window=%d:%d", length, period), nil
}

// A JSON value is nil, a bool, a string, a number, []any or map[string]any.

// number is the canonical text of a number.
type number string

// isLess orders names by their UTF-16 code units (RFC 8785 §3.2.3). In UTF-8 that is
// the order of bytes, except that characters above U+FFFF, with the lead bytes F0 to
// F4, come before those from U+E000 on, with EE and EF.
func isLess(a, b string) bool {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] != b[i] {
			if a[i] >= 0xee && b[i] >= 0xee && (a[i] >= 0xf0) != (b[i] >= 0xf0) {
				return a[i] >= 0xf0
			}
			return a[i] < b[i]
		}
	}
	return len(a) < len(b)
}

// --- Reading JSON: RFC 8259, as strictly as RFC 7493. encoding/json takes repeated
// names, replaces bytes that are not UTF-8, and rounds integers to doubles.

const maxSafeInteger = 1<<53 - 1

type parser struct {
	text       []byte
	at         int
	maxDepth   int
	bigNumbers BigNumbers
	// The path to the value that is being read: names and indexes.
	path []string
}

func (identity Identity) parse(text []byte) (any, error) {
	p := &parser{text: text, maxDepth: identity.MaxDepth, bigNumbers: identity.BigNumbers}
	if p.maxDepth == 0 {
		p.maxDepth = 1000
	}
	if p.maxDepth < 1 || p.maxDepth > 1500 {
		return nil, refuse("SAMEKEY_BAD_ARGUMENT", "MaxDepth is %d, wanted 1 to 1500", p.maxDepth)
	}
	if p.bigNumbers < RefuseBigNumbers || p.bigNumbers > RoundToDouble {
		return nil, refuse("SAMEKEY_BAD_ARGUMENT", "there is no BigNumbers %d", p.bigNumbers)
	}
	for rest := text; len(rest) > 0; {
		char, size := utf8.DecodeRune(rest)
		if char == utf8.RuneError && size == 1 {
			p.at = len(text) - len(rest)
			return nil, p.fail("UTF-8")
		}
		rest = rest[size:]
	}
	value, err := p.value()
	if err != nil {
		return nil, err
	}
	if p.next() != end {
		return nil, p.fail("the end")
	}
	return value, nil
}

// fail describes a text that is not JSON at the current position.
func (p *parser) fail(wanted string) *Error {
	before := string(p.text[:p.at])
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[1+strings.LastIndex(before, "\n"):])
	e := refuse("SAMEKEY_BAD_JSON", "cannot read the JSON text at line %d, column %d: wanted %s", line, column, wanted)
	e.Position, e.Line, e.Column = p.at, line, column
	return e
}

// refuse describes a value that is JSON, but out of range.
func (p *parser) refuse(code, wanted string) *Error {
	e := p.fail(wanted)
	e.Code = code
	for _, name := range p.path {
		e.Path += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
	}
	return e
}

const end = -1

// next skips white space and returns the next byte, or end.
func (p *parser) next() int {
	for ; p.at < len(p.text); p.at++ {
		switch char := p.text[p.at]; char {
		case ' ', '\n', '\r', '\t':
		default:
			return int(char)
		}
	}
	return end
}

func (p *parser) value() (any, error) {
	switch p.next() {
	case '"':
		return p.string()
	case '{':
		return p.object()
	case '[':
		return p.array()
	case 't':
		return true, p.word("true")
	case 'f':
		return false, p.word("false")
	case 'n':
		return nil, p.word("null")
	}
	return p.number()
}

func (p *parser) word(word string) error {
	if !bytes.HasPrefix(p.text[p.at:], []byte(word)) {
		return p.fail("a value")
	}
	p.at += len(word)
	return nil
}

func (p *parser) number() (any, error) {
	length, isInteger := numberLength(p.text[p.at:])
	if length == 0 {
		return nil, p.fail("a value")
	}
	spelled := string(p.text[p.at : p.at+length])
	double, _ := strconv.ParseFloat(spelled, 64) // infinite if it is out of range
	canonical, notFinite := FormatNumber(double)
	// The digits that a double is printed with name that double.
	if isInteger && math.Abs(double) > maxSafeInteger && spelled != canonical {
		if p.bigNumbers == KeepDigits {
			p.at += length
			return number(spelled), nil
		}
		if p.bigNumbers == RefuseBigNumbers {
			return nil, p.refuse("SAMEKEY_BIG_NUMBER", "at most 2^53 - 1, or other BigNumbers")
		}
	}
	if notFinite != nil {
		return nil, p.refuse("SAMEKEY_BIG_NUMBER", "a finite double")
	}
	p.at += length
	return number(canonical), nil
}

// numberLength returns how many bytes at the beginning of text are a number, and
// whether it has neither a fraction nor an exponent (RFC 8259 §6).
func numberLength(text []byte) (length int, isInteger bool) {
	digits := func(from int) int {
		for from < len(text) && '0' <= text[from] && text[from] <= '9' {
			from++
		}
		return from
	}
	first := 0
	if len(text) > 0 && text[0] == '-' {
		first = 1
	}
	at := digits(first)
	if at == first {
		return 0, false
	}
	if text[first] == '0' {
		at = first + 1
	}
	integer := at
	if at < len(text) && text[at] == '.' && digits(at+1) > at+1 {
		at = digits(at + 1)
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		power := at + 1
		if power < len(text) && (text[power] == '+' || text[power] == '-') {
			power++
		}
		if digits(power) > power {
			at = digits(power)
		}
	}
	return at, at == integer
}

// enter begins an array or object. It returns whether the container is empty.
func (p *parser) enter(closing int) (isEmpty bool, err error) {
	if len(p.path) >= p.maxDepth {
		return false, p.refuse("SAMEKEY_TOO_DEEP", fmt.Sprintf("at most the %d levels of MaxDepth", p.maxDepth))
	}
	p.at++
	if p.next() != closing {
		return false, nil
	}
	p.at++
	return true, nil
}

// hasNext skips the comma or the end after a member or element.
func (p *parser) hasNext(closing int) (bool, error) {
	char := p.next()
	if char != closing && char != ',' {
		return false, p.fail(fmt.Sprintf("\",\" or %q", rune(closing)))
	}
	p.at++
	return char == ',', nil
}

// child reads the value of a member or an element.
func (p *parser) child(name string) (any, error) {
	p.path = append(p.path, name)
	value, err := p.value()
	p.path = p.path[:len(p.path)-1]
	return value, err
}

func (p *parser) array() (any, error) {
	array := []any{}
	isEmpty, err := p.enter(']')
	for hasNext := !isEmpty; hasNext && err == nil; {
		var element any
		if element, err = p.child(strconv.Itoa(len(array))); err == nil {
			array = append(array, element)
			hasNext, err = p.hasNext(']')
		}
	}
	return array, err
}

func (p *parser) object() (any, error) {
	object := map[string]any{}
	isEmpty, err := p.enter('}')
	for hasNext := !isEmpty; hasNext && err == nil; {
		var name string
		var value any
		if name, err = p.newName(object); err != nil {
			break
		}
		if value, err = p.child(name); err == nil {
			object[name] = value
			hasNext, err = p.hasNext('}')
		}
	}
	return object, err
}

// newName reads the name of a member and its colon.
func (p *parser) newName(object map[string]any) (string, error) {
	if p.next() != '"' {
		return "", p.fail("a name in double quotes")
	}
	start := p.at
	name, err := p.string()
	if err != nil {
		return "", err
	}
	if _, isTaken := object[name]; isTaken {
		p.at = start
		return "", p.fail(fmt.Sprintf("the name %q once", name))
	}
	if p.next() != ':' {
		return "", p.fail("\":\"")
	}
	p.at++
	return name, nil
}

func (p *parser) string() (string, error) {
	var unescaped []byte
	from := p.at + 1
	for at := from; at < len(p.text); {
		switch char := p.text[at]; {
		case char == '"':
			p.at = at + 1
			return string(append(unescaped, p.text[from:at]...)), nil
		case char == '\\':
			char, length := readEscape(p.text[at:])
			if length == 0 {
				p.at = at
				return "", p.fail("an escape, surrogates in pairs")
			}
			unescaped = utf8.AppendRune(append(unescaped, p.text[from:at]...), char)
			at += length
			from = at
		case char < ' ':
			p.at = at
			return "", p.fail("an escape")
		default:
			at++
		}
	}
	p.at = len(p.text)
	return "", p.fail("'\"'")
}

// readEscape returns the character of the escape at the beginning of text and how
// many bytes the escape has: 0 if it is none, or half of a surrogate pair.
func readEscape(text []byte) (char rune, length int) {
	if len(text) < 2 {
		return 0, 0
	}
	if i := strings.IndexByte(`"\/bfnrt`, text[1]); i >= 0 {
		return rune("\"\\/\b\f\n\r\t"[i]), 2
	}
	first, ok := readUnit(text)
	if !ok || 0xdc00 <= first && first < 0xe000 {
		return 0, 0
	}
	if first < 0xd800 || first >= 0xe000 {
		return first, 6
	}
	second, ok := readUnit(text[6:])
	if !ok || second < 0xdc00 || second >= 0xe000 {
		return 0, 0
	}
	return 0x10000 + (first-0xd800)<<10 + (second - 0xdc00), 12
}

// readUnit reads \u and four hexadecimal digits.
func readUnit(text []byte) (rune, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	var unit [2]byte
	if _, err := hex.Decode(unit[:], text[2:6]); err != nil {
		return 0, false
	}
	return rune(unit[0])<<8 | rune(unit[1]), true
}

// --- Paths: JSONPath (RFC 9535) with names, indexes, slices, * and "..".

type role int

const (
	include role = iota
	exclude
	reference
)

// rule is a path and its effect on the values that it matches.
type rule struct {
	role     role
	segments []segment
}

// segment is one step of a path: to children, or with ".." to descendants of any depth.
type segment struct {
	isDescendant bool
	selectors    []selector
}

// selector tells which members and elements a step leads to.
type selector interface {
	member(name string) bool
	element(index, length int) bool
}

type (
	anyChild    struct{}
	namedMember string
	// slice selects the elements from start up to and without end, every step-th. An
	// index is a slice of one element.
	slice struct {
		start, end *int
		step       int
	}
)

func (anyChild) member(string) bool           { return true }
func (anyChild) element(int, int) bool        { return true }
func (s namedMember) member(name string) bool { return name == string(s) }
func (namedMember) element(int, int) bool     { return false }
func (slice) member(string) bool              { return false }

// element follows RFC 9535 §2.3.4.2.2. A backward slice goes down from its start.
func (s slice) element(index, length int) bool {
	bound := func(at *int, otherwise int) int {
		switch {
		case at == nil:
			return otherwise
		case *at < 0:
			return *at + length
		}
		return *at
	}
	if s.step > 0 {
		first := bound(s.start, 0)
		if first < 0 {
			first = 0
		}
		return index >= first && index < bound(s.end, length) && (index-first)%s.step == 0
	}
	first := bound(s.start, length-1)
	if first >= length {
		first = length - 1
	}
	return s.step < 0 && index <= first && index > bound(s.end, -1) && (first-index)%s.step == 0
}

func (identity Identity) rules() ([]rule, error) {
	if identity.Include != nil && len(identity.Include) == 0 {
		return nil, refuse("SAMEKEY_BAD_IDENTITY", "Include is an empty list, which leaves nothing to make a key of")
	}
	var rules []rule
	for _, list := range []struct {
		role  role
		paths []string
	}{{include, identity.Include}, {exclude, identity.Exclude}, {reference, identity.Refs}} {
		namesAll := false
		for _, path := range list.paths {
			segments, err := parsePath(path)
			if err != nil {
				return nil, err
			}
			namesAll = namesAll || len(segments) == 0
			rules = append(rules, rule{list.role, segments})
		}
		if namesAll && list.role == exclude {
			return nil, refuse("SAMEKEY_BAD_IDENTITY", "Exclude names \"$\", which leaves nothing")
		}
	}
	return rules, nil
}

type pathParser struct {
	text string
	at   int
}

func parsePath(path string) ([]segment, error) {
	p := &pathParser{text: path}
	if !utf8.ValidString(path) {
		return nil, p.fail("UTF-8")
	}
	if length := nameLength(path, true); length > 0 && length == len(path) {
		return []segment{{selectors: []selector{namedMember(path)}}}, nil
	}
	if !p.take("$") {
		p.at = nameLength(path, false)
		return nil, p.fail(`a path begins with "$", and a bare name holds only letters, digits, "_" and "-"`)
	}
	segments := []segment{}
	for p.at < len(path) {
		p.skipBlanks()
		next, err := p.segment()
		if err != nil {
			return nil, err
		}
		segments = append(segments, next)
	}
	return segments, nil
}

// nameLength returns how many bytes at the beginning of text are a name that needs no
// quotes (RFC 9535 §2.5.1.1). A bare name may contain hyphens.
func nameLength(text string, isBare bool) int {
	for i, char := range text {
		isLetter := 'a' <= char && char <= 'z' || 'A' <= char && char <= 'Z' || char == '_' || char >= 0x80
		if isLetter || i > 0 && ('0' <= char && char <= '9' || isBare && char == '-') {
			continue
		}
		return i
	}
	return len(text)
}

func (p *pathParser) fail(wanted string) *Error {
	e := refuse("SAMEKEY_BAD_PATH", "cannot read the path %q at byte %d: %s", p.text, p.at, wanted)
	e.Position = p.at
	return e
}

func (p *pathParser) take(token string) bool {
	if !strings.HasPrefix(p.text[p.at:], token) {
		return false
	}
	p.at += len(token)
	return true
}

func (p *pathParser) skipBlanks() {
	p.at = len(p.text) - len(strings.TrimLeft(p.text[p.at:], " \t\n\r"))
}

func (p *pathParser) segment() (segment, error) {
	isDescendant := p.take("..")
	isDotted := isDescendant || p.take(".")
	if (!isDotted || isDescendant) && p.take("[") {
		selectors, err := p.bracketed()
		return segment{isDescendant, selectors}, err
	}
	if !isDotted {
		return segment{}, p.fail(`wanted ".", ".." or "[", as in ['a-b'] for other names`)
	}
	if p.take("*") {
		return segment{isDescendant, []selector{anyChild{}}}, nil
	}
	length := nameLength(p.text[p.at:], false)
	if length == 0 {
		return segment{}, p.fail(`wanted a name or "*"`)
	}
	p.at += length
	return segment{isDescendant, []selector{namedMember(p.text[p.at-length : p.at])}}, nil
}

func (p *pathParser) bracketed() ([]selector, error) {
	var selectors []selector
	for {
		p.skipBlanks()
		next, err := p.selector()
		if err != nil {
			return nil, err
		}
		selectors = append(selectors, next)
		p.skipBlanks()
		if p.take("]") {
			return selectors, nil
		}
		if !p.take(",") {
			return nil, p.fail(`wanted "," or "]"`)
		}
	}
}

func (p *pathParser) selector() (selector, error) {
	if p.take("*") {
		return anyChild{}, nil
	}
	for _, quote := range []string{`"`, `'`} {
		if p.take(quote) {
			return p.quoted(quote[0])
		}
	}
	start, err := p.integer()
	if err != nil {
		return nil, err
	}
	afterStart := p.at
	p.skipBlanks()
	if p.take(":") {
		return p.slice(start)
	}
	p.at = afterStart
	if start == nil {
		return nil, p.fail(`wanted a quoted name, an index, a slice or "*"`)
	}
	// The element after the last one has no negative index.
	if *start == -1 {
		return slice{start: start, step: 1}, nil
	}
	end := *start + 1
	return slice{start, &end, 1}, nil
}

// slice reads the rest of start:end:step, with blanks between them (RFC 9535 §2.3.4.1).
func (p *pathParser) slice(start *int) (selector, error) {
	p.skipBlanks()
	end, err := p.integer()
	if err != nil {
		return nil, err
	}
	read := slice{start, end, 1}
	p.skipBlanks()
	if !p.take(":") {
		return read, nil
	}
	p.skipBlanks()
	step, err := p.integer()
	if step != nil {
		read.step = *step
	}
	return read, err
}

// integer reads an integer, if there is one: without leading zeros, and not -0.
func (p *pathParser) integer() (*int, error) {
	length, isInteger := numberLength([]byte(p.text[p.at:]))
	text := p.text[p.at : p.at+length]
	if length == 0 || !isInteger || text == "-0" {
		return nil, nil
	}
	value, err := strconv.Atoi(text)
	if err != nil || value > maxSafeInteger || value < -maxSafeInteger {
		return nil, p.fail("an integer has at most 53 bits")
	}
	p.at += length
	return &value, nil
}

// quoted reads the rest of a name in quotes: the escapes of JSON, and \' in single
// quotes (RFC 9535 §2.3.1.2).
func (p *pathParser) quoted(quote byte) (selector, error) {
	var name []byte
	start := p.at - 1
	for p.at < len(p.text) {
		char := p.text[p.at]
		if char == quote {
			p.at++
			return namedMember(name), nil
		}
		if char < ' ' {
			break
		}
		if char != '\\' {
			name = append(name, char)
			p.at++
			continue
		}
		if quote == '\'' && p.take(`\'`) {
			name = append(name, quote)
			continue
		}
		unescaped, length := readEscape([]byte(p.text[p.at:]))
		if length == 0 || quote == '\'' && unescaped == '"' && length == 2 {
			break
		}
		name = utf8.AppendRune(name, unescaped)
		p.at += length
	}
	p.at = start
	return nil, p.fail("the quoted name has no end, or holds an escape or a character that is not allowed")
}

// --- Writing the selected part as canonical JSON (RFC 8785).

// step says how many segments of a rule have matched on the way to a value.
type step struct{ rule, done int }

// place is the effect of all rules on one value.
type place struct {
	steps []step
	// Whether Include names the value or a container around it.
	isInside bool
	// Whether Include may name a value below.
	leadsInside bool
	isExcluded  bool
	isIncluded  bool
	isReference bool
}

// maxNestedRefs is how deep references may lie inside references.
const maxNestedRefs = 100

type writer struct {
	rules       []rule
	text        []byte
	hasIncluded bool
	// How many references are open, one inside the other.
	openRefs int
}

// arrive returns the place that the steps lead to.
func (w *writer) arrive(steps []step, parentIsInside bool) place {
	var p place
	var matched [3]bool
	for _, s := range steps {
		r := w.rules[s.rule]
		if s.done == len(r.segments) {
			matched[r.role] = true
		} else {
			p.steps = append(p.steps, s)
			p.leadsInside = p.leadsInside || r.role == include
		}
	}
	p.isExcluded = matched[exclude]
	p.isIncluded = matched[include]
	p.isInside = parentIsInside || p.isIncluded
	p.isReference = p.isInside && matched[reference]
	return p
}

// child returns the place of a member or element, for which matches tells whether a
// selector leads there.
func (w *writer) child(p place, matches func(selector) bool) place {
	var steps []step
	add := func(s step) {
		for _, known := range steps {
			if known == s {
				return
			}
		}
		steps = append(steps, s)
	}
	for _, s := range p.steps {
		next := w.rules[s.rule].segments[s.done]
		if next.isDescendant {
			add(s)
		}
		for _, sel := range next.selectors {
			if matches(sel) {
				add(step{s.rule, s.done + 1})
				break
			}
		}
	}
	return w.arrive(steps, p.isInside)
}

func isLeftOut(value any, p place) bool {
	if p.isExcluded {
		return true
	}
	if p.isInside {
		return false
	}
	// A container on the way to an included value stays.
	switch value.(type) {
	case []any, map[string]any:
		return !p.leadsInside
	}
	return true
}

func (w *writer) writeSelected(value any, p place) error {
	w.hasIncluded = w.hasIncluded || p.isIncluded
	if p.isReference {
		return w.writeReference(value, p)
	}
	switch value := value.(type) {
	case []any:
		return w.writeArray(value, p)
	case map[string]any:
		return w.writeObject(value, p)
	case string:
		w.writeString(value)
	case number:
		w.text = append(w.text, value...)
	case bool:
		w.text = strconv.AppendBool(w.text, value)
	case nil:
		w.text = append(w.text, "null"...)
	}
	return nil
}

// writeReference writes the digest of a value in its place.
func (w *writer) writeReference(value any, p place) error {
	if w.openRefs == maxNestedRefs {
		return refuse("SAMEKEY_TOO_DEEP", "references are nested deeper than %d levels", maxNestedRefs)
	}
	w.openRefs++
	outer := w.text
	w.text = nil
	if err := w.writeSelected(value, w.arrive(p.steps, p.isInside)); err != nil {
		return err
	}
	digest := sha256.Sum256(w.text)
	w.text = append(outer, fmt.Sprintf(`"sha256:%x"`, digest)...)
	w.openRefs--
	return nil
}

func (w *writer) writeArray(array []any, p place) error {
	w.text = append(w.text, '[')
	isFirst := true
	for i, element := range array {
		next := w.child(p, func(s selector) bool { return s.element(i, len(array)) })
		if isLeftOut(element, next) {
			continue
		}
		if !isFirst {
			w.text = append(w.text, ',')
		}
		isFirst = false
		if err := w.writeSelected(element, next); err != nil {
			return err
		}
	}
	w.text = append(w.text, ']')
	return nil
}

func (w *writer) writeObject(object map[string]any, p place) error {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool { return isLess(names[i], names[j]) })
	w.text = append(w.text, '{')
	isFirst := true
	for _, name := range names {
		next := w.child(p, func(s selector) bool { return s.member(name) })
		if isLeftOut(object[name], next) {
			continue
		}
		if !isFirst {
			w.text = append(w.text, ',')
		}
		isFirst = false
		w.writeString(name)
		w.text = append(w.text, ':')
		if err := w.writeSelected(object[name], next); err != nil {
			return err
		}
	}
	w.text = append(w.text, '}')
	return nil
}

func (w *writer) writeString(text string) {
	w.text = append(w.text, '"')
	from := 0
	for i := 0; i < len(text); i++ {
		char := text[i]
		if char >= ' ' && char != '"' && char != '\\' {
			continue
		}
		w.text = append(w.text, text[from:i]...)
		from = i + 1
		if short := strings.IndexByte("\"\\\b\f\n\r\t", char); short >= 0 {
			w.text = append(w.text, '\\', `"\bfnrt`[short])
		} else {
			w.text = append(w.text, fmt.Sprintf(`\u%04x`, char)...)
		}
	}
	w.text = append(append(w.text, text[from:]...), '"')
}
