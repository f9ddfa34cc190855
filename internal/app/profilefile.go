package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"

	"go.yaml.in/yaml/v3"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/profile"
)

const maxProfileFile = 4 << 20

// configurer is what the steps of a run ask for connections.
type configurer = func(ctx context.Context, t flow.ConnectorType, profileName, apiVersion string) (connector.Config, error)

// configureOne is the configurer of a run without a store: profiles come from a file of CreateConnectorProfile requests,
// and are proved when they are first used.
func configureOne(cfg Config, opener blob.Opener, list *connector.Registry, log *slog.Logger) (configurer, error) {
	var given []profile.Given
	if cfg.ProfileFile != "" {
		var err error
		if given, err = readProfiles(cfg.ProfileFile); err != nil {
			return nil, err
		}
	}
	shelf, err := profile.OpenFile(cfg.ProfileFile, given)
	if err != nil {
		return nil, err
	}
	sealer := func(context.Context, *string) (profile.Sealer, error) { return profile.Clear{}, nil }
	book, err := newBook(cfg, shelf, sealer, opener, list, nil, log)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, t flow.ConnectorType, name, apiVersion string) (connector.Config, error) {
		if name != "" && cfg.ProfileFile == "" {
			return connector.Config{}, fault.New(fault.NotFound, "Connector Profile with name %s does not exist; give a file of profiles with --profile.", name)
		}
		if name != "" {
			if err := shelf.Open(ctx, book, name); err != nil {
				return connector.Config{}, err
			}
		}
		return book.Config(ctx, t, name, apiVersion)
	}, nil
}

// readProfiles reads a file of one or more CreateConnectorProfile requests: JSON or YAML, several documents or a list. Its
// errors are Validation and quote no value.
func readProfiles(path string) ([]profile.Given, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.Wrap(fault.Validation, err, "reading the profiles")
	}
	if info.Size() > maxProfileFile {
		return nil, fault.New(fault.Validation, "reading the profiles of %s: the file is too large", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.Wrap(fault.Validation, err, "reading the profiles")
	}
	var list []profile.Given
	for documents := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var document any
		err := documents.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fault.New(fault.Validation, "reading the profiles of %s: it is neither JSON nor YAML", path) // err may quote a line
		}
		items, isList := document.([]any)
		if !isList {
			items = []any{document}
		}
		for _, item := range items {
			g, err := readGiven(item)
			if err != nil {
				return nil, fault.Wrap(fault.Validation, err, "reading profile %d of %s", len(list)+1, path)
			}
			list = append(list, g)
		}
	}
	if len(list) == 0 {
		return nil, fault.New(fault.Validation, "reading the profiles of %s: there are none", path)
	}
	return list, nil
}

func readGiven(document any) (profile.Given, error) {
	body, err := json.Marshal(document)
	if err != nil {
		return profile.Given{}, fault.New(fault.Validation, "it is not a CreateConnectorProfile request")
	}
	in := &wire.CreateConnectorProfileInput{}
	if err := in.DecodeJSON(body); err != nil {
		return profile.Given{}, fault.New(fault.Validation, "%s", err.Error())
	}
	if err := in.Validate(); err != nil {
		return profile.Given{}, fault.New(fault.Validation, "%s", err.Error())
	}
	var parts struct {
		Config struct {
			Properties  map[string]flow.Properties `json:"connectorProfileProperties"`
			Credentials map[string]flow.Properties `json:"connectorProfileCredentials"`
		} `json:"connectorProfileConfig"`
	}
	if json.Unmarshal(body, &parts) != nil {
		return profile.Given{}, fault.New(fault.Validation, "it is not a CreateConnectorProfile request")
	}
	t := flow.ConnectorType(*in.ConnectorType)
	g := profile.Given{
		Profile:     flow.Profile{Name: *in.ConnectorProfileName, Connector: t, Mode: flow.ConnectionMode(*in.ConnectionMode), Properties: parts.Config.Properties[t.Member()]},
		Credentials: parts.Config.Credentials[t.Member()],
	}
	if in.ConnectorLabel != nil {
		g.Profile.Label = *in.ConnectorLabel
	}
	if problems := g.Profile.Check(g.Credentials, false); len(problems) > 0 {
		return profile.Given{}, fault.New(fault.Validation, "[%s]", problems)
	}
	return g, nil
}
