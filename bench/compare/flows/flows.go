// Package flows says what the benchmark's flows are, for everything in the comparison that is not Weir: which input
// they read, what they write, which columns. Weir itself reads bench/flows/*.json. All peers implement these rules:
//
//	keep rows with score > 0.4 and an email
//	email     each character becomes *
//	phone     the last four characters become *; all of them when there are fewer
//	name      first_name, a space, last_name; a missing one is empty
//	company   its first 12 characters
//	weighted  amount × score, exactly
//
// In JSON many columns are members of objects, two of them one level deeper; these are the ones that the flows need:
//
//	{"id", "external_id", "name": {"first", "last"}, "title", "contact": {"email", "phone"}, "address": {"country"},
//	 "account": {"name", "deal": {"amount", "score"}}, "created_at"}
//
// A character is a code point. Empty CSV cells and JSON nulls are null and stay null. All output columns are text, as
// AppFlow writes them when a flow does not ask to keep types.
package flows

import "fmt"

// Flow is one of the benchmark's flows.
type Flow struct {
	Name      string // as in bench/flows
	About     string // for the report
	In        string // csv or jsonl, which is also the folder of the input and how its files' names end
	Out       string // parquet, json or csv
	MapAll    bool   // all input columns, unchanged
	Partition bool   // by country and segment, in folders named key=value
}

// All are the flows in order.
var All = []Flow{
	{Name: "f1", In: "csv", Out: "parquet", MapAll: true, About: "CSV to Parquet, all 20 columns unchanged"},
	{Name: "f2", In: "csv", Out: "parquet", About: "CSV to Parquet: filter, validate, mask, merge, multiply, truncate, map to 10 columns"},
	{Name: "f3", In: "csv", Out: "json", About: "F2's tasks, CSV to JSON lines"},
	{Name: "f4", In: "jsonl", Out: "parquet", About: "F2's tasks, nested JSON lines to Parquet"},
	{Name: "f5", In: "csv", Out: "parquet", Partition: true, About: "F2 into 154 partitions by country (22) and segment (7, one of them null)"},
	{Name: "f6", In: "csv", Out: "csv", About: "F2's tasks, CSV to CSV"},
}

// Named gives the flow of that name.
func Named(name string) (Flow, error) {
	for _, f := range All {
		if f.Name == name {
			return f, nil
		}
	}
	return Flow{}, fmt.Errorf("no flow is called %q", name)
}

// Inputs are the columns of the contacts table.
var Inputs = []string{
	"id", "external_id", "first_name", "last_name", "email", "phone", "company", "title", "street", "city",
	"postal_code", "country", "created_at", "birth_date", "amount", "score", "is_active", "owner_id", "notes", "website",
}

// Outputs are the columns that the flow writes.
func (f Flow) Outputs() []string {
	if f.MapAll {
		return Inputs
	}
	return []string{"id", "ref", "name", "email", "phone", "company", "country", "segment", "created_at", "weighted"}
}
