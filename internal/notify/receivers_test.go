package notify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

func local(t *testing.T) *http.Client {
	policy, err := egress.NewPolicy([]string{"127.0.0.0/8"})
	require.NoError(t, err)
	return egress.NewClient(egress.Options{Policy: policy})
}

// serve is a server of HTTP on this machine.
func serve(t *testing.T, answer http.HandlerFunc) string {
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

func TestWebhook_SignsACloudEvent(t *testing.T) {
	t.Parallel()
	secret := []byte("0123456789abcdef")
	var header http.Header
	var body []byte
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
	})
	w, err := NewWebhook(url+"/T0/secret-path", []byte("whsec_"+base64.StdEncoding.EncodeToString(secret)), local(t))
	require.NoError(t, err)
	require.NotContains(t, w.Name(), "secret")
	w.now = func() time.Time { return time.Unix(1700000000, 0) }
	require.Equal(t, []error{nil}, w.Deliver(t.Context(), []Fact{sample(KindEnd, flow.ExecutionError)}))

	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("5e8f1a5c-7d1b-5b0e-9c53-1f2e3d4c5b6a.1700000000." + string(body)))
	require.Equal(t, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)), header.Get("Webhook-Signature"))
	require.Equal(t, "application/cloudevents+json; charset=utf-8", header.Get("Content-Type"))
	var event map[string]any
	require.NoError(t, json.Unmarshal(body, &event))
	data := event["data"].(map[string]any)
	delete(event, "data")
	require.Equal(t, map[string]any{
		"specversion": "1.0", "id": "5e8f1a5c-7d1b-5b0e-9c53-1f2e3d4c5b6a", "source": "/weir/111122223333/eu-west-1",
		"type": "dev.weir.execution.failed", "subject": "orders", "time": "2024-10-01T13:45:09.25Z", "datacontenttype": "application/json",
	}, event)
	require.Equal(t, "the bucket is gone", data["execution"].(map[string]any)["message"])
}

func TestWebhook_JudgesTheAnswer(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fault.Retry{410: fault.Never, 500: fault.Throttled, 404: fault.Throttled, 429: fault.Throttled, 302: fault.Transient} {
		url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.Header().Set("Location", "http://127.0.0.1:1/login")
			w.WriteHeader(status)
		})
		w, err := NewWebhook(url+"/secret-path", nil, local(t))
		require.NoError(t, err)
		errs := w.Deliver(t.Context(), []Fact{sample(KindStart, flow.ExecutionInProgress)})
		class, after := fault.RetryOf(errs[0])
		require.Equal(t, want, class, "%d: %v", status, errs[0])
		require.NotContains(t, errs[0].Error(), "secret-path")
		if want == fault.Throttled {
			require.Equal(t, 7*time.Second, after)
		}
	}
}

func TestWebhook_PrivateAddressesAreNotReached(t *testing.T) {
	t.Parallel()
	reached := false
	url := serve(t, func(http.ResponseWriter, *http.Request) { reached = true })
	w, err := NewWebhook(url, nil, egress.NewClient(egress.Options{}))
	require.NoError(t, err)
	err = w.Deliver(t.Context(), []Fact{sample(KindStart, flow.ExecutionInProgress)})[0]
	require.ErrorContains(t, err, "--allow-network")
	class, _ := fault.RetryOf(err)
	require.Equal(t, fault.Transient, class, "the operator may open the network")
	require.False(t, reached)
}

func TestReceivers_RefuseWrongSettings(t *testing.T) {
	t.Parallel()
	for what, make := range map[string]func() error{
		"--webhook takes":      func() error { _, err := NewWebhook("example.com/x", nil, nil); return err },
		"credentials in it":    func() error { _, err := NewWebhook("https://a:hunter2@example.com", nil, nil); return err },
		"not base64":           func() error { _, err := NewWebhook("https://example.com", []byte("whsec_%"), nil); return err },
		"--openlineage takes":  func() error { _, err := NewOpenLineage("ftp://x", "", "", nil); return err },
		"ARN of an event bus":  func() error { _, err := NewEventBridge("arn:aws:s3:::x", "", nil); return err },
		"AWS keeps namespaces": func() error { _, err := NewCloudWatch("AWS/AppFlow", nil); return err },
	} {
		err := make()
		require.ErrorContains(t, err, what)
		require.True(t, fault.Is(err, fault.Validation))
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func awsAt(url string) LoadAWS {
	return func(context.Context) (aws.Config, error) {
		return aws.Config{
			Region: "eu-west-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("x", "y", ""),
		}, nil
	}
}

func TestEventBridge_EachEntryIsAnsweredByItself(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var calls [][]map[string]any
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Entries []map[string]any }
		_ = json.NewDecoder(r.Body).Decode(&in)
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, in.Entries)
		out := []map[string]string{}
		for _, e := range in.Entries {
			answer := map[string]string{"EventId": "1"}
			if strings.Contains(e["Detail"].(string), `"flow-name":"slow"`) {
				answer = map[string]string{"ErrorCode": "ThrottlingException"}
			}
			if strings.Contains(e["Detail"].(string), `"flow-name":"broken"`) {
				answer = map[string]string{"ErrorCode": "MalformedDetail"}
			}
			out = append(out, answer)
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(map[string]any{"FailedEntryCount": 2, "Entries": out})
	})
	r, err := NewEventBridge("arn:aws:events:eu-north-1:111122223333:event-bus/runs", "", awsAt(url))
	require.NoError(t, err)
	facts := []Fact{sample(KindStart, flow.ExecutionInProgress), sample(KindEnd, flow.ExecutionSuccessful), sample(KindStart, flow.ExecutionInProgress)}
	facts[1].Flow.Name, facts[2].Flow.Name = "slow", "broken"
	errs := r.Deliver(t.Context(), facts)
	require.NoError(t, errs[0])
	class, _ := fault.RetryOf(errs[1])
	require.Equal(t, fault.Transient, class)
	class, _ = fault.RetryOf(errs[2])
	require.Equal(t, fault.Never, class)
	require.Error(t, errs[2])
	require.Len(t, calls, 1)
	e := calls[0][1]
	require.Equal(t, "AppFlow End Flow Run Report", e["DetailType"])
	require.Equal(t, "weir.appflow", e["Source"])
	require.Equal(t, []any{"arn:aws:appflow:eu-west-1:111122223333:flow/slow"}, e["Resources"])
}

