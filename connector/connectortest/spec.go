package connectortest

import (
	"net/url"
	"slices"
	"strconv"
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
	CheckSpec(t, s)
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

// CheckSpec checks what a connector says of itself. It is all of the suite that holds for a connector whose code is not
// in the build.
func CheckSpec(t *testing.T, s *connector.Spec) {
	t.Helper()
	require.NotNil(t, s)
	t.Run("Complete", func(t *testing.T) {
		require.NotEmpty(t, s.Type)
		require.NotEmpty(t, s.Name)
		require.True(t, strings.HasSuffix(s.Summary, "."), "the summary %q is a sentence", s.Summary)
		docs, err := url.Parse(s.DocsURL)
		require.NoError(t, err)
		require.Equal(t, "https", docs.Scheme)
		require.True(t, s.CanBeSource || s.CanBeDest)
		for _, text := range append(slices.Clone(s.Limits), s.Retired) {
			require.True(t, text == "" || strings.HasSuffix(text, "."), "%q is a sentence", text)
		}
		for _, sub := range s.SubServices {
			require.Regexp(t, `^[A-Z]+$`, sub.Name)
			require.True(t, strings.HasSuffix(sub.Description, "."), "%q is a sentence", sub.Description)
		}
	})
	t.Run("Source", func(t *testing.T) {
		require.Equal(t, s.CanBeSource, len(s.Triggers) > 0, "triggers are a source's")
		scheduled := slices.Contains(s.Triggers, flow.TriggerScheduled)
		require.Equal(t, scheduled, s.MinInterval >= time.Minute, "the shortest period is of schedules")
		require.Equal(t, scheduled, len(s.Frequencies()) > 0)
		if !s.CanBeSource {
			require.Empty(t, s.Destinations)
			require.Empty(t, s.TransferAPIs)
		}
	})
	t.Run("Destination", func(t *testing.T) {
		for _, op := range s.WriteOperations {
			require.Contains(t, []string{"INSERT", "UPSERT", "UPDATE", "DELETE"}, op)
		}
		if !s.CanBeDest {
			require.Empty(t, s.WriteOperations)
			require.Empty(t, s.DestTriggers)
		}
	})
	t.Run("Auth", func(t *testing.T) { checkAuth(t, s) })
	t.Run("Settings", func(t *testing.T) { checkSettings(t, s) })
}

func checkAuth(t *testing.T, s *connector.Spec) {
	if !s.NeedsProfile {
		require.Empty(t, s.Auth.Kinds)
		require.False(t, s.PrivateLink)
	}
	require.Equal(t, slices.Contains(s.Auth.Kinds, connector.AuthOAuth2), s.Auth.OAuth != nil, "OAuth is described when it is used")
	o := s.Auth.OAuth
	if o == nil {
		return
	}
	require.NotEmpty(t, o.Grants)
	require.NotNil(t, o.Endpoint)
	operator := func(sub string) string { return "https://operator.example/" + strings.ToLower(sub) }
	_, err := o.Endpoint(nil, nil)
	if err != nil { // a profile without properties; what it lacks is the user's to add
		requireCode(t, fault.Validation, err)
	}
	_, err = o.Endpoint(flow.Properties(`{"instanceUrl":7}`), operator)
	if err != nil {
		requireCode(t, fault.Validation, err, "properties of a wrong shape")
	}
	for _, bad := range []string{"not a url", "ftp://x.example", "https://", "https://user:secret@x.example", "https://x.example?a=b"} {
		_, err := o.Endpoint(flow.Properties(`{"instanceUrl":`+strconv.Quote(bad)+`}`), nil)
		if err != nil {
			requireCode(t, fault.Validation, err, bad)
			require.NotContains(t, err.Error(), "secret")
		}
	}
}

func checkSettings(t *testing.T, s *connector.Spec) {
	places := map[string]bool{
		connector.InSource: s.CanBeSource, connector.InDestination: s.CanBeDest,
		connector.InProfile: s.NeedsProfile, connector.InCredentials: s.NeedsProfile,
	}
	seen := map[string]bool{}
	for _, x := range s.Settings {
		possible, known := places[x.Where]
		require.True(t, known && possible, "%s is a setting of a %s", x.Name, x.Where)
		require.NotEmpty(t, x.Name)
		require.True(t, strings.HasSuffix(x.Description, "."), "%s: the description %q is a sentence", x.Name, x.Description)
		require.False(t, seen[x.Where+"/"+x.Name], "%s is documented twice", x.Name)
		seen[x.Where+"/"+x.Name] = true
		if x.Default != "" && len(x.Values) > 0 {
			require.Contains(t, x.Values, x.Default, x.Name)
		}
		require.False(t, x.Required && x.Default != "", "%s is required and has a default", x.Name)
		require.False(t, x.Secret && (x.Where != connector.InCredentials || x.Default != ""), "%s is a secret", x.Name)
	}
}

func (h Harness) anyConfig(t *testing.T) connector.Config {
	switch {
	case h.Source != nil:
		return h.Source.Load(t, h.Source.data(1)).Config
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
