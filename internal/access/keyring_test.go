package access_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/access"
	"weir.dev/weir/internal/access/policy"
	"weir.dev/weir/internal/server/sigv4"
	"weir.dev/weir/internal/store"
	"weir.dev/weir/internal/store/sqlite"
)

// rig is a keyring over a real store whose reads are counted.
type rig struct {
	t       *testing.T
	dir     string
	store   *countingStore
	sealer  *xorSealer
	clock   *clock
	keyring *access.Keyring
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	st, err := sqlite.Open(t.Context(), filepath.Join(dir, "weir.db"), sqlite.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	g := &rig{t: t, dir: dir, store: &countingStore{Store: st}, sealer: &xorSealer{}, clock: &clock{now: time.Unix(1_700_000_000, 0)}}
	g.keyring = g.another()
	return g
}

// another is a keyring of another process over the same store.
func (g *rig) another() *access.Keyring {
	return access.NewKeyring(g.store, g.sealer, g.clock.Now, slog.New(slog.DiscardHandler))
}

func (g *rig) works(k *access.Keyring, key sigv4.Key) bool {
	g.t.Helper()
	got, _, err := k.Find(g.t.Context(), key.ID)
	if errors.Is(err, sigv4.ErrUnknownKey) {
		return false
	}
	require.NoError(g.t, err)
	require.Equal(g.t, key, got)
	return true
}

func TestKeyring_KeysComeAndGo(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx := t.Context()
	require.False(t, g.works(g.keyring, sigv4.Key{ID: "WEIRNOBODY"}))
	alice, err := g.keyring.Create(ctx, "alice", nil)
	require.NoError(t, err)
	bob, err := g.keyring.Create(ctx, "bob", nil)
	require.NoError(t, err)
	require.NotEqual(t, alice.ID, bob.ID)
	require.Len(t, alice.Secret, 40)
	require.True(t, g.works(g.keyring, alice), "at once, though a miss was remembered")
	require.True(t, g.works(g.keyring, bob))

	require.NoError(t, g.keyring.SetDisabled(ctx, alice.ID, true))
	require.False(t, g.works(g.keyring, alice), "at once")
	require.True(t, g.works(g.keyring, bob))
	require.NoError(t, g.keyring.SetDisabled(ctx, alice.ID, false))
	require.True(t, g.works(g.keyring, alice))

	require.NoError(t, g.keyring.Delete(ctx, alice.ID))
	require.False(t, g.works(g.keyring, alice))
	require.True(t, fault.Is(g.keyring.Delete(ctx, alice.ID), fault.NotFound))
	require.True(t, fault.Is(g.keyring.SetDisabled(ctx, alice.ID, true), fault.NotFound))
	list, err := g.keyring.List(ctx)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "bob", list[0].Name)
	require.Nil(t, list[0].SealedSecret)
	require.True(t, g.works(g.keyring, bob), "listing does not take the secrets away")
}

func TestKeyring_FixedKeyNeedsNoStore(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.keyring.Fix(sigv4.Key{ID: "ENV", Secret: "s"}, "environment")
	g.store.fail(errors.New("down"))
	require.True(t, g.works(g.keyring, sigv4.Key{ID: "ENV", Secret: "s", Name: "environment"}))
	require.Zero(t, g.store.reads.Load())
}

func TestKeyring_ChangesOfAnotherProcessCountSoon(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx := t.Context()
	other := g.another()
	key, err := other.Create(ctx, "alice", nil)
	require.NoError(t, err)
	require.True(t, g.works(g.keyring, key))
	require.NoError(t, other.SetDisabled(ctx, key.ID, true))
	g.clock.advance(5*time.Second - time.Nanosecond)
	require.True(t, g.works(g.keyring, key), "within five seconds it may still work")
	g.clock.advance(time.Nanosecond)
	require.False(t, g.works(g.keyring, key), "after that it does not")

	fresh, err := other.Create(ctx, "bob", nil)
	require.NoError(t, err)
	require.False(t, g.works(g.keyring, fresh), "the store was read a moment ago")
	g.clock.advance(time.Second)
	require.True(t, g.works(g.keyring, fresh), "a second later it is found")
}

