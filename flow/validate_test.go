package flow_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

func ptr[T any](v T) *T { return &v }

// s3 is a sound definition from S3 to S3 with the given tasks.
func s3(tasks ...flow.Task) *flow.Definition {
	return &flow.Definition{
		Trigger:      flow.Trigger{Type: flow.TriggerOnDemand},
		Source:       flow.Source{Connector: flow.S3, Properties: flow.Properties(`{"bucketName":"in-bkt"}`)},
		Destinations: []flow.Destination{{Connector: flow.S3, Properties: flow.Properties(`{"bucketName":"out-bkt"}`)}},
		Tasks:        tasks,
	}
}

func task(kind flow.TaskType, op flow.Operator, fields []string, props map[string]string) flow.Task {
	t := flow.Task{Type: kind, SourceFields: fields, Properties: props}
	if op != "" {
		t.Operators = map[string]flow.Operator{"S3": op}
	}
	return t
}

func mapTo(field, dest string) flow.Task {
	t := task(flow.TaskMap, flow.OpNoOp, []string{field}, nil)
	t.DestinationField = &dest
	return t
}

func TestValidate_AcceptsWhatPeopleWrite(t *testing.T) {
	t.Parallel()
	between := map[string]string{"DATA_TYPE": "datetime", "LOWER_BOUND": "1727740800000", "UPPER_BOUND": "1730419200000"}
	for name, d := range map[string]*flow.Definition{
		"map only, as S3 sources may": s3(mapTo("a", "b")),
		"minimal Map_all":             s3(flow.Task{Type: flow.TaskMapAll, SourceFields: []string{}}),
		"Map_all with an empty name":  s3(flow.Task{Type: flow.TaskMapAll, SourceFields: []string{""}}),
		"projection last":             s3(mapTo("a", "a"), task(flow.TaskFilter, flow.OpProjection, []string{"a"}, map[string]string{})),
		"one source mapped twice":     s3(mapTo("a", "x"), mapTo("a", "y")),
		"a date filter":               s3(mapTo("a", "a"), task(flow.TaskFilter, flow.OpBetween, []string{"t"}, between)),
		"CSV as a source data type": s3(func() flow.Task {
			m := mapTo("a", "a")
			m.Properties = map[string]string{"SOURCE_DATA_TYPE": "CSV"}
			return m
		}()),
		"console's MASK_ALL":            s3(mapTo("a", "a"), task(flow.TaskMask, flow.OpMaskAll, []string{"a"}, map[string]string{"MASK_LENGTH": "5", "MASK_VALUE": "*"})),
		"a mask of one wide character":  s3(mapTo("a", "a"), task(flow.TaskMask, flow.OpMaskAll, []string{"a"}, map[string]string{"MASK_VALUE": "█"})),
		"merge with placeholders":       s3(task(flow.TaskMerge, flow.OpNoOp, []string{"a", "b"}, map[string]string{"CONCAT_FORMAT": "${a} ${b}"}), mapTo("a,b", "full")),
		"merge with a separator":        s3(task(flow.TaskMerge, flow.OpNoOp, []string{"a", "b"}, map[string]string{"CONCAT_FORMAT": " - "}), mapTo("a,b", "full")),
		"subtraction":                   s3(task(flow.TaskArithmetic, flow.OpSubtraction, []string{"a", "b"}, map[string]string{"MATH_OPERATION_FIELDS_ORDER": "b,a"}), mapTo("a,b", "net")),
		"partition by a mapped field":   s3(mapTo("c", "country"), task(flow.TaskPartition, flow.OpNoOp, []string{}, map[string]string{"ORDERED_PARTITION_KEYS_LIST": `["country"]`})),
		"a Map with a foreign operator": s3(flow.Task{Type: flow.TaskMap, SourceFields: []string{"a"}, DestinationField: ptr("a"), Operators: map[string]flow.Operator{"CustomConnector": flow.OpNoOp}}),
		"profile names on S3 ignored": func() *flow.Definition {
			d := s3(mapTo("a", "a"))
			d.Destinations[0].ProfileName = ptr("crm")
			return d
		}(),
		"values of a list": s3(mapTo("a", "a"), task(flow.TaskFilter, flow.OpEqualTo, []string{"a"}, map[string]string{"DATA_TYPE": "string", "VALUES": "x,y"})),
		"an empty trigger properties": func() *flow.Definition {
			d := s3(mapTo("a", "a"))
			d.Trigger.Properties = &flow.TriggerProperties{}
			return d
		}(),
		"incremental config on an S3 on-demand flow": func() *flow.Definition {
			d := s3(mapTo("a", "a"))
			d.Source.Incremental = &flow.IncrementalConfig{}
			return d
		}(),
	} {
		require.Empty(t, d.Validate().String(), name)
	}
}

