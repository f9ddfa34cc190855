package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"weir.dev/weir/connectors/salesforce"
	"weir.dev/weir/internal/app"
)

// engineFlags adds the flags that say how rows are moved and where buckets are.
func engineFlags(cmd *cobra.Command, cfg *app.Config) {
	f := cmd.Flags()
	f.StringVar(&cfg.Memory, "memory", "256MiB", "rows held at the same time, whatever the data's size")
	f.IntVar(&cfg.Threads, "threads", 0, "threads that decode, transform and encode (default: one per processor)")
	f.StringArrayVar(&cfg.Buckets, "bucket", nil, "NAME=URL: where a bucket is (repeatable), as file:///srv/in or s3://name?region=eu-north-1")
	f.StringVar(&cfg.BucketURL, "bucket-url", "", "URL with {bucket} for all other buckets, as s3://{bucket} (default: a folder each under the data directory)")
}

// storeFlags adds the flags that say where state is kept.
func storeFlags(cmd *cobra.Command, cfg *app.Config) {
	f := cmd.Flags()
	f.StringVar(&cfg.Data, "data", app.DefaultDataDir(), "data directory")
	f.StringVar(&cfg.Store, "store", "sqlite", "sqlite (in the data directory) or postgres://…")
	f.StringVar(&cfg.KeyURL, "key-url", "", "master key that seals secrets (default: a key file in the data directory)")
	f.StringArrayVar(&cfg.OldKeyURLs, "old-key-url", nil, "former master key, which still opens what it sealed (repeatable)")
}

// outboundFlags add the flags that say how vendors are reached.
func outboundFlags(cmd *cobra.Command, cfg *app.Config) {
	f := cmd.Flags()
	f.StringArrayVar(&cfg.AllowNetworks, "allow-network", nil, "network that vendors may be reached in beside public addresses (repeatable), as 10.0.0.0/8")
	f.StringVar(&cfg.EgressProxy, "egress-proxy", "", "HTTP proxy to vendors, as http://proxy.example.com:3128")
	f.IntVar(&cfg.SalesforceReserve, "salesforce-reserve", salesforce.DefaultReserve, "share of a Salesforce organization's daily API calls, in percent, that flows leave to others; negative for none")
}

// notificationFlags adds the flags that say who is told what runs do.
func notificationFlags(cmd *cobra.Command, cfg *app.Config) {
	f, n := cmd.Flags(), &cfg.Notifications
	f.StringVar(&n.EventsBus, "events-bus", "", "EventBridge bus, by name or ARN, that gets AppFlow's events of runs")
	f.StringVar(&n.EventsSource, "events-source", "weir.appflow", "source of these events; AWS keeps aws.appflow for itself")
	f.StringArrayVar(&n.Webhooks, "webhook", nil, "URL that gets a CloudEvent for each start and end of a run (repeatable); WEIR_WEBHOOK_SECRET signs them")
	f.StringVar(&n.WebhookSecretFile, "webhook-secret-file", "", "file with the secret that signs them")
	f.StringVar(&n.OpenLineage, "openlineage", "", "URL that gets OpenLineage run events; WEIR_OPENLINEAGE_API_KEY authorizes them")
	f.StringVar(&n.CloudWatch, "cloudwatch", "", "CloudWatch namespace that gets AppFlow's metrics, as Weir/AppFlow")
	f.DurationVar(&cfg.NotificationExpiry, "notification-expiry", 24*time.Hour, "how long a notification is tried to be delivered")
	f.StringVar(&cfg.Catalog, "catalog", "glue", "where flows with a metadata catalog register their output: glue or none")
}

// installationFlags adds the flags that all processes of an installation are given alike.
func installationFlags(cmd *cobra.Command, cfg *app.Config) {
	f := cmd.Flags()
	f.StringArrayVar(&cfg.CustomConnectors, "connector", nil, "ARN=URL: where the Lambda function of a custom connector answers instead of in AWS (repeatable)")
	f.StringVar(&cfg.Connectors, "connectors", "", "folder of manifests: LABEL.yaml is the custom connector of that label; it is read again when it changes")
	f.StringArrayVar(&cfg.ConnectorSecrets, "connector-secrets", nil, "where functions of custom connectors find credentials: aws (Weir writes to Secrets Manager), or host:port on loopback for those of --connector (repeatable)")
	f.StringVar(&cfg.KMSURL, "kms-url", "", "where a profile's kmsArn leads: a key's URL with {arn} and {region}, or none for the --key-url (default: AWS KMS)")
	f.StringVar(&cfg.AccountID, "account-id", "000000000000", "account number in ARNs")
	f.StringVar(&cfg.Region, "region", "us-east-1", "region in the ARNs of notifications, and of AWS services where the AWS settings name none")
	f.StringVar(&cfg.LogFormat, "log-format", "text", "text or json")
	f.StringVar(&cfg.LogLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&cfg.EventBuffer, "event-buffer", "10MiB", "events of one flow that may wait to be moved; listening pauses, and senders are told to come back, when there are more")
	f.DurationVar(&cfg.EventDelay, "event-delay", time.Minute, "how long an event waits for others to be moved together with it")
	f.IntVar(&cfg.MaxRunning, "max-running", 1000, "executions that may run or wait")
	f.DurationVar(&cfg.RunRetention, "run-retention", 365*24*time.Hour, "how long executions are kept, but for the newest 100 of each flow; 0 means for ever")
	f.DurationVar(&cfg.DrainTimeout, "drain-timeout", 0, "how long to wait for running work at the end (default 30s)")
}

