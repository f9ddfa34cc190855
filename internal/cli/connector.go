package cli

import "github.com/spf13/cobra"

// connectorCommand gathers what authors of connectors need.
func connectorCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "connector", Short: "Write, run and check connectors of your own"}
	cmd.AddCommand(connectorRunCommand(), connectorCertifyCommand(), connectorTestCommand(), connectorNewCommand(), connectorLintCommand(), connectorSchemaCommand())
	return cmd
}
