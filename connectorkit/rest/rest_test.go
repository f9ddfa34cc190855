package rest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/pace"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

// trip is a transport that is a function.
type trip func(r *http.Request) (*http.Response, error)

func (t trip) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

func answer(r *http.Request, status int, body string, headers ...string) *http.Response {
	h := http.Header{}
	for i := 0; i < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

func client(t *testing.T, o rest.Options, f trip) *rest.Client {
	t.Helper()
	o.HTTP = &http.Client{Transport: f}
	if o.Base == "" {
		o.Base = "https://api.example/v1"
	}
	o.Vendor = "Example"
	c, err := rest.New(o)
	require.NoError(t, err)
	return c
}

func TestDo_EachStatusIsWhatItMeans(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]struct {
		code  fault.Code
		retry fault.Retry
		tries int
	}{
		400: {fault.ConnectorServer, fault.Never, 1}, 401: {fault.ConnectorAuth, fault.Never, 1}, 403: {fault.ConnectorAuth, fault.Never, 1},
		404: {fault.NotFound, fault.Never, 1}, 409: {fault.ConnectorServer, fault.Never, 1}, 422: {fault.ConnectorServer, fault.Never, 1},
		429: {fault.ConnectorServer, fault.Throttled, 5}, 500: {fault.ConnectorServer, fault.Transient, 5}, 501: {fault.ConnectorServer, fault.Never, 1},
		503: {fault.ConnectorServer, fault.Transient, 5}, 302: {fault.ConnectorServer, fault.Never, 1},
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				c := client(t, rest.Options{}, func(r *http.Request) (*http.Response, error) {
					tries++
					return answer(r, status, `{"error":{"code":"E7","message":"no\nway"}}`, "X-Request-Id", "req-1"), nil
				})
				_, err := c.Do(t.Context(), &rest.Request{Doing: `reading entity "x"`, Path: "/x"})
				require.Equal(t, want.code, fault.CodeOf(err))
				retry, _ := fault.RetryOf(err)
				require.Equal(t, want.retry, retry)
				require.Equal(t, want.tries, tries)
				require.ErrorContains(t, err, `reading entity "x": `)
				require.ErrorContains(t, err, "E7: no way (request req-1)")
			})
		})
	}
}

func TestDo_WaitsAsLongAsItIsAskedTo(t *testing.T) {
	t.Parallel()
	for name, after := range map[string]func() string{
		"seconds": func() string { return "7" },
		"date":    func() string { return time.Now().Add(7500 * time.Millisecond).UTC().Format(http.TimeFormat) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				tries := 0
				c := client(t, rest.Options{}, func(r *http.Request) (*http.Response, error) {
					if tries++; tries == 1 {
						return answer(r, 429, ``, "Retry-After", after()), nil
					}
					return answer(r, 200, `{}`), nil
				})
				began := time.Now()
				_, err := c.Do(t.Context(), &rest.Request{Path: "/x"})
				require.NoError(t, err)
				require.GreaterOrEqual(t, time.Since(began), 7*time.Second)
				require.Less(t, time.Since(began), 10*time.Second)
			})
		})
	}
}

func TestDo_LongWaitsAreTheCallers(t *testing.T) {
	t.Parallel()
	c := client(t, rest.Options{}, func(r *http.Request) (*http.Response, error) { return answer(r, 429, ``, "Retry-After", "3600"), nil })
	_, err := c.Do(t.Context(), &rest.Request{Path: "/x"})
	retry, after := fault.RetryOf(err)
	require.Equal(t, fault.Throttled, retry)
	require.Equal(t, time.Hour, after)
}

func TestDo_AWriteThatMayHaveArrivedIsNotRepeated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		c := client(t, rest.Options{}, func(r *http.Request) (*http.Response, error) {
			if tries++; tries == 1 {
				return answer(r, 429, ``), nil // not carried out
			}
			return nil, io.ErrUnexpectedEOF
		})
		_, err := c.Do(t.Context(), &rest.Request{Method: "POST", Path: "/x", Body: []byte(`{}`), Once: true})
		retry, _ := fault.RetryOf(err)
		require.Equal(t, fault.Transient, retry)
		require.Equal(t, 2, tries)
	})
}

func TestDo_SlowAnswersEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := client(t, rest.Options{Timeout: 10 * time.Second, Attempts: 2}, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		})
		began := time.Now()
		_, err := c.Do(t.Context(), &rest.Request{Path: "/x"})
		require.Equal(t, fault.ConnectorServer, fault.CodeOf(err), "%v", err)
		require.ErrorContains(t, err, "in time")
		require.GreaterOrEqual(t, time.Since(began), 20*time.Second)
	})
}

