package server

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// LiveView shows running executions as the engine sees them, ahead of the ledger's checkpoints.
type LiveView interface {
	// Live returns what the engine of this process knows of an execution; false when it runs elsewhere or not at all.
	Live(executionID string) (Live, bool)
}

// Live is a running execution's progress.
type Live struct {
	Totals     flow.Totals `json:"totals"`
	Stage      string      `json:"stage"`              // prepare, transfer, commit, conclude
	BytesTotal int64       `json:"bytesTotal"`         // estimate of the source data; 0 when unknown
	Splits     int         `json:"splits"`             // how many there are
	SplitsDone int         `json:"splitsDone"`         // how many are finished
	Waits      string      `json:"waits,omitzero"`     // what it waits for, when nothing has moved for a while
	Attempts   int         `json:"attempts,omitzero"`  // retries so far
	LastError  string      `json:"lastError,omitzero"` // why the last attempt of a split ended
}

// live is the freshest count of a running execution.
func (s *Server) live(x *flow.Execution) (flow.Totals, bool) {
	if s.Live == nil || x.Status.Done() {
		return flow.Totals{}, false
	}
	l, ok := s.Live.Live(x.ID)
	return l.Totals, ok
}

// ExecutionView is the extension's picture of one execution: what AppFlow's record leaves out.
type ExecutionView struct {
	ID          string               `json:"id"`
	FlowName    string               `json:"flowName"`
	FlowVersion int64                `json:"flowVersion"`
	Status      flow.ExecutionStatus `json:"status"`
	StartedAt   time.Time            `json:"startedAt"`
	UpdatedAt   time.Time            `json:"updatedAt"`
	Message     string               `json:"message,omitzero"`
	Code        string               `json:"code,omitzero"`
	Totals      flow.Totals          `json:"totals"`
	Closes      bool                 `json:"closes"` // read = filtered + rejected + deduplicated + written
	Live        *Live                `json:"live,omitzero"`
	Splits      []SplitView          `json:"splits"`
}

// SplitView is one split of the ledger.
type SplitView struct {
	Index    int              `json:"index"`
	Label    string           `json:"label"`
	Bytes    int64            `json:"bytes"`
	State    store.SplitState `json:"state"`
	Totals   flow.Totals      `json:"totals"`
	Attempts int              `json:"attempts"`
	Message  string           `json:"message,omitzero"`
}

const extensionPrefix = "/weir/v1/"

// maxRejects bounds one answer of rejected records.
const maxRejects = 1000

// extension answers Weir's own pages under /weir/v1/, signed like every other request:
//
//	GET /weir/v1/version
//	GET /weir/v1/executions/{id}           counts, splits and live progress of one execution
//	GET /weir/v1/executions/{id}/rejects   samples of records that did not make it, with reasons
//	GET /weir/v1/executions/{id}/outputs   receipts: the files or writes an execution made
//	GET /weir/v1/audit?after=ID            the audit trail
//	GET /weir/v1/backup                    a consistent copy of the store
//	/weir/v1/keys                          access keys; see extensionadmin.go
func (s *Server) extension(w http.ResponseWriter, r *http.Request) {
	s.exchange(w, r, func(c *call, w http.ResponseWriter) error {
		c.operation = "extension"
		out, err := s.answerExtension(r, c)
		if err != nil {
			return err
		}
		w.Header().Set("x-amzn-RequestId", c.requestID)
		if stream, ok := out.(streamed); ok {
			w.Header().Set("Content-Type", "application/octet-stream")
			if err := stream(w); err != nil {
				s.Logger.ErrorContext(r.Context(), "answer broken off", "request", c.requestID, "error", err)
				panic(http.ErrAbortHandler) //nolint:forbidigo // the only way to tell the client that a streamed answer is not whole
			}
			return nil
		}
		body, err := json.Marshal(out)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // the client has gone away; there is nobody to tell
		return nil
	})
}

