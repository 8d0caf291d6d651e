//go:build ignore

// Prints the key of a JSON file, or of each line of the input.
//
//	go run key.go request.json
//	go run key.go --lines < requests.jsonl
//
// With --lines, a line that has no key prints the code of the error.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	samekey "github.com/samekey/samekey/examples/go"
)

func main() {
	if len(os.Args) != 2 {
		fail(errors.New("usage: key FILE | key --lines"))
	}
	if os.Args[1] == "--lines" {
		if err := printLines(os.Stdin, os.Stdout); err != nil {
			fail(err)
		}
		return
	}
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		fail(err)
	}
	key, err := samekey.KeyOfJSON(text, samekey.Identity{})
	if err != nil {
		fail(fmt.Errorf("%s: %w", os.Args[1], err))
	}
	fmt.Println(key)
}

func printLines(input io.Reader, output io.Writer) error {
	lines := bufio.NewReader(input)
	printed := bufio.NewWriter(output)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			fmt.Fprintln(printed, keyOrCode(bytes.TrimSuffix(line, []byte("\n"))))
		}
		if err == io.EOF {
			return printed.Flush()
		}
		if err != nil {
			return err
		}
	}
}

func keyOrCode(text []byte) string {
	key, err := samekey.KeyOfJSON(text, samekey.Identity{})
	var refused *samekey.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	return key
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "samekey:", err)
	os.Exit(1)
}
