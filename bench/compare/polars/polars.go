// Package polars runs the benchmark's flows in Polars, the Python library, in a virtual environment of its own.
package polars

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"weir.dev/weir/bench/compare/flows"
)

//go:embed flow.py
var script []byte

//go:embed requirements.txt
var requirements []byte

// Env is a virtual environment with Polars in it.
type Env struct {
	Version string // Polars' and Python's
	python  string
	script  string
}

// Install makes the environment in the folder dir, unless it is there already.
func Install(ctx context.Context, dir string) (Env, error) {
	e := Env{python: filepath.Join(dir, "bin", "python"), script: filepath.Join(dir, "flow.py")}
	wanted := filepath.Join(dir, "requirements.txt")
	if have, err := os.ReadFile(wanted); err != nil || string(have) != string(requirements) {
		if err := build(ctx, dir, wanted); err != nil {
			return e, err
		}
	}
	if err := os.WriteFile(e.script, script, 0o644); err != nil {
		return e, err
	}
	out, err := run(ctx, e.python, "-c", "import polars, platform; print(polars.__version__, '(Python', platform.python_version() + ')')")
	e.Version = strings.TrimSpace(out)
	return e, err
}

// build leaves the list of requirements in the folder last, as the sign that all of them are there.
func build(ctx context.Context, dir, wanted string) error {
	if _, err := run(ctx, "python3", "-m", "venv", "--clear", dir); err != nil {
		return err
	}
	part := wanted + ".part"
	if err := os.WriteFile(part, requirements, 0o644); err != nil {
		return err
	}
	if _, err := run(ctx, filepath.Join(dir, "bin", "python"), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r", part); err != nil {
		return err
	}
	return os.Rename(part, wanted)
}

func run(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var failure strings.Builder
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("running %s: %w\n%s", filepath.Base(name), err, failure.String())
	}
	return string(out), nil
}

// Command is the process that runs the flow over the files in the folder in and writes into the folder out.
func (e Env) Command(ctx context.Context, f flows.Flow, in, out string, threads int) (*exec.Cmd, error) {
	args := []string{e.script}
	for _, v := range []any{f, flows.Inputs} {
		text, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		args = append(args, string(text))
	}
	cmd := exec.CommandContext(ctx, e.python, append(args, in, out)...)
	cmd.Env = append(os.Environ(), fmt.Sprintf("POLARS_MAX_THREADS=%d", threads))
	return cmd, nil
}
