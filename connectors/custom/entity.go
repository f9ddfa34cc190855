package custom

import (
	"context"
	"encoding/json"
	"strconv"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// Bounds of what a connector may list and describe.
const (
	maxEntities      = 100_000
	maxEntityPages   = 10_000
	entitiesPerPage  = 1000
	maxFields        = 20_000
	maxDefinition    = 2 << 20 // it travels with every call that moves records
	maxEntityName    = 1024
	maxSupportedText = 2048
)

// ListEntities implements [connector.EntityLister]. A page without an end, or that comes twice, is an error: a list that
// is not whole is worse than none.
func (c *connection) ListEntities(ctx context.Context, path string) ([]flow.Entity, error) {
	const operation = "ListEntities"
	var list []flow.Entity
	names, tokens := map[string]bool{}, map[string]bool{}
	next := ""
	for range maxEntityPages {
		var said listEntitiesAnswer
		answer, err := c.call(ctx, operation, metadataTime, func(s *session) ([]byte, error) {
			return marshal(listEntitiesRequest{Type: operation + "Request", Path: optional(path), MaxResults: entitiesPerPage, NextToken: optional(next), Context: c.context(s, nil, nil)})
		})
		if err != nil {
			return nil, err
		}
		if err := decode(operation, answer, &said); err != nil {
			return nil, err
		}
		c.learn(said.Cache)
		for _, e := range said.Entities {
			if e.Name == "" || len(e.Name) > maxEntityName || names[e.Name] {
				return nil, fault.New(fault.ConnectorServer, "listing entities: the connector names %q, which is empty, too long or there twice", clip(e.Name))
			}
			names[e.Name] = true
			one := flow.Entity{Name: e.Name, Label: clip(text(e.Label)), HasNested: e.HasNested}
			if one.Label == "" {
				one.Label = e.Name
			}
			list = append(list, one)
		}
		if next = text(said.NextToken); next == "" {
			return list, nil
		}
		if tokens[next] || len(list) > maxEntities {
			return nil, fault.New(fault.ConnectorServer, "listing entities: the connector's list has no end: nextToken %q comes again, or there are more than %d entities", clip(next), maxEntities)
		}
		tokens[next] = true
	}
	return nil, fault.New(fault.ConnectorServer, "listing entities: the connector's list has more than %d pages", maxEntityPages)
}

// DescribeEntity implements [connector.EntityDescriber].
func (c *connection) DescribeEntity(ctx context.Context, name string) (flow.Schema, error) {
	d, err := c.describe(ctx, name, nil)
	if err != nil {
		return flow.Schema{}, err
	}
	return d.schema, nil
}

// described is an entity as its connector describes it.
type described struct {
	schema  flow.Schema
	raw     json.RawMessage // the entityDefinition, as it goes back to the connector
	notNull []string        // fields that have a value in every record
}

// describe asks for an entity. Settings are those of the end of the flow that asks.
func (c *connection) describe(ctx context.Context, name string, settings map[string]string) (*described, error) {
	const operation = "DescribeEntity"
	answer, err := c.call(ctx, operation, metadataTime, func(s *session) ([]byte, error) {
		return marshal(describeEntityRequest{Type: operation + "Request", Entity: name, Context: c.context(s, settings, nil)})
	})
	if err != nil {
		return nil, err
	}
	var said describeEntityAnswer
	if err := decode(operation, answer, &said); err != nil {
		return nil, err
	}
	c.learn(said.Cache)
	return parseDefinition(name, said.Definition)
}

// definition is an entityDefinition.
type definition struct {
	Fields []definedField `json:"fields"`
}

type definedField struct {
	Name         string         `json:"fieldName"`
	Type         string         `json:"dataType"`
	TypeLabel    *string        `json:"dataTypeLabel"`
	Label        *string        `json:"label"`
	Description  *string        `json:"description"`
	IsPrimaryKey bool           `json:"isPrimaryKey"`
	Default      any            `json:"defaultValue"`
	IsDeprecated bool           `json:"isDeprecated"`
	Constraints  *constraints   `json:"constraints"`
	Read         *readProperty  `json:"readProperties"`
	Write        *writeProperty `json:"writeProperties"`
	Operators    []string       `json:"filterOperators"`
	Custom       map[string]any `json:"customProperties"`
}

type constraints struct {
	Length  *bounds  `json:"allowedLengthRange"`
	Value   *bounds  `json:"allowedValueRange"`
	Values  []string `json:"allowedValues"`
	Pattern *string  `json:"allowedValuesRegexPattern"`
	Date    *string  `json:"allowedDateFormat"`
}

// bounds may be numbers or, from languages whose decimals are no JSON numbers, texts.
type bounds struct {
	Min any `json:"minRange"`
	Max any `json:"maxRange"`
}

type readProperty struct {
	IsRetrievable *bool `json:"isRetrievable"`
	IsNullable    *bool `json:"isNullable"`
	IsQueryable   *bool `json:"isQueryable"`
	IsTimestamp   *bool `json:"isTimestampFieldForIncrementalQueries"`
}

type writeProperty struct {
	IsCreatable  *bool    `json:"isCreatable"`
	IsUpdatable  *bool    `json:"isUpdatable"`
	IsNullable   *bool    `json:"isNullable"`
	IsUpsertable *bool    `json:"isUpsertable"`
	IsDefaulted  *bool    `json:"isDefaultedOnCreate"`
	Operations   []string `json:"supportedWriteOperations"`
}

// parseDefinition reads what a connector says of an entity.
func parseDefinition(name string, raw json.RawMessage) (*described, error) {
	wrong := func(format string, args ...any) error {
		return fault.Wrap(fault.ConnectorServer, fault.New(fault.ConnectorServer, format, args...), "describing entity %q", clip(name))
	}
	var d definition
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return nil, wrong("the answer has no entityDefinition")
	case len(raw) > maxDefinition:
		return nil, wrong("its definition is larger than %d bytes", maxDefinition)
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, wrong("its definition cannot be read: %s", clip(err.Error()))
	}
	if len(d.Fields) > maxFields {
		return nil, wrong("it has more than %d fields", maxFields)
	}
	out := &described{schema: flow.Schema{Entity: name, Fields: make([]flow.Field, len(d.Fields))}, raw: raw}
	seen := make(map[string]bool, len(d.Fields))
	for i := range d.Fields {
		f := &d.Fields[i]
		if f.Name == "" || len(f.Name) > maxSupportedText || seen[f.Name] {
			return nil, wrong("field %d has the name %q, which is empty, too long or there twice", i+1, clip(f.Name))
		}
		seen[f.Name] = true
		canonical, known := dataTypes[f.Type]
		if !known {
			return nil, wrong("field %q is of dataType %q, which the protocol does not have", clip(f.Name), clip(f.Type))
		}
		out.schema.Fields[i] = f.field(canonical)
		if f.Read != nil && f.Read.IsNullable != nil && !*f.Read.IsNullable {
			out.notNull = append(out.notNull, f.Name)
		}
	}
	return out, nil
}

