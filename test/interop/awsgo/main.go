// Command awsgo drives AWS's client for Go on behalf of the judges: each line of standard input is a call, each line of
// standard output what the client made of the answer. It knows no operation: it calls the client's methods by name.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/smithy-go"
)

// call is one line of input.
type call struct {
	URL       string          `json:"url"`
	Key       string          `json:"key"`
	Secret    string          `json:"secret"`
	Operation string          `json:"operation"`
	Input     json.RawMessage `json:"input"`
}

// outcome is one line of output. Type is the Go type of the error, as errors.As would find it.
type outcome struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var c call
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			fmt.Fprintln(os.Stderr, "awsgo:", err)
			os.Exit(2)
		}
		_ = out.Encode(c.do(context.Background()))
	}
}

func (c call) do(ctx context.Context) outcome {
	client := reflect.ValueOf(appflow.New(appflow.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(c.URL), Retryer: aws.NopRetryer{}, Credentials: credentials.NewStaticCredentialsProvider(c.Key, c.Secret, ""),
	}))
	method := client.MethodByName(c.Operation)
	if !method.IsValid() {
		return outcome{Type: "no such operation"}
	}
	in := reflect.New(method.Type().In(1).Elem())
	if err := json.Unmarshal(c.Input, in.Interface()); err != nil { // fields have the members' names but for the first letter's case
		return outcome{Type: "bad input", Message: err.Error()}
	}
	err, _ := method.Call([]reflect.Value{reflect.ValueOf(ctx), in})[1].Interface().(error)
	if err == nil {
		return outcome{}
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return outcome{Type: "no answer", Message: err.Error()}
	}
	return outcome{Type: strings.TrimPrefix(reflect.TypeOf(api).String(), "*types."), Message: api.ErrorMessage()}
}
