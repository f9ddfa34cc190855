package s3_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/blob"
	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/blob/memblob"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors"
	"weir.dev/weir/connectors/s3"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// connection is everything the connector can do.
type connection interface {
	connector.Connection
	connector.Reader
	connector.EntityLister
	connector.EntityDescriber
	connector.FileTarget
}

func connect(t *testing.T, bucket blob.Bucket) connection {
	conn, err := s3.New().Connect(t.Context(), connector.Config{Buckets: memory{bucket}, Pool: &batch.Pool{}})
	require.NoError(t, err)
	return conn.(connection)
}

func TestAll_TypesAreDistinct(t *testing.T) {
	t.Parallel()
	require.NotNil(t, connectors.All().Find(flow.S3))
}

func TestSpec_AgreesWithTheCatalogue(t *testing.T) {
	t.Parallel()
	spec, traits := s3.New().Spec(), flow.TraitsOf(flow.S3)
	require.Equal(t, traits.IsSource, spec.CanBeSource)
	require.Equal(t, traits.IsDest, spec.CanBeDest)
	require.Equal(t, traits.NeedsProfile, spec.NeedsProfile)
	require.Equal(t, traits.Triggers, spec.Triggers)
	require.Equal(t, traits.MinInterval, spec.MinInterval)
}

func TestTarget_PropertiesBecomeALayout(t *testing.T) {
	t.Parallel()
	for props, want := range map[string]flow.FileOutput{
		`{"bucketName":"orders"}`: {Type: flow.FileJSON},
		`{"bucketName":"orders","bucketPrefix":"out/x//","s3OutputFormatConfig":{"fileType":"CSV","preserveSourceDataTyping":true}}`: {
			Prefix: "out/x", Type: flow.FileCSV,
		},
		`{"bucketName":"orders","s3OutputFormatConfig":{"fileType":"PARQUET","preserveSourceDataTyping":true,
			"prefixConfig":{"prefixType":"PATH","pathPrefixHierarchy":["EXECUTION_ID","SCHEMA_VERSION"]},
			"aggregationConfig":{"aggregationType":"SingleFile","targetFileSize":64}}}`: {
			Type: flow.FileParquet, KeepTypes: true, PrefixType: flow.PrefixPath, PrefixFormat: flow.PrefixDay,
			SchemaVersion: true, ExecutionID: true, SingleFile: true, TargetFileSize: 64 << 20,
		},
		`{"bucketName":"orders","s3OutputFormatConfig":{"prefixConfig":{"prefixType":"FILENAME","prefixFormat":"HOUR"},"aggregationConfig":{"aggregationType":"None"}}}`: {
			Type: flow.FileJSON, PrefixType: flow.PrefixFilename, PrefixFormat: flow.PrefixHour,
		},
	} {
		target, err := connect(t, memblob.New("orders")).Target(t.Context(), flow.Properties(props))
		require.NoError(t, err, props)
		require.Equal(t, want, target.Output, props)
		require.Equal(t, "orders", target.Name)
	}
}

func TestDescribe_EmptyPrefixIsRefusedAsAppFlowDoes(t *testing.T) {
	t.Parallel()
	_, err := connect(t, memblob.New("orders")).Describe(t.Context(), sourceProps("", "CSV"))
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.ErrorContains(t, err, "folder")
}

