//go:build ignore

// Takes jobs from a list in Redis and runs each key once, in all workers and in every
// process that uses the TypeScript library with the same Redis.
//
//	go run worker.go --redis 127.0.0.1:6379 --workers 8
//
// A job is {"key": "ik_…", "request": "the JSON text of the request"}. Each job gets a
// reply, in the list "replies".
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	samekey "github.com/samekey/samekey/examples/go"
)

type job struct {
	Key     string `json:"key"`
	Request string `json:"request"`
}

type order struct {
	Item   string `json:"item"`
	TakeMs int    `json:"takeMs"`
}

type reply struct {
	Key string `json:"key"`
	// OwnKey is the key that this program makes of the request.
	OwnKey string          `json:"ownKey"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

func main() {
	address := flag.String("redis", "127.0.0.1:6379", "host:port of Redis")
	workers := flag.Int("workers", 8, "how many jobs run at once")
	lease := flag.Duration("lease", 30*time.Second, "how long a silent owner keeps its key")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	var running sync.WaitGroup
	for i := 0; i < *workers; i++ {
		running.Add(1)
		go func() {
			defer running.Done()
			if err := work(ctx, *address, *lease); err != nil && ctx.Err() == nil {
				fmt.Fprintln(os.Stderr, "worker:", err)
				os.Exit(1)
			}
		}()
	}
	running.Wait()
}

// work handles one job after the other until ctx is done.
func work(ctx context.Context, address string, lease time.Duration) error {
	// One connection waits for jobs, so another one renews leases.
	queue, err := samekey.Dial(ctx, address)
	if err != nil {
		return err
	}
	defer queue.Close()
	conn, err := samekey.Dial(ctx, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	store := &samekey.Store{Do: conn.Do, Lease: lease}
	for {
		popped, err := queue.Do(ctx, "BLPOP", "jobs", 0)
		if err != nil {
			return err
		}
		var next job
		text := popped.([]any)[1].(string)
		if err := json.Unmarshal([]byte(text), &next); err != nil {
			return fmt.Errorf("the job %.100q: %w", text, err)
		}
		answer, err := json.Marshal(handle(ctx, store, conn, next))
		if err != nil {
			return err
		}
		if _, err := conn.Do(ctx, "RPUSH", "replies", string(answer)); err != nil {
			return err
		}
	}
}

// identity says which requests are the same, as in every other program of this queue.
var identity = samekey.Identity{Exclude: []string{"trace_id"}, Scope: []string{"orders"}}

func handle(ctx context.Context, store *samekey.Store, conn *samekey.Conn, next job) reply {
	answer := reply{Key: next.Key}
	var err error
	if answer.OwnKey, err = samekey.KeyOfJSON([]byte(next.Request), identity); err == nil {
		answer.Result, err = store.Once(ctx, next.Key, func(ctx context.Context) ([]byte, error) {
			return charge(ctx, conn, next)
		})
	}
	if err != nil {
		answer.Error = err.Error()
	}
	return answer
}

// charge is the work that must not happen twice. Redis counts how often it did.
func charge(ctx context.Context, conn *samekey.Conn, next job) ([]byte, error) {
	var wanted order
	if err := json.Unmarshal([]byte(next.Request), &wanted); err != nil {
		return nil, err
	}
	receipt, err := conn.Do(ctx, "INCR", "charges")
	if err != nil {
		return nil, err
	}
	if _, err := conn.Do(ctx, "HINCRBY", "runs", next.Key, 1); err != nil {
		return nil, err
	}
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(time.Duration(wanted.TakeMs) * time.Millisecond):
	}
	if wanted.Item == "sold out" {
		return nil, errors.New("it is sold out")
	}
	return json.Marshal(map[string]any{"receipt": receipt, "by": "Go", "item": wanted.Item})
}
