package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors"
)

func TestPages_AreFresh(t *testing.T) {
	t.Parallel()
	pages := render(connectors.All())
	folder := filepath.Join("..", "..", "..", "docs", "connectors")
	for name, want := range pages {
		got, err := os.ReadFile(filepath.Join(folder, name))
		require.NoError(t, err, "run make docs")
		require.Equal(t, want, string(got), "%s is stale; run make docs", name)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.md"))
	require.NoError(t, err)
	require.Len(t, files, len(pages)+1, "pages of connectors that are gone; run make docs")
}

func TestRun_ReplacesThePagesOfAFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "gone.md"), nil, 0o600))
	require.NoError(t, run([]string{dir}))
	require.NoFileExists(t, filepath.Join(dir, "gone.md"))
	text, err := os.ReadFile(filepath.Join(dir, "servicenow.md"))
	require.NoError(t, err)
	require.Contains(t, string(text), "| `oAuth2Credentials.clientSecret` | text | – | The secret of the OAuth application. Never shown again. |")
	require.Contains(t, string(text), "`ServiceNow`")
	require.Error(t, run(nil))
}
