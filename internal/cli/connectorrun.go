package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"weir.dev/weir/internal/app"
	"weir.dev/weir/internal/handlerhost"
	"weir.dev/weir/internal/secretserver"
)

// invocations is where a host takes events, as AWS's runtime interface emulator has it.
const invocations = "/2015-03-31/functions/function/invocations"

// exampleARN stands for a function that is not in AWS.
const exampleARN = "arn:aws:lambda:us-east-1:000000000000:function:NAME"

// hostFlags are those of commands that run a handler.
type hostFlags struct {
	python      string
	java        string // class path
	handler     string // class
	interpreter string
	workers     int
	listen      string
}

func (f *hostFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.python, "python", "", "FILE.py[:FUNCTION] or MODULE[:FUNCTION]: the handler to run; the function is lambda_handler by default")
	cmd.Flags().StringVar(&f.java, "java", "", "JAR or class path of a handler in Java, which --handler names; it takes a JDK of version 11 or newer")
	cmd.Flags().StringVar(&f.handler, "handler", "", "CLASS[::METHOD]: the handler in --java, as AWS Lambda has it; the method is handleRequest by default")
	cmd.Flags().StringVar(&f.interpreter, "interpreter", "", "Python or Java to run it with, such as that of a virtual environment (default: python3 or java)")
}

// isGiven reports whether a handler is named, and refuses half of one. Its error is bad usage.
func (f *hostFlags) isGiven() (bool, error) {
	switch {
	case f.python != "" && f.java != "":
		return false, usage("--python and --java name two handlers: give one")
	case (f.java == "") != (f.handler == ""):
		return false, usage("--java and --handler go together: a class path, and the class in it")
	}
	return f.python != "" || f.java != "", nil
}

// name is the handler as people know it.
func (f *hostFlags) name() string {
	if f.java != "" {
		return f.handler
	}
	return f.python
}

// options say what to run.
func (f *hostFlags) options() (o handlerhost.Options, err error) {
	o = handlerhost.Options{Interpreter: f.interpreter, ClassPath: f.java, Workers: f.workers}
	if f.java != "" {
		o.Source, o.Function, err = handlerhost.SplitClass(f.handler)
	} else {
		o.Source, o.Function, err = handlerhost.SplitSource(f.python)
	}
	return o, err
}

func connectorRunCommand() *cobra.Command {
	var f hostFlags
	var data string
	cmd := &cobra.Command{
		Use:   "run {--python FILE[:FUNCTION] | --java JAR --handler CLASS}",
		Short: "Run the handler of a custom connector on this machine",
		Long: `Run the handler of a custom connector, written for AppFlow on AWS Lambda, on this machine: in processes that are replaced
when they end, and without a limit of time. Point a server at it with weir serve --connector ARN=URL. The handler finds
its credentials as in AWS, by GetSecretValue, where the SDK that it uses reads AWS_ENDPOINT_URL_SECRETS_MANAGER; what it
prints is shown without them.`,
		Example: `  weir connector run --python handler.py
  weir connector run --java target/connector.jar --handler com.example.ShopHandler
  weir connector run --python my_connector.main:handler --interpreter .venv/bin/python --listen 127.0.0.1:9001`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if isGiven, err := f.isGiven(); err != nil {
				return err
			} else if !isGiven {
				return usage("which handler? name it with --python FILE.py[:FUNCTION], or with --java JAR --handler CLASS")
			}
			env := filepath.Join(data, secretserver.EnvFile)
			h, url, err := startHost(cmd.Context(), &f, env, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "weir: running %s at %s\nweir: use it with\n\n  weir serve --connector %s=%s\n\n", f.name(), url, exampleARN, url)
			if _, err := os.Stat(env); err != nil {
				fmt.Fprintf(cmd.ErrOrStderr(), "weir: there is no %s yet; weir serve --connector makes it, and the handler finds credentials from then on\n", env)
			}
			<-cmd.Context().Done()
			return h.Close()
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.listen, "listen", "127.0.0.1:9000", "address on loopback to take events at")
	cmd.Flags().IntVar(&f.workers, "workers", 4, "processes at most; each answers one event at a time")
	cmd.Flags().StringVar(&data, "data", app.DefaultDataDir(), "data directory of the server, where it says how secrets are found")
	return cmd
}

// host is a handler that takes events over HTTP.
type host struct {
	handler *handlerhost.Host
	http    *http.Server
	done    chan struct{}
}

func (h *host) Close() error {
	err := h.http.Close()
	<-h.done
	return errors.Join(err, h.handler.Close())
}

// startHost runs a handler, and returns where it takes events. Env is the file of settings with which it finds secrets.
func startHost(ctx context.Context, f *hostFlags, env string, log io.Writer) (*host, string, error) {
	o, err := f.options()
	if err != nil {
		return nil, "", err
	}
	name, _, err := net.SplitHostPort(f.listen)
	if ip := net.ParseIP(name); err != nil || name != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, "", usage("--listen %s must be an address on loopback: events are not authenticated", f.listen)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return nil, "", fmt.Errorf("listening for events: %w", err)
	}
	base := "http://" + l.Addr().String()
	o.Log = log
	o.Env = func() []string { return handlerEnv(env, base+handlerhost.SecretsPath) }
	o.Secrets = func() string {
		settings, _ := secretserver.ReadEnv(env) // none yet
		return settings[secretserver.Endpoint]
	}
	handler, err := handlerhost.Open(ctx, o)
	if err != nil {
		return nil, "", errors.Join(err, l.Close())
	}
	h := &host{handler: handler, done: make(chan struct{}), http: &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}}
	go func() { defer close(h.done); _ = h.http.Serve(l) }()
	return h, base + invocations, nil
}

// handlerEnv is the environment of a handler: this process's without the keys of Weir and AWS, and the settings of the
// secret server, reached through the host. Without such a server the handler's own AWS settings stay.
func handlerEnv(file, secrets string) []string {
	settings, err := secretserver.ReadEnv(file)
	isServed := err == nil && settings[secretserver.Endpoint] != ""
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "WEIR_") || isServed && strings.HasPrefix(name, "AWS_") {
			continue
		}
		env = append(env, v)
	}
	if !isServed {
		return env
	}
	settings[secretserver.Endpoint] = secrets
	for _, name := range secretserver.Names {
		env = append(env, name+"="+settings[name])
	}
	return append(env, "PYTHONUNBUFFERED=1")
}
