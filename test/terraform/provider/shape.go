package main

import (
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// shape is an argument or a block, and the API's member that it stands for.
type shape struct {
	name   string // in Terraform
	member string // in the API
	kind   schema.ValueType
	block  []shape // of a list or set of blocks

	required, computed, forceNew, sensitive bool
	many                                    bool   // more than one block
	always                                  bool   // a false, or an empty list, is sent
	moment                                  bool   // a time, as text
	needs                                   string // member without which a block is passed over
	suppress                                schema.SchemaDiffSuppressFunc
}

func text(name, member string) shape {
	return shape{name: name, member: member, kind: schema.TypeString}
}
func flag(name, member string) shape { return shape{name: name, member: member, kind: schema.TypeBool} }
func count(name, member string) shape {
	return shape{name: name, member: member, kind: schema.TypeInt}
}
func list(name, member string) shape  { return shape{name: name, member: member, kind: schema.TypeList} }
func table(name, member string) shape { return shape{name: name, member: member, kind: schema.TypeMap} }
func clock(name, member string) shape {
	return shape{name: name, member: member, kind: schema.TypeString, moment: true}
}

func block(name, member string, inner ...shape) shape {
	return shape{name: name, member: member, kind: schema.TypeList, block: inner}
}

func must(s shape) shape      { s.required = true; return s }
func learned(s shape) shape   { s.computed = true; return s }
func replacing(s shape) shape { s.forceNew = true; return s }
func several(s shape) shape   { s.many = true; return s }
func hidden(s shape) shape    { s.sensitive = true; return s }

// schemaOf is what Terraform's kit takes.
func schemaOf(shapes []shape) map[string]*schema.Schema {
	out := make(map[string]*schema.Schema, len(shapes))
	for _, s := range shapes {
		e := &schema.Schema{
			Type: s.kind, Required: s.required, Optional: !s.required, Computed: s.computed, ForceNew: s.forceNew,
			Sensitive: s.sensitive, DiffSuppressFunc: s.suppress,
		}
		switch {
		case s.kind == schema.TypeSet || s.block != nil:
			e.Elem = &schema.Resource{Schema: schemaOf(s.block)}
			if !s.many {
				e.MaxItems = 1
			}
		case s.kind == schema.TypeList || s.kind == schema.TypeMap:
			e.Elem = &schema.Schema{Type: schema.TypeString}
		}
		out[s.name] = e
	}
	return out
}

// expand makes the API's object of a block: what is empty was not written.
func expand(shapes []shape, m map[string]any) map[string]any {
	out := map[string]any{}
	for _, s := range shapes {
		v := m[s.name]
		if set, ok := v.(*schema.Set); ok {
			v = set.List()
		}
		switch v := v.(type) {
		case string:
			if v != "" {
				out[s.member] = v
			}
		case int:
			if v != 0 {
				out[s.member] = v
			}
		case bool:
			if v || s.always {
				out[s.member] = v
			}
		case map[string]any:
			if len(v) > 0 {
				out[s.member] = v
			}
		case []any:
			expandList(s, v, out)
		}
	}
	return out
}

func expandList(s shape, v []any, out map[string]any) {
	if s.block == nil && s.kind != schema.TypeSet {
		if len(v) > 0 || s.always {
			items := make([]any, len(v))
			for i, item := range v {
				items[i] = item
				if item == nil {
					items[i] = "" // so does the kit with an empty text
				}
			}
			out[s.member] = items
		}
		return
	}
	var items []any
	for _, item := range v {
		if m, ok := item.(map[string]any); ok {
			o := expand(s.block, m)
			if _, has := o[s.needs]; s.needs != "" && !has {
				continue // the kit invents empty elements of sets with computed members
			}
			items = append(items, o)
		} else if len(s.block) == 0 {
			items = append(items, map[string]any{}) // a block without arguments arrives as nil
		}
	}
	switch {
	case len(items) == 0:
	case s.many:
		out[s.member] = items
	default:
		out[s.member] = items[0]
	}
}

// flatten makes a block of the API's object, whose members have the names of the client's fields.
func flatten(shapes []shape, m map[string]any) map[string]any {
	out := map[string]any{}
	for _, s := range shapes {
		v := field(m, s.member)
		if v == nil {
			continue
		}
		switch {
		case s.kind == schema.TypeSet || s.block != nil:
			out[s.name] = flattenBlocks(s, v)
		case s.moment:
			at, err := time.Parse(time.RFC3339Nano, v.(string))
			if err == nil {
				out[s.name] = at.UTC().Format(time.RFC3339)
			}
		case s.kind == schema.TypeInt:
			out[s.name] = int(v.(float64))
		default:
			out[s.name] = v
		}
	}
	return out
}

func flattenBlocks(s shape, v any) []any {
	objects, ok := v.([]any)
	if !ok {
		objects = []any{v}
	}
	var out []any
	for _, o := range objects {
		if m, ok := o.(map[string]any); ok {
			out = append(out, flatten(s.block, m))
		}
	}
	return out
}

// field finds a member by its name, whatever its first letter's case.
func field(m map[string]any, member string) any {
	if v, ok := m[member]; ok {
		return v
	}
	return m[strings.ToUpper(member[:1])+member[1:]]
}