func TestValidate_NamesTaskPropertyAndFix(t *testing.T) {
	t.Parallel()
	with := func(change func(d *flow.Definition)) *flow.Definition {
		d := s3(mapTo("a", "a"))
		change(d)
		return d
	}
	filter := func(op flow.Operator, props map[string]string) *flow.Definition {
		return s3(mapTo("a", "a"), task(flow.TaskFilter, op, []string{"n"}, props))
	}
	cases := []struct {
		name string
		def  *flow.Definition
		want string
	}{
		{"scheduled without schedule", with(func(d *flow.Definition) { d.Trigger.Type = flow.TriggerScheduled }), "TriggerProps is required for Scheduled Trigger Type."},
		{"event from Slack", with(func(d *flow.Definition) {
			d.Trigger.Type, d.Source.Connector, d.Source.ProfileName = flow.TriggerEvent, flow.Slack, ptr("chat")
		}), "Slack as a source does not support trigger type Event; it supports OnDemand, Scheduled"},
		{"schedule on demand", with(func(d *flow.Definition) {
			d.Trigger.Properties = &flow.TriggerProperties{Scheduled: &flow.Schedule{Expression: "rate(1hours)"}}
		}), "a schedule goes with triggerType Scheduled only"},
		{"ends before it starts", with(func(d *flow.Definition) {
			d.Trigger = flow.Trigger{Type: flow.TriggerScheduled, Properties: &flow.TriggerProperties{Scheduled: &flow.Schedule{
				Expression: "rate(1hours)", Start: ptr(time.Unix(2, 0)), End: ptr(time.Unix(1, 0)),
			}}}
		}), "ends before it starts"},
		{"no destination", with(func(d *flow.Definition) { d.Destinations = nil }), "exactly one destination is supported, 0 were given"},
		{"source that is none", with(func(d *flow.Definition) { d.Source.Connector = flow.Redshift }), "Redshift cannot be used as a source"},
		{"destination that is none", with(func(d *flow.Definition) { d.Destinations[0].Connector = flow.Slack }), "Slack cannot be used as a destination"},
		{"profile missing", with(func(d *flow.Definition) { d.Source.Connector = flow.Salesforce }), "Salesforce needs a connector profile"},
		{"event bridge on demand", with(func(d *flow.Definition) { d.Destinations[0].Connector = flow.EventBridge }), "needs trigger type Event"},
		{"no projection", &flow.Definition{
			Trigger:      flow.Trigger{Type: flow.TriggerOnDemand},
			Source:       flow.Source{Connector: flow.Slack, ProfileName: ptr("p")},
			Destinations: []flow.Destination{{Connector: flow.S3}}, Tasks: []flow.Task{{Type: flow.TaskMap, SourceFields: []string{"a"}, DestinationField: ptr("a")}},
		}, "Task Validation Error: You must specify a projection task or a MAP_ALL task"},
		{"filter NO_OP", s3(task(flow.TaskFilter, flow.OpNoOp, []string{"a"}, nil)), "The operator NO_OP is not valid for filtering tasks.  The task sourceConnectorType is FILTERING and the task operator is NO_OP"},
		{"CONTAINS on S3", filter(flow.OpContains, map[string]string{"DATA_TYPE": "string", "VALUE": "x"}), "task 2 (Filter CONTAINS n): operator CONTAINS is not available for source S3"},
		{"mask operator on a map", s3(task(flow.TaskMap, flow.OpMaskAll, []string{"a"}, nil)), "operator MASK_ALL does not go with task type Map; use NO_OP"},
		{"foreign operator on a filter", s3(flow.Task{Type: flow.TaskFilter, SourceFields: []string{"a"}, Operators: map[string]flow.Operator{"Slack": flow.OpEqualTo}}), `must be given under "S3"`},
		{"no data type", filter(flow.OpEqualTo, map[string]string{"VALUE": "1"}), "property DATA_TYPE is missing"},
		{"no value", filter(flow.OpEqualTo, map[string]string{"DATA_TYPE": "string"}), "property VALUE is missing"},
		{"both values", filter(flow.OpEqualTo, map[string]string{"DATA_TYPE": "string", "VALUE": "1", "VALUES": "1"}), "give VALUE or VALUES, not both"},
		{"values for an ordering", filter(flow.OpLessThan, map[string]string{"DATA_TYPE": "long", "VALUES": "1,2"}), "VALUES goes with"},
		{"no lower bound", filter(flow.OpBetween, map[string]string{"DATA_TYPE": "long", "UPPER_BOUND": "1"}), "property LOWER_BOUND is missing"},
		{"text as number", filter(flow.OpLessThan, map[string]string{"DATA_TYPE": "integer", "VALUE": "ten"}), `VALUE "ten" must be a number, because DATA_TYPE is one`},
		{"ISO date as literal", filter(flow.OpGreaterThan, map[string]string{"DATA_TYPE": "datetime", "VALUE": "2024-01-01"}), "milliseconds since 1970"},
		{"two fields mapped", s3(flow.Task{Type: flow.TaskMap, SourceFields: []string{"a", "b"}, DestinationField: ptr("x")}), "exactly one source field is expected, 2 were given"},
		{"map without destination", s3(flow.Task{Type: flow.TaskMap, SourceFields: []string{"a"}}), "needs a destinationField"},
		{"one destination twice", s3(mapTo("a", "x"), mapTo("b", "x")), `destination field "x" is made by task 1 already`},
		{"Map_all and Map", s3(mapTo("a", "x"), flow.Task{Type: flow.TaskMapAll}), "Map_all maps every field already"},
		{"passthrough and Map", s3(mapTo("a", "x"), flow.Task{Type: flow.TaskPassthrough}), "Passthrough moves records unchanged"},
		{"bad exclude list", s3(flow.Task{Type: flow.TaskMapAll, Properties: map[string]string{"EXCLUDE_SOURCE_FIELDS_LIST": "a,b"}}), "must be a JSON array of field names"},
		{"mask length missing", s3(task(flow.TaskMask, flow.OpMaskFirstN, []string{"a"}, nil)), "property MASK_LENGTH is missing"},
		{"mask length zero", s3(task(flow.TaskMask, flow.OpMaskFirstN, []string{"a"}, map[string]string{"MASK_LENGTH": "0"})), "MASK_LENGTH must be a whole number from 1 to"},
		{"mask value long", s3(mapTo("a", "a"), task(flow.TaskMask, flow.OpMaskAll, []string{"a"}, map[string]string{"MASK_VALUE": "ab"})), "MASK_VALUE must be one character"},
		{"truncate length", s3(task(flow.TaskTruncate, flow.OpNoOp, []string{"a"}, map[string]string{"TRUNCATE_LENGTH": "x"})), "TRUNCATE_LENGTH must be a whole number"},
		{"three operands", s3(task(flow.TaskArithmetic, flow.OpAddition, []string{"a", "b", "c"}, nil)), "exactly two source fields, 3 were given"},
		{"operand order", s3(task(flow.TaskArithmetic, flow.OpAddition, []string{"a", "b"}, map[string]string{"MATH_OPERATION_FIELDS_ORDER": "a,c"})), "must name the two source fields once each"},
		{"placeholder of another field", s3(task(flow.TaskMerge, flow.OpNoOp, []string{"a"}, map[string]string{"CONCAT_FORMAT": "${b}"})), `CONCAT_FORMAT names "b"`},
		{"open placeholder", s3(task(flow.TaskMerge, flow.OpNoOp, []string{"a"}, map[string]string{"CONCAT_FORMAT": "x${a"})), "without a } at character 2"},
		{"validation action", s3(task(flow.TaskValidate, flow.OpValidateNonNull, []string{"a"}, map[string]string{"VALIDATION_ACTION": "TerminateFlow"})), "must be DropRecord, which leaves the record out, or DropDataset"},
		{"partition by nothing mapped", s3(mapTo("a", "a"), task(flow.TaskPartition, flow.OpNoOp, []string{}, map[string]string{"ORDERED_PARTITION_KEYS_LIST": `["b"]`})), `partition key "b" is no destination field`},
		{"two projections", s3(task(flow.TaskFilter, flow.OpProjection, []string{"a"}, nil), task(flow.TaskFilter, flow.OpProjection, []string{"b"}, nil)), "there is a projection already"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, c.def.Validate().String(), c.want)
		})
	}
}

