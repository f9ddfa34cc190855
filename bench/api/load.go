package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// result is what a load came to.
type result struct {
	answers int
	took    time.Duration
	waits   []time.Duration // sorted
}

func (r *result) quantile(q float64) time.Duration {
	if len(r.waits) == 0 {
		return 0
	}
	return r.waits[min(int(q*float64(len(r.waits))), len(r.waits)-1)].Round(time.Microsecond)
}

// load sends requests in turn over so many connections, each answer before the next request: for a time, or until count were
// answered. With a rate it sends so many a second, and an answer's time begins when its request was due, so that a server
// that falls behind is not let off.
func load(s *server, requests [][]byte, connections int, rate float64, d time.Duration, count int) (*result, error) {
	began := time.Now()
	var turn atomic.Int64
	var mu sync.Mutex
	var all sync.WaitGroup
	total, failed := &result{}, error(nil)
	for range connections {
		all.Go(func() {
			waits, err := converse(s, requests, &turn, began, rate, d, count)
			mu.Lock()
			defer mu.Unlock()
			total.waits = append(total.waits, waits...)
			if err != nil {
				failed = err
			}
		})
	}
	all.Wait()
	total.answers, total.took = len(total.waits), time.Since(began)
	slices.Sort(total.waits)
	return total, failed
}

func converse(s *server, requests [][]byte, turn *atomic.Int64, began time.Time, rate float64, d time.Duration, count int) (waits []time.Duration, err error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	answers := bufio.NewReaderSize(conn, 16<<10)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		n := turn.Add(1) - 1
		due := time.Now()
		if rate > 0 {
			due = began.Add(time.Duration(float64(n) / rate * float64(time.Second)))
			if wait := time.Until(due); wait > 0 {
				timer.Reset(wait)
				<-timer.C
			}
		}
		if count > 0 && n >= int64(count) || count == 0 && due.Sub(began) >= d {
			return waits, nil
		}
		if _, err := conn.Write(requests[n%int64(len(requests))]); err != nil {
			return waits, err
		}
		if err := answer(answers); err != nil {
			return waits, err
		}
		waits = append(waits, time.Since(due))
	}
}

// answer reads one answer, which must be a success with a length.
func answer(r *bufio.Reader) error {
	status, err := r.ReadSlice('\n')
	if err != nil {
		return err
	}
	isGood := bytes.HasPrefix(status, []byte("HTTP/1.1 200"))
	line, length := string(status), 0
	for {
		header, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(header) <= 2 {
			break
		}
		if name, value, ok := bytes.Cut(header, []byte(": ")); ok && bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if !isGood {
		body := make([]byte, length)
		_, err := io.ReadFull(r, body)
		return fmt.Errorf("%s: %s (%w)", strings.TrimSpace(line), body, err)
	}
	_, err = r.Discard(length)
	return err
}
