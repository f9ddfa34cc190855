package runs_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
	"github.com/stretchr/testify/require"
)

// everything has a column of each sort that files bring along.
type everything struct {
	ID      int32            `parquet:"id"`
	Text    *string          `parquet:"text,optional,dict"`
	Small   uint8            `parquet:"small"`
	Large   uint64           `parquet:"large"`
	Money   int64            `parquet:"money,decimal(2:18)"`
	Short   int32            `parquet:"short,decimal(1:5)"`
	Big     [16]byte         `parquet:"big,decimal(3:38)"`
	Old     deprecated.Int96 `parquet:"old"`
	Day     int32            `parquet:"day,date"`
	At      time.Time        `parquet:"at,timestamp(nanosecond)"`
	Real    float32          `parquet:"real"`
	Flag    bool             `parquet:"flag"`
	Raw     []byte           `parquet:"raw"`
	UID     [16]byte         `parquet:"uid,uuid"`
	List    []int64          `parquet:"list,list"`
	Deep    []group          `parquet:"deep,list"`
	Group   group            `parquet:"group"`
	Mapping map[string]int32 `parquet:"mapping"`
}

type group struct {
	Name  string   `parquet:"name"`
	Words []string `parquet:"words,list"`
}

func everythingRow() everything {
	text := "é"
	row := everything{
		ID: -7, Text: &text, Small: 200, Large: 1<<64 - 1, Money: -1234, Short: 5, Day: 19782, At: time.Unix(1709200800, 123456789).UTC(),
		Real: 0.1, Flag: true, Raw: []byte{0xff, 0}, UID: [16]byte{1, 2, 3}, List: []int64{1, 2}, Deep: []group{{"a", []string{"x", "y"}}, {Name: "b"}},
		Group: group{"g", nil}, Mapping: map[string]int32{"k": 1},
		// Nanoseconds of the day, then the Julian day of 2024-02-29.
		Old: deprecated.Int96{0: 271_000_000, 1: 0, 2: 2460370},
	}
	big.NewInt(123456).FillBytes(row.Big[:])
	return row
}

const everythingJSON = `{"id":-7,"text":"é","small":200,"large":18446744073709551615,"money":-12.34,"short":0.5,"big":123.456,` +
	`"old":"2024-02-29T00:00:00.271Z","day":"2024-02-29","at":"2024-02-29T10:00:00.123456Z","real":0.10000000149011612,"flag":true,"raw":"/wA=",` +
	`"uid":"01020300-0000-0000-0000-000000000000","list":[1,2],"deep":[{"name":"a","words":["x","y"]},{"name":"b","words":[]}],` +
	`"group":{"name":"g","words":[]},"mapping":{"k":1}}`

func parquetFile(t *testing.T, options ...parquet.WriterOption) []byte {
	t.Helper()
	var out bytes.Buffer
	w := parquet.NewGenericWriter[everything](&out, options...)
	for range 3 {
		_, err := w.Write([]everything{everythingRow()})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// remade is the file with other metadata.
func remade(t *testing.T, data []byte, change func(*format.FileMetaData)) []byte {
	t.Helper()
	n := int(binary.LittleEndian.Uint32(data[len(data)-8:]))
	var meta format.FileMetaData
	require.NoError(t, thrift.Unmarshal(new(thrift.CompactProtocol), data[len(data)-8-n:len(data)-8], &meta))
	change(&meta)
	foot, err := thrift.Marshal(new(thrift.CompactProtocol), &meta)
	require.NoError(t, err)
	out := append(bytes.Clone(data[:len(data)-8-n]), foot...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(foot))), "PAR1"...)
}

func runParquet(t *testing.T, data []byte) outcome {
	t.Helper()
	body := request{Tasks: []map[string]any{mapAll}, Output: map[string]any{"fileType": "JSON", "aggregationConfig": map[string]any{"aggregationType": "SingleFile"}}}.json(t)
	return shared().run(t, body, map[string][]byte{"in/a.parquet": data}, nil)
}

func TestHostile_ParquetOfEveryCodecVersionAndType(t *testing.T) {
	t.Parallel()
	for _, codec := range []compress.Codec{&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Brotli, &parquet.Zstd, &parquet.Lz4Raw} {
		for _, version := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", codec, version), func(t *testing.T) {
				t.Parallel()
				got := runParquet(t, parquetFile(t, parquet.Compression(codec), parquet.DataPageVersion(version), parquet.MaxRowsPerRowGroup(2)))
				require.NoError(t, got.err)
				for _, text := range got.objects {
					require.Equal(t, strings.Repeat(everythingJSON+"\n", 3), string(text))
				}
				require.Len(t, got.objects, 1)
			})
		}
	}
}

func TestHostile_DamagedParquetIsRefused(t *testing.T) {
	t.Parallel()
	good := parquetFile(t, parquet.DataPageVersion(1))
	column := func(change func(c *format.ColumnMetaData)) []byte {
		return remade(t, good, func(m *format.FileMetaData) { change(&m.RowGroups[0].Columns[0].MetaData) })
	}
	cases := map[string]struct {
		data []byte
		want string
	}{
		"LZO":                         {column(func(c *format.ColumnMetaData) { c.Codec = 3 }), "column"},
		"LZ4 of Hadoop":               {column(func(c *format.ColumnMetaData) { c.Codec = 5 }), "column"},
		"a codec of the future":       {column(func(c *format.ColumnMetaData) { c.Codec = 77 }), "column"},
		"pages that are no gzip":      {column(func(c *format.ColumnMetaData) { c.Codec = format.Gzip }), "column"},
		"a column behind the file":    {column(func(c *format.ColumnMetaData) { c.DataPageOffset = 1 << 40 }), "does not lie in the file"},
		"a column before the file":    {column(func(c *format.ColumnMetaData) { c.DataPageOffset = -9 }), "does not lie in the file"},
		"a column of negative length": {column(func(c *format.ColumnMetaData) { c.TotalCompressedSize = -1 }), "does not lie in the file"},
		"too many values":             {column(func(c *format.ColumnMetaData) { c.NumValues = 1 << 40 }), "values for"},
		"another type":                {column(func(c *format.ColumnMetaData) { c.Type = format.ByteArray }), "another type than the schema says"},
		"rows nobody wrote":           {remade(t, good, func(m *format.FileMetaData) { m.RowGroups[0].NumRows = 1 << 50 }), "values for"},
		"a group of all the world":    {remade(t, good, func(m *format.FileMetaData) { m.Schema[0].NumChildren = thrift.New(int32(1 << 30)) }), "schema"},
		"a schema without its end":    {remade(t, good, func(m *format.FileMetaData) { m.Schema = m.Schema[:4] }), "schema"},
		"cut":                         {good[:len(good)/2], "does not end like a parquet file"},
		"zeros for pages":             {append(append([]byte("PAR1"), make([]byte, 200)...), good[204:]...), "column"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runParquet(t, c.data)
			require.ErrorContains(t, got.err, `"in/a.parquet"`)
			require.ErrorContains(t, got.err, c.want)
			require.Empty(t, got.objects)
		})
	}
}