func TestKeyring_UnknownIdsDoNotHammerTheStore(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	key, err := g.keyring.Create(t.Context(), "alice", nil)
	require.NoError(t, err)
	for i := range 20_000 {
		require.False(t, g.works(g.keyring, sigv4.Key{ID: fmt.Sprintf("WEIR%016d", i)}))
		if i%1000 == 0 {
			require.True(t, g.works(g.keyring, key), "known keys are not pushed out")
		}
	}
	require.Equal(t, int64(1), g.store.reads.Load(), "one read tells about them all")
	require.Equal(t, int64(1), g.sealer.opened.Load())
	g.clock.advance(time.Second)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { g.works(g.keyring, sigv4.Key{ID: fmt.Sprint(i)}) })
	}
	all.Wait()
	require.Equal(t, int64(2), g.store.reads.Load(), "those who come at once share a read")
}

// A store that does not answer is not a key that does not exist: clients are told to try again.
func TestKeyring_FailureIsNotAnUnknownKey(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	key, err := g.keyring.Create(t.Context(), "alice", nil)
	require.NoError(t, err)
	down := fault.Temporary(fault.Internal, errors.New("no route"), "reading")
	g.store.fail(down)
	for range 100 {
		_, _, err = g.keyring.Find(t.Context(), key.ID)
		require.ErrorIs(t, err, down)
	}
	require.Equal(t, int64(1), g.store.reads.Load(), "a store in trouble is not asked by everyone")
	g.store.fail(nil)
	g.clock.advance(time.Second)
	require.True(t, g.works(g.keyring, key))

	g.sealer.fails.Store(true)
	require.True(t, g.works(g.keyring, key), "the secret has been opened already")
	_, _, err = g.another().Find(t.Context(), key.ID)
	require.ErrorContains(t, err, "vault is shut")
}

func TestKeyring_CallerThatHangsUpDoesNotEndTheReadOfOthers(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	key, err := g.keyring.Create(t.Context(), "alice", nil)
	require.NoError(t, err)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	got, _, err := g.keyring.Find(gone, key.ID)
	require.NoError(t, err)
	require.Equal(t, key, got)
}

// start asks a key's policy whether it may start a flow.
func (g *rig) start(k *access.Keyring, id string) policy.Decision {
	g.t.Helper()
	_, rules, err := k.Find(g.t.Context(), id)
	require.NoError(g.t, err)
	action, ok := policy.ActionOf("appflow:StartFlow")
	require.True(g.t, ok)
	return rules.Decide(&policy.Request{Action: action, Resource: "*", Caller: &policy.Caller{}})
}

func TestKeyring_PoliciesComeWithTheKeys(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx := t.Context()
	key, err := g.keyring.Create(ctx, "alice", []byte(`"read-only"`))
	require.NoError(t, err)
	require.Equal(t, policy.Denied, g.start(g.keyring, key.ID))
	require.NoError(t, g.keyring.SetPolicy(ctx, key.ID, []byte(`"operator"`)))
	require.Equal(t, policy.Allowed, g.start(g.keyring, key.ID), "at once")
	require.NoError(t, g.keyring.SetPolicy(ctx, key.ID, nil))
	require.Equal(t, policy.Allowed, g.start(g.another(), key.ID))
	require.True(t, fault.Is(g.keyring.SetPolicy(ctx, "WEIRNOBODY", nil), fault.NotFound))

	require.NoError(t, g.keyring.SetPolicy(ctx, key.ID, []byte(`{"Statement":"of a later release"}`)))
	require.Equal(t, policy.Denied, g.start(g.keyring, key.ID), "a policy that cannot be read allows nothing")
}

func TestKeyring_RotatedKeyWorksForTheOverlap(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx := t.Context()
	old, err := g.keyring.Create(ctx, "alice", []byte(`"read-only"`))
	require.NoError(t, err)
	told := ""
	next, err := g.keyring.Rotate(ctx, old.ID, time.Hour, func(_ store.Tx, id string) error { told = id; return nil })
	require.NoError(t, err)
	require.Equal(t, next.ID, told)
	require.NotEqual(t, old.Secret, next.Secret)
	require.True(t, g.works(g.keyring, old))
	require.True(t, g.works(g.keyring, next))
	require.Equal(t, "alice", next.Name)
	require.Equal(t, policy.Denied, g.start(g.keyring, next.ID), "with the policy of the old one")

	g.clock.advance(time.Hour)
	require.False(t, g.works(g.keyring, old))
	require.True(t, g.works(g.keyring, next))
	_, err = g.keyring.Rotate(ctx, old.ID, time.Hour)
	require.True(t, fault.Is(err, fault.Conflict), "what has expired does not come back")
	_, err = g.keyring.Rotate(ctx, "WEIRNOBODY", 0)
	require.True(t, fault.Is(err, fault.NotFound))

	last, err := g.keyring.Rotate(ctx, next.ID, 0)
	require.NoError(t, err)
	require.False(t, g.works(g.keyring, next), "at once without an overlap")
	require.True(t, g.works(g.keyring, last))
}

