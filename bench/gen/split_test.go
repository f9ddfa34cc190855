package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWrite_FilesTogetherHoldTheRowsOfOne(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"csv", "jsonl"} {
		one, many := t.TempDir(), t.TempDir()
		require.NoError(t, write(one, kind, 10_001, 1))
		require.NoError(t, write(many, kind, 10_001, 4))
		whole, err := os.ReadFile(filepath.Join(one, "contacts."+kind))
		require.NoError(t, err)
		paths, err := filepath.Glob(filepath.Join(many, "*"))
		require.NoError(t, err)
		require.Len(t, paths, 4)
		var head, joined []byte
		if kind == "csv" {
			head = whole[:bytes.IndexByte(whole, '\n')+1]
		}
		for _, path := range paths {
			part, err := os.ReadFile(path)
			require.NoError(t, err)
			require.True(t, bytes.HasPrefix(part, head))
			require.InDelta(t, len(whole)/4, len(part), float64(len(whole))/50)
			joined = append(joined, part[len(head):]...)
		}
		require.True(t, bytes.Equal(whole[len(head):], joined), kind)
	}
}
