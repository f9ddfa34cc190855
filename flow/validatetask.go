package flow

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"
)

const noProjection = "Task Validation Error: You must specify a projection task or a MAP_ALL task"

// taskCheck walks the tasks once and remembers what the rules across tasks need.
type taskCheck struct {
	p          *Problems
	def        *Definition
	projection bool
	mapAll     int // number of Map_all tasks
	passes     int // number of Passthrough tasks
	maps       int
	produced   map[string]int // destination field → index of the task that makes it
	derived    map[string]int // temporary field → index of the task that makes it
	partitions int
}

func (d *Definition) validateTasks(p *Problems) {
	c := &taskCheck{p: p, def: d, produced: map[string]int{}, derived: map[string]int{}}
	for i := range d.Tasks {
		c.task(i, &d.Tasks[i])
	}
	c.together()
}

// at is the path of a task's member, and who the task is.
func at(i int, member string) string { return fmt.Sprintf("tasks.%d.member.%s", i+1, member) }

func (c *taskCheck) fail(i int, member, format string, args ...any) {
	t := &c.def.Tasks[i]
	c.p.add(at(i, member), "Task Validation Error: %s: %s", t.label(c.def.Source.Connector, i), fmt.Sprintf(format, args...))
}

// label names a task for people: "task 3 (Filter BETWEEN amount)".
func (t *Task) label(source ConnectorType, i int) string {
	return fmt.Sprintf("task %d (%s)", i+1, t.Label(source))
}

// Label names a task for people: its type, its operator unless that says nothing, and its fields.
func (t *Task) Label(source ConnectorType) string {
	s := string(t.Type)
	if op := t.Operator(source); op != OpNoOp {
		s += " " + string(op)
	}
	for i, f := range t.SourceFields {
		if i == 3 {
			return s + " …"
		}
		if f != "" {
			s += " " + f
		}
	}
	return s
}

func (c *taskCheck) task(i int, t *Task) {
	if !c.operator(i, t) {
		return
	}
	switch t.Type {
	case TaskFilter:
		c.filter(i, t)
	case TaskMap:
		c.mapTask(i, t)
	case TaskMapAll:
		c.mapAllTask(i, t)
	case TaskMask:
		c.mask(i, t)
	case TaskMerge:
		c.merge(i, t)
	case TaskArithmetic:
		c.arithmetic(i, t)
	case TaskPassthrough:
		c.passes++
		c.noFields(i, t, "Passthrough moves whole records; leave sourceFields empty, or use Map tasks")
	case TaskTruncate:
		c.oneField(i, t)
		c.positive(i, t, PropTruncateLength, true)
	case TaskValidate:
		c.validate(i, t)
	case TaskPartition:
		c.partition(i, t)
	}
}

// operator checks that the operator exists for the source and makes sense for the task.
func (c *taskCheck) operator(i int, t *Task) bool {
	source := c.def.Source.Connector
	if len(t.Operators) > 1 {
		c.fail(i, "connectorOperator", "one operator is expected, under %q, the source connector; %d were given", source.Member(), len(t.Operators))
		return false
	}
	_, named := t.Operators[source.Member()]
	if !named && len(t.Operators) == 1 && t.Type != TaskMap && t.Type != TaskMapAll {
		c.fail(i, "connectorOperator", "the operator must be given under %q, the source connector", source.Member())
		return false
	}
	op := t.Operator(source)
	if named && !slices.Contains(OperatorsOf(source), op) {
		c.fail(i, "connectorOperator."+source.Member(), "operator %s is not available for source %s; it has %s", op, source, join(OperatorsOf(source)))
		return false
	}
	if slices.Contains(operatorsFor(t.Type), op) {
		return true
	}
	if t.Type == TaskFilter && op == OpNoOp {
		c.p.quote(at(i, "connectorOperator"), "Task Validation Error: The operator NO_OP is not valid for filtering tasks.  The task sourceConnectorType is FILTERING and the task operator is NO_OP")
		return false
	}
	c.fail(i, "connectorOperator."+source.Member(), "operator %s does not go with task type %s; use %s", op, t.Type, join(operatorsFor(t.Type)))
	return false
}

