package handlerhost_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/handlerhost"
)

// compiled is the class path of the handlers in testdata/java.
func compiled(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("javac"); err != nil {
		t.Skip("there is no JDK here")
	}
	dir := t.TempDir()
	said, err := exec.CommandContext(t.Context(), "javac", "-d", dir, "testdata/java/Shop.java").CombinedOutput()
	require.NoError(t, err, string(said))
	return dir
}

func TestJava_AHandlerOfStreams(t *testing.T) {
	t.Parallel()
	log := &notes{more: make(chan struct{}, 1)}
	o := handlerhost.Options{
		ClassPath: compiled(t), Source: "example.Shop", Workers: 1, Log: log,
		Env: func() []string { return nil }, Secrets: func() string { return "" },
	}
	h, err := handlerhost.Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	call := func(event string) (out map[string]any) {
		require.NoError(t, json.Unmarshal(h.Invoke(t.Context(), []byte(event)), &out))
		return out
	}
	first := call(`{"value":"ünï\n日本 😀"}`)
	require.Equal(t, map[string]any{"value": "ünï\n日本 😀"}, first["event"])
	require.EqualValues(t, 2, call(`{}`)["count"], "one process for many events")
	require.Contains(t, log.wait(t, "logged"), "logged truefalse", "there is time left, and nothing on standard input")
	log.wait(t, "printed {}")
	raised := call(`"raise"`)
	require.Equal(t, "java.lang.IllegalStateException", raised["errorType"])
	require.Equal(t, "no \"such\"\nthing", raised["errorMessage"])
	require.NotEmpty(t, raised["stackTrace"])
	require.Equal(t, "Runtime.ExitError", call(`"exit"`)["errorType"])
	require.EqualValues(t, 1, call(`{}`)["count"], "another process has taken over")
	large := strings.Repeat("x", 5<<20)
	require.Equal(t, large, call(`"` + large + `"`)["event"])
}

func TestJava_HandlersThatDoNotLoad(t *testing.T) {
	t.Parallel()
	path := compiled(t)
	for source, want := range map[string]string{
		"example.None": "ClassNotFoundException", "example.Shop::none": "NoSuchMethodException: example.Shop has no method none",
	} {
		class, method, err := handlerhost.SplitClass(source)
		require.NoError(t, err)
		_, err = handlerhost.Open(t.Context(), handlerhost.Options{ClassPath: path, Source: class, Function: method, Env: func() []string { return nil }})
		require.True(t, fault.Is(err, fault.Validation))
		require.ErrorContains(t, err, want)
	}
	h, err := handlerhost.Open(t.Context(), handlerhost.Options{ClassPath: path, Source: "example.Shop", Function: "other", Env: func() []string { return nil }, Workers: 1})
	require.NoError(t, err)
	require.Equal(t, `"other"`, strings.TrimSpace(string(h.Invoke(t.Context(), []byte("{}")))))
	require.NoError(t, h.Close())
	_, _, err = handlerhost.SplitClass("::x")
	require.True(t, fault.Is(err, fault.Validation))
}