func TestDescribe_TypesByFormat(t *testing.T) {
	t.Parallel()
	store, opener := newMemory()
	conn := connect(t, opener.bucket)
	store.Put("none/", nil)
	schema, err := conn.Describe(t.Context(), sourceProps("none/", "CSV"))
	require.NoError(t, err)
	require.Empty(t, schema.Fields)

	store.Put("csv/0", nil)
	store.Put("csv/1", []byte("\xef\xbb\xbfid,\"a.b\",at\n1,2,3\n"))
	store.Put("json/1", []byte(`{"id":1,"ok":true,"price":1,"address":{"city":"x"},"odd":1}`+"\n"))
	store.Put("json/2", []byte(`{"id":2,"price":1.5,"new":"x","odd":"text","tags":[1]}`+"\n"))
	for prefix, want := range map[string]string{
		"csv":  "id:text:String a.b:text:String at:text:String",
		"json": "id:long:Long ok:boolean:Boolean price:double:Double address.city:string:String odd:string:String new:string:String tags:json:Struct",
	} {
		schema, err := conn.Describe(t.Context(), sourceProps(prefix+"/", strings.ToUpper(prefix)))
		require.NoError(t, err)
		var got []string
		for _, f := range schema.Fields {
			got = append(got, fmt.Sprintf("%s:%s:%s", f.Name, f.Type, f.VendorType))
			require.Contains(t, f.FilterOperators, flow.OpBetween)
			require.NotContains(t, f.FilterOperators, flow.OpContains)
		}
		require.Equal(t, want, strings.Join(got, " "))
		require.Equal(t, prefix == "json", schema.Open)
		guessed, err := conn.DescribeEntity(t.Context(), "orders/"+prefix)
		require.NoError(t, err)
		require.Equal(t, schema.Fields, guessed.Fields, "the format is guessed")
	}
}

func TestSplits_ByPlainPrefixWindowAndSize(t *testing.T) {
	t.Parallel()
	day := 0
	store := memblob.NewStore("orders", func() time.Time { return time.Date(2024, 1, day, 0, 0, 0, 0, time.UTC) })
	for i, key := range []string{"in", "in/a", "in/b", "in-old/c", "other/d"} {
		day = i + 1
		store.Put(key, []byte("id\n1\n"))
	}
	store.Put("in/folder/", nil)
	conn := connect(t, store.Open())
	labels := func(prefix string, window *flow.Window) string {
		splits, err := conn.Splits(t.Context(), connector.ReadRequest{Properties: sourceProps(prefix, "CSV"), Window: window}, 1)
		require.NoError(t, err)
		if len(splits) == 0 {
			return ""
		}
		require.Len(t, splits, 1)
		return splits[0].Label
	}
	require.Equal(t, "in … in/b (4 objects)", labels("in", nil))
	require.Equal(t, "in/a … in/b (2 objects)", labels("in/", nil))
	require.Equal(t, "", labels("absent/", nil))
	at := func(d int) time.Time { return time.Date(2024, 1, d, 0, 0, 0, 0, time.UTC) }
	require.Equal(t, "in/a", labels("in/", &flow.Window{From: at(2), To: at(3)}), "from is in, to is not")
}

func TestSplits_LargeObjectsStandAlone(t *testing.T) {
	t.Parallel()
	store, opener := newMemory()
	for i := range 2_500 {
		store.Put(fmt.Sprintf("small/%04d", i), []byte("x"))
	}
	big := make([]byte, 9<<20)
	for key, data := range map[string][]byte{"mixed/1": []byte("x"), "mixed/2": big, "mixed/3": []byte("x"), "mixed/4": []byte("x"), "mixed/5": big} {
		store.Put(key, data)
	}
	conn := connect(t, opener.bucket)
	for prefix, want := range map[string][]string{
		"small/": {"small/0000 … small/0999 (1000 objects)", "small/1000 … small/1999 (1000 objects)", "small/2000 … small/2499 (500 objects)"},
		"mixed/": {"mixed/1", "mixed/2", "mixed/3 … mixed/4 (2 objects)", "mixed/5"},
	} {
		splits, err := conn.Splits(t.Context(), connector.ReadRequest{Properties: sourceProps(prefix, "CSV")}, 8)
		require.NoError(t, err)
		var got []string
		for _, s := range splits {
			got = append(got, s.Label)
		}
		require.Equal(t, want, got)
	}
}

// readAll reads the only split of a prefix.
func readAll(t *testing.T, conn connection, prefix, fileType string, fields ...string) ([][]string, error) {
	req := connector.ReadRequest{Properties: sourceProps(prefix, fileType), Fields: fields}
	splits, err := conn.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	return readSplit(t, conn, req, splits[0])
}

