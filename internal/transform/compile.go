package transform

import (
	"cmp"
	"fmt"
	"slices"
	"unicode/utf8"

	"weir.dev/weir/batch"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
	"weir.dev/weir/internal/transform/kernel"
)

// Compile makes a program of a plan's. It fails with Validation, naming the task, when a field is not known, a literal
// cannot be read or an operator does not apply.
func Compile(p plan.Program, opts Options) (*Program, error) {
	c := compiler{index: map[string]int{}}
	c.pool = cmp.Or(opts.Pool, batch.DefaultPool)
	c.inputs = p.Input
	for i, col := range p.Input {
		if c.name(col.Name) != i {
			return nil, fault.New(fault.Validation, "compiling the tasks: the source has two fields %q", col.Name)
		}
	}
	for _, step := range []func(*plan.Program) error{c.addFilters, c.addValidations, c.addChecks, c.addDerived, c.addEdits, c.addOutputs, c.addPartition} {
		if err := step(&p); err != nil {
			return nil, err
		}
	}
	c.dropUnused()
	c.runs.New = func() any { return new(run) }
	return &c.Program, nil
}

// KindOf is the column kind of a canonical type, and the zero Kind for types whose values are kept as they come: text,
// JSON, strings and no type at all. Dec is precision and scale of a decimal.
func KindOf(t flow.Type, dec [2]int32) batch.Kind {
	switch t {
	case flow.TypeBoolean:
		return batch.Kind{Type: batch.Bool}
	case flow.TypeInteger:
		return batch.Kind{Type: batch.Int32}
	case flow.TypeLong:
		return batch.Kind{Type: batch.Int64}
	case flow.TypeDouble:
		return batch.Kind{Type: batch.Float64}
	case flow.TypeDecimal:
		if dec[0] <= 0 {
			dec = [2]int32{38, 10}
		}
		return batch.Kind{Type: batch.Decimal, Precision: dec[0], Scale: dec[1]}
	case flow.TypeDate:
		return batch.Kind{Type: batch.Date}
	case flow.TypeTime:
		return batch.Kind{Type: batch.Time}
	case flow.TypeDatetime:
		return batch.Kind{Type: batch.Timestamp}
	case flow.TypeBinary:
		return batch.Kind{Type: batch.Binary}
	}
	return batch.Kind{}
}

// compiler builds a program. Index finds fields by name.
type compiler struct {
	Program
	index map[string]int
}

// name adds a field. A name the source has is the source's.
func (c *compiler) name(name string) int {
	if i, ok := c.index[name]; ok {
		return i
	}
	c.index[name] = len(c.fields)
	c.fields = append(c.fields, field{name: name})
	return len(c.fields) - 1
}

func (c *compiler) find(name string, task plan.TaskOrigin) (int, error) {
	i, ok := c.index[name]
	if !ok {
		return 0, failed(task, "there is no field %q", name)
	}
	return i, nil
}

func failed(task plan.TaskOrigin, format string, args ...any) error {
	return fault.New(fault.Validation, "compiling task %d (%s): %s", task.Index+1, task.Label, fmt.Sprintf(format, args...))
}

// reasons spells a step's messages out beforehand: a batch may fail in every row.
func reasons(format string, args ...any) (list [kernel.Reasons]string) {
	for i := range list {
		list[i] = fmt.Sprintf(format, args...) + kernel.Reason(i).String()
	}
	return list
}

func (c *compiler) addFilters(p *plan.Program) error {
	for _, f := range p.Filters {
		i, err := c.find(f.Field, f.Task)
		if err != nil {
			return err
		}
		if i >= len(c.inputs) {
			return failed(f.Task, "%q is made by another task; filters see source fields", f.Field)
		}
		t, err := newTest(f)
		if err != nil {
			return err
		}
		c.filters = append(c.filters, filter{field: i, test: t})
	}
	return nil
}

var rules = map[flow.Operator]kernel.Rule{
	flow.OpValidateNonNull: kernel.NonNull, flow.OpValidateNonZero: kernel.NonZero,
	flow.OpValidateNonNegative: kernel.NonNegative, flow.OpValidateNumeric: kernel.Numeric,
}

func (c *compiler) addValidations(p *plan.Program) error {
	for _, v := range p.Validations {
		i, err := c.find(v.Field, v.Task)
		if err != nil {
			return err
		}
		rule, ok := rules[v.Operator]
		if !ok || i >= len(c.inputs) {
			return failed(v.Task, "cannot validate %q with %s", v.Field, v.Operator)
		}
		c.validations = append(c.validations, validation{
			field: i, rule: rule, dropDataset: v.DropDataset, task: v.Task.Label, index: v.Task.Index, operator: string(v.Operator), reasons: reasons("field %q: ", v.Field),
		})
	}
	slices.SortStableFunc(c.validations, func(a, b validation) int {
		return claim(b.dropDataset) - claim(a.dropDataset)
	})
	return nil
}

func (c *compiler) addChecks(p *plan.Program) error {
	for _, x := range p.Checks {
		i, err := c.find(x.Field, x.Task)
		if err != nil {
			return err
		}
		kind := KindOf(x.Type, x.Dec)
		if kind.Type == 0 || i >= len(c.inputs) {
			return failed(x.Task, "cannot check %q for type %s", x.Field, x.Type)
		}
		c.checks = append(c.checks, check{
			field: i, kind: kind, isNull: x.Null, task: x.Task.Label, index: x.Task.Index, reasons: reasons("field %q as %s: ", x.Field, x.Type),
		})
	}
	return nil
}

func claim(b bool) int {
	if b {
		return 1
	}
	return 0
}

