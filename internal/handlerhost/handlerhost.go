// Package handlerhost runs the handler of a custom connector on this machine, in place of AWS Lambda: it takes
// invocations over HTTP, as AWS's runtime interface emulator does, and has processes of its own answer them.
//
//	Weir ─► POST …/invocations ─► a free process ─► handler(event, context) ─► answer
//	handler ─► GetSecretValue ─► here, which learns what to keep out of logs ─► Weir's secret server
//
// A process answers one event at a time, and many one after the other. One that ends, or whose caller gives up, is
// replaced at the next event. Handlers are in Python, or in Java with a JDK, of which the compiler is used. There is no limit of time but the caller's. What handlers print is shown line by line,
// without the secrets that they have fetched. It assumes that its address is on loopback: it checks no signature.
package handlerhost

import (
	"bytes"
	"context"
	_ "embed" // the shim
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"sync"

	"weir.dev/weir/fault"
)

//go:embed shim.py
var shim string

// maxEvent is what a synchronous call of a function may carry, either way, with room for how it is written.
const maxEvent = 6<<20 + 64<<10

// Options say what to run.
type Options struct {
	Interpreter string // python3 or java when empty
	Source      string // a file that ends in .py, or a module's name; with ClassPath a class
	Function    string // lambda_handler when empty, or the method handleRequest
	ClassPath   string // of a handler in Java; empty for one in Python
	Workers     int    // processes at most; 4 when 0
	// Env gives the environment of processes; when it changes, they are replaced.
	Env func() []string
	// Secrets gives the address of the server that secrets come from, "" when there is none.
	Secrets func() string
	Log     io.Writer // what handlers print, and what happens to processes
}

// Host answers invocations. Safe for concurrent use.
type Host struct {
	o       Options
	slots   chan *worker // idle; nil where no process runs
	scrub   scrubber
	closing context.Context
	stop    context.CancelFunc
	logging sync.WaitGroup
	java    *java // nil for handlers in Python
}

// Open starts one process, to see that the handler loads. Validation when it does not. Close it.
func Open(ctx context.Context, o Options) (*Host, error) {
	o.defaults()
	h := &Host{o: o, slots: make(chan *worker, o.Workers)}
	h.scrub.to = o.Log
	if o.ClassPath != "" {
		var err error
		if h.java, err = openJava(h.forward); err != nil {
			return nil, err
		}
	}
	h.closing, h.stop = context.WithCancel(context.Background())
	first, err := h.start(ctx)
	if err != nil {
		h.stop()
		h.logging.Wait()
		return nil, errors.Join(err, h.closeJava())
	}
	for range o.Workers - 1 {
		h.slots <- nil
	}
	h.slots <- first
	return h, nil
}

func (o *Options) defaults() {
	isJava := o.ClassPath != ""
	switch {
	case o.Interpreter == "" && isJava:
		o.Interpreter = "java"
	case o.Interpreter == "":
		o.Interpreter = "python3"
	}
	if o.Function == "" && !isJava {
		o.Function = "lambda_handler"
	}
	if o.Workers <= 0 {
		o.Workers = 4
	}
}

// command is a process that runs the handler.
func (h *Host) command() *exec.Cmd {
	if h.java != nil {
		return h.java.command(&h.o)
	}
	return exec.Command(h.o.Interpreter, "-c", shim, h.o.Source, h.o.Function) //nolint:gosec,noctx // the user's own code; it outlives the call
}

func (h *Host) closeJava() error {
	if h.java == nil {
		return nil
	}
	return h.java.close()
}

// Close ends all processes, those that are answering, too.
func (h *Host) Close() error {
	h.stop()
	for range h.o.Workers {
		if w := <-h.slots; w != nil {
			w.kill()
		}
	}
	h.logging.Wait()
	return h.closeJava()
}

// SecretsPath is below which requests go to the secret server.
const SecretsPath = "/secrets"

