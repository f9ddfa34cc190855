package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"runtime/pprof"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/app"
	"weir.dev/weir/internal/cli/flowfile"
	"weir.dev/weir/internal/durable"
	"weir.dev/weir/internal/plan"
)

func runCommand() *cobra.Command {
	var cfg app.Config
	cmd := &cobra.Command{
		Use:   "run FILE",
		Short: "Run one flow at once, without a server",
		Long: `Run one flow at once, in the foreground, without server or store. FILE is a CreateFlow request as JSON or YAML, or a
CloudFormation template with one flow; - is standard input. Output appears when the run has succeeded; a run that fails
or is interrupted leaves nothing behind.`,
		Example: `  weir run flow.yaml --bucket shop=file:///srv/shop --bucket lake=file:///srv/lake
  weir run flow.yaml --dry-run`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			stop, err := profileCPU(cmd)
			if err != nil {
				return err
			}
			defer stop()
			return runFile(cmd, cfg, args[0])
		},
	}
	cmd.Flags().StringVar(&cfg.Data, "data", app.DefaultDataDir(), "data directory, for buckets without a URL")
	engineFlags(cmd, &cfg)
	outboundFlags(cmd, &cfg)
	cmd.Flags().StringVar(&cfg.ProfileFile, "profile", "", "file of CreateConnectorProfile requests, as JSON or YAML, that the flow's profiles come from")
	cmd.Flags().StringArrayVar(&cfg.CustomConnectors, "connector", nil, "LABEL=ARN or LABEL=URL: the function of a custom connector (repeatable)")
	cmd.Flags().StringArrayVar(&cfg.ConnectorSecrets, "connector-secrets", nil, "where that function finds credentials: aws, or host:port on loopback (repeatable)")
	cmd.Flags().StringVar(&cfg.Connectors, "connectors", "", "folder of manifests: LABEL.yaml is the custom connector of that label (see weir connector)")
	cmd.Flags().Bool("dry-run", false, "print the plan and the splits, and move nothing")
	cmd.Flags().Bool("strict", false, "exit code 3 when records were rejected")
	cmd.Flags().BoolP("quiet", "q", false, "no progress, no summary; errors only")
	cmd.Flags().StringP("output", "o", "table", "table or json")
	cmd.Flags().String("cpu-profile", "", "write a profile for `go tool pprof` to this file")
	return cmd
}

// profileCPU starts the profile that --cpu-profile asks for.
func profileCPU(cmd *cobra.Command) (stop func(), err error) {
	path, _ := cmd.Flags().GetString("cpu-profile")
	if path == "" {
		return func() {}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() { pprof.StopCPUProfile(); f.Close() }, nil
}

func runFile(cmd *cobra.Command, cfg app.Config, path string) error {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	defs, err := flowfile.Read(path, flowfile.Settings{Region: "us-east-1", AccountID: "000000000000"})
	if err != nil {
		return &exitError{code: exitUsage, err: err}
	}
	defs = slices.DeleteFunc(defs, func(d flowfile.Definition) bool { return d.Kind != flowfile.Flow }) // profiles come by --profile
	if len(defs) != 1 {
		return usage("reading %s: one flow is expected, %d were found", path, len(defs))
	}
	level := slog.LevelWarn
	r, err := app.NewOneRun(cfg, defs[0].Request, slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level})))
	if err != nil {
		return err
	}
	defer r.Close()
	if dry, _ := cmd.Flags().GetBool("dry-run"); dry {
		p, splits, err := r.Plan(cmd.Context())
		if err != nil {
			return err
		}
		return showPlan(cmd, p, splits, asJSON)
	}
	quiet, _ := cmd.Flags().GetBool("quiet")
	started := time.Now()
	res, err := runWatched(cmd, r, quiet)
	if err != nil {
		return runFailed(cmd, res, err)
	}
	return runDone(cmd, res, time.Since(started), asJSON, quiet)
}

// runWatched runs and draws the progress.
func runWatched(cmd *cobra.Command, r *app.OneRun, quiet bool) (*durable.RunResult, error) {
	if quiet {
		return r.Run(cmd.Context())
	}
	bar := newProgress(cmd.ErrOrStderr())
	done, drawn := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(drawn)
		tick := time.NewTicker(redraw)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				if p, ok := r.Progress(); ok {
					bar.show(p.Totals, p.BytesTotal)
				}
			}
		}
	}()
	res, err := r.Run(cmd.Context())
	close(done)
	<-drawn
	if err != nil {
		bar.breakOff()
		return res, err
	}
	bar.finish(res.Totals)
	return res, nil
}

