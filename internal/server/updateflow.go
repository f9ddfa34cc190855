package server

import (
	"context"
	"slices"
	"time"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// updateFlow replaces a definition: what the request leaves out is dropped
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_UpdateFlow.html). Runs that have started keep the old one.
func (s *Server) updateFlow(ctx context.Context, c *call, in *wire.UpdateFlowInput) (*wire.UpdateFlowOutput, error) {
	use := newTokenUse(c, &in.ClientToken, in)
	def, err := definitionIn(definitionParts{in.Description, in.TriggerConfig, in.SourceFlowConfig, in.DestinationFlowConfigList, in.Tasks, in.MetadataCatalogConfig})
	if err != nil {
		return nil, err
	}
	problems, refused := s.examine(ctx, &def)
	out := &wire.UpdateFlowOutput{}
	err = s.mutate(ctx, c, out, func(tx store.Tx) error {
		f, err := flowByName(ctx, tx, *in.FlowName)
		if err != nil {
			return err
		}
		use := use.about(f)
		if done, err := use.repeated(ctx, tx, out); done || err != nil {
			return err
		}
		foreign, err := checkProfiles(ctx, tx, &def)
		if err != nil {
			return err
		}
		found := slices.Concat(foreign, problems)
		if len(found) == 0 {
			found = flow.CheckUpdate(&f.Definition, &def)
			found = append(found, def.CheckTags(f.Tags)...)
		}
		if len(found) > 0 {
			return fault.New(fault.Validation, "Update Flow request failed due to:[%s]", found)
		}
		if refused != nil {
			return refused
		}
		rescheduled := !sameSchedule(&f.Definition, &def)
		replaceDefinition(f, def)
		f.UpdatedAt, f.UpdatedBy = c.at, c.principal
		*out = wire.UpdateFlowOutput{FlowStatus: ptr(wire.FlowStatus(f.Status))}
		if err := tx.FlowPut(ctx, f); err != nil {
			return err
		}
		if err := s.settle(ctx, tx, f, c.at, rescheduled); err != nil {
			return err
		}
		return use.remember(ctx, tx, out)
	})
	return out, err
}

// replaceDefinition puts a new definition into a flow. A flow that becomes scheduled or event-driven has to be started
// before it runs; one that becomes on-demand can be run at once.
func replaceDefinition(f *flow.Flow, def flow.Definition) {
	if flow.SchemaChanged(&f.Definition, &def) {
		f.SchemaVersion++
	}
	before, after := f.Trigger.Type, def.Trigger.Type
	switch {
	case before == after:
	case after == flow.TriggerOnDemand:
		f.Status, f.StatusMessage = flow.StatusActive, ""
	case before == flow.TriggerOnDemand:
		f.Status = flow.StatusDraft
	}
	f.Definition = def
	f.Version++
}

// sameSchedule reports whether an update leaves the times of a flow's runs as they are. Only what the times depend on
// counts: another timezone label does not put a running timetable back to its start.
func sameSchedule(before, after *flow.Definition) bool {
	a, b := before.Trigger.Schedule(), after.Trigger.Schedule()
	if before.Trigger.Type != after.Trigger.Type || (a == nil) != (b == nil) {
		return false
	}
	return a == nil || a.Expression == b.Expression && sameTime(a.Start, b.Start) && sameTime(a.End, b.End)
}

func sameTime(a, b *time.Time) bool {
	return a == b || a != nil && b != nil && a.Equal(*b)
}