func readSplit(t *testing.T, conn connection, req connector.ReadRequest, split connector.Split) (rows [][]string, err error) {
	pages, err := conn.Read(t.Context(), req, split, nil)
	require.NoError(t, err)
	defer pages.Close()
	for {
		p, err := pages.Next(t.Context())
		if err != nil {
			return rows, err
		}
		b, err := p.Decode()
		if err != nil {
			return rows, err
		}
		rows = append(rows, connectortest.Text(t, b, req.Fields)...)
		b.Release()
	}
}

func TestRead_EveryFileHasItsOwnHeader(t *testing.T) {
	t.Parallel()
	store, opener := newMemory()
	store.Put("in/1.csv", []byte("id,name\n1,a\n"))
	store.Put("in/2.csv", []byte("extra,name,id\nx,b,2\n"))
	conn := connect(t, opener.bucket)
	rows, _ := readAll(t, conn, "in/", "CSV", "id", "name")
	require.Equal(t, [][]string{{"1", "a"}, {"2", "b"}}, rows)

	store.Put("in/3.csv", []byte("id\n3\n"))
	_, err := readAll(t, conn, "in/", "CSV", "id", "name")
	require.Error(t, err)
	require.ErrorContains(t, err, "in/3.csv")
	require.ErrorContains(t, err, `"name"`)
}

func TestRead_ObjectReplacedOrRemovedMeanwhile(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*memblob.Store){
		"replaced": func(s *memblob.Store) { s.Put("in/2.csv", []byte("id\n9\n")) },
		"removed":  func(s *memblob.Store) { s.Remove("in/2.csv") },
	} {
		store, opener := newMemory()
		store.Put("in/1.csv", []byte("id\n1\n"))
		store.Put("in/2.csv", []byte("id\n2\n"))
		conn := connect(t, opener.bucket)
		req := connector.ReadRequest{Properties: sourceProps("in/", "CSV"), Fields: []string{"id"}}
		splits, err := conn.Splits(t.Context(), req, 1)
		require.NoError(t, err)
		change(store)
		rows, err := readSplit(t, conn, req, splits[0])
		require.Equal(t, [][]string{{"1"}}, rows)
		require.Equal(t, fault.Conflict, fault.CodeOf(err), name)
		require.ErrorContains(t, err, "in/2.csv")
		require.ErrorContains(t, err, name)
	}
}

func TestRead_TransientFaultKeepsItsClass(t *testing.T) {
	t.Parallel()
	store := memblob.NewStore("orders", nil)
	store.Put("in/1.csv", []byte("id\n1\n"))
	slow := &fault.Error{Code: fault.Throttling, Retry: fault.Throttled, RetryAfter: time.Second, Message: "slow down"}
	conn := connect(t, blobtest.Faulty(store.Open(), func(p blobtest.Point) error {
		if p.Op == blobtest.OpOpen {
			return slow
		}
		return nil
	}))
	_, err := readAll(t, conn, "in/", "CSV", "id")
	retry, after := fault.RetryOf(err)
	require.Equal(t, fault.Throttled, retry)
	require.Equal(t, time.Second, after)
}

func TestListEntities_FoldersOfABucket(t *testing.T) {
	t.Parallel()
	store, opener := newMemory()
	for _, key := range []string{"root", "a/1", "a/2", "a/b/c/3", "z/"} {
		store.Put(key, []byte("x"))
	}
	conn := connect(t, opener.bucket)
	for path, want := range map[string]string{"orders": "orders/a/ orders/z/", "orders/a/": "orders/a/b/", "orders/a": "orders/a/b/", "orders/a/b/c": "", "": ""} {
		list, err := conn.ListEntities(t.Context(), path)
		require.NoError(t, err)
		var names []string
		for _, e := range list {
			names = append(names, e.Name)
		}
		require.Equal(t, want, strings.Join(names, " "), path)
	}
}
