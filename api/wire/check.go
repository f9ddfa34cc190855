package wire

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// checker collects the violated constraints of one input. Generated code walks the structures and calls one method per
// constrained member.
type checker struct {
	trail trail
	found []Violation
	count int // found and those beyond maxViolations
}

// Bounds on what a hostile input can make an error hold.
const (
	maxViolations   = 50
	maxValueInError = 256      // code points
	maxMatched      = 64 << 10 // bytes; a longer text is too long by any rule, and is not matched as well
)

type checkable[T any] interface {
	*T
	check(c *checker)
}

func validate[T any, P checkable[T]](v P) *ValidationError {
	c := checker{trail: make(trail, 0, 12)}
	v.check(&c)
	if c.count == 0 {
		return nil
	}
	return &ValidationError{Violations: c.found, Count: c.count}
}

func (c *checker) enter(name string) { c.trail = append(c.trail, step{name: name}) }
func (c *checker) leave()            { c.trail = c.trail[:len(c.trail)-1] }

// add records a violation at the member the trail leads to; value is nil when it must not, or cannot, be shown.
func (c *checker) add(constraint string, value *string) {
	c.count++
	if len(c.found) == maxViolations {
		return
	}
	v := Violation{Path: c.trail.String(), Constraint: constraint}
	if value != nil {
		v.Value = new("'" + cut(*value, maxValueInError) + "'")
	}
	c.found = append(c.found, v)
}

func (c *checker) required(name string, present bool) {
	if present {
		return
	}
	c.enter(name)
	c.add(constraintNotNull, nil)
	if n := len(c.found); c.count == n {
		c.found[n-1].Value = new("null")
	}
	c.leave()
}

func (c *checker) string(name string, v *string, rule *stringRule) {
	if v == nil || rule.holds(*v) {
		return
	}
	c.enter(name)
	c.broken(*v, rule)
	c.leave()
}

// broken records what s violates.
func (c *checker) broken(s string, rule *stringRule) {
	shown := &s
	if rule.sensitive {
		shown = nil
	}
	for _, constraint := range rule.violations(s) {
		c.add(constraint, shown)
	}
}

func integer[N int32 | int64](c *checker, name string, v *N, least, most int64) {
	if v == nil || least <= int64(*v) && int64(*v) <= most {
		return
	}
	text := strconv.FormatInt(int64(*v), 10)
	c.enter(name)
	if int64(*v) < least {
		c.add("Member must have value greater than or equal to "+strconv.FormatInt(least, 10), &text)
	} else {
		c.add("Member must have value less than or equal to "+strconv.FormatInt(most, 10), &text)
	}
	c.leave()
}

// size checks the number of items of the list or map that the trail leads to. Containers are not shown: they are long,
// and may hold what is sensitive.
func (c *checker) size(n int, rule sizeRule) {
	if n < rule.min {
		c.add(constraintMinLength+strconv.Itoa(rule.min), nil)
	}
	if rule.max >= 0 && n > rule.max {
		c.add(constraintMaxLength+strconv.Itoa(rule.max), nil)
	}
}

func checkStruct[T any, P checkable[T]](c *checker, name string, v P) {
	if v == nil {
		return
	}
	c.enter(name)
	v.check(c)
	c.leave()
}

func checkStructs[T any, P checkable[T]](c *checker, name string, items []T) {
	c.enter(name)
	c.trail = append(c.trail, step{kind: stepItem})
	for i := range items {
		c.trail[len(c.trail)-1].item = i + 1
		P(&items[i]).check(c)
	}
	c.leave()
	c.leave()
}

func checkStrings[S ~string](c *checker, name string, items []S, size sizeRule, item *stringRule) {
	if items == nil {
		return
	}
	c.enter(name)
	c.size(len(items), size)
	for i, s := range items {
		if item.holds(string(s)) {
			continue
		}
		c.trail = append(c.trail, step{item: i + 1, kind: stepItem})
		c.broken(string(s), item)
		c.leave()
	}
	c.leave()
}

func checkStringMap[K ~string](c *checker, name string, m map[K]string, size sizeRule, key, value *stringRule) {
	if m == nil {
		return
	}
	c.enter(name)
	c.size(len(m), size)
	clean := true
	for k, v := range m {
		clean = clean && key.holds(string(k)) && value.holds(v)
	}
	if !clean {
		for _, k := range sortedKeys(m, nil) { // sorted, so that equal inputs have equal errors
			c.entry(string(k), m[k], key, value)
		}
	}
	c.leave()
}

// entry checks one entry of the map that the trail leads to. A bad key is reported at the map, as AWS does; a bad value
// at the entry, whose key is hidden when it is sensitive.
func (c *checker) entry(k, v string, key, value *stringRule) {
	shown, kind := &k, stepEntry
	if key.sensitive {
		shown, kind = nil, stepSecretEntry
	}
	if broken := key.violations(k); broken != nil {
		c.add("Map keys must satisfy constraint: ["+strings.Join(broken, ", ")+"]", shown)
	}
	if !value.holds(v) {
		c.trail = append(c.trail, step{name: k, kind: kind})
		c.broken(v, value)
		c.leave()
	}
}

// The phrases of AWS's own validation.
const (
	constraintNotNull   = "Member must not be null"
	constraintMinLength = "Member must have length greater than or equal to "
	constraintMaxLength = "Member must have length less than or equal to "
	constraintPattern   = "Member must satisfy regular expression pattern: "
	constraintEnum      = "Member must satisfy enum value set: "
)

// holds reports whether s violates nothing.
func (r *stringRule) holds(s string) bool {
	if r.enum != nil {
		return r.enum.has(s)
	}
	return !r.tooShort(s) && !r.tooLong(s) && (r.pattern == nil || r.pattern.match(s))
}

func (r *stringRule) tooShort(s string) bool {
	return r.min > 0 && (len(s) < r.min || utf8.RuneCountInString(s) < r.min)
}

func (r *stringRule) tooLong(s string) bool {
	return r.max >= 0 && len(s) > r.max && utf8.RuneCountInString(s) > r.max
}

// violations lists every constraint that s violates, nil when there is none.
func (r *stringRule) violations(s string) (broken []string) {
	if r.enum != nil {
		if !r.enum.has(s) {
			broken = append(broken, constraintEnum+r.enum.text)
		}
		return broken
	}
	if r.tooLong(s) {
		broken = append(broken, constraintMaxLength+strconv.Itoa(r.max))
	}
	if r.tooShort(s) {
		broken = append(broken, constraintMinLength+strconv.Itoa(r.min))
	}
	if r.pattern != nil && len(s) <= maxMatched && !r.pattern.match(s) {
		broken = append(broken, constraintPattern+r.pattern.text)
	}
	return broken
}

func (e *enumRule) has(s string) bool {
	for _, v := range e.values {
		if v == s {
			return true
		}
	}
	return false
}
