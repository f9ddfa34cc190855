package metadata

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"weir.dev/weir/flow"
)

// find returns the kept answer, nil when there is none or it is too old, and the epoch of the look.
func (c *Cache) find(k key) (*answer, int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.kept[k]
	if a != nil && !c.o.Now().Before(a.until) {
		c.drop(k)
		a = nil
	}
	return a, c.epoch
}

// keep puts an answer away, unless something was dropped since the question was put. Old answers make room for it.
func (c *Cache) keep(k key, a *answer, epoch int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if epoch != c.epoch || a.weight() > c.o.Fields {
		return
	}
	c.drop(k)
	if c.weight+a.weight() > c.o.Fields {
		c.makeRoom(a.weight())
	}
	c.kept[k] = a
	c.weight += a.weight()
}

// makeRoom drops the answers that expire first, a quarter more than needed so that the next ones find room, too.
func (c *Cache) makeRoom(need int) {
	byAge := slices.SortedFunc(maps.Keys(c.kept), func(x, y key) int { return c.kept[x].until.Compare(c.kept[y].until) })
	for _, k := range byAge {
		if c.weight+need <= c.o.Fields-c.o.Fields/4 {
			return
		}
		c.drop(k)
	}
}

func (c *Cache) drop(k key) {
	if a := c.kept[k]; a != nil {
		c.weight -= a.weight()
		delete(c.kept, k)
	}
}

// follow begins anew when another process has reset something.
func (c *Cache) follow(ctx context.Context) error {
	if c.o.Generation == nil {
		return nil
	}
	now, err := c.o.Generation(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now != c.generation {
		c.clear()
		c.generation = now
	}
	return nil
}

func (c *Cache) clear() {
	c.epoch++
	c.weight = 0
	clear(c.kept)
}

// Scope is what a reset is about.
type Scope struct {
	Connector  flow.ConnectorType
	Profile    string // "" for a connector that takes none
	APIVersion string // "" means every one
	Entity     string // its fields; "" means the lists of names instead
	Path       string // with Entity: the parent's list as well; alone: that list
}

// Reset forgets what is kept about the scope: an entity's fields, or lists of names. Other processes forget everything.
func (c *Cache) Reset(ctx context.Context, s Scope) error {
	before, after := "", ""
	if c.o.Advance != nil {
		var err error
		if before, after, err = c.o.Advance(ctx); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if before != c.generation { // another process was here, too
		c.clear()
	}
	c.generation = after
	c.epoch++
	for k := range c.kept {
		if s.covers(k) {
			c.drop(k)
		}
	}
	return nil
}

func (s Scope) covers(k key) bool {
	if k.at.Connector != s.Connector || k.at.Profile != s.Profile || s.APIVersion != "" && k.at.APIVersion != s.APIVersion {
		return false
	}
	switch {
	case k.ask == askEntities:
		return s.Entity == "" && (s.Path == "" || s.Path == k.about) || s.Entity != "" && s.Path != "" && s.Path == k.about
	case s.Entity == "":
		return false
	case k.ask == askEntity:
		return k.about == s.Entity
	}
	return true // a source's properties may name the entity in any way
}

// Refresh forgets the answers about one connection that are older than a moment, so that what is said next is fresh. It
// concerns this process alone.
func (c *Cache) Refresh(at At) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for k := range c.kept {
		if k.at == at {
			c.drop(k)
		}
	}
}

// flightKey names a question. One that was put before a reset does not answer those put after it.
func flightKey(k key, epoch int64) string {
	name, err := json.Marshal([]any{k.at, k.ask, k.about, epoch})
	if err != nil { // text always has a JSON form
		return strconv.FormatInt(epoch, 10) + k.about
	}
	return string(name)
}
