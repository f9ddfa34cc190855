package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	internalserver "weir.dev/weir/internal/server"
	"weir.dev/weir/internal/store"
)

func TestKeys_LifeCycle(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	key := decoded[internalserver.KeyView](t, s.at("keys", "create", "ci")...)
	require.NotEmpty(t, key.Secret)
	require.Equal(t, "ci", key.Name)
	as := func(args ...string) result {
		return process(t, []string{"WEIR_ACCESS_KEY_ID=" + key.ID, "WEIR_SECRET_ACCESS_KEY=" + key.Secret}, append(args, "--endpoint-url", s.url)...)
	}
	require.Equal(t, exitDone, as("flows").code)
	require.Equal(t, "Disabled key "+key.ID+".\n", done(t, s.at("keys", "disable", key.ID)...))
	refused := as("flows")
	require.Equal(t, exitFailed, refused.code)
	require.NotContains(t, refused.err, key.Secret)
	require.Regexp(t, `KEY +NAME +STATE +CREATED +POLICY\n(.*root +active.*\n.*ci +disabled|.*ci +disabled.*\n.*root +active)`, done(t, s.at("keys")...))
	require.NotContains(t, done(t, s.at("keys")...), key.Secret)
	require.Equal(t, "Enabled key "+key.ID+".\n", done(t, s.at("keys", "enable", key.ID)...))
	require.Equal(t, exitDone, as("flows").code)
	require.Equal(t, "Deleted key "+key.ID+".\n", done(t, s.at("keys", "delete", key.ID)...))
	require.Equal(t, exitFailed, as("flows").code)
	require.Len(t, decoded[[]internalserver.KeyView](t, s.at("keys")...), 1)
	require.Equal(t, exitFailed, weir(t, s.at("keys", "disable", "AKIANOBODY")...).code)
	require.Regexp(t, regexp.MustCompile(`^export AWS_ACCESS_KEY_ID=\S+\nexport AWS_SECRET_ACCESS_KEY=\S+\n$`), done(t, s.at("keys", "create", "people")...))
}

func TestKeys_DoWhatTheirPoliciesAllow(t *testing.T) {
	t.Parallel()
	s := serve(t, "", "--audit-retention", "1h")
	key := decoded[internalserver.KeyView](t, s.at("keys", "create", "--name", "ci", "--policy", "read-only")...)
	as := func(key internalserver.KeyView, args ...string) result {
		return process(t, []string{"WEIR_ACCESS_KEY_ID=" + key.ID, "WEIR_SECRET_ACCESS_KEY=" + key.Secret}, append(args, "--endpoint-url", s.url)...)
	}
	require.Equal(t, exitDone, as(key, "flows").code)
	refused := as(key, "keys")
	require.Equal(t, exitFailed, refused.code)
	require.Contains(t, refused.err, "AccessDeniedException: User: arn:aws:iam::000000000000:user/ci is not authorized to perform: weir:ReadKeys")
	require.Equal(t, "\"read-only\"\n", done(t, s.at("keys", "policy", key.ID)...))

	good := write(t, filepath.Join(t.TempDir(), "policy.json"), `{"Statement":{"Effect":"Allow","Action":"weir:ReadKeys","Resource":"*"}}`)
	done(t, s.at("keys", "policy", key.ID, "--set", good)...)
	require.Equal(t, exitDone, as(key, "keys").code)
	require.Equal(t, exitFailed, as(key, "flows").code)
	require.Contains(t, done(t, s.at("keys")...), "custom")

	bad := write(t, filepath.Join(t.TempDir(), "policy.json"), `{"Statement":{"Effect":"Allow","Action":"appflow:StratFlow","Resource":"*"}}`)
	for _, args := range [][]string{{"keys", "create", "x", "--policy", bad}, {"keys", "policy", key.ID, "--set", bad}} {
		r := weir(t, s.at(args...)...)
		require.Equal(t, exitUsage, r.code)
		require.Contains(t, r.err, "Statement.Action: no action has this name; did you mean appflow:StartFlow?")
	}
	require.Contains(t, weir(t, s.at("keys", "create", "x", "--policy", "readonly")...).err, "those are admin, operator, read-only")
	require.Equal(t, exitUsage, weir(t, s.at("keys", "create")...).code)

	next := decoded[internalserver.KeyView](t, s.at("keys", "rotate", key.ID, "--overlap", "1h")...)
	require.Equal(t, exitDone, as(key, "keys").code)
	require.Equal(t, exitDone, as(next, "keys").code)
	require.Contains(t, done(t, s.at("keys")...), "active until ")
	last := decoded[internalserver.KeyView](t, s.at("keys", "rotate", next.ID, "--overlap", "0s")...)
	require.Equal(t, exitFailed, as(next, "keys").code)
	require.Contains(t, done(t, s.at("keys")...), "expired")
	done(t, s.at("keys", "policy", last.ID, "--allow-everything")...)
	require.Equal(t, exitDone, as(last, "flows").code)
	require.Contains(t, done(t, s.at("keys", "policy", last.ID)...), "it may do everything")
}

