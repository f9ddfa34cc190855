package flow

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// SchemaChanged reports whether an update changes what the output looks like, which makes a new schema version: the
// mappings, the data types they declare, or the partition keys; where the destination keeps the source's types, also which
// fields are masked or truncated, because those become strings, and whether it does. Filters, schedule, prefix and
// description do not.
func SchemaChanged(before, after *Definition) bool {
	return !slices.Equal(shape(before), shape(after))
}

// keepsTypes reports whether a destination writes typed columns: Parquet with preserveSourceDataTyping.
func keepsTypes(d *Definition) bool {
	var props struct {
		Output struct {
			Type  FileType `json:"fileType"`
			Keeps bool     `json:"preserveSourceDataTyping"`
		} `json:"s3OutputFormatConfig"`
	}
	return len(d.Destinations) > 0 && d.Destinations[0].Properties.Decode(&props) == nil &&
		props.Output.Type == FileParquet && props.Output.Keeps
}

// shape lists what of a definition makes the output's schema, in an order that does not depend on the tasks' order.
func shape(d *Definition) []string {
	var list []string
	typed := keepsTypes(d)
	if typed {
		list = append(list, "typed")
	}
	for i := range d.Tasks {
		t := &d.Tasks[i]
		switch t.Type {
		case TaskMap, TaskMapAll, TaskPassthrough, TaskMerge, TaskArithmetic:
		case TaskPartition:
			keys, _ := ParseNameList(t.Properties[PropOrderedPartitionKeysList]) // unreadable lists have been refused
			list = append(list, "partition\x00"+strings.Join(keys, "\x01"))
			continue
		case TaskMask, TaskTruncate:
			for _, f := range t.SourceFields {
				if typed {
					list = append(list, "string\x00"+f)
				}
			}
			continue
		default:
			continue
		}
		fields := slices.DeleteFunc(slices.Clone(t.SourceFields), func(f string) bool { return f == "" }) // [""] means []
		parts := []string{string(t.Type), strings.Join(fields, "\x01"), string(t.Operator(d.Source.Connector))}
		if t.DestinationField != nil {
			parts = append(parts, *t.DestinationField)
		}
		keys := make([]string, 0, len(t.Properties))
		for k, v := range t.Properties {
			if names, err := ParseNameList(v); err == nil && k == PropExcludeSourceFieldsList { // a set, however it is written
				slices.Sort(names)
				v = strings.Join(names, "\x02")
			}
			keys = append(keys, k+"\x01"+v)
		}
		slices.Sort(keys)
		list = append(list, strings.Join(append(parts, keys...), "\x00"))
	}
	slices.Sort(list)
	return slices.Compact(list) // a field that is masked and truncated is no more of a string
}

// CheckUpdate says what an update may not change: the source and destination connectors and their objects. The texts are
// AppFlow's where they are known.
func CheckUpdate(before, after *Definition) Problems {
	var p Problems
	src, dst := TraitsOf(before.Source.Connector), TraitsOf(before.Destinations[0].Connector)
	switch {
	case before.Source.Connector != after.Source.Connector:
		p.add("sourceFlowConfig.connectorType", "Source connector type can not be updated")
	case object(before.Source.Properties, src.ObjectKey) != object(after.Source.Properties, src.ObjectKey):
		p.add("sourceFlowConfig.sourceConnectorProperties", "Source object for the source connector can not be updated")
	}
	switch {
	case before.Destinations[0].Connector != after.Destinations[0].Connector:
		p.add("destinationFlowConfigList.1.member.connectorType", "Destination connector type can not be updated")
	case object(before.Destinations[0].Properties, dst.ObjectKey) != object(after.Destinations[0].Properties, dst.ObjectKey):
		p.quote("destinationFlowConfigList.1.member.destinationConnectorProperties", "Destination object for the destination connector can not be updated")
	}
	return p
}

// object reads the property that names a source's or destination's object.
func object(props Properties, key string) string {
	if key == "" {
		return ""
	}
	var m map[string]json.RawMessage
	if err := props.Decode(&m); err != nil {
		return ""
	}
	return string(bytes.TrimSpace(m[key]))
}
