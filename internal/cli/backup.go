package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/app"
)

func backupCommand() *cobra.Command {
	var cfg app.Config
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a consistent copy of all state to a file",
		Long: `Write a consistent copy of flows, history, ledger and keys to a file, while the server runs. Secrets stay sealed:
keep the data directory's vault.key with it. With --offline the data directory is read directly, for when no server runs.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			offline, _ := cmd.Flags().GetBool("offline")
			write := func(w io.Writer) error { return backupOffline(cmd.Context(), cfg, w) }
			if !offline {
				c, err := newClient(cmd)
				if err != nil {
					return err
				}
				write = func(w io.Writer) error { return c.download(cmd.Context(), "/weir/v1/backup", w) }
			}
			n, err := writeWhole(args[0], write)
			if err != nil {
				return err
			}
			return answer(cmd, map[string]any{"file": args[0], "bytes": n}, "Wrote %s (%s).", args[0], size(n))
		},
	}
	clientFlags(cmd)
	cmd.Flags().StringVar(&cfg.Store, "store", "sqlite", "with --offline: sqlite (in the data directory) or postgres://…")
	cmd.Flags().Bool("offline", false, "read the store directly; no server may be using the data directory")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { cfg.Data, _ = cmd.Flags().GetString("data") }
	return cmd
}

func backupOffline(ctx context.Context, cfg app.Config, w io.Writer) error {
	st, err := app.OpenStore(ctx, cfg)
	if err != nil {
		return err
	}
	defer st.Close()
	return st.Backup(ctx, w)
}

// writeWhole makes a file appear only when it is complete.
func writeWhole(path string, write func(io.Writer) error) (int64, error) {
	temp := path + ".part"
	f, err := os.OpenFile(temp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return 0, err
	}
	err = write(f)
	n, seekErr := f.Seek(0, io.SeekCurrent)
	if err = errors.Join(err, seekErr, f.Sync(), f.Close()); err != nil {
		return 0, errors.Join(err, os.Remove(temp))
	}
	return n, os.Rename(temp, path)
}

func restoreCommand() *cobra.Command {
	var cfg app.Config
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Fill an empty store from a backup",
		Long: `Fill an empty store from a backup, of the same kind or the other one: a backup of SQLite restores into PostgreSQL.
The server must not be running.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return &exitError{code: exitUsage, err: err}
			}
			defer f.Close()
			st, err := app.OpenStore(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer st.Close()
			if err := st.Restore(cmd.Context(), f); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "Restored %s.\n", args[0])
			return nil
		},
	}
	storeFlags(cmd, &cfg)
	return cmd
}
