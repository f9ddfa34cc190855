package s3

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/format/csv"
	"weir.dev/weir/format/jsonl"
	"weir.dev/weir/format/parquet"
)

// Bounds of looking around: a description is a sample, and a listing for people.
const (
	maxSampled   = 16       // objects, of JSON
	sampleBytes  = 1 << 20  // of all of them together
	leastSample  = 64 << 10 // of one
	maxLookedAt  = 100_000  // keys while entities are listed
	maxEntities  = 1_000
	describeLook = 10_000 // empty objects passed over before a source counts as empty
)

// bucketLister is the part of an opener that knows which buckets there are. Not every one does: an account's buckets
// are not Weir's to enumerate.
type bucketLister interface {
	BucketNames(ctx context.Context) ([]string, error)
}

// ListEntities lists the known buckets, then the folders of BUCKET or BUCKET/FOLDER/. Of a very large folder it lists
// what its first keys show.
func (c *connection) ListEntities(ctx context.Context, path string) ([]flow.Entity, error) {
	if path == "" {
		return c.listBuckets(ctx)
	}
	name, folder, _ := strings.Cut(path, "/")
	if folder != "" && !strings.HasSuffix(folder, "/") {
		folder += "/"
	}
	bucket, err := c.buckets.OpenBucket(ctx, name)
	if err != nil {
		return nil, classify(ctx, err, "listing the folders of %q", path)
	}
	var list []flow.Entity
	looked := 0
	for o, err := range bucket.List(ctx, folder) {
		if err != nil {
			return nil, classify(ctx, err, "listing the folders of %q", path)
		}
		if looked++; looked > maxLookedAt || len(list) == maxEntities {
			break
		}
		child, _, nested := strings.Cut(o.Key[len(folder):], "/")
		if !nested || child == "" {
			continue
		}
		entity := name + "/" + folder + child + "/"
		if len(list) == 0 || list[len(list)-1].Name != entity { // in key order, a folder's keys stand together
			list = append(list, flow.Entity{Name: entity, Label: child, HasNested: true})
		}
	}
	return list, nil
}

func (c *connection) listBuckets(ctx context.Context) ([]flow.Entity, error) {
	known, ok := c.buckets.(bucketLister)
	if !ok {
		return nil, nil
	}
	names, err := known.BucketNames(ctx)
	if err != nil {
		return nil, classify(ctx, err, "listing buckets")
	}
	var list []flow.Entity
	for _, name := range names {
		list = append(list, flow.Entity{Name: name, Label: name, HasNested: true})
	}
	return list, nil
}

// DescribeEntity describes the files under BUCKET/PREFIX. Their format is guessed: Parquet by name or first bytes, JSON
// by its first character, else CSV.
func (c *connection) DescribeEntity(ctx context.Context, name string) (flow.Schema, error) {
	bucketName, prefix, _ := strings.Cut(name, "/")
	if prefix == "" {
		return flow.Schema{}, fault.New(fault.Validation, "describing entity %q: it takes the form BUCKET/PREFIX", name)
	}
	bucket, err := c.buckets.OpenBucket(ctx, bucketName)
	if err != nil {
		return flow.Schema{}, classify(ctx, err, "describing entity %q", name)
	}
	samples, err := findSamples(ctx, bucket, prefix, 1)
	if err != nil {
		return flow.Schema{}, err
	}
	guess := typeCSV
	if len(samples) > 0 {
		text, err := samples[0].beginning(ctx)
		if err != nil {
			return flow.Schema{}, classify(ctx, err, "describing entity %q", name)
		}
		if text = bytes.TrimLeft(text, " \t\r\n"); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
			guess = typeJSON
		}
	}
	schema, err := describe(ctx, bucket, prefix, guess)
	schema.Entity = name
	return schema, err
}

// Describe describes the files that the source properties name: by the header of the first one (CSV), by records of the
// first few (JSON), by the first one's schema (Parquet).
func (c *connection) Describe(ctx context.Context, props flow.Properties) (flow.Schema, error) {
	p, bucket, err := c.source(ctx, props)
	if err != nil {
		return flow.Schema{}, err
	}
	schema, err := describe(ctx, bucket, p.BucketPrefix, p.fileType())
	schema.Entity = p.BucketName + "/" + p.BucketPrefix
	return schema, err
}

