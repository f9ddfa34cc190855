package s3blob_test

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob"
	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/blob/s3blob"
)

// partBytes is the least size a store takes for a part that is not the last.
const partBytes = 5 << 20

// TestMain gives the SDK settings of the test's own where the environment has none, so that nobody's profile is used.
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

// store is an S3 server with one empty bucket in it.
type store struct {
	endpoint string
	bucket   string
	client   *s3.Client // of the test's own, to look from outside
}

var buckets atomic.Int64

func newStore(t *testing.T, endpoint string) *store {
	s := &store{endpoint: endpoint, bucket: fmt.Sprintf("kit-%d-%d", time.Now().UnixNano()%1e9, buckets.Add(1))}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion("us-east-1"))
	require.NoError(t, err)
	s.client = s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint, o.UsePathStyle = &endpoint, true
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	})
	_, err = s.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &s.bucket})
	require.NoError(t, err)
	return s
}

// newFake starts an S3 server inside the test.
func newFake(t *testing.T) *store {
	srv := httptest.NewServer(gofakes3.New(s3mem.New()).Server())
	t.Cleanup(srv.Close)
	return newStore(t, srv.URL)
}

func (s *store) open(t *testing.T, opts s3blob.Options) *s3blob.Bucket {
	u, err := url.Parse("s3://" + s.bucket + "?endpoint=" + url.QueryEscape(s.endpoint))
	require.NoError(t, err)
	if opts.PartBytes == 0 {
		opts.PartBytes = partBytes
	}
	b, err := s3blob.Open(t.Context(), s.bucket, u, opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func (s *store) put(t *testing.T, key string, data []byte) {
	_, err := s.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &s.bucket, Key: &key, Body: bytes.NewReader(data)})
	require.NoError(t, err)
}

// uploads lists the keys of the unfinished uploads, at most a page of them.
func (s *store) uploads(t *testing.T) []string {
	out, err := s.client.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &s.bucket})
	if err != nil && strings.Contains(err.Error(), "NoSuchUpload") {
		return nil
	}
	require.NoError(t, err)
	var keys []string
	for _, u := range out.Uploads {
		keys = append(keys, aws.ToString(u.Key))
	}
	return keys
}

func (s *store) fixture(t *testing.T, opts s3blob.Options) blobtest.Fixture {
	return blobtest.Fixture{
		Bucket: s.open(t, opts),
		Again:  func(t *testing.T) blob.Bucket { return s.open(t, opts) },
		Put:    s.put,
		Traces: s.uploads,
	}
}

// TestConformance_Fake runs the kit on a server that is lax in many ways; TestConformance_Server is the judge.
func TestConformance_Fake(t *testing.T) {
	t.Parallel()
	blobtest.Run(t, blobtest.Harness{
		New:       func(t *testing.T) blobtest.Fixture { return newFake(t).fixture(t, s3blob.Options{}) },
		ManyBytes: partBytes + 1, RefusesEmpty: true,
	})
}

// TestConformance_Server runs the kit on the S3 server that WEIR_TEST_S3_ENDPOINT names; see test/servers/s3.sh.
func TestConformance_Server(t *testing.T) {
	t.Parallel()
	endpoint := os.Getenv("WEIR_TEST_S3_ENDPOINT")
	if endpoint == "" {
		t.Skip("WEIR_TEST_S3_ENDPOINT names no server")
	}
	blobtest.Run(t, blobtest.Harness{
		New:       func(t *testing.T) blobtest.Fixture { return newStore(t, endpoint).fixture(t, s3blob.Options{}) },
		ManyBytes: partBytes + 1,
	})
}
