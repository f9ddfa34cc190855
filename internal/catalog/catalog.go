// Package catalog registers what runs have written in the AWS Glue Data Catalog, the way AppFlow does: one table for the
// latest run, one for each schema version, and one for each run where runs have folders of their own
// (https://docs.aws.amazon.com/appflow/latest/userguide/flows-catalog.html).
//
// It works from a plan and the keys of the published files; it reads no data and writes none. Every call states how things
// are to be, so doing it again after a crash changes nothing. The database must exist. Failures are told in the details
// and reach nobody else: the transfer has succeeded by then.
package catalog

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

// Glue registers tables. The role of a flow's configuration is not assumed: it trusts AppFlow, not Weir. Safe for
// concurrent use; runs of one flow do not register at the same time, because they do not run at the same time.
type Glue struct {
	// Load gives the AWS SDK's settings: credentials, region, endpoint. It is asked until it once has. Required.
	Load     func(ctx context.Context) (aws.Config, error)
	Endpoint string       // of Glue; empty is that of the settings
	Log      *slog.Logger // nil discards

	mu     sync.Mutex // guards client
	client *client
}

func (g *Glue) api(ctx context.Context) (*client, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.client != nil {
		return g.client, nil
	}
	cfg, err := g.Load(ctx)
	if err != nil {
		return nil, err
	}
	g.client, err = newClient(cfg, g.Endpoint)
	return g.client, err
}

// Register makes or updates the tables of a successful run, and their partitions. The flow's time of creation is part of
// the name of its latest table. One detail for each table is returned, whatever happens.
func (g *Glue) Register(ctx context.Context, to flow.GlueConfig, flowCreatedAt time.Time, p *plan.Plan, keys []string) []flow.CatalogDetail {
	tables, err := tablesOf(to, flowCreatedAt, p, keys)
	if err != nil {
		return []flow.CatalogDetail{{Table: latestName(to, flowCreatedAt, p), Tables: failed(err)}}
	}
	client, err := g.api(ctx)
	if err == nil {
		err = client.prove(ctx)
	}
	details := make([]flow.CatalogDetail, len(tables))
	for i := range tables {
		details[i] = flow.CatalogDetail{Table: tables[i].name}
		if err != nil { // the settings could not be read
			details[i].Tables = failed(err)
			continue
		}
		w := work{client: client, database: to.DatabaseName, table: &tables[i]}
		details[i].Tables, details[i].Partitions = w.do(ctx)
	}
	if g.Log != nil {
		g.Log.Debug("registered in the catalog", "flow", p.FlowName, "execution", p.ExecutionID, "tables", len(tables), "failed", err != nil)
	}
	return details
}

func failed(err error) flow.CatalogOutcome {
	return flow.CatalogOutcome{Status: flow.ExecutionError, Message: brief(err), Result: "0"}
}

func done(n int) flow.CatalogOutcome {
	return flow.CatalogOutcome{Status: flow.ExecutionSuccessful, Result: strconv.Itoa(n)}
}
