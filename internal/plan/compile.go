package plan

import (
	"slices"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Input is what a plan is made from.
type Input struct {
	Execution *flow.Execution
	Schema    flow.Schema      // of the source, as it is now; no fields when the source is empty
	Files     *flow.FileOutput // how a destination of files lays them out; nil for destinations of rows
	Window    *flow.Window     // nil pulls everything
	// ChunkBytes is how much input one page holds; part of the plan because the output's bytes depend on it. 0 means the
	// connector's default.
	ChunkBytes int
	Options    flow.Options
	// Reference is the schema that the flow's last run went by; no fields when there was none since its last update.
	Reference flow.Schema
	// Survey is the different schemas of the source's objects, each named after the first object that has it. Needed where
	// [NeedsSurvey] says so and the source can give it.
	Survey []flow.Schema
}

// Compile turns a definition that has passed flow.Validate into a plan. It fails with Validation when the definition
// does not fit the source's schema; the message names task and field.
func Compile(in Input) (*Plan, error) {
	x := in.Execution
	src, dst := x.Definition.Source, x.Definition.Destinations[0]
	c := compiler{source: src.Connector, schema: in.Schema, files: in.Files, dynamic: isDynamic(&src)}
	if err := c.tasks(x.Definition.Tasks); err != nil {
		return nil, err
	}
	if err := c.drift(&in); err != nil {
		return nil, err
	}
	if err := c.finish(); err != nil {
		return nil, err
	}
	p := &Plan{
		ExecutionID: x.ID, FlowName: x.FlowName, FlowVersion: x.FlowVersion, SchemaVersion: x.SchemaVersion,
		StartedAt: x.StartedAt.UTC().Truncate(time.Millisecond),
		Program:   c.program,
		Source: Source{
			Connector: src.Connector, ProfileName: deref(src.ProfileName), APIVersion: deref(src.APIVersion),
			Read: connector.ReadRequest{
				Properties: src.Properties, Schema: c.schema, Fields: c.fields(), MissingIsNull: c.missingIsNull, OwnTypes: c.ownTypes, Filters: c.pushable(), Window: in.Window,
				ChunkBytes: in.ChunkBytes,
			},
		},
		Dest: Dest{
			Connector: dst.Connector, ProfileName: deref(dst.ProfileName), APIVersion: deref(dst.APIVersion),
			Properties: dst.Properties, Files: in.Files,
		},
		OneSplit:      oneSplit(in.Files, &c.program),
		Options:       in.Options,
		SchemaChanged: c.changed,
	}
	if inc := src.Incremental; inc != nil {
		p.Source.Read.WindowBy = deref(inc.DatetimeField)
	}
	if err := p.compress(in.Options.Compression); err != nil {
		return nil, err
	}
	if o := in.Options; o.ErrorBucket != "" {
		p.Dest.ErrorFiles = &ErrorDest{Bucket: o.ErrorBucket, Prefix: o.ErrorPrefix}
	}
	if in.Files == nil {
		p.Dest.Write = &connector.WriteRequest{Properties: dst.Properties, ExecutionID: x.ID}
		if err := p.Dest.errorHandling(); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// oneSplit reports whether the output must be made in one piece: a single file, or folders of files near a target size.
// Splits would each leave files of their own in every folder, most of them far below the target.
func oneSplit(files *flow.FileOutput, p *Program) bool {
	if files == nil {
		return false
	}
	return files.SingleFile && files.TargetFileSize == 0 || files.TargetFileSize > 0 && len(p.PartitionBy) > 0
}

// errorHandling reads errorHandlingConfig, which every destination of rows spells the same way.
func (d *Dest) errorHandling() error {
	var props struct {
		ErrorHandling *struct {
			FailOnFirst bool   `json:"failOnFirstDestinationError"`
			Bucket      string `json:"bucketName"`
			Prefix      string `json:"bucketPrefix"`
		} `json:"errorHandlingConfig"`
	}
	if err := d.Properties.Decode(&props); err != nil {
		return fault.Wrap(fault.Validation, err, "reading errorHandlingConfig")
	}
	if e := props.ErrorHandling; e != nil {
		d.FailOnFirstError = e.FailOnFirst
		if e.Bucket != "" {
			d.ErrorFiles = &ErrorDest{Bucket: e.Bucket, Prefix: e.Prefix}
		}
	}
	return nil
}

// compress puts the flow's choice into the layout. The file type may have been changed since the choice was checked.
func (p *Plan) compress(how flow.Compression) error {
	if how == "" {
		return nil
	}
	if p.Dest.Files == nil || how == flow.CompressionSnappy && p.Dest.Files.Type != flow.FileParquet {
		return fault.New(fault.Validation, "planning: tag %s=%s does not go with the destination", flow.TagCompression, how)
	}
	files := *p.Dest.Files
	files.Compression = how
	p.Dest.Files = &files
	return nil
}

// compiler gathers the program while it walks the tasks.
type compiler struct {
	source   flow.ConnectorType
	schema   flow.Schema
	files    *flow.FileOutput
	program  Program
	declared []string // the type that each output's task declares
	mapAll   *flow.Task
	allTask  TaskOrigin
	pass     bool // a Passthrough task: every field as it is
	dynamic  bool // the source wants new fields to be taken up

	// What the drift policy comes to.
	missingIsNull bool
	ownTypes      bool
	checks        bool
	changed       bool
}

func (c *compiler) tasks(tasks []flow.Task) error {
	for i := range tasks {
		t := &tasks[i]
		origin := TaskOrigin{Index: i, Label: t.Label(c.source)}
		var err error
		switch t.Type {
		case flow.TaskFilter:
			c.filter(t, origin)
		case flow.TaskValidate:
			c.program.Validations = append(c.program.Validations, Validation{
				Field: t.SourceFields[0], Operator: t.Operator(c.source), Task: origin,
				DropDataset: t.Properties[flow.PropValidationAction] == flow.ActionDropDataset,
			})
		case flow.TaskMerge, flow.TaskArithmetic:
			err = c.derive(t, origin)
		case flow.TaskTruncate, flow.TaskMask:
			c.edit(t, origin)
		case flow.TaskMap:
			c.output(t.SourceFields[0], *t.DestinationField, c.declares(t), origin)
		case flow.TaskMapAll:
			c.mapAll, c.allTask = t, origin
		case flow.TaskPassthrough:
			c.pass, c.allTask = true, origin
		case flow.TaskPartition:
			c.program.PartitionBy, err = flow.ParseNameList(t.Properties[flow.PropOrderedPartitionKeysList])
		}
		if err != nil {
			return fault.Wrap(fault.Validation, err, "planning task %d (%s)", i+1, origin.Label)
		}
	}
	return nil
}

func (c *compiler) filter(t *flow.Task, origin TaskOrigin) {
	op := t.Operator(c.source)
	if op == flow.OpProjection {
		return // a field that a projection names and nothing uses need not be read
	}
	f := Filter{Field: t.SourceFields[0], Operator: op, DataType: t.Properties[flow.PropDataType], Task: origin}
	f.Compare = flow.CompareAs(f.DataType)
	switch {
	case op == flow.OpBetween:
		f.Values = []string{t.Properties[flow.PropLowerBound], t.Properties[flow.PropUpperBound]}
		if c.source == flow.Salesforce { // where BETWEEN leaves its bounds out
			low, high := f, f
			low.Operator, low.Values = flow.OpGreaterThan, f.Values[:1]
			high.Operator, high.Values = flow.OpLessThan, f.Values[1:]
			c.program.Filters = append(c.program.Filters, low, high)
			return
		}
	case t.Properties[flow.PropValues] != "":
		f.Values = flow.SplitValues(t.Properties[flow.PropValues])
	default:
		f.Values = []string{t.Properties[flow.PropValue]}
	}
	c.program.Filters = append(c.program.Filters, f)
}

func (c *compiler) derive(t *flow.Task, origin TaskOrigin) error {
	d := Derived{Name: t.DerivedName(), Fields: t.SourceFields, Operator: t.Operator(c.source), Task: origin}
	if t.Type == flow.TaskArithmetic {
		d.Fields, _ = flow.OperandOrder(t.Properties[flow.PropMathOperationFieldsOrder], t.SourceFields)
	} else {
		format, err := flow.ParseConcatFormat(t.Properties[flow.PropConcatFormat], t.SourceFields)
		if err != nil {
			return err
		}
		d.Format = format
	}
	c.program.Derived = append(c.program.Derived, d)
	return nil
}

func (c *compiler) edit(t *flow.Task, origin TaskOrigin) {
	e := Edit{Field: t.SourceFields[0], Task: origin}
	if t.Type == flow.TaskTruncate {
		e.Truncate = atoi(t.Properties[flow.PropTruncateLength])
	} else {
		e.Mask, e.Length, e.With = t.Operator(c.source), atoi(t.Properties[flow.PropMaskLength]), "*"
		if v := t.Properties[flow.PropMaskValue]; v != "" {
			e.With = v
		}
	}
	c.program.Edits = append(c.program.Edits, e)
}

// declares is the type that a Map task gives its value: the destination's, else the source's where the source itself has
// none, as CSV.
func (c *compiler) declares(t *flow.Task) string {
	if to := t.Properties[flow.PropDestinationDataType]; to != "" {
		return to
	}
	if i := c.schema.Find(t.SourceFields[0]); i >= 0 && c.schema.Fields[i].Type != flow.TypeText {
		return ""
	}
	return t.Properties[flow.PropSourceDataType]
}

// output adds a destination field with the type its task declares, which may be empty.
func (c *compiler) output(field, name, declared string, origin TaskOrigin) {
	c.program.Outputs = append(c.program.Outputs, Output{Field: field, Name: name, Task: origin})
	c.declared = append(c.declared, declared)
}

// types decides the outputs' types, where the destination keeps types. It runs when all tasks are known, because what a
// mask or a truncation leaves of a value is text, whatever it was before.
func (c *compiler) types() {
	if c.files == nil || c.files.Type != flow.FileParquet || !c.files.KeepTypes {
		return
	}
	for i := range c.program.Outputs {
		o := &c.program.Outputs[i]
		o.Type = flow.TypeString
		if !slices.ContainsFunc(c.program.Edits, func(e Edit) bool { return e.Field == o.Field }) {
			o.Type, o.Dec = c.typeOf(o.Field, c.declared[i])
		}
	}
}

// typeOf is the type a kept-typed column gets: what the task declares, else what the source says, else for arithmetic a
// decimal, else a string.
func (c *compiler) typeOf(field, declared string) (flow.Type, [2]int32) {
	if declared != "" {
		if t := flow.TypeOf(declared); t != flow.TypeString {
			return t, decimalOf(t, flow.Field{})
		}
	}
	if i := c.schema.Find(field); i >= 0 {
		f := c.schema.Fields[i]
		switch f.Type {
		case flow.TypeText, flow.TypeJSON:
			return flow.TypeString, [2]int32{}
		}
		return f.Type, decimalOf(f.Type, f)
	}
	for _, d := range c.program.Derived {
		if d.Name == field && d.Operator != flow.OpNoOp {
			return flow.TypeDecimal, decimalOf(flow.TypeDecimal, flow.Field{})
		}
	}
	return flow.TypeString, [2]int32{}
}

// decimalOf gives precision and scale of a decimal; 38 digits with 10 after the point when nobody says.
func decimalOf(t flow.Type, f flow.Field) [2]int32 {
	if t != flow.TypeDecimal {
		return [2]int32{}
	}
	if f.DecimalPrecision > 0 {
		return [2]int32{f.DecimalPrecision, f.DecimalScale}
	}
	return [2]int32{38, 10}
}

// finish resolves Map_all, the input columns and the checks against the schema.
func (c *compiler) finish() error {
	if c.mapAll != nil || c.pass {
		if err := c.everything(); err != nil {
			return err
		}
	}
	if len(c.program.Outputs) == 0 && len(c.schema.Fields) > 0 {
		return fault.New(fault.Validation, "planning: no task maps a field, so nothing would be written; add Map tasks, or a Map_all task that leaves some in")
	}
	c.types()
	if c.checks {
		c.addChecks(c.missingIsNull)
	}
	for _, name := range c.fields() {
		col := Column{Name: name, Type: flow.TypeString}
		if i := c.schema.Find(name); i >= 0 {
			col.Type = c.schema.Fields[i].Type
			col.Dec = decimalOf(col.Type, c.schema.Fields[i])
		} else if c.isObject(name) {
			col.Type = flow.TypeJSON
		} else if len(c.schema.Fields) > 0 && !c.schema.Open && !(c.schema.Paths && strings.Contains(name, ".")) {
			return fault.New(fault.Validation, "planning %s: the source has no field %q; it has %s", c.user(name), name, c.known())
		}
		c.program.Input = append(c.program.Input, col)
	}
	return c.partitions()
}

// everything adds an output for each source field that is not excluded.
func (c *compiler) everything() error {
	if c.mapAll != nil {
		if list, ok := c.mapAll.Properties[flow.PropExcludeSourceFieldsList]; ok {
			if _, err := flow.ParseNameList(list); err != nil {
				return fault.Wrap(fault.Validation, err, "planning task %d (%s)", c.allTask.Index+1, c.allTask.Label)
			}
		}
	}
	excluded := c.excluded()
	whole := c.wholeObjects()
	for _, f := range c.schema.Fields {
		switch {
		case slices.Contains(excluded, f.Name):
		case len(f.Path) > 1 && whole[f.Path[0]]:
			if !slices.ContainsFunc(c.program.Outputs, func(o Output) bool { return o.Field == f.Path[0] }) {
				c.output(f.Path[0], f.Path[0], "", c.allTask)
			}
		default:
			c.output(f.Name, f.Name, "", c.allTask)
			c.program.Outputs[len(c.program.Outputs)-1].Path = f.Path
		}
	}
	c.nest()
	return nil
}

// wholeObjects names the members of records that a Passthrough task moves in one piece: those that hold others, none of
// which a task changes or partitions by. One in which a field is masked has to be taken apart.
func (c *compiler) wholeObjects() map[string]bool {
	whole := map[string]bool{}
	if !c.pass {
		return whole
	}
	touched := slices.Clone(c.program.PartitionBy)
	for _, e := range c.program.Edits {
		touched = append(touched, e.Field)
	}
	for _, f := range c.schema.Fields {
		if len(f.Path) > 1 {
			is, known := whole[f.Path[0]]
			whole[f.Path[0]] = (is || !known) && !slices.Contains(touched, f.Name)
		}
	}
	return whole
}

// isObject reports whether fields of the schema lie inside something of this name.
func (c *compiler) isObject(name string) bool {
	for i := range c.schema.Fields {
		for depth := 1; depth < len(c.schema.Fields[i].Path); depth++ {
			if strings.Join(c.schema.Fields[i].Path[:depth], ".") == name {
				return true
			}
		}
	}
	return false
}

// nest brings the fields of one object together, for JSON files, which write them inside that object again; elsewhere
// dotted names stand for themselves.
func (c *compiler) nest() {
	if c.files == nil || c.files.Type != flow.FileJSON && c.files.Type != "" {
		for i := range c.program.Outputs {
			c.program.Outputs[i].Path = nil
		}
		return
	}
	first := map[string]int{} // object → where its first field stands
	at := func(o Output, depth int) int {
		key := strings.Join(o.Path[:depth], "\x00")
		return first[key]
	}
	for i, o := range c.program.Outputs {
		if len(o.Path) == 0 {
			c.program.Outputs[i].Path = []string{o.Name}
			o = c.program.Outputs[i]
		}
		for depth := 1; depth <= len(o.Path); depth++ {
			key := strings.Join(o.Path[:depth], "\x00")
			if _, ok := first[key]; !ok {
				first[key] = i
			}
		}
	}
	// Outputs of one Map_all or Passthrough task: none declares a type, so c.declared needs no sorting.
	slices.SortStableFunc(c.program.Outputs, func(a, b Output) int {
		for depth := 1; depth <= min(len(a.Path), len(b.Path)); depth++ {
			if d := at(a, depth) - at(b, depth); d != 0 {
				return d
			}
		}
		return 0
	})
	for i := range c.program.Outputs {
		if len(c.program.Outputs[i].Path) == 1 {
			c.program.Outputs[i].Path = nil
		}
	}
}

// excluded is what the Map_all task leaves out; a list that cannot be read is an error elsewhere.
func (c *compiler) excluded() []string {
	if c.mapAll == nil {
		return nil
	}
	names, _ := flow.ParseNameList(c.mapAll.Properties[flow.PropExcludeSourceFieldsList])
	return names
}

// partitions checks that every key is an output.
func (c *compiler) partitions() error {
	for _, key := range c.program.PartitionBy {
		if len(c.program.Outputs) > 0 && !slices.ContainsFunc(c.program.Outputs, func(o Output) bool { return o.Name == key }) {
			return fault.New(fault.Validation, "planning partitions: key %q is no destination field", key)
		}
	}
	return nil
}

// fields lists the source fields the program touches: in the schema's order, unknown ones last in order of use. A field
// that a projection names and nothing uses is not read.
func (c *compiler) fields() []string {
	derived := map[string]bool{}
	for _, d := range c.program.Derived {
		derived[d.Name] = true
	}
	var used []string
	seen := map[string]bool{}
	use := func(name string) {
		if seen[name] {
			return
		}
		// A name that a task makes is the temporary field, unless the source really has one of that name.
		if derived[name] && c.schema.Find(name) < 0 {
			return
		}
		seen[name] = true
		used = append(used, name)
	}
	for _, f := range c.program.Filters {
		use(f.Field)
	}
	for _, v := range c.program.Validations {
		use(v.Field)
	}
	for _, d := range c.program.Derived {
		for _, f := range d.Fields {
			use(f)
		}
	}
	for _, e := range c.program.Edits {
		use(e.Field)
	}
	for _, o := range c.program.Outputs {
		use(o.Field)
	}
	ordered := make([]string, 0, len(used))
	for _, f := range c.schema.Fields {
		if seen[f.Name] {
			ordered = append(ordered, f.Name)
			delete(seen, f.Name)
		}
	}
	for _, name := range used {
		if seen[name] {
			ordered = append(ordered, name)
		}
	}
	return ordered
}

// pushable lists the filters for a source that can apply them itself.
func (c *compiler) pushable() []connector.Filter {
	var list []connector.Filter
	for _, f := range c.program.Filters {
		list = append(list, connector.Filter{Field: f.Field, Operator: f.Operator, DataType: f.DataType, Values: f.Values})
	}
	return list
}

// user names the task that uses a field, for messages.
func (c *compiler) user(field string) string {
	name := func(o TaskOrigin) string { return "task " + itoa(o.Index+1) + " (" + o.Label + ")" }
	for _, f := range c.program.Filters {
		if f.Field == field {
			return name(f.Task)
		}
	}
	for _, v := range c.program.Validations {
		if v.Field == field {
			return name(v.Task)
		}
	}
	for _, d := range c.program.Derived {
		if slices.Contains(d.Fields, field) {
			return name(d.Task)
		}
	}
	for _, e := range c.program.Edits {
		if e.Field == field {
			return name(e.Task)
		}
	}
	for _, o := range c.program.Outputs {
		if o.Field == field {
			return name(o.Task)
		}
	}
	return "the tasks"
}

// known lists the source's fields for a message, cut when there are many.
func (c *compiler) known() string {
	names := make([]string, 0, 20)
	for i, f := range c.schema.Fields {
		if i == 20 {
			names = append(names, "…")
			break
		}
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}
