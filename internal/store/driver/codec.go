package driver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Instant reads a time from a column: microseconds since 1970 in SQLite, timestamptz in PostgreSQL.
type Instant struct{ time.Time }

// Scan takes what either database returns.
func (i *Instant) Scan(src any) error {
	switch v := src.(type) {
	case int64:
		i.Time = time.UnixMicro(v).UTC()
	case time.Time:
		i.Time = v.UTC()
	default:
		return fmt.Errorf("reading a time: it is stored as %T", src)
	}
	return nil
}

// micro is the precision the store keeps: both databases give back exactly this.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func microPtr(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	m := micro(*t)
	return &m
}

// encode is the JSON text of v. It leaves <, > and & as they are, so that a user's text is stored as it was sent. Bytes
// that are not UTF-8, which JSON parsers let pass inside strings and PostgreSQL refuses, become U+FFFD in both databases.
func encode(v any) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fault.Wrap(fault.Validation, err, "encoding a row")
	}
	return strings.ToValidUTF8(strings.TrimSuffix(b.String(), "\n"), "\uFFFD"), nil
}

func decode[T any](text []byte) (*T, error) {
	v := new(T)
	if err := json.Unmarshal(text, v); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "decoding a row")
	}
	return v, nil
}

// document checks a JSON value that the store keeps for someone else and takes its spaces out.
func document(raw json.RawMessage) (string, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return "", fault.Wrap(fault.Validation, err, "encoding a document")
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD"), nil
}

// documentOrNull is document for members that may be absent.
func documentOrNull(raw json.RawMessage) (any, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	return document(raw)
}

func encodeFlow(f *flow.Flow) (string, error) {
	kept := *f
	kept.CreatedAt, kept.UpdatedAt = micro(f.CreatedAt), micro(f.UpdatedAt)
	kept.Definition = microDefinition(f.Definition)
	if f.LastRun != nil {
		last := *f.LastRun
		last.Time = micro(last.Time)
		kept.LastRun = &last
	}
	return encode(&kept)
}

// DecodeFlow reads a flow's row.
func DecodeFlow(text []byte) (*flow.Flow, error) { return decode[flow.Flow](text) }

func encodeExecution(x *flow.Execution) (string, error) {
	kept := *x
	kept.StartedAt, kept.UpdatedAt, kept.ResumeAt = micro(x.StartedAt), micro(x.UpdatedAt), microPtr(x.ResumeAt)
	kept.Definition = microDefinition(x.Definition)
	if x.Window != nil {
		kept.Window = &flow.Window{From: micro(x.Window.From), To: micro(x.Window.To)}
	}
	return encode(&kept)
}

func encodeProfile(p *flow.Profile) (string, error) {
	kept := *p
	kept.CreatedAt, kept.UpdatedAt = micro(p.CreatedAt), micro(p.UpdatedAt)
	return encode(&kept)
}

func encodeRegistration(r *flow.Registration) (string, error) {
	kept := *r
	kept.RegisteredAt = micro(r.RegisteredAt)
	return encode(&kept)
}

// microDefinition copies what it changes: the caller's definition stays as it is.
func microDefinition(d flow.Definition) flow.Definition {
	if schedule := d.Trigger.Schedule(); schedule != nil {
		kept := *schedule
		kept.Start, kept.End = microPtr(kept.Start), microPtr(kept.End)
		kept.FirstExecutionFrom = microPtr(kept.FirstExecutionFrom)
		d.Trigger.Properties = &flow.TriggerProperties{Scheduled: &kept}
	}
	return d
}

// progress is the part of a split that checkpoints replace.
type progress struct {
	State      store.SplitState `json:"state"`
	Checkpoint json.RawMessage  `json:"checkpoint,omitzero"`
	Totals     flow.Totals      `json:"totals"`
	Attempts   int              `json:"attempts"`
	Message    string           `json:"message,omitzero"`
}

func encodeProgress(s *store.Split) (string, error) {
	return encode(progress{s.State, s.Checkpoint, s.Totals, s.Attempts, s.Message})
}

func decodeSplit(executionID string, index int64, data, progressText []byte) (*store.Split, error) {
	p, err := decode[progress](progressText)
	if err != nil {
		return nil, err
	}
	return &store.Split{
		ExecutionID: executionID, Index: int(index), Data: data,
		State: p.State, Checkpoint: p.Checkpoint, Totals: p.Totals, Attempts: p.Attempts, Message: p.Message,
	}, nil
}

func encodeAudit(e *store.AuditEvent) (string, error) {
	kept := *e
	kept.ID, kept.At = 0, micro(e.At)
	return encode(&kept)
}
