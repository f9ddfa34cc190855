package catalog

import (
	"fmt"
	"strconv"
	"strings"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

// column is a column of a table.
type column struct {
	name        string // as the catalog has it
	field       string // as the files have it
	typ         string // Hive's
	label       string
	description string
}

// columnsOf are the columns of the files: one for each output, in their order, or for each outermost member in JSON.
func columnsOf(p *plan.Plan) []column {
	names := unique{}
	seen := map[string]bool{}
	var list []column
	for _, o := range p.Program.Outputs {
		field := o.Name
		if p.Dest.Files.Type == flow.FileJSON && len(o.Path) > 0 {
			field = o.Path[0]
			if seen[field] {
				continue // another member of the same object
			}
			seen[field] = true
		}
		c := column{field: field, typ: "string"}
		if p.Dest.Files.Type == flow.FileParquet {
			// Readers find a Parquet column by its name, so it keeps all but its case.
			c.name = names.of(strings.Map(printable, strings.ToLower(field)))
			if p.Dest.Files.KeepTypes {
				c.typ = hiveType(o.Type, o.Dec)
			}
		} else {
			c.name = names.of(plainName(field))
		}
		schema := p.Source.Read.Schema
		if i := schema.Find(o.Field); i >= 0 && field == o.Name {
			c.label, c.description = schema.Fields[i].Label, schema.Fields[i].Description
		}
		list = append(list, c)
	}
	return list
}

// keyNames names partition keys. Files hold the fields that their folders are named after, and a table cannot have two
// columns of one name.
func keyNames(columns []column, keys []string) []string {
	names := unique{}
	for _, c := range columns {
		names[c.name] = true
	}
	var list []string
	for _, key := range keys {
		name := plainName(key)
		if names[name] {
			name = "partition_" + name
		}
		list = append(list, names.of(name))
	}
	return list
}

// maxColumnName is the longest name of a column that Glue takes, in bytes.
const maxColumnName = 255

// unique are the names that are taken.
type unique map[string]bool

// of takes a name, or one like it that is free.
func (u unique) of(name string) string {
	if name == "" {
		name = "column"
	}
	if len(name) > maxColumnName {
		name = strings.ToValidUTF8(name[:maxColumnName], "")
	}
	free := name
	for n := 2; u[free]; n++ {
		tail := "_" + strconv.Itoa(n)
		free = strings.ToValidUTF8(name[:min(len(name), maxColumnName-len(tail))], "") + tail
	}
	u[free] = true
	return free
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return '_'
	}
	return r
}

// hiveType is the type that readers see a Parquet column of a canonical type as. They know no time of day: what is in the
// file is its microseconds.
func hiveType(t flow.Type, dec [2]int32) string {
	switch t {
	case flow.TypeBoolean:
		return "boolean"
	case flow.TypeInteger:
		return "int"
	case flow.TypeLong, flow.TypeTime:
		return "bigint"
	case flow.TypeDouble:
		return "double"
	case flow.TypeDecimal:
		return fmt.Sprintf("decimal(%d,%d)", dec[0], dec[1])
	case flow.TypeDate:
		return "date"
	case flow.TypeDatetime:
		return "timestamp"
	case flow.TypeBinary:
		return "binary"
	}
	return "string"
}
