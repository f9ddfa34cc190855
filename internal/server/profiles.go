package server

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Profiles proves and seals the credentials of connector profiles; package profile does.
type Profiles interface {
	// Prove completes the credentials of a request (exchanges authorization codes, fetches tokens), checks them against the
	// vendor where this build has the connector, and returns them sealed for storing. Given are those of the request, under
	// the connector's member name; nil means those that are stored, which are proved again with the profile's new
	// properties. It changes nothing of p. Errors show no secret.
	Prove(ctx context.Context, p *flow.Profile, given flow.Properties, stored []byte) (sealed []byte, err error)
}

// proveTime bounds what a vendor may take to answer; it is within the minute that AWS's clients wait.
const proveTime = 40 * time.Second

// noProfiles refuses: a server without a vault cannot keep credentials.
type noProfiles struct{}

func (noProfiles) Prove(context.Context, *flow.Profile, flow.Properties, []byte) ([]byte, error) {
	return nil, fault.New(fault.Validation, "This server keeps no credentials.")
}

// profileConfigIn takes the connector's members out of a request. It refuses members of other connectors. Properties may
// be missing where the connector needs none; credentials may be missing as far as [flow.Profile.Check] allows.
func profileConfigIn(connector flow.ConnectorType, in *wire.ConnectorProfileConfig) (props, given flow.Properties, err error) {
	props, err = optionalMemberIn("connectorProfileConfig.connectorProfileProperties", connector, in.ConnectorProfileProperties)
	if err != nil || in.ConnectorProfileCredentials == nil {
		return props, nil, err
	}
	given, err = optionalMemberIn("connectorProfileConfig.connectorProfileCredentials", connector, in.ConnectorProfileCredentials)
	return props, given, err
}

// optionalMemberIn is [memberIn] for unions of which no member need be set.
func optionalMemberIn(path string, c flow.ConnectorType, u union) (flow.Properties, error) {
	if len(u.Members()) == 0 {
		return nil, nil
	}
	return memberIn(path, c, u)
}

// checkProfile is [flow.Profile.Check] as an error. AppFlow's own texts stand alone, the others in its brackets.
func checkProfile(operation string, p *flow.Profile, given flow.Properties, hasStored bool) error {
	problems := p.Check(given, hasStored)
	switch {
	case len(problems) == 0:
		return nil
	case len(problems) == 1 && problems[0].Verbatim:
		return fault.New(fault.Validation, "%s", problems)
	}
	return fault.New(fault.Validation, "%s request failed: [%s]", operation, problems)
}

// profileByName reads a profile, or says that there is none in the words clients know.
func profileByName(ctx context.Context, tx store.ReadTx, name string) (*store.Profile, error) {
	p, err := tx.ProfileGet(ctx, name)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "Connector Profile with name %s does not exist.", name)
	}
	return p, err
}

// checkLabel refuses a label that stands for no connector. The operations on profiles know no NotFound for it.
func checkLabel(ctx context.Context, tx store.ReadTx, label string) error {
	if label == "" || flow.IsAuthoredLabel(label) {
		return nil
	}
	_, err := tx.RegistrationGet(ctx, label)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Validation, "Connector with label %s does not exist. Register it first with RegisterConnector.", label)
	}
	return err
}

// prove asks the vendor, outside of any transaction. A public profile with credentials that do not work is refused. A
// private one is kept all the same, as AppFlow keeps one whose provisioning fails: p's state says what is wrong, and no
// credentials are returned.
func (s *Server) prove(ctx context.Context, p *flow.Profile, given flow.Properties, stored []byte) ([]byte, error) {
	limited, cancel := context.WithTimeout(ctx, proveTime)
	defer cancel()
	sealed, err := s.Profiles.Prove(limited, p, given, stored)
	if err != nil && ctx.Err() == nil && errors.Is(limited.Err(), context.DeadlineExceeded) {
		err = fault.New(fault.ConnectorServer, "the application did not answer within %s", proveTime)
	}
	p.Private = nil
	if p.Mode != flow.ModePrivate {
		return sealed, refuseCredentials(err)
	}
	p.Private = &flow.PrivateState{Status: string(wire.PrivateConnectionProvisioningStatusCreated)}
	if err == nil {
		return sealed, nil
	}
	cause, isSettled := failureCause(err)
	if !isSettled {
		return nil, err
	}
	p.Private = &flow.PrivateState{
		Status: string(wire.PrivateConnectionProvisioningStatusFailed), Cause: string(cause), Message: clip(err.Error()),
	}
	return nil, nil
}