// DescribeObjects describes the first few of the named objects that are there. Nil names all under the prefix.
func (c *connection) DescribeObjects(ctx context.Context, props flow.Properties, objects []connector.Object) (flow.Schema, error) {
	if objects == nil {
		return c.Describe(ctx, props)
	}
	p, bucket, err := c.source(ctx, props)
	if err != nil {
		return flow.Schema{}, err
	}
	found, err := present(ctx, bucket, p.BucketPrefix, objects)
	if err != nil {
		return flow.Schema{}, err
	}
	samples := make([]input, 0, maxSampled)
	for _, o := range found[:min(len(found), maxSampled)] {
		samples = append(samples, input{bucket, o})
	}
	schema, err := describeSamples(ctx, bucket, p.BucketPrefix, p.fileType(), samples)
	schema.Entity = p.BucketName + "/" + p.BucketPrefix
	return schema, err
}

// source reads the properties and opens their bucket.
func (c *connection) source(ctx context.Context, props flow.Properties) (sourceProperties, blob.Bucket, error) {
	p, err := readSource(props)
	if err != nil {
		return p, nil, err
	}
	bucket, err := c.buckets.OpenBucket(ctx, p.BucketName)
	return p, bucket, classify(ctx, err, "opening the S3 source")
}

func (p sourceProperties) fileType() fileType {
	if p.InputFormat.FileType == "" {
		return typeCSV
	}
	return fileType(p.InputFormat.FileType)
}

func describe(ctx context.Context, bucket blob.Bucket, prefix string, configured fileType) (flow.Schema, error) {
	samples, err := findSamples(ctx, bucket, prefix, maxSampled)
	if err != nil {
		return flow.Schema{}, err
	}
	return describeSamples(ctx, bucket, prefix, configured, samples)
}

func describeSamples(ctx context.Context, bucket blob.Bucket, prefix string, configured fileType, samples []input) (flow.Schema, error) {
	if len(samples) == 0 {
		return flow.Schema{}, nil
	}
	t, err := samples[0].typeOf(ctx, configured)
	if err != nil {
		return flow.Schema{}, classify(ctx, err, "describing %q of bucket %q", prefix, bucket)
	}
	var schema flow.Schema
	switch t {
	case typeCSV:
		for len(samples) > 0 && len(schema.Fields) == 0 && err == nil { // a file of empty lines has no header
			schema.Fields, err = csvFields(ctx, samples[0])
			samples = samples[1:]
		}
	case typeJSON:
		schema.Open = true
		schema.Fields, err = jsonFields(ctx, samples)
	case typeParquet:
		schema.Fields, err = parquetFields(ctx, samples[0])
	}
	return schema, classify(ctx, err, "describing %q of bucket %q", prefix, bucket)
}

// findSamples returns the first objects by key that are not empty.
func findSamples(ctx context.Context, bucket blob.Bucket, prefix string, want int) ([]input, error) {
	var found []input
	looked := 0
	for o, err := range bucket.List(ctx, prefix) {
		if err != nil {
			return nil, classify(ctx, err, "listing %q of bucket %q", prefix, bucket)
		}
		if o.Size > 0 {
			found = append(found, input{bucket, o})
		}
		if looked++; len(found) == want || looked == describeLook {
			break
		}
	}
	return found, nil
}

// newField fills in what all fields of files have in common. Path is that of a field inside others.
func newField(name string, path []string, vendorType string, t flow.Type) flow.Field {
	f := flow.Field{
		Name: name, Label: name, VendorType: vendorType, Type: t,
		FilterOperators: slices.Clone(filterOperators), IsRetrievable: true, IsQueryable: true, IsNullable: true, IsCreatable: true,
	}
	if len(path) > 1 {
		f.Path, f.Parent = path, strings.Join(path[:len(path)-1], ".")
	}
	return f
}

func csvFields(ctx context.Context, in input) ([]flow.Field, error) {
	names, err := csv.ReadHeader(ctx, in)
	if err != nil {
		return nil, err
	}
	var fields []flow.Field
	for _, name := range names {
		fields = append(fields, newField(name, nil, "String", flow.TypeText)) // a dot in a CSV header is just a dot
	}
	return fields, nil
}

