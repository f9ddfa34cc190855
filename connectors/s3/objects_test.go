package s3_test

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
)

func TestObjects_NamedOnesAloneAreRead(t *testing.T) {
	t.Parallel()
	store, _ := newMemory()
	conn := connect(t, store.Open())
	etag := func(key string) string {
		o, err := store.Open().Stat(t.Context(), key)
		require.NoError(t, err)
		return o.ETag
	}
	for i := range 5 {
		store.Put(fmt.Sprintf("in/%d.csv", i), fmt.Appendf(nil, "id,field%d\n%d,x\n", i, i))
	}
	store.Put("in/empty.csv", nil)
	store.Put("other/5.csv", []byte("id\n5\n"))
	old := etag("in/4.csv")
	store.Put("in/4.csv", []byte("id,field4\nfour,x\n"))
	for name, c := range map[string]struct {
		objects []connector.Object
		want    []string
	}{
		"all":               {nil, []string{"0", "1", "2", "3", "four"}},
		"none":              {[]connector.Object{}, nil},
		"in their order":    {[]connector.Object{{Key: "in/3.csv"}, {Key: "in/1.csv"}}, []string{"3", "1"}},
		"quoted version":    {[]connector.Object{{Key: "in/1.csv", ETag: `"` + etag("in/1.csv") + `"`}}, []string{"1"}},
		"replaced":          {[]connector.Object{{Key: "in/4.csv", ETag: old}}, nil},
		"replaced, told so": {[]connector.Object{{Key: "in/4.csv", ETag: etag("in/4.csv")}, {Key: "in/4.csv", ETag: old}}, []string{"four"}},
		"named twice":       {[]connector.Object{{Key: "in/2.csv"}, {Key: "in/2.csv"}}, []string{"2"}},
		"gone, elsewhere":   {[]connector.Object{{Key: "in/gone.csv"}, {Key: "other/5.csv"}, {Key: "in/empty.csv"}, {Key: "in/0.csv"}}, []string{"0"}},
	} {
		req := connector.ReadRequest{Properties: sourceProps("in/", "CSV"), Fields: []string{"id"}, Objects: c.objects}
		splits, err := conn.Splits(t.Context(), req, 4)
		require.NoError(t, err, name)
		var got []string
		for _, split := range splits {
			pages, err := conn.Read(t.Context(), req, split, nil)
			require.NoError(t, err, name)
			for {
				page, err := pages.Next(t.Context())
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err, name)
				b, err := page.Decode()
				require.NoError(t, err, name)
				for row := range b.Rows {
					got = append(got, string(batch.AppendText(nil, b.Columns[0], row)))
				}
				b.Release()
			}
			require.NoError(t, pages.Close())
		}
		require.Equal(t, c.want, got, name)
	}
	schema, err := conn.(connector.ObjectDescriber).DescribeObjects(t.Context(), sourceProps("in/", "CSV"), []connector.Object{{Key: "in/3.csv"}})
	require.NoError(t, err)
	require.Equal(t, "field3", schema.Fields[1].Name, "the object counts, not its neighbours")
	surveyed, err := conn.(connector.Surveyor).Survey(t.Context(), connector.ReadRequest{
		Properties: sourceProps("in/", "CSV"), Objects: []connector.Object{{Key: "in/1.csv"}, {Key: "in/2.csv"}},
	})
	require.NoError(t, err)
	require.Len(t, surveyed, 2)
	none, err := conn.(connector.ObjectDescriber).DescribeObjects(t.Context(), sourceProps("in/", "CSV"), []connector.Object{{Key: "in/gone.csv"}})
	require.NoError(t, err)
	require.Equal(t, flow.Schema{Entity: "orders/in/"}, none)
}
