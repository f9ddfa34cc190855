package simulation

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/schedule"
	"weir.dev/weir/internal/store"
)

// history is the part of the people who use and operate the installation.
type history struct {
	t         *testing.T
	w         *world
	processes []*process // that live; at most two
	born      int
	flows     []string
}

// play lets a history happen, and everything come to rest after it.
func play(t *testing.T, seed uint64, made **world) *history {
	h := &history{t: t, w: newWorld(seed)}
	*made = h.w // seen also when the history fails
	h.boot()
	for i := range 2 + int(3*h.w.draw("flows")) {
		h.create(i)
	}
	for time.Since(h.w.began) < horizon {
		pass(h.w.between(time.Second, 30*time.Minute, "next"))
		h.act()
	}
	h.w.heal()
	h.rest()
	return h
}

// act does one thing, by chance.
func (h *history) act() {
	w := h.w
	p := h.processes[int(w.draw("which process")*float64(len(h.processes)))]
	name := h.flows[int(w.draw("which flow")*float64(len(h.flows)))]
	switch x := w.draw("act"); {
	case x < 0.25:
		h.start(name)
	case x < 0.32:
		h.cancel(name)
	case x < 0.37:
		h.stop(name)
	case x < 0.50:
		h.activate(name)
	case x < 0.65:
		p.kill()
		h.gone(p)
	case x < 0.72:
		h.drain(p)
	case x < 0.80:
		p.pause(w.between(time.Second, 5*time.Minute, "pause"))
	case x < 0.85:
		p.lose("store", w.between(time.Second, 2*time.Minute, "store away"))
	case x < 0.89:
		p.lose("bucket", w.between(time.Second, 20*time.Minute, "bucket away"))
	case x < 0.93:
		p.lose("vendor", w.between(time.Second, 2*time.Hour, "vendor away"))
	case x < 0.96:
		p.jump(w.between(-10*time.Minute, 10*time.Minute, "jump"))
	default:
		if len(h.processes) < 2 {
			h.boot()
		}
	}
}

func (h *history) boot() {
	p := h.w.boot(h.born)
	h.born++
	h.processes = append(h.processes, p)
	go p.run(h.t.Context())
}

// gone takes a process out, and starts another when it was the last, after a while.
func (h *history) gone(p *process) {
	var left []*process
	for _, other := range h.processes {
		if other != p {
			left = append(left, other)
		}
	}
	if h.processes = left; len(left) == 0 {
		pass(h.w.between(time.Second, 10*time.Minute, "restart"))
		h.boot()
	}
}

func (h *history) drain(p *process) {
	h.w.note("process %d drains", p.n)
	ctx, cancel := context.WithTimeout(h.t.Context(), 30*time.Second)
	defer cancel()
	if p.engine.Drain(ctx) != nil {
		h.w.note("process %d does not come to rest in time", p.n)
	}
	p.kill()
	h.gone(p)
}

// create makes a flow of some kind: on demand or scheduled, complete or incremental, into files or rows.
func (h *history) create(i int) {
	w, t := h.w, h.t
	name := fmt.Sprintf("flow-%d", i)
	f := &flow.Flow{Name: name, Status: flow.StatusActive, SchemaVersion: 1, Version: 1, CreatedAt: w.began, UpdatedAt: w.began, Tags: map[string]string{}}
	layout := flow.FileOutput{Prefix: name, Type: flow.FileJSON, ExecutionID: true, SingleFile: w.draw("single", i) < 0.3}
	props, err := json.Marshal(layout)
	require.NoError(t, err)
	dest := flow.Destination{Connector: filesType, Properties: props}
	if w.draw("rows", i) < 0.3 {
		dest = flow.Destination{Connector: rowsType}
	}
	f.Definition = flow.Definition{
		Trigger: flow.Trigger{Type: flow.TriggerOnDemand}, Source: flow.Source{Connector: rowsType}, Destinations: []flow.Destination{dest},
		Tasks: []flow.Task{{Type: flow.TaskMapAll, Operators: map[string]flow.Operator{string(rowsType): flow.OpNoOp}}},
	}
	if w.draw("scheduled", i) < 0.75 {
		mode, offset := flow.PullComplete, int64(maxLag/time.Second)
		if w.draw("incremental", i) < 0.8 {
			mode = flow.PullIncremental
		}
		s := flow.Schedule{Expression: []string{"rate(5minutes)", "rate(1hours)", "cron(7 * * * ? *)"}[int(3*w.draw("rate", i))], PullMode: &mode, OffsetSeconds: &offset}
		if w.draw("whole", i) < 0.5 { // due at whole minutes, where stamps are, too
			start := w.began.Truncate(time.Hour)
			s.Start = &start
		}
		f.Trigger = flow.Trigger{Type: flow.TriggerScheduled, Properties: &flow.TriggerProperties{Scheduled: &s}}
		f.Status = flow.StatusDraft
	}
	if w.draw("retries", i) < 0.4 {
		f.Tags[flow.TagRetries] = "3/30s"
	}
	require.NoError(t, w.store.Write(t.Context(), func(tx store.Tx) error { return tx.FlowPut(t.Context(), f) }))
	h.flows = append(h.flows, name)
	w.note("flow %s: %s, tags %v", name, f.Trigger.Type, f.Tags)
	h.activate(name)
}

