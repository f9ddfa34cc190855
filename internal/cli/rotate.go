package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/app"
)

func rotateMasterCommand() *cobra.Command {
	var cfg app.Config
	var to string
	var from []string
	cmd := &cobra.Command{
		Use:   "rotate-master",
		Short: "Have another master key seal all access keys and profiles",
		Long: `Have another master key seal all access keys and the credentials of all profiles. Without --to, a new key is put
into the key file of the data directory; with it, the key of that URL takes over.

Servers may run meanwhile: the old key still opens what it sealed, and servers learn of the new one by themselves,
unless its URL is the key itself (base64key://…); restart them with --key-url and --old-key-url then. The command may
be repeated, and goes on where it was interrupted.`,
		Example: `  weir keys rotate-master
  weir keys rotate-master --to 'awskms:///alias/weir?region=eu-north-1'
  weir keys rotate-master --to hashivault://weir --from 'awskms:///alias/weir?region=eu-north-1'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
			done, err := app.RotateMaster(cmd.Context(), cfg, to, from, log)
			if err != nil {
				return err
			}
			if done.ByServer {
				return answer(cmd, done, "A server has the store open; it reseals everything within seconds, and says so in its log.%s", settingsHint(to))
			}
			return answer(cmd, done, "Resealed %s and %s; %s had the new master key already.%s",
				number(int64(done.Keys), "access key"), number(int64(done.Profiles), "profile"), number(int64(done.Kept), "secret"), settingsHint(to))
		},
	}
	storeFlags(cmd, &cfg)
	cmd.Flags().StringVar(&to, "to", "", "the new master key's URL (default: a new key in the data directory's key file)")
	cmd.Flags().StringArrayVar(&from, "from", nil, "a master key that sealed before, when --key-url does not name it (repeatable)")
	cmd.Flags().StringVar(&cfg.KMSURL, "kms-url", "", "as for weir serve")
	cmd.Flags().StringP("output", "o", "table", "table or json")
	return cmd
}

func settingsHint(to string) string {
	if to == "" {
		return ""
	}
	return "\nStart servers with the new key as --key-url from now on; the old one may go once no backup needs it."
}
