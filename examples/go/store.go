package samekey

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Store keeps one record per key in Redis or Valkey, in the format of the TypeScript
// library's samekey/store/redis: at most one process runs a key, whatever language it
// is written in. Copy store.go and scripts.go for it.
type Store struct {
	// Do sends one command. A bulk string is a string, an integer an int64, a null nil,
	// as a Conn and go-redis return them. An error reply is an error.
	Do func(ctx context.Context, args ...any) (any, error)
	// Prefix is what the names of keys begin with, by default "samekey:".
	Prefix string
	// Lease is how long an owner may stay silent before another process may run its
	// key, by default 30 seconds. The owner renews it three times in that time.
	Lease time.Duration
	// TTL is how long a result is stored, by default 24 hours.
	TTL time.Duration
}

var (
	// ErrLeaseLost says that the function has run, and that another process may have
	// run the key since, because Redis could not be reached or lost the record.
	ErrLeaseLost = errors.New("samekey: another owner has the key, or the record is lost")
	// ErrNotJSON says that the record holds a result that only the TypeScript library
	// can read, or an error that it stored.
	ErrNotJSON = errors.New("samekey: the stored result is not JSON")
)

// Record is the current record of a key.
type Record struct {
	// State is "running" until the run completes, then "done" or "failed".
	State string
	// Owner is the unique text of the claim.
	Owner string
	// FencingToken grows with every claim of the key.
	FencingToken int64
	// Attempt is 1 for the first run. Each takeover of an abandoned run adds 1.
	Attempt int
	// LeaseEnds and Expires are times of the server's clock.
	LeaseEnds, Expires time.Time
	// Codec is the format of Payload. Both are empty for a running record.
	Codec, Payload string
}

// Result returns the JSON text that the run has returned, or an empty text if it
// has returned nothing.
func (r *Record) Result() ([]byte, error) {
	if r.State != "done" || r.Codec != "json" {
		return nil, fmt.Errorf("%w: state %q, codec %q", ErrNotJSON, r.State, r.Codec)
	}
	return []byte(r.Payload), nil
}

// Once runs fn unless the key has a result, which it returns instead. While another
// owner runs the key, in any process, it waits. The result is a JSON text.
//
// The context of fn is cancelled when the lease is lost. If fn returns an error, the
// key is free again for the next caller. If the process ends in fn, the next caller
// runs the key when the lease has expired. If fn has run and its result is not stored,
// Once returns both the result and an error.
func (s *Store) Once(ctx context.Context, key string, fn func(context.Context) ([]byte, error)) ([]byte, error) {
	const first, most = 20 * time.Millisecond, time.Second
	for pause := first; ; {
		owner := newOwner()
		record, isOurs, err := s.claim(ctx, key, owner)
		if err != nil {
			return nil, err
		}
		if isOurs {
			return s.run(ctx, key, owner, fn)
		}
		if record.State != "running" {
			return record.Result()
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		if pause *= 2; pause > most {
			pause = most
		}
	}
}

// Read returns the record of a key, or nil.
func (s *Store) Read(ctx context.Context, key string) (*Record, error) {
	reply, err := s.eval(ctx, readScript, key)
	if err != nil {
		return nil, err
	}
	if len(reply) < 2 {
		return nil, nil
	}
	return parseRecord(reply[1])
}

// run calls fn under a lease that is renewed until fn returns.
func (s *Store) run(ctx context.Context, key, owner string, fn func(context.Context) ([]byte, error)) ([]byte, error) {
	held, lose := context.WithCancel(ctx)
	var renewals sync.WaitGroup
	renewals.Add(1)
	go func() {
		defer renewals.Done()
		s.renew(held, lose, key, owner)
	}()
	result, err := fn(held)
	lose()
	renewals.Wait()
	// The outcome is written even if the caller has given up.
	ctx, cancel := context.WithTimeout(context.Background(), s.lease())
	defer cancel()
	if err != nil {
		if _, failed := s.decide(ctx, releaseScript, key, owner); failed != nil {
			return nil, fmt.Errorf("%w; and the key was not released: %v", err, failed)
		}
		return nil, err
	}
	isOurs, err := s.decide(ctx, completeScript, key, "done", "json", ms(s.ttl()), "0", owner, string(result))
	if err == nil && !isOurs {
		err = ErrLeaseLost
	}
	return result, err
}

// renew extends the lease until held is done. It calls lose when another owner has the
// key, or when the lease has run out before Redis has answered.
func (s *Store) renew(held context.Context, lose func(), key, owner string) {
	lease := s.lease()
	ticker := time.NewTicker(lease / 3)
	defer ticker.Stop()
	ends := time.Now().Add(lease)
	for {
		select {
		case <-held.Done():
			return
		case <-ticker.C:
		}
		asked := time.Now()
		// Not the context of the run: cancelling a command would end the connection.
		ctx, cancel := context.WithTimeout(context.Background(), lease)
		isOurs, err := s.decide(ctx, renewScript, key, owner, ms(lease))
		cancel()
		switch {
		case err == nil && isOurs:
			ends = asked.Add(lease)
		case err == nil || time.Now().After(ends):
			lose()
			return
		}
	}
}

// claim makes the owner's record, unless another owner runs the key or it has a result.
// A run whose lease has expired is taken over.
func (s *Store) claim(ctx context.Context, key, owner string) (record *Record, isOurs bool, err error) {
	ttl := s.ttl()
	if ttl < 2*s.lease() {
		ttl = 2 * s.lease() // so that a crashed run stays visible
	}
	const takeUnknown, takeFinished, fingerprint = "1", "0", ""
	reply, err := s.eval(ctx, claimScript, key, ms(s.lease()), ms(ttl), takeUnknown, takeFinished, owner, fingerprint)
	if err != nil {
		return nil, false, err
	}
	if len(reply) < 2 || reply[1] == int64(1) {
		return nil, true, nil
	}
	pair, _ := reply[1].([]any)
	if len(pair) < 2 {
		return nil, false, fmt.Errorf("samekey: Redis replied %v to a claim", reply)
	}
	record, err = parseRecord(pair[1])
	return record, pair[0] == int64(1), err
}

// decide runs a script that returns whether it has changed the record.
func (s *Store) decide(ctx context.Context, script, key string, args ...any) (bool, error) {
	reply, err := s.eval(ctx, script, key, args...)
	if err != nil || len(reply) == 0 {
		return false, err
	}
	return reply[len(reply)-1] == int64(1), nil
}

// eval runs a script by its digest, and sends its text to a server that does not know it.
func (s *Store) eval(ctx context.Context, script, key string, args ...any) ([]any, error) {
	prefix := s.Prefix
	if prefix == "" {
		prefix = "samekey:"
	}
	digest := sha1.Sum([]byte(script))
	rest := append([]any{"1", prefix + key}, args...)
	reply, err := s.Do(ctx, append([]any{"EVALSHA", hex.EncodeToString(digest[:])}, rest...)...)
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") {
		reply, err = s.Do(ctx, append([]any{"EVAL", script}, rest...)...)
	}
	if err != nil {
		return nil, err
	}
	if list, isList := reply.([]any); isList {
		return list, nil
	}
	return []any{reply}, nil
}

