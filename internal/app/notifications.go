package app

import (
	"bytes"
	"context"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"weir.dev/weir/connectorkit/egress"
	"weir.dev/weir/fault"
	"weir.dev/weir/internal/catalog"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/notify"
)

// Notifications say who is told what runs do. The zero value tells nobody.
type Notifications struct {
	EventsBus    string   // name or ARN of an EventBridge bus
	EventsSource string   // of the events; notify.EventSource
	Webhooks     []string // URLs
	// WebhookSecret signs what webhooks get; WebhookSecretFile holds it, when it is not set.
	WebhookSecret     string
	WebhookSecretFile string
	OpenLineage       string // URL
	OpenLineageKey    string // bearer token
	CloudWatch        string // namespace
}

// Where output is registered.
const (
	catalogGlue = "glue"
	catalogNone = "none"
)

// openNotifications makes the book that runs are announced in. It is there before anything runs.
func (a *App) openNotifications() error {
	receivers, err := receiversOf(a.Config)
	if err != nil {
		return err
	}
	a.receivers = receivers
	a.book = notify.NewBook(a.Config.AccountID, a.Config.Region, receivers)
	return nil
}

// deliver sets the dispatcher to work. It runs without receivers too: letters to those of an earlier configuration expire.
func (a *App) deliver() {
	counted := promauto.With(a.telemetry.Registry).NewCounterVec(prometheus.CounterOpts{
		Name: "weir_notifications_total", Help: "What became of notifications: delivered, postponed, dropped or expired.",
	}, []string{"receiver", "outcome"})
	d := notify.NewDispatcher(notify.Options{
		Store: a.Store, Receivers: a.receivers, Log: a.Log, Expiry: a.Config.NotificationExpiry,
		Counted: func(r notify.Receiver, outcome string) { counted.WithLabelValues(notify.KindOf(r), outcome).Inc() },
	})
	a.background(d.Run)
}

// receiversOf makes the receivers that the configuration names.
func receiversOf(cfg Config) (list []notify.Receiver, err error) {
	n := cfg.Notifications
	o, err := newHTTP(cfg)
	if err != nil {
		return nil, err
	}
	client := egress.NewClient(o)
	add := func(r notify.Receiver, made error) {
		if made != nil && err == nil {
			err = made
		}
		list = append(list, r)
	}
	if n.EventsBus != "" {
		add(notify.NewEventBridge(n.EventsBus, n.EventsSource, loadAWS(cfg)))
	}
	if n.CloudWatch != "" {
		add(notify.NewCloudWatch(n.CloudWatch, loadAWS(cfg)))
	}
	if n.OpenLineage != "" {
		add(notify.NewOpenLineage(n.OpenLineage, n.OpenLineageKey, Version, client))
	}
	secret, err := webhookSecret(n)
	if err != nil {
		return nil, err
	}
	for _, address := range n.Webhooks {
		add(notify.NewWebhook(address, secret, client))
	}
	if err != nil {
		return nil, err
	}
	return list, nil
}

func webhookSecret(n Notifications) ([]byte, error) {
	if n.WebhookSecret != "" || n.WebhookSecretFile == "" {
		return []byte(n.WebhookSecret), nil
	}
	raw, err := os.ReadFile(n.WebhookSecretFile)
	if err != nil {
		return nil, fault.Wrap(fault.Validation, err, "reading --webhook-secret-file")
	}
	if raw = bytes.TrimSpace(raw); len(raw) == 0 {
		return nil, fault.New(fault.Validation, "reading --webhook-secret-file: it is empty")
	}
	return raw, nil
}

// catalogOf is where output is registered; nil registers nothing.
func (a *App) catalogOf() durable.Catalog {
	if a.Config.Catalog == catalogNone {
		return nil
	}
	return &catalog.Glue{Load: loadAWS(a.Config), Endpoint: os.Getenv("AWS_ENDPOINT_URL_GLUE"), Log: a.Log}
}

// loadAWS reads the AWS SDK's own settings; where they name no region the installation's counts.
func loadAWS(cfg Config) func(ctx context.Context) (aws.Config, error) {
	return func(ctx context.Context) (aws.Config, error) {
		c, err := awsconfig.LoadDefaultConfig(ctx, awsconfig.WithDefaultRegion(cfg.Region))
		return c, fault.Wrap(fault.Internal, err, "reading the AWS settings")
	}
}