func TestSchemaChanged_OnlyForWhatShowsInTheOutput(t *testing.T) {
	t.Parallel()
	base := s3(mapTo("a", "a"), mapTo("b", "b"))
	require.False(t, flow.SchemaChanged(base, s3(mapTo("b", "b"), mapTo("a", "a"))), "order has no meaning")
	require.False(t, flow.SchemaChanged(base, s3(mapTo("a", "a"), mapTo("b", "b"), task(flow.TaskFilter, flow.OpEqualTo, []string{"a"}, map[string]string{"DATA_TYPE": "string", "VALUE": "1"}))))
	require.True(t, flow.SchemaChanged(base, s3(mapTo("a", "a"))))
	require.True(t, flow.SchemaChanged(base, s3(mapTo("a", "a"), mapTo("b", "c"))))
	typed := mapTo("b", "b")
	typed.Properties = map[string]string{"DESTINATION_DATA_TYPE": "integer"}
	require.True(t, flow.SchemaChanged(base, s3(mapTo("a", "a"), typed)))
	require.True(t, flow.SchemaChanged(base, s3(mapTo("a", "a"), mapTo("b", "b"), task(flow.TaskPartition, "", nil, map[string]string{"ORDERED_PARTITION_KEYS_LIST": `["a"]`}))))
}

