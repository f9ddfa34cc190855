package awssecrets_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/awssecrets"
	"weir.dev/weir/connectorkit/oauth"
	"weir.dev/weir/fault"
)

const secretARN = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:crm-app-AbCdEf"

// manager is a double of Secrets Manager, written from its API reference
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html).
func manager(t *testing.T, secrets map[string]string) *awssecrets.Reader {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			SecretID string `json:"SecretId"`
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		if r.Header.Get("X-Amz-Target") != "secretsmanager.GetSecretValue" || json.NewDecoder(r.Body).Decode(&in) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		text, ok := secrets[in.SecretID]
		switch {
		case text == "forbidden":
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"__type":"AccessDeniedException","Message":"not you"}`)
		case !ok:
			w.WriteHeader(http.StatusBadRequest)
			io.WriteString(w, `{"__type":"ResourceNotFoundException","Message":"none"}`)
		default:
			json.NewEncoder(w).Encode(map[string]string{"ARN": in.SecretID, "Name": "crm-app", "SecretString": text})
		}
	}))
	t.Cleanup(srv.Close)
	return reader(srv.URL)
}

func reader(url string) *awssecrets.Reader {
	return &awssecrets.Reader{Load: func(context.Context) (aws.Config, error) {
		return aws.Config{
			Region: "us-east-1", BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("AKID", "SECRET", ""),
		}, nil
	}}
}

func TestApp_ReadsTheSecret(t *testing.T) {
	t.Parallel()
	r := manager(t, map[string]string{secretARN: `{"clientId":"id","clientSecret":"shh","note":"x"}`})
	app, err := r.App(t.Context(), secretARN)
	require.NoError(t, err)
	require.Equal(t, oauth.App{ID: "id", Secret: "shh"}, app)
}

func TestApp_RefusesInAppFlowsWords(t *testing.T) {
	t.Parallel()
	const words = "Please validate the ClientCredentialsArn provided and please make sure Appflow has required permissions to access the credentials: "
	for name, test := range map[string]struct{ arn, secret, want string }{
		"missing":      {secretARN, "", "Secrets Manager answered ResourceNotFoundException"},
		"forbidden":    {secretARN, "forbidden", "Secrets Manager answered AccessDeniedException"},
		"text":         {secretARN, "canary", "the secret has to be a JSON object"},
		"half":         {secretARN, `{"clientId":"canary"}`, "the secret has to be a JSON object"},
		"other":        {"arn:aws:s3:::bucket", "", "it is not the ARN of a secret"},
		"not an ARN":   {"crm-app", "", "it is not the ARN of a secret"},
		"other region": {"arn:aws:secretsmanager::123456789012:secret:x", "", "it is not the ARN of a secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secrets := map[string]string{}
			if test.secret != "" {
				secrets[test.arn] = test.secret
			}
			_, err := manager(t, secrets).App(t.Context(), test.arn)
			require.ErrorContains(t, err, words+test.want)
			require.True(t, fault.Is(err, fault.Validation))
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestApp_SaysWhenTheServiceDoesNotAnswer(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	_, err := reader(gone.URL).App(t.Context(), secretARN)
	require.True(t, fault.Is(err, fault.ConnectorServer), "%v", err)
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.Transient, retry)
}
