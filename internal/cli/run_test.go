package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/format/formattest"
)

const orders = "testdata/orders.json"

func TestRun_EveryFormOfAFile(t *testing.T) {
	t.Parallel()
	for _, form := range []string{orders, "testdata/orders.yaml", "testdata/orders.template.yaml"} {
		t.Run(filepath.Base(form), func(t *testing.T) {
			t.Parallel()
			data := shop(t, "")
			out := done(t, "run", form, "--data", data)
			require.Regexp(t, `^Successful in \S+: 79 B read, 33 B written
Ledger closes: 3 read = 1 filtered \+ 1 rejected \+ 1 written
  orders/\S+ \(1 record, 33 B\)
  rejected: record 3 of orders/1.csv: .*VALIDATE_NON_NULL.*email.*\n$`, out)
			lake := filepath.Join(data, "buckets", "lake")
			require.Len(t, files(t, lake), 1)
			text, err := os.ReadFile(filepath.Join(lake, files(t, lake)[0]))
			require.NoError(t, err)
			require.Equal(t, "order_id,card\n1,************1111\n", string(text))
		})
	}
}

func TestRun_ReadsStandardInput(t *testing.T) {
	t.Parallel()
	definition, err := os.Open(orders)
	require.NoError(t, err)
	defer definition.Close()
	c := command(t, nil, "run", "-", "--data", shop(t, ""), "--quiet")
	c.Stdin = definition
	out, err := c.CombinedOutput()
	require.NoError(t, err)
	require.Empty(t, string(out))
}

func TestRun_DryRunMovesNothing(t *testing.T) {
	t.Parallel()
	data := shop(t, "")
	require.Equal(t, `Read 4 of 4 fields from S3, in 1 split:
  orders/1.csv (79 B)
filter     status EQUAL_TO ["paid"], compared as text
validate   email VALIDATE_NON_NULL, else drops the record
edit       Mask MASK_FIRST_N card
write      id → order_id
write      card → card
to         CSV files in orders/
`, done(t, "run", orders, "--data", data, "--dry-run"))
	require.Empty(t, files(t, filepath.Join(data, "buckets", "lake")))
	plan := decoded[struct {
		Plan   map[string]any
		Splits []struct{ Label string }
	}](t, "run", orders, "--data", data, "--dry-run")
	require.Equal(t, "orders", plan.Plan["flowName"])
	require.Equal(t, "orders/1.csv", plan.Splits[0].Label)
}

func TestRun_JSON(t *testing.T) {
	t.Parallel()
	report := decoded[runReport](t, "run", orders, "--data", shop(t, ""))
	require.True(t, report.Totals.Closes())
	require.Equal(t, int64(3), report.Totals.Read)
	require.Len(t, report.Outputs, 1)
	require.Contains(t, report.Outputs[0].Name, "orders/"+report.ExecutionID)
	require.Len(t, report.Rejects, 1)
	require.Equal(t, int64(3), report.Rejects[0].Record)
	require.Positive(t, report.Seconds)
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	data := shop(t, "")
	dropDataset := strings.Replace(read(t, orders), "DropRecord", "DropDataset", 1)
	twice := read(t, "testdata/orders.yaml") + "---\n" + strings.Replace(read(t, "testdata/orders.yaml"), "orders\n", "others\n", 1)
	dir := t.TempDir()
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"done":                 {[]string{"run", orders, "--data", data}, exitDone, ""},
		"help":                 {[]string{"run", "--help"}, exitDone, ""},
		"no command":           {nil, exitDone, ""},
		"failed run":           {[]string{"run", write(t, filepath.Join(dir, "d.json"), dropDataset), "--data", data}, exitFailed, "published nothing: .*orders/1.csv"},
		"no server":            {[]string{"flows", "--data", data, "--endpoint-url", "http://127.0.0.1:1"}, exitUsage, "no access key found"},
		"unknown command":      {[]string{"fly"}, exitUsage, `unknown command "fly"`},
		"unknown flag":         {[]string{"run", orders, "--fast"}, exitUsage, "unknown flag: --fast"},
		"unknown short flag":   {[]string{"run", orders, "-z"}, exitUsage, "unknown shorthand flag"},
		"no argument":          {[]string{"run"}, exitUsage, "accepts 1 arg"},
		"flag without value":   {[]string{"run", orders, "--memory"}, exitUsage, "flag needs an argument"},
		"flag with bad value":  {[]string{"run", orders, "--threads", "many"}, exitUsage, `invalid argument "many"`},
		"bad size":             {[]string{"run", orders, "--data", data, "--memory", "lots"}, exitUsage, `--memory: "lots" is not a size; write for instance 256MiB`},
		"bad output":           {[]string{"run", orders, "--output", "xml"}, exitUsage, `--output must be table or json, not "xml"`},
		"bad bucket":           {[]string{"run", orders, "--data", data, "--bucket", "shop"}, exitUsage, "NAME=URL"},
		"no such file":         {[]string{"run", "missing.json"}, exitUsage, "missing.json"},
		"not a definition":     {[]string{"run", write(t, filepath.Join(dir, "n.json"), `{"a":1}`)}, exitUsage, "flowName"},
		"bad definition":       {[]string{"run", write(t, filepath.Join(dir, "b.json"), strings.Replace(read(t, orders), `"Mask"`, `"Hide"`, 1))}, exitUsage, "Hide"},
		"two flows":            {[]string{"run", write(t, filepath.Join(dir, "t.yaml"), twice)}, exitUsage, "one flow is expected, 2 were found"},
		"strict, with rejects": {[]string{"run", orders, "--data", data, "--strict"}, exitPartly, "1 record rejected"},
		"no source":            {[]string{"run", orders, "--data", dir}, exitUsage, "shop"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := weir(t, test.args...)
			require.Equal(t, test.code, r.code, "%s%s", r.out, r.err)
			if test.says == "" {
				return
			}
			require.Regexp(t, regexp.MustCompile(`^weir: .*`+test.says+`.*\n$`), r.err, "one line, with the reason")
		})
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestRun_InterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	source := filepath.Join(data, "buckets", "bench-in", "csv", "contacts.csv")
	require.NoError(t, os.MkdirAll(filepath.Dir(source), 0o700))
	f, err := os.Create(source)
	require.NoError(t, err)
	require.NoError(t, formattest.CRM{Seed: 1, Rows: 200_000}.WriteCSV(f))
	require.NoError(t, f.Close())
	for i := range 60 { // so much that a machine that is busy otherwise sees the run before it is over
		require.NoError(t, os.Link(source, filepath.Join(filepath.Dir(source), fmt.Sprintf("%d.csv", i))))
	}
	out := filepath.Join(data, "buckets", "bench-out")

	c := command(t, []string{"GOMAXPROCS=1"}, "run", "../../bench/flows/f3.json", "--data", data, "--threads", "1")
	c.Dir = "" // the flow is named from here
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for len(files(t, out)) == 0 { // until it has staged something
		<-tick.C
	}
	interrupt(t, c)
	said, err := io.ReadAll(stderr)
	require.NoError(t, err)
	require.Error(t, c.Wait())
	require.Equal(t, exitInterrupted, c.ProcessState.ExitCode(), "%s", said)
	require.Equal(t, "weir: interrupted; nothing was published\n", string(said))
	require.Empty(t, files(t, out))
}
