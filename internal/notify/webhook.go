package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Webhook posts facts as CloudEvents 1.0 in structured JSON
// (https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md), signed as Standard Webhooks are
// (https://www.standardwebhooks.com): HMAC-SHA256 over "id.timestamp.body".
type Webhook struct {
	name, address string
	secret        []byte
	http          *http.Client
	now           func() time.Time
}

// NewWebhook makes a receiver for a URL. With an empty secret nothing is signed. A secret that begins with whsec_ is
// base64 behind that, as the convention has it; any other is taken as it is.
func NewWebhook(address string, secret []byte, client *http.Client) (*Webhook, error) {
	if err := checkAddress("--webhook", address); err != nil {
		return nil, err
	}
	if coded, ok := bytes.CutPrefix(secret, []byte("whsec_")); ok {
		raw, err := base64.StdEncoding.DecodeString(string(coded))
		if err != nil || len(raw) == 0 {
			return nil, fault.New(fault.Validation, "the webhooks' secret begins with whsec_, but what follows is not base64")
		}
		secret = raw
	}
	return &Webhook{name: nameOf("webhook", address), address: address, secret: secret, http: client, now: time.Now}, nil
}

// Name implements [Receiver].
func (w *Webhook) Name() string { return w.name }

// Wants implements [Receiver].
func (w *Webhook) Wants(Kind) bool { return true }

// AtOnce implements [Receiver]: so many requests run at the same time.
func (w *Webhook) AtOnce() int { return 8 }

// Deliver implements [Receiver]. 2xx means delivered, 410 that the receiver wants no more of this letter; any other answer
// is tried again.
func (w *Webhook) Deliver(ctx context.Context, facts []Fact) []error {
	errs := make([]error, len(facts))
	var all sync.WaitGroup
	for i := range facts {
		all.Go(func() { errs[i] = w.post(ctx, &facts[i]) })
	}
	all.Wait()
	return errs
}

// cloudEvent is the envelope.
type cloudEvent struct {
	SpecVersion string    `json:"specversion"`
	ID          string    `json:"id"`
	Source      string    `json:"source"`
	Type        string    `json:"type"`
	Subject     string    `json:"subject"`
	Time        time.Time `json:"time"`
	ContentType string    `json:"datacontenttype"`
	Data        eventData `json:"data"`
}

// eventData is what webhooks are told.
type eventData struct {
	FlowARN   string             `json:"flowArn"`
	Flow      Flow               `json:"flow"`
	Execution *Execution         `json:"execution,omitzero"`
	Reason    string             `json:"reason,omitzero"`
	Activity  *store.EventReport `json:"activity,omitzero"`
}

// eventType names a fact in CloudEvents' fashion; receivers can filter by it.
func eventType(f *Fact) string {
	switch {
	case f.Kind == KindStart:
		return "dev.weir.execution.started"
	case f.Kind == KindEventReport:
		return "dev.weir.flow.events"
	case f.Kind == KindDeactivate, f.Kind == KindEventDeactivate:
		return "dev.weir.flow.deactivated"
	case f.Execution != nil && f.Execution.Status == flow.ExecutionSuccessful:
		return "dev.weir.execution.succeeded"
	case f.Execution != nil && f.Execution.Status == flow.ExecutionCanceled:
		return "dev.weir.execution.canceled"
	}
	return "dev.weir.execution.failed"
}

func (w *Webhook) post(ctx context.Context, f *Fact) error {
	body, err := json.Marshal(&cloudEvent{
		SpecVersion: "1.0", ID: f.ID, Source: "/weir/" + f.Account + "/" + f.Region, Type: eventType(f), Subject: f.Flow.Name, Time: f.At,
		ContentType: "application/json", Data: eventData{FlowARN: f.ARN(), Flow: f.Flow, Execution: f.Execution, Reason: f.Reason, Activity: f.Activity},
	})
	if err != nil {
		return fault.Wrap(fault.Internal, err, "writing an event of flow %q", f.Flow.Name)
	}
	header := http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}
	at := strconv.FormatInt(w.now().Unix(), 10)
	header.Set("Webhook-Id", f.ID)
	header.Set("Webhook-Timestamp", at)
	if len(w.secret) > 0 {
		header.Set("Webhook-Signature", sign(w.secret, f.ID, at, body))
	}
	return post(ctx, w.http, w.address, header, body)
}

// sign is the value of Webhook-Signature.
func sign(secret []byte, id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// maxAnswer is how much of an answer is read, so that the connection can be used again. Nobody looks at it.
const maxAnswer = 64 << 10

// post sends one body, and judges the answer by its status alone.
func post(ctx context.Context, client *http.Client, address string, header http.Header, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return fault.New(fault.Internal, "posting an event: the URL is unusable") // err would quote it
	}
	r.Header = header
	res, err := egress.Do(client, r)
	if err != nil {
		return waits(err)
	}
	defer res.Body.Close()
	_, _ = egress.ReadAll(res, maxAnswer) // see maxAnswer
	switch status := res.StatusCode; {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusGone:
		return fault.New(fault.NotFound, "%s answered 410: it wants no more of it", r.URL.Host)
	default:
		return &fault.Error{
			Code: fault.ConnectorServer, Retry: fault.Throttled, RetryAfter: retryAfter(res.Header.Get("Retry-After")),
			Message: r.URL.Host + " answered " + strconv.Itoa(status),
		}
	}
}

// retryAfter reads the header's seconds; a date is not worth the trouble, and backoff does as well.
func retryAfter(text string) time.Duration {
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
