package secretserver_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/secretserver"
)

func open(t *testing.T, dir string) *secretserver.Server {
	t.Helper()
	s, err := secretserver.Open(secretserver.Options{Listen: "127.0.0.1:0", Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func client(env map[string]string) *secretsmanager.Client {
	return secretsmanager.New(secretsmanager.Options{
		Region: env["AWS_REGION"], BaseEndpoint: aws.String(env["AWS_ENDPOINT_URL_SECRETS_MANAGER"]),
		Credentials: credentials.NewStaticCredentialsProvider(env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], ""),
	})
}

var shop = custom.Kept{Label: "shop", Profile: "main", FunctionARN: "arn:aws:lambda:eu-west-1:111122223333:function:shop", Value: []byte(`{"apiKey":"canary"}`)}

func codeOf(t *testing.T, err error) string {
	t.Helper()
	var said smithy.APIError
	require.True(t, errors.As(err, &said), "%v", err)
	return said.ErrorCode()
}

func TestGetSecretValue_ByAWSsOwnClientWhileTheProfileIsInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	env, err := secretserver.ReadEnv(filepath.Join(dir, secretserver.EnvFile))
	require.NoError(t, err)
	arn, drop, err := s.Keep(t.Context(), shop)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(arn, "arn:aws:secretsmanager:eu-west-1:111122223333:secret:appflow!111122223333-shop-main-"), arn)
	newer := shop
	newer.Value = []byte(`{"apiKey":"newer"}`)
	_, dropNewer, err := s.Keep(t.Context(), newer)
	require.NoError(t, err)
	for _, id := range []string{arn, "appflow!111122223333-shop-main"} {
		out, err := client(env).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String(id)})
		require.NoError(t, err)
		require.JSONEq(t, `{"apiKey":"newer"}`, *out.SecretString)
		require.Equal(t, arn, *out.ARN)
		require.Equal(t, []string{"AWSCURRENT"}, out.VersionStages)
	}
	drop()
	drop()
	_, err = client(env).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn})
	require.NoError(t, err, "another connection still uses it")
	dropNewer()
	_, err = client(env).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn})
	require.Equal(t, "ResourceNotFoundException", codeOf(t, err))
}

func TestGetSecretValue_RefusesOtherKeysAndOperations(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	arn, _, err := s.Keep(t.Context(), shop)
	require.NoError(t, err)
	env, err := secretserver.ReadEnv(filepath.Join(dir, secretserver.EnvFile))
	require.NoError(t, err)
	for name, change := range map[string]func(map[string]string){
		"UnrecognizedClientException": func(e map[string]string) { e["AWS_ACCESS_KEY_ID"] = "AKIAOTHER" },
		"InvalidSignatureException":   func(e map[string]string) { e["AWS_SECRET_ACCESS_KEY"] = "other" },
	} {
		other := map[string]string{}
		for k, v := range env {
			other[k] = v
		}
		change(other)
		_, err := client(other).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &arn})
		require.Equal(t, name, codeOf(t, err))
	}
	_, err = client(env).ListSecrets(t.Context(), &secretsmanager.ListSecretsInput{})
	require.Equal(t, "UnknownOperationException", codeOf(t, err))
	res, err := http.Post(s.URL(), "application/x-amz-json-1.1", strings.NewReader(`{"SecretId":"`+arn+`"}`)) //nolint:noctx // of a test
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusForbidden, res.StatusCode, "unsigned")
}

func TestOpen_KeyStaysAndFileIsTheOwners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, secretserver.EnvFile)
	earlier, err := secretserver.Open(secretserver.Options{Dir: dir})
	require.NoError(t, err)
	first, err := secretserver.ReadEnv(path)
	require.NoError(t, err)
	_, err = secretserver.Open(secretserver.Options{Dir: dir})
	require.True(t, fault.Is(err, fault.Validation), "another process has it")
	require.NoError(t, earlier.Close())
	second, err := secretserver.Open(secretserver.Options{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, second.Close()) })
	again, err := secretserver.ReadEnv(path)
	require.NoError(t, err)
	require.Equal(t, first["AWS_SECRET_ACCESS_KEY"], again["AWS_SECRET_ACCESS_KEY"], "functions that run keep their settings")
	require.Equal(t, earlier.URL(), second.URL())
	require.Equal(t, second.URL(), again["AWS_ENDPOINT_URL_SECRETS_MANAGER"])
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
}

func TestOpen_LoopbackAlone(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{"0.0.0.0:0", ":8090", "192.0.2.1:80", "example.com:80", "nonsense"} {
		_, err := secretserver.Open(secretserver.Options{Listen: listen, Dir: t.TempDir()})
		require.True(t, fault.Is(err, fault.Validation), listen)
	}
}
