package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/profile"
)

// typed asks for the credentials of a profile that does not sign in with a browser.
func (in *connecting) typed(kind connector.AuthKind) (map[string]any, error) {
	credentials := map[string]any{}
	isCustom := in.spec.Type == flow.CustomConnector
	if isCustom {
		credentials["authenticationType"] = string(kind)
	}
	customPart := map[connector.AuthKind]string{connector.AuthBasic: "basic.", connector.AuthAPIKey: "apiKey.", connector.AuthCustom: "custom."}[kind]
	for i := range in.spec.Settings {
		s := &in.spec.Settings[i]
		switch {
		case s.Where != connector.InCredentials, in.isForOAuth(s.Name), s.Name == "authenticationType":
			continue
		case isCustom && !strings.HasPrefix(s.Name, customPart):
			continue
		case s.Kind == connector.Map:
			return nil, usage("%s has to be given with CreateConnectorProfile: its names are the connector's own", s.Name)
		}
		text, err := in.ask.line(s)
		if err != nil {
			return nil, err
		}
		if text != "" {
			put(credentials, s.Name, text)
		}
	}
	return credentials, nil
}

// isForOAuth reports whether a member of the credentials belongs to OAuth.
func (in *connecting) isForOAuth(name string) bool {
	if nested := profile.MemberOf(in.spec.Type); nested != "" {
		return strings.HasPrefix(name, nested+".")
	}
	return in.spec.Auth.OAuth != nil
}

// asker asks people for values: on a terminal, without showing secrets; else it reads lines.
type asker struct {
	cmd   *cobra.Command
	lines *bufio.Reader
	fd    int // of the terminal; -1 for none
}

func newAsker(cmd *cobra.Command) *asker {
	a := &asker{cmd: cmd, lines: bufio.NewReader(cmd.InOrStdin()), fd: -1}
	if f, ok := cmd.InOrStdin().(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		a.fd = int(f.Fd())
	}
	return a
}

// line asks for a setting. An empty answer is one where the setting is not required.
func (a *asker) line(s *connector.Setting) (string, error) {
	prompt := s.Name
	if len(s.Values) > 0 {
		prompt += " (" + strings.Join(s.Values, ", ") + ")"
	}
	if !s.Required {
		prompt += ", empty for none"
	}
	fmt.Fprintf(a.cmd.ErrOrStderr(), "%s\n%s: ", s.Description, prompt)
	text, err := a.read(s.Secret)
	if err != nil {
		return "", err
	}
	if text == "" && s.Required {
		return "", usage("%s is needed", s.Name)
	}
	return text, nil
}

func (a *asker) read(isSecret bool) (string, error) {
	if isSecret && a.fd >= 0 {
		text, err := term.ReadPassword(a.fd)
		fmt.Fprintln(a.cmd.ErrOrStderr())
		return strings.TrimSpace(string(text)), err
	}
	text, err := a.lines.ReadString('\n')
	if a.fd < 0 {
		fmt.Fprintln(a.cmd.ErrOrStderr())
	}
	if err != nil && (err != io.EOF || text == "") {
		return "", usage("the answer is missing: standard input has ended")
	}
	return strings.TrimSpace(text), nil
}

// valueOf reads a setting's value as its kind has it.
func valueOf(s *connector.Setting, text string) (any, error) {
	switch s.Kind {
	case connector.Flag:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return nil, usage("%s is true or false, not %q", s.Name, text)
		}
		return b, nil
	case connector.Number:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, usage("%s is a number, not %q", s.Name, text)
		}
		return n, nil
	case connector.List:
		return strings.Split(text, ","), nil
	}
	return text, nil
}
