package cli

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/cli/flowfile"
)

// definitionFlags are shared by the commands that read definitions.
type definitionFlags struct {
	files, parameters []string
	credentials       string
	options           planOptions
}

func (f *definitionFlags) add(cmd *cobra.Command) {
	clientFlags(cmd)
	cmd.Flags().StringArrayVarP(&f.files, "file", "f", nil, "file or folder to read, - for standard input (repeatable)")
	cmd.Flags().StringArrayVar(&f.parameters, "parameter", nil, "NAME=VALUE of a CloudFormation parameter, or RESOURCE.ATTRIBUTE=VALUE (repeatable)")
	cmd.Flags().StringVar(&f.credentials, "credentials", "", "file with the credentials of profiles: profile name, then connectorProfileCredentials")
	cmd.Flags().StringVar(&f.options.prune, "prune", "", "delete flows that bear this tag, KEY=VALUE, and are in no file; all flows of the files have to bear it")
	cmd.Flags().BoolVar(&f.options.rotate, "rotate-credentials", false, "send the credentials of profiles even when nothing else differs")
}

// read reads all definitions of the files and of the arguments.
func (f *definitionFlags) read(region string, args []string) ([]flowfile.Definition, error) {
	files := append(append([]string(nil), f.files...), args...)
	if len(files) == 0 {
		return nil, usage("give at least one file: weir apply -f FILE")
	}
	settings, err := fileSettings(region, f.parameters)
	if err != nil {
		return nil, err
	}
	credentials, err := readCredentials(f.credentials)
	if err != nil {
		return nil, err
	}
	var all []flowfile.Definition
	for _, file := range files {
		defs, err := flowfile.Read(file, settings)
		if err != nil {
			return nil, &exitError{code: exitUsage, err: err}
		}
		for i := range defs {
			if err := credentials.Add(&defs[i]); err != nil {
				return nil, err
			}
		}
		all = append(all, defs...)
	}
	return all, nil
}

// readCredentials reads the file that --credentials names.
func readCredentials(path string) (flowfile.Credentials, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, &exitError{code: exitUsage, err: err}
	}
	c, err := flowfile.ParseCredentials(raw)
	if err != nil {
		return nil, usage("reading %s: %w", path, err)
	}
	return c, nil
}

func planCommand() *cobra.Command {
	var f definitionFlags
	cmd := &cobra.Command{
		Use:   "plan FILE...",
		Short: "Show what apply would change, and change nothing",
		Long: `Compare definitions in files with the server, member by member, and show what apply would create, update and delete.
It takes the same files as apply. Credentials of profiles cannot be compared, as no operation shows them.

The exit code is 0 whether or not there are changes. With --detailed-exitcode it is 3 when there are some; 2 means bad
usage or bad input, as everywhere.`,
		Example: "  weir plan flows/ cdk.out --parameter Stage=prod\n  weir plan flows/ --prune managed-by=infra --detailed-exitcode",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			defs, err := f.read(c.region, args)
			if err != nil {
				return err
			}
			steps, err := planSteps(cmd.Context(), c, defs, f.options)
			if err != nil {
				return err
			}
			return showSteps(cmd, steps)
		},
	}
	f.add(cmd)
	cmd.Flags().Bool("detailed-exitcode", false, "exit code 3 when something would change")
	return cmd
}

// showSteps prints a plan.
func showSteps(cmd *cobra.Command, steps []step) error {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	if asJSON {
		err = writeJSON(cmd.OutOrStdout(), steps)
	} else {
		printSteps(cmd.OutOrStdout(), steps)
	}
	if err != nil {
		return err
	}
	changes := 0
	for _, s := range steps {
		if s.Blocked != "" {
			return usage("%s %s: %s", s.Kind, s.Name, s.Blocked)
		}
		if s.Action != actionUnchanged {
			changes++
		}
	}
	if detailed, _ := cmd.Flags().GetBool("detailed-exitcode"); detailed && changes > 0 {
		return &exitError{code: exitPartly, quiet: true}
	}
	return nil
}

// marks stand in front of a step, as in a patch.
var marks = map[string]string{actionCreate: "+", actionUpdate: "~", actionDelete: "-", actionUnchanged: "="}

func printSteps(w io.Writer, steps []step) {
	count := map[string]int{}
	for _, s := range steps {
		count[s.Action]++
		fmt.Fprintf(w, "%s %s %s", marks[s.Action], s.Kind, s.Name)
		switch {
		case s.Action == actionUnchanged:
			fmt.Fprint(w, " (unchanged)")
		case s.Kind == "profile" && !s.Credentials:
			fmt.Fprint(w, " (without credentials)")
		case s.Kind == "profile":
			fmt.Fprint(w, " (credentials are sent)")
		case s.Action == actionCreate && s.status == "StartFlow":
			fmt.Fprint(w, " (and start it)")
		}
		fmt.Fprintln(w)
		for _, c := range s.Changes {
			fmt.Fprintln(w, "    "+c.String())
		}
		if s.Blocked != "" {
			fmt.Fprintln(w, "  ! "+s.Blocked)
		}
	}
	fmt.Fprintf(w, "%d to create, %d to update, %d to delete, %d unchanged\n", count[actionCreate], count[actionUpdate], count[actionDelete], count[actionUnchanged])
}
