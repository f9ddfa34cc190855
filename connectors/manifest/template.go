package manifest

import "strings"

// piece is a part of a template: text as it is, or the name of a value.
type piece struct {
	text   string
	isName bool
}

// split cuts a template at its braces. It fails for braces that are not closed, nested or empty.
func split(text string) ([]piece, bool) {
	var parts []piece
	for text != "" {
		before, after, found := strings.Cut(text, "{")
		if strings.Contains(before, "}") {
			return nil, false
		}
		if before != "" {
			parts = append(parts, piece{text: before})
		}
		if !found {
			return parts, true
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed || name == "" || strings.ContainsAny(name, "{ ") {
			return nil, false
		}
		parts = append(parts, piece{text: name, isName: true})
		text = rest
	}
	return parts, true
}

// fill puts values into a template that has been checked. Values come escaped for the place they go to.
func fill(text string, value func(name string) string) string {
	parts, _ := split(text)
	var out strings.Builder
	for _, p := range parts {
		if !p.isName {
			out.WriteString(p.text)
			continue
		}
		out.WriteString(value(p.text))
	}
	return out.String()
}

// quoted puts quotes around a value.
func quoted(value, how string) string {
	q := map[string]string{"double": `"`, "single": `'`}[how]
	if q == "" {
		return value
	}
	return q + strings.NewReplacer(`\`, `\\`, q, `\`+q).Replace(value) + q
}
