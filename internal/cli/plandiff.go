package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
)

// change is one member that differs. A nil From was not there before, a nil To will not be.
type change struct {
	Path string `json:"path"`
	From any    `json:"from,omitempty"`
	To   any    `json:"to,omitempty"`
}

func (c change) String() string {
	switch {
	case c.From == nil:
		return c.Path + ": + " + compact(c.To)
	case c.To == nil:
		return c.Path + ": - " + compact(c.From)
	}
	return c.Path + ": " + compact(c.From) + " → " + compact(c.To)
}

// compact writes a value on one line, not too long.
func compact(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return shorten(string(text), 120)
}

// differences lists the members by which want differs from have, both decoded JSON.
func differences(path string, have, want any) []change {
	if reflect.DeepEqual(have, want) {
		return nil
	}
	h, hOK := have.(map[string]any)
	w, wOK := want.(map[string]any)
	if hOK && wOK {
		return objectDifferences(path, h, w)
	}
	hl, hOK := have.([]any)
	wl, wOK := want.([]any)
	if hOK && wOK && (objects(hl) || objects(wl)) {
		return listDifferences(path, hl, wl)
	}
	return []change{{path, have, want}}
}

func objectDifferences(path string, have, want map[string]any) []change {
	var all []change
	names := slices.Collect(maps.Keys(have))
	for name := range want {
		if _, both := have[name]; !both {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		at := name
		if path != "" {
			at = path + "." + name
		}
		all = append(all, differences(at, have[name], want[name])...)
	}
	return all
}

// objects reports whether a list is of objects, whose members are worth comparing one by one.
func objects(list []any) bool {
	return len(list) > 0 && !slices.ContainsFunc(list, func(v any) bool { _, ok := v.(map[string]any); return !ok })
}

// maxAligned bounds the table that aligns two lists; longer ones are compared position by position.
const maxAligned = 2000

// listDifferences aligns two lists by their equal items, so that a task put in front does not make all others differ. What
// stands between equal items is compared in order. Positions are those of the new list, or of the old one for what goes.
func listDifferences(path string, have, want []any) []change {
	var all []change
	i, j := 0, 0
	emit := func(untilHave, untilWant int) {
		for i < untilHave && j < untilWant {
			all = append(all, differences(position(path, j), have[i], want[j])...)
			i, j = i+1, j+1
		}
		for ; i < untilHave; i++ {
			all = append(all, change{position(path, i), have[i], nil})
		}
		for ; j < untilWant; j++ {
			all = append(all, change{position(path, j), nil, want[j]})
		}
	}
	for _, same := range alignment(have, want) {
		emit(same[0], same[1])
		i, j = same[0]+1, same[1]+1
	}
	emit(len(have), len(want))
	if all == nil { // equal items in another order that alignment cannot tell apart
		all = append(all, change{path, have, want})
	}
	return all
}

func position(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// alignment is a longest common subsequence, as pairs of positions.
func alignment(a, b []any) [][2]int {
	if len(a) > maxAligned || len(b) > maxAligned {
		return nil
	}
	keys := func(list []any) []string {
		out := make([]string, len(list))
		for i, v := range list {
			text, _ := json.Marshal(v) // members are sorted
			out[i] = string(text)
		}
		return out
	}
	ka, kb := keys(a), keys(b)
	longest := make([][]int, len(ka)+1)
	for i := range longest {
		longest[i] = make([]int, len(kb)+1)
	}
	for i := len(ka) - 1; i >= 0; i-- {
		for j := len(kb) - 1; j >= 0; j-- {
			if ka[i] == kb[j] {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	var pairs [][2]int
	for i, j := 0, 0; i < len(ka) && j < len(kb); {
		switch {
		case ka[i] == kb[j]:
			pairs = append(pairs, [2]int{i, j})
			i, j = i+1, j+1
		case longest[i+1][j] >= longest[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}
