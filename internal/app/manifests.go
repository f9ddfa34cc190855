package app

import (
	"log/slog"

	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/manifest"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/server"
)

// openManifests reads the folder of custom connectors that are manifests; nil when there is none.
func openManifests(dir string, log *slog.Logger) (*manifest.Library, error) {
	if dir == "" {
		return nil, nil
	}
	return manifest.OpenLibrary(dir, custom.Spec(), log)
}

// shownManifests show a folder of manifests to the server as registrations. Nil for no folder.
func shownManifests(library *manifest.Library, log *slog.Logger) server.Manifests {
	if library == nil {
		return nil
	}
	return manifests{library, log}
}

type manifests struct {
	library *manifest.Library
	log     *slog.Logger
}

// Manifest implements [server.Manifests].
func (m manifests) Manifest(label string) *flow.Registration {
	s, ok := m.library.Get(label)
	if !ok {
		return nil
	}
	return m.registration(s)
}

// Manifests implements [server.Manifests].
func (m manifests) Manifests() []*flow.Registration {
	var list []*flow.Registration
	for _, s := range m.library.All() {
		if r := m.registration(s); r != nil {
			list = append(list, r)
		}
	}
	return list
}

// registration shows a manifest. What is wrong with its file is part of the description, which every client shows.
func (m manifests) registration(s manifest.Shelved) *flow.Registration {
	config, err := s.Connector.Configuration()
	if err != nil {
		m.log.Error("a manifest cannot be described", "connector", s.Label, "error", err)
		return nil
	}
	r := &flow.Registration{Label: s.Label, Config: config, RegisteredAt: s.Since, RegisteredBy: "manifest " + s.Label + ".yaml"}
	about := s.Connector.Summary()
	if s.Problem != "" {
		about += " (The file has been changed and is wrong; the version before still counts. " + s.Problem + ")"
	}
	if about != "" {
		r.Description = &about
	}
	return r
}