func (c *taskCheck) oneField(i int, t *Task) {
	if len(t.SourceFields) != 1 {
		c.fail(i, "sourceFields", "exactly one source field is expected, %d were given; make a task for each field", len(t.SourceFields))
	} else if t.SourceFields[0] == "" {
		c.fail(i, "sourceFields", "the name of the source field is empty; name the field")
	}
}

func (c *taskCheck) filter(i int, t *Task) {
	op := t.Operator(c.def.Source.Connector)
	if op == OpProjection {
		if c.projection {
			c.fail(i, "taskType", "there is a projection already; list all fields in one task")
		}
		c.projection = true
		return
	}
	c.oneField(i, t)
	if t.Properties[PropDataType] == "" {
		c.fail(i, "taskProperties", "property DATA_TYPE is missing; give the type of the source field, for instance string")
	}
	if op == OpBetween {
		for _, key := range []string{PropLowerBound, PropUpperBound} {
			if t.Properties[key] == "" {
				c.fail(i, "taskProperties", "property %s is missing; BETWEEN needs LOWER_BOUND and UPPER_BOUND", key)
			}
		}
		c.literals(i, t, PropLowerBound, PropUpperBound)
		return
	}
	_, one := t.Properties[PropValue]
	_, many := t.Properties[PropValues]
	switch {
	case one && many:
		c.fail(i, "taskProperties", "give VALUE or VALUES, not both")
	case !one && !many:
		c.fail(i, "taskProperties", "property VALUE is missing; give what %s compares with", op)
	case many && op != OpEqualTo && op != OpNotEqualTo && op != OpContains:
		c.fail(i, "taskProperties", "VALUES goes with EQUAL_TO, NOT_EQUAL_TO and CONTAINS; give one VALUE")
	}
	if op == OpContains && CompareAs(t.Properties[PropDataType]) != CompareText {
		c.fail(i, "taskProperties.DATA_TYPE", "CONTAINS looks for a text in a text, which DATA_TYPE %s is not; use EQUAL_TO, or DATA_TYPE string", t.Properties[PropDataType])
		return
	}
	c.literals(i, t, PropValue, PropValues)
}

// literals checks that the filter's values can be read as its data type.
func (c *taskCheck) literals(i int, t *Task, keys ...string) {
	compare := CompareAs(t.Properties[PropDataType])
	for _, key := range keys {
		v, ok := t.Properties[key]
		if !ok {
			continue
		}
		list := []string{v}
		if key == PropValues {
			list = SplitValues(v)
		}
		for _, v := range list {
			if err := compare.CheckLiteral(v); err != "" {
				c.fail(i, "taskProperties."+key, "%s %.40q %s", key, v, err)
			}
		}
	}
}

func (c *taskCheck) mapTask(i int, t *Task) {
	c.maps++
	c.oneField(i, t)
	if t.DestinationField == nil || *t.DestinationField == "" {
		c.fail(i, "destinationField", "a Map task needs a destinationField; name the field to write")
		return
	}
	c.makes(i, *t.DestinationField)
}

func (c *taskCheck) makes(i int, field string) {
	if first, ok := c.produced[field]; ok {
		c.fail(i, "destinationField", "destination field %q is made by task %d already; name another, or remove one of the two", field, first+1)
		return
	}
	c.produced[field] = i
}

func (c *taskCheck) mapAllTask(i int, t *Task) {
	c.mapAll++
	c.noFields(i, t, "Map_all takes every field; leave sourceFields empty and name exceptions in EXCLUDE_SOURCE_FIELDS_LIST")
	c.list(i, t, PropExcludeSourceFieldsList)
	if v, ok := t.Properties[PropIncludeNewFields]; ok && v != "true" && v != "false" {
		c.fail(i, "taskProperties.INCLUDE_NEW_FIELDS", "INCLUDE_NEW_FIELDS must be true or false")
	}
}

