package wire_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/api/wire"
)

const testRequestID = "3d2b2f0a-5f0c-4c8e-9d70-8a0f2e2f5a11"

// call sends an input with AWS's SDK to a server with the handler and returns the SDK's answer.
func call(t *testing.T, op string, input reflect.Value, handler http.HandlerFunc) (output reflect.Value, err error) {
	t.Helper()
	server := httptest.NewServer(handler)
	defer server.Close()
	client := appflow.New(appflow.Options{
		Region:       "eu-west-1",
		BaseEndpoint: &server.URL,
		Retryer:      aws.NopRetryer{},
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret"}, nil
		}),
	})
	results := reflect.ValueOf(client).MethodByName(op).Call([]reflect.Value{reflect.ValueOf(t.Context()), input})
	err, _ = results[1].Interface().(error)
	return results[0], err
}

func newSDKInput(op string) reflect.Value {
	method, ok := reflect.TypeFor[*appflow.Client]().MethodByName(op)
	if !ok {
		panic("the SDK has no operation " + op)
	}
	return reflect.New(method.Type.In(2).Elem())
}

// received is what the server saw of one request.
type received struct {
	op    *wire.Operation
	input wire.Input
	body  []byte
}

// receive does what a server does first.
func receive(r *http.Request) (received, error) {
	op, params, result := wire.Match(r.Method, r.URL.EscapedPath())
	if result != wire.MatchFound {
		return received{}, fmt.Errorf("matching %s %s: %v", r.Method, r.URL.EscapedPath(), result)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return received{}, err
	}
	in := op.NewInput()
	return received{op, in, body}, in.Decode(&wire.Request{Params: params, RawQuery: r.URL.RawQuery, Body: body})
}

func TestSDK_EveryInputArrivesWhole(t *testing.T) {
	t.Parallel()
	model := loadModel(t)
	for _, op := range model.operations(t) {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			want := (&sampler{model: model}).sample(op.input)
			input := newSDKInput(op.name)
			model.fill(input.Elem(), op.input, want)

			var got received
			var decodeErr error
			_, err := call(t, op.name, input, func(w http.ResponseWriter, r *http.Request) {
				got, decodeErr = receive(r)
				wire.WriteOutput(w, testRequestID, op.wire.NewOutput())
			})
			require.NoError(t, decodeErr)
			require.NoError(t, err)
			require.Equal(t, op.name, got.op.Name)
			require.Nil(t, got.input.Validate())
			require.Equal(t, want, model.read(reflect.ValueOf(got.input), op.input))
			sent := got.body
			if len(sent) == 0 {
				sent = []byte(`{}`)
			}
			require.Equal(t, parse(t, sent), parse(t, got.input.AppendJSON(nil)))
		})
	}
}

func TestSDK_EveryOutputArrivesWhole(t *testing.T) {
	t.Parallel()
	model := loadModel(t)
	for _, op := range model.operations(t) {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			s := &sampler{model: model}
			input := newSDKInput(op.name)
			model.fill(input.Elem(), op.input, s.sample(op.input))
			want := s.sample(op.output)
			out := op.wire.NewOutput()
			model.fill(reflect.ValueOf(out).Elem(), op.output, want)

			got, err := call(t, op.name, input, func(w http.ResponseWriter, _ *http.Request) {
				wire.WriteOutput(w, testRequestID, out)
			})
			require.NoError(t, err)
			require.Equal(t, want, model.read(got, op.output))

			again := op.wire.NewOutput()
			require.NoError(t, again.DecodeJSON(out.AppendJSON(nil)))
			require.Equal(t, out, again)
		})
	}
}

func TestSDK_EveryErrorArrivesTyped(t *testing.T) {
	t.Parallel()
	model := loadModel(t)
	for _, op := range model.operations(t) {
		require.ElementsMatch(t, op.errors, op.wire.Errors, op.name)
		for _, name := range op.errors {
			t.Run(op.name+"/"+name, func(t *testing.T) {
				t.Parallel()
				input := newSDKInput(op.name)
				model.fill(input.Elem(), op.input, (&sampler{model: model}).sample(op.input))
				message := "reading \"orders\"\n<" + op.name + "> ½"
				_, err := call(t, op.name, input, func(w http.ResponseWriter, _ *http.Request) {
					wire.WriteError(w, testRequestID, name, wire.ErrorStatus(name), message)
				})
				require.Equal(t, message, typedMessage(t, name, err))
				var response *awshttp.ResponseError
				require.ErrorAs(t, err, &response)
				require.Equal(t, testRequestID, response.RequestID)
				var status int
				require.True(t, model["com.amazonaws.appflow#"+name].trait("httpError", &status))
				require.Equal(t, status, response.HTTPStatusCode())
			})
		}
	}
}

// typedMessage is the message of the SDK's error type of that name inside err.
func typedMessage(t *testing.T, name string, err error) string {
	t.Helper()
	for _, target := range []interface {
		error
		ErrorCode() string
		ErrorMessage() string
	}{
		new(types.AccessDeniedException), new(types.ConflictException), new(types.ConnectorAuthenticationException),
		new(types.ConnectorServerException), new(types.InternalServerException), new(types.ResourceNotFoundException),
		new(types.ServiceQuotaExceededException), new(types.ThrottlingException), new(types.UnsupportedOperationException),
		new(types.ValidationException),
	} {
		if target.ErrorCode() != name {
			continue
		}
		pointer := reflect.New(reflect.TypeOf(target))
		require.True(t, errors.As(err, pointer.Interface()), "%v is not a %s", err, name)
		return pointer.Elem().MethodByName("ErrorMessage").Call(nil)[0].String()
	}
	t.Fatalf("the SDK has no error %s", name)
	return ""
}

// parse reads JSON with exact numbers.
func parse(t testing.TB, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	require.NoError(t, d.Decode(&v), "%s", data)
	return exact(v)
}

func exact(v any) any {
	switch x := v.(type) {
	case json.Number:
		r, ok := new(big.Rat).SetString(string(x))
		if !ok {
			panic("number " + string(x))
		}
		return "number " + r.RatString()
	case []any:
		for i := range x {
			x[i] = exact(x[i])
		}
	case map[string]any:
		for k := range x {
			x[k] = exact(x[k])
		}
	}
	return v
}
