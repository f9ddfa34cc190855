package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir.dev/weir/bench/compare/duck"
	"weir.dev/weir/bench/compare/flows"
	"weir.dev/weir/bench/compare/plaingo"
)

// Rows with what the rules are about: non-ASCII text, short and missing phones, missing emails, quotes, line breaks.
var csvRows = []string{
	`1,A1,José,García,j@x.org,+49 30 7461788,"Müller-Lüdenscheidt, Inc.","Vice President, Sales",1 St,Berlin,10115,DE,2018-03-16T23:24:57.000Z,1996-06-22,5315.99,0.401929,true,O1,"line one` + "\n" + `line ""two""",`,
	`2,A2,美咲,Tanaka,美@x.org,é12,Acme,,,,,JP,,,0.10,0.5,,,,`,
	`3,A3,Li,Wang,,1234567,Acme,CEO,,,,US,,,1.00,0.9,,,,`,
	`4,A4,Li,Wang,w@x.org,,Acme,CEO,,,,US,,,1.00,0.4,,,,`,
	`5,A5,Li,Wang,w@x.org,,Acme,CEO,,,,US,,,-3.50,1,,,,`,
}

func input(t *testing.T, rows ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := strings.Join(flows.Inputs, ",") + "\n" + strings.Join(rows, "\n") + "\n"
	if err := os.Mkdir(filepath.Join(dir, "csv"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "csv", "contacts.csv"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "jsonl"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "jsonl", "contacts.jsonl"), nest(t, text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// nest gives the rows of the CSV as nested JSON lines, null for empty cells. It also holds members that nobody asks for.
func nest(t *testing.T, text string) []byte {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	type object map[string]any
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	for _, row := range rows[1:] {
		get := func(name string) any {
			cell := row[slices.Index(flows.Inputs, name)]
			switch {
			case cell == "":
				return nil
			case slices.Contains([]string{"id", "amount", "score"}, name):
				return json.Number(cell)
			}
			return cell
		}
		err := enc.Encode(object{
			"id": get("id"), "external_id": get("external_id"), "title": get("title"), "created_at": get("created_at"),
			"name":    object{"first": get("first_name"), "last": get("last_name")},
			"contact": object{"email": get("email"), "phone": get("phone")},
			"address": object{"street": get("street"), "city": get("city"), "country": get("country")},
			"account": object{
				"name": get("company"), "website": get("website"),
				"deal": object{"amount": get("amount"), "score": get("score")},
			},
			"notes": get("notes"),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func sum(t *testing.T, f flows.Flow, in string, plain bool) duck.Checksum {
	t.Helper()
	ctx, out := context.Background(), t.TempDir()
	err := plaingo.Run(ctx, f, in, out)
	if !plain {
		out = t.TempDir()
		err = duck.Run(ctx, f, in, out, duck.Options{Threads: 1})
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := duck.Sum(ctx, f, out)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPeersAgree(t *testing.T) {
	t.Parallel()
	for _, f := range flows.All {
		in := input(t, csvRows...)
		if diff := sum(t, f, in, true).Differences(sum(t, f, in, false)); len(diff) > 0 {
			t.Errorf("%s: plain Go and DuckDB differ: %s", f.Name, strings.Join(diff, ", "))
		}
	}
}

func TestPeersAgree_OnNestedAndFlatInput(t *testing.T) {
	t.Parallel()
	flat, err := flows.Named("f2")
	if err != nil {
		t.Fatal(err)
	}
	nested, err := flows.Named("f4")
	if err != nil {
		t.Fatal(err)
	}
	in := input(t, csvRows...)
	for _, plain := range []bool{true, false} {
		if diff := sum(t, flat, in, plain).Differences(sum(t, nested, in, plain)); len(diff) > 0 {
			t.Errorf("plain Go %t: outputs of F2 and F4 differ: %s", plain, strings.Join(diff, ", "))
		}
	}
}

func TestChecksum_SeesWhatDiffers(t *testing.T) {
	t.Parallel()
	f := flows.All[0]
	right := sum(t, f, input(t, csvRows...), true)
	// Countries of two rows change places: each column holds what it did, the rows do not.
	swapped := slices.Clone(csvRows)
	swapped[0] = strings.Replace(swapped[0], ",DE,", ",US,", 1)
	swapped[3] = strings.Replace(swapped[3], ",US,", ",DE,", 1)
	for name, c := range map[string]struct {
		rows []string
		want string
	}{
		"order does not matter":   {[]string{csvRows[4], csvRows[3], csvRows[2], csvRows[1], csvRows[0]}, ""},
		"a row is missing":        {csvRows[1:], "4 and 5 rows"},
		"values in the wrong row": {swapped, "rows as wholes"},
		"one value":               {append([]string{strings.Replace(csvRows[0], "5315.99", "5315.98", 1)}, csvRows[1:]...), "column amount, rows as wholes"},
	} {
		got := strings.Join(sum(t, f, input(t, c.rows...), true).Differences(right), ", ")
		if got != c.want && (c.want != "4 and 5 rows" || !strings.HasPrefix(got, c.want)) {
			t.Errorf("%s: %q instead of %q", name, got, c.want)
		}
	}
}

func TestOrder_EveryoneOnceARoundAndWeirApart(t *testing.T) {
	t.Parallel()
	b := &bench{all: []contestant{{name: "weir"}, {name: again}, {name: "a"}, {name: "b"}, {name: "c"}}}
	first := map[string]bool{}
	for round := range len(b.all) {
		seen, names := map[string]bool{}, []string{}
		for i := range b.all {
			c := b.order(round, i)
			seen[c.name], names = true, append(names, c.name)
		}
		if first[names[0]] = true; len(seen) != len(b.all) {
			t.Errorf("round %d is %q", round, names)
		}
	}
	if len(first) != len(b.all) {
		t.Errorf("rounds begin with %v only", first)
	}
}
