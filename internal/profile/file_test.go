package profile_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/profile"
)

// fileRun is one `weir run --profile`: a shelf of one profile, proved.
func (r *rig) fileRun(path, credentials string) *profile.Book {
	r.t.Helper()
	f, err := profile.OpenFile(path, []profile.Given{{Profile: *crm(), Credentials: flow.Properties(credentials)}})
	require.NoError(r.t, err)
	b := r.book(func(o *profile.Options) {
		o.Shelf = f
		o.Sealer = func(context.Context, *string) (profile.Sealer, error) { return profile.Clear{}, nil }
	})
	require.NoError(r.t, f.Open(r.t.Context(), b, "crm"))
	require.NoError(r.t, f.Open(r.t.Context(), b, "crm"), "again")
	require.True(r.t, fault.Is(f.Open(r.t.Context(), b, "other"), fault.NotFound))
	return b
}

// A refresh token that a run has used up is not asked for again by the next: the vendor has replaced it.
func TestFile_KeepsTokensThatTheVendorReplaced(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	path := filepath.Join(t.TempDir(), "crm.yaml")
	access, refresh := r.vendor.Grant()
	given := `{"accessToken":"` + access + `","refreshToken":"` + refresh + `"}`
	b := r.fileRun(path, given)
	require.NoFileExists(t, path+".tokens", "the file's own are good")
	_, err := r.tokens(b, "crm").Renew(t.Context(), access)
	require.NoError(t, err)
	info, err := os.Stat(path + ".tokens")
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())

	r.vendor.ExpireAll()
	second := r.fileRun(path, given) // its check renews
	token, err := r.tokens(second, "crm").Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, r.vendor.Count("refresh_token"))
	require.Zero(t, r.vendor.Refused())

	access, refresh = r.vendor.Grant()
	third := r.fileRun(path, `{"accessToken":"`+access+`","refreshToken":"`+refresh+`"}`)
	fresh, err := r.tokens(third, "crm").Token(t.Context())
	require.NoError(t, err)
	require.Equal(t, access, fresh, "new credentials in the file win")
	require.NotEqual(t, token, fresh)
}

func TestOpenFile_Refuses(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "crm.yaml")
	_, err := profile.OpenFile(path, []profile.Given{{Profile: *crm()}, {Profile: *crm()}})
	require.True(t, fault.Is(err, fault.Validation))
	require.NoError(t, os.WriteFile(path+".tokens", []byte("canary"), 0o600))
	_, err = profile.OpenFile(path, nil)
	require.ErrorContains(t, err, "not a file of tokens")
	require.NotContains(t, err.Error(), "canary")
}
