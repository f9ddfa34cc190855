package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/profile"
)

func connectCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connect CONNECTOR",
		Short: "Make a connector profile: sign in with the browser, or type the credentials",
		Long: `Make a connector profile, or give an existing one new credentials. Where the vendor has OAuth, its consent page opens
in the browser and sends its answer back to this machine; the server then exchanges it for tokens and keeps them
sealed. Elsewhere the command asks for the credentials that the connector needs, and does not show them.

The OAuth application's id and secret come from --client-id, WEIR_OAUTH_<CONNECTOR>_CLIENT_ID and
WEIR_OAUTH_<CONNECTOR>_CLIENT_SECRET, or are asked for. It must allow the address of --redirect-url.`,
		Example: `  weir connect salesforce --name crm --instance-url https://acme.my.salesforce.com
  weir connect zendesk --name support --instance-url https://acme.zendesk.com --client-id weir
  weir connect datadog --name metrics --instance-url https://api.datadoghq.com`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			spec, err := specNamed(args[0])
			if err != nil {
				return err
			}
			return runConnect(cmd, spec)
		},
	}
	clientFlags(cmd)
	f := cmd.Flags()
	f.String("name", "", "the profile's name")
	f.String("instance-url", "", "the account's address at the vendor")
	f.StringArray("property", nil, "NAME=VALUE: another property of the profile (repeatable), as isSandboxEnvironment=true")
	f.String("label", "", "which custom connector")
	f.String("auth", "", "oauth, basic, apikey or custom, where the connector takes several")
	f.String("client-id", "", "the OAuth application's id")
	f.String("client-credentials-arn", "", "secret with the OAuth application that the server is to use")
	f.String("redirect-url", "http://127.0.0.1:8910/callback", "where the consent page sends its answer; an address of this machine")
	f.Bool("no-browser", false, "print the consent page's address only")
	f.Bool("paste", false, "ask for the address that the browser ends at, for a browser on another machine")
	return cmd
}

// specNamed finds a connector by its type or its name, however it is written.
func specNamed(name string) (*connector.Spec, error) {
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer(" ", "", "-", "", "_", "").Replace(s))
	}
	var known []string
	for _, s := range connectors.All().Specs() {
		if plain(string(s.Type)) == plain(name) || plain(s.Name) == plain(name) {
			if !s.NeedsProfile {
				return nil, usage("%s needs no profile; flows use it as it is", s.Name)
			}
			return s, nil
		}
		if s.NeedsProfile {
			known = append(known, strings.ToLower(string(s.Type)))
		}
	}
	slices.Sort(known)
	return nil, usage("there is no connector %q; there are %s", name, strings.Join(known, ", "))
}

// connecting is one `weir connect` under way.
type connecting struct {
	cmd   *cobra.Command
	spec  *connector.Spec
	ask   *asker
	name  string
	props map[string]any
}

func runConnect(cmd *cobra.Command, spec *connector.Spec) error {
	c, err := newClient(cmd)
	if err != nil {
		return err
	}
	in := &connecting{cmd: cmd, spec: spec, ask: newAsker(cmd)}
	if in.name, _ = cmd.Flags().GetString("name"); in.name == "" {
		return usage("give the profile a --name")
	}
	if in.props, err = in.properties(); err != nil {
		return err
	}
	kind, err := in.kind()
	if err != nil {
		return err
	}
	var credentials map[string]any
	if kind == connector.AuthOAuth2 {
		credentials, err = in.signIn(cmd.Context())
	} else {
		credentials, err = in.typed(kind)
	}
	if err != nil {
		return err
	}
	return in.save(cmd.Context(), c, credentials)
}

// kind is how the profile authenticates: what --auth says, else the connector's first.
func (in *connecting) kind() (connector.AuthKind, error) {
	kinds := in.spec.Auth.Kinds
	want, _ := in.cmd.Flags().GetString("auth")
	if want == "" {
		return kinds[0], nil
	}
	named := map[string]connector.AuthKind{
		"oauth": connector.AuthOAuth2, "basic": connector.AuthBasic, "apikey": connector.AuthAPIKey, "custom": connector.AuthCustom,
	}
	if k, ok := named[strings.ToLower(want)]; ok && slices.Contains(kinds, k) {
		return k, nil
	}
	return "", usage("%s does not take --auth %s", in.spec.Name, want)
}

