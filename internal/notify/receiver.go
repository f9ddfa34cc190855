package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"weir.dev/weir/fault"
)

// Receiver is one place that facts are delivered to. Safe for concurrent use. A receiver that also has the method
// WantsLineage() bool, and answers true, gets facts with [Lineage].
type Receiver interface {
	// Name tells the receiver from others, in letters that outlive this process: it stays the same over restarts, and
	// holds no secret. It begins with the kind and a colon.
	Name() string
	// Wants reports whether letters of a kind are written for it at all.
	Wants(kind Kind) bool
	// AtOnce is how many facts one Deliver takes.
	AtOnce() int
	// Deliver tries to deliver facts and answers one error for each, in order; nil means delivered. An error of class
	// fault.Never means that no repetition helps: the letter is dropped. It gives up when ctx ends.
	Deliver(ctx context.Context, facts []Fact) []error
}

// sameFor answers one error for all facts of a delivery.
func sameFor(facts []Fact, err error) []error {
	errs := make([]error, len(facts))
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// nameOf names a receiver by its URL without showing it: the path may be a secret, as that of a Slack webhook is.
func nameOf(kind, address string) string {
	sum := sha256.Sum256([]byte(address))
	return kind + ":" + hex.EncodeToString(sum[:8])
}

// checkAddress refuses what is no receiver's URL. Its error is Validation, and names no more of the URL than its host.
func checkAddress(flag, address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fault.New(fault.Validation, "%s takes an http or https URL, as https://example.com/events", flag)
	}
	if u.User != nil {
		return fault.New(fault.Validation, "%s: the URL for %s has credentials in it; sign or authorize requests instead, see docs/notifications.md", flag, u.Host)
	}
	return nil
}

// waits makes any failure one that is tried again until the letter is too old: a receiver that is set up wrongly, or not
// yet, is set right while letters wait.
func waits(err error) error {
	if err == nil {
		return nil
	}
	if class, _ := fault.RetryOf(err); class != fault.Never || errors.Is(err, context.Canceled) {
		return err
	}
	return fault.Temporary(fault.CodeOf(err), err, "delivering")
}

// classifyAWS is an AWS service's refusal of a whole request, in brief: requests hold account names and messages.
func classifyAWS(err error, doing string) error {
	var said smithy.APIError
	var answered *smithyhttp.ResponseError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return fault.Wrap(fault.Canceled, err, "%s", doing)
	case errors.As(err, &said) && strings.Contains(said.ErrorCode(), "Thrott"):
		return &fault.Error{Code: fault.Throttling, Retry: fault.Throttled, Message: doing + ": " + said.ErrorCode()}
	case errors.As(err, &said) && errors.As(err, &answered):
		return fault.Temporary(fault.ConnectorServer, nil, "%s: AWS answered %s", doing, said.ErrorCode())
	}
	return fault.Temporary(fault.ConnectorServer, err, "%s", doing)
}
