package jsonl

import (
	"sort"
	"strings"
)

// node is an object on the way to columns that were asked for: the record itself, or a member that paths go through.
type node struct {
	id      int
	members map[string]*member
	columns []reach // all that lie below
}

// member is a name that matters in a node.
type member struct {
	column int // to set; -1 when the name only leads on
	rank   int // of the way taken to that column, 0 is best
	below  *node
}

// reach is a column that can be reached through a node, by a way of some rank.
type reach struct{ column, rank int }

// paths is everything that was asked for.
type paths struct {
	root  *node
	nodes int
	many  []bool // per column: it can be reached in several ways, so ranks matter
}

// maxWays bounds the ways that are tried for one name: those of the fewest members first.
const maxWays = 64

// compile makes the tree of the ways to some columns. A name without dots has one way. With dots there are more, because
// each dot may be part of a member's name: a.b is the member "a.b", else the member "b" of the member "a".
func compile(names []string) *paths {
	p := &paths{many: make([]bool, len(names))}
	p.root = p.node()
	for column, name := range names {
		ways := waysTo(name)
		p.many[column] = len(ways) > 1
		for rank, way := range ways {
			p.add(p.root, way, column, rank)
		}
	}
	return p
}

func (p *paths) node() *node {
	p.nodes++
	return &node{id: p.nodes - 1, members: map[string]*member{}}
}

func (p *paths) add(n *node, way []string, column, rank int) {
	m := n.members[way[0]]
	if m == nil {
		m = &member{column: -1}
		n.members[way[0]] = m
	}
	n.columns = append(n.columns, reach{column, rank})
	if len(way) == 1 {
		m.column, m.rank = column, rank
		return
	}
	if m.below == nil {
		m.below = p.node()
	}
	p.add(m.below, way[1:], column, rank)
}

// waysTo are the ways to read a dotted name, the best first: fewer members before more, longer names before shorter.
func waysTo(name string) [][]string {
	parts := strings.Split(name, ".")
	var ways [][]string
	if len(parts) > 7 { // 64 ways and more
		ways = [][]string{{name}, parts}
		for i := 1; len(ways) < maxWays && i < len(parts); i++ {
			ways = append(ways, []string{strings.Join(parts[:i], "."), strings.Join(parts[i:], ".")})
		}
	} else {
		for cuts := range 1 << (len(parts) - 1) {
			way := []string{parts[0]}
			for i, part := range parts[1:] {
				if cuts>>i&1 == 1 {
					way = append(way, part)
				} else {
					way[len(way)-1] += "." + part
				}
			}
			ways = append(ways, way)
		}
	}
	sort.SliceStable(ways, func(i, j int) bool {
		if a, b := len(ways[i]), len(ways[j]); a != b {
			return a < b
		}
		return len(ways[i][0]) > len(ways[j][0])
	})
	return ways
}