var arithmetic = map[flow.Operator]kernel.ArithmeticOp{
	flow.OpAddition: kernel.Add, flow.OpSubtraction: kernel.Subtract,
	flow.OpMultiplication: kernel.Multiply, flow.OpDivision: kernel.Divide,
}

// addDerived resolves derived fields. They are made of source fields, or of derived ones earlier in the list.
func (c *compiler) addDerived(p *plan.Program) error {
	for _, d := range p.Derived {
		if i, ok := c.index[d.Name]; ok && i < len(c.inputs) {
			continue // the source has a field of that name, and it is the one that is meant
		} else if ok {
			return failed(d.Task, "%q is made by another task already", d.Name)
		}
		op, isArithmetic := arithmetic[d.Operator]
		x := derived{arithmetic: isArithmetic, op: op, task: d.Task.Label, index: d.Task.Index, reasons: reasons("")}
		for _, name := range d.Fields {
			i, err := c.find(name, d.Task)
			if err != nil {
				return err
			}
			x.from = append(x.from, i)
		}
		if isArithmetic && len(x.from) != 2 {
			return failed(d.Task, "arithmetic takes two fields")
		}
		for _, piece := range d.Format {
			if err := c.addPiece(&x, piece, d.Task); err != nil {
				return err
			}
		}
		if isArithmetic {
			x.reasons = reasons("%s of %q and %q: ", d.Operator, d.Fields[0], d.Fields[1])
		}
		x.field = c.name(d.Name)
		c.derived = append(c.derived, x)
	}
	return nil
}

func (c *compiler) addPiece(x *derived, p flow.ConcatPiece, task plan.TaskOrigin) error {
	if p.Field == "" {
		x.pieces = append(x.pieces, piece{literal: p.Literal, field: -1})
		return nil
	}
	i, err := c.find(p.Field, task)
	if err != nil {
		return err
	}
	x.pieces = append(x.pieces, piece{field: i})
	if !slices.Contains(x.from, i) {
		x.from = append(x.from, i)
	}
	return nil
}

var maskParts = map[flow.Operator]kernel.MaskPart{
	flow.OpMaskAll: kernel.MaskAll, flow.OpMaskFirstN: kernel.MaskFirst, flow.OpMaskLastN: kernel.MaskLast,
}

// addEdits gathers the edits by field: truncations first, then masks.
func (c *compiler) addEdits(p *plan.Program) error {
	for _, e := range p.Edits {
		i, err := c.find(e.Field, e.Task)
		if err != nil {
			return err
		}
		part, isMask := maskParts[e.Mask]
		switch {
		case e.Truncate > 0:
			// A truncation, whatever else is set.
		case !isMask:
			return failed(e.Task, "%q is no mask", e.Mask)
		case utf8.RuneCountInString(e.With) != 1:
			return failed(e.Task, "the mask must be one character")
		case e.Length < 0 || part == kernel.MaskAll && e.Length > flow.MaxMaskAll:
			return failed(e.Task, "the mask's length must be at most %d", flow.MaxMaskAll)
		}
		c.fields[i].edits = append(c.fields[i].edits, edit{
			truncate: e.Truncate, part: part, length: e.Length, with: e.With, task: e.Task.Label, index: e.Task.Index, reasons: reasons("field %q: ", e.Field),
		})
	}
	for i := range c.fields {
		slices.SortStableFunc(c.fields[i].edits, func(a, b edit) int { return editRank(a) - editRank(b) })
	}
	return nil
}

// editRank orders the edits of one field: truncations, then masks of a part, then masks of all, so that the order of the
// tasks does not matter.
func editRank(e edit) int {
	switch {
	case e.truncate > 0:
		return 0
	case e.part == kernel.MaskAll:
		return 2
	}
	return 1
}

func (c *compiler) addOutputs(p *plan.Program) error {
	for _, o := range p.Outputs {
		i, err := c.find(o.Field, o.Task)
		if err != nil {
			return err
		}
		kind := KindOf(o.Type, o.Dec)
		if kind.Type == batch.Decimal && (kind.Precision > 38 || kind.Scale < 0 || kind.Scale > kind.Precision) {
			return failed(o.Task, "a decimal has up to 38 digits, %d of %d behind the point cannot be", kind.Scale, kind.Precision)
		}
		if kind.Type != 0 && len(c.fields[i].edits) > 0 {
			return failed(o.Task, "%q is masked or truncated, which makes it text; it cannot be written as %s", o.Field, o.Type)
		}
		c.outputs = append(c.outputs, output{
			name: o.Name, field: i, kind: kind, task: o.Task.Label, index: o.Task.Index,
			reasons: reasons("field %q as %s: ", o.Field, o.Type),
		})
	}
	return nil
}

func (c *compiler) addPartition(p *plan.Program) error {
	if len(c.outputs) == 0 { // a source that has no fields yet
		return nil
	}
	for _, name := range p.PartitionBy {
		i := slices.IndexFunc(c.outputs, func(o output) bool { return o.name == name })
		if i < 0 {
			return fault.New(fault.Validation, "compiling the tasks: partition key %q is no destination field", name)
		}
		c.partition = append(c.partition, i)
	}
	return nil
}

// dropUnused forgets derived fields that no output and no other derived field is made of: nobody would see their result,
// so nobody should see them refuse rows.
func (c *compiler) dropUnused() {
	used := make([]bool, len(c.fields))
	for _, o := range c.outputs {
		used[o.field] = true
	}
	for i := len(c.derived) - 1; i >= 0; i-- {
		if d := &c.derived[i]; used[d.field] {
			for _, from := range d.from {
				used[from] = true
			}
			continue
		}
		c.derived = slices.Delete(c.derived, i, i+1)
	}
}
