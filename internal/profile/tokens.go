package profile

import (
	"context"
	"sync"
	"time"

	"weir.dev/weir/connectorkit/oauth"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

const (
	// leaseLife is longer than a renewal can take: one exchange with the vendor, and saving its answer.
	leaseLife = 3 * time.Minute
	// renewPatience bounds one renewal, with the wait for another process that is at it.
	renewPatience = 2 * time.Minute
	// savePatience bounds the tries to store what a vendor has granted.
	savePatience = 30 * time.Second
	// soon is how long before its end a token counts as expired: the request still has to get there.
	soon = 10 * time.Second
	// firstPause and longestPause are the waits between looks at what somebody else is doing.
	firstPause, longestPause = 10 * time.Millisecond, time.Second
)

// source is the token source of a stored profile, for one connection.
type source struct {
	book *Book
	name string

	mu    sync.Mutex
	token *oauth.Token
}

func (s *source) current() *oauth.Token {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// Token implements [connector.TokenSource]. A token that is known to have expired is renewed at once.
func (s *source) Token(ctx context.Context) (string, error) {
	t := s.current()
	if !t.ExpiresAt.IsZero() && s.book.o.Now().After(t.ExpiresAt.Add(-soon)) {
		fresh, err := s.Renew(ctx, t.Access)
		if err == nil || fault.CodeOf(err) != fault.ConnectorAuth {
			return fresh, err
		}
		// Nothing to renew with. Vendors' clocks and ours differ: let the vendor judge the old one.
	}
	return t.Access, nil
}

// Renew implements [connector.TokenSource]. The work is shared by all who ask meanwhile, so that the end of one caller's
// ctx ends its wait only.
func (s *source) Renew(ctx context.Context, refused string) (string, error) {
	if t := s.current(); t.Access != refused {
		return t.Access, nil
	}
	// A flight that somebody else began may return the very token that this caller has seen refused: look twice.
	for range 2 {
		flight := s.book.flight.DoChan(s.name, func() (any, error) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewPatience)
			defer cancel()
			return s.book.renew(ctx, s.name, refused)
		})
		select {
		case <-ctx.Done():
			return "", fault.Wrap(fault.Canceled, context.Cause(ctx), "waiting for an access token of profile %q", s.name)
		case r := <-flight:
			if r.Err != nil {
				return "", r.Err
			}
			if t := r.Val.(*oauth.Token); t.Access != refused {
				s.mu.Lock()
				s.token = t
				s.mu.Unlock()
				return t.Access, nil
			}
		}
	}
	return "", fault.New(fault.ConnectorAuth, "the vendor of profile %q gives no other access token than the one that it refuses; update the profile's credentials", s.name)
}

// renew makes sure that the shelf has another token than the refused one, and returns it. Of all the processes on a
// shelf one at a time asks the vendor, under a lease; the others find its answer on the shelf.
func (b *Book) renew(ctx context.Context, name, refused string) (*oauth.Token, error) {
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
		p, s, err := b.look(ctx, name)
		if err != nil {
			return nil, err
		}
		if s.Token.Access != refused {
			return s.Token, nil
		}
		fence, err := b.o.Shelf.Acquire(ctx, "profile/"+name, b.owner, b.o.Now(), leaseLife)
		if err == nil {
			return b.renewAlone(ctx, fence, p.Name, refused)
		}
		if !fault.Is(err, fault.Conflict) {
			return nil, err
		}
		if err := pause(ctx, wait); err != nil {
			return nil, fault.Temporary(fault.ConnectorServer, err, "waiting for another process that renews the access token of profile %q", name)
		}
	}
}