func TestAudit_ShowsWhoDidWhat(t *testing.T) {
	t.Parallel()
	s := serve(t, shop(t, ""))
	done(t, s.at("apply", "-f", orders)...)
	done(t, s.at("keys", "create", "ci", "--policy", "read-only")...)
	require.NotEqual(t, exitDone, weir(t, s.at("delete", "nothing", "--yes")...).code)
	require.Regexp(t, `(?s)CreateFlow +root +flow/orders +ok\n.*CreateAccessKey +root +WEIR\w+ +ok\n`, done(t, s.at("audit")...))
	require.NotContains(t, done(t, s.at("audit", "--flow", "orders")...), "CreateAccessKey")
	require.Empty(t, done(t, s.at("audit", "--until", "1h")...))
	require.Contains(t, done(t, s.at("audit", "--since", "1h", "--operation", "createflow", "--key", "root")...), "flow/orders")
	require.Len(t, decoded[[]store.AuditEvent](t, s.at("audit", "--limit", "1")...), 1)

	var trail struct{ Records []map[string]any }
	require.NoError(t, json.Unmarshal([]byte(done(t, s.at("audit", "--flow", "orders", "--output", "cloudtrail-json")...)), &trail))
	require.Len(t, trail.Records, 1)
	record := trail.Records[0]
	for name, want := range map[string]any{
		"eventVersion": "1.11", "eventSource": "appflow.amazonaws.com", "eventName": "CreateFlow", "awsRegion": "us-east-1", "sourceIPAddress": "127.0.0.1",
		"readOnly": false, "eventType": "AwsApiCall", "recipientAccountId": "000000000000",
	} {
		require.Equal(t, want, record[name], name)
	}
	require.Equal(t, "IAMUser", record["userIdentity"].(map[string]any)["type"])
	require.Equal(t, "orders", record["requestParameters"].(map[string]any)["flowName"])
	for _, args := range [][]string{{"--since", "yesterday"}, {"--output", "xml"}, {"--follow", "--output", "cloudtrail-json"}} {
		require.Equal(t, exitUsage, weir(t, s.at(append([]string{"audit"}, args...)...)...).code, args)
	}
}

func TestAudit_FollowsWhatComes(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	done(t, s.at("keys", "create", "before")...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, w := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		code := execute(ctx, s.at("audit", "--follow", "--limit", "1", "--output", "jsonl"), w, io.Discard)
		w.Close()
		ended <- code
	}()
	lines := bufio.NewScanner(r)
	next := func() store.AuditEvent {
		require.True(t, lines.Scan())
		var e store.AuditEvent
		require.NoError(t, json.Unmarshal(lines.Bytes(), &e))
		return e
	}
	require.Contains(t, string(next().Request), "before")
	for _, name := range []string{"one", "two"} {
		done(t, s.at("keys", "create", name)...)
		require.Contains(t, string(next().Request), name)
	}
	cancel()
	require.Equal(t, exitInterrupted, <-ended)
}

func TestBackup_RestoresFlowsHistoryAndKeys(t *testing.T) {
	t.Parallel()
	s := serve(t, shop(t, ""))
	done(t, s.at("apply", "-f", orders)...)
	done(t, s.at("start", "orders", "--wait")...)
	flows, runs := done(t, s.at("flows", "orders", "-o", "json")...), done(t, s.at("executions", "orders", "-o", "json")...)
	keys := done(t, s.at("keys", "-o", "json")...)
	dir := t.TempDir()
	online, offline := filepath.Join(dir, "online.weir"), filepath.Join(dir, "offline.weir")
	require.Regexp(t, `^Wrote .*online.weir \(\d.*B\)\.\n$`, done(t, s.at("backup", online)...))
	busy := weir(t, "backup", offline, "--offline", "--data", s.data)
	require.Equal(t, exitFailed, busy.code, "the server holds its data")
	require.NoFileExists(t, offline)
	s.stop()
	done(t, "backup", offline, "--offline", "--data", s.data)
	require.Equal(t, []string{"offline.weir", "online.weir"}, files(t, dir), "no partial files")

	for _, file := range []string{online, offline} {
		data := filepath.Join(t.TempDir(), "new")
		require.Equal(t, "Restored "+file+".\n", done(t, "restore", file, "--data", data))
		again := weir(t, "restore", file, "--data", data)
		require.Equal(t, exitFailed, again.code, "only an empty store is filled")
		for _, name := range []string{"vault.key", "credentials"} {
			write(t, filepath.Join(data, name), read(t, filepath.Join(s.data, name)))
		}
		restored := serve(t, shop(t, data))
		require.Equal(t, flows, done(t, restored.at("flows", "orders", "-o", "json")...))
		require.Equal(t, runs, done(t, restored.at("executions", "orders", "-o", "json")...))
		require.Equal(t, keys, done(t, restored.at("keys", "-o", "json")...))
		done(t, restored.at("start", "orders", "--wait")...)
	}
	bad := weir(t, "restore", write(t, filepath.Join(dir, "bad"), "nonsense"), "--data", filepath.Join(dir, "bad-data"))
	require.NotEqual(t, exitDone, bad.code)
	require.Equal(t, exitUsage, weir(t, "restore", filepath.Join(dir, "missing")).code)
}
