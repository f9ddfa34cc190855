package custom_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/custom/customtest"
	"weir.dev/weir/fault"
)

// manager is as much of Secrets Manager as is written to.
type manager struct {
	mu      sync.Mutex
	secrets map[string]string
	calls   []string
	refuses string // code of every answer
	regions []string
}

func (m *manager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var in struct{ Name, SecretId, SecretString string } //nolint:revive,staticcheck // as the API spells it
	_ = json.NewDecoder(r.Body).Decode(&in)
	op := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
	m.calls = append(m.calls, op)
	m.regions = append(m.regions, strings.Split(r.Header.Get("Authorization"), "/")[2])
	fail := func(code string) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"`+code+`","message":"m"}`)
	}
	name := in.Name + in.SecretId
	_, known := m.secrets[name]
	switch {
	case m.refuses != "":
		fail(m.refuses)
	case op == "PutSecretValue" && !known:
		fail("ResourceNotFoundException")
	default:
		m.secrets[name] = in.SecretString
		_, _ = io.WriteString(w, `{"ARN":"arn:of:`+name+`","Name":"`+name+`"}`)
	}
}

func newManager(t *testing.T) (*manager, *custom.AWSKeeper) {
	t.Helper()
	m := &manager{secrets: map[string]string{}}
	srv := httptest.NewServer(m)
	t.Cleanup(srv.Close)
	return m, &custom.AWSKeeper{Load: func(_ context.Context, region string) (aws.Config, error) {
		return aws.Config{Region: region, BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIA", "s", "")}, nil
	}}
}

func TestAWSKeeper_WritesWhatIsNew(t *testing.T) {
	t.Parallel()
	m, a := newManager(t)
	k := custom.Kept{Label: "shop", Profile: "a b!c", FunctionARN: customtest.ARN, Value: []byte(`{"v":1}`)}
	for range 2 {
		arn, drop, err := a.Keep(t.Context(), k)
		require.NoError(t, err)
		require.Equal(t, "arn:of:weir/shop/a-b-c", arn)
		drop()
	}
	k.Value = []byte(`{"v":2}`)
	_, _, err := a.Keep(t.Context(), k)
	require.NoError(t, err)
	require.Equal(t, []string{"PutSecretValue", "CreateSecret", "PutSecretValue"}, m.calls)
	require.Equal(t, map[string]string{"weir/shop/a-b-c": `{"v":2}`}, m.secrets)
	require.Equal(t, "eu-west-1", m.regions[0], "where the function is")
}

func TestAWSKeeper_RefusalsSayWhose(t *testing.T) {
	t.Parallel()
	m, a := newManager(t)
	m.refuses = "AccessDeniedException"
	_, _, err := a.Keep(t.Context(), custom.Kept{Label: "shop", Profile: "main", FunctionARN: customtest.ARN, Value: []byte(`canary`)})
	require.True(t, fault.Is(err, fault.AccessDenied), "%v", err)
	require.ErrorContains(t, err, "weir/shop/main")
	require.NotContains(t, err.Error(), "canary")
	_, _, err = a.Keep(t.Context(), custom.Kept{FunctionARN: "nonsense"})
	require.True(t, fault.Is(err, fault.Validation))
}
