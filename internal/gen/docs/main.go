// Command docs writes the pages of docs/connectors from what the connectors say of themselves: one page for each type, and
// a table of all. `make docs` runs it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		os.Exit(1)
	}
}

// guide is the page of the folder that is written by hand.
const guide = "writing.md"

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: docs FOLDER")
	}
	pages := render(connectors.All())
	if err := os.MkdirAll(args[0], 0o755); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	old, err := filepath.Glob(filepath.Join(args[0], "*.md"))
	if err != nil {
		return err
	}
	for _, file := range old {
		if _, stays := pages[filepath.Base(file)]; stays || filepath.Base(file) == guide {
			continue
		}
		if err := os.Remove(file); err != nil {
			return fmt.Errorf("removing a page of a connector that is gone: %w", err)
		}
	}
	for name, text := range pages {
		if err := os.WriteFile(filepath.Join(args[0], name), []byte(text), 0o644); err != nil {
			return fmt.Errorf("writing a page: %w", err)
		}
	}
	return nil
}

// render makes all pages, by the names of their files.
func render(all *connector.Registry) map[string]string {
	pages := map[string]string{}
	var index strings.Builder
	index.WriteString(generated + "# Connectors\n\n" +
		"All connector types of AppFlow. Profiles and flows of every one can be defined; those marked *in this build* run.\n\n" +
		"| connector | type | source | destination | triggers | least interval | profile | in this build |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, s := range all.Specs() {
		isBuilt := all.Find(s.Type) != nil
		file := strings.ToLower(string(s.Type)) + ".md"
		pages[file] = page(s, isBuilt)
		fmt.Fprintf(&index, "| [%s](%s) | `%s` | %s | %s | %s | %s | %s | %s |\n", s.Name, file, s.Type,
			mark(s.CanBeSource), mark(s.CanBeDest), orDash(words(s.Triggers)), orDash(interval(s.MinInterval)), mark(s.NeedsProfile), mark(isBuilt))
	}
	index.WriteString("\nHow connectors are written, as manifests or in Go: [" + guide + "](" + guide + ").\n")
	pages["README.md"] = index.String()
	return pages
}

func mark(b bool) string {
	if b {
		return "yes"
	}
	return "–"
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func words[T ~string](list []T) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = string(v)
	}
	return strings.Join(parts, ", ")
}

func codes[T ~string](list []T) string {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = "`" + string(v) + "`"
	}
	return strings.Join(parts, ", ")
}
