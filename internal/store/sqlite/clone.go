package sqlite

import (
	"maps"
	"slices"

	"weir.dev/weir/flow"
)

// clone copies a flow so that no change of the copy reaches the original.
func clone(f *flow.Flow) *flow.Flow {
	c := *f
	c.KMSArn, c.LastRun, c.Tags = clonePtr(f.KMSArn), clonePtr(f.LastRun), maps.Clone(f.Tags)
	c.Description = clonePtr(f.Description)
	c.Trigger = cloneTrigger(f.Trigger)
	c.Source = cloneSource(f.Source)
	c.Destinations = slices.Clone(f.Destinations)
	for i := range c.Destinations {
		d := &c.Destinations[i]
		d.ProfileName, d.APIVersion = clonePtr(d.ProfileName), clonePtr(d.APIVersion)
		d.Properties = slices.Clone(d.Properties)
	}
	c.Tasks = slices.Clone(f.Tasks)
	for i := range c.Tasks {
		t := &c.Tasks[i]
		t.SourceFields, t.Operators = slices.Clone(t.SourceFields), maps.Clone(t.Operators)
		t.DestinationField, t.Properties = clonePtr(t.DestinationField), maps.Clone(t.Properties)
	}
	c.Catalog = clonePtr(f.Catalog)
	if c.Catalog != nil {
		c.Catalog.Glue = clonePtr(c.Catalog.Glue)
	}
	c.LastCatalog = slices.Clone(f.LastCatalog)
	for i := range c.LastCatalog {
		c.LastCatalog[i].Partitions = clonePtr(c.LastCatalog[i].Partitions)
	}
	return &c
}

func cloneTrigger(t flow.Trigger) flow.Trigger {
	t.Properties = clonePtr(t.Properties)
	if t.Properties == nil || t.Properties.Scheduled == nil {
		return t
	}
	s := clonePtr(t.Properties.Scheduled)
	s.PullMode, s.Start, s.End, s.Timezone = clonePtr(s.PullMode), clonePtr(s.Start), clonePtr(s.End), clonePtr(s.Timezone)
	s.OffsetSeconds, s.FirstExecutionFrom = clonePtr(s.OffsetSeconds), clonePtr(s.FirstExecutionFrom)
	s.DeactivateAfterRuns = clonePtr(s.DeactivateAfterRuns)
	t.Properties.Scheduled = s
	return t
}

func cloneSource(s flow.Source) flow.Source {
	s.ProfileName, s.APIVersion = clonePtr(s.ProfileName), clonePtr(s.APIVersion)
	s.Properties = slices.Clone(s.Properties)
	s.Incremental = clonePtr(s.Incremental)
	if s.Incremental != nil {
		s.Incremental.DatetimeField = clonePtr(s.Incremental.DatetimeField)
	}
	return s
}

func clonePtr[T any](p *T) *T {
	if p == nil {
		return nil
	}
	c := *p
	return &c
}
