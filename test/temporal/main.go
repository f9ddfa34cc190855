// Command temporal is a Temporal server for tests: all four services in one process, on a PostgreSQL that the tests
// start. It makes its databases and schemas when they are missing, prints "ready" when it answers, and ends with its
// standard input, so that no test can leave one behind.
//
//	temporal -host /tmp/socket-folder -user weir -port 7233
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/dynamicconfig"
	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/postgresql"
	"go.temporal.io/server/temporal"
	"go.temporal.io/server/tools/common/schema"
	"go.temporal.io/server/tools/sql"
	"google.golang.org/protobuf/types/known/durationpb"
)

type settings struct {
	host, user string // of PostgreSQL: the folder of its socket, and who connects
	name       string // of the database; that of visibility has _visibility behind it
	ip         string
	port       int // of the frontend
	level      string
}

func main() {
	var s settings
	flag.StringVar(&s.host, "host", "", "folder of PostgreSQL's socket")
	flag.StringVar(&s.user, "user", "weir", "PostgreSQL's user")
	flag.StringVar(&s.name, "database", "temporal", "name of the database")
	flag.StringVar(&s.ip, "ip", "127.0.0.1", "address to listen on")
	flag.IntVar(&s.port, "port", 7233, "port of the frontend, below 32760: the schema keeps ports in 16 bits with a sign; the seven after it are used, too")
	flag.StringVar(&s.level, "log", "fatal", "level of the log")
	flag.Parse()
	if err := run(s); err != nil {
		fmt.Fprintln(os.Stderr, "temporal:", err)
		os.Exit(1)
	}
}

func run(s settings) error {
	logger := log.NewZapLogger(log.BuildZapLogger(log.Config{Stdout: false, Level: s.level}))
	for _, db := range []struct{ name, schema string }{
		{s.name, "postgresql/v12/temporal"}, {s.name + "_visibility", "postgresql/v12/visibility"},
	} {
		if err := prepare(s.database(db.name), db.schema, logger); err != nil {
			return fmt.Errorf("making the database %q: %w", db.name, err)
		}
	}
	server, err := temporal.NewServer(
		temporal.ForServices(temporal.DefaultServices), temporal.WithConfig(s.config()), temporal.WithLogger(logger),
		temporal.WithAuthorizer(authorization.NewNoopAuthorizer()),
		temporal.WithDynamicConfigClient(dynamicconfig.StaticClient{
			dynamicconfig.FrontendEnableUpdateWorkflowExecution.Key():      true,
			dynamicconfig.FrontendEnableWorkerVersioningWorkflowAPIs.Key(): true,
			dynamicconfig.EnableDeploymentVersions.Key():                   true,
		}),
	)
	if err != nil {
		return fmt.Errorf("building the server: %w", err)
	}
	if err := server.Start(); err != nil {
		return fmt.Errorf("starting the server: %w", err)
	}
	if err := s.namespace(); err != nil {
		return err
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return nil // nothing of it is needed any more; stopping in order would wait for a database that may be gone
}

func (s settings) database(name string) *config.SQL {
	return &config.SQL{
		PluginName: postgresql.PluginNamePGX, DatabaseName: name, User: s.user, ConnectAddr: "localhost:5432", ConnectProtocol: "tcp",
		ConnectAttributes: map[string]string{"host": s.host, "sslmode": "disable"}, MaxConns: 20, MaxIdleConns: 20, MaxConnLifetime: time.Hour,
	}
}

// prepare makes a database with its schema. It does nothing when both are there.
func prepare(cfg *config.SQL, name string, logger log.Logger) error {
	create := *cfg
	if err := sql.DoCreateDatabase(&create, "postgres", logger); err != nil {
		conn, connErr := sql.NewConnection(cfg, logger)
		if connErr != nil {
			return err
		}
		conn.Close()
		return nil // made by an earlier process
	}
	conn, err := sql.NewConnection(cfg, logger)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := schema.NewSetupSchemaTask(conn, &schema.SetupConfig{InitialVersion: "0.0"}, logger).Run(); err != nil {
		return err
	}
	return schema.NewUpdateSchemaTask(conn, &schema.UpdateConfig{DBName: cfg.DatabaseName, SchemaName: name}, logger).Run()
}

// config puts the services on the ports that follow the frontend's, so that a restarted server is its old self to what
// remembers its members.
func (s settings) config() *config.Config {
	address := net.JoinHostPort(s.ip, strconv.Itoa(s.port))
	services := map[string]config.Service{}
	for i, name := range []string{"frontend", "history", "matching", "worker"} {
		services[name] = config.Service{RPC: config.RPC{BindOnIP: s.ip, GRPCPort: s.port + 2*i, MembershipPort: s.port + 2*i + 1}}
	}
	return &config.Config{
		Global: config.Global{Membership: config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: s.ip}},
		Persistence: config.Persistence{
			DefaultStore: "default", VisibilityStore: "visibility", NumHistoryShards: 4,
			DataStores: map[string]config.DataStore{
				"default": {SQL: s.database(s.name)}, "visibility": {SQL: s.database(s.name + "_visibility")},
			},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10, MasterClusterName: "active", CurrentClusterName: "active",
			ClusterInformation: map[string]cluster.ClusterInformation{
				"active": {Enabled: true, InitialFailoverVersion: 1, RPCAddress: address},
			},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            services,
		Archival:            config.Archival{History: config.HistoryArchival{State: "disabled"}, Visibility: config.VisibilityArchival{State: "disabled"}},
		PublicClient:        config.PublicClient{HostPort: address},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History: config.HistoryArchivalNamespaceDefaults{State: "disabled"}, Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
	}
}

// namespace makes the namespace "default" and waits until a workflow can be started there.
func (s settings) namespace() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	options := client.Options{HostPort: net.JoinHostPort(s.ip, strconv.Itoa(s.port))}
	for {
		err := s.tryNamespace(ctx, options)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("making the namespace: %w", err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s settings) tryNamespace(ctx context.Context, options client.Options) error {
	names, err := client.NewNamespaceClient(options)
	if err != nil {
		return err
	}
	defer names.Close()
	if _, err := names.Describe(ctx, client.DefaultNamespace); err != nil {
		return errors.Join(err, names.Register(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace: client.DefaultNamespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
		}))
	}
	c, err := client.DialContext(ctx, options)
	if err != nil {
		return err
	}
	defer c.Close()
	run, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "trial", TaskQueue: "nobody's"}, "trial")
	if err != nil {
		return err
	}
	return c.TerminateWorkflow(ctx, run.GetID(), run.GetRunID(), "the trial is over")
}
