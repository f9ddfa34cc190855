package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"

	"weir.dev/weir/internal/app"
)

// client calls a server's API as any AWS client does, signature included.
type client struct {
	endpoint string
	region   string
	creds    aws.Credentials
	http     *http.Client
	signer   *v4.Signer
}

// apiError is the server's refusal.
type apiError struct {
	Status  int
	Type    string `json:"__type"`
	Message string `json:"message"`
}

func (e *apiError) Error() string { return e.Type + ": " + e.Message }

// clientFlags adds the flags that say which server, and as whom.
func clientFlags(cmd *cobra.Command) {
	cmd.Flags().String("endpoint-url", "http://127.0.0.1:8080", "server to talk to")
	cmd.Flags().String("region", "us-east-1", "region to sign for")
	cmd.Flags().String("data", app.DefaultDataDir(), "data directory whose access key is used when no other key is set")
	cmd.Flags().StringP("output", "o", "table", "table or json")
}

// noInstanceRole is imds.ClientDisabled: a machine's own role is no key of a Weir server, and asking for it where there is
// none takes seconds.
const noInstanceRole = 1

// newClient finds the key: WEIR_ACCESS_KEY_ID, then the data directory of a server on this machine, then the AWS SDK's
// own chain.
func newClient(cmd *cobra.Command) (*client, error) {
	endpoint, _ := cmd.Flags().GetString("endpoint-url")
	region, _ := cmd.Flags().GetString("region")
	data, _ := cmd.Flags().GetString("data")
	c := keyedClient(endpoint, region)
	if id, secret := os.Getenv("WEIR_ACCESS_KEY_ID"), os.Getenv("WEIR_SECRET_ACCESS_KEY"); id != "" && secret != "" {
		c.creds = aws.Credentials{AccessKeyID: id, SecretAccessKey: secret}
		return c, nil
	}
	options := []func(*config.LoadOptions) error{config.WithRegion(region), config.WithEC2IMDSClientEnableState(noInstanceRole)}
	if file := filepath.Join(data, app.CredentialsFile); os.Getenv("AWS_ACCESS_KEY_ID") == "" && readable(file) {
		options = append(options, config.WithSharedCredentialsFiles([]string{file}), config.WithSharedConfigProfile("default"), config.WithSharedConfigFiles(nil))
	}
	cfg, err := config.LoadDefaultConfig(cmd.Context(), options...)
	if err == nil {
		c.creds, err = cfg.Credentials.Retrieve(cmd.Context())
	}
	if err != nil {
		return nil, usage("no access key found: set WEIR_ACCESS_KEY_ID and WEIR_SECRET_ACCESS_KEY, or point --data at the server's data directory (%s)", data)
	}
	return c, nil
}

// keyedClient is a client that lacks only its key.
func keyedClient(endpoint, region string) *client {
	return &client{endpoint: strings.TrimRight(endpoint, "/"), region: region, signer: v4.NewSigner(), http: &http.Client{Timeout: time.Minute}}
}

func readable(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	f.Close()
	return true
}

// call sends a request to an operation and reads the answer into out, which may be nil.
func (c *client) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("encoding the request: %w", err)
	}
	return c.send(ctx, http.MethodPost, "/"+kebab(operation), body, out)
}

// get reads one of Weir's extension pages.
func (c *client) get(ctx context.Context, path string, out any) error {
	return c.send(ctx, http.MethodGet, path, nil, out)
}

func (c *client) send(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := c.signed(ctx, method, path, body)
	if err != nil {
		return err
	}
	res, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 64<<20))
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		return refusal(res, text)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", path, err)
	}
	return nil
}

// signed makes a request with a signature over path, headers and body.
func (c *client) signed(ctx context.Context, method, path string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.endpoint+path, bytes.NewReader(body))
	if err != nil {
		return nil, usage("reading --endpoint-url: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "weir/"+app.Version)
	sum := sha256.Sum256(body)
	if err := c.signer.SignHTTP(ctx, c.creds, req, hex.EncodeToString(sum[:]), "appflow", c.region, time.Now()); err != nil {
		return nil, fmt.Errorf("signing the request: %w", err)
	}
	return req, nil
}

func (c *client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	return fmt.Errorf("no server answers at %s; start one with `weir serve`, or give --endpoint-url: %w", c.endpoint, err)
}

// refusal reads an error answer.
func refusal(res *http.Response, text []byte) error {
	ae := &apiError{Status: res.StatusCode}
	if json.Unmarshal(text, ae) != nil || ae.Message == "" {
		ae.Type, ae.Message = res.Status, strings.TrimSpace(string(text))
	}
	return ae
}

// kebab is an operation's path: CreateFlow → create-flow.
func kebab(operation string) string {
	var b strings.Builder
	for i, r := range operation {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// retag makes a resource's tags what they should be.
func (c *client) retag(ctx context.Context, arn string, want, have map[string]any) error {
	path := "/tags/" + url.PathEscape(arn)
	query := url.Values{}
	for key := range have {
		if _, keep := want[key]; !keep {
			query.Add("tagKeys", key)
		}
	}
	if len(query) > 0 {
		if err := c.send(ctx, http.MethodDelete, path+"?"+query.Encode(), nil, nil); err != nil {
			return err
		}
	}
	if len(want) == 0 {
		return nil
	}
	body, err := json.Marshal(map[string]any{"tags": want})
	if err != nil {
		return err
	}
	return c.send(ctx, http.MethodPost, path, body, nil)
}

// download copies a page to w. An answer that breaks off is an error.
func (c *client) download(ctx context.Context, path string, w io.Writer) error {
	req, err := c.signed(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	patient := &http.Client{} // a large store takes longer than a call
	res, err := patient.Do(req)
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 1<<20))
		return refusal(res, text)
	}
	_, err = io.Copy(w, res.Body)
	return err
}
