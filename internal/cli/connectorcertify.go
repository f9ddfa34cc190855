package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/app"
	"weir.dev/weir/internal/secretserver"
)

// certifyFlags are what a user may say of the connector to certify.
type certifyFlags struct {
	host        hostFlags
	credentials string
	settings    []string
	apiVersion  string
	entity      string
	writeEntity string
	writes      bool
	operation   string
	idFields    []string
	data        string
	isAWS       bool
}

func connectorCertifyCommand() *cobra.Command {
	var f certifyFlags
	cmd := &cobra.Command{
		Use:   "certify [ARN|URL]",
		Short: "Check a custom connector against AppFlow's protocol",
		Long: `Check a custom connector against AppFlow's protocol: what it says of itself, its entities and fields, reading in pages,
filters, errors and, when asked for, writing. The connector is a function of AWS Lambda, a URL that takes the same
documents, or a handler on this machine. Exit code 1 when a check failed.

Nothing is written without --write; with it, the records of the first page that was read are written once more.`,
		Example: `  weir connector certify --python handler.py --credentials key.json --setting instanceUrl=https://shop.example
  weir connector certify http://localhost:9000/2015-03-31/functions/function/invocations --entity Orders`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return certify(cmd, &f, args) },
	}
	f.host.add(cmd)
	fl := cmd.Flags()
	fl.StringVar(&f.credentials, "credentials", "", "file with the credentials, as CreateConnectorProfile has them for CustomConnector, as JSON")
	fl.StringArrayVar(&f.settings, "setting", nil, "KEY=VALUE: a setting of the profile (repeatable)")
	fl.StringVar(&f.apiVersion, "api-version", "", "version of the vendor's API (default: the first that the connector declares)")
	fl.StringVar(&f.entity, "entity", "", "entity to read (default: the first that is listed)")
	fl.BoolVar(&f.writes, "write", false, "write the records of the first page once more")
	fl.StringVar(&f.writeEntity, "write-entity", "", "entity to write to (default: the one that is read)")
	fl.StringVar(&f.operation, "operation", "INSERT", "how to write: INSERT, UPDATE, UPSERT or DELETE")
	fl.StringArrayVar(&f.idFields, "id-field", nil, "field that finds records when writing (repeatable)")
	fl.StringVar(&f.data, "data", app.DefaultDataDir(), "data directory, where a URL's function is told how to find its secret")
	fl.BoolVar(&f.isAWS, "write-secret", false, "let Weir write the credentials to AWS Secrets Manager, for a function of AWS Lambda")
	fl.StringP("output", "o", "table", "table or json")
	return cmd
}

// target is a connector to certify: its ARN, the endpoint that the ARN leads to, and what ends it.
type target struct {
	arn       string
	endpoints map[string]string
	keeper    custom.Keeper
	closers   []func() error
}

func (t *target) close() error {
	var errs []error
	for i := len(t.closers) - 1; i >= 0; i-- {
		errs = append(errs, t.closers[i]())
	}
	return errors.Join(errs...)
}

func certify(cmd *cobra.Command, f *certifyFlags, args []string) (err error) {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	cfg, err := f.config()
	if err != nil {
		return err
	}
	t := &target{}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := t.open(cmd, f, args); err != nil {
		return err
	}
	invoker, err := custom.NewInvoker(custom.InvokerOptions{Endpoints: t.endpoints})
	if err != nil {
		return err
	}
	o := custom.Options{Invoker: invoker, Local: t.keeper}
	if f.isAWS {
		o.AWS = &custom.AWSKeeper{}
	}
	registrar := custom.Registrar{Invoker: invoker}
	o.Find = func(ctx context.Context, label string) (*flow.Registration, error) {
		said, err := registrar.Configuration(ctx, label, t.arn)
		return &flow.Registration{Label: label, LambdaArn: t.arn, Config: said}, err
	}
	findings := custom.Certify(cmd.Context(), custom.Exam{
		Registrar: registrar, ARN: t.arn, Connector: custom.New(o), Config: cfg, Entity: f.entity,
		Writes: f.writes, WriteEntity: f.writeEntity, Operation: f.operation, IDFields: f.idFields,
	})
	return showFindings(cmd, findings, asJSON)
}

