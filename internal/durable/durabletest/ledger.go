package durabletest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Ledger is a store in memory: the part of it that executions need, plainly. It makes enumerating thousands of crashes
// cheap; the suite runs on the real databases besides. Everything is kept as JSON, so nothing is shared with callers.
type Ledger struct {
	store.Store // nil: what executions do not need is not there

	mu    sync.Mutex // one transaction at a time
	state kinds
}

// kinds are the records by their kind and key. A transaction copies what it changes, a kind at a time.
type kinds map[string]map[string][]byte

func (k kinds) get(key string) ([]byte, bool) {
	raw, ok := k[kindOf(key)][key]
	return raw, ok
}

func kindOf(key string) string {
	kind, _, _ := strings.Cut(key, "/")
	return kind
}

// NewLedger makes an empty ledger.
func NewLedger() *Ledger { return &Ledger{state: kinds{}} }

// Read implements [store.Store].
func (l *Ledger) Read(ctx context.Context, fn func(store.ReadTx) error) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Canceled, err, "reading the ledger")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return fn(&ledgerTx{state: l.state})
}

// Write implements [store.Store].
func (l *Ledger) Write(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return fault.Wrap(fault.Canceled, err, "writing the ledger")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	tx := &ledgerTx{state: maps.Clone(l.state), owns: map[string]bool{}}
	if err := fn(tx); err != nil {
		return err
	}
	l.state = tx.state
	return nil
}

// Forget deletes everything, as deleting a flow with its history does.
func (l *Ledger) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state = kinds{}
}

// Close does nothing: a ledger outlives the processes that use it.
func (l *Ledger) Close() error { return nil }

type ledgerTx struct {
	store.Tx
	state kinds
	owns  map[string]bool // the kinds that are copied already
}

// own gives the records of a key's kind, to be changed.
func (tx *ledgerTx) own(key string) map[string][]byte {
	kind := kindOf(key)
	if !tx.owns[kind] {
		copied := maps.Clone(tx.state[kind])
		if copied == nil {
			copied = map[string][]byte{}
		}
		tx.state[kind], tx.owns[kind] = copied, true
	}
	return tx.state[kind]
}

func (tx *ledgerTx) delete(key string) { delete(tx.own(key), key) }

type lease struct {
	Owner   string
	Token   int64
	Expires time.Time
}

func key(parts ...any) string {
	k := ""
	for _, p := range parts {
		if n, ok := p.(int); ok {
			p = fmt.Sprintf("%09d", n)
		}
		k += fmt.Sprint(p) + "/"
	}
	return k
}

func get[T any](tx *ledgerTx, parts ...any) (*T, error) {
	raw, ok := tx.state.get(key(parts...))
	if !ok {
		return nil, fault.New(fault.NotFound, "no %s", key(parts...))
	}
	v := new(T)
	return v, json.Unmarshal(raw, v)
}

func put(tx *ledgerTx, v any, parts ...any) error {
	raw, err := json.Marshal(v)
	k := key(parts...)
	tx.own(k)[k] = raw
	return err
}

