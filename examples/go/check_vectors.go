//go:build ignore

// Runs samekey.go over the vectors that every language shares, test/vectors/*.json.
//
//	go run check_vectors.go           prints "N passed, 0 failed"; exits 1 if any failed
//	go run check_vectors.go --cases   for each line of the input, a case with the
//	                                  members of Case, prints the key or an error code
package main

import (
	"bufio"
	"crypto/sha1"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	samekey "github.com/samekey/samekey/examples/go"
)

// Rule describes bytes, as every file of vectors does.
type Rule struct {
	UTF8    *string
	Hex     *string
	Pattern *int
	Repeat  *struct {
		UTF8  *string
		Hex   *string
		Count int
	}
}

func (r Rule) bytes() []byte {
	switch {
	case r.UTF8 != nil:
		return []byte(*r.UTF8)
	case r.Hex != nil:
		return must(hex.DecodeString(*r.Hex))
	case r.Pattern != nil:
		content := make([]byte, *r.Pattern)
		for i := range content {
			content[i] = byte(i % 251)
		}
		return content
	}
	once := Rule{UTF8: r.Repeat.UTF8, Hex: r.Repeat.Hex}.bytes()
	return []byte(strings.Repeat(string(once), r.Repeat.Count))
}

// Case is a JSON text with an identity.
type Case struct {
	Rule
	Include, Exclude, Refs []string
	Scope                  []string
	Bits                   int
	Secret                 *Rule
	MaxDepth               int
	BigNumbers             string
}

func (c Case) identity() samekey.Identity {
	identity := samekey.Identity{
		Include: c.Include, Exclude: c.Exclude, Refs: c.Refs,
		Scope: c.Scope, Bits: c.Bits, MaxDepth: c.MaxDepth,
		BigNumbers: map[string]samekey.BigNumbers{
			"":       samekey.RefuseBigNumbers,
			"error":  samekey.RefuseBigNumbers,
			"digits": samekey.KeepDigits,
			"double": samekey.RoundToDouble,
		}[c.BigNumbers],
	}
	if c.Secret != nil {
		identity.Secret = c.Secret.bytes()
	}
	return identity
}

// result is what a function has returned, as one text: the code of an error says more
// than its message.
func result(text string, err error) string {
	var refused *samekey.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	return text
}

var passed, failed int

func check(what, name, actual, expected string) {
	if actual == expected {
		passed++
		return
	}
	failed++
	fmt.Printf("%s: %s: got %.200q, expected %.200q\n", what, name, actual, expected)
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--cases" {
		printCases()
		return
	}
	checkDigests("sha256.json", sha256.New)
	checkDigests("sha1.json", sha1.New)
	checkEveryLength()
	checkMonteCarlo()
	checkStates()
	checkLong()
	checkHMAC()
	checkUUIDs()
	checkKeys()
	checkPaths()
	checkCanonical()
	checkTexts()
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}

func printCases() {
	printed := bufio.NewWriter(os.Stdout)
	defer printed.Flush()
	lines := json.NewDecoder(os.Stdin)
	for lines.More() {
		var c Case
		if err := lines.Decode(&c); err != nil {
			panic(err)
		}
		fmt.Fprintln(printed, result(samekey.KeyOfJSON(c.bytes(), c.identity())))
	}
}

func checkDigests(file string, newHash func() hash.Hash) {
	var vectors []struct {
		Name    string
		Content Rule
		Digest  string
	}
	load(file, "vectors", &vectors)
	for _, v := range vectors {
		digest := newHash()
		digest.Write(v.Content.bytes())
		check(file, v.Name, hex.EncodeToString(digest.Sum(nil)), v.Digest)
	}
}

func checkEveryLength() {
	var vectors []struct {
		Name   string
		Until  int
		Digest string
	}
	load("sha256.json", "everyLength", &vectors)
	for _, v := range vectors {
		all := sha256.New()
		for length := 0; length <= v.Until; length++ {
			digest := sha256.Sum256(Rule{Pattern: &length}.bytes())
			all.Write(digest[:])
		}
		check("sha256.json", v.Name, hex.EncodeToString(all.Sum(nil)), v.Digest)
	}
}

func checkMonteCarlo() {
	var vectors []struct {
		Name, Algorithm, Seed string
		Checkpoints           []string
	}
	load("sha-monte-carlo.json", "vectors", &vectors)
	for _, v := range vectors {
		newHash := map[string]func() hash.Hash{"SHA-256": sha256.New, "SHA-1": sha1.New}[v.Algorithm]
		seed := must(hex.DecodeString(v.Seed))
		for i, checkpoint := range v.Checkpoints {
			a, b, c := seed, seed, seed
			for round := 0; round < 1000; round++ {
				digest := newHash()
				digest.Write(a)
				digest.Write(b)
				digest.Write(c)
				a, b, c = b, c, digest.Sum(nil)
			}
			check(v.Name, fmt.Sprint("checkpoint ", i), hex.EncodeToString(c), checkpoint)
			seed = c
		}
	}
}

// resume returns a hasher in a saved state of docs/key-format.md.
func resume(state []byte) hash.Hash {
	// crypto/sha256 saves the same fields, with the pending bytes before the length.
	pending := make([]byte, 64)
	copy(pending, state[40:])
	own := append([]byte("sha\x03"), state[:32]...)
	own = append(append(own, pending...), state[32:40]...)
	digest := sha256.New()
	if err := digest.(encoding.BinaryUnmarshaler).UnmarshalBinary(own); err != nil {
		panic(err)
	}
	return digest
}