// edit changes a flow in the store, past all links: the people's own calls are retried until they succeed.
func (h *history) edit(name string, fn func(tx store.Tx, f *flow.Flow) error) {
	ctx := h.t.Context()
	require.NoError(h.t, h.w.store.Write(ctx, func(tx store.Tx) error {
		f, err := tx.FlowGet(ctx, name)
		if err != nil {
			return err
		}
		return fn(tx, f)
	}))
}

func (h *history) activate(name string) {
	h.edit(name, func(tx store.Tx, f *flow.Flow) error {
		s := f.Trigger.Schedule()
		if s == nil || f.Status == flow.StatusActive {
			return nil
		}
		f.Status = flow.StatusActive
		h.w.note("%s is activated", name)
		if err := tx.FlowPut(h.t.Context(), f); err != nil {
			return err
		}
		table, err := schedule.Activate(flow.Timetable{FlowName: name}, s, time.Now())
		if err != nil {
			return err
		}
		return tx.TimetablePut(h.t.Context(), &table)
	})
}

func (h *history) stop(name string) {
	h.edit(name, func(tx store.Tx, f *flow.Flow) error {
		if f.Trigger.Schedule() == nil || f.Status != flow.StatusActive {
			return nil
		}
		h.w.note("%s is stopped", name)
		f.Status = flow.StatusSuspended
		if err := tx.FlowPut(h.t.Context(), f); err != nil {
			return err
		}
		return tx.TimetableDelete(h.t.Context(), name)
	})
}

// start runs an on-demand flow, unless it runs.
func (h *history) start(name string) {
	ctx, id := h.t.Context(), ""
	h.edit(name, func(tx store.Tx, f *flow.Flow) error {
		id = ""
		running, err := tx.ExecutionUnfinishedOf(ctx, name)
		if err != nil || len(running) > 0 || f.Trigger.Schedule() != nil {
			return err
		}
		id = h.w.newID("started " + name)
		return tx.ExecutionPut(ctx, flow.NewExecution(id, f, time.Now().UTC()))
	})
	if id == "" {
		return
	}
	h.w.note("%s is started: %s", name, id)
	for _, p := range h.processes { // one that dies now finds it at its next start
		if err := p.engine.Start(ctx, id); err == nil {
			return
		}
	}
}

func (h *history) cancel(name string) {
	ctx := h.t.Context()
	var ids []string
	h.edit(name, func(tx store.Tx, _ *flow.Flow) error {
		ids = nil
		running, err := tx.ExecutionUnfinishedOf(ctx, name)
		for _, x := range running {
			if x.Outcome != "" || x.Status != flow.ExecutionInProgress {
				continue
			}
			x.Status = flow.ExecutionCancelStarted
			ids = append(ids, x.ID)
			if err := tx.ExecutionPut(ctx, x); err != nil {
				return err
			}
		}
		return err
	})
	for _, id := range ids {
		h.w.note("%s is canceled", id)
		for _, p := range h.processes {
			require.NoError(h.t, p.engine.Cancel(ctx, id))
		}
	}
}

// rest stops the schedules, lets everything end, and closes the processes.
func (h *history) rest() {
	for _, p := range h.processes {
		p.kill()
	}
	h.processes = nil
	h.boot()
	pass(2 * time.Hour) // schedules go on, in peace
	for _, name := range h.flows {
		h.stop(name)
	}
	for range 48 {
		pass(time.Hour)
		if len(h.unfinished()) == 0 {
			break
		}
	}
	require.Empty(h.t, h.unfinished(), "executions that do not end")
	p := h.processes[0]
	require.NoError(h.t, p.engine.Drain(h.t.Context()))
	p.engine.Close()
}

func (h *history) unfinished() (list []*flow.Execution) {
	require.NoError(h.t, h.w.store.Read(h.t.Context(), func(tx store.ReadTx) (err error) {
		list, err = tx.ExecutionUnfinished(h.t.Context())
		return err
	}))
	return list
}

// executions lists a flow's, the oldest first.
func (w *world) executions(t *testing.T, name string) (list []*flow.Execution, mark *flow.Watermark) {
	ctx := t.Context()
	require.NoError(t, w.store.Read(ctx, func(tx store.ReadTx) (err error) {
		if list, err = tx.ExecutionList(ctx, name, nil, 100_000); err != nil {
			return err
		}
		if mark, err = tx.WatermarkGet(ctx, name); fault.Is(err, fault.NotFound) {
			err = nil
		}
		return err
	}))
	return list, mark
}
