package flow

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Tags of a profile that say how much Weir may use of the vendor's account. AppFlow's model has no member for it, and other
// software uses the same account.
const (
	TagConcurrentCalls = OptionPrefix + "concurrent-calls"
	TagCallsPerMinute  = OptionPrefix + "calls-per-minute"
	TagCallsPerDay     = OptionPrefix + "calls-per-day"
)

// CallBudget is what they come to, for all flows of the profile together. Zero members do not restrict.
type CallBudget struct {
	Concurrent int
	PerMinute  int
	PerDay     int // of a UTC day
}

// maxCalls bounds each of them: beyond it there is nothing to restrict.
const maxCalls = 1_000_000_000

// CallBudgetOf reads a profile's budget from its tags. Each problem names the tag, its value and what is allowed.
func CallBudgetOf(tags map[string]string) (CallBudget, Problems) {
	var b CallBudget
	var p Problems
	known := map[string]*int{TagConcurrentCalls: &b.Concurrent, TagCallsPerMinute: &b.PerMinute, TagCallsPerDay: &b.PerDay}
	for _, tag := range slices.Sorted(maps.Keys(tags)) {
		if !strings.HasPrefix(tag, OptionPrefix) {
			continue
		}
		n, err := strconv.Atoi(tags[tag])
		switch at := known[tag]; {
		case at == nil:
			p.add("tags."+tag, "tag %q with value %q is no option of a connector profile; tags that begin with %q are %s there",
				tag, tags[tag], OptionPrefix, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		case err != nil || n < 1 || n > maxCalls:
			p.add("tags."+tag, "tag %q has the value %q; allowed is a number from 1 to %d", tag, tags[tag], maxCalls)
		default:
			*at = n
		}
	}
	return b, p
}
