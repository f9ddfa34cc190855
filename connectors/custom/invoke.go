package custom

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"weir.dev/weir/fault"
)

const (
	// maxAnswer is what a synchronous call of a function may answer, by Lambda's own limit
	// (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
	maxAnswer = 6 << 20
	// metadataTime is what a question about metadata may take, the start of a cold function included. AppFlow gives 10
	// seconds.
	metadataTime = 50 * time.Second
)

// InvokerOptions are what an [Invoker] is made of.
type InvokerOptions struct {
	// Endpoints says which functions are not Lambda's: ARN → URL to POST to, as the runtime interface emulator has it
	// (http://localhost:9000/2015-03-31/functions/function/invocations).
	Endpoints map[string]string
	// Route answers what Endpoints does not hold: an ARN's URL, or "". Nil answers none.
	Route func(arn string) string
	// HTTP reaches the endpoints, which are the operator's own words; nil is a client of its own.
	HTTP *http.Client
}

// Invoker calls functions: those with an endpoint by HTTP, all others by AWS Lambda, with AWS's own settings
// (AWS_ENDPOINT_URL_LAMBDA, profiles, roles), in the region of their ARN. Safe for concurrent use.
type Invoker struct {
	endpoints map[string]string
	route     func(arn string) string
	http      *http.Client

	mu      sync.Mutex // guards lambdas
	lambdas map[string]*lambda.Client
}

// NewInvoker makes an invoker. Validation when an endpoint is no URL.
func NewInvoker(o InvokerOptions) (*Invoker, error) {
	for arn, endpoint := range o.Endpoints {
		if u, err := url.Parse(endpoint); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fault.New(fault.Validation, "the endpoint of connector %s is not a URL; write for instance %s=http://localhost:9000/2015-03-31/functions/function/invocations", arn, arn)
		}
	}
	i := &Invoker{endpoints: o.Endpoints, route: o.Route, http: o.HTTP, lambdas: map[string]*lambda.Client{}}
	if i.http == nil {
		i.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	return i, nil
}

// ParseEndpoint reads ARN=URL, as --connector has it. An ARN has no equals sign.
func ParseEndpoint(text string) (arn, endpoint string, err error) {
	arn, endpoint, ok := strings.Cut(text, "=")
	if !ok || !strings.HasPrefix(arn, "arn:") {
		return "", "", fault.New(fault.Validation, "%q does not take the form ARN=URL, as arn:aws:lambda:us-east-1:111122223333:function:crm=http://localhost:9000/2015-03-31/functions/function/invocations", text)
	}
	return arn, endpoint, nil
}

// Invoke calls a function with a JSON document and returns what it answers, at most [maxAnswer] bytes. AccessDenied when
// it may not be called, NotFound when there is none, else ConnectorServer.
func (i *Invoker) Invoke(ctx context.Context, arn string, request []byte) ([]byte, error) {
	if endpoint := i.endpoint(arn); endpoint != "" {
		return i.post(ctx, endpoint, request)
	}
	return i.lambda(ctx, arn, request)
}

// IsLocal reports whether a function has an endpoint.
func (i *Invoker) IsLocal(arn string) bool { return i.endpoint(arn) != "" }

func (i *Invoker) endpoint(arn string) string {
	if e := i.endpoints[arn]; e != "" || i.route == nil {
		return e
	}
	return i.route(arn)
}

// post calls a function behind the runtime interface emulator, or anything that takes the same documents. There is no
// header for a failure: the emulator answers 200 with the error's document.
func (i *Invoker) post(ctx context.Context, endpoint string, request []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader(request))
	if err != nil {
		return nil, fault.Wrap(fault.ConnectorServer, err, "calling the connector")
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := i.http.Do(req)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, unreachable(ctx, err)
	case res.StatusCode == http.StatusNotFound:
		return nil, fault.New(fault.NotFound, "The connector's endpoint knows no such function.")
	case res.StatusCode == http.StatusUnauthorized || res.StatusCode == http.StatusForbidden:
		return nil, fault.New(fault.AccessDenied, "The connector's endpoint refuses the call with status %d.", res.StatusCode)
	case res.StatusCode != http.StatusOK:
		e := fault.New(fault.ConnectorServer, "Error while communicating to connector: its endpoint answered with status %d.", res.StatusCode)
		if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests {
			e.Retry = fault.Transient
		}
		return nil, e
	case len(body) > maxAnswer:
		return nil, fault.New(fault.ConnectorServer, "Error while communicating to connector: its answer is larger than %d bytes.", maxAnswer)
	}
	return body, nil
}