func TestAWS_RefusalOfTheWholeIsTriedAgain(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"message":"no"}`)
	})
	bus, err := NewEventBridge("runs", "", awsAt(url))
	require.NoError(t, err)
	broken, err := NewEventBridge("runs", "", func(context.Context) (aws.Config, error) { return aws.Config{}, errors.New("no file") })
	require.NoError(t, err)
	for _, r := range []Receiver{bus, broken} {
		for _, err := range r.Deliver(t.Context(), []Fact{sample(KindStart, flow.ExecutionInProgress)}) {
			class, _ := fault.RetryOf(err)
			require.Equal(t, fault.Transient, class, "%v", err)
		}
	}
}

func TestCloudWatch_MetricsAreAppFlows(t *testing.T) {
	t.Parallel()
	values := func(f Fact) map[string]float64 {
		m := map[string]float64{}
		for _, d := range metricsOf(&f) {
			m[*d.MetricName] = *d.Value
			require.Equal(t, "FlowName", *d.Dimensions[0].Name)
			require.Equal(t, "orders", *d.Dimensions[0].Value)
		}
		return m
	}
	require.Equal(t, map[string]float64{"FlowExecutionsStarted": 1}, values(sample(KindStart, flow.ExecutionInProgress)))
	require.Equal(t, map[string]float64{"FlowExecutionTime": 1751, "FlowExecutionRecordsProcessed": 120, "FlowExecutionsSucceeded": 1},
		values(sample(KindEnd, flow.ExecutionSuccessful)))
	require.Equal(t, map[string]float64{"FlowExecutionTime": 1751, "FlowExecutionRecordsProcessed": 120, "FlowExecutionsFailed": 1},
		values(sample(KindEnd, flow.ExecutionError)))
}

func TestOpenLineage_Event(t *testing.T) {
	t.Parallel()
	var got map[string]any
	url := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer key" {
			_ = json.NewDecoder(r.Body).Decode(&got)
		}
	})
	o, err := NewOpenLineage(url, "key", "1.0", local(t))
	require.NoError(t, err)
	f := sample(KindEnd, flow.ExecutionError)
	f.Lineage = LineageOf(traced())
	require.Equal(t, []error{nil}, o.Deliver(t.Context(), []Fact{f}))
	require.Equal(t, "FAIL", got["eventType"])
	run := got["run"].(map[string]any)
	require.Equal(t, f.Execution.ID, run["runId"])
	require.Equal(t, "the bucket is gone", run["facets"].(map[string]any)["errorMessage"].(map[string]any)["message"])
	in, out := got["inputs"].([]any)[0].(map[string]any), got["outputs"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"customconnector://erp", "sales.orders"}, []any{in["namespace"], in["name"]})
	require.Equal(t, []any{"s3://out-bkt", "lake"}, []any{out["namespace"], out["name"]})
	columns := out["facets"].(map[string]any)["columnLineage"].(map[string]any)
	raw, err := json.Marshal(columns["fields"])
	require.NoError(t, err)
	require.JSONEq(t, `{
		"ID":{"inputFields":[{"namespace":"customconnector://erp","name":"sales.orders","field":"id","transformations":[{"type":"DIRECT","subtype":"IDENTITY"}]}]},
		"sum":{"inputFields":[
			{"namespace":"customconnector://erp","name":"sales.orders","field":"id","transformations":[{"type":"DIRECT","subtype":"TRANSFORMATION"}]},
			{"namespace":"customconnector://erp","name":"sales.orders","field":"a","transformations":[{"type":"DIRECT","subtype":"TRANSFORMATION"}]}]},
		"card":{"inputFields":[{"namespace":"customconnector://erp","name":"sales.orders","field":"card","transformations":[{"type":"DIRECT","subtype":"TRANSFORMATION","masking":true}]}]}
	}`, string(raw))
	require.Len(t, columns["dataset"], 3)
	for _, facet := range []any{columns, out["facets"].(map[string]any)["schema"]} {
		require.NotEmpty(t, facet.(map[string]any)["_schemaURL"])
		require.NotEmpty(t, facet.(map[string]any)["_producer"])
	}
}
