package s3_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/blob/buckets"
	"weir.dev/weir/blob/memblob"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/s3"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// TestMain gives the SDK settings of the test's own where the environment has none.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		if os.Getenv(name) == "" {
			os.Setenv(name, value)
		}
	}
	os.Exit(m.Run())
}

// place is a store with one bucket named "orders".
type place struct {
	opener blob.Opener
	put    func(key string, data []byte)
	close  func()
}

// places are the stores the suite runs on.
var places = map[string]func(t *testing.T) place{
	"Folder": func(t *testing.T) place {
		dir := t.TempDir()
		opener, err := buckets.New(buckets.Config{Named: map[string]string{"orders": (&url.URL{Scheme: "file", Path: dir}).String()}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, opener.Close()) })
		return place{
			opener: opener,
			put: func(key string, data []byte) {
				if strings.HasSuffix(key, "/") {
					return // no file can have such a name
				}
				path := filepath.Join(dir, key)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o750))
				require.NoError(t, os.WriteFile(path, data, 0o600))
			},
			close: func() { require.NoError(t, opener.Close()) },
		}
	},
	"S3": func(t *testing.T) place {
		backend := s3mem.New()
		require.NoError(t, backend.CreateBucket("orders"))
		srv := httptest.NewServer(gofakes3.New(backend).Server())
		opener, err := buckets.New(buckets.Config{Template: "s3://{bucket}?endpoint=" + url.QueryEscape(srv.URL)})
		require.NoError(t, err)
		done := func() {
			require.NoError(t, opener.Close())
			srv.Close()
		}
		t.Cleanup(done)
		return place{
			opener: opener,
			put: func(key string, data []byte) {
				_, err := backend.PutObject("orders", key, map[string]string{"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, bytes.NewReader(data), int64(len(data)), nil)
				require.NoError(t, err)
			},
			close: done,
		}
	},
}

// fileFormat makes files of rows of text.
type fileFormat struct {
	configured string
	names      [3]string // of files, in key order
	sampled    int64     // how often Describe opens the second file
	write      func(t *testing.T, d connectortest.Data) []byte
}

var fileFormats = map[string]fileFormat{
	"CSV":     {"CSV", [3]string{"a.csv", "b.csv.gz", "c"}, 0, writeCSV},
	"JSON":    {"JSON", [3]string{"a.json", "b.jsonl.gz", "c"}, 1, writeJSON},
	"Parquet": {"CSV", [3]string{"a.parquet", "b", "c.parquet"}, 0, writeParquet},
}

func writeCSV(t *testing.T, d connectortest.Data) []byte {
	var buf bytes.Buffer
	w := csv.NewWriter(&buf)
	require.NoError(t, w.Write(append([]string{"unused"}, d.Fields...)))
	for _, row := range d.Rows {
		require.NoError(t, w.Write(append([]string{"x"}, row...)))
	}
	w.Flush()
	return buf.Bytes()
}

func writeJSON(t *testing.T, d connectortest.Data) []byte {
	var buf bytes.Buffer
	for _, row := range d.Rows {
		buf.WriteString(`{"unused":{"nested":1}`)
		for i, name := range d.Fields {
			text, err := json.Marshal(row[i])
			require.NoError(t, err)
			fmt.Fprintf(&buf, ",%q:%s", name, text)
		}
		buf.WriteString("}\n")
	}
	return buf.Bytes()
}

type record struct {
	ID     string `parquet:"id"`
	Name   string `parquet:"name"`
	Note   string `parquet:"note"`
	Unused int64  `parquet:"unused"`
}

func writeParquet(t *testing.T, d connectortest.Data) []byte {
	var buf bytes.Buffer
	w := parquet.NewGenericWriter[record](&buf, parquet.MaxRowsPerRowGroup(64))
	for _, row := range d.Rows {
		_, err := w.Write([]record{{ID: row[0], Name: row[1], Note: row[2], Unused: 1}})
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func sourceProps(prefix, fileType string) flow.Properties {
	return flow.Properties(fmt.Sprintf(`{"bucketName":"orders","bucketPrefix":%q,"s3InputFormatConfig":{"s3InputFileType":%q}}`, prefix, fileType))
}

// load puts the rows into three files, and what a reader must pass over beside them.
func (f fileFormat) load(t *testing.T, p place, d connectortest.Data) connectortest.Loaded {
	p.put("in/", nil)
	p.put("in/empty.csv", nil)
	p.put("elsewhere/x.csv", []byte("id,name,note\nnot,to be,read\n"))
	cut := []int{0, len(d.Rows) / 4, len(d.Rows) / 2, len(d.Rows)}
	for i, name := range f.names {
		rows := d.Rows[cut[i]:cut[i+1]]
		if len(rows) == 0 {
			continue
		}
		data := f.write(t, connectortest.Data{Fields: d.Fields, Rows: rows})
		if strings.HasSuffix(name, ".gz") {
			data = compressed(t, data)
		}
		p.put("in/"+name, data)
	}
	return connectortest.Loaded{
		Config:     connector.Config{Buckets: p.opener, Pool: &batch.Pool{}},
		Properties: sourceProps("in/", f.configured),
		Entity:     "orders/in/",
		Path:       "orders",
		ChunkBytes: 4 << 10,
		Close:      p.close,
	}
}

func compressed(t *testing.T, data []byte) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for placeName, newPlace := range places {
		for formatName, f := range fileFormats {
			t.Run(placeName+"/"+formatName, func(t *testing.T) {
				t.Parallel()
				connectortest.Run(t, connectortest.Harness{
					Connector: s3.New(),
					Source: &connectortest.Source{
						Load: func(t *testing.T, d connectortest.Data) connectortest.Loaded { return f.load(t, newPlace(t), d) },
						Hang: func(t *testing.T, d connectortest.Data) connectortest.Loaded {
							p := newPlace(t)
							p.opener = &hanging{Opener: p.opener, key: "in/" + f.names[1], free: f.sampled}
							return f.load(t, p, d)
						},
						Invalid: []flow.Properties{
							nil, flow.Properties(`{}`), flow.Properties(`[]`), flow.Properties(`{"bucketName":7}`),
							flow.Properties(`{"bucketName":"a/b","bucketPrefix":"in"}`), flow.Properties(`{"bucketName":"..","bucketPrefix":"in"}`),
							sourceProps("in/", "XML"), sourceProps(strings.Repeat("p", 513), "CSV"),
						},
					},
					Files: &connectortest.FileHarness{
						New: func(t *testing.T) (connector.Config, flow.Properties) {
							return connector.Config{Buckets: newPlace(t).opener}, flow.Properties(`{"bucketName":"orders"}`)
						},
						Invalid: []flow.Properties{
							nil, flow.Properties(`{"bucketName":"x"}`),
							flow.Properties(`{"bucketName":"orders","s3OutputFormatConfig":{"fileType":"XML"}}`),
							flow.Properties(`{"bucketName":"orders","s3OutputFormatConfig":{"prefixConfig":{"prefixType":"PATH_AND_FILE"}}}`),
							flow.Properties(`{"bucketName":"orders","s3OutputFormatConfig":{"prefixConfig":{"prefixFormat":"WEEK"}}}`),
							flow.Properties(`{"bucketName":"orders","s3OutputFormatConfig":{"prefixConfig":{"pathPrefixHierarchy":[""]}}}`),
							flow.Properties(`{"bucketName":"orders","s3OutputFormatConfig":{"aggregationConfig":{"aggregationType":"Many"}}}`),
							flow.Properties(`{"bucketName":"orders","s3OutputFormatConfig":{"aggregationConfig":{"targetFileSize":-1}}}`),
							flow.Properties(`{"bucketName":"orders","s3OutputFormatConfig":{"aggregationConfig":{"targetFileSize":9223372036854775807}}}`),
						},
					},
				})
			})
		}
	}
}

// hanging is an opener whose buckets deliver nothing of one object until the caller gives up, once it has been opened
// as often as a description does.
type hanging struct {
	blob.Opener
	key    string
	free   int64
	opened atomic.Int64
}

func (h *hanging) OpenBucket(ctx context.Context, name string) (blob.Bucket, error) {
	b, err := h.Opener.OpenBucket(ctx, name)
	return hangingBucket{b, h}, err
}

type hangingBucket struct {
	blob.Bucket
	opener *hanging
}

func (b hangingBucket) OpenAt(ctx context.Context, key string, offset, length int64, etag string) (io.ReadCloser, error) {
	if key != b.opener.key || b.opener.opened.Add(1) <= b.opener.free {
		return b.Bucket.OpenAt(ctx, key, offset, length, etag)
	}
	return io.NopCloser(hangingReader{ctx}), nil
}

type hangingReader struct{ ctx context.Context }

func (r hangingReader) Read([]byte) (int, error) {
	<-r.ctx.Done()
	return 0, fault.Wrap(fault.Canceled, r.ctx.Err(), "reading")
}

// memory is an opener of one bucket in memory.
type memory struct{ bucket blob.Bucket }

func (m memory) OpenBucket(context.Context, string) (blob.Bucket, error) { return m.bucket, nil }

func newMemory() (*memblob.Store, memory) {
	store := memblob.NewStore("orders", nil)
	return store, memory{store.Open()}
}