// dataTypes are the protocol's data types. Values of structures stay JSON.
var dataTypes = map[string]flow.Type{
	"String": flow.TypeString, "Short": flow.TypeInteger, "Integer": flow.TypeInteger, "Long": flow.TypeLong, "BigInteger": flow.TypeDecimal,
	"Float": flow.TypeDouble, "Double": flow.TypeDouble, "BigDecimal": flow.TypeDecimal, "Boolean": flow.TypeBoolean, "Date": flow.TypeDate,
	"DateTime": flow.TypeDatetime, "ByteArray": flow.TypeBinary, "Struct": flow.TypeJSON, "Map": flow.TypeJSON, "List": flow.TypeJSON,
}

// field is the field in our words. What a connector leaves out is allowed: a connector that says nothing of reading can
// be read.
func (f *definedField) field(canonical flow.Type) flow.Field {
	out := flow.Field{
		Name: f.Name, Label: text(f.Label), Description: text(f.Description), VendorType: f.Type, Type: canonical,
		IsPrimaryKey: f.IsPrimaryKey, IsDeprecated: f.IsDeprecated, SupportedValues: []string{}, FilterOperators: f.operators(),
		DefaultValue: scalar(f.Default), IsRetrievable: true, IsQueryable: true,
	}
	if t := text(f.TypeLabel); t != "" {
		out.VendorType = t
	}
	if out.Label == "" {
		out.Label = f.Name
	}
	if r := f.Read; r != nil {
		out.IsRetrievable, out.IsQueryable, out.IsTimestamp = isSet(r.IsRetrievable, true), isSet(r.IsQueryable, true), isSet(r.IsTimestamp, false)
	}
	if w := f.Write; w != nil {
		out.IsCreatable, out.IsUpdatable, out.IsUpsertable = isSet(w.IsCreatable, false), isSet(w.IsUpdatable, false), isSet(w.IsUpsertable, false)
		out.IsNullable, out.IsDefaulted, out.WriteOperations = isSet(w.IsNullable, false), isSet(w.IsDefaulted, false), w.Operations
	}
	if c := f.Constraints; c != nil {
		if c.Values != nil {
			out.SupportedValues = c.Values
		}
		out.ValuePattern, out.DateFormat = text(c.Pattern), text(c.Date)
		out.ValueRange, out.LengthRange = c.Value.bounds(), c.Length.bounds()
	}
	for key, v := range f.Custom {
		if s := scalar(v); s != "" {
			if out.CustomProperties == nil {
				out.CustomProperties = map[string]string{}
			}
			out.CustomProperties[key] = s
		}
	}
	return out
}