func TestSchemaChanged_ByMasksWhereTypesAreKept(t *testing.T) {
	t.Parallel()
	output := func(config string, tasks ...flow.Task) *flow.Definition {
		d := s3(append(tasks, mapTo("a", "a"), mapTo("b", "b"))...)
		d.Destinations[0].Properties = flow.Properties(`{"bucketName":"out-bkt","s3OutputFormatConfig":{` + config + `}}`)
		return d
	}
	const typed, text = `"fileType":"PARQUET","preserveSourceDataTyping":true`, `"fileType":"PARQUET"`
	mask := task(flow.TaskMask, flow.OpMaskAll, []string{"a"}, map[string]string{"MASK_VALUE": "*"})
	first := task(flow.TaskMask, flow.OpMaskFirstN, []string{"a"}, map[string]string{"MASK_LENGTH": "2", "MASK_VALUE": "*"})
	cut := task(flow.TaskTruncate, flow.OpNoOp, []string{"a"}, map[string]string{"TRUNCATE_LENGTH": "3"})
	other := task(flow.TaskMask, flow.OpMaskAll, []string{"b"}, map[string]string{"MASK_VALUE": "*"})
	cases := map[string]struct {
		before, after *flow.Definition
		want          bool
	}{
		"masked":               {output(typed), output(typed, mask), true},
		"no longer":            {output(typed, mask), output(typed), true},
		"truncated":            {output(typed), output(typed, cut), true},
		"another field":        {output(typed, mask), output(typed, other), true},
		"another way":          {output(typed, mask), output(typed, first), false},
		"masked and truncated": {output(typed, mask), output(typed, cut, mask), false},
		"all is text":          {output(text), output(text, mask), false},
		"JSON":                 {output(`"fileType":"JSON","preserveSourceDataTyping":true`), output(`"fileType":"JSON"`, mask), false},
		"types kept":           {output(text), output(typed), true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, c.want, flow.SchemaChanged(c.before, c.after))
		})
	}
}

func TestCheckUpdate_KeepsConnectorsAndObjects(t *testing.T) {
	t.Parallel()
	moved := s3()
	moved.Source.Properties = flow.Properties(`{"bucketName":"other"}`)
	require.Empty(t, flow.CheckUpdate(s3(), moved), "buckets may change")
	other := s3()
	other.Destinations[0].Connector = flow.Snowflake
	require.Contains(t, flow.CheckUpdate(s3(), other).String(), "Destination connector type can not be updated")
	a, b := s3(), s3()
	a.Destinations[0] = flow.Destination{Connector: flow.Salesforce, Properties: flow.Properties(`{"object":"Contact"}`)}
	b.Destinations[0] = flow.Destination{Connector: flow.Salesforce, Properties: flow.Properties(`{ "object": "Lead" }`)}
	require.Equal(t, "Destination object for the destination connector can not be updated", flow.CheckUpdate(a, b).String())
}