// refuseCredentials fits an error to what the operations on profiles declare: an application that cannot be reached, too,
// is an authentication that failed.
func refuseCredentials(err error) error {
	switch fault.CodeOf(err) {
	case fault.ConnectorAuth, fault.ConnectorServer, fault.Throttling:
		return fault.New(fault.ConnectorAuth, "Error authenticating to connector: %s", err.Error())
	case fault.NotFound, fault.AccessDenied, fault.Unsupported:
		return fault.New(fault.Validation, "%s", err.Error())
	}
	return err
}

// failureCause is why a private connection failed; false for what is no answer about the connection, such as a client
// that hung up.
func failureCause(err error) (wire.PrivateConnectionProvisioningFailureCause, bool) {
	switch fault.CodeOf(err) {
	case fault.ConnectorAuth:
		return wire.PrivateConnectionProvisioningFailureCauseConnectorAuthentication, true
	case fault.ConnectorServer, fault.Throttling:
		return wire.PrivateConnectionProvisioningFailureCauseConnectorServer, true
	case fault.AccessDenied:
		return wire.PrivateConnectionProvisioningFailureCauseAccessDenied, true
	case fault.Validation, fault.NotFound, fault.Unsupported:
		return wire.PrivateConnectionProvisioningFailureCauseValidation, true
	}
	return "", false
}

// newCredentialsARN names a profile's credentials as AppFlow names its secrets. Nothing can be read by it.
func (c *call) newCredentialsARN(p *flow.Profile) string {
	name := p.Name
	if p.Label != "" {
		name = p.Label + "-" + name
	}
	const suffix = 6
	return "arn:aws:secretsmanager:" + c.region + ":" + c.account + ":secret:appflow!" + c.account + "-" + name + "-" +
		strings.ToLower(rand.Text()[:suffix])
}

// profileOut shows a profile as the caller's region sees it.
func profileOut(c *call, p *flow.Profile) wire.ConnectorProfile {
	out := wire.ConnectorProfile{
		ConnectorProfileArn: ptr(c.profileARN(p.Name)), ConnectorProfileName: &p.Name, ConnectorType: ptr(wire.ConnectorType(p.Connector)),
		ConnectionMode: ptr(wire.ConnectionMode(p.Mode)), CredentialsArn: &p.CredentialsArn,
		ConnectorProfileProperties: &wire.ConnectorProfileProperties{},
		CreatedAt:                  ptr(wire.TimestampOf(p.CreatedAt)), LastUpdatedAt: ptr(wire.TimestampOf(p.UpdatedAt)),
	}
	if p.Label != "" {
		out.ConnectorLabel = &p.Label
	}
	if p.Properties != nil {
		memberOut(p.Connector, p.Properties, out.ConnectorProfileProperties)
	}
	if st := p.Private; st != nil {
		out.PrivateConnectionProvisioningState = &wire.PrivateConnectionProvisioningState{
			Status: ptr(wire.PrivateConnectionProvisioningStatus(st.Status)),
		}
		if st.Cause != "" {
			out.PrivateConnectionProvisioningState.FailureCause = ptr(wire.PrivateConnectionProvisioningFailureCause(st.Cause))
			out.PrivateConnectionProvisioningState.FailureMessage = &st.Message
		}
	}
	return out
}
