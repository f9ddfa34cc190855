package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// account reads an AWS account through AWS's own client. It never writes there: it has no operation that could.
type account struct{ client *appflow.Client }

// accountOptions say which account, and as whom; what is empty comes from the environment and from AWS's own files.
type accountOptions struct{ region, profile, endpoint string }

func openAccount(ctx context.Context, o accountOptions) (*account, error) {
	var load []func(*config.LoadOptions) error
	if o.region != "" {
		load = append(load, config.WithRegion(o.region))
	}
	if o.profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.profile))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return nil, usage("reading the settings of the AWS account: %w", err)
	}
	if cfg.Region == "" {
		return nil, usage("which region of the AWS account? Give --aws-region, or set AWS_REGION")
	}
	return &account{appflow.NewFromConfig(cfg, func(to *appflow.Options) {
		if o.endpoint != "" {
			to.BaseEndpoint = aws.String(o.endpoint)
		}
	})}, nil
}

// maxAnswer bounds an answer of AWS. The longest, a page of 100 profiles or a flow of hundreds of tasks, have some 100 kB.
const maxAnswer = 16 << 20

// kept makes a call keep the bytes of its answer. The client's types lack members that are newer than it, and cannot be
// written back as JSON; the bytes are what AWS said.
func kept(to *[]byte) func(*appflow.Options) {
	return func(o *appflow.Options) {
		o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
			return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("KeepAnswer", func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
				out, md, err := next.HandleDeserialize(ctx, in)
				res, ok := out.RawResponse.(*smithyhttp.Response)
				if err != nil || !ok {
					return out, md, err
				}
				text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
				res.Body.Close()
				res.Body = io.NopCloser(bytes.NewReader(text))
				*to = text
				return out, md, err
			}), middleware.After)
		})
	}
}

// call and retag make an account something that can be exported from. Only reading operations are known.
func (a *account) call(ctx context.Context, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	var answer []byte
	switch operation {
	case "ListFlows":
		err = invoke(ctx, body, &appflow.ListFlowsInput{}, &answer, a.client.ListFlows)
	case "DescribeFlow":
		err = invoke(ctx, body, &appflow.DescribeFlowInput{}, &answer, a.client.DescribeFlow)
	case "DescribeConnectorProfiles":
		err = invoke(ctx, body, &appflow.DescribeConnectorProfilesInput{}, &answer, a.client.DescribeConnectorProfiles)
	case "ListConnectors":
		err = invoke(ctx, body, &appflow.ListConnectorsInput{}, &answer, a.client.ListConnectors)
	case "DescribeConnector":
		err = invoke(ctx, body, &appflow.DescribeConnectorInput{}, &answer, a.client.DescribeConnector)
	default:
		return fmt.Errorf("%s is not called on an AWS account", operation)
	}
	if err != nil {
		return accountError(operation, err)
	}
	return json.Unmarshal(answer, out)
}

func (a *account) retag(context.Context, string, map[string]any, map[string]any) error {
	return errors.New("an AWS account is only read")
}

// invoke fills a client's input, whose fields are the request's members but for the case of the first letter, which
// encoding/json does not mind, and calls it.
func invoke[I, O any](ctx context.Context, body []byte, in *I, answer *[]byte, op func(context.Context, *I, ...func(*appflow.Options)) (*O, error)) error {
	if err := json.Unmarshal(body, in); err != nil {
		return err
	}
	_, err := op(ctx, in, kept(answer))
	return err
}

// accountError says in one line what AWS refused, and what may help.
func accountError(operation string, err error) error {
	var missing *types.ResourceNotFoundException
	if errors.As(err, &missing) {
		return &apiError{Status: 404, Type: missing.ErrorCode(), Message: missing.ErrorMessage()}
	}
	return fmt.Errorf("asking the AWS account for %s (it needs the permission appflow:%s): %w", operation, operation, err)
}