// noFields checks that a task about whole records names no fields. Some clients send [""] for none.
func (c *taskCheck) noFields(i int, t *Task, reason string) {
	if slices.ContainsFunc(t.SourceFields, func(f string) bool { return f != "" }) {
		c.fail(i, "sourceFields", "%s", reason)
	}
}

func (c *taskCheck) mask(i int, t *Task) {
	c.oneField(i, t)
	c.positive(i, t, PropMaskLength, t.Operator(c.def.Source.Connector) != OpMaskAll)
	if n, err := strconv.Atoi(t.Properties[PropMaskLength]); err == nil && n > MaxMaskAll && t.Operator(c.def.Source.Connector) == OpMaskAll {
		c.fail(i, "taskProperties.MASK_LENGTH", "MASK_LENGTH is what every value grows to; it must be at most %d, or absent to keep the length", MaxMaskAll)
	}
	if v, ok := t.Properties[PropMaskValue]; ok && utf8.RuneCountInString(v) != 1 {
		c.fail(i, "taskProperties.MASK_VALUE", "MASK_VALUE must be one character, %d were given; write for instance *", utf8.RuneCountInString(v))
	}
}

// positive checks a property that is a positive whole number.
func (c *taskCheck) positive(i int, t *Task, key string, required bool) {
	v, ok := t.Properties[key]
	if !ok {
		if required {
			c.fail(i, "taskProperties", "property %s is missing; give a number of characters", key)
		}
		return
	}
	if n, err := strconv.ParseInt(v, 10, 32); err != nil || n < 1 {
		c.fail(i, "taskProperties."+key, "%s must be a whole number from 1 to %d", key, math.MaxInt32)
	}
}

func (c *taskCheck) merge(i int, t *Task) {
	if len(t.SourceFields) == 0 || slices.Contains(t.SourceFields, "") {
		c.fail(i, "sourceFields", "a Merge task needs the fields to concatenate; list their names")
		return
	}
	if t.Properties[PropConcatFormat] == "" {
		c.fail(i, "taskProperties", "property CONCAT_FORMAT is missing; write for instance ${%s}", t.SourceFields[0])
	} else if _, err := ParseConcatFormat(t.Properties[PropConcatFormat], t.SourceFields); err != nil {
		c.fail(i, "taskProperties.CONCAT_FORMAT", "%v; write ${field} for each field, or a separator", err)
	}
	c.derives(i, t)
}

func (c *taskCheck) arithmetic(i int, t *Task) {
	if len(t.SourceFields) != 2 || slices.Contains(t.SourceFields, "") {
		c.fail(i, "sourceFields", "arithmetic needs the names of exactly two source fields, %d were given; chain tasks for more", len(t.SourceFields))
		return
	}
	if order, ok := t.Properties[PropMathOperationFieldsOrder]; !ok {
		c.fail(i, "taskProperties", "property MATH_OPERATION_FIELDS_ORDER is missing; write %s,%s", t.SourceFields[0], t.SourceFields[1])
	} else if _, ok := OperandOrder(order, t.SourceFields); !ok {
		c.fail(i, "taskProperties.MATH_OPERATION_FIELDS_ORDER", "MATH_OPERATION_FIELDS_ORDER must name the two source fields once each; write %s,%s or the other way round", t.SourceFields[0], t.SourceFields[1])
	}
	c.derives(i, t)
}

// derives notes the temporary field of a Merge or Arithmetic task.
func (c *taskCheck) derives(i int, t *Task) {
	name := t.DerivedName()
	if first, ok := c.derived[name]; ok {
		c.fail(i, "destinationField", "the temporary field %q is made by task %d already; give this task a destinationField of its own, and map that", name, first+1)
		return
	}
	c.derived[name] = i
}

