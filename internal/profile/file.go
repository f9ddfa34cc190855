package profile

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// Given is a profile with credentials in clear, as a file or a request has it.
type Given struct {
	Profile     flow.Profile
	Credentials flow.Properties
}

// File is a shelf without a store, for one run by one process: profiles that come from a file. Tokens that are renewed
// are kept beside that file, in FILE.tokens, for the owner alone: where refresh tokens rotate, the one in the file is of
// no use any more. They count for as long as the file's credentials stay what they are.
type File struct {
	path  string
	given map[string]Given

	mu       sync.Mutex
	profiles map[string]*store.Profile
	tokens   map[string]fileTokens
}

// fileTokens is what FILE.tokens keeps of a profile.
type fileTokens struct {
	Basis  string          `json:"basis"` // hash of the credentials that they come from
	Secret json.RawMessage `json:"secret"`
}

const maxTokensFile = 4 << 20

// OpenFile makes a shelf of profiles that were read from the file of that path. Each has to be proved before it is used.
func OpenFile(path string, list []Given) (*File, error) {
	f := &File{path: path + ".tokens", given: map[string]Given{}, profiles: map[string]*store.Profile{}, tokens: map[string]fileTokens{}}
	for _, g := range list {
		if _, twice := f.given[g.Profile.Name]; twice {
			return nil, fault.New(fault.Validation, "reading %s: profile %q is there twice", path, g.Profile.Name)
		}
		f.given[g.Profile.Name] = g
	}
	info, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil || info.Size() > maxTokensFile {
		return nil, fault.New(fault.Validation, "reading %s: it is not a file of tokens", f.path)
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return nil, fault.Wrap(fault.Validation, err, "reading %s", f.path)
	}
	if json.Unmarshal(text, &f.tokens) != nil {
		return nil, fault.New(fault.Validation, "reading %s: it is not a file of tokens; remove it, and give the profiles new credentials", f.path)
	}
	return f, nil
}

// Open proves a profile of the file, once, with the newest tokens there are. NotFound when the file has none of that name.
func (f *File) Open(ctx context.Context, b *Book, name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.profiles[name] != nil {
		return nil
	}
	g, ok := f.given[name]
	if !ok {
		return fault.New(fault.NotFound, "Connector Profile with name %s does not exist.", name)
	}
	given, stored := g.Credentials, []byte(nil)
	if t := f.tokens[name]; t.Basis == g.basis() {
		given, stored = nil, t.Secret
	}
	sealed, err := b.Prove(ctx, &g.Profile, given, stored)
	if err != nil {
		return err
	}
	f.profiles[name] = &store.Profile{Profile: g.Profile, SealedCredentials: sealed, Revision: 1}
	return f.keep(g, sealed)
}

func (g *Given) basis() string {
	sum := sha256.Sum256(g.Credentials)
	return hex.EncodeToString(sum[:])
}

// keep needs mu. It writes FILE.tokens when a profile's tokens are not those of the file any more.
func (f *File) keep(g Given, sealed []byte) error {
	var s secret
	if json.Unmarshal(sealed, &s) != nil || s.Token == nil || s.Token.Refresh == "" {
		return nil // nothing that the file could not give again
	}
	if quoted, err := json.Marshal(s.Token.Refresh); err == nil && bytes.Contains(g.Credentials, quoted) {
		return nil // the one that the file has
	}
	f.tokens[g.Profile.Name] = fileTokens{Basis: g.basis(), Secret: sealed}
	text, err := json.Marshal(f.tokens)
	if err != nil {
		return fault.New(fault.Internal, "the tokens cannot be written")
	}
	temporary, err := os.CreateTemp(filepath.Dir(f.path), filepath.Base(f.path)+".*") // mode 0600
	if err != nil {
		return fault.Wrap(fault.Internal, err, "keeping renewed tokens")
	}
	_, err = temporary.Write(text)
	if err = errors.Join(err, temporary.Sync(), temporary.Close()); err == nil {
		err = os.Rename(temporary.Name(), f.path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(temporary.Name()))
	}
	return fault.Wrap(fault.Internal, err, "keeping renewed tokens")
}

// Profile implements [Shelf].
func (f *File) Profile(_ context.Context, name string) (*store.Profile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.profiles[name]
	if p == nil {
		return nil, fault.New(fault.NotFound, "no profile is named %q", name)
	}
	shown := *p
	return &shown, nil
}

// SaveCredentials implements [Shelf].
func (f *File) SaveCredentials(_ context.Context, _ store.Fence, name string, revision int64, sealed []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.profiles[name]
	if p == nil || p.Revision != revision {
		return fault.New(fault.Conflict, "profile %q is not at revision %d", name, revision)
	}
	p.SealedCredentials = sealed
	p.Revision++
	return f.keep(f.given[name], sealed)
}

// Acquire implements [Shelf]: there is one process, and its book asks once at a time.
func (f *File) Acquire(_ context.Context, lease, _ string, _ time.Time, _ time.Duration) (store.Fence, error) {
	return store.Fence{Lease: lease}, nil
}

// Release implements [Shelf].
func (f *File) Release(context.Context, store.Fence) error { return nil }

// Clear is the sealer of a File: what lies on it never leaves the process, but for FILE.tokens.
type Clear struct{}

// Seal returns a copy.
func (Clear) Seal(_ context.Context, _, _ string, secret []byte) ([]byte, error) {
	return append([]byte{}, secret...), nil
}

// Open returns a copy.
func (Clear) Open(_ context.Context, _, _ string, sealed []byte) ([]byte, error) {
	return append([]byte{}, sealed...), nil
}