func TestKeyring_ChangeAndWhatGoesWithItAreOneTransaction(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx := t.Context()
	key, err := g.keyring.Create(ctx, "alice", nil, func(tx store.Tx, id string) error { return tx.SettingPut(ctx, "made", id) })
	require.NoError(t, err)
	var made string
	require.NoError(t, g.store.Read(ctx, func(tx store.ReadTx) (err error) {
		made, err = tx.SettingGet(ctx, "made")
		return err
	}))
	require.Equal(t, key.ID, made)

	refused := errors.New("no")
	refuse := func(store.Tx, string) error { return refused }
	require.ErrorIs(t, g.keyring.Delete(ctx, key.ID, refuse), refused)
	require.ErrorIs(t, g.keyring.SetDisabled(ctx, key.ID, true, refuse), refused)
	require.True(t, g.works(g.keyring, key))
	lost, err := g.keyring.Create(ctx, "bob", nil, refuse)
	require.ErrorIs(t, err, refused)
	require.Zero(t, lost, "a secret that was not kept is not handed out")
}

func TestKeyring_SecretsNeverLieInTheStoreInClear(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	key, err := g.keyring.Create(t.Context(), "alice", nil)
	require.NoError(t, err)
	var backup bytes.Buffer
	require.NoError(t, g.store.Backup(t.Context(), &backup))
	files := 0
	require.NoError(t, filepath.WalkDir(g.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		require.NotContains(t, string(data), key.Secret, path)
		return err
	}))
	require.NotZero(t, files)
	require.NotContains(t, backup.String(), key.Secret)
	require.True(t, g.works(g.another(), key), "and can be read again")
}

func TestKeyring_ManyAtOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	ctx := t.Context()
	keep, err := g.keyring.Create(ctx, "keep", nil)
	require.NoError(t, err)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 20 {
				key, err := g.keyring.Create(ctx, fmt.Sprint("k", i), nil)
				if err != nil || !g.works(g.keyring, key) {
					t.Errorf("creating: %v", err)
					return
				}
				if err := g.keyring.Delete(ctx, key.ID); err != nil || g.works(g.keyring, key) {
					t.Errorf("a deleted key works: %v", err)
					return
				}
			}
		})
		all.Go(func() {
			for range 200 {
				if !g.works(g.keyring, keep) {
					t.Error("a key that nobody touched does not work")
					return
				}
			}
		})
	}
	all.Wait()
}

// countingStore counts the reads of a store and fails them while it is told to.
type countingStore struct {
	store.Store
	reads atomic.Int64
	err   atomic.Pointer[error]
}

func (s *countingStore) fail(err error) { s.err.Store(&err) }

func (s *countingStore) Read(ctx context.Context, fn func(store.ReadTx) error) error {
	s.reads.Add(1)
	if err := s.err.Load(); err != nil && *err != nil {
		return *err
	}
	return s.Store.Read(ctx, fn)
}

// xorSealer hides secrets enough for a test to see that they were sealed, for their key and no other.
type xorSealer struct {
	opened atomic.Int64
	fails  atomic.Bool
}

func (s *xorSealer) Seal(_ context.Context, purpose, id string, secret []byte) ([]byte, error) {
	return append([]byte(purpose+id), mix(secret)...), nil
}

func (s *xorSealer) Open(_ context.Context, purpose, id string, sealed []byte) ([]byte, error) {
	s.opened.Add(1)
	hidden, ok := bytes.CutPrefix(sealed, []byte(purpose+id))
	if !ok || s.fails.Load() {
		return nil, errors.New("the vault is shut")
	}
	return mix(hidden), nil
}

func mix(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = b[i] ^ 0xa5
	}
	return out
}

// clock is a clock that is set by hand.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}
