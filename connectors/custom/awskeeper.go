package custom

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"

	"weir.dev/weir/fault"
)

// AWSKeeper keeps the secrets of functions in AWS Secrets Manager, in the function's region, under
// weir/<connector label>/<profile>. It uses AWS's own settings, and leaves secrets where they are: other processes read
// them. Safe for concurrent use.
type AWSKeeper struct {
	// Load gives the SDK's settings for a region; nil is config.LoadDefaultConfig.
	Load func(ctx context.Context, region string) (aws.Config, error)

	mu      sync.Mutex
	written map[string]string // by region and name: the value that this process has written last
	arns    map[string]string
}

// keepTime bounds the writing of one secret.
const keepTime = 20 * time.Second

// Keep implements [Keeper].
func (a *AWSKeeper) Keep(ctx context.Context, k Kept) (string, func(), error) {
	part := strings.SplitN(k.FunctionARN, ":", 5)
	if len(part) < 5 {
		return "", nil, fault.New(fault.Validation, "%q is not the ARN of a function", clip(k.FunctionARN))
	}
	region, name := part[3], secretName(k)
	a.mu.Lock()
	defer a.mu.Unlock()
	key := region + " " + name
	if a.written[key] == string(k.Value) {
		return a.arns[key], func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, keepTime)
	defer cancel()
	load := a.Load
	if load == nil {
		load = func(ctx context.Context, region string) (aws.Config, error) {
			return config.LoadDefaultConfig(ctx, config.WithRegion(region))
		}
	}
	cfg, err := load(ctx, region)
	if err != nil {
		return "", nil, fault.Wrap(fault.AccessDenied, err, "reading the AWS settings that write secrets")
	}
	where, err := put(ctx, secretsmanager.NewFromConfig(cfg), name, string(k.Value))
	if err != nil {
		return "", nil, refusedSecret(ctx, name, err)
	}
	if a.written == nil {
		a.written, a.arns = map[string]string{}, map[string]string{}
	}
	a.written[key], a.arns[key] = string(k.Value), where
	return where, func() {}, nil
}

// put writes a new version of the secret, or the secret.
func put(ctx context.Context, client *secretsmanager.Client, name, value string) (string, error) {
	out, err := client.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &name, SecretString: &value})
	if err == nil {
		return aws.ToString(out.ARN), nil
	}
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) {
		return "", err
	}
	made, err := client.CreateSecret(ctx, &secretsmanager.CreateSecretInput{
		Name: &name, SecretString: &value, Description: aws.String("Credentials of a connector profile, written by Weir for the connector's function"),
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(made.ARN), nil
}

// secretName has only characters that Secrets Manager takes in a name.
func secretName(k Kept) string {
	return "weir/" + strings.Map(func(r rune) rune {
		if r < 0x80 && (r|0x20 >= 'a' && r|0x20 <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("/_+=.@-", r)) {
			return r
		}
		return '-'
	}, k.Label+"/"+k.Profile)
}

func refusedSecret(ctx context.Context, name string, err error) error {
	var said smithy.APIError
	switch {
	case ctx.Err() != nil || !errors.As(err, &said):
		return fault.Temporary(fault.ConnectorServer, err, "writing the secret %s", name)
	case said.ErrorFault() == smithy.FaultServer:
		return fault.Temporary(fault.ConnectorServer, nil, "writing the secret %s: Secrets Manager answered %s", name, clip(said.ErrorCode()))
	}
	return fault.New(fault.AccessDenied, "Secrets Manager refuses to keep %s, which the connector's function reads its credentials from: %s", name, clip(said.ErrorCode()))
}
