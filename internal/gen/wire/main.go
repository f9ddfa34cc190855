// Command wire writes api/wire's generated files from the pinned AppFlow model: shapes, enums, codecs, constraints and
// routes. Run it as "go generate ./api/wire" or "go run ./internal/gen/wire" anywhere inside the module.
//
// It reads the model, whose hash must be the one written beside it, lays the members of overlay.go over it, and refuses
// whatever it does not understand: a trait or a pattern that it cannot translate stops it, so that no constraint is lost
// in silence. The output depends on nothing but its input.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	root, err := moduleRoot()
	if err == nil {
		err = run(root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generating api/wire:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	files, err := generate(filepath.Join(root, "api", "model"))
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(root, "api", "wire", name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the text of every generated file by its name.
func generate(modelDir string) (map[string][]byte, error) {
	m, err := loadModel(modelDir)
	if err != nil {
		return nil, err
	}
	if err := m.overlay(); err != nil {
		return nil, err
	}
	g := &generator{model: m}
	files := map[string][]byte{}
	for _, part := range []struct {
		name  string
		write func(*printer) error
	}{
		{"shapes_gen.go", g.shapes},
		{"enums_gen.go", g.enums},
		{"decode_gen.go", g.decoders},
		{"encode_gen.go", g.encoders},
		{"check_gen.go", g.checks},
		{"rules_gen.go", g.rules},
		{"members_gen.go", g.members},
		{"operations_gen.go", g.operations},
		{"redact_gen.go", g.redactions},
	} {
		var p printer
		if err := part.write(&p); err != nil {
			return nil, fmt.Errorf("writing %s: %w", part.name, err)
		}
		if files[part.name], err = p.file(); err != nil {
			return nil, fmt.Errorf("formatting %s: %w", part.name, err)
		}
	}
	return files, nil
}

// moduleRoot is the nearest folder above the working directory that holds go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = parent
	}
}
