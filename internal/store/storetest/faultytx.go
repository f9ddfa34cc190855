package storetest

import (
	"context"
	"encoding/json"
	"time"

	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// faultyReadTx and faultyTx spell every call out: a method that is new to the contract does not compile until it has its
// steps here.
type faultyReadTx struct {
	reader store.ReadTx
	hook   func(step string) error
}

type faultyTx struct {
	faultyReadTx
	writer store.Tx
}

var (
	_ store.ReadTx = faultyReadTx{}
	_ store.Tx     = faultyTx{}
)

func (tx faultyReadTx) FlowGet(ctx context.Context, name string) (*flow.Flow, error) {
	return around1(tx.hook, "FlowGet", func() (*flow.Flow, error) { return tx.reader.FlowGet(ctx, name) })
}

func (tx faultyReadTx) FlowList(ctx context.Context, after string, limit int) ([]*flow.Flow, error) {
	return around1(tx.hook, "FlowList", func() ([]*flow.Flow, error) {
		return tx.reader.FlowList(ctx, after, limit)
	})
}

func (tx faultyReadTx) FlowCount(ctx context.Context) (int, error) {
	return around1(tx.hook, "FlowCount", func() (int, error) { return tx.reader.FlowCount(ctx) })
}

func (tx faultyReadTx) FlowVersionList(ctx context.Context, name string, limit int) ([]*flow.Flow, error) {
	return around1(tx.hook, "FlowVersionList", func() ([]*flow.Flow, error) {
		return tx.reader.FlowVersionList(ctx, name, limit)
	})
}

func (tx faultyReadTx) ExecutionGet(ctx context.Context, id string) (*flow.Execution, error) {
	return around1(tx.hook, "ExecutionGet", func() (*flow.Execution, error) {
		return tx.reader.ExecutionGet(ctx, id)
	})
}

func (tx faultyReadTx) ExecutionList(
	ctx context.Context, flowName string, after *store.ExecutionPosition, limit int,
) ([]*flow.Execution, error) {
	return around1(tx.hook, "ExecutionList", func() ([]*flow.Execution, error) {
		return tx.reader.ExecutionList(ctx, flowName, after, limit)
	})
}

func (tx faultyReadTx) ExecutionUnfinished(ctx context.Context) ([]*flow.Execution, error) {
	return around1(tx.hook, "ExecutionUnfinished", func() ([]*flow.Execution, error) {
		return tx.reader.ExecutionUnfinished(ctx)
	})
}

func (tx faultyReadTx) ExecutionUnheld(ctx context.Context, leasePrefix string, now time.Time, limit int) ([]string, error) {
	return around1(tx.hook, "ExecutionUnheld", func() ([]string, error) {
		return tx.reader.ExecutionUnheld(ctx, leasePrefix, now, limit)
	})
}

func (tx faultyReadTx) ExecutionUnfinishedOf(ctx context.Context, flowName string) ([]*flow.Execution, error) {
	return around1(tx.hook, "ExecutionUnfinishedOf", func() ([]*flow.Execution, error) {
		return tx.reader.ExecutionUnfinishedOf(ctx, flowName)
	})
}

func (tx faultyReadTx) PlanGet(ctx context.Context, executionID string) (json.RawMessage, error) {
	return around1(tx.hook, "PlanGet", func() (json.RawMessage, error) {
		return tx.reader.PlanGet(ctx, executionID)
	})
}

func (tx faultyReadTx) SplitList(ctx context.Context, executionID string) ([]*store.Split, error) {
	return around1(tx.hook, "SplitList", func() ([]*store.Split, error) {
		return tx.reader.SplitList(ctx, executionID)
	})
}

func (tx faultyReadTx) SplitGet(ctx context.Context, executionID string, index int) (*store.Split, error) {
	return around1(tx.hook, "SplitGet", func() (*store.Split, error) {
		return tx.reader.SplitGet(ctx, executionID, index)
	})
}

func (tx faultyReadTx) ReceiptList(ctx context.Context, executionID string) ([]*store.Receipt, error) {
	return around1(tx.hook, "ReceiptList", func() ([]*store.Receipt, error) {
		return tx.reader.ReceiptList(ctx, executionID)
	})
}

func (tx faultyReadTx) RejectList(ctx context.Context, executionID string, limit int) ([]flow.Reject, error) {
	return around1(tx.hook, "RejectList", func() ([]flow.Reject, error) {
		return tx.reader.RejectList(ctx, executionID, limit)
	})
}

func (tx faultyReadTx) RejectCount(ctx context.Context, executionID string) (int64, error) {
	return around1(tx.hook, "RejectCount", func() (int64, error) {
		return tx.reader.RejectCount(ctx, executionID)
	})
}

func (tx faultyReadTx) WatermarkGet(ctx context.Context, flowName string) (*flow.Watermark, error) {
	return around1(tx.hook, "WatermarkGet", func() (*flow.Watermark, error) {
		return tx.reader.WatermarkGet(ctx, flowName)
	})
}

func (tx faultyReadTx) ProfileGet(ctx context.Context, name string) (*store.Profile, error) {
	return around1(tx.hook, "ProfileGet", func() (*store.Profile, error) { return tx.reader.ProfileGet(ctx, name) })
}

func (tx faultyReadTx) ProfileList(ctx context.Context, query store.ProfileQuery) ([]*store.Profile, error) {
	return around1(tx.hook, "ProfileList", func() ([]*store.Profile, error) { return tx.reader.ProfileList(ctx, query) })
}

func (tx faultyReadTx) ProfileCount(ctx context.Context) (int, error) {
	return around1(tx.hook, "ProfileCount", func() (int, error) { return tx.reader.ProfileCount(ctx) })
}

func (tx faultyReadTx) ProfileUsers(ctx context.Context, name string, limit int) ([]string, error) {
	return around1(tx.hook, "ProfileUsers", func() ([]string, error) { return tx.reader.ProfileUsers(ctx, name, limit) })
}

func (tx faultyReadTx) RegistrationGet(ctx context.Context, label string) (*flow.Registration, error) {
	return around1(tx.hook, "RegistrationGet", func() (*flow.Registration, error) {
		return tx.reader.RegistrationGet(ctx, label)
	})
}

func (tx faultyReadTx) RegistrationList(ctx context.Context, after string, limit int) ([]*flow.Registration, error) {
	return around1(tx.hook, "RegistrationList", func() ([]*flow.Registration, error) {
		return tx.reader.RegistrationList(ctx, after, limit)
	})
}

func (tx faultyReadTx) RegistrationCount(ctx context.Context) (int, error) {
	return around1(tx.hook, "RegistrationCount", func() (int, error) { return tx.reader.RegistrationCount(ctx) })
}

func (tx faultyReadTx) RegistrationUsers(ctx context.Context, label string, limit int) ([]string, error) {
	return around1(tx.hook, "RegistrationUsers", func() ([]string, error) {
		return tx.reader.RegistrationUsers(ctx, label, limit)
	})
}

func (tx faultyReadTx) TimetableGet(ctx context.Context, flowName string) (*flow.Timetable, error) {
	return around1(tx.hook, "TimetableGet", func() (*flow.Timetable, error) { return tx.reader.TimetableGet(ctx, flowName) })
}

func (tx faultyReadTx) TimetableDue(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return around1(tx.hook, "TimetableDue", func() ([]string, error) { return tx.reader.TimetableDue(ctx, now, limit) })
}

func (tx faultyReadTx) OutboxDue(ctx context.Context, now time.Time, limit int) ([]*store.Letter, error) {
	return around1(tx.hook, "OutboxDue", func() ([]*store.Letter, error) { return tx.reader.OutboxDue(ctx, now, limit) })
}

func (tx faultyReadTx) TokenGet(ctx context.Context, operation, token string) (*store.Token, error) {
	return around1(tx.hook, "TokenGet", func() (*store.Token, error) {
		return tx.reader.TokenGet(ctx, operation, token)
	})
}

func (tx faultyReadTx) KeyGet(ctx context.Context, id string) (*store.AccessKey, error) {
	return around1(tx.hook, "KeyGet", func() (*store.AccessKey, error) { return tx.reader.KeyGet(ctx, id) })
}

func (tx faultyReadTx) AuditScan(ctx context.Context, q store.AuditQuery) ([]*store.AuditEvent, error) {
	return around1(tx.hook, "AuditScan", func() ([]*store.AuditEvent, error) { return tx.reader.AuditScan(ctx, q) })
}

func (tx faultyReadTx) KeyList(ctx context.Context) ([]*store.AccessKey, error) {
	return around1(tx.hook, "KeyList", func() ([]*store.AccessKey, error) { return tx.reader.KeyList(ctx) })
}

func (tx faultyReadTx) AuditList(ctx context.Context, afterID int64, limit int) ([]*store.AuditEvent, error) {
	return around1(tx.hook, "AuditList", func() ([]*store.AuditEvent, error) {
		return tx.reader.AuditList(ctx, afterID, limit)
	})
}

func (tx faultyReadTx) SettingGet(ctx context.Context, name string) (string, error) {
	return around1(tx.hook, "SettingGet", func() (string, error) { return tx.reader.SettingGet(ctx, name) })
}

func (tx faultyTx) FlowPut(ctx context.Context, f *flow.Flow) error {
	return around(tx.hook, "FlowPut", func() error { return tx.writer.FlowPut(ctx, f) })
}

func (tx faultyTx) FlowDelete(ctx context.Context, name string) error {
	return around(tx.hook, "FlowDelete", func() error { return tx.writer.FlowDelete(ctx, name) })
}

func (tx faultyTx) ExecutionPut(ctx context.Context, x *flow.Execution) error {
	return around(tx.hook, "ExecutionPut", func() error { return tx.writer.ExecutionPut(ctx, x) })
}

func (tx faultyTx) PlanPut(
	ctx context.Context, fence store.Fence, executionID string, plan json.RawMessage, splits []*store.Split,
) error {
	return around(tx.hook, "PlanPut", func() error { return tx.writer.PlanPut(ctx, fence, executionID, plan, splits) })
}

func (tx faultyTx) SplitSave(
	ctx context.Context, fence store.Fence, s *store.Split, receipts []*store.Receipt, rejects []flow.Reject,
) error {
	return around(tx.hook, "SplitSave", func() error { return tx.writer.SplitSave(ctx, fence, s, receipts, rejects) })
}

func (tx faultyTx) FenceCheck(ctx context.Context, fence store.Fence) error {
	return around(tx.hook, "FenceCheck", func() error { return tx.writer.FenceCheck(ctx, fence) })
}

func (tx faultyTx) WatermarkPut(ctx context.Context, w *flow.Watermark) error {
	return around(tx.hook, "WatermarkPut", func() error { return tx.writer.WatermarkPut(ctx, w) })
}

func (tx faultyTx) LeaseAcquire(
	ctx context.Context, name, owner string, now time.Time, ttl time.Duration,
) (store.Fence, error) {
	return around1(tx.hook, "LeaseAcquire", func() (store.Fence, error) {
		return tx.writer.LeaseAcquire(ctx, name, owner, now, ttl)
	})
}

func (tx faultyTx) LeaseRenew(ctx context.Context, fence store.Fence, now time.Time, ttl time.Duration) error {
	return around(tx.hook, "LeaseRenew", func() error { return tx.writer.LeaseRenew(ctx, fence, now, ttl) })
}

func (tx faultyTx) LeaseRelease(ctx context.Context, fence store.Fence) error {
	return around(tx.hook, "LeaseRelease", func() error { return tx.writer.LeaseRelease(ctx, fence) })
}

func (tx faultyTx) ProfilePut(ctx context.Context, p *store.Profile) error {
	return around(tx.hook, "ProfilePut", func() error { return tx.writer.ProfilePut(ctx, p) })
}

func (tx faultyTx) ProfileSaveCredentials(ctx context.Context, name string, revision int64, sealed []byte) error {
	return around(tx.hook, "ProfileSaveCredentials", func() error {
		return tx.writer.ProfileSaveCredentials(ctx, name, revision, sealed)
	})
}

func (tx faultyTx) ProfileDelete(ctx context.Context, name string) error {
	return around(tx.hook, "ProfileDelete", func() error { return tx.writer.ProfileDelete(ctx, name) })
}

func (tx faultyTx) RegistrationPut(ctx context.Context, r *flow.Registration) error {
	return around(tx.hook, "RegistrationPut", func() error { return tx.writer.RegistrationPut(ctx, r) })
}

func (tx faultyTx) RegistrationDelete(ctx context.Context, label string) error {
	return around(tx.hook, "RegistrationDelete", func() error { return tx.writer.RegistrationDelete(ctx, label) })
}

func (tx faultyTx) TimetablePut(ctx context.Context, t *flow.Timetable) error {
	return around(tx.hook, "TimetablePut", func() error { return tx.writer.TimetablePut(ctx, t) })
}

func (tx faultyTx) TimetableDelete(ctx context.Context, flowName string) error {
	return around(tx.hook, "TimetableDelete", func() error { return tx.writer.TimetableDelete(ctx, flowName) })
}

func (tx faultyTx) OutboxPut(ctx context.Context, l *store.Letter) error {
	return around(tx.hook, "OutboxPut", func() error { return tx.writer.OutboxPut(ctx, l) })
}

func (tx faultyTx) OutboxDelete(ctx context.Context, id string) error {
	return around(tx.hook, "OutboxDelete", func() error { return tx.writer.OutboxDelete(ctx, id) })
}

func (tx faultyTx) TokenPut(ctx context.Context, t *store.Token) error {
	return around(tx.hook, "TokenPut", func() error { return tx.writer.TokenPut(ctx, t) })
}

func (tx faultyTx) TokenPrune(ctx context.Context, before time.Time) error {
	return around(tx.hook, "TokenPrune", func() error { return tx.writer.TokenPrune(ctx, before) })
}

func (tx faultyTx) KeyPut(ctx context.Context, k *store.AccessKey) error {
	return around(tx.hook, "KeyPut", func() error { return tx.writer.KeyPut(ctx, k) })
}

func (tx faultyTx) KeyDelete(ctx context.Context, id string) error {
	return around(tx.hook, "KeyDelete", func() error { return tx.writer.KeyDelete(ctx, id) })
}

func (tx faultyTx) AuditAppend(ctx context.Context, e *store.AuditEvent) error {
	return around(tx.hook, "AuditAppend", func() error { return tx.writer.AuditAppend(ctx, e) })
}

func (tx faultyTx) ExecutionPrune(ctx context.Context, before time.Time, keep, limit int) (int, error) {
	return around1(tx.hook, "ExecutionPrune", func() (int, error) { return tx.writer.ExecutionPrune(ctx, before, keep, limit) })
}

func (tx faultyTx) AuditPrune(ctx context.Context, before time.Time, limit int) (int, error) {
	return around1(tx.hook, "AuditPrune", func() (int, error) { return tx.writer.AuditPrune(ctx, before, limit) })
}

func (tx faultyTx) SettingPut(ctx context.Context, name, value string) error {
	return around(tx.hook, "SettingPut", func() error { return tx.writer.SettingPut(ctx, name, value) })
}

func (tx faultyReadTx) ListenerGet(ctx context.Context, flowName string) (*store.Listener, error) {
	return around1(tx.hook, "ListenerGet", func() (*store.Listener, error) { return tx.reader.ListenerGet(ctx, flowName) })
}

func (tx faultyReadTx) ListenerList(ctx context.Context, after string, limit int) ([]*store.Listener, error) {
	return around1(tx.hook, "ListenerList", func() ([]*store.Listener, error) { return tx.reader.ListenerList(ctx, after, limit) })
}

func (tx faultyReadTx) InboxGet(ctx context.Context, flowName string) (store.Inbox, error) {
	return around1(tx.hook, "InboxGet", func() (store.Inbox, error) { return tx.reader.InboxGet(ctx, flowName) })
}

func (tx faultyReadTx) InboxList(ctx context.Context, flowName string, from, to int64, limit int) ([]*store.EventChunk, error) {
	return around1(tx.hook, "InboxList", func() ([]*store.EventChunk, error) {
		return tx.reader.InboxList(ctx, flowName, from, to, limit)
	})
}

func (tx faultyReadTx) EventIDHas(ctx context.Context, flowName, id string) (bool, error) {
	return around1(tx.hook, "EventIDHas", func() (bool, error) { return tx.reader.EventIDHas(ctx, flowName, id) })
}

func (tx faultyReadTx) EventIDList(ctx context.Context, flowName, after string, limit int) ([]string, error) {
	return around1(tx.hook, "EventIDList", func() ([]string, error) { return tx.reader.EventIDList(ctx, flowName, after, limit) })
}

func (tx faultyTx) ListenerPut(ctx context.Context, l *store.Listener) error {
	return around(tx.hook, "ListenerPut", func() error { return tx.writer.ListenerPut(ctx, l) })
}

func (tx faultyTx) InboxAppend(ctx context.Context, chunks []*store.EventChunk) error {
	return around(tx.hook, "InboxAppend", func() error { return tx.writer.InboxAppend(ctx, chunks) })
}

func (tx faultyTx) InboxReseal(ctx context.Context, flowName string, sequence int64, sealed []byte) error {
	return around(tx.hook, "InboxReseal", func() error { return tx.writer.InboxReseal(ctx, flowName, sequence, sealed) })
}

func (tx faultyTx) InboxDelete(ctx context.Context, flowName string, before int64) error {
	return around(tx.hook, "InboxDelete", func() error { return tx.writer.InboxDelete(ctx, flowName, before) })
}

func (tx faultyTx) EventIDPut(ctx context.Context, ids []store.EventID) error {
	return around(tx.hook, "EventIDPut", func() error { return tx.writer.EventIDPut(ctx, ids) })
}

func (tx faultyTx) EventIDDelete(ctx context.Context, flowName, id string) error {
	return around(tx.hook, "EventIDDelete", func() error { return tx.writer.EventIDDelete(ctx, flowName, id) })
}

func (tx faultyTx) EventIDPrune(ctx context.Context, now time.Time) error {
	return around(tx.hook, "EventIDPrune", func() error { return tx.writer.EventIDPrune(ctx, now) })
}
