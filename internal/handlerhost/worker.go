package handlerhost

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"weir.dev/weir/fault"
)

// worker is one process. For one goroutine at a time.
type worker struct {
	cmd   *exec.Cmd
	env   []string
	in    io.WriteCloser
	out   *bufio.Reader
	ended chan struct{} // closed when the process has ended

	answers *os.File // that out reads
}

// start runs a process and waits until its handler is loaded. Validation when it cannot be.
func (h *Host) start(ctx context.Context) (*worker, error) {
	w := &worker{env: h.o.Env(), ended: make(chan struct{})}
	w.cmd = h.command()
	w.cmd.Env = w.env
	out, theirs, err := os.Pipe() // not StdoutPipe: a last answer may be read after the process has ended
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "starting %s", h.o.Interpreter)
	}
	w.cmd.Stdout = theirs
	var log io.ReadCloser
	if w.in, err = w.cmd.StdinPipe(); err == nil {
		log, err = w.cmd.StderrPipe()
	}
	if err == nil {
		err = w.cmd.Start()
	}
	theirs.Close()
	if err != nil {
		out.Close()
		return nil, fault.Wrap(fault.Validation, err, "starting %s", h.o.Interpreter)
	}
	w.answers, w.out = out, bufio.NewReaderSize(out, 64<<10)
	copied := make(chan struct{})
	h.logging.Go(func() { h.scrub.copy(log); close(copied) })
	h.logging.Go(func() {
		<-copied // Wait closes the pipe
		_ = w.cmd.Wait()
		close(w.ended)
	})
	first, err := w.line(ctx, h.closing)
	if err == nil {
		err = loaded(first)
	}
	if err != nil {
		w.kill()
		return nil, fault.Wrap(fault.Validation, err, "loading the handler %s of %s", h.o.Function, h.o.Source)
	}
	return w, nil
}

// loaded reads the first line of a process: an empty object, or why there is no handler.
func loaded(line []byte) error {
	var e struct {
		Message string `json:"errorMessage"`
		Type    string `json:"errorType"`
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return errors.New("the process says something unexpected")
	}
	if e.Type != "" {
		return fmt.Errorf("%s: %s", e.Type, e.Message)
	}
	return nil
}

func (w *worker) hasEnded() bool {
	select {
	case <-w.ended:
		return true
	default:
		return false
	}
}

// kill ends the process, and waits until it is gone.
func (w *worker) kill() {
	_ = w.in.Close()
	if w.cmd.Process != nil {
		_ = w.cmd.Process.Kill() // it may have ended by itself
	}
	select {
	case <-w.ended:
	case <-time.After(5 * time.Second): // a child of the handler's holds the pipe open
	}
	_ = w.answers.Close()
}

// ask has the process answer one event. After an error the process is of no use.
func (w *worker) ask(ctx, closing context.Context, event []byte) ([]byte, error) {
	if _, err := w.in.Write(append(event, '\n')); err != nil {
		return nil, errors.New("it does not take events any more")
	}
	return w.line(ctx, closing)
}

// line reads one line, however long it takes; when ctx or closing ends, the process does too.
func (w *worker) line(ctx, closing context.Context) ([]byte, error) {
	stop := func() { _ = w.cmd.Process.Kill() }
	defer context.AfterFunc(ctx, stop)()
	defer context.AfterFunc(closing, stop)()
	var line []byte
	for {
		piece, err := w.out.ReadSlice('\n')
		line = append(line, piece...)
		switch {
		case len(line) > maxEvent:
			return nil, fmt.Errorf("its answer is larger than %d bytes", maxEvent)
		case err == nil:
			return line, nil
		case ctx.Err() != nil:
			return nil, errors.New("its caller has given up")
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, errors.New("it answered nothing")
		}
	}
}