// properties collects the profile's properties from the flags.
func (in *connecting) properties() (map[string]any, error) {
	props := map[string]any{}
	given, _ := in.cmd.Flags().GetStringArray("property")
	if url, _ := in.cmd.Flags().GetString("instance-url"); url != "" {
		given = append(given, "instanceUrl="+url)
	}
	for _, pair := range given {
		name, value, ok := strings.Cut(pair, "=")
		s := in.setting(connector.InProfile, name)
		if !ok || s == nil {
			return nil, usage("%s has no property %q; it has %s", in.spec.Name, name, strings.Join(in.names(connector.InProfile), ", "))
		}
		v, err := valueOf(s, value)
		if err != nil {
			return nil, err
		}
		put(props, name, v)
	}
	for i := range in.spec.Settings {
		s := &in.spec.Settings[i]
		if s.Where != connector.InProfile || !s.Required || strings.Contains(s.Name, ".") || props[s.Name] != nil {
			continue // what is inside of a structure is needed only together with it
		}
		text, err := in.ask.line(s)
		if err != nil {
			return nil, err
		}
		if props[s.Name], err = valueOf(s, text); err != nil {
			return nil, err
		}
	}
	return props, nil
}

func (in *connecting) setting(where, name string) *connector.Setting {
	for i := range in.spec.Settings {
		s := &in.spec.Settings[i]
		if s.Where == where && (s.Name == name || s.Kind == connector.Map && strings.HasPrefix(name, s.Name+".")) {
			return s
		}
	}
	return nil
}

func (in *connecting) names(where string) (names []string) {
	for _, s := range in.spec.Settings {
		if s.Where == where {
			names = append(names, s.Name)
		}
	}
	return names
}

// save makes the profile, or gives the one that there is its new properties and credentials.
func (in *connecting) save(ctx context.Context, c *client, credentials map[string]any) error {
	member := in.spec.Type.Member()
	label, _ := in.cmd.Flags().GetString("label")
	request := map[string]any{
		"connectorProfileName": in.name, "connectionMode": string(flow.ModePublic), "clientToken": uuid.NewString(),
		"connectorProfileConfig": map[string]any{
			"connectorProfileProperties":  map[string]any{member: in.props},
			"connectorProfileCredentials": map[string]any{member: credentials},
		},
	}
	var have struct {
		Profiles []struct {
			Type flow.ConnectorType `json:"connectorType"`
		} `json:"connectorProfileDetails"`
	}
	if err := c.call(ctx, "DescribeConnectorProfiles", map[string]any{"connectorProfileNames": []string{in.name}}, &have); err != nil {
		return err
	}
	operation, done := "UpdateConnectorProfile", "Updated"
	if len(have.Profiles) == 0 {
		operation, done = "CreateConnectorProfile", "Created"
		request["connectorType"] = in.spec.Type
		if label != "" {
			request["connectorLabel"] = label
		}
	} else if have.Profiles[0].Type != in.spec.Type {
		return fault.New(fault.Conflict, "there is a profile %q already, for %s; choose another --name", in.name, have.Profiles[0].Type)
	}
	var out struct {
		ARN string `json:"connectorProfileArn"`
	}
	if err := c.call(ctx, operation, request, &out); err != nil {
		return err
	}
	return answer(in.cmd, out, "%s profile %s for %s. The server keeps its credentials sealed: %s.",
		done, in.name, in.spec.Name, strings.Join(storedParts(credentials, in.spec), ", "))
}

// storedParts says what the server has now, in words.
func storedParts(credentials map[string]any, spec *connector.Spec) []string {
	names := leaves("", credentials)
	var out []string
	for _, name := range names {
		switch {
		case strings.HasSuffix(name, "oAuthRequest.authCode"):
			out = append(out, "the tokens that the sign-in gave")
		case strings.Contains(name, "oAuthRequest."):
		default:
			out = append(out, strings.TrimPrefix(name, profile.MemberOf(spec.Type)+"."))
		}
	}
	slices.Sort(out)
	return out
}

// leaves are the dotted names of an object's values.
func leaves(prefix string, object map[string]any) (names []string) {
	for name, v := range object {
		if inner, ok := v.(map[string]any); ok {
			names = append(names, leaves(prefix+name+".", inner)...)
			continue
		}
		names = append(names, prefix+name)
	}
	return names
}

// put sets a value at a dotted path.
func put(object map[string]any, path string, v any) {
	head, rest, nested := strings.Cut(path, ".")
	if !nested {
		object[head] = v
		return
	}
	inner, ok := object[head].(map[string]any)
	if !ok {
		inner = map[string]any{}
		object[head] = inner
	}
	put(inner, rest, v)
}

// operatorURL is the operator's URL for a vendor's host, as the server reads it as well.
func operatorURL(t flow.ConnectorType) func(sub string) string {
	return func(sub string) string {
		name := "WEIR_ENDPOINT_URL_" + strings.ToUpper(string(t))
		if sub != "" {
			name += "_" + sub
		}
		return os.Getenv(name)
	}
}

func say(cmd *cobra.Command, format string, args ...any) {
	fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
}