func (s *Server) answerExtension(r *http.Request, c *call) (any, error) {
	body, err := s.authenticate(r, c)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, extensionPrefix), "/")
	if parts[0] == "keys" {
		return s.keys(r, c, parts[1:], body)
	}
	if r.Method != http.MethodGet {
		return nil, wrongMethod(r, http.MethodGet)
	}
	switch {
	case len(parts) == 1 && parts[0] == "backup":
		return streamed(func(w io.Writer) error { return s.backup(r, w) }), nil
	case len(parts) == 1 && parts[0] == "version":
		return map[string]string{"version": s.Version}, nil
	case len(parts) == 1 && parts[0] == "audit":
		return s.auditPage(r)
	case len(parts) == 2 && parts[0] == "executions":
		return s.executionView(r, parts[1])
	case len(parts) == 3 && parts[0] == "executions" && parts[2] == "rejects":
		return s.rejects(r, parts[1])
	case len(parts) == 3 && parts[0] == "executions" && parts[2] == "outputs":
		return s.outputs(r, parts[1])
	}
	return nil, errNoSuchPage(r)
}

func errNoSuchPage(r *http.Request) error {
	return unknownOperation("no extension page answers " + clip(r.Method) + " " + clip(r.URL.Path))
}

// streamed is an answer that is written as it is made. A failure in the middle breaks the connection off, so that nobody
// takes half for the whole.
type streamed func(w io.Writer) error

func (s *Server) executionView(r *http.Request, id string) (*ExecutionView, error) {
	var x *flow.Execution
	var splits []*store.Split
	err := s.Store.Read(r.Context(), func(tx store.ReadTx) (err error) {
		if x, err = executionByID(r, tx, id); err != nil {
			return err
		}
		splits, err = tx.SplitList(r.Context(), id)
		return err
	})
	if err != nil {
		return nil, err
	}
	v := &ExecutionView{
		ID: x.ID, FlowName: x.FlowName, FlowVersion: x.FlowVersion, Status: x.Status, StartedAt: x.StartedAt, UpdatedAt: x.UpdatedAt,
		Message: x.Message, Code: x.Code, Totals: x.Totals, Splits: make([]SplitView, len(splits)),
	}
	for i, sp := range splits {
		v.Splits[i] = splitView(sp)
	}
	if s.Live != nil && !x.Status.Done() {
		if l, ok := s.Live.Live(id); ok {
			v.Live, v.Totals = &l, l.Totals
		}
	}
	v.Closes = v.Totals.Closes()
	return v, nil
}

func splitView(sp *store.Split) SplitView {
	var named struct {
		Label string `json:"label"`
		Bytes int64  `json:"bytes"`
	}
	_ = json.Unmarshal(sp.Data, &named) // a split without a label is shown by its number
	return SplitView{
		Index: sp.Index, Label: named.Label, Bytes: named.Bytes, State: sp.State, Totals: sp.Totals, Attempts: sp.Attempts, Message: sp.Message,
	}
}

func executionByID(r *http.Request, tx store.ReadTx, id string) (*flow.Execution, error) {
	x, err := tx.ExecutionGet(r.Context(), id)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "Execution %s does not exist.", clip(id))
	}
	return x, err
}

func (s *Server) rejects(r *http.Request, id string) (map[string]any, error) {
	var list []flow.Reject
	err := s.Store.Read(r.Context(), func(tx store.ReadTx) (err error) {
		if _, err = executionByID(r, tx, id); err != nil {
			return err
		}
		list, err = tx.RejectList(r.Context(), id, maxRejects)
		return err
	})
	return map[string]any{"rejects": orEmpty(list)}, err
}

func (s *Server) outputs(r *http.Request, id string) (map[string]any, error) {
	var list []*store.Receipt
	err := s.Store.Read(r.Context(), func(tx store.ReadTx) (err error) {
		if _, err = executionByID(r, tx, id); err != nil {
			return err
		}
		list, err = tx.ReceiptList(r.Context(), id)
		return err
	})
	return map[string]any{"outputs": orEmpty(list)}, err
}

func (s *Server) auditPage(r *http.Request) (map[string]any, error) {
	after, err := strconv.ParseInt(orText(r.URL.Query().Get("after"), "0"), 10, 64)
	if err != nil {
		return nil, fault.New(fault.Validation, "the parameter after must be an event's id")
	}
	var list []*store.AuditEvent
	err = s.Store.Read(r.Context(), func(tx store.ReadTx) (err error) {
		list, err = tx.AuditList(r.Context(), after, 200)
		return err
	})
	return map[string]any{"events": orEmpty(list)}, err
}

func orText(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// orEmpty shows no items as an empty list.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
