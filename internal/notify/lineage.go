package notify

import (
	"slices"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

// maxColumns bounds what a letter says of a dataset; who has more is told of the first.
const maxColumns = 2000

// Lineage is which columns a run read, which it wrote, and what came from where.
type Lineage struct {
	Inputs  []Column  `json:"inputs,omitzero"`
	Outputs []Output  `json:"outputs,omitzero"`
	Filters []string  `json:"filters,omitzero"` // input columns that decided which records were taken
	Files   *FileInfo `json:"files,omitzero"`
}

// Column is a column of a dataset.
type Column struct {
	Name        string    `json:"name"`
	Type        flow.Type `json:"type,omitzero"`
	Description string    `json:"description,omitzero"`
}

// Output is a column that was written, with the input columns it was made of.
type Output struct {
	Column
	From     []string `json:"from,omitzero"`
	IsEdited bool     `json:"isEdited,omitzero"` // computed, cut or masked: no longer the input's own value
	IsMasked bool     `json:"isMasked,omitzero"`
}

// FileInfo is where files went.
type FileInfo struct {
	Type flow.FileType `json:"type"`
}

// LineageOf reads a plan. It keeps names and types, no literals of tasks.
func LineageOf(p *plan.Plan) *Lineage {
	l := &Lineage{}
	schema := p.Source.Read.Schema
	for _, c := range p.Program.Input[:min(len(p.Program.Input), maxColumns)] {
		col := Column{Name: c.Name, Type: c.Type}
		if i := schema.Find(c.Name); i >= 0 {
			col.Description = orText(schema.Fields[i].Description, schema.Fields[i].Label)
		}
		l.Inputs = append(l.Inputs, col)
	}
	for _, o := range p.Program.Outputs[:min(len(p.Program.Outputs), maxColumns)] {
		l.Outputs = append(l.Outputs, outputOf(p, o))
	}
	for _, f := range p.Program.Filters {
		l.Filters = appendNew(l.Filters, f.Field)
	}
	for _, f := range p.Source.Read.Filters { // those that the source applied
		l.Filters = appendNew(l.Filters, f.Field)
	}
	for _, v := range p.Program.Validations {
		l.Filters = appendNew(l.Filters, v.Field)
	}
	if p.Dest.Files != nil {
		l.Files = &FileInfo{Type: p.Dest.Files.Type}
	}
	return l
}

func outputOf(p *plan.Plan, o plan.Output) Output {
	out := Output{Column: Column{Name: o.Name, Type: o.Type}, From: []string{o.Field}}
	for _, d := range p.Program.Derived {
		if d.Name == o.Field {
			out.From, out.IsEdited = nil, true
			for _, field := range d.Fields {
				out.From = appendNew(out.From, field)
			}
		}
	}
	if i := slices.IndexFunc(p.Program.Input, func(c plan.Column) bool { return c.Name == o.Field }); i >= 0 && out.Type == "" {
		out.Type = p.Program.Input[i].Type
	}
	for _, e := range p.Program.Edits {
		if e.Field == o.Field || slices.Contains(out.From, e.Field) {
			out.IsEdited = true
			out.IsMasked = out.IsMasked || e.Mask != ""
		}
	}
	return out
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func orText(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}
