package parquet

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/schema"

	"weir.dev/weir/batch"
	"weir.dev/weir/format"
)

// Field is a column of a file as it would be delivered.
type Field struct {
	Name     string // a dotted path for a field within groups
	Kind     batch.Kind
	Nullable bool
	Fields   []Field // of a group; each can be read by its own name
}

// Schema reads a file's footer and describes its columns, in the file's order. Lists, maps and groups are of kind JSON.
func Schema(ctx context.Context, in format.Input) ([]Field, error) {
	meta, err := open(ctx, in)
	if err != nil {
		return nil, err
	}
	var fields []Field
	err = guard(func() error {
		fields = describe(meta.Schema, meta.Schema.Root(), "")
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading %q: %w", in.Name(), err)
	}
	return fields, nil
}

// open reads the footer behind all checks.
func open(ctx context.Context, in format.Input) (meta *metadata.FileMetaData, err error) {
	err = guard(func() error {
		meta, err = readFooter(ctx, in)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading parquet file %q: %w", in.Name(), err)
	}
	return meta, nil
}

// guard runs what calls into the library and turns a panic over a broken file into an error.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the file is broken: %v", p)
		}
	}()
	return f()
}

func describe(sc *schema.Schema, group *schema.GroupNode, prefix string) []Field {
	fields := make([]Field, 0, group.NumFields())
	for i := range group.NumFields() {
		n := group.Field(i)
		f := Field{Name: prefix + n.Name(), Kind: batch.Kind{Type: batch.JSON}, Nullable: n.RepetitionType() != parquet.Repetitions.Required}
		switch n := n.(type) {
		case *schema.GroupNode:
			if isPlainGroup(n) {
				f.Fields = describe(sc, n, f.Name+".")
			}
		case *schema.PrimitiveNode:
			if c := sc.ColumnIndexByNode(n); c >= 0 && sc.Column(c).MaxRepetitionLevel() == 0 {
				f.Kind = kindOf(sc.Column(c))
			}
		}
		fields = append(fields, f)
	}
	return fields
}

// isPlainGroup tells a group of fields from the groups that lists and maps are made of.
func isPlainGroup(n *schema.GroupNode) bool {
	l := n.LogicalType()
	return n.RepetitionType() != parquet.Repetitions.Repeated && (l == nil || !l.IsNested())
}

// rootIndex is the place of leaf c's top-level field among the file's.
func rootIndex(sc *schema.Schema, c int) int { return sc.Root().FieldIndexByField(sc.ColumnRoot(c)) }

// place is where a delivered column is found.
type place struct {
	leaf int      // index of a leaf without repetition, else -1
	root int      // top-level field
	path []string // below it, for what is not a leaf
}

// locate finds a column by its name: a top-level field's, else a dotted path through groups.
func locate(sc *schema.Schema, name string) (place, bool) {
	return locateIn(sc, sc.Root(), name, place{root: -1})
}

func locateIn(sc *schema.Schema, group *schema.GroupNode, name string, at place) (place, bool) {
	enter := func(i int) place {
		if at.root < 0 {
			return place{root: i}
		}
		return place{root: at.root, path: append(at.path[:len(at.path):len(at.path)], group.Field(i).Name())}
	}
	for i := range group.NumFields() {
		n := group.Field(i)
		if n.Name() != name {
			continue
		}
		found := enter(i)
		found.leaf = -1
		if p, ok := n.(*schema.PrimitiveNode); ok {
			if c := sc.ColumnIndexByNode(p); c >= 0 && sc.Column(c).MaxRepetitionLevel() == 0 {
				found.leaf = c
			}
		}
		return found, true
	}
	// A field's own name may hold dots: try every group whose name begins the path.
	for i := range group.NumFields() {
		g, ok := group.Field(i).(*schema.GroupNode)
		if !ok || !isPlainGroup(g) || len(name) <= len(g.Name()) || name[:len(g.Name())] != g.Name() || name[len(g.Name())] != '.' {
			continue
		}
		if found, ok := locateIn(sc, g, name[len(g.Name())+1:], enter(i)); ok {
			return found, true
		}
	}
	return place{}, false
}