func TestDo_NoSecretIsShown(t *testing.T) {
	t.Parallel()
	const secret = "s3cret key/with+signs"
	for name, auth := range map[string]rest.Auth{
		"header": rest.InHeader("X-Key", "", secret), "query": rest.InQuery("api_key", secret), "basic": rest.Basic("ada", secret),
		"both": rest.Together(rest.InHeader("X-Key", "Token ", secret), rest.InQuery("k", secret)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := client(t, rest.Options{Auth: auth, Attempts: 1}, func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/v1/torn" {
					return nil, fmt.Errorf("get %q: broken", r.URL.String())
				}
				return answer(r, 400, fmt.Sprintf(`{"message":"bad request %s %s"}`, r.URL.RawQuery, r.Header)), nil
			})
			for _, path := range []string{"/x", "/torn"} {
				_, err := c.Do(t.Context(), &rest.Request{Path: path})
				require.Error(t, err)
				require.NotContains(t, err.Error(), "s3cret")
			}
		})
	}
}

func TestDo_LinksLeadNowhereElse(t *testing.T) {
	t.Parallel()
	asked := ""
	c := client(t, rest.Options{Auth: rest.InQuery("key", "secret")}, func(r *http.Request) (*http.Response, error) {
		asked = r.URL.String()
		return answer(r, 200, `{}`), nil
	})
	for _, link := range []string{"https://evil.example/v1/x", "http://api.example/v1/x", "https://api.example.evil/x", "https://u:p@api.example/x", "//evil.example/x", "ftp://api.example/x"} {
		_, err := c.Follow(link)
		require.Error(t, err, link)
		_, err = c.Do(t.Context(), &rest.Request{Path: link})
		require.Error(t, err, link)
		require.Empty(t, asked, link)
	}
	link, err := c.Follow("https://api.example/v1/x?page=2&key=secret")
	require.NoError(t, err)
	require.Equal(t, "https://api.example/v1/x?page=2", link, "the credential is not kept")
	_, err = c.Do(t.Context(), &rest.Request{Path: link})
	require.NoError(t, err)
	require.Equal(t, "https://api.example/v1/x?key=secret&page=2", asked)
}

func TestDo_RulesSayWhatGoodStatusesHide(t *testing.T) {
	t.Parallel()
	c := client(t, rest.Options{Attempts: 1, Rules: []rest.Rule{
		{At: "error.code", Code: "QUOTA", Means: rest.Throttled}, {At: "error.code", Means: rest.Fatal, Hint: "call them"}, {Status: []int{409}, Means: rest.Transient},
	}}, func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/v1/conflict" {
			return answer(r, 409, ``), nil
		}
		return answer(r, 200, r.URL.Query().Get("say")), nil
	})
	ask := func(path, say string) fault.Retry {
		_, err := c.Do(t.Context(), &rest.Request{Path: path, Query: map[string][]string{"say": {say}}})
		if err == nil {
			return -1
		}
		retry, _ := fault.RetryOf(err)
		return retry
	}
	require.Equal(t, fault.Throttled, ask("/x", `{"error":{"code":"QUOTA"}}`))
	require.Equal(t, fault.Never, ask("/x", `{"error":{"code":"OTHER"}}`))
	require.Equal(t, fault.Transient, ask("/conflict", ``))
	require.EqualValues(t, -1, ask("/x", `{"error":null}`))
}

func TestDo_NotModifiedIsAnAnswer(t *testing.T) {
	t.Parallel()
	c := client(t, rest.Options{}, func(r *http.Request) (*http.Response, error) {
		if r.Header.Get("If-None-Match") == `"v1"` {
			return answer(r, 304, ``), nil
		}
		return answer(r, 200, `{}`), nil
	})
	a, err := c.Do(t.Context(), &rest.Request{Path: "/x", ETag: `"v1"`})
	require.NoError(t, err)
	require.True(t, a.NotModified())
}

func TestDo_LongAnswersAreRefused(t *testing.T) {
	t.Parallel()
	c := client(t, rest.Options{MaxBody: 1000}, func(r *http.Request) (*http.Response, error) { return answer(r, 200, strings.Repeat(" ", 1001)), nil })
	_, err := c.Do(t.Context(), &rest.Request{Path: "/x"})
	require.ErrorContains(t, err, "longer than 1000 bytes")
}

// The vendor's own count stops calls before they are refused.
func TestDo_HeadersFeedTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		budget := pace.NewLocal(pace.Limits{}, time.Now)
		c := client(t, rest.Options{Budget: budget}, func(r *http.Request) (*http.Response, error) {
			return answer(r, 200, `{}`, "RateLimit-Remaining", "0", "RateLimit-Reset", "20"), nil
		})
		began := time.Now()
		for range 2 {
			_, err := c.Do(t.Context(), &rest.Request{Path: "/x"})
			require.NoError(t, err)
		}
		require.Equal(t, 20*time.Second, time.Since(began))
	})
}
