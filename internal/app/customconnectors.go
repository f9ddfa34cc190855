package app

import (
	"context"
	"log/slog"
	"strings"

	"weir.dev/weir/connectors"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/salesforce"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/secretserver"
	"weir.dev/weir/internal/store"
)

// openConnectors lists the connectors, and makes what custom connectors need: their functions are found by the store's
// registrations, and find their credentials in Secrets Manager or what stands for it.
func (a *App) openConnectors() (*custom.Invoker, error) {
	endpoints := map[string]string{}
	for _, text := range a.Config.CustomConnectors {
		arn, endpoint, err := custom.ParseEndpoint(text)
		if err != nil {
			return nil, err
		}
		endpoints[arn] = endpoint
	}
	o, closer, err := customOptions(a.Config, endpoints, a.Log)
	if err != nil {
		return nil, err
	}
	a.closers = append(a.closers, closer)
	o.Find = func(ctx context.Context, label string) (r *flow.Registration, err error) {
		err = a.Store.Read(ctx, func(tx store.ReadTx) error {
			r, err = tx.RegistrationGet(ctx, label)
			return err
		})
		return r, err
	}
	if a.manifests, err = openManifests(a.Config.Connectors, a.Log); err != nil {
		return nil, err
	}
	if a.manifests != nil {
		a.background(a.manifests.Watch)
	}
	a.Connectors = connectors.All(connectors.Settings{Custom: o, Manifests: a.manifests, Salesforce: salesforce.Options{Reserve: a.Config.SalesforceReserve}})
	return o.Invoker, nil
}

// customOptions are those of functions that have an endpoint and of all others. Secrets are served only where a function
// has an endpoint. Close what it returns.
func customOptions(cfg Config, endpoints map[string]string, log *slog.Logger) (custom.Options, func() error, error) {
	closer := func() error { return nil }
	invoker, err := custom.NewInvoker(custom.InvokerOptions{Endpoints: endpoints})
	if err != nil {
		return custom.Options{}, closer, err
	}
	o := custom.Options{Invoker: invoker}
	listen := ""
	for _, where := range cfg.ConnectorSecrets {
		if where == "aws" {
			o.AWS = &custom.AWSKeeper{}
		} else {
			listen = where
		}
	}
	if len(endpoints) == 0 {
		if listen != "" {
			return o, closer, fault.New(fault.Validation, "--connector-secrets %s goes with --connector: no function has an endpoint of its own", listen)
		}
		return o, closer, nil
	}
	dir, err := prepareData(cfg.Data)
	if err != nil {
		return o, closer, err
	}
	s, err := secretserver.Open(secretserver.Options{Listen: listen, Dir: dir, Log: log})
	if err != nil {
		return o, closer, err
	}
	o.Local = s
	return o, s.Close, nil
}

// runOptions are those of a run without a store: its connectors come from the command line, as LABEL=ARN or LABEL=URL.
func runOptions(cfg Config, log *slog.Logger) (custom.Options, func() error, error) {
	arns, endpoints := map[string]string{}, map[string]string{}
	for _, text := range cfg.CustomConnectors {
		label, where, ok := strings.Cut(text, "=")
		switch {
		case !ok || label == "" || strings.HasPrefix(label, "arn:"):
			return custom.Options{}, nil, fault.New(fault.Validation, "--connector %q does not take the form LABEL=ARN or LABEL=URL", text)
		case strings.HasPrefix(where, "http://") || strings.HasPrefix(where, "https://"):
			arns[label] = "arn:aws:lambda:us-east-1:000000000000:function:" + label
			endpoints[arns[label]] = where
		default:
			arns[label] = where
		}
	}
	o, closer, err := customOptions(cfg, endpoints, log)
	o.Find = func(_ context.Context, label string) (*flow.Registration, error) {
		if arns[label] == "" {
			return nil, fault.New(fault.NotFound, "Connector with label %s does not exist; say where it is with --connector %s=URL.", label, label)
		}
		return &flow.Registration{Label: label, LambdaArn: arns[label]}, nil
	}
	return o, closer, err
}
