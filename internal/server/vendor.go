package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/metadata"
	"weir.dev/weir/internal/store"
)

// vendorNamed is how the metadata operations say who is meant: a profile, or a connector type that takes none.
type vendorNamed struct {
	connectorType *wire.ConnectorType
	profile       *string
	apiVersion    *string
}

// find turns the names into what the metadata are kept under. A profile's name that is given for a connector that takes
// none is ignored, as in flows.
func (v vendorNamed) find(ctx context.Context, s *Server) (metadata.At, error) {
	at := metadata.At{APIVersion: deref(v.apiVersion)}
	if v.connectorType != nil {
		at.Connector = flow.ConnectorType(*v.connectorType)
	}
	spec := s.Connectors.Spec(at.Connector)
	switch {
	case at.Connector == "" && v.profile == nil:
		return at, fault.New(fault.Validation, "connectorProfileName or connectorType is needed: a profile, or the type of a connector that takes none")
	case at.Connector != "" && spec == nil:
		return at, fault.New(fault.Validation, "The connector %s is not in this build.", at.Connector)
	case spec != nil && !spec.NeedsProfile:
		return at, nil
	case v.profile == nil:
		return at, fault.New(fault.Validation, "connectorProfileName is missing; connectorType %s needs a profile", at.Connector)
	}
	found, err := s.profileAt(ctx, *v.profile, at.APIVersion)
	if err != nil {
		return at, err
	}
	if at.Connector != "" && at.Connector != found.Connector {
		return at, fault.New(fault.Validation, "connectorType %s is not that of the profile %s, which is %s", at.Connector, *v.profile, found.Connector)
	}
	return found, nil
}

// profileAt finds a stored profile.
func (s *Server) profileAt(ctx context.Context, name, apiVersion string) (at metadata.At, err error) {
	err = s.Store.Read(ctx, func(tx store.ReadTx) error {
		at, err = profileIn(ctx, tx, name, apiVersion)
		return err
	})
	return at, err
}

// profileIn reads a profile, or says that there is none in the words clients know. The version changes when the profile is
// updated or made anew, or its custom connector is registered anew, and not when its tokens rotate.
func profileIn(ctx context.Context, tx store.ReadTx, name, apiVersion string) (metadata.At, error) {
	p, err := tx.ProfileGet(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return metadata.At{}, fault.New(fault.NotFound, "Connector Profile with name %s does not exist.", name)
	}
	if err != nil {
		return metadata.At{}, err
	}
	at := metadata.At{Connector: p.Connector, Profile: name, APIVersion: apiVersion, Version: strconv.FormatInt(p.UpdatedAt.UnixMicro(), 36)}
	if p.Label == "" {
		return at, nil
	}
	r, err := tx.RegistrationGet(ctx, p.Label)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return at, err
	}
	if err == nil {
		sum := sha256.Sum256(append([]byte(r.LambdaArn), r.Config...))
		at.Version += " " + hex.EncodeToString(sum[:8])
	}
	return at, nil
}

// canBeAsked reports whether the connector is in this build, so that its vendor can be asked.
func (s *Server) canBeAsked(c flow.ConnectorType) bool {
	return s.Metadata != nil && s.Connectors.Find(c) != nil
}

// asks refuses what cannot be asked of a vendor.
func (s *Server) asks(at metadata.At) error {
	if !s.canBeAsked(at.Connector) {
		return fault.New(fault.Validation, "The connector %s is not in this build, so its vendor cannot be asked.", at.Connector)
	}
	return nil
}

// vendorError fits what a vendor's connector answers to the errors that the operations declare.
func vendorError(err error) error {
	switch fault.CodeOf(err) {
	case fault.AccessDenied:
		return fault.Wrap(fault.ConnectorAuth, err, "the vendor refuses access")
	case fault.Throttling, fault.Quota, fault.Conflict:
		return fault.Wrap(fault.ConnectorServer, err, "the vendor cannot answer for the moment")
	case fault.Unsupported:
		return fault.Wrap(fault.Validation, err, "the vendor cannot be asked")
	}
	return err
}

// specOf is what the connector of a profile or type says of itself; never nil for what find has found.
func (s *Server) specOf(c flow.ConnectorType) *connector.Spec {
	if spec := s.Connectors.Spec(c); spec != nil {
		return spec
	}
	return &connector.Spec{Type: c, Name: string(c)}
}
