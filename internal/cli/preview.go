package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// preview reads the first records under a prefix of a bucket, as a flow with that source would, and returns them as text.
func preview(ctx context.Context, list *connector.Registry, opener blob.Opener, bucket, prefix string, most int) (head []string, rows [][]string, err error) {
	conn, err := list.Find(flow.S3).Connect(ctx, connector.Config{Buckets: opener, Pool: batch.DefaultPool})
	if err != nil {
		return nil, nil, err
	}
	defer conn.Close()
	source, ok := conn.(connector.Reader)
	if !ok {
		return nil, nil, fault.New(fault.Unsupported, "the S3 connector cannot be read from")
	}
	props, err := json.Marshal(map[string]any{"bucketName": bucket, "bucketPrefix": prefix})
	if err != nil {
		return nil, nil, err
	}
	schema, err := source.Describe(ctx, props)
	if err != nil {
		return nil, nil, err
	}
	req := connector.ReadRequest{Properties: props, Schema: schema}
	for _, f := range schema.Fields {
		req.Fields = append(req.Fields, f.Name)
	}
	splits, err := source.Splits(ctx, req, 1)
	if err != nil || len(splits) == 0 {
		return req.Fields, nil, err
	}
	pages, err := source.Read(ctx, req, splits[0], nil)
	if err != nil {
		return nil, nil, err
	}
	defer pages.Close()
	for len(rows) < most {
		page, err := pages.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		b, err := page.Decode()
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, textRows(b, most-len(rows))...)
		b.Release()
	}
	return req.Fields, rows, nil
}

// textRows writes the first rows of a batch as people read them.
func textRows(b *batch.Batch, most int) [][]string {
	rows := make([][]string, min(b.Rows, most))
	for i := range rows {
		rows[i] = make([]string, len(b.Columns))
		for j, col := range b.Columns {
			if !col.Data.IsNull(i) {
				rows[i][j] = string(batch.AppendText(nil, col, i))
			}
		}
	}
	return rows
}