// all lists what is kept under keys with the prefix, in their order.
func all[T any](tx *ledgerTx, parts ...any) ([]*T, error) {
	prefix := key(parts...)
	var keys []string
	for k := range tx.state[kindOf(prefix)] {
		if len(k) > len(prefix) && k[:len(prefix)] == prefix {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	var list []*T
	for _, k := range keys {
		v := new(T)
		if err := json.Unmarshal(tx.state[kindOf(k)][k], v); err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

func (tx *ledgerTx) FlowGet(_ context.Context, name string) (*flow.Flow, error) {
	return get[flow.Flow](tx, "flow", name)
}

func (tx *ledgerTx) FlowPut(_ context.Context, f *flow.Flow) error { return put(tx, f, "flow", f.Name) }

func (tx *ledgerTx) ExecutionGet(_ context.Context, id string) (*flow.Execution, error) {
	return get[flow.Execution](tx, "execution", id)
}

// ExecutionPut refuses to change an execution that is over: that would be a second end.
func (tx *ledgerTx) ExecutionPut(ctx context.Context, x *flow.Execution) error {
	if old, err := tx.ExecutionGet(ctx, x.ID); err == nil && old.Status.Done() {
		return fault.New(fault.Internal, "execution %s was over and is written again", x.ID)
	}
	return put(tx, x, "execution", x.ID)
}

func (tx *ledgerTx) ExecutionUnfinished(context.Context) ([]*flow.Execution, error) {
	list, err := all[flow.Execution](tx, "execution")
	return slices.DeleteFunc(list, func(x *flow.Execution) bool { return x.Status.Done() }), err
}

func (tx *ledgerTx) ExecutionList(_ context.Context, name string, after *store.ExecutionPosition, limit int) ([]*flow.Execution, error) {
	list, err := all[flow.Execution](tx, "execution")
	newest := func(x, y *flow.Execution) int {
		return cmp.Or(y.StartedAt.Compare(x.StartedAt), strings.Compare(y.ID, x.ID))
	}
	list = slices.DeleteFunc(list, func(x *flow.Execution) bool {
		return x.FlowName != name || after != nil && newest(x, &flow.Execution{StartedAt: after.StartedAt, ID: after.ID}) <= 0
	})
	slices.SortFunc(list, newest)
	return list[:min(limit, len(list))], err
}

func (tx *ledgerTx) PlanGet(_ context.Context, id string) (json.RawMessage, error) {
	raw, err := get[json.RawMessage](tx, "plan", id)
	if err != nil {
		return nil, err
	}
	return *raw, nil
}

func (tx *ledgerTx) PlanPut(ctx context.Context, fence store.Fence, id string, plan json.RawMessage, splits []*store.Split) error {
	if err := tx.FenceCheck(ctx, fence); err != nil {
		return err
	}
	for _, s := range splits {
		if err := put(tx, s, "split", id, s.Index); err != nil {
			return err
		}
	}
	return put(tx, plan, "plan", id)
}

func (tx *ledgerTx) SplitList(_ context.Context, id string) ([]*store.Split, error) {
	return all[store.Split](tx, "split", id)
}

func (tx *ledgerTx) SplitGet(_ context.Context, id string, index int) (*store.Split, error) {
	return get[store.Split](tx, "split", id, index)
}

func (tx *ledgerTx) SplitSave(ctx context.Context, fence store.Fence, s *store.Split, receipts []*store.Receipt, rejects []flow.Reject) error {
	if err := tx.FenceCheck(ctx, fence); err != nil {
		return err
	}
	for _, r := range receipts {
		if err := put(tx, r, "receipt", r.ExecutionID, r.Split, int(r.Sequence)); err != nil {
			return err
		}
	}
	old, err := all[flow.Reject](tx, "reject", s.ExecutionID, s.Index)
	if err != nil {
		return err
	}
	for i, r := range rejects {
		if err := put(tx, r, "reject", s.ExecutionID, s.Index, len(old)+i); err != nil {
			return err
		}
	}
	return put(tx, s, "split", s.ExecutionID, s.Index)
}

func (tx *ledgerTx) ReceiptList(_ context.Context, id string) ([]*store.Receipt, error) {
	return all[store.Receipt](tx, "receipt", id)
}

func (tx *ledgerTx) RejectList(_ context.Context, id string, limit int) ([]flow.Reject, error) {
	list, err := all[flow.Reject](tx, "reject", id)
	out := make([]flow.Reject, 0, len(list))
	for _, r := range list[:min(limit, len(list))] {
		out = append(out, *r)
	}
	return out, err
}

func (tx *ledgerTx) WatermarkGet(_ context.Context, name string) (*flow.Watermark, error) {
	return get[flow.Watermark](tx, "watermark", name)
}

func (tx *ledgerTx) WatermarkPut(_ context.Context, w *flow.Watermark) error {
	return put(tx, w, "watermark", w.FlowName)
}

func (tx *ledgerTx) FenceCheck(ctx context.Context, fence store.Fence) error {
	if fence.Within != nil {
		if err := tx.FenceCheck(ctx, *fence.Within); err != nil {
			return err
		}
	}
	l, err := get[lease](tx, "lease", fence.Lease)
	if err != nil || l.Token != fence.Token {
		return fault.New(fault.Fenced, "lease %q has passed on from token %d", fence.Lease, fence.Token)
	}
	return nil
}

func (tx *ledgerTx) LeaseAcquire(_ context.Context, name, owner string, now time.Time, ttl time.Duration) (store.Fence, error) {
	l, err := get[lease](tx, "lease", name)
	switch {
	case err == nil && l.Owner == owner:
	case err == nil && l.Expires.After(now):
		return store.Fence{}, fault.New(fault.Conflict, "%q holds the lease", l.Owner)
	default:
		last, err := strconv.Atoi(string(tx.state["token"]["token"]))
		if err != nil {
			last = 0
		}
		tx.own("token")["token"] = []byte(strconv.Itoa(last + 1))
		l = &lease{Owner: owner, Token: int64(last + 1)}
	}
	l.Expires = now.Add(ttl)
	return store.Fence{Lease: name, Token: l.Token}, put(tx, l, "lease", name)
}

func (tx *ledgerTx) LeaseRenew(ctx context.Context, fence store.Fence, now time.Time, ttl time.Duration) error {
	if err := tx.FenceCheck(ctx, fence); err != nil {
		return err
	}
	l, err := get[lease](tx, "lease", fence.Lease)
	if err != nil {
		return err
	}
	l.Expires = now.Add(ttl)
	return put(tx, l, "lease", fence.Lease)
}

func (tx *ledgerTx) LeaseRelease(ctx context.Context, fence store.Fence) error {
	if tx.FenceCheck(ctx, fence) == nil {
		tx.delete(key("lease", fence.Lease))
	}
	return nil
}
