package chaos_test

import (
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"

	"weir.dev/weir/format/formattest"
)

// A run over the sources takes about half a second on one thread: long enough to be hit anywhere, short enough for a
// hundred of them.
const (
	sourceFiles = 6
	sourceRows  = 80_000 // of each file
)

// writeSources makes two buckets: "good" with CSV files, every other one compressed, and "bad" with the same files and a
// last one whose only record lacks its id.
func writeSources(dir string) error {
	good, bad := filepath.Join(dir, "good", "contacts"), filepath.Join(dir, "bad", "contacts")
	for _, d := range []string{good, bad} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return err
		}
	}
	for i := range sourceFiles {
		name := fmt.Sprintf("part-%d.csv", i)
		if i%2 == 1 {
			name += ".gz"
		}
		if err := writeSource(filepath.Join(good, name), formattest.CRM{Seed: uint64(i), Rows: sourceRows}); err != nil {
			return err
		}
		if err := os.Link(filepath.Join(good, name), filepath.Join(bad, name)); err != nil {
			return err
		}
	}
	cells := make([]string, len(formattest.CRMColumns))
	cells[slices.Index(formattest.CRMColumns, "score")] = "0.9" // passes the filter
	broken := strings.Join(formattest.CRMColumns, ",") + "\n" + strings.Join(cells, ",") + "\n"
	return os.WriteFile(filepath.Join(bad, "z-broken.csv"), []byte(broken), 0o600)
}

func writeSource(path string, table formattest.CRM) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	var w io.WriteCloser = f
	if strings.HasSuffix(path, ".gz") {
		if w, err = gzip.NewWriterLevel(f, gzip.BestSpeed); err != nil {
			return err
		}
	}
	if err := table.WriteCSV(w); err != nil {
		return err
	}
	return w.Close()
}

// variant is a flow with one way of writing files.
type variant struct {
	name   string
	source string // bucket
	dest   string // bucket; "out"
	output *types.S3OutputFormatConfig
	tasks  []types.Task // besides those of every flow
}

// variants cover the ways files come to be: one for each split, one for all, cut by size (with checkpoints in the middle of
// a split), and cut by value and size.
var variants = []variant{
	{name: "csv", source: "good", output: output(types.FileTypeCsv, types.AggregationTypeNone, 0)},
	{name: "parquet-single", source: "good", output: output(types.FileTypeParquet, types.AggregationTypeSingleFile, 0)},
	{
		name: "json-partitioned", source: "good", output: output(types.FileTypeJson, types.AggregationTypeNone, 1),
		tasks: []types.Task{{
			TaskType: types.TaskTypePartition, SourceFields: []string{},
			TaskProperties: map[string]string{"ORDERED_PARTITION_KEYS_LIST": `["country"]`},
		}},
	},
	{name: "csv-sized", source: "good", output: output(types.FileTypeCsv, types.AggregationTypeNone, 1)},
}

// failing meets a record that must end the run.
var failing = variant{
	name: "failing", source: "bad", output: output(types.FileTypeCsv, types.AggregationTypeNone, 1),
	tasks: []types.Task{{
		TaskType: types.TaskTypeValidate, SourceFields: []string{"id"},
		ConnectorOperator: &types.ConnectorOperator{S3: types.S3ConnectorOperatorValidateNonNull},
		TaskProperties:    map[string]string{"VALIDATION_ACTION": "DropDataset"},
	}},
}

func output(kind types.FileType, aggregation types.AggregationType, size int64) *types.S3OutputFormatConfig {
	c := &types.S3OutputFormatConfig{FileType: kind, AggregationConfig: &types.AggregationConfig{AggregationType: aggregation}}
	if size > 0 {
		c.AggregationConfig.TargetFileSize = &size
	}
	if kind == types.FileTypeParquet {
		c.PreserveSourceDataTyping = aws.Bool(true)
	}
	return c
}

// createInput filters, rejects, masks and maps a few columns.
func (v variant) createInput() *appflow.CreateFlowInput {
	op := func(o types.S3ConnectorOperator) *types.ConnectorOperator { return &types.ConnectorOperator{S3: o} }
	tasks := []types.Task{
		{
			TaskType: types.TaskTypeFilter, SourceFields: []string{"score"}, ConnectorOperator: op(types.S3ConnectorOperatorGreaterThan),
			TaskProperties: map[string]string{"DATA_TYPE": "double", "VALUE": "0.1"},
		},
		{
			TaskType: types.TaskTypeValidate, SourceFields: []string{"birth_date"}, ConnectorOperator: op(types.S3ConnectorOperatorValidateNonNull),
			TaskProperties: map[string]string{"VALIDATION_ACTION": "DropRecord"},
		},
		{
			TaskType: types.TaskTypeMask, SourceFields: []string{"phone"}, ConnectorOperator: op(types.S3ConnectorOperatorMaskLastN),
			TaskProperties: map[string]string{"MASK_LENGTH": "4"},
		},
	}
	for _, name := range []string{"id", "first_name", "email", "phone", "company", "country", "amount", "notes"} {
		tasks = append(tasks, types.Task{
			TaskType: types.TaskTypeMap, SourceFields: []string{name}, DestinationField: aws.String(name), ConnectorOperator: op(types.S3ConnectorOperatorNoOp),
		})
	}
	return &appflow.CreateFlowInput{
		FlowName: &v.name, TriggerConfig: &types.TriggerConfig{TriggerType: types.TriggerTypeOndemand},
		SourceFlowConfig: &types.SourceFlowConfig{
			ConnectorType: types.ConnectorTypeS3,
			SourceConnectorProperties: &types.SourceConnectorProperties{S3: &types.S3SourceProperties{
				BucketName: &v.source, BucketPrefix: aws.String("contacts/"),
				S3InputFormatConfig: &types.S3InputFormatConfig{S3InputFileType: types.S3InputFileTypeCsv},
			}},
		},
		DestinationFlowConfigList: []types.DestinationFlowConfig{{
			ConnectorType: types.ConnectorTypeS3,
			DestinationConnectorProperties: &types.DestinationConnectorProperties{S3: &types.S3DestinationProperties{
				BucketName: aws.String(cmp.Or(v.dest, "out")), S3OutputFormatConfig: v.output,
			}},
		}},
		Tasks: append(tasks, v.tasks...),
	}
}