// ServeHTTP takes invocations at any path but [SecretsPath].
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, SecretsPath) {
		h.forward(w, r)
		return
	}
	if r.Method != http.MethodPost {
		http.Error(w, "post an event", http.StatusMethodNotAllowed)
		return
	}
	event, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
	if err != nil {
		http.Error(w, "the event cannot be read, or is too large", http.StatusRequestEntityTooLarge)
		return
	}
	var line bytes.Buffer
	if json.Compact(&line, event) != nil {
		http.Error(w, "the event is no JSON", http.StatusBadRequest)
		return
	}
	answer := h.Invoke(r.Context(), line.Bytes())
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer) // whoever asked has gone, then
}

// Invoke has a process answer an event, which is one line of JSON. An answer is always JSON: what goes wrong with the
// process is a function's error, as Lambda writes it.
func (h *Host) Invoke(ctx context.Context, event []byte) []byte {
	var w *worker
	select {
	case <-ctx.Done():
		return functionError("Sandbox.Canceled", "the caller has given up")
	case <-h.closing.Done():
		return functionError("Sandbox.Closed", "the connector is being stopped")
	case w = <-h.slots:
	}
	defer func() { h.slots <- w }()
	if w != nil && (w.hasEnded() || !slices.Equal(w.env, h.o.Env())) {
		w.kill()
		w = nil
	}
	if w == nil {
		var err error
		if w, err = h.start(ctx); err != nil {
			w = nil
			return functionError("Runtime.ImportModuleError", err.Error())
		}
	}
	answer, err := w.ask(ctx, h.closing, event)
	if err != nil {
		w.kill()
		w = nil
		fmt.Fprintf(&h.scrub, "a process has ended: %v\n", err)
		return functionError("Runtime.ExitError", "the process of the handler has ended: "+err.Error())
	}
	return answer
}

func functionError(kind, message string) []byte {
	text, err := json.Marshal(map[string]any{"errorMessage": message, "errorType": kind, "stackTrace": []string{}})
	if err != nil {
		return []byte(`{"errorMessage":"","errorType":"Runtime.Unknown"}`)
	}
	return text
}

// forward passes a request on to the secret server as it is, signature and all, and takes note of the secret.
func (h *Host) forward(w http.ResponseWriter, r *http.Request) {
	to, err := url.Parse(h.o.Secrets())
	if err != nil || to.Host == "" {
		http.Error(w, `{"__type":"ResourceNotFoundException","Message":"No server of secrets is known. Start weir serve with --connector."}`, http.StatusBadRequest)
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme, p.Out.URL.Host = to.Scheme, to.Host
			p.Out.Host = p.In.Host // which is signed
		},
		ModifyResponse: func(res *http.Response) error {
			body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
			if err != nil {
				return err
			}
			h.scrub.learn(body)
			res.Body = io.NopCloser(bytes.NewReader(body))
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, `{"__type":"InternalServiceError","Message":"The server of secrets does not answer."}`, http.StatusBadGateway)
		},
	}
	proxy.ServeHTTP(w, r)
}

// SplitClass cuts CLASS[::METHOD], as AWS Lambda has it. Validation when there is no class.
func SplitClass(text string) (class, method string, err error) {
	class, method, _ = strings.Cut(text, "::")
	if class == "" {
		return "", "", fault.New(fault.Validation, "%q names no handler; write for instance com.example.ShopHandler or com.example.ShopHandler::handleRequest", text)
	}
	return class, method, nil
}

// SplitSource cuts FILE[:FUNCTION]. Validation when there is no file.
func SplitSource(text string) (source, function string, err error) {
	source, function = text, ""
	if i := strings.LastIndexByte(text, ':'); i > 1 { // C:\… is a path
		source, function = text[:i], text[i+1:]
	}
	if source == "" {
		return "", "", fault.New(fault.Validation, "%q names no handler; write for instance handler.py:lambda_handler", text)
	}
	return source, function, nil
}
