package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"

	"weir.dev/weir/bench/compare/flows"
	"weir.dev/weir/bench/compare/polars"
)

// contestant runs flows.
type contestant struct {
	name    string
	version string
	// command is the process that runs f over the files below in (in folders csv and jsonl) and writes into out, which is
	// there and empty.
	command func(ctx context.Context, f flows.Flow, in, out string) (*exec.Cmd, error)
}

// again is Weir a second time: what differs between the two is noise.
const again = "weir again"

// contestants are Weir, its double and the peers asked for.
func contestants(ctx context.Context, s settings) ([]contestant, error) {
	weir, err := weirItself(ctx, s)
	if err != nil {
		return nil, err
	}
	all := []contestant{weir, {again, weir.version, weir.command}}
	for _, name := range s.peers {
		var c contestant
		switch name {
		case "duckdb", "duckdb-anyorder":
			version, verr := self(ctx, "duckdb-version")
			c, err = contestant{name, strings.TrimSpace(version) + ", " + module("github.com/duckdb/duckdb-go/v2"), s.child(name)}, verr
		case "go":
			c = contestant{name, goVersion() + ", " + module("github.com/parquet-go/parquet-go"), s.child(name)}
		case "polars":
			c, err = s.polars(ctx)
		default:
			err = fmt.Errorf("no peer is called %q", name)
		}
		if err != nil {
			return nil, fmt.Errorf("preparing %s: %w", name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

func weirItself(ctx context.Context, s settings) (contestant, error) {
	binary := filepath.Join(s.repo, "bin", "weir")
	version, err := exec.CommandContext(ctx, binary, "version").Output()
	if err != nil {
		return contestant{}, fmt.Errorf("asking %s for its version (make build?): %w", binary, err)
	}
	first, _, _ := strings.Cut(string(version), "\n")
	return contestant{"weir", strings.TrimSpace(first), func(ctx context.Context, f flows.Flow, in, out string) (*exec.Cmd, error) {
		return exec.CommandContext(ctx, binary, "run", filepath.Join(s.repo, "bench", "flows", f.Name+".json"), "--quiet",
			"--threads", strconv.Itoa(s.threads), "--memory", s.memory,
			"--bucket", "bench-in=file://"+in, "--bucket", "bench-out=file://"+out), nil
	}}, nil
}

// child makes commands that start this program again, as a peer.
func (s settings) child(name string) func(context.Context, flows.Flow, string, string) (*exec.Cmd, error) {
	return func(ctx context.Context, f flows.Flow, in, out string) (*exec.Cmd, error) {
		exe, err := os.Executable()
		if err != nil {
			return nil, err
		}
		return exec.CommandContext(ctx, exe, "peer", f.Name, strconv.Itoa(s.threads), name, in, out), nil
	}
}

func (s settings) polars(ctx context.Context) (contestant, error) {
	env, err := polars.Install(ctx, filepath.Join(s.repo, "build", "compare", "polars"))
	return contestant{"polars", env.Version, func(ctx context.Context, f flows.Flow, in, out string) (*exec.Cmd, error) {
		return env.Command(ctx, f, in, out, s.threads)
	}}, err
}

// self runs this program as a child and gives what it prints.
func self(ctx context.Context, args ...string) (string, error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, exe, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	return string(out), err
}

// module is the module's version as this program was built with it.
func module(path string) string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, m := range info.Deps {
			if m.Path == path {
				return filepath.Base(strings.TrimSuffix(path, "/v2")) + " " + m.Version
			}
		}
	}
	return path
}
