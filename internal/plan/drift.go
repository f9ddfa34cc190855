package plan

import (
	"fmt"
	"slices"
	"strings"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Check says that a source field's values must fit a type: what a task declares, or what the source's schema said when
// it was remembered.
type Check struct {
	Field string    `json:"field"`
	Type  flow.Type `json:"type"`
	Dec   [2]int32  `json:"dec,omitzero"` // precision and scale of a decimal
	// Null makes a value that does not fit null and keeps its record; else the record is refused.
	Null bool       `json:"null,omitzero"`
	Task TaskOrigin `json:"task"`
}

// drift decides by the flow's policy what the source's schema counts as in this run. The reference is the schema that the
// flow's last run went by, nil fields when there is none: then what the source is now is what it always was.
//
//	appflow            fields of Map_all are the reference's; one that vanished fails the run
//	evolve             the reference's fields and the new ones; what an object lacks is null
//	freeze             the reference's fields; what an object lacks is null
//	quarantine-value   as freeze, and values that do not fit their type are null
//	quarantine-row     the reference's fields, and records with values that do not fit their type are refused
//	fail               the reference's fields; any difference fails the run
func (c *compiler) drift(in *Input) error {
	policy := in.Options.Drift
	now, ref := in.Schema, in.Reference
	if len(now.Fields) == 0 { // there is nothing to read
		return nil
	}
	first := len(ref.Fields) == 0
	if first {
		ref = now
	}
	seen := in.Survey
	if len(seen) == 0 {
		seen = []flow.Schema{now}
	}
	ref.Open, ref.Paths = now.Open, now.Paths
	switch policy {
	case "", flow.DriftAppFlow:
		return c.asAppFlow(ref, now, seen)
	case flow.DriftEvolve:
		c.schema = unite(ref, append([]flow.Schema{now}, seen...))
		c.missingIsNull = true
		c.changed = !first && len(compare(ref, c.schema)) > 0
	case flow.DriftFreeze:
		c.schema, c.missingIsNull = ref, true
	case flow.DriftQuarantineValue, flow.DriftQuarantineRow:
		c.schema, c.missingIsNull = ref, policy == flow.DriftQuarantineValue
		c.ownTypes, c.checks = true, true
	case flow.DriftFail:
		c.schema = ref
		return differences(ref, seen)
	default:
		return fault.New(fault.Validation, "planning: there is no drift policy %q", policy)
	}
	return nil
}

// asAppFlow keeps the fields of a Map_all task what they were when the flow was saved, unless it wants new ones. Tasks
// that name their fields see the source as it is.
func (c *compiler) asAppFlow(ref, now flow.Schema, seen []flow.Schema) error {
	if c.mapAll == nil {
		return nil
	}
	if !now.Open {
		if gone, object := c.vanished(ref, seen); gone != "" {
			return fault.New(fault.Validation, "planning task %d (%s): field %q, which the flow maps, has vanished from the source%s; "+
				"bring it back, update the flow, or choose another policy with the tag %s", c.allTask.Index+1, c.allTask.Label, gone, object, flow.TagDrift)
		}
	}
	if c.includesNew() {
		c.schema = unite(ref, append([]flow.Schema{now}, seen...))
		c.missingIsNull = len(seen) > 1 // every object has been looked at: only new fields can be missing
		c.changed = len(compare(ref, c.schema)) > 0
		return nil
	}
	c.schema.Fields = nil
	for _, f := range ref.Fields {
		if i := now.Find(f.Name); i >= 0 {
			f = now.Fields[i] // of the type it has now
		}
		c.schema.Fields = append(c.schema.Fields, f)
	}
	return nil
}

// vanished is the first field that Map_all maps and an object lacks.
func (c *compiler) vanished(ref flow.Schema, seen []flow.Schema) (field, where string) {
	excluded := c.excluded()
	for _, s := range seen {
		for _, f := range ref.Fields {
			if s.Find(f.Name) < 0 && !slices.Contains(excluded, f.Name) {
				if len(seen) > 1 {
					where = fmt.Sprintf(" (%q lacks it)", s.Entity)
				}
				return f.Name, where
			}
		}
	}
	return "", ""
}

// includesNew reports whether Map_all takes up new fields: its own property says so, or that of a Salesforce source.
func (c *compiler) includesNew() bool {
	return c.mapAll != nil && (c.mapAll.Properties[flow.PropIncludeNewFields] == "true" || c.dynamic)
}

// isDynamic reads enableDynamicFieldUpdate, which Salesforce alone has.
func isDynamic(s *flow.Source) bool {
	var props struct {
		Dynamic bool `json:"enableDynamicFieldUpdate"`
	}
	return s.Connector == flow.Salesforce && s.Properties.Decode(&props) == nil && props.Dynamic
}

// NeedsSurvey reports whether planning a flow under the options takes a look at every object of its source, and not just
// at a sample.
func NeedsSurvey(d *flow.Definition, o flow.Options) bool {
	switch o.Drift {
	case flow.DriftEvolve, flow.DriftFail:
		return true
	case "", flow.DriftAppFlow:
		return slices.ContainsFunc(d.Tasks, func(t flow.Task) bool {
			return t.Type == flow.TaskMapAll && t.Properties[flow.PropIncludeNewFields] == "true"
		})
	}
	return false
}

// unite is the reference with the fields of the others behind its own. A field whose type has changed gets one that
// holds both.
func unite(ref flow.Schema, others []flow.Schema) flow.Schema {
	u := ref
	u.Fields = slices.Clone(ref.Fields)
	for _, s := range others {
		for _, f := range s.Fields {
			if i := u.Find(f.Name); i >= 0 {
				u.Fields[i] = widen(u.Fields[i], f)
			} else {
				u.Fields = append(u.Fields, f)
			}
		}
	}
	return u
}

func widen(a, b flow.Field) flow.Field {
	rank := map[flow.Type]int{flow.TypeInteger: 1, flow.TypeLong: 2, flow.TypeDouble: 3}
	switch {
	case a.Type == b.Type && a.DecimalPrecision == b.DecimalPrecision && a.DecimalScale == b.DecimalScale:
		return a
	case rank[a.Type] > 0 && rank[b.Type] > 0:
		if rank[b.Type] > rank[a.Type] {
			a.Type, a.VendorType = b.Type, b.VendorType
		}
		return a
	case a.Type == flow.TypeJSON || b.Type == flow.TypeJSON:
		a.Type = flow.TypeJSON
	default:
		a.Type = flow.TypeString
	}
	a.DecimalPrecision, a.DecimalScale = 0, 0
	return a
}

// compare lists how a schema differs from the reference. Order counts where a schema is the whole truth.
func compare(ref, s flow.Schema) (list []string) {
	for _, f := range ref.Fields {
		i := s.Find(f.Name)
		switch {
		case i < 0:
			list = append(list, fmt.Sprintf("field %q is gone", f.Name))
		case s.Fields[i].Type != f.Type:
			list = append(list, fmt.Sprintf("field %q was %s and is %s", f.Name, f.Type, s.Fields[i].Type))
		case f.DecimalPrecision != s.Fields[i].DecimalPrecision || f.DecimalScale != s.Fields[i].DecimalScale:
			list = append(list, fmt.Sprintf("field %q was a decimal (%d, %d) and is one of (%d, %d)", f.Name,
				f.DecimalPrecision, f.DecimalScale, s.Fields[i].DecimalPrecision, s.Fields[i].DecimalScale))
		}
	}
	for _, f := range s.Fields {
		if ref.Find(f.Name) < 0 {
			list = append(list, fmt.Sprintf("field %q is new", f.Name))
		}
	}
	if len(list) > 0 || ref.Open {
		return list
	}
	for i := range ref.Fields {
		if ref.Fields[i].Name != s.Fields[i].Name {
			return append(list, fmt.Sprintf("field %q stands where %q stood", s.Fields[i].Name, ref.Fields[i].Name))
		}
	}
	return list
}

// maxDifferences is how many differences a message lists.
const maxDifferences = 20

// differences is the error of a source that is not what it was.
func differences(ref flow.Schema, seen []flow.Schema) error {
	var list []string
	for _, s := range seen {
		where := ""
		if len(seen) > 1 {
			where = fmt.Sprintf(" in %q", s.Entity)
		}
		for _, d := range compare(ref, s) {
			list = append(list, d+where)
		}
	}
	if len(list) == 0 {
		return nil
	}
	more := ""
	if n := len(list) - maxDifferences; n > 0 {
		list, more = list[:maxDifferences], fmt.Sprintf("; and %d more", n)
	}
	return fault.New(fault.Validation, "the source's schema has changed, and %s=%s ends the run: %s%s", flow.TagDrift, flow.DriftFail, strings.Join(list, "; "), more)
}

// addChecks makes the type checks of the quarantine policies: for each field that an output copies as it is, the type its
// task declares, else the one its schema says. To a string everything fits.
func (c *compiler) addChecks(isNull bool) {
	for i, o := range c.program.Outputs {
		at := c.schema.Find(o.Field)
		if at < 0 || slices.ContainsFunc(c.program.Edits, func(e Edit) bool { return e.Field == o.Field }) {
			continue
		}
		f := c.schema.Fields[at]
		check := Check{Field: o.Field, Type: f.Type, Dec: decimalOf(f.Type, f), Null: isNull, Task: o.Task}
		if t := flow.TypeOf(c.declared[i]); c.declared[i] != "" && t != flow.TypeString {
			check.Type, check.Dec = t, decimalOf(t, flow.Field{})
		}
		switch check.Type {
		case flow.TypeString, flow.TypeText, flow.TypeJSON:
			continue
		}
		if !slices.ContainsFunc(c.program.Checks, func(x Check) bool { return x.Field == check.Field && x.Type == check.Type }) {
			c.program.Checks = append(c.program.Checks, check)
		}
	}
}
