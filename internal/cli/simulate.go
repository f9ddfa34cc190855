package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	salesforce "weir.dev/weir/connectors/salesforce/fake"
	zendesk "weir.dev/weir/connectors/zendesk/fake"
	"weir.dev/weir/flow"
)

// simulation is a vendor's stand-in.
type simulation struct {
	vendor  string // as it is typed
	entity  string // one to try
	modes   []string
	handler func(o simulationOptions) (http.Handler, error)
	profile func(url string) string // a CreateConnectorProfile request
}

type simulationOptions struct {
	seed    int
	records int
	mode    string
}

// simulations are the vendors that there is a stand-in of.
var simulations = []simulation{{
	vendor: "zendesk", entity: "tickets", modes: modesOf(zendesk.Modes()),
	handler: func(o simulationOptions) (http.Handler, error) {
		a := zendesk.New(zendesk.Options{Seed: uint64(o.seed), Records: o.records})
		return a, a.SetMode(zendesk.Mode(o.mode))
	},
	profile: func(url string) string {
		return `connectorProfileName: sample
connectorType: ` + string(flow.Zendesk) + `
connectionMode: Public
connectorProfileConfig:
  connectorProfileProperties: {Zendesk: {instanceUrl: "` + url + `"}}
  connectorProfileCredentials: {Zendesk: {clientId: sample, clientSecret: sample, accessToken: sample}}
`
	},
}, {
	vendor: "salesforce", entity: "Account", modes: modesOf(salesforce.Modes()),
	handler: func(o simulationOptions) (http.Handler, error) {
		org := salesforce.New(salesforce.Options{Seed: uint64(o.seed), Accounts: o.records, Gzip: true})
		salesforce.NewBus(org, salesforce.BusOptions{})
		return org, org.SetMode(salesforce.Mode(o.mode))
	},
	profile: func(url string) string {
		return `connectorProfileName: sample
connectorType: ` + string(flow.Salesforce) + `
connectionMode: Public
connectorProfileConfig:
  connectorProfileProperties: {Salesforce: {instanceUrl: "` + url + `", isSandboxEnvironment: false}}
  connectorProfileCredentials: {Salesforce: {accessToken: sample, refreshToken: sample}}
`
	},
}}

func modesOf[T ~string](list []T) []string {
	var out []string
	for _, m := range list {
		if m != "" {
			out = append(out, string(m))
		}
	}
	return out
}

func simulateCommand() *cobra.Command {
	var o simulationOptions
	var listen string
	var vendors []string
	for _, s := range simulations {
		vendors = append(vendors, s.vendor)
	}
	cmd := &cobra.Command{
		Use:   "simulate VENDOR",
		Short: "Serve a stand-in of a vendor with sample data, to try flows without an account",
		Long: `Serve a stand-in of a vendor's API, written from the vendor's documentation, with sample records made from a seed. It takes
any credentials, keeps what is written to it until it ends, and misbehaves as the vendor does with --mode.

Vendors: ` + strings.Join(vendors, ", ") + `

It listens on this machine only, and without TLS: the server or the run that uses it needs --allow-network 127.0.0.0/8.`,
		Example: `  weir simulate zendesk --listen 127.0.0.1:8081 --seed 7 > profile.yaml
  weir run flow.yaml --profile profile.yaml --allow-network 127.0.0.0/8`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return simulate(cmd, args[0], listen, o) },
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "address to serve on (port 0 takes a free one)")
	cmd.Flags().IntVar(&o.seed, "seed", 1, "seed of the sample records; the same seed gives the same records")
	cmd.Flags().IntVar(&o.records, "records", 1000, "how many of its main records there are")
	cmd.Flags().StringVar(&o.mode, "mode", "", "how it misbehaves; a wrong one lists them")
	return cmd
}

// simulate serves until it is interrupted. Standard output holds a profile to use, standard error everything else.
func simulate(cmd *cobra.Command, vendor, listen string, o simulationOptions) error {
	at := slices.IndexFunc(simulations, func(s simulation) bool { return s.vendor == strings.ToLower(vendor) })
	if at < 0 {
		return usage("there is no stand-in of %q; see weir simulate --help", vendor)
	}
	s := simulations[at]
	if o.mode != "" && !slices.Contains(s.modes, o.mode) {
		return usage("%s has no mode %q; it has %s", s.vendor, o.mode, strings.Join(s.modes, ", "))
	}
	if o.records < 0 || o.records > 1_000_000 {
		return usage("--records must be between 0 and 1000000")
	}
	handler, err := s.handler(o)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	url := "http://" + l.Addr().String()
	fmt.Fprint(cmd.OutOrStdout(), s.profile(url))
	fmt.Fprintf(cmd.ErrOrStderr(), "serving a stand-in of %s at %s; its object %q is a good one to begin with. Interrupt to end.\n", s.vendor, url, s.entity)
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, Protocols: salesforce.BusProtocols()} // gRPC needs HTTP/2
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-cmd.Context().Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(cmd.Context()), 5*time.Second)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return errors.Join(err, server.Close())
	}
	return nil
}