func FuzzParseConcatFormat_NeverPanics(f *testing.F) {
	f.Add("${a} - ${b}")
	f.Add("$${a}${")
	f.Fuzz(func(t *testing.T, s string) {
		pieces, err := flow.ParseConcatFormat(s, []string{"a", "b"})
		if err == nil && s != "" && len(pieces) == 0 {
			t.Fatalf("%q gives nothing", s)
		}
	})
}

// Clients match on these texts, so they stand alone in AppFlow's brackets.
func TestValidate_SaysAppFlowsOwnWordsUnchanged(t *testing.T) {
	t.Parallel()
	slack := &flow.Definition{
		Trigger:      flow.Trigger{Type: flow.TriggerOnDemand},
		Source:       flow.Source{Connector: flow.Slack, ProfileName: ptr("p")},
		Destinations: []flow.Destination{{Connector: flow.S3}}, Tasks: []flow.Task{{Type: flow.TaskMap, SourceFields: []string{"a"}, DestinationField: ptr("a")}},
	}
	require.Equal(t, "Task Validation Error: You must specify a projection task or a MAP_ALL task", slack.Validate().String())
	require.Equal(t, "Task Validation Error: The operator NO_OP is not valid for filtering tasks.  The task sourceConnectorType is FILTERING and the task operator is NO_OP",
		s3(task(flow.TaskFilter, flow.OpNoOp, []string{"a"}, nil)).Validate().String())
	scheduled := s3()
	scheduled.Trigger.Type = flow.TriggerScheduled
	problems := scheduled.Validate()
	require.Equal(t, "TriggerProps is required for Scheduled Trigger Type.", problems.String())
	require.Equal(t, "triggerConfig.triggerProperties", problems[0].Path, "tools still learn where it is")
}

func TestValidate_WritesThatFindRecordsNeedIds(t *testing.T) {
	t.Parallel()
	to := func(props string) *flow.Definition {
		d := s3(mapTo("a", "Id"))
		d.Destinations[0] = flow.Destination{Connector: flow.Salesforce, ProfileName: ptr("crm"), Properties: flow.Properties(props)}
		return d
	}
	for _, props := range []string{
		`{"object":"Contact"}`, `{"object":"Contact","writeOperationType":"INSERT"}`,
		`{"object":"Contact","writeOperationType":"UPSERT","idFieldNames":["Id"]}`, `{"object":"Contact","idFieldNames":["Id"]}`,
	} {
		require.Empty(t, to(props).Validate(), props)
	}
	for _, props := range []string{
		`{"object":"Contact","writeOperationType":"UPSERT"}`, `{"object":"Contact","writeOperationType":"UPDATE","idFieldNames":[]}`,
		`{"object":"Contact","writeOperationType":"DELETE","idFieldNames":[""]}`,
	} {
		require.Contains(t, to(props).Validate().String(), "(at destinationFlowConfigList.1.member.destinationConnectorProperties.Salesforce.idFieldNames)", props)
	}
}

func TestSchemaChanged_LooksAtTheMeaningNotTheSpelling(t *testing.T) {
	t.Parallel()
	mapAll := func(fields []string, list string) *flow.Definition {
		return s3(flow.Task{Type: flow.TaskMapAll, SourceFields: fields, Properties: map[string]string{"EXCLUDE_SOURCE_FIELDS_LIST": list}})
	}
	base := mapAll([]string{}, `["a","b"]`)
	require.False(t, flow.SchemaChanged(base, mapAll([]string{""}, `[ "b", "a" ]`)))
	require.True(t, flow.SchemaChanged(base, mapAll(nil, `["a"]`)))
	keys := func(list string) *flow.Definition {
		return s3(task(flow.TaskPartition, flow.OpNoOp, nil, map[string]string{"ORDERED_PARTITION_KEYS_LIST": list}))
	}
	require.False(t, flow.SchemaChanged(keys(`["a","b"]`), keys(`[ "a","b" ]`)))
	require.True(t, flow.SchemaChanged(keys(`["a","b"]`), keys(`["b","a"]`)), "their order is the folders' order")
}
