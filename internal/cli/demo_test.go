package cli

import (
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDemo_TwiceWithNothingSetUp(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "demo")
	first := process(t, nil, "demo", "--data", dir)
	require.Equal(t, exitDone, first.code, first.err)
	require.Contains(t, first.out, "Ledger closes: 10,000 read = ")
	require.Contains(t, first.out, "4. What came out")
	second := process(t, []string{"HOME="}, "demo", "--data", dir)
	require.Equal(t, exitDone, second.code, second.err)
	require.Equal(t, shown(first.out), shown(second.out), "the same records come out")
	require.Len(t, files(t, filepath.Join(dir, "buckets", "demo-out")), 1)
}

var section = regexp.MustCompile(`(?s)4\. What came out.*?\n5\.`)

// shown is the part of a demo that shows records.
func shown(out string) string {
	return section.FindString(out)
}

func TestDemo_RefusesAFolderItDidNotMake(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "thesis.txt"), "years of work")
	r := weir(t, "demo", "--data", dir)
	require.Equal(t, exitUsage, r.code)
	require.Contains(t, r.err, "holds other things than a demo; give another one with --data")
	require.Equal(t, []string{"thesis.txt"}, files(t, dir))
}

func TestDemo_RefusesAFolderInUse(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "demo")
	require.Equal(t, exitDone, process(t, nil, "demo", "--data", dir).code)
	s := serve(t, dir)
	before := files(t, filepath.Join(dir, "buckets"))
	r := weir(t, "demo", "--data", dir)
	require.Equal(t, exitFailed, r.code)
	require.Contains(t, r.err, dir)
	require.Equal(t, before, files(t, filepath.Join(dir, "buckets")))
	require.Contains(t, done(t, s.at("flows")...), "bird-strikes")
}
