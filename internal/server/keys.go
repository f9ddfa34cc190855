package server

import (
	"bytes"
	"context"
	"encoding/json"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/access/policy"
	"weir.dev/weir/internal/server/sigv4"
	"weir.dev/weir/internal/store"
)

// KeyAdmin makes and revokes access keys. Policies have been checked; nil allows everything. What also writes is part of the
// change's transaction.
type KeyAdmin interface {
	Create(ctx context.Context, name string, document json.RawMessage, also ...func(tx store.Tx, id string) error) (sigv4.Key, error)
	Rotate(ctx context.Context, id string, overlap time.Duration, also ...func(tx store.Tx, id string) error) (sigv4.Key, error)
	List(ctx context.Context) ([]*store.AccessKey, error)
	SetDisabled(ctx context.Context, id string, disabled bool, also ...func(tx store.Tx, id string) error) error
	SetPolicy(ctx context.Context, id string, document json.RawMessage, also ...func(tx store.Tx, id string) error) error
	Delete(ctx context.Context, id string, also ...func(tx store.Tx, id string) error) error
}

// KeyView is an access key without its secret, save in the answer that makes it.
type KeyView struct {
	ID        string          `json:"id"`
	Name      string          `json:"name"`
	Secret    string          `json:"secret,omitzero"`
	Disabled  bool            `json:"disabled"`
	CreatedAt int64           `json:"createdAt"` // seconds since 1970
	ExpiresAt int64           `json:"expiresAt,omitzero"`
	Policy    json.RawMessage `json:"policy,omitzero"` // a document, or the name of a predefined one; left out when everything is allowed
}

func keyView(k *store.AccessKey) KeyView {
	v := KeyView{ID: k.ID, Name: k.Name, Disabled: k.Disabled, CreatedAt: k.CreatedAt.Unix(), Policy: k.Policy}
	if !k.ExpiresAt.IsZero() {
		v.ExpiresAt = k.ExpiresAt.Unix()
	}
	return v
}

// maxOverlap bounds how long a rotated key goes on working.
const maxOverlap = 90 * 24 * time.Hour

func (s *Server) listKeys(ctx context.Context, _ *call, _ *pageRequest) (any, error) {
	list, err := s.storedKeys(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]KeyView, len(list))
	for i, k := range list {
		out[i] = keyView(k)
	}
	return map[string]any{"keys": out}, nil
}

func (s *Server) showKey(ctx context.Context, _ *call, r *pageRequest) (any, error) {
	list, err := s.storedKeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range list {
		if k.ID == r.params[0] {
			return keyView(k), nil
		}
	}
	return nil, keyError(fault.New(fault.NotFound, "no such key"), r.params[0])
}

func (s *Server) storedKeys(ctx context.Context) ([]*store.AccessKey, error) {
	if s.KeyAdmin == nil {
		return nil, errFixedKeys
	}
	return s.KeyAdmin.List(ctx)
}

var errFixedKeys = fault.New(fault.Unsupported, "this server's keys are set in its environment and cannot be changed here")

// createKey makes a key: {"name": "ci", "policy": {…} or "read-only"}. Its secret is in this answer only.
func (s *Server) createKey(ctx context.Context, c *call, r *pageRequest) (any, error) {
	var in struct {
		Name   string          `json:"name"`
		Policy json.RawMessage `json:"policy"`
	}
	bad := json.Unmarshal(r.body, &in) != nil || !keyName.MatchString(in.Name)
	shown := map[string]any{"name": clip(in.Name), "policy": shownPolicy(in.Policy)}
	return s.changeKey(ctx, c, "CreateAccessKey", "", shown, func(audit auditKey) (any, error) {
		if bad {
			return nil, fault.New(fault.Validation, `give the key a name of 1 to 64 letters, digits and + = , . @ _ -, as {"name": "ci"}`)
		}
		document, err := s.checkPolicy(in.Policy)
		if err != nil {
			return nil, err
		}
		key, err := s.KeyAdmin.Create(ctx, in.Name, document, audit)
		return KeyView{ID: key.ID, Name: in.Name, Secret: key.Secret, CreatedAt: c.at.Unix(), Policy: document}, err
	})
}

