package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"weir.dev/weir/bench/compare/duck"
	"weir.dev/weir/bench/compare/flows"
)

// run is what one run took.
type run struct {
	wall, cpu time.Duration // cpu: user and system together, all threads
	others    time.Duration // processor time of all other processes meanwhile; less than nothing is rounding
	rss       int64         // peak, in bytes
	out       int64         // bytes written
	files     int
}

// measure starts the process and waits for its end. Before, files of earlier runs are flushed, so that nobody pays for
// another's writes.
func measure(cmd *exec.Cmd) (run, error) {
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	syscall.Sync()
	before, start := busy(), time.Now()
	err := cmd.Run()
	r := run{wall: time.Since(start)}
	r.others = busy() - before
	if err != nil {
		return r, fmt.Errorf("%w\n%s", err, said.Bytes())
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return r, fmt.Errorf("this system does not count what a process uses")
	}
	r.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	r.others -= r.cpu
	r.rss = usage.Maxrss * 1024 // KiB on Linux
	return r, nil
}

// floor is the peak memory that Linux reports of a process that does nothing, started from here: a child counts from what
// its parent had until it runs a program of its own. What is measured below it is not known.
func floor(ctx context.Context) (int64, error) {
	r, err := measure(exec.CommandContext(ctx, "true"))
	return r.rss, err
}

// once runs the flow in an empty folder of the contestant's own and leaves the output there.
func (b *bench) once(ctx context.Context, c contestant, f flows.Flow) (run, error) {
	out := b.folder(c)
	if err := os.RemoveAll(out); err != nil {
		return run{}, err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return run{}, err
	}
	cmd, err := c.command(ctx, f, b.in, out)
	if err != nil {
		return run{}, err
	}
	r, err := measure(cmd)
	if err != nil {
		return r, fmt.Errorf("running %s in %s: %w", f.Name, c.name, err)
	}
	r.out, r.files, err = size(out)
	return r, err
}

func (b *bench) folder(c contestant) string { return filepath.Join(b.data, "out", c.name) }

// size adds up the files below dir.
func size(dir string) (bytes int64, files int, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			bytes, files = bytes+info.Size(), files+1
		}
		return err
	})
	return bytes, files, err
}

// checksum reads the contestant's last output in a process of its own.
func (b *bench) checksum(ctx context.Context, c contestant, f flows.Flow) (duck.Checksum, error) {
	var sum duck.Checksum
	out, err := self(ctx, "checksum", f.Name, "2", b.folder(c))
	if err != nil {
		return sum, fmt.Errorf("reading what %s wrote: %w", c.name, err)
	}
	return sum, json.Unmarshal([]byte(out), &sum)
}
