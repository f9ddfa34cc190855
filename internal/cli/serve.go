package cli

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

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
	f.StringVar(&cfg.AccountID, "account-id", "000000000000", "account number in ARNs")
	f.StringVar(&cfg.TLSCert, "tls-cert", "", "certificate file (PEM); serves HTTPS")
	f.StringVar(&cfg.TLSKey, "tls-key", "", "key file (PEM)")
	f.StringVar(&cfg.LogFormat, "log-format", "text", "text or json")
	f.StringVar(&cfg.LogLevel, "log-level", "info", "debug, info, warn or error")
	f.Int64Var(&cfg.MaxBody, "max-body", 1<<20, "bytes of a request's body")
	f.IntVar(&cfg.MaxFlows, "max-flows", 1000, "flows that may exist")
	f.IntVar(&cfg.MaxRunning, "max-running", 1000, "executions that may run or wait")
	f.IntVar(&cfg.Parallel, "max-parallel", 16, "executions that run at the same time; others wait")
	f.DurationVar(&cfg.DrainTimeout, "drain-timeout", 0, "how long to wait for running work at the end (default 30s)")
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
