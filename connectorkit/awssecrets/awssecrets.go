// Package awssecrets reads OAuth applications that a profile names by the ARN of a secret in AWS Secrets Manager
// (clientCredentialsArn): a JSON object with clientId and clientSecret.
//
// It reaches the service with the AWS SDK's own settings (profiles, roles, AWS_ENDPOINT_URL_SECRETS_MANAGER), which are
// the operator's: package egress is for addresses that others choose. It keeps no secret.
package awssecrets

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"weir.dev/weir/connectorkit/oauth"
	"weir.dev/weir/fault"
)

// patience bounds one reading, retries of the SDK included.
const patience = 20 * time.Second

// refused is what AppFlow says of a secret that it cannot use
// (https://docs.aws.amazon.com/appflow/latest/userguide/salesforce.html).
const refused = "Please validate the ClientCredentialsArn provided and please make sure Appflow has required permissions to access the credentials"

// Reader reads secrets. The zero value uses the SDK's default settings. Safe for concurrent use.
type Reader struct {
	// Load gives the SDK's settings; nil is config.LoadDefaultConfig. It is called once.
	Load func(ctx context.Context) (aws.Config, error)

	mu     sync.Mutex
	loaded *aws.Config
}

// App reads the application that the secret holds. Errors are Validation when the secret is missing, forbidden or of
// another shape, and ConnectorServer when the service does not answer.
func (r *Reader) App(ctx context.Context, secretARN string) (oauth.App, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	name, err := arn.Parse(secretARN)
	if err != nil || name.Service != "secretsmanager" || name.Region == "" {
		return oauth.App{}, fault.New(fault.Validation, "%s: it is not the ARN of a secret in Secrets Manager", refused)
	}
	cfg, err := r.config(ctx)
	if err != nil {
		return oauth.App{}, fault.Wrap(fault.Internal, err, "reading the AWS settings")
	}
	client := secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) { o.Region = name.Region })
	out, err := client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: aws.String(secretARN)})
	if err != nil {
		return oauth.App{}, classify(err)
	}
	return read(aws.ToString(out.SecretString))
}

func (r *Reader) config(ctx context.Context) (aws.Config, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loaded != nil {
		return *r.loaded, nil
	}
	load := r.Load
	if load == nil {
		load = func(ctx context.Context) (aws.Config, error) { return config.LoadDefaultConfig(ctx) }
	}
	cfg, err := load(ctx)
	if err != nil {
		return aws.Config{}, err
	}
	r.loaded = &cfg
	return cfg, nil
}

// read takes the application out of a secret. No error quotes it.
func read(secret string) (oauth.App, error) {
	var app struct {
		ID     string `json:"clientId"`
		Secret string `json:"clientSecret"`
	}
	if json.Unmarshal([]byte(secret), &app) != nil || app.ID == "" || app.Secret == "" {
		return oauth.App{}, fault.New(fault.Validation, `%s: the secret has to be a JSON object {"clientId": …, "clientSecret": …}`, refused)
	}
	return oauth.App{ID: app.ID, Secret: app.Secret}, nil
}

func classify(err error) error {
	const doing = "reading the secret of clientCredentialsArn"
	var said smithy.APIError
	var answered *smithyhttp.ResponseError
	switch {
	case errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Canceled, err, doing)
	case errors.As(err, &answered) && answered.HTTPStatusCode() < 500 && errors.As(err, &said) && said.ErrorCode() != "ThrottlingException":
		return fault.New(fault.Validation, "%s: Secrets Manager answered %s", refused, said.ErrorCode())
	}
	return fault.Temporary(fault.ConnectorServer, err, doing)
}
