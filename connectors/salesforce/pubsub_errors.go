package salesforce

import (
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"weir.dev/weir/fault"
)

// busKind is what is to be done about an error of the Pub/Sub API.
type busKind int

const (
	busFatal     busKind = iota
	busTransient         // it may pass
	busAuth              // the token is refused
	busReplay            // the position is not, or no more, one of the bus
	busAbsent            // there is no Pub/Sub API for this organization
)

// busError is a classified error of the Pub/Sub API.
type busError struct {
	kind busKind
	err  error // of package fault
}

func (e *busError) Error() string { return e.err.Error() }
func (e *busError) Unwrap() error { return e.err }

func kindOf(err error) busKind {
	if b := (*busError)(nil); errors.As(err, &b) {
		return b.kind
	}
	return busFatal
}

// noPubSub reports whether an error says that the Pub/Sub API is not there: not for this organization, or out of reach.
func noPubSub(err error) bool {
	kind := kindOf(err)
	return kind == busAbsent || kind == busTransient
}

// errorCodes are what Salesforce's own codes come to where the gRPC status does not say it, or says too little. The
// first whose text is in the code counts.
var errorCodes = []struct {
	part string
	kind busKind
	hint string
}{
	{"service.auth.", busAuth, ""},
	{"fetch.replayid.", busReplay, ""},
	{"service.tenant.license", busAbsent, "the organization has no licence for it"},
	{"topic.not.found", busFatal, "there is no such event; change events are enabled under Change Data Capture in Salesforce's setup"},
	{"topic.cannot.subscribe", busFatal, "it cannot be subscribed to"},
	{"topic.meta.permission", busFatal, "this user may not read the event or its object"},
	{"concurrent.client.limit.exceeded", busFatal, "too many clients are subscribed in this organization"},
	{"requested.events.invalid", busFatal, ""},
	{"unavailable", busTransient, ""},
	{"internal.error", busTransient, ""},
	{"service.protection", busTransient, ""},
}

// allocationWait is when it is worth asking again after a day's events are spent: the day slides.
const allocationWait = time.Hour

// classify says what an error of a call means. Its text holds what Salesforce says, but for the token.
func (p *pubsubClient) classify(doing string, err error, trailer metadata.MD, token string) error {
	p.mu.Lock()
	refused := p.refused
	p.mu.Unlock()
	st := status.Convert(err)
	code := strings.Join(trailer.Get("error-code"), " ")
	if refused != nil && st.Code() == codes.Unavailable {
		return &busError{busFatal, fault.Wrap(fault.Validation, refused, "%s", doing)}
	}
	words := clean(st.Message(), token)
	if strings.Contains(code, "subscription.limit.exceeded") {
		return &busError{busFatal, &fault.Error{
			Code: fault.ConnectorServer, Retry: fault.Throttled, RetryAfter: allocationWait,
			Message: doing + ": the events that the organization may receive in 24 hours are used up: " + words,
		}}
	}
	kind := kindOfStatus(st.Code())
	for _, known := range errorCodes {
		if strings.Contains(code, known.part) {
			kind = known.kind
			if known.hint != "" {
				words = known.hint + ": " + words
			}
			break
		}
	}
	return &busError{kind, faultOf(kind, doing, words)}
}

func kindOfStatus(c codes.Code) busKind {
	switch c {
	case codes.Unauthenticated:
		return busAuth
	case codes.Unimplemented:
		return busAbsent
	case codes.Unavailable, codes.Internal, codes.Aborted, codes.DeadlineExceeded, codes.Unknown, codes.Canceled, codes.ResourceExhausted, codes.DataLoss:
		return busTransient
	}
	return busFatal
}

func faultOf(kind busKind, doing, words string) error {
	switch kind {
	case busAuth:
		return fault.New(fault.ConnectorAuth, "%s: Salesforce refuses the access token: %s", doing, words)
	case busTransient:
		return fault.Temporary(fault.ConnectorServer, nil, "%s: %s", doing, words)
	}
	return fault.New(fault.ConnectorServer, "%s: %s", doing, words)
}

// clean is a vendor's text, bounded and without a secret that it may repeat.
func clean(words, secret string) string {
	if secret != "" {
		words = strings.ReplaceAll(words, secret, "…")
	}
	words = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(words, "?"))
	const most = 300
	if len(words) > most {
		words = strings.ToValidUTF8(words[:most], "") + "…"
	}
	if words == "" {
		return "it gave no reason"
	}
	return words
}
