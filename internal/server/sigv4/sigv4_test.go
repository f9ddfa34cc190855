package sigv4_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/internal/server/sigv4"
)

const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var now = time.Date(2026, 8, 23, 12, 0, 0, 0, time.UTC)

func verifier() *sigv4.Verifier { return &sigv4.Verifier{Service: "appflow"} }

// verify does both steps, as a server that has one key.
func verify(v *sigv4.Verifier, r *http.Request, body []byte, at time.Time) (sigv4.Identity, error) {
	c, err := v.Read(r, at)
	if err != nil {
		return sigv4.Identity{}, err
	}
	if c.KeyID != keyID {
		return sigv4.Identity{}, c.UnknownKey()
	}
	return v.Check(c, sigv4.Key{ID: keyID, Secret: secret}, r, body)
}

// arrive sends the signed request over a real connection and checks it as a server would.
func arrive(t *testing.T, r *http.Request, at time.Time) (sigv4.Identity, error) {
	t.Helper()
	var id sigv4.Identity
	var verr error
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		id, verr = verify(verifier(), r, body, at)
	}))
	defer srv.Close()
	u, err := url.Parse(srv.URL)
	require.NoError(t, err)
	r.URL.Host, r.URL.Scheme = u.Host, u.Scheme
	res, err := srv.Client().Do(r)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return id, verr
}

func request(t *testing.T, method, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, "http://appflow.local"+target, strings.NewReader(body))
	require.NoError(t, err)
	r.Host = "appflow.local"
	return r
}

func sign(t *testing.T, r *http.Request, body, key, secret, service string, at time.Time) {
	t.Helper()
	sum := sha256.Sum256([]byte(body))
	creds := aws.Credentials{AccessKeyID: key, SecretAccessKey: secret}
	require.NoError(t, v4.NewSigner().SignHTTP(context.Background(), creds, r, hex.EncodeToString(sum[:]), service, "eu-north-1", at))
}

func TestVerify_AcceptsWhatTheSDKSigns(t *testing.T) {
	t.Parallel()
	targets := []struct{ method, target, body string }{
		{"POST", "/create-flow", `{"flowName":"a"}`},
		{"POST", "/list-flows", ""},
		{"GET", "/tags/arn%3Aaws%3Aappflow%3Aus-east-1%3A111122223333%3Aflow%2Forders", ""},
		{"DELETE", "/tags/arn%3Aaws%3Aappflow%3Aus-east-1%3A1%3Aflow%2Fo%21%23x?tagKeys=b&tagKeys=a%20c&tagKeys=%C3%A9", ""},
	}
	for _, c := range targets {
		r := request(t, c.method, c.target, c.body)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Odd", "  two   spaces ")
		sign(t, r, c.body, keyID, secret, "appflow", now)
		id, err := arrive(t, r, now.Add(time.Minute))
		require.NoError(t, err, c.target)
		require.Equal(t, sigv4.Identity{KeyID: keyID, Region: "eu-north-1"}, id)
	}
}

func TestVerify_AcceptsPresignedUntilItExpires(t *testing.T) {
	t.Parallel()
	presign := func() *http.Request {
		r := request(t, "GET", "/tags/arn%3Aaws%3Aappflow%3Aus-east-1%3A1%3Aflow%2Fo?X-Amz-Expires=600", "")
		sum := sha256.Sum256(nil)
		creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
		signed, _, err := v4.NewSigner().PresignHTTP(context.Background(), creds, r, hex.EncodeToString(sum[:]), "appflow", "us-east-1", now)
		require.NoError(t, err)
		u, err := url.Parse(signed)
		require.NoError(t, err)
		r.URL = u
		return r
	}
	_, err := arrive(t, presign(), now.Add(9*time.Minute))
	require.NoError(t, err)
	_, err = arrive(t, presign(), now.Add(11*time.Minute))
	require.ErrorContains(t, err, "Signature expired")
}

func TestVerify_RefusesAsAWSDoes(t *testing.T) {
	t.Parallel()
	body := `{"flowName":"a"}`
	cases := []struct {
		name   string
		change func(r *http.Request)
		want   string
	}{
		{"no signature", func(r *http.Request) { r.Header.Del("Authorization") }, "MissingAuthenticationTokenException"},
		{"other scheme", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, "IncompleteSignatureException"},
		{"no signature part", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Split(r.Header.Get("Authorization"), ", Signature")[0])
		}, "requires 'Signature' parameter"},
		{"bad credential", func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "/aws4_request", "", 1))
		}, "exactly 5 slash-delimited"},
		{"unknown key", func(r *http.Request) { sign(t, r, body, "AKIDOTHER", secret, "appflow", now) }, "UnrecognizedClientException"},
		{"wrong secret", func(r *http.Request) { sign(t, r, body, keyID, "wrong", "appflow", now) }, "does not match the signature you provided"},
		{"wrong service", func(r *http.Request) { sign(t, r, body, keyID, secret, "s3", now) }, "scoped to correct service: 'appflow'"},
		{"too old", func(r *http.Request) { sign(t, r, body, keyID, secret, "appflow", now.Add(-6*time.Minute)) }, "Signature expired"},
		{"from the future", func(r *http.Request) { sign(t, r, body, keyID, secret, "appflow", now.Add(6*time.Minute)) }, "Signature not yet current"},
		{"changed body", func(r *http.Request) {
			other := `{"flowName":"b"}`
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(other))), int64(len(other))
		}, "does not match the signature you provided"},
		{"changed path", func(r *http.Request) { r.URL.Path = "/delete-flow" }, "does not match the signature you provided"},
		{"declared hash differs", func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }, "x-amz-content-sha256"},
		{"session token", func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "t") }, "unset AWS_SESSION_TOKEN"},
		{"no date", func(r *http.Request) { r.Header.Del("X-Amz-Date") }, "IncompleteSignatureException"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := request(t, "POST", "/create-flow", body)
			sign(t, r, body, keyID, secret, "appflow", now)
			c.change(r)
			_, err := arrive(t, r, now)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

func FuzzVerify_NeverPanics(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, Signature=x", "X-Amz-Signature=1&%zz", "20260823T120000Z")
	f.Fuzz(func(t *testing.T, auth, query, date string) {
		r := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/", RawQuery: query}, Header: http.Header{}}
		r.Header["Authorization"] = []string{auth}
		r.Header["X-Amz-Date"] = []string{date}
		if _, err := verify(verifier(), r, nil, now); err == nil {
			t.Fatal("an unsigned request was accepted")
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	body := []byte(`{"flowName":"orders-to-lake"}`)
	r, _ := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://appflow.local/describe-flow", bytes.NewReader(body))
	sum := sha256.Sum256(body)
	creds := aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secret}
	if err := v4.NewSigner().SignHTTP(context.Background(), creds, r, hex.EncodeToString(sum[:]), "appflow", "us-east-1", now); err != nil {
		b.Fatal(err)
	}
	r.RequestURI = "/describe-flow"
	v := verifier()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := verify(v, r, body, now); err != nil {
			b.Fatal(err)
		}
	}
}
