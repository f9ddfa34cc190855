package runs_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write what comes out into testdata")

// TestTasks_Scripts runs testdata/tasks.txt: flows of every type of task, with every property. A case is a title line
// "== …" and then, one thing a line,
//
//	format JSON                            the input's format; CSV when there is no such line
//	output {…}                             s3OutputFormatConfig; JSON files when there is none
//	task TYPE OPERATOR A|B > TO KEY=VALUE  source fields parted by bars, "-" for none; what follows TO is optional
//	| …                                    a line of the input file
//	---- and what came out: counts, rejects, files
//
// A space inside a property's value is written as "_". Run with -rewrite after a change that is meant, and read the diff.
func TestTasks_Scripts(t *testing.T) {
	t.Parallel()
	const file = "testdata/tasks.txt"
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	var all strings.Builder
	for i, c := range strings.Split("\n"+strings.TrimSpace(string(raw)), "\n== ")[1:] {
		script, _, _ := strings.Cut(c+"\n", "----\n")
		if i > 0 {
			all.WriteString("\n")
		}
		all.WriteString("== " + script + "----\n" + scripted(t, script))
	}
	if *rewrite {
		require.NoError(t, os.WriteFile(file, []byte(all.String()), 0o600))
		return
	}
	require.Equal(t, string(raw), all.String(), "if this is meant, run with -rewrite")
}

// scripted is the result of one case.
func scripted(t *testing.T, script string) string {
	t.Helper()
	r := request{Tasks: []map[string]any{}}
	var input strings.Builder
	for _, line := range strings.Split(strings.TrimSpace(script), "\n")[1:] {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "format":
			r.Format = rest
		case "output":
			require.NoError(t, json.Unmarshal([]byte(rest), &r.Output))
		case "task":
			r.Tasks = append(r.Tasks, scriptedTask(t, rest))
		case "|":
			input.WriteString(rest + "\n")
		default:
			require.Fail(t, "unknown line", line)
		}
	}
	if r.Output == nil {
		r.Output = map[string]any{"fileType": "JSON", "aggregationConfig": map[string]any{"aggregationType": "SingleFile"}}
	}
	got := shared().run(t, r.json(t), map[string][]byte{"in/a": []byte(input.String())}, nil)
	var out strings.Builder
	if got.err != nil {
		fmt.Fprintf(&out, "error: %v\n", got.err)
		require.Empty(t, got.objects, "a run that failed shows nothing")
	}
	if got.result != nil && got.err == nil {
		n := got.result.Totals
		fmt.Fprintf(&out, "read %d, filtered %d, rejected %d, written %d\n", n.Read, n.Filtered, n.Rejected, n.Written)
		for _, x := range got.result.Rejects {
			fmt.Fprintf(&out, "record %d %s by %s: %s\n", x.Record, x.Action, x.Task, x.Reason)
		}
	}
	var keys []string
	for key := range got.objects {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		if len(keys) > 1 {
			fmt.Fprintf(&out, "%s\n", strings.TrimPrefix(key, "out/orders/"))
		}
		if strings.HasSuffix(key, ".parquet") {
			out.WriteString(parquetText(t, got.objects[key]))
			continue
		}
		out.Write(got.objects[key])
	}
	return out.String()
}

func scriptedTask(t *testing.T, line string) map[string]any {
	t.Helper()
	words := strings.Fields(line)
	require.GreaterOrEqual(t, len(words), 3, line)
	operator, to := words[1], ""
	var fields, properties []string
	if words[2] != "-" {
		fields = strings.Split(words[2], "|")
	} else {
		fields = []string{}
	}
	if operator == "-" {
		operator = ""
	}
	words = words[3:]
	if len(words) > 1 && words[0] == ">" {
		to, words = words[1], words[2:]
	}
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		require.True(t, ok, w)
		properties = append(properties, key, strings.ReplaceAll(value, "_", " "))
	}
	return task(strings.TrimSuffix(line[:strings.IndexByte(line, ' ')], " "), operator, fields, to, properties...)
}
