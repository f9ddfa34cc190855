package connectortest

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func testSpec(t *testing.T, h Harness) {
	s := h.Connector.Spec()
	require.NotNil(t, s)
	t.Run("Complete", func(t *testing.T) {
		require.NotEmpty(t, s.Type)
		require.NotEmpty(t, s.Name)
		require.True(t, strings.HasSuffix(s.Summary, "."), "the summary %q is a sentence", s.Summary)
		docs, err := url.Parse(s.DocsURL)
		require.NoError(t, err)
		require.Equal(t, "https", docs.Scheme)
		require.True(t, s.CanBeSource || s.CanBeDest)
		for _, limit := range s.Limits {
			require.True(t, strings.HasSuffix(limit, "."), "the limit %q is a sentence", limit)
		}
		if s.CanBeSource {
			require.NotEmpty(t, s.Triggers)
		}
		if slices.Contains(s.Triggers, flow.TriggerScheduled) {
			require.GreaterOrEqual(t, s.MinInterval, time.Minute)
		}
	})
	t.Run("SettingsDocumented", func(t *testing.T) {
		seen := map[string]bool{}
		for _, x := range s.Settings {
			require.Contains(t, []string{"source", "destination", "profile", "credentials"}, x.Where, x.Name)
			require.NotEmpty(t, x.Name)
			require.True(t, strings.HasSuffix(x.Description, "."), "%s: the description %q is a sentence", x.Name, x.Description)
			require.False(t, seen[x.Where+"/"+x.Name], "%s is documented twice", x.Name)
			seen[x.Where+"/"+x.Name] = true
			if x.Default != "" && len(x.Values) > 0 {
				require.Contains(t, x.Values, x.Default, x.Name)
			}
			require.False(t, x.Required && x.Default != "", "%s is required and has a default", x.Name)
			if x.Where == "source" {
				require.True(t, s.CanBeSource, x.Name)
			}
			if x.Where == "destination" {
				require.True(t, s.CanBeDest, x.Name)
			}
			if x.Where == "credentials" || x.Where == "profile" {
				require.True(t, s.NeedsProfile, x.Name)
			}
		}
	})
	t.Run("AbilitiesAreTheDeclaredOnes", func(t *testing.T) {
		require.Equal(t, s.CanBeSource, h.Source != nil, "the harness covers the source")
		require.Equal(t, s.CanBeDest, h.Writer != nil || h.Files != nil, "the harness covers the destination")
		conn := connect(t, h, h.anyConfig(t))
		_, reads := conn.(connector.Reader)
		_, writes := conn.(connector.Writer)
		_, files := conn.(connector.FileTarget)
		_, lists := conn.(connector.EntityLister)
		_, describes := conn.(connector.EntityDescriber)
		require.Equal(t, s.CanBeSource, reads, "Reader")
		require.Equal(t, h.Writer != nil, writes, "Writer")
		require.Equal(t, h.Files != nil, files, "FileTarget")
		if s.CanBeSource {
			require.True(t, lists, "EntityLister")
			require.True(t, describes, "EntityDescriber")
		}
	})
}

func (h Harness) anyConfig(t *testing.T) connector.Config {
	switch {
	case h.Source != nil:
		return h.Source.Load(t, NewData(1)).Config
	case h.Writer != nil:
		return h.Writer.New(t).Config
	}
	cfg, _ := h.Files.New(t)
	return cfg
}

// connect opens a connection that is closed at the end of the test.
func connect(t *testing.T, h Harness, cfg connector.Config) connector.Connection {
	t.Helper()
	conn, err := h.Connector.Connect(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close()) })
	return conn
}

func requireCode(t *testing.T, code fault.Code, err error, about ...any) {
	t.Helper()
	require.Error(t, err, about...)
	require.Equal(t, code, fault.CodeOf(err), "%v %v", err, about)
}