func (s *Store) lease() time.Duration {
	if s.Lease == 0 {
		return 30 * time.Second
	}
	return s.Lease
}

func (s *Store) ttl() time.Duration {
	if s.TTL == 0 {
		return 24 * time.Hour
	}
	return s.TTL
}

func ms(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

func newOwner() string {
	var random [16]byte
	if _, err := rand.Read(random[:]); err != nil {
		panic(err)
	}
	return hex.EncodeToString(random[:])
}

// parseRecord reads the ten lines of a record, and the payload behind them.
func parseRecord(value any) (*Record, error) {
	text, _ := value.(string)
	lines := strings.SplitN(text, "\n", 11)
	if len(lines) < 11 {
		return nil, errors.New("samekey: the value in Redis is not a record, wanted a prefix that only samekey uses")
	}
	var numbers [4]int64
	for i, line := range []string{lines[2], lines[3], lines[6], lines[7]} {
		number, err := strconv.ParseInt(line, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("samekey: cannot read the record in Redis: %w", err)
		}
		numbers[i] = number
	}
	r := &Record{
		State: lines[0], Owner: lines[1], FencingToken: numbers[0], Attempt: int(numbers[1]),
		LeaseEnds: time.UnixMilli(numbers[2]), Expires: time.UnixMilli(numbers[3]),
	}
	switch r.State {
	case "awaited": // a run for which a caller may wait
		r.State = "running"
	case "done", "failed":
		r.Codec, r.Payload = lines[9], lines[10]
	}
	return r, nil
}

// Conn is one connection to Redis, for any number of goroutines.
type Conn struct {
	mutex  sync.Mutex
	stream net.Conn
	reader *bufio.Reader
	broken error
}

// Dial connects to host:port.
func Dial(ctx context.Context, address string) (*Conn, error) {
	var dialer net.Dialer
	stream, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &Conn{stream: stream, reader: bufio.NewReader(stream)}, nil
}

// Close ends the connection, and the command that waits for a reply.
func (c *Conn) Close() error { return c.stream.Close() }

// Do sends one command and returns its reply, as Store.Do describes. A command that
// is cancelled ends the connection, because its reply may still arrive.
func (c *Conn) Do(ctx context.Context, args ...any) (any, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.broken != nil {
		return nil, c.broken
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	// No deadline: the last command may have left one.
	if err := c.stream.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	finished, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-ctx.Done():
			c.stream.SetDeadline(time.Unix(1, 0))
		case <-finished:
		}
	}()
	defer func() {
		close(finished)
		<-watched // it must not end the next command
	}()
	var command strings.Builder
	fmt.Fprintf(&command, "*%d\r\n", len(args))
	for _, arg := range args {
		text := fmt.Sprint(arg)
		fmt.Fprintf(&command, "$%d\r\n%s\r\n", len(text), text)
	}
	_, err := io.WriteString(c.stream, command.String())
	if err != nil {
		c.broken = err
		return nil, err
	}
	reply, err := c.read()
	if err != nil {
		c.broken = err
		return nil, err
	}
	if refused, isError := reply.(error); isError {
		return nil, refused
	}
	return reply, nil
}

// read returns one reply. An error reply is a value here.
func (c *Conn) read() (any, error) {
	line, err := c.reader.ReadString('\n')
	if err != nil {
		return nil, err
	}
	line = strings.TrimSuffix(line, "\r\n")
	if line == "" {
		return nil, errors.New("samekey: the server does not speak RESP")
	}
	switch kind, rest := line[0], line[1:]; kind {
	case '+':
		return rest, nil
	case '-':
		return errors.New(rest), nil
	}
	number, err := strconv.ParseInt(line[1:], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("samekey: the server does not speak RESP: %w", err)
	}
	switch line[0] {
	case ':':
		return number, nil
	case '$':
		if number < 0 {
			return nil, nil
		}
		text := make([]byte, number+2)
		_, err := io.ReadFull(c.reader, text)
		return string(text[:number]), err
	case '*':
		if number < 0 {
			return nil, nil
		}
		list := make([]any, number)
		for i := range list {
			if list[i], err = c.read(); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	return nil, fmt.Errorf("samekey: the server sent a reply of the type %q", line[0])
}
