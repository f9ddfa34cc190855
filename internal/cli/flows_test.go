package cli

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
)

// masked takes what differs from run to run out of an output.
func masked(text string) string {
	for pattern, name := range map[string]string{
		`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`: "ID",
		`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`:                               "WHEN",
		`\d\d:\d\d:\d\d\.\d{3}`:                                        "CLOCK",
		`\b\d+(\.\d+)?m?s\b`:                                           "LONG",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, name)
	}
	return regexp.MustCompile(` +`).ReplaceAllString(text, " ") // columns are as wide as what was in them
}

func TestFlow_WholeLife(t *testing.T) {
	t.Parallel()
	s := serve(t, shop(t, ""))
	require.Equal(t, "No flows. Create one with `weir apply -f FILE`, or see `weir demo`.\n", done(t, s.at("flows")...))
	done(t, s.at("apply", "-f", orders)...)
	require.Equal(t, `NAME STATUS TRIGGER ROUTE LAST RUN AT
orders Active OnDemand S3 → S3 - -
`, masked(done(t, s.at("flows")...)))
	require.Equal(t, "Flow orders has not run yet. Start it with `weir start orders --wait`.\n", done(t, s.at("executions", "orders")...))

	require.Equal(t, `Successful in LONG: 79 B read, 33 B written
Ledger closes: 3 read = 1 filtered + 1 rejected + 1 written
`, masked(done(t, s.at("start", "orders", "--wait")...)))
	strict := weir(t, s.at("start", "orders", "--wait", "--strict")...)
	require.Equal(t, exitPartly, strict.code)
	require.Regexp(t, "1 record rejected; see `weir executions .* --rejects`", strict.err)

	require.Equal(t, `Flow orders
Status Active
Trigger OnDemand
Source S3
Destination S3
Last run Successful at WHEN Successfully processed 3 records, 1 filtered, 1 dropped by validations
Tasks Filter EQUAL_TO status
 Validate VALIDATE_NON_NULL email
 Mask MASK_FIRST_N card
 Map id → order_id
 Map card → card
`, masked(done(t, s.at("flows", "orders")...)))
	list := decoded[[]executionRecord](t, s.at("executions", "orders")...)
	require.Len(t, list, 2)
	require.Len(t, decoded[[]executionRecord](t, s.at("executions", "orders", "--limit", "1")...), 1)
	require.Contains(t, masked(done(t, s.at("executions", "orders")...)), `EXECUTION STATUS STARTED TOOK RECORDS READ WRITTEN MESSAGE
ID Successful WHEN LONG 3 79 B 33 B
`)
	id := list[0].ID
	require.Equal(t, `Execution ID of flow orders (version 1), started WHEN
Successful in LONG: 79 B read, 33 B written
Ledger closes: 3 read = 1 filtered + 1 rejected + 1 written
Successfully processed 3 records, 1 filtered, 1 dropped by validations

SPLIT STATE READ WRITTEN RETRIES WHAT MESSAGE
0 done 3 1 0 orders/1.csv
`, masked(done(t, s.at("executions", id)...)))
	require.Equal(t, `OBJECT RECORD TASK REASON
orders/1.csv 3 Validate VALIDATE_NON_NULL email field "email": the value is missing
`, masked(done(t, s.at("executions", id, "--rejects")...)))
	require.Equal(t, "NAME RECORDS SIZE\norders/ID-00000-000000 1 33 B\n", masked(done(t, s.at("executions", id, "--outputs")...)))
	outputs := decoded[[]output](t, s.at("executions", id, "--outputs")...)
	require.FileExists(t, filepath.Join(s.data, "buckets", "lake", outputs[0].Data.Name))
	require.Equal(t, "orders/1.csv", decoded[[]flow.Reject](t, s.at("executions", id, "--rejects")...)[0].Object)
	require.True(t, decoded[server.ExecutionView](t, s.at("executions", id)...).Closes)

	require.Equal(t, "Deleted flow orders.\n", done(t, s.at("delete", "orders")...))
	gone := weir(t, s.at("flows", "orders")...)
	require.Equal(t, exitFailed, gone.code)
	require.Contains(t, gone.err, "ResourceNotFoundException")
	require.FileExists(t, filepath.Join(s.data, "buckets", "lake", outputs[0].Data.Name), "data at the destination stays")
}

