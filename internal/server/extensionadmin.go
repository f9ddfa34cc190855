package server

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/server/sigv4"
	"weir.dev/weir/internal/store"
)

// KeyAdmin makes and revokes access keys. What also writes is part of the change's transaction.
type KeyAdmin interface {
	Create(ctx context.Context, name string, also ...func(tx store.Tx, id string) error) (sigv4.Key, error)
	List(ctx context.Context) ([]*store.AccessKey, error)
	SetDisabled(ctx context.Context, id string, disabled bool, also ...func(tx store.Tx, id string) error) error
	Delete(ctx context.Context, id string, also ...func(tx store.Tx, id string) error) error
}

// KeyView is an access key without its secret, save in the answer that makes it.
type KeyView struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Secret    string `json:"secret,omitzero"`
	Disabled  bool   `json:"disabled"`
	CreatedAt int64  `json:"createdAt"` // seconds since 1970
}

// keys answers the pages about access keys:
//
//	GET    /weir/v1/keys                all keys
//	POST   /weir/v1/keys {"name": "…"}  a new key; its secret is in this answer only
//	POST   /weir/v1/keys/{id}/disable   switch off
//	POST   /weir/v1/keys/{id}/enable    switch on
//	DELETE /weir/v1/keys/{id}           remove for good
func (s *Server) keys(r *http.Request, c *call, parts []string, body []byte) (any, error) {
	ctx := r.Context()
	if s.KeyAdmin == nil {
		return nil, fault.New(fault.Unsupported, "this server's keys are set in its environment and cannot be changed here")
	}
	switch {
	case r.Method == http.MethodGet && len(parts) == 0:
		return s.listKeys(ctx)
	case r.Method == http.MethodPost && len(parts) == 0:
		var in struct {
			Name string `json:"name"`
		}
		bad := json.Unmarshal(body, &in) != nil || !keyName.MatchString(in.Name)
		return s.changeKey(ctx, c, "CreateAccessKey", "", map[string]string{"name": clip(in.Name)}, func(audit auditKey) (any, error) {
			if bad {
				return nil, fault.New(fault.Validation, `give the key a name of 1 to 64 letters, digits and + = , . @ _ -, as {"name": "ci"}`)
			}
			key, err := s.KeyAdmin.Create(ctx, in.Name, audit)
			return KeyView{ID: key.ID, Name: in.Name, Secret: key.Secret, CreatedAt: c.at.Unix()}, err
		})
	case r.Method == http.MethodPost && len(parts) == 2 && (parts[1] == "disable" || parts[1] == "enable"):
		return s.changeKey(ctx, c, "UpdateAccessKey", parts[0], map[string]string{"action": parts[1]}, func(audit auditKey) (any, error) {
			return struct{}{}, keyError(s.KeyAdmin.SetDisabled(ctx, parts[0], parts[1] == "disable", audit), parts[0])
		})
	case r.Method == http.MethodDelete && len(parts) == 1 && parts[0] != "":
		return s.changeKey(ctx, c, "DeleteAccessKey", parts[0], nil, func(audit auditKey) (any, error) {
			return struct{}{}, keyError(s.KeyAdmin.Delete(ctx, parts[0], audit), parts[0])
		})
	}
	return nil, errNoSuchPage(r)
}

// auditKey writes the audit record of a change to the key of that id.
type auditKey = func(tx store.Tx, id string) error

// changeKey makes a change to the access keys and sees to its audit record, whether it succeeds or not. The request is
// what of it the record shows.
func (s *Server) changeKey(ctx context.Context, c *call, operation, id string, request map[string]string, change func(audit auditKey) (any, error)) (any, error) {
	c.operation, c.resource = operation, clip(id)
	shown, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	event := func() *store.AuditEvent {
		e := c.auditEvent()
		e.Request = shown
		return e
	}
	out, err := change(func(tx store.Tx, id string) error {
		c.resource = id
		return tx.AuditAppend(ctx, event())
	})
	if err != nil {
		s.auditRefusal(ctx, c, event(), err)
	}
	return out, err
}

func keyError(err error, id string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "Access key %s does not exist.", clip(id))
	}
	return err
}

func (s *Server) listKeys(ctx context.Context) (any, error) {
	list, err := s.KeyAdmin.List(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]KeyView, len(list))
	for i, k := range list {
		out[i] = KeyView{ID: k.ID, Name: k.Name, Disabled: k.Disabled, CreatedAt: k.CreatedAt.Unix()}
	}
	return map[string]any{"keys": out}, nil
}

// backup streams a consistent copy of the store.
func (s *Server) backup(r *http.Request, w io.Writer) error { return s.Store.Backup(r.Context(), w) }