func checkStates() {
	var vectors []struct {
		Name            string
		Content, Append Rule
		State, Digest   string
	}
	load("sha256-state.json", "vectors", &vectors)
	for _, v := range vectors {
		digest := resume(must(hex.DecodeString(v.State)))
		digest.Write(v.Append.bytes())
		check("state", v.Name, hex.EncodeToString(digest.Sum(nil)), v.Digest)
	}
}

func checkLong() {
	var vectors []struct {
		Name, Midstate, Digest string
		Append                 Rule
	}
	load("sha256-long.json", "vectors", &vectors)
	for _, v := range vectors {
		digest := resume(must(hex.DecodeString(v.Midstate)))
		digest.Write(v.Append.bytes())
		check("long", v.Name, hex.EncodeToString(digest.Sum(nil)), v.Digest)
	}
}

func checkHMAC() {
	var vectors []struct {
		Name         string
		Key, Content Rule
		Bits         int
		MAC          string
	}
	load("hmac-sha256.json", "vectors", &vectors)
	for _, v := range vectors {
		identity := samekey.Identity{Secret: v.Key.bytes(), Bits: v.Bits}
		check("hmac", v.Name, result(samekey.KeyOfBytes(v.Content.bytes(), identity)), "ik_"+v.MAC)
	}
}

func checkUUIDs() {
	var vectors []struct {
		Name, Namespace, UUID string
		Content               Rule
	}
	load("uuidv5.json", "vectors", &vectors)
	for _, v := range vectors {
		for _, namespace := range []string{v.Namespace, strings.ToUpper(v.Namespace)} {
			check("uuidv5", v.Name, result(samekey.UUIDv5(namespace, v.Content.bytes())), v.UUID)
		}
	}
}

func checkKeys() {
	var vectors []struct {
		Case
		Name    string
		Scopes  []string
		Content *Rule
		JSON    *string
		Window  *struct{ LengthMs, NowMs int64 }
		Key     string

		Canonical *string
	}
	load("keys.json", "vectors", &vectors)
	for _, v := range vectors {
		identity := v.identity()
		identity.Scope = v.Scopes
		if v.Window != nil {
			identity.Window = time.Duration(v.Window.LengthMs) * time.Millisecond
			identity.Now = func() time.Time { return time.UnixMilli(v.Window.NowMs) }
		}
		if v.Content != nil {
			check("key", v.Name, result(samekey.KeyOfBytes(v.Content.bytes(), identity)), v.Key)
			continue
		}
		check("key", v.Name, result(samekey.KeyOfJSON([]byte(*v.JSON), identity)), v.Key)
		if v.Canonical != nil {
			canonical, err := samekey.CanonicalizeJSON([]byte(*v.JSON), identity)
			check("key, canonical", v.Name, result(string(canonical), err), *v.Canonical)
		}
	}
}

func checkPaths() {
	var vectors []struct {
		Case
		Name, JSON, Canonical, Key string
	}
	load("identity-paths.json", "vectors", &vectors)
	for _, v := range vectors {
		identity := v.identity()
		canonical, err := samekey.CanonicalizeJSON([]byte(v.JSON), identity)
		check("path, canonical", v.Name, result(string(canonical), err), v.Canonical)
		check("path", v.Name, result(samekey.KeyOfJSON([]byte(v.JSON), identity)), v.Key)
	}
}

func checkCanonical() {
	var vectors []struct{ Name, JSON, Canonical string }
	load("canonical-json.json", "vectors", &vectors)
	for _, v := range vectors {
		for _, text := range []string{v.JSON, v.Canonical} {
			canonical, err := samekey.CanonicalizeJSON([]byte(text), samekey.Identity{})
			check("canonical", v.Name, result(string(canonical), err), v.Canonical)
		}
	}
	var numbers []struct {
		Name, IEEE754 string
		Expected      *string
	}
	load("canonical-json.json", "numbers", &numbers)
	for _, v := range numbers {
		double := math.Float64frombits(binary.BigEndian.Uint64(must(hex.DecodeString(v.IEEE754))))
		expected := "SAMEKEY_NOT_FINITE"
		if v.Expected != nil {
			expected = *v.Expected
		}
		check("number", v.Name, result(samekey.FormatNumber(double)), expected)
	}
	var refused []struct{ Name, JSON, Reason string }
	load("canonical-json.json", "refused", &refused)
	for _, v := range refused {
		expected := "SAMEKEY_BAD_JSON"
		if v.Reason == "infinity" {
			expected = "SAMEKEY_BIG_NUMBER"
		}
		check("refused", v.Name, result(samekey.KeyOfJSON([]byte(v.JSON), samekey.Identity{})), expected)
	}
}

func checkTexts() {
	var vectors []struct {
		Case
		Name, Canonical, Code  string
		Position, Line, Column int
		Path                   string
	}
	load("json-text.json", "vectors", &vectors)
	for _, v := range vectors {
		canonical, err := samekey.CanonicalizeJSON(v.bytes(), v.identity())
		check("text", v.Name, result(string(canonical), err), v.Canonical+v.Code)
		var refused *samekey.Error
		if errors.As(err, &refused) {
			where := fmt.Sprint(refused.Position, refused.Line, refused.Column, refused.Path)
			check("text, position", v.Name, where, fmt.Sprint(v.Position, v.Line, v.Column, v.Path))
		}
	}
}

func load(file, section string, vectors any) {
	_, here, _, _ := runtime.Caller(0)
	text := must(os.ReadFile(filepath.Join(filepath.Dir(here), "../../test/vectors", file)))
	var sections map[string]json.RawMessage
	if err := json.Unmarshal(text, &sections); err != nil {
		panic(err)
	}
	if err := json.Unmarshal(sections[section], vectors); err != nil {
		panic(fmt.Errorf("%s, %s: %w", file, section, err))
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