// look reads a profile that has a token.
func (b *Book) look(ctx context.Context, name string) (*store.Profile, *secret, error) {
	p, err := b.o.Shelf.Profile(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	s, err := b.open(ctx, &p.Profile, p.SealedCredentials)
	if err != nil {
		return nil, nil, err
	}
	if s.Token == nil {
		return nil, nil, fault.New(fault.ConnectorAuth, "profile %q has no OAuth credentials any more", name)
	}
	return p, s, nil
}

// renewAlone asks the vendor while nobody else does, and stores its answer before anyone uses it: where refresh tokens
// rotate, the old one is dead by then, and an answer that is lost locks the profile out.
func (b *Book) renewAlone(ctx context.Context, fence store.Fence, name, refused string) (*oauth.Token, error) {
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), savePatience)
		defer cancel()
		if err := b.o.Shelf.Release(ctx, fence); err != nil {
			b.o.Log.WarnContext(ctx, "a lease could not be given back; it expires by itself", "profile", name, "error", err)
		}
	}()
	p, s, err := b.look(ctx, name)
	if err != nil || s.Token.Access != refused {
		return tokenOf(s), err
	}
	fresh := b.takeUnsaved(name, p.Revision)
	if fresh == nil {
		if fresh, err = b.renewed(ctx, &p.Profile, s); err != nil {
			return nil, err
		}
	}
	return b.save(ctx, fence, p, s, fresh)
}

func tokenOf(s *secret) *oauth.Token {
	if s == nil {
		return nil
	}
	return s.Token
}

// renewed asks the vendor for another token.
func (b *Book) renewed(ctx context.Context, p *flow.Profile, s *secret) (*secret, error) {
	spec := b.o.Connectors.Spec(p.Connector)
	m, err := readOAuth(spec, s.Credentials)
	if err == nil && m == nil {
		err = fault.New(fault.ConnectorAuth, "they hold nothing for OAuth")
	}
	var t *oauth.Token
	if err == nil {
		t, err = b.ask(ctx, spec, p, m, s.Token)
	}
	switch {
	case fault.Is(err, fault.ConnectorAuth):
		b.o.Log.WarnContext(ctx, "the vendor refused to renew an access token", "profile", p.Name, "connector", p.Connector, "error", err)
		return nil, fault.Wrap(fault.ConnectorAuth, err, "renewing the access token of profile %q, which needs new credentials: update the profile's credentials", p.Name)
	case err != nil:
		return nil, fault.Wrap(fault.CodeOf(err), err, "renewing the access token of profile %q", p.Name)
	}
	b.o.Log.InfoContext(ctx, "renewed an access token", "profile", p.Name, "connector", p.Connector)
	return s.with(t), nil
}

// save stores fresh credentials in place of the old ones. What the store does not take now is kept for the next time.
func (b *Book) save(ctx context.Context, fence store.Fence, p *store.Profile, old, fresh *secret) (*oauth.Token, error) {
	ctx, cancel := context.WithTimeout(ctx, savePatience)
	defer cancel()
	for wait := firstPause; ; wait = min(2*wait, longestPause) {
		sealed, err := b.seal(ctx, &p.Profile, fresh)
		if err == nil {
			err = b.o.Shelf.SaveCredentials(ctx, fence, p.Name, p.Revision, sealed)
		}
		switch {
		case err == nil:
			return fresh.Token, nil
		case fault.Is(err, fault.Conflict): // somebody has updated the profile meanwhile
			next, stored, err := b.look(ctx, p.Name)
			if err != nil {
				return nil, err
			}
			if stored.Token.Access != old.Token.Access || stored.Token.Refresh != old.Token.Refresh {
				return stored.Token, nil
			}
			// It was updated with the old token in it, which is dead: the fresh one goes there.
			p, fresh = next, stored.with(fresh.Token)
			continue
		case fault.Is(err, fault.Fenced), fault.Is(err, fault.NotFound):
			return nil, err
		}
		if pause(ctx, wait) != nil {
			b.mu.Lock()
			b.unsaved[p.Name] = unsaved{p.Revision, fresh}
			b.mu.Unlock()
			return nil, fault.Temporary(fault.CodeOf(err), err, "storing the new access token of profile %q", p.Name)
		}
	}
}

func (b *Book) takeUnsaved(name string, revision int64) *secret {
	b.mu.Lock()
	defer b.mu.Unlock()
	u, ok := b.unsaved[name]
	delete(b.unsaved, name)
	if !ok || u.revision != revision {
		return nil
	}
	return u.secret
}

// pause waits, or fails when ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
