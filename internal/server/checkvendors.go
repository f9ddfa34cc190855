package server

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/metadata"
)

// fresh is how old a kept answer may be when a definition is refused for it. An older one is asked for again first: the
// field that it lacks may have been added since.
const fresh = 5 * time.Second

// seen is what one end of a flow turned out to have.
type seen struct {
	at     metadata.At
	schema *flow.Schema // nil: nobody could be asked
	asked  time.Time
}

// checkVendors holds a definition against what the applications at both ends have now, as far as this build can ask them:
// the connector is there, and so is the profile if one is needed. The error is theirs, when they cannot be asked.
func (s *Server) checkVendors(ctx context.Context, d *flow.Definition) (flow.Problems, error) {
	if len(d.Destinations) != 1 {
		return nil, nil
	}
	for again := false; ; again = true {
		problems, source, dest, err := s.look(ctx, d)
		if err != nil || len(problems) == 0 || again {
			return problems, err
		}
		limit := s.Now().Add(-fresh)
		isOld := false
		for _, end := range []seen{source, dest} {
			if end.schema != nil && end.asked.Before(limit) {
				s.Metadata.Refresh(end.at)
				isOld = true
			}
		}
		if !isOld {
			return problems, nil
		}
	}
}

// look asks both ends once.
func (s *Server) look(ctx context.Context, d *flow.Definition) (problems flow.Problems, source, dest seen, err error) {
	source, found, err := s.lookAtSource(ctx, d)
	if err != nil {
		return nil, source, dest, err
	}
	problems = append(problems, found...)
	if source.schema != nil {
		problems = append(problems, d.FitSource(*source.schema)...)
	}
	dest, found, err = s.lookAtDestination(ctx, d)
	if err != nil {
		return nil, source, dest, err
	}
	problems = append(problems, found...)
	if dest.schema != nil {
		problems = append(problems, d.FitDestination(*dest.schema, source.schema)...)
	}
	return problems, source, dest, nil
}

func (s *Server) lookAtSource(ctx context.Context, d *flow.Definition) (seen, flow.Problems, error) {
	src := &d.Source
	end, ok, err := s.endAt(ctx, src.Connector, src.ProfileName, src.APIVersion)
	if !ok || err != nil {
		return end, nil, err
	}
	ask := s.Metadata.Source
	if d.Trigger.Type == flow.TriggerEvent {
		ask = s.Metadata.Events
	}
	schema, asked, err := ask(ctx, end.at, src.Properties)
	if err != nil {
		found, err := judgeVendor(err, sourcePath(d), s.specOf(src.Connector).NeedsProfile)
		return end, found, err
	}
	end.schema, end.asked = &schema, asked
	return end, nil, nil
}

func (s *Server) lookAtDestination(ctx context.Context, d *flow.Definition) (seen, flow.Problems, error) {
	dst := &d.Destinations[0]
	key := entityKey(dst.Connector)
	entity := textMember(dst.Properties, key)
	if entity == "" {
		return seen{}, nil, nil // files: what is mapped names their columns
	}
	end, ok, err := s.endAt(ctx, dst.Connector, dst.ProfileName, dst.APIVersion)
	if !ok || err != nil {
		return end, nil, err
	}
	schema, asked, err := s.Metadata.Entity(ctx, end.at, entity)
	if err != nil {
		found, err := judgeVendor(err, destinationPath(0, dst.Connector)+"."+key, s.specOf(dst.Connector).NeedsProfile)
		return end, found, err
	}
	end.schema, end.asked = &schema, asked
	return end, nil, nil
}

// endAt finds who is to be asked about one end; false when nobody can be. A missing profile, and one of another connector,
// is the profiles' own rule.
func (s *Server) endAt(ctx context.Context, c flow.ConnectorType, profile, apiVersion *string) (seen, bool, error) {
	if !s.canBeAsked(c) {
		return seen{}, false, nil
	}
	if !s.specOf(c).NeedsProfile {
		return seen{at: metadata.At{Connector: c, APIVersion: deref(apiVersion)}}, true, nil
	}
	if deref(profile) == "" {
		return seen{}, false, nil
	}
	at, err := s.profileAt(ctx, *profile, deref(apiVersion))
	if fault.Is(err, fault.NotFound) || err == nil && at.Connector != c {
		return seen{}, false, nil
	}
	return seen{at: at}, err == nil, err
}

// judgeVendor tells what the definition gets wrong from what the vendor cannot do for the moment. A bucket that is not
// there yet is neither: it may be made before the first run.
func judgeVendor(err error, path string, hasProfile bool) (flow.Problems, error) {
	switch fault.CodeOf(err) {
	case fault.Unsupported:
		return nil, nil
	case fault.NotFound, fault.Validation:
		if !hasProfile && hasCode(err, fault.NotFound) {
			return nil, nil
		}
		return flow.Problems{{Path: path, Text: err.Error()}}, nil
	case fault.Throttling, fault.Quota, fault.Conflict:
		return nil, vendorError(err)
	}
	return nil, err
}

// hasCode reports whether any error of the chain carries the code.
func hasCode(err error, code fault.Code) bool {
	for e := (*fault.Error)(nil); errors.As(err, &e); err = e.Cause {
		if e.Code == code {
			return true
		}
	}
	return false
}

// entityKey is the destination property that names the entity, "" for destinations of files.
func entityKey(c flow.ConnectorType) string {
	if c == flow.CustomerProfiles {
		return "objectTypeName" // its object is the domain, which has no fields
	}
	return flow.TraitsOf(c).ObjectKey
}

// textMember reads one text out of a connector's properties, "" when there is none.
func textMember(props flow.Properties, key string) string {
	var members map[string]json.RawMessage
	var text string
	if key == "" || props.Decode(&members) != nil || json.Unmarshal(members[key], &text) != nil {
		return ""
	}
	return text
}
