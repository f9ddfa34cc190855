package app

import (
	"log/slog"

	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/manifest"
)

// openManifests reads the folder of custom connectors that are manifests; nil when there is none.
func openManifests(dir string, log *slog.Logger) (*manifest.Library, error) {
	if dir == "" {
		return nil, nil
	}
	return manifest.OpenLibrary(dir, custom.Spec(), log)
}
