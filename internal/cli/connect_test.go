package cli

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/oauth/oauthtest"
	salesforce "weir.dev/weir/connectors/salesforce/fake"
)

// serveProcess is a `weir serve` in a process of its own, with an environment.
func serveProcess(t *testing.T, env []string, flags ...string) *served {
	t.Helper()
	s := &served{data: filepath.Join(t.TempDir(), "data")}
	c := command(t, env, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", s.data, "--allow-network", "127.0.0.0/8"}, flags...)...)
	said, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	t.Cleanup(func() { interrupt(t, c); _ = c.Wait() })
	lines := bufio.NewScanner(said)
	for s.url == "" && lines.Scan() {
		s.url, _ = strings.CutPrefix(lines.Text(), "weir: serving on ")
		if !strings.Contains(s.url, "://") {
			s.url = ""
		}
	}
	require.NotEmpty(t, s.url)
	go func() { _, _ = io.Copy(io.Discard, said) }()
	return s
}

// signingIn is a `weir connect` that waits for its browser.
type signingIn struct {
	cmd  *exec.Cmd
	page string // that it printed
	out  strings.Builder
	said strings.Builder
	end  chan struct{}
}

func signIn(t *testing.T, env []string, args ...string) *signingIn {
	t.Helper()
	s := &signingIn{cmd: command(t, env, args...), end: make(chan struct{})}
	s.cmd.Stdout = &s.out
	stderr, err := s.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, s.cmd.Start())
	page := make(chan string, 1)
	go func() {
		defer close(s.end)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			s.said.WriteString(lines.Text() + "\n")
			if text := strings.TrimSpace(lines.Text()); strings.HasPrefix(text, "http") {
				page <- text
			}
		}
	}()
	select {
	case s.page = <-page:
	case <-s.end:
		require.FailNow(t, "it asked for no sign-in", s.said.String())
	}
	return s
}

func (s *signingIn) wait(t *testing.T) result {
	t.Helper()
	<-s.end
	if err := s.cmd.Wait(); err != nil {
		require.ErrorAs(t, err, new(*exec.ExitError))
	}
	return result{s.cmd.ProcessState.ExitCode(), s.out.String(), s.said.String()}
}

// browse goes to a page as a browser does, and returns what it shows in the end.
func browse(t *testing.T, page string) string {
	t.Helper()
	res, err := http.Get(page) //nolint:gosec,noctx // a page of the test
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return string(text)
}

// salesforceEnv leads to a vendor that gives tokens, and to an organization that takes them.
func salesforceEnv(t *testing.T, vendor *oauthtest.Server) []string {
	t.Helper()
	org := httptest.NewServer(salesforce.New(salesforce.Options{}))
	t.Cleanup(org.Close)
	return []string{
		"WEIR_ENDPOINT_URL_SALESFORCE_AUTH=" + vendor.URL, "WEIR_ENDPOINT_URL_SALESFORCE=" + org.URL,
		"WEIR_OAUTH_SALESFORCE_CLIENT_ID=" + vendor.ClientID, "WEIR_OAUTH_SALESFORCE_CLIENT_SECRET=" + vendor.ClientSecret,
	}
}

func TestConnect_SignsInWithTheBrowser(t *testing.T) {
	t.Parallel()
	vendor := oauthtest.New(t)
	env := salesforceEnv(t, vendor)
	s := serveProcess(t, env)
	args := s.at("connect", "salesforce", "--name", "crm", "--redirect-url", "http://127.0.0.1:0/callback", "--no-browser")
	in := signIn(t, env, args...)
	page, err := url.Parse(in.page)
	require.NoError(t, err)
	require.Equal(t, "S256", page.Query().Get("code_challenge_method"))
	require.Contains(t, browse(t, in.page), "close this window")
	r := in.wait(t)
	require.Equal(t, exitDone, r.code, r.err)
	require.Contains(t, r.out, "Created profile crm for Salesforce. The server keeps its credentials sealed: the tokens that the sign-in gave.")
	require.Equal(t, 1, vendor.Count("authorization_code"))
	require.Zero(t, vendor.Refused())

	in = signIn(t, env, args...)
	browse(t, in.page)
	r = in.wait(t)
	require.Equal(t, exitDone, r.code, r.err)
	require.Contains(t, r.out, "Updated profile crm")
}

// An answer with a foreign state, as of an attacker who wants this profile to use an account of theirs, is refused.
func TestConnect_RefusesAnotherSignInsAnswer(t *testing.T) {
	t.Parallel()
	vendor := oauthtest.New(t)
	env := salesforceEnv(t, vendor)
	s := serveProcess(t, env)
	for name, test := range map[string]struct{ change, want string }{
		"another state": {"state", "does not belong to this sign-in"},
		"a refusal":     {"error", "access_denied"},
	} {
		in := signIn(t, env, s.at("connect", "Salesforce", "--name", "crm", "--redirect-url", "http://localhost:0/callback", "--no-browser")...)
		page, err := url.Parse(in.page)
		require.NoError(t, err)
		back := url.Values{"state": {page.Query().Get("state")}, "code": {"stolen"}}
		if test.change == "state" {
			back.Set("state", "guessed")
		} else {
			back.Set("error", "access_denied")
		}
		browse(t, page.Query().Get("redirect_uri")+"?"+back.Encode())
		r := in.wait(t)
		require.Equal(t, exitFailed, r.code, name)
		require.Contains(t, r.err, test.want, name)
	}
	require.Zero(t, vendor.Count("authorization_code"))
}

