package profile_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/profile"
	"weir.dev/weir/internal/store"
)

// granted stores a profile with a live pair of tokens.
func (r *rig) granted() (access string) {
	r.t.Helper()
	access, refresh := r.vendor.Grant()
	r.put(crm(), `{"accessToken":"`+access+`","refreshToken":"`+refresh+`"}`)
	return access
}

// Two processes with 50 workers each notice at the same time that a token has expired. The vendor is asked once, and all
// go on with its answer.
func TestRenew_OnceAcrossProcesses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old := r.granted()
	entered, release := make(chan struct{}, 1000), make(chan struct{})
	r.vendor.Delay = func() { entered <- struct{}{}; <-release }
	const workers = 50
	got := make(chan string, 2*workers)
	var started, ended sync.WaitGroup
	started.Add(2 * workers)
	for range 2 {
		b := r.book()
		shared := r.tokens(b, "crm")
		for i := range workers {
			tokens := shared // half of the workers share a connection, the others have one each
			if i%2 == 0 {
				tokens = r.tokens(b, "crm")
			}
			ended.Go(func() {
				token, err := tokens.Token(t.Context())
				started.Done()
				started.Wait()
				if err == nil && token == old {
					token, err = tokens.Renew(t.Context(), token)
				}
				if err != nil {
					token = err.Error()
				}
				got <- token
			})
		}
	}
	started.Wait()
	<-entered // one is at the vendor; the others get the time to come as well
	close(release)
	ended.Wait()
	close(got)
	fresh := map[string]int{}
	for token := range got {
		fresh[token]++
	}
	require.Len(t, fresh, 1, "%v", fresh)
	require.NotContains(t, fresh, old)
	require.Equal(t, 1, r.vendor.Count("refresh_token"), "refreshes")
	require.Zero(t, r.vendor.Refused())
	late, err := r.tokens(r.book(), "crm").Token(t.Context())
	require.NoError(t, err)
	require.Contains(t, fresh, late, "the fresh token is the stored one")
}

// Every expiry is one refresh, with the refresh token of the last one.
func TestRenew_RotatesFromOneToTheNext(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	token := r.granted()
	books := []*profile.Book{r.book(), r.book()}
	for i := range 6 {
		r.vendor.ExpireAll()
		next, err := r.tokens(books[i%2], "crm").Renew(t.Context(), token)
		require.NoError(t, err)
		require.NotEqual(t, token, next)
		token = next
	}
	require.Equal(t, 6, r.vendor.Count("refresh_token"))
	require.Zero(t, r.vendor.Refused())
}

func TestToken_RenewsWhatHasExpired(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.vendor.ExpiresIn = 3600
	code := r.vendor.Code("http://here/", "")
	r.put(crm(), `{"oAuthRequest":{"authCode":"`+code+`","redirectUri":"http://here/"}}`)
	tokens := r.tokens(r.book(), "crm")
	first, err := tokens.Token(t.Context())
	require.NoError(t, err)
	r.now = func() time.Time { return time.Now().Add(59 * time.Minute) }
	same, err := tokens.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, same)
	r.now = func() time.Time { return time.Now().Add(time.Hour) }
	second, err := tokens.Token(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	require.Equal(t, 1, r.vendor.Count("refresh_token"))
}

func TestRenew_SaysWhatToDoWhenTheVendorRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old := r.granted()
	r.vendor.RevokeAll()
	_, err := r.tokens(r.book(), "crm").Renew(t.Context(), old)
	require.True(t, fault.Is(err, fault.ConnectorAuth))
	require.ErrorContains(t, err, `renewing the access token of profile "crm"`)
	require.ErrorContains(t, err, "update the profile's credentials")
	require.ErrorContains(t, err, "expired access/refresh token")
	require.NotContains(t, err.Error(), old)
}

func TestRenew_FindsCredentialsThatWereUpdated(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old := r.granted()
	tokens := r.tokens(r.book(), "crm")
	r.vendor.RevokeAll()
	fresh := r.granted()
	got, err := tokens.Renew(t.Context(), old)
	require.NoError(t, err)
	require.Equal(t, fresh, got)
	require.Zero(t, r.vendor.Count("refresh_token"))
}

func TestRenew_OneCallersEndIsItsOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old := r.granted()
	entered, release := make(chan struct{}), make(chan struct{})
	r.vendor.Delay = func() { close(entered); <-release }
	b := r.book()
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error, 1)
	tokens := r.tokens(b, "crm")
	go func() { _, err := tokens.Renew(ctx, old); first <- err }()
	<-entered
	cancel()
	require.True(t, fault.Is(<-first, fault.Canceled))
	close(release)
	got, err := r.tokens(b, "crm").Renew(t.Context(), old)
	require.NoError(t, err)
	require.NotEqual(t, old, got)
	require.Equal(t, 1, r.vendor.Count("refresh_token"))
}

// faulty is a shelf whose saving can fail, and which can be touched in between.
type faulty struct {
	profile.Shelf
	save atomic.Pointer[func() error]
}

func (f *faulty) SaveCredentials(ctx context.Context, fence store.Fence, name string, revision int64, sealed []byte) error {
	if fn := f.save.Load(); fn != nil {
		if err := (*fn)(); err != nil {
			return err
		}
	}
	return f.Shelf.SaveCredentials(ctx, fence, name, revision, sealed)
}

func (r *rig) faultyBook() (*profile.Book, *faulty) {
	f := &faulty{Shelf: profile.OnStore(r.store)}
	return r.book(func(o *profile.Options) { o.Shelf = f }), f
}

// A database that hiccups does not lose what the vendor has granted: it will not grant it again.
func TestRenew_SavesAgainAfterAFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old := r.granted()
	b, shelf := r.faultyBook()
	left := 3
	fail := func() error {
		if left--; left >= 0 {
			return fault.Temporary(fault.Internal, nil, "the database is away")
		}
		return nil
	}
	shelf.save.Store(&fail)
	got, err := r.tokens(b, "crm").Renew(t.Context(), old)
	require.NoError(t, err)
	require.Equal(t, 1, r.vendor.Count("refresh_token"))
	stored, err := r.tokens(r.book(), "crm").Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, got, stored)
}

// Somebody changes the profile's properties while its token is being renewed, and writes the old tokens back with them.
func TestRenew_SurvivesAnUpdateInBetween(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old := r.granted()
	before := r.stored("crm")
	b, shelf := r.faultyBook()
	var once sync.Once
	update := func() error {
		once.Do(func() {
			require.NoError(t, r.store.Write(t.Context(), func(tx store.Tx) error {
				p := *before
				p.Properties = flow.Properties(`{"instanceUrl":"https://other.my.salesforce.com"}`)
				return tx.ProfilePut(t.Context(), &p)
			}))
		})
		return nil
	}
	shelf.save.Store(&update)
	got, err := r.tokens(b, "crm").Renew(t.Context(), old)
	require.NoError(t, err)
	cfg, err := r.book().Config(t.Context(), flow.Salesforce, "crm", "")
	require.NoError(t, err)
	stored, err := cfg.Tokens.Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, got, stored)
	require.Contains(t, string(cfg.ProfileProperties), "other.my", "the update stands")
}

func TestRenew_GivesUpOnATokenThatStaysTheSame(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old := r.granted()
	r.vendor.More = map[string]any{"access_token": old}
	_, err := r.tokens(r.book(), "crm").Renew(t.Context(), old)
	require.True(t, fault.Is(err, fault.ConnectorAuth))
	require.ErrorContains(t, err, "no other access token")
}
