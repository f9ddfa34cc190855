package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/app"
)

// fleetFlags adds the flags that say where Temporal is.
func fleetFlags(cmd *cobra.Command, cfg *app.Config) {
	f, t := cmd.Flags(), &cfg.Fleet
	f.StringVar(&t.Address, "temporal", "", "HOST:PORT of Temporal, whose workers run flows instead of this process; needs PostgreSQL")
	f.StringVar(&t.Namespace, "temporal-namespace", "default", "namespace in Temporal")
	f.StringVar(&t.Queue, "temporal-task-queue", "weir", "name of this installation in the namespace: of task queues, workflows and the worker deployment")
	f.BoolVar(&t.TLS, "temporal-tls", false, "reach Temporal by TLS; the other --temporal-tls flags and API keys mean it, too")
	f.StringVar(&t.CertFile, "temporal-tls-cert", "", "certificate file (PEM) that Temporal asks for")
	f.StringVar(&t.KeyFile, "temporal-tls-key", "", "its key file (PEM)")
	f.StringVar(&t.CAFile, "temporal-tls-ca", "", "certificates (PEM) of who signs Temporal's (default: the system's)")
	f.StringVar(&t.ServerName, "temporal-tls-server-name", "", "name in Temporal's certificate (default: HOST)")
	f.StringVar(&t.APIKeyFile, "temporal-api-key-file", "", "file with the API key of Temporal Cloud; WEIR_TEMPORAL_API_KEY holds the key itself")
	f.StringVar(&t.Build, "temporal-build-id", "", "version of this worker in Temporal's worker versioning (default: weir's)")
	f.IntVar(&t.Splits, "parallel", 0, "splits that a worker transfers at the same time (default: one per processor, at least 2)")
}

// fleetSecrets reads what is no flag.
func fleetSecrets(cfg *app.Config) { cfg.Fleet.APIKey = os.Getenv("WEIR_TEMPORAL_API_KEY") }

func workerCommand() *cobra.Command {
	cfg := app.Config{WorkerOnly: true}
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Run flows that servers start, in a fleet on Temporal",
		Long: `Run flows that servers start, in a fleet on Temporal.

Servers (weir serve --temporal) and workers share one PostgreSQL, one Temporal namespace, one master key
(--key-url) and the same settings of buckets and connectors. SIGTERM drains: running splits come to a
checkpoint and go on in another worker.`,
		Example: `  weir worker --store postgres://weir@db/weir --temporal temporal:7233 --key-url awskms:///alias/weir`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg.Notifications.WebhookSecret, cfg.Notifications.OpenLineageKey = os.Getenv("WEIR_WEBHOOK_SECRET"), os.Getenv("WEIR_OPENLINEAGE_API_KEY")
			fleetSecrets(&cfg)
			a, err := app.Open(cmd.Context(), cfg, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			defer a.Close()
			l, url, err := a.ListenHealth()
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "weir: working; health and metrics on %s\n", url)
			return a.Work(cmd.Context(), l)
		},
	}
	cmd.Flags().StringVar(&cfg.Listen, "listen", "127.0.0.1:8081", "address of /healthz, /readyz and /metrics")
	fleetFlags(cmd, &cfg)
	storeFlags(cmd, &cfg)
	engineFlags(cmd, &cfg)
	outboundFlags(cmd, &cfg)
	notificationFlags(cmd, &cfg)
	installationFlags(cmd, &cfg)
	return cmd
}
