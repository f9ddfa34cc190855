package chaos_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/test/pgtest"
)

// answersWithin is how long a call may take to say that the database is away.
const answersWithin = 10 * time.Second

// page asks for a page that needs no signature. 0: no answer came.
func (s *server) page(path string) (status int, body string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), answersWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, nil)
	require.NoError(s.t, err)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(s.t, err)
	return res.StatusCode, string(text)
}

// checkAway wants clear refusals, and soon, from a server whose database is away.
func (s *server) checkAway(v variant) {
	s.t.Helper()
	status, body := s.page("/readyz")
	require.Equal(s.t, http.StatusServiceUnavailable, status, body)
	require.Contains(s.t, body, "store")
	status, body = s.page("/healthz")
	require.Equal(s.t, http.StatusOK, status, body)
	for name, call := range map[string]func(context.Context) error{
		"ListFlows": func(ctx context.Context) error {
			_, err := s.api.ListFlows(ctx, &appflow.ListFlowsInput{})
			return err
		},
		"StartFlow": func(ctx context.Context) error {
			_, err := s.api.StartFlow(ctx, &appflow.StartFlowInput{FlowName: &v.name, ClientToken: aws.String("refused")})
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(s.t.Context(), answersWithin)
		err := call(ctx)
		cancel()
		var refused smithy.APIError
		require.ErrorAs(s.t, err, &refused, name)
		require.Equal(s.t, "ServiceUnavailable", refused.ErrorCode(), name)
		require.Contains(s.t, refused.ErrorMessage(), "try again", name)
	}
}

// While PostgreSQL is away for longer than a lease, calls are refused and runs wait; afterwards everything goes on.
func TestPostgres_AwayDuringARun(t *testing.T) {
	for i := range moments(1, 4) {
		v := variants[(i+3)%len(variants)]
		t.Run(v.name, func(t *testing.T) {
			want := undisturbed(t, v)
			database := pgtest.NewServer(t)
			r := newRig(t, "--store", database.URL())
			s := r.boot()
			s.create(v)
			id := s.tryStart(v)
			require.NotEmpty(t, id)
			s.waitForRows(id)
			database.Stop()
			over := time.After(time.Duration(moments(20, 60)) * time.Second)
			for isOver := false; !isOver; {
				s.checkAway(v)
				select {
				case <-over:
					isOver = true
				case <-time.After(time.Second): // the next question
				}
			}
			database.Start()
			back := time.Now()
			s.until(func() bool { status, _ := s.page("/readyz"); return status == http.StatusOK })
			t.Logf("ready %s after the database", time.Since(back).Round(time.Millisecond))
			require.Equal(t, types.ExecutionStatusSuccessful, s.wait(v, id), s.view(id).Message)
			t.Logf("the run is over %s after the database was back", time.Since(back).Round(time.Millisecond))
			s.check(v, id, want)
			next := v.named("next")
			s.create(next)
			id = s.tryStart(next)
			require.Equal(t, types.ExecutionStatusSuccessful, s.wait(next, id), "a new run")
			s.checkOwn(next, id, want, v.name)
		})
	}
}
