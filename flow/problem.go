package flow

import (
	"fmt"
	"strings"
)

// Problem is one thing wrong with a definition: where it stands, and what to do about it.
type Problem struct {
	Path string // as AWS writes paths: "tasks.3.member.taskProperties.VALUE"; empty for the whole
	Text string
	// Verbatim says that the text is AppFlow's own, which clients match on: it is shown as it is, without the path.
	Verbatim bool
}

func (p Problem) String() string {
	if p.Path == "" || p.Verbatim {
		return p.Text
	}
	return p.Text + " (at " + p.Path + ")"
}

// Problems is all that is wrong with a definition.
type Problems []Problem

// String joins the problems with commas, as AppFlow does inside its brackets.
func (p Problems) String() string {
	parts := make([]string, len(p))
	for i := range p {
		parts[i] = p[i].String()
	}
	return strings.Join(parts, ", ")
}

// quote adds a problem in AppFlow's own words.
func (p *Problems) quote(path, text string) {
	*p = append(*p, Problem{Path: path, Text: text, Verbatim: true})
}

func (p *Problems) add(path, format string, args ...any) {
	*p = append(*p, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}