func TestStart_FailedRun(t *testing.T) {
	t.Parallel()
	s := serve(t, shop(t, ""))
	file := write(t, filepath.Join(t.TempDir(), "flow.json"), strings.Replace(read(t, orders), "DropRecord", "DropDataset", 1))
	done(t, s.at("apply", "-f", file)...)
	r := weir(t, s.at("start", "orders", "--wait")...)
	require.Equal(t, exitFailed, r.code)
	require.Regexp(t, `weir: the run failed: .*orders/1.csv`, r.err)
	require.Regexp(t, `^Error after `, r.out)
	require.Regexp(t, `Error after .*\n.*orders/1.csv`, done(t, s.at("logs", "orders")...))
}

func TestStop_CancelsWhatRuns(t *testing.T) {
	t.Parallel()
	s := serve(t, shop(t, ""), "--max-parallel", "1")
	done(t, s.at("apply", "-f", orders)...)
	require.Equal(t, "Canceling what runs of flow orders.\n", done(t, s.at("stop", "orders")...), "nothing runs, which is no mistake")
	scheduled := strings.Replace(read(t, orders), `{"triggerType": "OnDemand"}`,
		`{"triggerType": "Scheduled", "triggerProperties": {"Scheduled": {"scheduleExpression": "rate(1hours)"}}}`, 1)
	file := write(t, filepath.Join(t.TempDir(), "flow.json"), strings.Replace(scheduled, `"orders"`, `"hourly"`, 1))
	done(t, s.at("apply", "-f", file)...)
	require.Equal(t, "Flow hourly is Active.\n", done(t, s.at("start", "hourly")...))
	require.Equal(t, "Flow hourly is Suspended.\n", done(t, s.at("stop", "hourly")...))
}

func TestLogs_FollowToTheEnd(t *testing.T) {
	t.Parallel()
	s := serve(t, shop(t, ""))
	done(t, s.at("apply", "-f", orders)...)
	r := weir(t, s.at("logs", "orders")...)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "has not run yet")
	started := decoded[struct{ ExecutionID string }](t, s.at("start", "orders")...)
	told := make(chan string, 1)
	go func() { told <- done(t, s.at("logs", "-f", "orders")...) }()
	select {
	case said := <-told:
		require.Contains(t, said, "execution "+started.ExecutionID+" of flow orders (version 1) started\n")
		require.Regexp(t, `split 0 done: read 3, written 1  \(orders/1.csv\)\nSuccessful in `, said)
		require.Contains(t, said, "See why records were rejected: weir executions "+started.ExecutionID+" --rejects\n")
	case <-time.After(patience):
		require.FailNow(t, "weir logs -f does not end")
	}
}

func TestOutput_EveryCommandSpeaksJSON(t *testing.T) {
	t.Parallel()
	s := serve(t, shop(t, ""))
	require.Equal(t, []appliedResource{{"flow", "orders", "orders", "created"}}, decoded[[]appliedResource](t, s.at("apply", "-f", orders)...))
	require.Equal(t, []appliedResource{{"flow", "orders", "orders", "unchanged"}}, decoded[[]appliedResource](t, s.at("apply", "-f", orders)...))
	require.True(t, decoded[server.ExecutionView](t, s.at("start", "orders", "--wait")...).Closes)
	require.True(t, decoded[server.ExecutionView](t, s.at("logs", "-f", "orders")...).Closes)
	require.Equal(t, "Active", decoded[map[string]any](t, s.at("stop", "orders")...)["flowStatus"])
	key := decoded[server.KeyView](t, s.at("keys", "create", "ci")...)
	require.Equal(t, key.ID, decoded[map[string]any](t, s.at("keys", "delete", key.ID)...)["id"])
	backup := decoded[map[string]any](t, s.at("backup", filepath.Join(t.TempDir(), "b"))...)
	require.Greater(t, backup["bytes"], 1000.0)
	require.Equal(t, "orders", decoded[map[string]any](t, s.at("delete", "orders")...)["flowName"])
}

func TestClient_Unreachable(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	s.stop()
	r := weir(t, s.at("flows")...)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, "no server answers at "+s.url+"; start one with `weir serve`, or give --endpoint-url")
}

func TestClient_NoKey(t *testing.T) {
	t.Parallel()
	began := time.Now()
	r := process(t, nil, "flows")
	require.Equal(t, exitUsage, r.code)
	require.Equal(t, "weir: no access key found: set WEIR_ACCESS_KEY_ID and WEIR_SECRET_ACCESS_KEY, or point --data at the server's data directory (.weir)\n", r.err)
	require.Less(t, time.Since(began), 10*time.Second, "nobody is asked over the network")
}
