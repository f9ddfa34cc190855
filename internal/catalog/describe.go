package catalog

import (
	"maps"
	"slices"
	"strings"

	"weir.dev/weir/flow"
)

// ownerKey is the table parameter that names the flow, so that two flows whose names differ in punctuation alone do not
// take each other's tables.
const ownerKey = "WeirFlow"

// Classes of Hive that read and write files.
const (
	textInput     = "org.apache.hadoop.mapred.TextInputFormat"
	textOutput    = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
	parquetInput  = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
	parquetOutput = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
	csvSerde      = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
	jsonSerde     = "org.openx.data.jsonserde.JsonSerDe"
	parquetSerde  = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
)

// input describes the table in Glue's words.
func (t *table) input() *glueTable {
	in := &glueTable{
		Name: t.name, TableType: "EXTERNAL_TABLE", Description: "Output of the flow " + t.plan.FlowName,
		StorageDescriptor: t.storage(t.location), Parameters: t.parameters(), PartitionKeys: []glueColumn{},
	}
	for _, key := range t.keys {
		in.PartitionKeys = append(in.PartitionKeys, glueColumn{Name: key, Type: "string"})
	}
	return in
}

func (t *table) parameters() map[string]string {
	params := map[string]string{"EXTERNAL": "TRUE", "typeOfData": "file", ownerKey: t.plan.FlowName}
	switch t.plan.Dest.Files.Type {
	case flow.FileCSV:
		params["classification"], params["skip.header.line.count"] = "csv", "1"
	case flow.FileParquet:
		params["classification"] = "parquet"
	default:
		params["classification"] = "json"
	}
	if how := t.plan.Dest.Files.Compression; how != "" {
		params["compressionType"] = string(how)
	}
	return params
}

// storage describes a folder of the table's files.
func (t *table) storage(location string) glueStorage {
	s := glueStorage{Location: location, Columns: []glueColumn{}}
	for _, c := range t.columns {
		col := glueColumn{Name: c.name, Type: c.typ, Parameters: map[string]string{}}
		if c.label != "" {
			col.Parameters["AppFlowLabel"] = c.label
		}
		if c.description != "" {
			col.Parameters["AppFlowDescription"] = c.description
		}
		s.Columns = append(s.Columns, col)
	}
	switch t.plan.Dest.Files.Type {
	case flow.FileCSV:
		s.InputFormat, s.OutputFormat = textInput, textOutput
		s.SerdeInfo = glueSerde{csvSerde, map[string]string{"separatorChar": ",", "quoteChar": `"`, "escapeChar": `"`}}
	case flow.FileParquet:
		s.InputFormat, s.OutputFormat = parquetInput, parquetOutput
		s.SerdeInfo = glueSerde{parquetSerde, map[string]string{"serialization.format": "1"}}
	default:
		s.InputFormat, s.OutputFormat = textInput, textOutput
		s.SerdeInfo = glueSerde{jsonSerde, map[string]string{"serialization.format": "1"}}
		for _, c := range t.columns {
			if c.name != strings.ToLower(c.field) { // members are found by their name, whatever its case
				s.SerdeInfo.Parameters["mapping."+c.name] = c.field
			}
		}
	}
	return s
}

func (t *table) partitionInput(p *partition) gluePartition {
	s := t.storage(p.location)
	return gluePartition{Values: p.values, StorageDescriptor: &s}
}

// isSame reports whether a table is as it is to be. What others have added to its parameters does not count.
func isSame(have, want *glueTable) bool {
	for k, v := range want.Parameters {
		if have.Parameters[k] != v {
			return false
		}
	}
	a, b := &have.StorageDescriptor, &want.StorageDescriptor
	return sameColumns(have.PartitionKeys, want.PartitionKeys) && sameColumns(a.Columns, b.Columns) &&
		a.Location == b.Location && a.InputFormat == b.InputFormat && a.OutputFormat == b.OutputFormat &&
		a.SerdeInfo.SerializationLibrary == b.SerdeInfo.SerializationLibrary && maps.Equal(a.SerdeInfo.Parameters, b.SerdeInfo.Parameters)
}

func sameColumns(have, want []glueColumn) bool {
	return slices.EqualFunc(have, want, func(a, b glueColumn) bool {
		return a.Name == b.Name && a.Type == b.Type && maps.Equal(a.Parameters, b.Parameters)
	})
}