// open finds out what is to be certified, and runs it when it is a handler.
func (t *target) open(cmd *cobra.Command, f *certifyFlags, args []string) error {
	isHandler, err := f.host.isGiven()
	if err != nil {
		return err
	}
	if (len(args) == 1) == isHandler {
		return usage("name one connector: an ARN, a URL, or a handler with --python or --java")
	}
	const name = "arn:aws:lambda:us-east-1:000000000000:function:certify"
	dir := f.data
	if len(args) == 1 {
		t.arn = args[0]
		if strings.HasPrefix(t.arn, "arn:") {
			return nil
		}
		t.arn, t.endpoints = name, map[string]string{name: args[0]}
		if f.credentials == "" {
			return nil
		}
		return t.serveSecrets(dir)
	}
	dir, err = os.MkdirTemp("", "weir-certify-")
	if err != nil {
		return err
	}
	t.closers = append(t.closers, func() error { return os.RemoveAll(dir) })
	if err := t.serveSecrets(dir); err != nil {
		return err
	}
	f.host.listen, f.host.workers = "127.0.0.1:0", 1
	h, url, err := startHost(cmd.Context(), &f.host, filepath.Join(dir, secretserver.EnvFile), cmd.ErrOrStderr())
	if err != nil {
		return err
	}
	t.closers = append(t.closers, h.Close)
	t.arn, t.endpoints = name, map[string]string{name: url}
	return nil
}

func (t *target) serveSecrets(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	s, err := secretserver.Open(secretserver.Options{Dir: dir})
	if err != nil {
		return err
	}
	t.keeper, t.closers = s, append(t.closers, s.Close)
	return nil
}

// config is the profile that the flags make.
func (f *certifyFlags) config() (connector.Config, error) {
	settings := map[string]string{}
	for _, text := range f.settings {
		key, value, ok := strings.Cut(text, "=")
		if !ok || key == "" {
			return connector.Config{}, usage("--setting %q does not take the form KEY=VALUE", key)
		}
		settings[key] = value
	}
	cfg := connector.Config{ProfileName: "certify", Label: "certify", APIVersion: f.apiVersion}
	props, err := json.Marshal(map[string]any{"profileProperties": settings})
	if cfg.ProfileProperties = props; err != nil || f.credentials == "" {
		return cfg, err
	}
	const most = 1 << 20
	text, err := os.ReadFile(f.credentials)
	if err != nil || len(text) > most {
		return cfg, fault.New(fault.Validation, "the credentials in %s cannot be read", f.credentials)
	}
	var given flow.Properties
	if given.UnmarshalJSON(text) != nil || given.Decode(&map[string]any{}) != nil {
		return cfg, fault.New(fault.Validation, "the credentials in %s are no JSON object", f.credentials)
	}
	cfg.ProfileCredentials = given
	return cfg, nil
}

// showFindings prints the report.
func showFindings(cmd *cobra.Command, findings []custom.Finding, asJSON bool) error {
	failed := 0
	rows := make([][]string, len(findings))
	for i, x := range findings {
		if x.Outcome == custom.Failed {
			failed++
		}
		rows[i] = []string{string(x.Outcome), x.Check, x.Detail}
	}
	if asJSON {
		if err := writeJSON(cmd.OutOrStdout(), map[string]any{"findings": findings, "failed": failed}); err != nil {
			return err
		}
	} else {
		for _, r := range rows {
			line := fmt.Sprintf("%-8s %s", r[0], r[1])
			if r[2] != "" {
				line += ": " + r[2]
			}
			fmt.Fprintln(cmd.OutOrStdout(), line)
		}
	}
	if failed > 0 {
		return &exitError{code: exitFailed, err: fmt.Errorf("%d of %d checks failed", failed, len(findings))}
	}
	return nil
}
