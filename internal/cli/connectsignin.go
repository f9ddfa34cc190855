package cli

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/oauth"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/profile"
)

// consentPatience is how long a person may take at the vendor's page.
const consentPatience = 10 * time.Minute

// signIn gets OAuth credentials: by the vendor's consent page, or the application's id and secret alone where the vendor
// has no such page.
func (in *connecting) signIn(ctx context.Context) (map[string]any, error) {
	app, err := in.application()
	if err != nil {
		return nil, err
	}
	credentials := map[string]any{}
	part := func(name string) string {
		if nested := profile.MemberOf(in.spec.Type); nested != "" {
			return nested + "." + name
		}
		return name
	}
	if in.spec.Type == flow.CustomConnector {
		credentials["authenticationType"] = string(connector.AuthOAuth2)
	}
	if in.setting(connector.InCredentials, part("clientId")) != nil {
		put(credentials, part("clientId"), app.ID)
		put(credentials, part("clientSecret"), app.Secret)
	}
	if arn, _ := in.cmd.Flags().GetString("client-credentials-arn"); arn != "" {
		put(credentials, part("clientCredentialsArn"), arn)
	}
	if !slices.Contains(in.spec.Auth.OAuth.Grants, connector.GrantAuthorizationCode) {
		return credentials, nil
	}
	props, err := json.Marshal(in.props)
	if err != nil {
		return nil, err
	}
	endpoint, err := in.spec.Auth.OAuth.Endpoint(props, operatorURL(in.spec.Type))
	if err != nil {
		return nil, err
	}
	if endpoint.AuthURL == "" {
		return nil, usage("the consent page of %s is not known here; make the profile with CreateConnectorProfile", in.spec.Name)
	}
	request, err := in.consent(ctx, &oauth.Client{Endpoint: endpoint, App: app})
	if err != nil {
		return nil, err
	}
	put(credentials, part("oAuthRequest"), request)
	return credentials, nil
}

// application is the OAuth application to sign in with. Its secret stays here where the server knows it by itself.
func (in *connecting) application() (oauth.App, error) {
	prefix := "WEIR_OAUTH_" + strings.ToUpper(string(in.spec.Type))
	app := oauth.App{ID: os.Getenv(prefix + "_CLIENT_ID"), Secret: os.Getenv(prefix + "_CLIENT_SECRET")}
	if id, _ := in.cmd.Flags().GetString("client-id"); id != "" && id != app.ID {
		app = oauth.App{ID: id}
	}
	var err error
	if app.ID == "" {
		app.ID, err = in.ask.line(&connector.Setting{Name: "clientId", Required: true, Description: "The id of the OAuth application."})
	}
	name := "clientSecret"
	if nested := profile.MemberOf(in.spec.Type); nested != "" {
		name = nested + "." + name
	}
	if err == nil && app.Secret == "" && in.setting(connector.InCredentials, name) != nil {
		app.Secret, err = in.ask.line(&connector.Setting{Name: "clientSecret", Required: true, Secret: true, Description: "The secret of the OAuth application."})
	}
	return app, err
}

// consent sends a person to the vendor's page and waits for the code: what the API calls an oAuthRequest.
func (in *connecting) consent(ctx context.Context, c *oauth.Client) (map[string]any, error) {
	redirect, _ := in.cmd.Flags().GetString("redirect-url")
	state, verifier := oauth.NewVerifier(), ""
	if c.Endpoint.UsePKCE {
		verifier = oauth.NewVerifier()
	}
	paste, _ := in.cmd.Flags().GetBool("paste")
	back := make(chan url.Values, 1)
	if !paste {
		stop, at, err := listenForCode(redirect, back)
		if err != nil {
			return nil, err
		}
		defer stop()
		redirect = at
	}
	page, err := c.AuthorizeURL(redirect, state, verifier)
	if err != nil {
		return nil, err
	}
	say(in.cmd, "Sign in at %s's page and allow access:\n\n  %s\n", in.spec.Name, page)
	if noBrowser, _ := in.cmd.Flags().GetBool("no-browser"); !noBrowser && !paste && canShow() {
		openBrowser(ctx, page)
	}
	if paste {
		text, err := in.ask.line(&connector.Setting{Name: "address", Required: true, Secret: true, Description: "The address that the browser ended at, even if it shows an error."})
		if err != nil {
			return nil, err
		}
		u, err := url.Parse(text)
		if err != nil {
			return nil, usage("that is no address")
		}
		back <- u.Query()
	}
	ctx, cancel := context.WithTimeout(ctx, consentPatience)
	defer cancel()
	select {
	case <-ctx.Done():
		return nil, errors.New("nobody has signed in; nothing was changed")
	case values := <-back:
		code, err := codeOf(values, state)
		if err != nil {
			return nil, err
		}
		request := map[string]any{"authCode": code, "redirectUri": redirect}
		if verifier != "" {
			request["codeVerifier"] = verifier
		}
		return request, nil
	}
}

// codeOf takes the code out of the consent page's answer. An answer to somebody else's question is refused: it would
// connect this profile to a stranger's account.
func codeOf(values url.Values, state string) (string, error) {
	switch {
	case subtle.ConstantTimeCompare([]byte(values.Get("state")), []byte(state)) != 1:
		return "", fault.New(fault.ConnectorAuth, "the answer does not belong to this sign-in; start again")
	case values.Get("error") != "":
		return "", fault.New(fault.ConnectorAuth, "the vendor refused: %q", strings.TrimSpace(values.Get("error")+" "+values.Get("error_description")))
	case values.Get("code") == "":
		return "", fault.New(fault.ConnectorAuth, "the answer holds no code")
	}
	return values.Get("code"), nil
}

// listenForCode waits at the redirect URL's port of this machine for the browser. Port 0 means any free one; the URL that
// is really listened at comes back.
func listenForCode(redirect string, back chan<- url.Values) (stop func(), at string, err error) {
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme != "http" || (u.Hostname() != "localhost" && u.Hostname() != "127.0.0.1" && u.Hostname() != "::1") {
		return nil, "", usage("--redirect-url must be an address of this machine, as http://127.0.0.1:8910/callback; for another use --paste")
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, "", usage("waiting for the browser's answer: %w; choose another port with --redirect-url, and allow it in the OAuth application", err)
	}
	if port == "0" {
		_, port, _ = net.SplitHostPort(l.Addr().String()) // it is one
		u.Host = net.JoinHostPort(u.Hostname(), port)
	}
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != u.Path || r.Method != http.MethodGet {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		_, _ = w.Write([]byte("<!doctype html><title>Weir</title><p>Weir has the answer. You can close this window and go back to the terminal.\n"))
		select {
		case back <- r.URL.Query():
		default: // the first answer counts
		}
	})}
	go func() { _ = srv.Serve(l) }() // it ends with stop
	return func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if srv.Shutdown(ctx) != nil { // the browser's page is written; idle connections do not matter
			srv.Close()
		}
	}, u.String(), nil
}

// canShow reports whether a browser could show itself here.
func canShow() bool {
	switch runtime.GOOS {
	case "darwin", "windows":
		return os.Getenv("SSH_CONNECTION") == ""
	}
	return os.Getenv("DISPLAY") != "" || os.Getenv("WAYLAND_DISPLAY") != ""
}

// openBrowser tries; the address is printed all the same.
func openBrowser(ctx context.Context, page string) {
	command := []string{"xdg-open", page}
	switch runtime.GOOS {
	case "darwin":
		command = []string{"open", page}
	case "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler", page}
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }() // how it ends says nothing of the sign-in
	}
}
