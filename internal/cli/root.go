// Package cli is the weir command: flags, environment and configuration file in; tables for people and JSON for scripts
// out. Commands that manage flows talk to a server through its API; serve, run, keys, backup and restore work in
// process.
//
// Exit codes: 0 done; 1 the run or call failed; 2 bad usage or bad input; 3 partly done (records rejected) with
// --strict; 130 interrupted.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/app"
)

// Exit codes that scripts rely on.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitPartly      = 3
	exitInterrupted = 130
)

// exitError carries an exit code to Main. A quiet one has been explained already.
type exitError struct {
	code  int
	err   error
	quiet bool
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exitError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// Main runs the command line and returns the process's exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return execute(ctx, args, stdout, stderr)
}

// execute is Main without the process's signals: the end of ctx stands for an interrupt.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	return report(ctx, err, stderr)
}

// report prints an error as one line that says what to do, and picks the exit code.
func report(ctx context.Context, err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	var ee *exitError
	if errors.As(err, &ee) {
		if !ee.quiet {
			fmt.Fprintln(stderr, "weir: "+err.Error())
		}
		return ee.code
	}
	if ctx.Err() != nil {
		fmt.Fprintln(stderr, "weir: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(stderr, "weir: "+err.Error())
	if fault.Is(err, fault.Validation) || isCobraUsage(err) {
		return exitUsage
	}
	return exitFailed
}

// isCobraUsage recognises the errors that the flag parser makes, which have no type of their own.
func isCobraUsage(err error) bool {
	for _, prefix := range []string{"unknown command", "unknown flag", "unknown shorthand", "flag needs an argument", "invalid argument", "accepts ", "requires at least", "required flag"} {
		if strings.HasPrefix(err.Error(), prefix) {
			return true
		}
	}
	return false
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "weir",
		Short: "Move records between SaaS applications, warehouses, event buses and object stores",
		Long: `Weir is Amazon AppFlow that anyone can run: declarative flows behind AppFlow's own API,
so that boto3, the AWS CLI, Terraform and every AWS SDK drive it with only an endpoint URL.

  weir demo          see the main job done on real data
  weir serve         start the server
  weir run FILE      run one flow at once, without a server

Every flag can be set by an environment variable (--bucket-url is WEIR_BUCKET_URL) or by
the same name in the file given with --config.`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return applySettings(cmd) },
		Version:           app.Version,
	}
	root.PersistentFlags().String("config", "", "file of settings in YAML: flag names with their values")
	root.AddGroup(&cobra.Group{ID: "flows", Title: "Flows:"}, &cobra.Group{ID: "server", Title: "Server:"})
	for _, c := range []*cobra.Command{runCommand(), planCommand(), applyCommand(), exportCommand(), importCommand(), flowsCommand(), startCommand(), stopCommand(), scheduleCommand(), positionCommand(), listenersCommand(), eventsCommand(), executionsCommand(), logsCommand(), deleteCommand()} {
		c.GroupID = "flows"
		root.AddCommand(c)
	}
	for _, c := range []*cobra.Command{serveCommand(), workerCommand(), demoCommand(), connectCommand(), connectorCommand(), keysCommand(), auditCommand(), backupCommand(), restoreCommand()} {
		c.GroupID = "server"
		root.AddCommand(c)
	}
	root.AddCommand(simulateCommand(), versionCommand(), docsCommand())
	return root
}
