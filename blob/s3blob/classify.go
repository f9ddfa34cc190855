package s3blob

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"weir.dev/weir/fault"
)

// answer is an error as the store gave it, in brief: code, message and the request's id, by which its operator finds it.
type answer struct {
	code, message, requestID string
	cause                    error
}

func (a *answer) Error() string {
	s := a.code
	if a.message != "" {
		s += ": " + a.message
	}
	if a.requestID != "" {
		s += " (request " + a.requestID + ")"
	}
	return s
}

func (a *answer) Unwrap() error { return a.cause }

// verdicts judge the store's error codes (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
var verdicts = map[string]struct {
	code  fault.Code
	retry fault.Retry
}{
	"NoSuchBucket": {fault.NotFound, fault.Never},
	"NoSuchKey":    {fault.NotFound, fault.Never},
	"NotFound":     {fault.NotFound, fault.Never},

	"PreconditionFailed": {fault.Conflict, fault.Never},

	"AccessDenied":      {fault.AccessDenied, fault.Never},
	"AllAccessDisabled": {fault.AccessDenied, fault.Never},
	"AccountProblem":    {fault.AccessDenied, fault.Never},

	"InvalidAccessKeyId":    {fault.ConnectorAuth, fault.Never},
	"SignatureDoesNotMatch": {fault.ConnectorAuth, fault.Never},
	"ExpiredToken":          {fault.ConnectorAuth, fault.Never},
	"InvalidToken":          {fault.ConnectorAuth, fault.Never},
	"RequestTimeTooSkewed":  {fault.ConnectorAuth, fault.Never},

	"PermanentRedirect":                  {fault.Validation, fault.Never},
	"AuthorizationHeaderMalformed":       {fault.Validation, fault.Never},
	"IllegalLocationConstraintException": {fault.Validation, fault.Never},
	"InvalidArgument":                    {fault.Validation, fault.Never},
	"InvalidBucketName":                  {fault.Validation, fault.Never},
	"InvalidURI":                         {fault.Validation, fault.Never},
	"KeyTooLongError":                    {fault.Validation, fault.Never},

	"SlowDown":               {fault.Throttling, fault.Throttled},
	"ServiceUnavailable":     {fault.Throttling, fault.Throttled},
	"Throttling":             {fault.Throttling, fault.Throttled},
	"ThrottlingException":    {fault.Throttling, fault.Throttled},
	"RequestLimitExceeded":   {fault.Throttling, fault.Throttled},
	"BandwidthLimitExceeded": {fault.Throttling, fault.Throttled},
	"TooManyRequests":        {fault.Throttling, fault.Throttled},

	"InternalError":              {fault.ConnectorServer, fault.Transient},
	"RequestTimeout":             {fault.ConnectorServer, fault.Transient},
	"OperationAborted":           {fault.ConnectorServer, fault.Transient},
	"ConditionalRequestConflict": {fault.ConnectorServer, fault.Transient},
	"IncompleteBody":             {fault.ConnectorServer, fault.Transient},
	"BadDigest":                  {fault.ConnectorServer, fault.Transient},

	"EntityTooLarge":   {fault.ConnectorServer, fault.Never},
	"EntityTooSmall":   {fault.ConnectorServer, fault.Never},
	"InvalidPart":      {fault.ConnectorServer, fault.Never},
	"InvalidPartOrder": {fault.ConnectorServer, fault.Never},
	"NoSuchUpload":     {fault.ConnectorServer, fault.Never},
}

// classify gives an error of the SDK a code and a retry class, and says what was being done. It keeps errors that have
// a code already.
func (b *Bucket) classify(ctx context.Context, err error, format string, args ...any) error {
	var judged *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &judged):
		return err
	case ctx.Err() != nil:
		return fault.Wrap(fault.Canceled, ctx.Err(), format, args...)
	}
	var api smithy.APIError
	var response *smithyhttp.ResponseError
	if errors.As(err, &api) || errors.As(err, &response) && response.HTTPStatusCode() != 0 { // 0 stands for no answer at all
		return judgeAnswer(err, fmt.Sprintf(format, args...))
	}
	e := &fault.Error{Code: fault.ConnectorServer, Message: fmt.Sprintf(format, args...), Cause: err}
	var quota ratelimit.QuotaExceededError
	var send *smithyhttp.RequestSendError
	var torn *smithy.DeserializationError
	switch {
	case errors.As(err, &quota):
		e.Code, e.Retry = fault.Throttling, fault.Throttled
	case errors.As(err, &send), errors.As(err, &torn):
		e.Retry = fault.Transient
	case strings.Contains(err.Error(), "get identity") || strings.Contains(err.Error(), "get credentials"):
		e.Code = fault.ConnectorAuth // the SDK has no type for: none of the standard places holds credentials
	}
	return e
}

// judgeAnswer judges an answer of the store: by its code, else by its status, because answers to HEAD have no body.
func judgeAnswer(err error, message string) error {
	a := &answer{cause: err}
	var api smithy.APIError
	if errors.As(err, &api) {
		a.code, a.message = api.ErrorCode(), api.ErrorMessage()
	}
	status, header := 0, http.Header{}
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) && response.Response != nil {
		status, header = response.HTTPStatusCode(), response.Response.Header
		a.requestID = header.Get("X-Amz-Request-Id")
	}
	if a.code == "" || a.code == "UnknownError" {
		a.code = "status " + strconv.Itoa(status)
	}
	e := &fault.Error{Message: message, Cause: a}
	if v, known := verdicts[a.code]; known {
		e.Code, e.Retry = v.code, v.retry
	} else {
		e.Code, e.Retry = judgeStatus(status)
		if strings.HasPrefix(a.code, "KMS.") {
			e.Code, e.Retry = fault.AccessDenied, fault.Never
		}
	}
	if status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect || a.code == "PermanentRedirect" || a.code == "AuthorizationHeaderMalformed" {
		e.Code, e.Retry = fault.Validation, fault.Never
		e.Message += ": the bucket is not in the region it was looked for in"
		if region := header.Get("X-Amz-Bucket-Region"); region != "" {
			e.Message += ", but in " + region
		}
	}
	if e.Retry == fault.Throttled {
		if seconds, err := strconv.Atoi(header.Get("Retry-After")); err == nil && seconds > 0 && seconds <= 3600 {
			e.RetryAfter = time.Duration(seconds) * time.Second
		}
	}
	return e
}

func judgeStatus(status int) (fault.Code, fault.Retry) {
	switch {
	case status == http.StatusUnauthorized:
		return fault.ConnectorAuth, fault.Never
	case status == http.StatusForbidden:
		return fault.AccessDenied, fault.Never
	case status == http.StatusNotFound:
		return fault.NotFound, fault.Never
	case status == http.StatusPreconditionFailed:
		return fault.Conflict, fault.Never
	case status == http.StatusServiceUnavailable, status == http.StatusTooManyRequests:
		return fault.Throttling, fault.Throttled
	case status >= 500, status == http.StatusRequestTimeout:
		return fault.ConnectorServer, fault.Transient
	}
	return fault.ConnectorServer, fault.Never
}

// hasCode reports whether the store answered with the error code.
func hasCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

// hasStatus reports whether the store answered with the status.
func hasStatus(err error, status int) bool {
	var response *smithyhttp.ResponseError
	return errors.As(err, &response) && response.HTTPStatusCode() == status
}
