package blob_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
)

func TestCheckStage_KeyMustNameItsOwner(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		owner, key string
		ok         bool
	}{
		{"exec-1", "out/flow/exec-1/part-0", true},
		{"exec-1", "out/flow/part-0_exec-1", true},
		{"exec-1", "out/exec-10/exec-1.parquet", true},
		{"exec-1", "out/flow/exec-10/part-0", false},
		{"exec-1", "out/flow/myexec-1/part-0", false},
		{"exec-1", "out/flow/part-0", false},
		{"", "out/flow/part-0", false},
		{"..", "out/../part-0", false},
		{"a/b", "out/a/b/part-0", false},
		{"exec-1", "", false},
		{"exec-1", "exec-1/" + strings.Repeat("k", 1024), false},
		{"exec-1", "exec-1/\xff", false},
	} {
		err := blob.CheckStage(c.owner, c.key)
		if c.ok {
			require.NoError(t, err, "%q under %q", c.owner, c.key)
			continue
		}
		require.Equal(t, fault.Validation, fault.CodeOf(err), "%q under %q", c.owner, c.key)
	}
}

func FuzzOwns(f *testing.F) {
	f.Add("exec-1", "out/exec-10/exec-1.parquet")
	f.Add("aa", "aaa/aa")
	f.Fuzz(func(t *testing.T, owner, key string) {
		if blob.Owns(owner, key) {
			require.Contains(t, key, owner)
		}
		if owner != "" {
			require.True(t, blob.Owns(owner, key+"/"+owner+"/"+key))
		}
	})
}
