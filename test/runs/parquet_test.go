package runs_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"
)

// parquetText shows a file as another library reads it: its columns with their types, then its rows.
func parquetText(t *testing.T, data []byte) string {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	require.NoError(t, err)
	var head []string
	for _, c := range f.Root().Columns() {
		head = append(head, fmt.Sprintf("%s %s", c.Name(), c.Type()))
	}
	var out strings.Builder
	fmt.Fprintln(&out, strings.Join(head, " | "))
	r := parquet.NewReader(f)
	defer r.Close()
	rows := make([]parquet.Row, 64)
	for {
		n, err := r.ReadRows(rows)
		for _, row := range rows[:n] {
			var cells []string
			for _, v := range row {
				if v.Kind() == parquet.FixedLenByteArray {
					cells = append(cells, fmt.Sprintf("%x", v.ByteArray()))
					continue
				}
				cells = append(cells, v.String())
			}
			fmt.Fprintln(&out, strings.Join(cells, " | "))
		}
		if err == io.EOF {
			return out.String()
		}
		require.NoError(t, err)
	}
}