// Operators that fields have when their connector lists none, by kind of type; AWS's SDKs say the same.
var (
	numberOperators = []flow.Operator{flow.OpNotEqualTo, flow.OpEqualTo, flow.OpLessThan, flow.OpLessThanOrEqualTo, flow.OpGreaterThan, flow.OpGreaterThanOrEqualTo}
	timeOperators   = []flow.Operator{flow.OpEqualTo, flow.OpLessThan, flow.OpLessThanOrEqualTo, flow.OpGreaterThan, flow.OpGreaterThanOrEqualTo, flow.OpBetween}
	textOperators   = []flow.Operator{flow.OpContains, flow.OpEqualTo, flow.OpNotEqualTo}
)

func (f *definedField) operators() []flow.Operator {
	if f.Operators != nil {
		out := make([]flow.Operator, len(f.Operators))
		for i, op := range f.Operators {
			out[i] = flow.Operator(op)
		}
		return out
	}
	switch f.Type {
	case "Short", "Integer", "Long", "BigInteger", "Float", "Double", "BigDecimal":
		return numberOperators
	case "Date", "DateTime":
		return timeOperators
	case "String":
		return textOperators
	case "Boolean":
		return []flow.Operator{flow.OpEqualTo, flow.OpNotEqualTo}
	case "Map", "List":
		return []flow.Operator{flow.OpContains}
	}
	return nil
}

func isSet(b *bool, otherwise bool) bool {
	if b == nil {
		return otherwise
	}
	return *b
}

func (b *bounds) bounds() *flow.Range {
	if b == nil {
		return nil
	}
	out := &flow.Range{Min: decimal(b.Min), Max: decimal(b.Max)}
	if out.Min == nil && out.Max == nil {
		return nil
	}
	return out
}

func decimal(v any) *float64 {
	switch v := v.(type) {
	case float64:
		return &v
	case string:
		if n, err := strconv.ParseFloat(v, 64); err == nil && n-n == 0 {
			return &n
		}
	}
	return nil
}

// scalar is a single value as text, "" for anything else.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}