func TestConnect_PastesTheAnswerOfABrowserElsewhere(t *testing.T) {
	t.Parallel()
	vendor := oauthtest.New(t)
	env := salesforceEnv(t, vendor)
	s := serveProcess(t, env)
	args := s.at("connect", "salesforce", "--name", "crm", "--redirect-url", "https://weir.example.com/callback", "--paste")
	c := command(t, env, args...)
	stdin, err := c.StdinPipe()
	require.NoError(t, err)
	stderr, err := c.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, c.Start())
	var page string
	lines := bufio.NewScanner(stderr)
	for page == "" && lines.Scan() {
		if text := strings.TrimSpace(lines.Text()); strings.HasPrefix(text, "http") {
			page = text
		}
	}
	u, err := url.Parse(page)
	require.NoError(t, err)
	q := u.Query()
	code := vendor.Code(q.Get("redirect_uri"), q.Get("code_challenge"))
	_, err = io.WriteString(stdin, "https://weir.example.com/callback?"+url.Values{"state": {q.Get("state")}, "code": {code}}.Encode()+"\n")
	require.NoError(t, err)
	rest, err := io.ReadAll(stderr)
	require.NoError(t, err)
	require.NoError(t, c.Wait(), string(rest))
	require.Equal(t, 1, vendor.Count("authorization_code"))
	require.NotContains(t, string(rest), code)
}

func TestConnect_AsksForWhatOtherConnectorsNeed(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	for name, test := range map[string]struct {
		args  []string
		typed string
		says  string
	}{
		"keys":             {[]string{"datadog", "--instance-url", "https://api.datadoghq.com"}, "key-1\nkey-2\n", "apiKey, applicationKey"},
		"a password":       {[]string{"veeva"}, "https://v.example.com\nme\npw\n", "password, username"},
		"one of two kinds": {[]string{"service-now", "--auth", "basic", "--instance-url", "https://v.example.com"}, "me\npw\n", "password, username"},
	} {
		c := command(t, nil, s.at(append([]string{"connect"}, append(test.args, "--name", "p-"+test.args[0])...)...)...)
		c.Stdin = strings.NewReader(test.typed)
		var errs strings.Builder
		c.Stderr = &errs
		out, err := c.Output()
		require.NoError(t, err, "%s: %s", name, errs.String())
		require.Contains(t, string(out), "sealed: "+test.says, name)
		require.NotContains(t, errs.String(), "pw", name)
	}
}

func TestConnect_SaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"the connector":    {[]string{"salesfource", "--name", "x"}, `there is no connector "salesfource"; there are amplitude,`},
		"no profile":       {[]string{"s3", "--name", "x"}, "needs no profile"},
		"no name":          {[]string{"salesforce"}, "give the profile a --name"},
		"a property":       {[]string{"salesforce", "--name", "x", "--property", "sandbox=true"}, `no property "sandbox"; it has instanceUrl`},
		"a flag's value":   {[]string{"salesforce", "--name", "x", "--property", "isSandboxEnvironment=perhaps"}, "true or false"},
		"the kind":         {[]string{"salesforce", "--name", "x", "--auth", "basic"}, "does not take --auth basic"},
		"the redirect":     {[]string{"salesforce", "--name", "x", "--client-id", "i", "--redirect-url", "http://example.com/"}, "an address of this machine"},
		"nothing is typed": {[]string{"veeva", "--name", "x", "--instance-url", "https://v.example.com"}, "standard input has ended"},
	} {
		r := process(t, nil, s.at(append([]string{"connect"}, test.args...)...)...)
		require.Equal(t, exitUsage, r.code, "%s: %s", name, r.err)
		require.Contains(t, r.err, test.says, name)
	}
}

func TestRotateMaster_WithAndWithoutAServer(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	s := serve(t, data)
	c := command(t, nil, s.at("connect", "veeva", "--name", "v", "--instance-url", "https://v.example.com")...)
	c.Stdin = strings.NewReader("me\npw\n")
	require.NoError(t, c.Run())
	require.Contains(t, done(t, "keys", "rotate-master", "--data", data), "A server has the store open; it reseals")
	require.Equal(t, exitDone, weir(t, s.at("flows")...).code, "the server goes on")
	s.stop()
	var rotated struct{ Keys, Profiles, Kept int }
	require.NoError(t, json.Unmarshal([]byte(done(t, "keys", "rotate-master", "--data", data, "-o", "json")), &rotated))
	require.Equal(t, 1, rotated.Keys)
	require.Equal(t, 1, rotated.Profiles)
	again := serve(t, data)
	require.Equal(t, exitDone, weir(t, again.at("flows")...).code, "its first key still signs")
}
