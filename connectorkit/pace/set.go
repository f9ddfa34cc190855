package pace

import (
	"strings"
	"sync"
	"time"

	"weir.dev/weir/connector"
)

// Set hands out budgets by name, one for each profile: all connections of a profile in this process have one together,
// and share it with other processes where there is something to share it by. The zero value is ready. Safe for concurrent
// use.
type Set struct {
	Wrap func(Budget) Budget // puts what a vendor counts in its own way around a new budget; nil for none

	mu      sync.Mutex // guards budgets
	budgets map[string]held
}

// held is a budget and what it was made with.
type held struct {
	Budget
	limits Limits
	shared connector.Shared
}

// For returns the budget of that name in this process alone.
func (s *Set) For(name string, l Limits) Budget { return s.Over(nil, name, l) }

// Over returns the budget of that name over what processes share; nil is as For. Other limits than before make another
// budget, which goes on from what the processes share.
func (s *Set) Over(shared connector.Shared, name string, l Limits) Budget {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h, ok := s.budgets[name]; ok && h.limits == l && h.shared == shared {
		return h.Budget
	}
	if s.budgets == nil {
		s.budgets = map[string]held{}
	}
	h := held{limits: l, shared: shared}
	switch {
	case shared == nil:
		h.Budget = NewLocal(l, time.Now)
	case shared.IsAlone():
		h.Budget = NewLasting(keptName(name), l, shared, time.Now)
	default:
		h.Budget = NewKept(keptName(name), l, shared, time.Now)
	}
	if s.Wrap != nil {
		h.Budget = s.Wrap(h.Budget)
	}
	s.budgets[name] = h
	return h.Budget
}

// keptName is a name as databases take it: names are put together with zero bytes.
func keptName(name string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(name, "\x00", " "), "\uFFFD")
}
