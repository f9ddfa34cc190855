package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
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

// busy is the processor time that the whole machine has used since it started, to a hundredth of a second; nothing where
// Linux does not say.
func busy() time.Duration {
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	var user, nice, system, idle, wait, irq, softirq, steal int64
	if _, err := fmt.Sscanf(line, "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal); err != nil {
		return 0
	}
	return time.Duration(user+nice+system+irq+softirq+steal) * 10 * time.Millisecond
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
