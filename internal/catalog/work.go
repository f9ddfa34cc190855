package catalog

import (
	"context"
	"errors"
	"slices"
	"strings"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// How many partitions one call takes (https://docs.aws.amazon.com/glue/latest/webapi/API_BatchCreatePartition.html and its
// siblings).
const (
	createAtOnce = 100
	updateAtOnce = 100
	deleteAtOnce = 25
)

// work brings one table to what it is to be.
type work struct {
	client   *client
	database string
	table    *table
}

// do registers the table, then its partitions; nil stands for a table that has none by nature.
func (w *work) do(ctx context.Context) (flow.CatalogOutcome, *flow.CatalogOutcome) {
	want := w.table.input()
	have, err := w.find(ctx)
	if err == nil && have == nil {
		have, err = w.create(ctx, want)
	}
	if err == nil && have != nil {
		err = w.update(ctx, have, want)
	}
	if err != nil {
		return failed(err), nil
	}
	if len(w.table.keys) == 0 {
		return done(1), nil
	}
	outcome := done(len(w.table.partitions))
	if err := w.partitions(ctx); err != nil {
		outcome = failed(err)
	}
	return done(1), &outcome
}

// find returns the table; nil when there is none, or no database.
func (w *work) find(ctx context.Context) (*glueTable, error) {
	var out tableReply
	err := w.client.call(ctx, "GetTable", tableRequest{DatabaseName: w.database, Name: w.table.name}, &out)
	if isCode(err, "EntityNotFoundException") {
		return nil, nil //nolint:nilnil // none is an answer
	}
	return out.Table, wrap(err, "looking for table %q", w.table.name)
}

// create makes the table. It returns the one that somebody else was faster to make, and nil for its own.
func (w *work) create(ctx context.Context, want *glueTable) (*glueTable, error) {
	err := w.client.call(ctx, "CreateTable", tableRequest{DatabaseName: w.database, TableInput: want}, nil)
	switch {
	case isCode(err, "AlreadyExistsException"):
		return w.find(ctx)
	case isCode(err, "EntityNotFoundException"):
		return nil, fault.New(fault.NotFound, "the database %q does not exist in the Glue Data Catalog; create it first", w.database)
	}
	return nil, wrap(err, "creating table %q", w.table.name)
}

// update changes the table where it is not as it is to be, and leaves alone what others have added.
func (w *work) update(ctx context.Context, have, want *glueTable) error {
	if owner := have.Parameters[ownerKey]; owner != "" && owner != w.table.plan.FlowName {
		return fault.New(fault.Conflict, "the table %q belongs to the flow %q; give one of the two another table prefix", w.table.name, owner)
	}
	if isSame(have, want) {
		return nil
	}
	if !sameColumns(have.PartitionKeys, want.PartitionKeys) { // their values are for other keys
		old, err := w.list(ctx)
		if err == nil {
			err = w.drop(ctx, old)
		}
		if err != nil {
			return err
		}
	}
	for k, v := range have.Parameters {
		if _, ours := want.Parameters[k]; !ours {
			want.Parameters[k] = v
		}
	}
	err := w.client.call(ctx, "UpdateTable", tableRequest{DatabaseName: w.database, TableInput: want}, nil)
	return wrap(err, "updating table %q", w.table.name)
}

// partitions registers the run's partitions. In the table of the latest run they are the only ones.
func (w *work) partitions(ctx context.Context) error {
	if !w.table.isLatest {
		return w.add(ctx, w.table.partitions)
	}
	old, err := w.list(ctx)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, values := range old {
		known[join(values)] = true
	}
	var fresh, moved []partition
	for _, p := range w.table.partitions {
		if known[join(p.values)] {
			moved = append(moved, p)
			delete(known, join(p.values))
		} else {
			fresh = append(fresh, p)
		}
	}
	if err := w.drop(ctx, slices.DeleteFunc(old, func(values []string) bool { return !known[join(values)] })); err != nil {
		return err
	}
	if err := w.move(ctx, moved); err != nil {
		return err
	}
	return w.add(ctx, fresh)
}

// list returns the values of all partitions.
func (w *work) list(ctx context.Context) (values [][]string, err error) {
	in := listRequest{DatabaseName: w.database, TableName: w.table.name, ExcludeColumnSchema: true}
	for {
		var page listReply
		if err := w.client.call(ctx, "GetPartitions", in, &page); err != nil {
			return nil, wrap(err, "listing partitions of table %q", w.table.name)
		}
		for _, p := range page.Partitions {
			values = append(values, p.Values)
		}
		if page.NextToken == "" || page.NextToken == in.NextToken {
			return values, nil
		}
		in.NextToken = page.NextToken
	}
}

// batch calls one of the operations that answer each partition by itself. An error of the code that says that things are
// as they are to be is none.
func (w *work) batch(ctx context.Context, operation string, in batchRequest, fine string) error {
	in.DatabaseName, in.TableName = w.database, w.table.name
	var out batchReply
	if err := w.client.call(ctx, operation, in, &out); err != nil {
		return wrap(err, "%s of table %q", operation, w.table.name)
	}
	for _, e := range out.Errors {
		if e.ErrorDetail.ErrorCode != fine {
			values := strings.Join(append(e.PartitionValues, e.PartitionValueList...), "/")
			return fault.New(fault.ConnectorServer, "%s, partition %q of table %q: Glue answered %s", operation, values, w.table.name, e.ErrorDetail.ErrorCode)
		}
	}
	return nil
}

func (w *work) add(ctx context.Context, list []partition) error {
	for chunk := range slices.Chunk(list, createAtOnce) {
		var in batchRequest
		for i := range chunk {
			in.PartitionInputList = append(in.PartitionInputList, w.table.partitionInput(&chunk[i]))
		}
		if err := w.batch(ctx, "BatchCreatePartition", in, "AlreadyExistsException"); err != nil { // registered before
			return err
		}
	}
	return nil
}

func (w *work) move(ctx context.Context, list []partition) error {
	for chunk := range slices.Chunk(list, updateAtOnce) {
		var in batchRequest
		for i := range chunk {
			in.Entries = append(in.Entries, glueEntry{chunk[i].values, w.table.partitionInput(&chunk[i])})
		}
		if err := w.batch(ctx, "BatchUpdatePartition", in, ""); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) drop(ctx context.Context, list [][]string) error {
	for chunk := range slices.Chunk(list, deleteAtOnce) {
		var in batchRequest
		for _, values := range chunk {
			in.PartitionsToDelete = append(in.PartitionsToDelete, glueValues{values})
		}
		if err := w.batch(ctx, "BatchDeletePartition", in, "EntityNotFoundException"); err != nil { // gone already
			return err
		}
	}
	return nil
}

func join(values []string) string { return strings.Join(values, "\x00") }

func isCode(err error, code string) bool {
	var said *refusal
	return errors.As(err, &said) && said.code == code
}

func wrap(err error, format string, args ...any) error {
	return fault.Wrap(fault.ConnectorServer, err, format, args...)
}

// brief is an error as the API shows it: what Glue said, or that it could not be asked; without addresses and request
// ids.
func brief(err error) string {
	var said *refusal
	var ours *fault.Error
	switch {
	case errors.As(err, &said) && errors.As(err, &ours):
		return ours.Message + ": " + said.Error()
	case errors.As(err, &ours) && ours.Cause == nil:
		return ours.Message
	case errors.As(err, &ours):
		return ours.Message + ": the Glue Data Catalog could not be asked; check the AWS credentials and the region of this server"
	}
	return "the Glue Data Catalog could not be asked"
}