// jsonFields unites the fields of several files, in the order in which they are first seen.
func jsonFields(ctx context.Context, samples []input) ([]flow.Field, error) {
	var order []string
	types, paths := map[string]batch.Type{}, map[string][]string{}
	for _, in := range samples {
		if t, err := in.typeOf(ctx, typeJSON); err != nil || t != typeJSON {
			if err != nil {
				return nil, err
			}
			continue
		}
		fields, err := jsonl.Sample(ctx, in, max(leastSample, sampleBytes/len(samples)))
		if err != nil {
			return nil, err
		}
		for _, f := range fields {
			before, known := types[f.Name]
			if !known {
				order = append(order, f.Name)
				before, paths[f.Name] = f.Type, f.Path
			}
			types[f.Name] = unite(before, f.Type)
		}
	}
	var fields []flow.Field
	for _, name := range order {
		t := jsonTypes[types[name]]
		fields = append(fields, newField(name, paths[name], t.vendor, t.canonical))
	}
	return fields, nil
}

// unite is the type of a field that has two types in two files.
func unite(x, y batch.Type) batch.Type {
	number := func(t batch.Type) bool { return t == batch.Int64 || t == batch.Float64 }
	switch {
	case x == y:
		return x
	case number(x) && number(y):
		return batch.Float64
	case x == batch.JSON || y == batch.JSON:
		return batch.JSON
	}
	return batch.String
}

var jsonTypes = map[batch.Type]struct {
	vendor    string
	canonical flow.Type
}{
	batch.Bool:    {"Boolean", flow.TypeBoolean},
	batch.Int64:   {"Long", flow.TypeLong},
	batch.Float64: {"Double", flow.TypeDouble},
	batch.String:  {"String", flow.TypeString},
	batch.JSON:    {"Struct", flow.TypeJSON},
}

func parquetFields(ctx context.Context, in input) ([]flow.Field, error) {
	columns, err := parquet.Schema(ctx, in)
	if err != nil {
		return nil, err
	}
	return appendParquet(nil, nil, columns), nil
}

// appendParquet lists the leaves of groups in place of the groups, as with JSON.
func appendParquet(fields []flow.Field, above []string, columns []parquet.Field) []flow.Field {
	for _, col := range columns {
		own := col.Name
		if len(above) > 0 {
			own = strings.TrimPrefix(own, strings.Join(above, ".")+".")
		}
		path := append(slices.Clone(above), own)
		if len(col.Fields) > 0 {
			fields = appendParquet(fields, path, col.Fields)
			continue
		}
		f := newField(col.Name, path, parquetName(col.Kind.Type), parquetTypes[col.Kind.Type])
		f.DecimalPrecision, f.DecimalScale = col.Kind.Precision, col.Kind.Scale
		f.IsNullable = col.Nullable
		f.IsTimestamp = false // the window of an S3 source is about objects, not records
		fields = append(fields, f)
	}
	return fields
}

// parquetTypes are the canonical types of the kinds that Parquet columns are read as.
var parquetTypes = map[batch.Type]flow.Type{
	batch.Text: flow.TypeText, batch.String: flow.TypeString, batch.JSON: flow.TypeJSON, batch.Bool: flow.TypeBoolean,
	batch.Int32: flow.TypeInteger, batch.Int64: flow.TypeLong, batch.Float64: flow.TypeDouble, batch.Decimal: flow.TypeDecimal,
	batch.Date: flow.TypeDate, batch.Time: flow.TypeTime, batch.Timestamp: flow.TypeDatetime, batch.Binary: flow.TypeBinary,
}

// parquetName is the type as DescribeConnectorEntity shows it: the canonical one, capitalised like AppFlow's own.
func parquetName(t batch.Type) string {
	name := string(parquetTypes[t])
	if t == batch.JSON {
		name = "struct"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// kindOf is the kind to ask a Parquet file for, so that all files of a run give the same: the zero kind leaves it to the
// file where the schema does not say.
func kindOf(schema flow.Schema, name string) batch.Kind {
	i := schema.Find(name)
	if i < 0 {
		return batch.Kind{}
	}
	f := schema.Fields[i]
	for kind, t := range parquetTypes {
		if t != f.Type {
			continue
		}
		if kind == batch.Decimal {
			return batch.Kind{Type: kind, Precision: f.DecimalPrecision, Scale: f.DecimalScale}
		}
		return batch.Kind{Type: kind}
	}
	return batch.Kind{}
}
