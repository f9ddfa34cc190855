package server

import (
	"math"
	"net/http"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"weir.dev/weir/fault"
)

// buckets are token buckets by name: each name may do rate things a second, and burst at once. It keeps one moment per
// name, that when its bucket is full again (the "generic cell rate algorithm"). The zero value limits nothing. Safe for
// concurrent use.
type buckets struct {
	interval time.Duration // between two things at the rate; zero limits nothing
	burst    time.Duration // how far the moment may lie ahead
	most     int           // names kept; a name whose bucket is full need not be

	mu   sync.Mutex
	full map[string]time.Time
}

// maxBuckets bounds the memory that ever-new names could take.
const maxBuckets = 16 << 10

func newBuckets(rate float64, burst int) *buckets {
	b := &buckets{most: maxBuckets, full: map[string]time.Time{}}
	if rate > 0 {
		b.interval = max(time.Duration(float64(time.Second)/rate), 1)
		b.burst = time.Duration(max(burst, 1)) * b.interval
	}
	return b
}

// take does one thing in a name, or says how long to wait before the next.
func (b *buckets) take(name string, now time.Time) (wait time.Duration) {
	return b.look(name, now, b.interval)
}

// left says how long a name has to wait, without doing anything.
func (b *buckets) left(name string, now time.Time) (wait time.Duration) { return b.look(name, now, 0) }

func (b *buckets) look(name string, now time.Time, cost time.Duration) time.Duration {
	if b.interval == 0 {
		return 0
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	full, ok := b.full[name]
	if !ok || full.Before(now) {
		full = now
	}
	if wait := full.Add(b.interval).Sub(now) - b.burst; wait > 0 {
		return wait
	}
	if cost == 0 {
		return 0
	}
	if !ok {
		b.makeRoom(now)
	}
	b.full[name] = full.Add(cost)
	return 0
}

// makeRoom needs mu. When full buckets alone do not make room, everybody starts anew: that is cheap, and rare unless
// somebody attacks with very many addresses, against whom a limit by address is no help.
func (b *buckets) makeRoom(now time.Time) {
	if len(b.full) < b.most {
		return
	}
	for name, full := range b.full {
		if !full.After(now) {
			delete(b.full, name)
		}
	}
	if len(b.full) >= b.most {
		clear(b.full)
	}
}

// throttle limits what each access key may ask for.
type throttle struct{ calls, writes *buckets }

func newThrottle(o *Options) throttle {
	return throttle{calls: newBuckets(o.RateLimit, int(2*o.RateLimit)), writes: newBuckets(o.WriteLimit, int(2*o.WriteLimit))}
}

// admit counts a call against its key's limits. Mutating calls count against both.
func (t *throttle) admit(c *call, mutates bool) error {
	wait := t.calls.take(c.keyID, c.began)
	if wait == 0 && mutates {
		wait = t.writes.take(c.keyID, c.began)
	}
	if wait == 0 {
		return nil
	}
	return tooMany(wait, "Rate exceeded")
}

// tooMany is status 429 for every operation, as the model has it where it declares the error. AWS's list of common errors
// gives 400 for the others; clients and proxies understand 429 better, and every AWS SDK comes back after either.
func tooMany(wait time.Duration, message string) *httpError {
	return &httpError{
		status: http.StatusTooManyRequests, name: string(fault.Throttling), message: message,
		retryAfter: strconv.Itoa(max(1, int(math.Ceil(wait.Seconds())))),
	}
}

// strangers keeps those who cannot sign from costing much. Guesses at a key's secret are limited by address and key, so
// that they do not lock out its owner; all other refusals are cheap as they are, and only leave the log when there are too
// many.
type strangers struct {
	guesses *buckets // failed signatures, by address and key
	lines   *buckets // lines in the access log, by address
}

// What an address may do without a valid signature.
const (
	guessesPerSecond, guessBurst = 5, 50
	linesPerSecond, lineBurst    = 5, 100
)

func newStrangers() *strangers {
	return &strangers{guesses: newBuckets(guessesPerSecond, guessBurst), lines: newBuckets(linesPerSecond, lineBurst)}
}

// admit refuses one who has failed too often with that key.
func (s *strangers) admit(c *call, keyID string) error {
	if wait := s.guesses.left(guessName(c, keyID), c.began); wait > 0 {
		c.isQuiet = s.lines.take(addressName(c.address), c.began) > 0
		return tooMany(wait, "Too many requests with a wrong signature came from this address. Check the secret key, and wait.")
	}
	return nil
}

// failed counts a signature that the key did not make.
func (s *strangers) failed(c *call, keyID string, err error) error {
	s.guesses.take(guessName(c, keyID), c.began)
	return s.refused(c, err)
}

// refused decides whether a refusal is worth a line in the log.
func (s *strangers) refused(c *call, err error) error {
	c.isQuiet = s.lines.take(addressName(c.address), c.began) > 0
	return err
}

func guessName(c *call, keyID string) string { return addressName(c.address) + " " + keyID }

// addressName is what counts as one origin: an address, or the network that is given to one host in IPv6.
func addressName(a netip.Addr) string {
	a = a.Unmap()
	if a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
