package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/app"
	"weir.dev/weir/internal/cli/demo"
	"weir.dev/weir/internal/server"
)

func demoCommand() *cobra.Command {
	var cfg app.Config
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the main job on real data, with nothing to set up",
		Long: `Start a server with embedded defaults, put a public data set into a bucket, create a flow through the API, run it,
and show what came out. Everything stays in one folder, which the next demo starts anew.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			keep, _ := cmd.Flags().GetBool("keep")
			return runDemo(cmd, cfg, keep)
		},
	}
	cmd.Flags().StringVar(&cfg.Data, "data", filepath.Join(app.DefaultDataDir(), "demo"), "folder for the demo; emptied first")
	cmd.Flags().StringVar(&cfg.Listen, "listen", "127.0.0.1:0", "address to serve on (port 0 takes a free one)")
	cmd.Flags().Bool("keep", false, "leave the server up until interrupted")
	return cmd
}

func runDemo(cmd *cobra.Command, cfg app.Config, keep bool) (err error) {
	ctx, w := cmd.Context(), cmd.OutOrStdout()
	if err := emptyDemo(ctx, cfg.Data); err != nil {
		return err
	}
	logs, err := demoLog(cfg.Data)
	if err != nil {
		return err
	}
	defer logs.Close()
	cfg.LogFormat = "json"
	a, err := app.Open(ctx, cfg, logs)
	if err != nil {
		return err
	}
	defer a.Close()
	l, url, err := a.Listen()
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- a.Serve(serving, l) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()
	fmt.Fprintf(w, "Weir serves AppFlow's API on %s, with its data in %s\n", url, a.Config.Data)
	d := &demoRun{cmd: cmd, app: a, client: demoClient(url, a)}
	if err := d.walk(ctx); err != nil {
		return err
	}
	d.goOn(keep)
	if keep {
		<-ctx.Done()
	}
	return nil
}

// demoMarker tells a folder that a demo has made, and may empty, from any other.
const demoMarker = ".weir-demo"

// emptyDemo makes the folder anew. It refuses a folder that it did not make.
func emptyDemo(ctx context.Context, dir string) error {
	entries, err := os.ReadDir(dir)
	if err == nil && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, demoMarker)); err != nil {
			return usage("the folder %s holds other things than a demo; give another one with --data", dir)
		}
		if err := notInUse(ctx, dir); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, demoMarker), nil, 0o600)
}

// notInUse fails when a server runs on the folder: its store is locked then.
func notInUse(ctx context.Context, dir string) error {
	st, err := app.OpenStore(ctx, app.Config{Data: dir})
	if err != nil {
		return err
	}
	return st.Close()
}

func demoLog(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "weir.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
}

// demoRun is one demo on its way.
type demoRun struct {
	cmd    *cobra.Command
	app    *app.App
	client *client
	view   *server.ExecutionView
}

func (d *demoRun) walk(ctx context.Context) error {
	for _, step := range []func(context.Context) error{d.load, d.create, d.run, d.show} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *demoRun) say(format string, args ...any) {
	fmt.Fprintf(d.cmd.OutOrStdout(), format+"\n", args...)
}

// load puts the data set into the source bucket.
func (d *demoRun) load(ctx context.Context) error {
	data, err := demo.Data()
	if err != nil {
		return err
	}
	file := filepath.Join(d.app.BucketDir("demo-in"), "strikes", "birdstrikes.csv")
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return err
	}
	d.say("\n1. Real data: 10,000 FAA wildlife strike reports, %s of CSV. By default a bucket is a folder:\n     s3://demo-in/strikes/birdstrikes.csv is %s", size(int64(len(data))), file)
	return nil
}

func (d *demoRun) create(ctx context.Context) error {
	var body map[string]any
	if err := json.Unmarshal(demo.Flow(), &body); err != nil {
		return err
	}
	body["clientToken"] = uuid.NewString()
	var out struct {
		ARN    string `json:"flowArn"`
		Status string `json:"flowStatus"`
	}
	if err := d.client.call(ctx, "CreateFlow", body, &out); err != nil {
		return err
	}
	d.say("\n2. CreateFlow → %s (%s)", out.ARN, out.Status)
	tasks, ok := body["tasks"].([]any)
	if !ok {
		return errors.New("the demo's flow has no tasks")
	}
	for _, t := range tasks {
		if m, ok := t.(map[string]any); ok {
			line := taskLine(m)
			if strings.HasPrefix(line, "Filter PROJECTION") {
				line = "Filter PROJECTION 10 of 14 fields"
			}
			d.say("     %s", line)
		}
	}
	return nil
}

func (d *demoRun) run(ctx context.Context) error {
	d.say("\n3. StartFlow, and its run:")
	var out struct {
		ExecutionID string `json:"executionId"`
	}
	if err := d.client.call(ctx, "StartFlow", map[string]any{"flowName": "bird-strikes", "clientToken": uuid.NewString()}, &out); err != nil {
		return err
	}
	v, err := follow(ctx, d.cmd, d.client, out.ExecutionID)
	if err != nil {
		return err
	}
	d.view = v
	return conclude(d.cmd, v, false, false)
}

// show previews the output and says where it is.
func (d *demoRun) show(ctx context.Context) error {
	head, rows, err := preview(ctx, d.app.Connectors, d.app.Buckets(), "demo-out", "lake/bird-strikes/", 8)
	if err != nil {
		return err
	}
	d.say("\n4. What came out (Parquet, typed; the first %d records):\n", len(rows))
	table(d.cmd.OutOrStdout(), head, rows, 34)
	outputs, err := outputsOf(d.cmd, d.client, d.view.ID)
	if err != nil {
		return err
	}
	d.say("\n5. Files, published at once when the ledger closed:")
	for _, o := range outputs {
		d.say("     %s  %s, %s", filepath.Join(d.app.BucketDir("demo-out"), filepath.FromSlash(o.Data.Name)), size(o.Data.Bytes), records(o.Data.Rows))
	}
	var page struct {
		Rejects []flow.Reject `json:"rejects"`
	}
	if err := d.client.get(ctx, "/weir/v1/executions/"+d.view.ID+"/rejects", &page); err != nil {
		return err
	}
	if len(page.Rejects) > 0 {
		r := page.Rejects[0]
		d.say("     Every rejected record is on file with its reason, for instance record %d of %s:\n     %s: %s", r.Record, r.Object, r.Task, r.Reason)
	}
	return nil
}

// goOn says how to keep going with other tools.
func (d *demoRun) goOn(keep bool) {
	serve := ""
	if !keep {
		serve = fmt.Sprintf("  bin/weir serve --data %s &\n", d.app.Config.Data)
	}
	endpoint := d.client.endpoint
	if !keep {
		endpoint = "http://127.0.0.1:8080"
	}
	d.say(`
Keep going with the AWS CLI, boto3, Terraform or any AWS SDK; only the endpoint differs:

%s  export AWS_SHARED_CREDENTIALS_FILE=%s AWS_DEFAULT_REGION=us-east-1 AWS_ENDPOINT_URL_APPFLOW=%s
  aws appflow list-flows
  aws appflow start-flow --flow-name bird-strikes
  aws appflow describe-flow-execution-records --flow-name bird-strikes`,
		serve, filepath.Join(d.app.Config.Data, app.CredentialsFile), endpoint)
	if keep {
		d.say("\nThe server stays up. Press Ctrl-C to stop it.")
	}
}

// demoClient signs with the key that the start has made.
func demoClient(url string, a *app.App) *client {
	c := keyedClient(url, "us-east-1")
	c.creds.AccessKeyID, c.creds.SecretAccessKey = a.FirstKey.ID, a.FirstKey.Secret
	c.http.Timeout = time.Minute
	return c
}