// runFailed explains a failed run. Bad definitions and bad data are both the user's to mend, but only the first is bad
// usage; a run that began has failed.
func runFailed(cmd *cobra.Command, res *durable.RunResult, err error) error {
	if cmd.Context().Err() != nil || fault.Is(err, fault.Canceled) || errors.Is(err, context.Canceled) {
		return &exitError{code: exitInterrupted, err: errors.New("interrupted; nothing was published")}
	}
	if res == nil || res.Plan == nil {
		return err
	}
	return &exitError{code: exitFailed, err: fmt.Errorf("the run failed and published nothing: %w", err)}
}

// runReport is what --output json prints.
type runReport struct {
	ExecutionID string              `json:"executionId"`
	Totals      flow.Totals         `json:"totals"`
	Seconds     float64             `json:"seconds"`
	Outputs     []connector.Receipt `json:"outputs"`
	Rejects     []flow.Reject       `json:"rejects,omitzero"`
}

func runDone(cmd *cobra.Command, res *durable.RunResult, took time.Duration, asJSON, quiet bool) error {
	w := cmd.OutOrStdout()
	switch {
	case asJSON:
		if err := writeJSON(w, runReport{res.Plan.ExecutionID, res.Totals, took.Seconds(), res.Outputs, res.Rejects}); err != nil {
			return err
		}
	case !quiet:
		printOutcome(w, flow.ExecutionSuccessful, res.Totals, took)
		for i, o := range res.Outputs {
			if i == 10 {
				fmt.Fprintf(w, "  … and %d more\n", len(res.Outputs)-i)
				break
			}
			fmt.Fprintf(w, "  %s (%s, %s)\n", o.Name, records(o.Rows), size(o.Bytes))
		}
		for i, r := range res.Rejects {
			if i == 5 {
				break
			}
			fmt.Fprintf(w, "  rejected: record %s of %s: %s: %s\n", count(r.Record), r.Object, r.Task, r.Reason)
		}
	}
	if strict, _ := cmd.Flags().GetBool("strict"); strict && res.Totals.Rejected > 0 {
		return &exitError{code: exitPartly, err: fmt.Errorf("%s rejected", records(res.Totals.Rejected))}
	}
	return nil
}

// showPlan prints what a run would do.
func showPlan(cmd *cobra.Command, p *plan.Plan, splits []connector.Split, asJSON bool) error {
	w := cmd.OutOrStdout()
	if asJSON {
		return writeJSON(w, map[string]any{"plan": p, "splits": splits})
	}
	fmt.Fprintf(w, "Read %d of %d fields from %s, in %s:\n", len(p.Source.Read.Fields), len(p.Source.Read.Schema.Fields), p.Source.Connector, number(int64(len(splits)), "split"))
	for i, s := range splits {
		if i == 10 {
			fmt.Fprintf(w, "  … and %d more\n", len(splits)-i)
			break
		}
		fmt.Fprintf(w, "  %s (%s)\n", s.Label, size(s.Bytes))
	}
	step := func(kind string, n int, each func(i int) string) {
		for i := range n {
			fmt.Fprintf(w, "%-10s %s\n", kind, each(i))
		}
	}
	prog := &p.Program
	step("filter", len(prog.Filters), func(i int) string {
		f := &prog.Filters[i]
		return fmt.Sprintf("%s %s %q, compared as %s", f.Field, f.Operator, f.Values, f.Compare)
	})
	step("validate", len(prog.Validations), func(i int) string {
		v := &prog.Validations[i]
		action := "drops the record"
		if v.DropDataset {
			action = "ends the run"
		}
		return fmt.Sprintf("%s %s, else %s", v.Field, v.Operator, action)
	})
	step("derive", len(prog.Derived), func(i int) string { return prog.Derived[i].Task.Label })
	step("edit", len(prog.Edits), func(i int) string { return prog.Edits[i].Task.Label })
	step("write", len(prog.Outputs), func(i int) string {
		o := &prog.Outputs[i]
		if o.Type != "" {
			return fmt.Sprintf("%s → %s as %s", o.Field, o.Name, o.Type)
		}
		return fmt.Sprintf("%s → %s", o.Field, o.Name)
	})
	if f := p.Dest.Files; f != nil {
		fmt.Fprintf(w, "to         %s files in %s", f.Type, filesFolder(f.Prefix, p.FlowName))
		if len(prog.PartitionBy) > 0 {
			fmt.Fprintf(w, ", in folders by %q", prog.PartitionBy)
		}
		fmt.Fprintln(w)
	}
	return nil
}

// filesFolder is where files land, up to the folders that their dates and values decide.
func filesFolder(prefix, flowName string) string { return path.Join(prefix, flowName) + "/" }
