package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/server"
)

const hookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

const hookProfile = `{"connectorProfileName":"hooks","connectorType":"CustomConnector","connectorLabel":"Webhook","connectionMode":"Public",
	"connectorProfileConfig":{"connectorProfileProperties":{"CustomConnector":{}},"connectorProfileCredentials":{"CustomConnector":
	{"authenticationType":"APIKEY","apiKey":{"apiKey":"` + hookSecret + `"}}}}}`

// eventFlow is a flow that lands what it is sent in the bucket "lake".
func eventFlow(name, source, tags string) string {
	connector := "CustomConnector"
	if strings.Contains(source, `"S3"`) {
		connector = "S3"
	}
	return fmt.Sprintf(`{"flowName":%q,"triggerConfig":{"triggerType":"Event"},"sourceFlowConfig":%s,"tags":%s,
	"destinationFlowConfigList":[{"connectorType":"S3","destinationConnectorProperties":{"S3":{"bucketName":"lake","s3OutputFormatConfig":{"fileType":"JSON"}}}}],
	"tasks":[{"taskType":"Map_all","sourceFields":[],"connectorOperator":{%q:"NO_OP"},"taskProperties":{"EXCLUDE_SOURCE_FIELDS_LIST":"[]"}}]}`, name, source, tags, connector)
}

const hookSource = `{"connectorType":"CustomConnector","connectorProfileName":"hooks","sourceConnectorProperties":{"CustomConnector":{"entityName":"events"}}}`

// landed waits until so many lines are in the files of a flow, and returns them.
func landed(t *testing.T, s *served, flowName string, n int) []string {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		var lines []string
		dir := filepath.Join(s.data, "buckets", "lake", flowName)
		for _, name := range files(t, dir) {
			text, err := os.ReadFile(filepath.Join(dir, name))
			require.NoError(t, err)
			lines = append(lines, strings.Split(strings.TrimSpace(string(text)), "\n")...)
		}
		if len(lines) >= n {
			return lines
		}
		require.True(t, time.Now().Before(deadline), "%d lines of %d have landed: %+v", len(lines), n,
			decoded[server.ListenerView](t, s.at("listeners", flowName)...))
		<-time.After(100 * time.Millisecond)
	}
}

func TestEvents_SentOnesLand(t *testing.T) {
	t.Parallel()
	s := serve(t, "", "--event-delay", "1s")
	dir := t.TempDir()
	require.Contains(t, done(t, s.at("listeners")...), "No flow listens to events.")
	profile, def := write(t, filepath.Join(dir, "profile.json"), hookProfile), write(t, filepath.Join(dir, "flow.json"), eventFlow("signups", hookSource, "{}"))
	done(t, s.at("apply", "-f", profile, "-f", def)...)
	lines := write(t, filepath.Join(dir, "events.ndjson"), "{\"id\": 1}\n\n{\"id\": 2}\n")
	early := weir(t, s.at("events", "send", "signups", lines)...)
	require.Equal(t, exitFailed, early.code)
	require.Contains(t, early.err, "flow signups is not active: start it with StartFlow")
	done(t, s.at("start", "signups")...)

	require.Equal(t, "Sent 2 events: 2 taken in, 0 known from before, 0 not about the flow.\n", done(t, s.at("events", "send", "signups", lines)...))
	secret := write(t, filepath.Join(dir, "secret"), hookSecret+"\n")
	list := write(t, filepath.Join(dir, "events.json"), ` [{"id": 3}]`)
	for _, says := range []string{"1 taken in, 0 known", "0 taken in, 1 known"} {
		require.Contains(t, done(t, s.at("events", "send", "signups", list, "--secret-file", secret, "--id", "third")...), says)
	}
	require.ElementsMatch(t, []string{`{"id":1}`, `{"id":2}`, `{"id":3}`}, landed(t, s, "signups", 3))
	view := decoded[server.ListenerView](t, s.at("listeners", "signups")...)
	require.EqualValues(t, 3, view.Counts.Received)
	require.Regexp(t, `(?m)^FLOW +STATUS +STATE .*\nsignups +Active +listening `, done(t, s.at("listeners")...))
	require.Regexp(t, `(?m)^Received +3 \(27 B\); 1 known from before`, done(t, s.at("listeners", "signups")...))

	wrong := write(t, filepath.Join(dir, "wrong"), "another secret of that length")
	refused := weir(t, s.at("events", "send", "signups", list, "--secret-file", wrong)...)
	require.Equal(t, exitFailed, refused.code)
	require.Contains(t, refused.err, "AccessDeniedException")
	for _, args := range [][]string{
		{"events", "send", "signups", write(t, filepath.Join(dir, "half"), `{"id":`)},
		{"events", "send", "signups", filepath.Join(dir, "none")},
		{"events", "send", "signups", list, "--secret-file", write(t, filepath.Join(dir, "short"), "short")},
		{"events", "discard", "signups"},
	} {
		require.Equal(t, exitUsage, weir(t, s.at(args...)...).code, "%v", args)
	}
	done(t, s.at("stop", "signups")...)
	require.Regexp(t, `^Dropped \d+ events? of flow signups.\n$`, done(t, s.at("events", "discard", "signups", "--yes")...))
}

func TestEvents_LargeFilesGoInParts(t *testing.T) {
	t.Parallel()
	s := serve(t, "", "--event-delay", "1s")
	dir := t.TempDir()
	done(t, s.at("apply", "-f", write(t, filepath.Join(dir, "p.json"), hookProfile), "-f", write(t, filepath.Join(dir, "f.json"), eventFlow("large", hookSource, "{}")))...)
	done(t, s.at("start", "large")...)
	var all strings.Builder
	const events = 3000
	for i := range events {
		fmt.Fprintf(&all, `{"id":%d,"text":%q}`+"\n", i, strings.Repeat("x", 500))
	}
	file := write(t, filepath.Join(dir, "events"), all.String())
	require.Equal(t, "Sent 3,000 events: 3,000 taken in, 0 known from before, 0 not about the flow.\n", done(t, s.at("events", "send", "large", file, "--id", "all")...))
	require.Contains(t, done(t, s.at("events", "send", "large", file, "--id", "all")...), "0 taken in, 3,000 known from before")
	require.Len(t, landed(t, s, "large", events), events)
}

func TestEvents_FilesInAFolderLand(t *testing.T) {
	t.Parallel()
	s := serve(t, shop(t, ""), "--event-delay", "1s")
	source := `{"connectorType":"S3","sourceConnectorProperties":{"S3":{"bucketName":"shop","bucketPrefix":"orders/"}}}`
	dir := t.TempDir()
	untagged := weir(t, s.at("apply", "-f", write(t, filepath.Join(dir, "u.json"), eventFlow("orders", source, "{}")))...)
	require.Contains(t, untagged.err, "with the tag weir:events=object-created also Event")
	done(t, s.at("apply", "-f", write(t, filepath.Join(dir, "f.json"), eventFlow("orders", source, `{"weir:events":"object-created"}`)))...)
	done(t, s.at("start", "orders")...)
	deadline := time.Now().Add(patience)
	for decoded[server.ListenerView](t, s.at("listeners", "orders")...).State != "listening" {
		require.True(t, time.Now().Before(deadline))
		<-time.After(50 * time.Millisecond)
	}
	write(t, filepath.Join(s.data, "buckets", "shop", "orders", "2.csv"), "id,status\n7,new\n")
	require.Equal(t, []string{`{"id":"7","status":"new"}`}, landed(t, s, "orders", 1), "and not those from before")
}
