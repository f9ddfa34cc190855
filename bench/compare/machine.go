package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

func goVersion() string { return runtime.Version() }

// machine describes the host: processor, operating system, memory.
func machine(ctx context.Context) string {
	parts := []string{field("/proc/cpuinfo", "model name"), strings.TrimSpace(output(ctx, "nproc")) + " processors"}
	if kib := strings.TrimSuffix(field("/proc/meminfo", "MemTotal"), " kB"); kib != "" {
		parts = append(parts, kib[:max(0, len(kib)-6)]+" GB memory")
	}
	return strings.Join(append(parts, strings.TrimSpace(output(ctx, "uname", "-sr"))), ", ")
}

// load is the load average of the last minute: anything but this benchmark is noise.
func load() string {
	text, _ := os.ReadFile("/proc/loadavg") // empty elsewhere
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// field gives the value of the first line of the file that begins with the key, or nothing.
func field(path, key string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func output(ctx context.Context, name string, args ...string) string {
	out, _ := exec.CommandContext(ctx, name, args...).Output() // nothing when it is not to be had
	return string(out)
}