// rotateKey makes a key in another's place: {"overlap": "24h"} says how long both work. Its secret is in this answer only.
func (s *Server) rotateKey(ctx context.Context, c *call, r *pageRequest) (any, error) {
	var in struct {
		Overlap string `json:"overlap"`
	}
	err := json.Unmarshal(orBytes(r.body, "{}"), &in)
	overlap := time.Duration(0)
	if err == nil && in.Overlap != "" {
		overlap, err = time.ParseDuration(in.Overlap)
	}
	shown := map[string]any{"id": clip(r.params[0]), "overlap": clip(in.Overlap)}
	return s.changeKey(ctx, c, "RotateAccessKey", r.params[0], shown, func(audit auditKey) (any, error) {
		if err != nil || overlap < 0 || overlap > maxOverlap {
			return nil, fault.New(fault.Validation, `the overlap must be a time between 0s and 2160h, as {"overlap": "24h"}`)
		}
		key, err := s.KeyAdmin.Rotate(ctx, r.params[0], overlap, audit)
		return KeyView{ID: key.ID, Name: key.Name, Secret: key.Secret, CreatedAt: c.at.Unix()}, keyError(err, r.params[0])
	})
}

// setKeyPolicy replaces a key's policy: a document, the name of a predefined one, or null to allow everything.
func (s *Server) setKeyPolicy(ctx context.Context, c *call, r *pageRequest) (any, error) {
	shown := map[string]any{"policy": shownPolicy(r.body)}
	return s.changeKey(ctx, c, "PutAccessKeyPolicy", r.params[0], shown, func(audit auditKey) (any, error) {
		if len(r.body) == 0 {
			return nil, fault.New(fault.Validation, "send the policy as the request's body: an IAM policy, the name of a predefined one as a JSON string, or null")
		}
		document, err := s.checkPolicy(r.body)
		if err != nil {
			return nil, err
		}
		return struct{}{}, keyError(s.KeyAdmin.SetPolicy(ctx, r.params[0], document, audit), r.params[0])
	})
}

func (s *Server) disableKey(ctx context.Context, c *call, r *pageRequest) (any, error) {
	return s.switchKey(ctx, c, r.params[0], "disable")
}

func (s *Server) enableKey(ctx context.Context, c *call, r *pageRequest) (any, error) {
	return s.switchKey(ctx, c, r.params[0], "enable")
}

func (s *Server) switchKey(ctx context.Context, c *call, id, action string) (any, error) {
	return s.changeKey(ctx, c, "UpdateAccessKey", id, map[string]any{"action": action}, func(audit auditKey) (any, error) {
		return struct{}{}, keyError(s.KeyAdmin.SetDisabled(ctx, id, action == "disable", audit), id)
	})
}

func (s *Server) deleteKey(ctx context.Context, c *call, r *pageRequest) (any, error) {
	return s.changeKey(ctx, c, "DeleteAccessKey", r.params[0], nil, func(audit auditKey) (any, error) {
		return struct{}{}, keyError(s.KeyAdmin.Delete(ctx, r.params[0], audit), r.params[0])
	})
}

// checkPolicy reads a policy as a key may be given it; nil and null allow everything.
func (s *Server) checkPolicy(document json.RawMessage) (json.RawMessage, error) {
	document = bytes.TrimSpace(document)
	if len(document) == 0 || string(document) == "null" {
		return nil, nil
	}
	p, err := policy.Parse(document)
	if err == nil {
		err = p.CheckAccount(s.AccountID)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Validation, err, "reading the policy")
	}
	return document, nil
}

// shownPolicy is what the audit trail shows of a policy: itself when it is JSON of a bearable size.
func shownPolicy(document json.RawMessage) any {
	if len(document) > 0 && len(document) <= maxAuditBody/2 && json.Valid(document) {
		return document
	}
	return nil
}

func orBytes(b []byte, otherwise string) []byte {
	if len(b) == 0 {
		return []byte(otherwise)
	}
	return b
}

// auditKey writes the audit record of a change to the key of that id.
type auditKey = func(tx store.Tx, id string) error

// changeKey makes a change to the access keys and sees to its audit record, whether it succeeds or not. The request is
// what of it the record shows.
func (s *Server) changeKey(ctx context.Context, c *call, operation, id string, request map[string]any, change func(audit auditKey) (any, error)) (any, error) {
	if s.KeyAdmin == nil {
		return nil, errFixedKeys
	}
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
		return nil, err
	}
	return out, nil
}

func keyError(err error, id string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "Access key %s does not exist.", clip(id))
	}
	return err
}
