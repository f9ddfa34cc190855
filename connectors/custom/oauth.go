package custom

import (
	"context"

	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

var _ connector.OAuthRefiner = (*Connector)(nil)

// RefineOAuth implements [connector.OAuthRefiner]: how tokens are asked for is what the registered connector has declared,
// the scopes included. A connector that is not registered has declared nothing.
func (c *Connector) RefineOAuth(ctx context.Context, label string, e connector.OAuthEndpoint) (connector.OAuthEndpoint, error) {
	if c.o.Find == nil {
		return e, nil
	}
	r, err := c.o.Find(ctx, label)
	if fault.Is(err, fault.NotFound) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	var said struct {
		Auth struct {
			OAuth2 shownOAuth2 `json:"oAuth2Defaults"`
		} `json:"authenticationConfig"`
	}
	if err := r.Config.Decode(&said); err != nil {
		return e, fault.Wrap(fault.Internal, err, "reading the registration of connector %q", label)
	}
	o := said.Auth.OAuth2
	e.Scopes, e.ClientInHeader = o.Scopes, o.BasicHeader
	switch {
	case o.Method == "HTTP_GET":
		e.Style = connector.TokenByQuery
	case o.ContentType == "APPLICATION_JSON":
		e.Style = connector.TokenByJSON
	}
	return e, nil
}