func serveCommand() *cobra.Command {
	var cfg app.Config
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve AppFlow's API and run flows",
		Example: `  weir serve
  weir serve --listen 127.0.0.1:9000 --data /var/lib/weir --bucket-url 's3://{bucket}?region=eu-north-1'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.AccessKeyID, cfg.SecretAccess = os.Getenv("WEIR_ACCESS_KEY_ID"), os.Getenv("WEIR_SECRET_ACCESS_KEY")
			cfg.Notifications.WebhookSecret, cfg.Notifications.OpenLineageKey = os.Getenv("WEIR_WEBHOOK_SECRET"), os.Getenv("WEIR_OPENLINEAGE_API_KEY")
			fleetSecrets(&cfg)
			a, err := app.Open(cmd.Context(), cfg, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer a.Close()
			l, url, err := a.Listen()
			if err != nil {
				return err
			}
			announce(cmd, a, url)
			return a.Serve(cmd.Context(), l)
		},
	}
	f := cmd.Flags()
	f.StringVar(&cfg.Listen, "listen", "127.0.0.1:8080", "address to serve on")
	storeFlags(cmd, &cfg)
	engineFlags(cmd, &cfg)
	outboundFlags(cmd, &cfg)
	notificationFlags(cmd, &cfg)
	installationFlags(cmd, &cfg)
	fleetFlags(cmd, &cfg)
	f.BoolVar(&cfg.Fleet.Worker, "worker", false, "with --temporal: run flows in this process, too")
	f.DurationVar(&cfg.MetadataTTL, "metadata-ttl", time.Hour, "how long what vendors say of their entities and fields is kept")
	f.StringVar(&cfg.TLSCert, "tls-cert", "", "certificate file (PEM); serves HTTPS")
	f.StringVar(&cfg.TLSKey, "tls-key", "", "key file (PEM)")
	f.Int64Var(&cfg.MaxBody, "max-body", 1<<20, "bytes of a request's body")
	f.IntVar(&cfg.MaxFlows, "max-flows", 1000, "flows that may exist")
	f.IntVar(&cfg.MaxProfiles, "max-profiles", 100, "connector profiles that may exist")
	f.IntVar(&cfg.MaxConnectors, "max-connectors", 100, "custom connectors that may be registered")
	f.IntVar(&cfg.Parallel, "max-parallel", 16, "executions that run at the same time; others wait")
	f.Float64Var(&cfg.RateLimit, "rate-limit", 0, "calls a second of one access key, twice as many at once (default: no limit)")
	f.Float64Var(&cfg.WriteLimit, "write-rate-limit", 500, "calls a second of one access key that change something; 0 means no limit")
	f.StringArrayVar(&cfg.TrustedProxies, "trusted-proxy", nil, "network of proxies whose X-Forwarded-For is believed (repeatable)")
	f.DurationVar(&cfg.AuditRetention, "audit-retention", 365*24*time.Hour, "how long audit events are kept; 0 means for ever")
	return cmd
}

// announce says where the server is and, once, with which key to reach it.
func announce(cmd *cobra.Command, a *app.App, url string) {
	w := cmd.ErrOrStderr()
	if k := a.FirstKey; k != nil {
		fmt.Fprintf(w, "weir: made the first access key; this is the only time its secret is shown\n\n  export AWS_ACCESS_KEY_ID=%s\n  export AWS_SECRET_ACCESS_KEY=%s\n\n", k.ID, k.Secret)
		fmt.Fprintf(w, "weir: it is kept in %s/%s as well, for AWS_SHARED_CREDENTIALS_FILE\n", a.Config.Data, app.CredentialsFile)
	}
	fmt.Fprintf(w, "weir: serving on %s\n", url)
}