// unreachable leaves the cause out when the time was up: the address in it says nothing then.
func unreachable(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fault.Temporary(fault.ConnectorServer, nil, "Error while communicating to connector: it did not answer in time.")
	}
	var broken *url.Error
	if errors.As(err, &broken) {
		err = broken.Err // without the address
	}
	return fault.Temporary(fault.ConnectorServer, err, "Error while communicating to connector")
}

// lambda calls a function of AWS Lambda.
func (i *Invoker) lambda(ctx context.Context, arn string, request []byte) ([]byte, error) {
	client, err := i.client(ctx, arn)
	if err != nil {
		return nil, err
	}
	out, err := client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &arn, Payload: request})
	switch {
	case err != nil:
		return nil, refusedCall(ctx, arn, err)
	case out.FunctionError != nil:
		return nil, functionError(out.Payload)
	case len(out.Payload) > maxAnswer:
		return nil, fault.New(fault.ConnectorServer, "Error while communicating to connector: its answer is larger than %d bytes.", maxAnswer)
	}
	return out.Payload, nil
}

// client is the client of the region that an ARN names.
func (i *Invoker) client(ctx context.Context, arn string) (*lambda.Client, error) {
	parts := strings.SplitN(arn, ":", 7)
	if len(parts) != 7 || parts[0] != "arn" || parts[2] != "lambda" || parts[3] == "" {
		return nil, fault.New(fault.Validation, "%q is not the ARN of a Lambda function, such as arn:aws:lambda:us-east-1:111122223333:function:crm", clip(arn))
	}
	region := parts[3]
	i.mu.Lock()
	defer i.mu.Unlock()
	if c := i.lambdas[region]; c != nil {
		return c, nil
	}
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(region))
	if err != nil {
		return nil, fault.Wrap(fault.AccessDenied, err, "reading the AWS settings that call Lambda functions")
	}
	const mostRegions = 64 // AWS has fewer; an ARN's region is the user's word
	if len(i.lambdas) >= mostRegions {
		clear(i.lambdas)
	}
	c := lambda.NewFromConfig(cfg)
	i.lambdas[region] = c
	return c, nil
}

// refusedCall classifies what Lambda answers instead of calling the function.
func refusedCall(ctx context.Context, arn string, err error) error {
	var api smithy.APIError
	var busy *types.TooManyRequestsException
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fault.Temporary(fault.ConnectorServer, nil, "Error while communicating to connector: it did not answer in time.")
	case errors.As(err, &busy):
		return &fault.Error{Code: fault.Throttling, Retry: fault.Throttled, Message: "Lambda has no room for another call of the connector's function. Try again."}
	case !errors.As(err, &api):
		if strings.Contains(err.Error(), "get credentials") || strings.Contains(err.Error(), "get identity") {
			return fault.New(fault.AccessDenied, "The server has no AWS credentials to call the function %s with. Set them, or map the function to a URL with --connector.", clip(arn))
		}
		return fault.Temporary(fault.ConnectorServer, err, "Error while communicating to connector")
	}
	switch api.ErrorCode() {
	case "ResourceNotFoundException":
		return fault.New(fault.NotFound, "Function not found: %s", clip(arn))
	case "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "KMSAccessDeniedException":
		return fault.New(fault.AccessDenied, "Lambda refuses to call the function %s: %s", clip(arn), clip(api.ErrorMessage()))
	}
	e := fault.New(fault.ConnectorServer, "Error while communicating to connector: %s: %s", clip(api.ErrorCode()), clip(api.ErrorMessage()))
	if api.ErrorFault() == smithy.FaultServer {
		e.Retry = fault.Transient
	}
	return e
}
