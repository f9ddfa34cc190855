package wire

import (
	"math"
	"strconv"
	"strings"
)

// This file answers the questions of the generated decode methods: one function per kind of member. Each reads a null as
// absent. After an error results mean nothing, and every later question returns at once.

// decodable is implemented by the pointer of every generated structure.
type decodable[T any] interface {
	*T
	decode(r *reader)
}

// decodeInto reads a whole body. An empty one is an empty object, as clients send for inputs without members.
func decodeInto[T any, P decodable[T]](v P, data []byte) error {
	r := newReader(data)
	if r.space(); r.err == nil && r.pos == len(r.src) {
		return nil
	}
	v.decode(r)
	return r.finish()
}

// begin enters a structure or a map and goes to its first member, noting its name for error paths; more goes on to the
// next. Both are false at the end, which pops the note, and after an error, which keeps it.
func (r *reader) begin(kind stepKind) bool {
	if !r.object() {
		return false
	}
	r.trail = append(r.trail, step{name: r.key, kind: kind})
	return true
}

func (r *reader) more() bool {
	if r.next() {
		r.trail[len(r.trail)-1].name = r.key
		return true
	}
	r.done()
	return false
}

// beginItems and moreItems are the same for a list.
func (r *reader) beginItems() bool {
	if !r.list() {
		return false
	}
	r.trail = append(r.trail, step{item: 1, kind: stepItem})
	return true
}

func (r *reader) moreItems() bool {
	if r.nextItem() {
		r.trail[len(r.trail)-1].item++
		return true
	}
	r.done()
	return false
}

func (r *reader) done() {
	if r.err == nil {
		r.trail = r.trail[:len(r.trail)-1]
	}
}

// keep returns a pointer to s without an allocation of its own: strings are kept in blocks, so that a body with a
// hundred of them costs four allocations.
func (r *reader) keep(s string) *string {
	if len(r.slab) == cap(r.slab) {
		r.slab = make([]string, 0, min(16+2*cap(r.slab), 64))
	}
	r.slab = append(r.slab, s)
	return &r.slab[len(r.slab)-1]
}

func (r *reader) string() *string {
	if r.null() {
		return nil
	}
	if r.peek() != '"' {
		r.mismatch("string")
		return nil
	}
	s, ok := r.text()
	if !ok {
		return nil
	}
	return r.keep(s)
}

func (r *reader) bool() *bool {
	switch c := r.peek(); {
	case c == 't' && strings.HasPrefix(r.src[r.pos:], "true"):
		r.pos += 4
		return new(true)
	case c == 'f' && strings.HasPrefix(r.src[r.pos:], "false"):
		r.pos += 5
		return new(false)
	}
	if !r.null() {
		r.mismatch("boolean")
	}
	return nil
}

// numberText reads a number for a member that wants what; it is false for null and after an error.
func (r *reader) numberText(what string) (string, bool) {
	if r.null() {
		return "", false
	}
	if c := r.peek(); c != '-' && !isDigit(c) {
		r.mismatch(what)
		return "", false
	}
	return r.number()
}

func (r *reader) integer(bits int) (v int64, ok bool) {
	at := r.pos
	text, ok := r.numberText("integer")
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseInt(text, 10, bits)
	if err == nil {
		return v, true
	}
	// Perhaps an integral value in another notation: 1.0, 1e3. Behind 2^53 such notations are not exact.
	f, err := strconv.ParseFloat(text, 64)
	limit := min(math.Ldexp(1, bits-1), 1<<53)
	if err != nil || f != math.Trunc(f) || f < -limit || f >= limit {
		r.pos = at
		r.mismatch("integer of " + strconv.Itoa(bits) + " bits")
		return 0, false
	}
	return int64(f), true
}

func (r *reader) int32() *int32 {
	if v, ok := r.integer(32); ok {
		return new(int32(v))
	}
	return nil
}

func (r *reader) int64() *int64 {
	if v, ok := r.integer(64); ok {
		return &v
	}
	return nil
}

func (r *reader) float64() *float64 {
	at := r.pos
	text, ok := r.numberText("number")
	if !ok {
		return nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		r.pos = at
		r.mismatch("number of double precision")
		return nil
	}
	return &v
}

func (r *reader) timestamp() *Timestamp {
	at := r.pos
	text, ok := r.numberText("timestamp in epoch seconds")
	if !ok {
		return nil
	}
	t, ok := parseTimestamp(text)
	if !ok {
		r.pos = at
		r.mismatch("timestamp in epoch seconds of the years 1 to 9999")
		return nil
	}
	return &t
}

func decodeStruct[T any, P decodable[T]](r *reader) P {
	if r.null() {
		return nil
	}
	v := P(new(T))
	v.decode(r)
	return v
}

// solid refuses a null item of a list or value of a map: the model has no sparse ones, and dropping an item would shift
// the others.
func (r *reader) solid() bool {
	if r.peek() == 'n' && r.kind() == "null" {
		r.mismatch("value")
	}
	return r.err == nil
}

// plain reads a string that must be there.
func (r *reader) plain() string {
	if !r.solid() {
		return ""
	}
	if r.peek() != '"' {
		r.mismatch("string")
		return ""
	}
	s, _ := r.text()
	return s
}

func decodeStructs[T any, P decodable[T]](r *reader) []T {
	if r.null() {
		return nil
	}
	items := []T{}
	for ok := r.beginItems(); ok; ok = r.moreItems() {
		if !r.solid() {
			break
		}
		var zero T
		items = append(items, zero)
		P(&items[len(items)-1]).decode(r)
	}
	return items
}

func decodeStrings[S ~string](r *reader) []S {
	if r.null() {
		return nil
	}
	items := []S{}
	for ok := r.beginItems(); ok; ok = r.moreItems() {
		items = append(items, S(r.plain()))
	}
	return items
}

// decodeStringMap takes the kind of its entries, because some maps have keys that errors must not show.
func decodeStringMap[K ~string](r *reader, kind stepKind) map[K]string {
	if r.null() {
		return nil
	}
	m := map[K]string{}
	for ok := r.begin(kind); ok; ok = r.more() {
		key := K(r.key)
		m[key] = r.plain()
	}
	return m
}

func decodeStructMap[K ~string, T any, P decodable[T]](r *reader) map[K]T {
	if r.null() {
		return nil
	}
	m := map[K]T{}
	for ok := r.begin(stepEntry); ok && r.solid(); ok = r.more() {
		key := K(r.key)
		var v T
		P(&v).decode(r)
		m[key] = v
	}
	return m
}

func decodeStructsMap[K ~string, T any, P decodable[T]](r *reader) map[K][]T {
	if r.null() {
		return nil
	}
	m := map[K][]T{}
	for ok := r.begin(stepEntry); ok && r.solid(); ok = r.more() {
		key := K(r.key)
		m[key] = decodeStructs[T, P](r)
	}
	return m
}

// decodeEmpty reads a structure without members, which still may hold unknown ones.
func decodeEmpty(r *reader) {
	for ok := r.begin(stepMember); ok; ok = r.more() {
		r.skip()
	}
}
