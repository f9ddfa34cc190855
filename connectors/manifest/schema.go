package manifest

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"
)

// Schema is the JSON schema of manifests, for editors. It is made from the same types that Parse fills, so that the two
// cannot differ.
func Schema() []byte {
	s := schemaOf(reflect.TypeFor[Manifest]())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "Weir connector manifest"
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) //nolint:forbidigo // maps of texts always have a JSON form
	}
	return append(text, '\n')
}

func schemaOf(t reflect.Type) map[string]any {
	if t == reflect.TypeFor[time.Duration]() {
		return map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": []string{"string", "number", "boolean"}}}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Struct:
		return objectSchema(t)
	}
	return map[string]any{"type": "string"}
}

func objectSchema(t reflect.Type) map[string]any {
	members := map[string]any{}
	required := []string{}
	for i := range t.NumField() {
		f := t.Field(i)
		member := schemaOf(f.Type)
		member["description"] = f.Tag.Get("doc")
		if values := f.Tag.Get("enum"); values != "" {
			member["enum"] = strings.Split(values, "|")
		}
		if f.Tag.Get("required") != "" {
			required = append(required, f.Tag.Get("yaml"))
		}
		members[f.Tag.Get("yaml")] = member
	}
	s := map[string]any{"type": "object", "properties": members, "additionalProperties": false}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}
