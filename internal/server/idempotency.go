package server

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"weir.dev/weir/api/wire"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// tokenLife is how long a clientToken stands for its first answer
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_CreateFlow.html).
const tokenLife = 8 * time.Hour

// tokenUse is a clientToken with what it is used for. The zero value, with no token, matches and remembers nothing.
//
// A token belongs to an operation in a region. Where the request is about a flow that exists, it belongs to that very
// flow too: what it answered for a flow that was deleted since is no answer about a new one of the same name.
type tokenUse struct {
	scope string
	token *string
	hash  string
	at    time.Time
}

// newTokenUse takes the token out of a request and hashes the rest. The codec writes members and map keys in a fixed
// order, so equal requests have equal hashes.
func newTokenUse(c *call, token **string, in wire.Shape) tokenUse {
	u := tokenUse{scope: c.operation + " " + c.region, token: *token, at: c.at}
	*token = nil
	u.hash = hashOf(in.AppendJSON(nil))
	return u
}

func hashOf(parts ...[]byte) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// secretTokenUse is newTokenUse for requests that hold secrets: nobody who reads the store can try them out on its hash.
func (s *Server) secretTokenUse(c *call, token **string, in wire.Shape) tokenUse {
	u := newTokenUse(c, token, in)
	h := hmac.New(sha256.New, s.requestKey)
	h.Write(in.AppendJSON(nil))
	u.hash = hex.EncodeToString(h.Sum(nil))
	return u
}

// about binds the use to a flow as it was created: the same request about a later flow of this name is another request.
func (u tokenUse) about(f *flow.Flow) tokenUse { return u.since(f.CreatedAt) }

// since binds the use to whatever was created then.
func (u tokenUse) since(createdAt time.Time) tokenUse {
	u.hash = hashOf([]byte(u.hash), []byte(createdAt.UTC().Format(time.RFC3339Nano)))
	return u
}

// apart gives the use a scope of its own for a flow, so that the token says nothing about other flows.
func (u tokenUse) apart(f *flow.Flow) tokenUse {
	u.scope += " " + f.Name + " " + f.CreatedAt.UTC().Format(time.RFC3339Nano)
	return u
}

// repeated looks the token up. When the same request was answered before, it fills out with that answer and reports true;
// a token that stood for another request is a conflict.
func (u tokenUse) repeated(ctx context.Context, tx store.ReadTx, out wire.Shape) (bool, error) {
	t, err := u.first(ctx, tx)
	switch {
	case err != nil || t == nil:
		return false, err
	case t.RequestHash != u.hash:
		return false, fault.New(fault.Conflict, "The clientToken was used before with other parameters. Use a new token for a new request.")
	}
	return true, out.DecodeJSON(t.Response)
}

// first is what the token stands for, nil when nothing yet.
func (u tokenUse) first(ctx context.Context, tx store.ReadTx) (*store.Token, error) {
	if u.token == nil {
		return nil, nil
	}
	t, err := tx.TokenGet(ctx, u.scope, *u.token)
	if fault.Is(err, fault.NotFound) || err == nil && u.at.Sub(t.CreatedAt) > tokenLife {
		return nil, nil
	}
	return t, err
}

// remember stores the answer that the token stands for from now on.
func (u tokenUse) remember(ctx context.Context, tx store.Tx, out wire.Shape) error {
	if u.token == nil {
		return nil
	}
	if err := tx.TokenPrune(ctx, u.at.Add(-tokenLife)); err != nil {
		return err
	}
	return tx.TokenPut(ctx, &store.Token{
		Operation: u.scope, Token: *u.token, RequestHash: u.hash, Response: json.RawMessage(out.AppendJSON(nil)), CreatedAt: u.at,
	})
}
