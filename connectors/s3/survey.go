package s3

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Bounds of a survey: it opens every object of a run for its header or footer.
const (
	maxSurveyed = 10_000
	surveyors   = 16
)

var _ connector.Surveyor = (*connection)(nil)

// Survey reads the header of every CSV file, or the schema of every Parquet file, that the request would read. Records of
// JSON files have no schema that could be read without reading all of them: their survey is the sample that Describe takes.
func (c *connection) Survey(ctx context.Context, req connector.ReadRequest) ([]flow.Schema, error) {
	p, bucket, err := c.source(ctx, req.Properties)
	if err != nil {
		return nil, err
	}
	if p.fileType() == typeJSON {
		s, err := c.DescribeObjects(ctx, req.Properties, req.Objects)
		if err != nil || len(s.Fields) == 0 {
			return nil, err
		}
		return []flow.Schema{s}, nil
	}
	objects, _, err := find(ctx, bucket, p.BucketPrefix, &req)
	if err != nil {
		return nil, err
	}
	if len(objects) > maxSurveyed {
		return nil, fault.New(fault.Quota, "looking at the schemas of %q of bucket %q: there are %d objects, and the flow's drift policy looks at no more than %d; "+
			"use a longer prefix or another policy", p.BucketPrefix, bucket, len(objects), maxSurveyed)
	}
	all := make([]flow.Schema, len(objects))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(surveyors)
	for i, o := range objects {
		g.Go(func() (err error) {
			all[i], err = schemaOf(gctx, bucket, o, p.fileType())
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return distinct(all), nil
}

// schemaOf is the schema of one object.
func schemaOf(ctx context.Context, bucket blob.Bucket, o blob.Object, configured fileType) (flow.Schema, error) {
	in := input{bucket, o}
	s := flow.Schema{Entity: o.Key}
	t, err := in.typeOf(ctx, configured)
	if err == nil {
		if t == typeParquet {
			s.Fields, err = parquetFields(ctx, in)
		} else {
			s.Fields, err = csvFields(ctx, in)
		}
	}
	return s, classify(ctx, err, "looking at the schema of %q of bucket %q", o.Key, bucket)
}

// distinct keeps the first of schemas that are alike.
func distinct(all []flow.Schema) []flow.Schema {
	var kept []flow.Schema
	for _, s := range all {
		if !slices.ContainsFunc(kept, func(k flow.Schema) bool { return isAlike(k, s) }) {
			kept = append(kept, s)
		}
	}
	return kept
}

func isAlike(a, b flow.Schema) bool {
	return slices.EqualFunc(a.Fields, b.Fields, func(x, y flow.Field) bool {
		return x.Name == y.Name && x.Type == y.Type && x.DecimalPrecision == y.DecimalPrecision && x.DecimalScale == y.DecimalScale
	})
}
