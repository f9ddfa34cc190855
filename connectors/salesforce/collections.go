package salesforce

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"weir.dev/weir/fault"
)

const (
	recordsPerCall = 200
	bytesPerCall   = 4 << 20
)

// call is records on their way to sObject Collections, which takes them together and answers for each.
type call struct {
	method, path string
	rows         []int           // of the write
	text         []byte          // their records, one behind the other: JSON, or ids
	ends         []int           // of the records in it
	keys         map[string]bool // that find the records so far: Salesforce refuses all records of one key in one call
}

// record is what the call has of its row with a number.
func (c *call) record(n int) []byte {
	begin := 0
	if n > 0 {
		begin = c.ends[n-1]
	}
	return c.text[begin:c.ends[n]]
}

// clear makes room for other rows.
func (c *call) clear() {
	c.rows, c.text, c.ends = c.rows[:0], c.text[:0], c.ends[:0]
	clear(c.keys)
}

func (s *sending) newCall(method, path string) *call {
	return &call{method: method, path: dataPath + path, keys: map[string]bool{}}
}

// calls are the ones being filled: UPSERT by Id is an update of the records that have one, and an insert of the others.
type calls struct{ known, fresh *call }

func (s *sending) newCalls() calls {
	const path = "/composite/sobjects"
	switch {
	case s.aim.operation == opInsert:
		return calls{fresh: s.newCall(http.MethodPost, path)}
	case s.aim.operation == opDelete:
		return calls{known: s.newCall(http.MethodDelete, path)}
	case s.aim.operation == opUpdate:
		return calls{known: s.newCall(http.MethodPatch, path)}
	case s.aim.byID():
		return calls{known: s.newCall(http.MethodPatch, path), fresh: s.newCall(http.MethodPost, path)}
	}
	return calls{known: s.newCall(http.MethodPatch, path+"/"+s.aim.object.Name+"/"+s.aim.key.Name)}
}

// byCalls sends all rows in calls.
func (s *sending) byCalls(ctx context.Context) error {
	if s.aim.operation == opDelete && !s.inDoubt {
		// The next attempt must know that there was one: what it finds gone may have been deleted by this one.
		if err := s.save(s.progress); err != nil {
			return err
		}
	}
	cs := s.newCalls()
	err := s.each(nil, true, func(row, at int) error { return s.put(ctx, cs, row, at) })
	for _, c := range []*call{cs.known, cs.fresh} {
		if err == nil && c != nil {
			err = s.finish(ctx, c)
		}
	}
	if err == errEnough { //nolint:errorlint // it is passed on as it is
		return nil
	}
	return err
}

// put puts a row into its call, and sends that when it is full.
func (s *sending) put(ctx context.Context, cs calls, row, at int) error {
	key, problem := s.keyOf(row)
	c := cs.known
	if c == nil || len(key) == 0 && cs.fresh != nil {
		c = cs.fresh
	}
	name := strings.ToLower(string(key)) // before another value takes its place
	if problem == "" {
		problem = s.encode(c, row, key)
	}
	if problem != "" {
		return s.refuseHere(ctx, cs, at, problem)
	}
	if c.keys[name] || len(c.text)+len(s.scratch) > bytesPerCall {
		if err := s.finish(ctx, c); err != nil {
			return err
		}
	}
	if name != "" {
		c.keys[name] = true
	}
	c.text = append(c.text, s.scratch...)
	c.rows, c.ends = append(c.rows, at), append(c.ends, len(c.text))
	if len(c.rows) < recordsPerCall {
		return nil
	}
	return s.finish(ctx, c)
}

// refuseHere refuses a row that was not sent.
func (s *sending) refuseHere(ctx context.Context, cs calls, at int, problem string) error {
	s.refuse(at, problem)
	if !s.aim.failOnFirst {
		return nil
	}
	for _, c := range []*call{cs.known, cs.fresh} {
		if c == nil {
			continue
		}
		if err := s.finish(ctx, c); err != nil {
			return err
		}
	}
	return s.enough()
}

// encode writes what a call has of a row into scratch.
func (s *sending) encode(c *call, row int, key []byte) (problem string) {
	if s.aim.operation != opDelete {
		s.scratch, problem = s.encoder.json(s.scratch[:0], row, c.method == http.MethodPost)
		return problem
	}
	if len(key) > 18 { // what is longer would overflow the address
		return strconv.Quote(s.aim.key.Name) + " is no id"
	}
	s.scratch = append(s.scratch[:0], key...)
	return ""
}

// errEnough ends a write in which a record was refused, for flows that end with the first.
var errEnough = fault.New(fault.Internal, "a record was refused")

// enough ends the write. What is left is not sent, and counts as refused.
func (s *sending) enough() error {
	for row, settled := range s.settled {
		if !settled {
			s.refuse(row, "not sent, because another record was refused")
		}
	}
	return errEnough
}

// finish sends a call that is full, and once more those of its records that somebody else is writing at the moment. It
// empties the call.
func (s *sending) finish(ctx context.Context, c *call) error {
	if len(c.rows) == 0 {
		return nil
	}
	s.bytes += int64(len(c.text))
	refused := false
	for try, part := 1, c; ; try++ {
		done, err := s.step(ctx, part, try)
		if err != nil {
			return err
		}
		refused = refused || len(done.Refused) > 0
		if len(done.Again) == 0 {
			break
		}
		part = part.only(done.Again)
	}
	c.clear()
	if s.aim.failOnFirst && refused {
		return s.enough()
	}
	return nil
}

// step sends a call, unless it is known what came of it.
func (s *sending) step(ctx context.Context, c *call, try int) (*step, error) {
	sum := sumOf([]byte(c.method+c.path), c.text)
	done := s.progress.at(s.number, sum)
	if done == nil {
		if try > 1 {
			if err := sleep(ctx, waitAfter(try-1), s.doing()); err != nil {
				return nil, err
			}
		}
		if err := alive(ctx); err != nil {
			return nil, err
		}
		st, err := s.send(ctx, c, try == lockTries)
		if err != nil {
			return nil, err
		}
		st.Sum, st.Done = sum, true
		s.progress.Steps = append(s.progress.Steps, st)
		if !s.isRepeatable() {
			if err := s.save(s.progress); err != nil {
				return nil, err
			}
		}
		done = &s.progress.Steps[s.number]
	}
	s.number++
	s.settle(c.rows, done)
	return done, nil
}

// only is a call with some of the rows.
func (c *call) only(rows []int) *call {
	out := &call{method: c.method, path: c.path}
	for n, row := range c.rows {
		if slices.Contains(rows, row) {
			out.text = append(out.text, c.record(n)...)
			out.rows, out.ends = append(out.rows, row), append(out.ends, len(out.text))
		}
	}
	return out
}

// isRepeatable reports whether doing it all again gives the same answers.
func (s *sending) isRepeatable() bool {
	return s.aim.operation == opUpdate || s.aim.operation == opUpsert && !s.aim.byID()
}