func (c *taskCheck) validate(i int, t *Task) {
	c.oneField(i, t)
	if v, ok := t.Properties[PropValidationAction]; ok && v != ActionDropRecord && v != ActionDropDataset {
		c.fail(i, "taskProperties.VALIDATION_ACTION", "VALIDATION_ACTION must be DropRecord, which leaves the record out, or DropDataset, which ends the run")
	}
}

func (c *taskCheck) partition(i int, t *Task) {
	if c.partitions++; c.partitions > 1 {
		c.fail(i, "taskType", "there is a Partition task already; list all keys in one task")
	}
	if dst := c.def.Destinations[0].Connector; dst != S3 && dst != Upsolver {
		c.fail(i, "taskType", "files can be partitioned, in S3 and Upsolver; destination %s has none, so remove the task", dst)
	}
	if _, ok := t.Properties[PropOrderedPartitionKeysList]; !ok {
		c.fail(i, "taskProperties", `property ORDERED_PARTITION_KEYS_LIST is missing; write for instance ["country"]`)
		return
	}
	keys, readable := c.list(i, t, PropOrderedPartitionKeysList)
	if !readable {
		return
	}
	if len(keys) == 0 || len(keys) > 10 {
		c.fail(i, "taskProperties.ORDERED_PARTITION_KEYS_LIST", "1 to 10 partition keys are expected, %d were given; change the list", len(keys))
	}
}

// list reads a property that is a JSON array of names in a string; false when it is there and is none.
func (c *taskCheck) list(i int, t *Task, key string) ([]string, bool) {
	v, ok := t.Properties[key]
	if !ok {
		return nil, true
	}
	list, err := ParseNameList(v)
	if err != nil {
		c.fail(i, "taskProperties."+key, `%s must be a JSON array of field names, for instance ["a","b"]: %v`, key, err)
	}
	return list, err == nil
}

// needsNoProjection reports whether the source may go without a projection: S3 may, as in AppFlow, and Amplitude has none.
// Without any Map such a flow could only report success and move nothing, so then they need one, too.
func (c *taskCheck) needsNoProjection() bool {
	if source := c.def.Source.Connector; source != S3 && source != Amplitude {
		return false
	}
	return len(*c.p) > 0 || slices.ContainsFunc(c.def.Tasks, func(t Task) bool { return t.Type == TaskMap })
}

// together checks the rules across tasks.
func (c *taskCheck) together() {
	switch {
	case c.mapAll > 1:
		c.p.add("tasks", "Task Validation Error: there are %d Map_all tasks; keep one", c.mapAll)
	case c.mapAll == 1 && c.maps > 0:
		c.p.add("tasks", "Task Validation Error: Map_all maps every field already; remove the Map tasks or the Map_all task")
	case c.passes > 0 && c.maps+c.mapAll > 0:
		c.p.add("tasks", "Task Validation Error: Passthrough moves records unchanged and does not go with Map or Map_all tasks")
	case c.passes > 1:
		c.p.add("tasks", "Task Validation Error: there are %d Passthrough tasks; keep one", c.passes)
	}
	if !c.projection && c.mapAll == 0 && c.passes == 0 && !c.needsNoProjection() {
		c.p.quote("tasks", noProjection)
	}
	if c.maps == 0 {
		return
	}
	for i := range c.def.Tasks {
		t := &c.def.Tasks[i]
		if t.Type != TaskPartition {
			continue
		}
		keys, _ := ParseNameList(t.Properties[PropOrderedPartitionKeysList])
		for _, key := range keys {
			if _, ok := c.produced[key]; !ok {
				c.fail(i, "taskProperties.ORDERED_PARTITION_KEYS_LIST", "partition key %q is no destination field; map a source field to it, or take it out of the list", key)
			}
		}
	}
}
