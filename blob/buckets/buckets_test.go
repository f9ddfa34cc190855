package buckets_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/blob/buckets"
	"weir.dev/weir/fault"
)

func TestOpenBucket_NamedThenTemplateThenDataDir(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	odd := filepath.Join(base, "a b%20{bucket}?#ü") // what has a meaning in a URL
	for name, c := range map[string]struct {
		cfg  buckets.Config
		want string // folder
	}{
		"named":    {buckets.Config{Named: map[string]string{"orders": "file://" + base + "/elsewhere"}, DataDir: base}, base + "/elsewhere"},
		"template": {buckets.Config{Template: "file://" + base + "/t/{bucket}/x", DataDir: base}, base + "/t/orders/x"},
		"data dir": {buckets.Config{DataDir: base + "/data"}, base + "/data/buckets/orders"},
		"odd path": {buckets.Config{DataDir: odd}, odd + "/buckets/orders"},
	} {
		b, err := buckets.New(c.cfg)
		require.NoError(t, err, name)
		bucket, err := b.OpenBucket(t.Context(), "orders")
		require.NoError(t, err, name)
		require.Equal(t, "orders", bucket.String())
		require.NoError(t, bucket.Publish(t.Context(), blobtest.Stage(t, bucket, "e1", "out/e1", []byte("x"))))
		require.FileExists(t, filepath.Join(c.want, "out", "e1"), name)
		again, err := b.OpenBucket(t.Context(), "orders")
		require.NoError(t, err)
		require.Same(t, bucket, again)
		require.NoError(t, b.Close())
		_, err = b.OpenBucket(t.Context(), "orders")
		require.Error(t, err, "closed")
	}
}

func TestOpenBucket_HostileNamesAreRefused(t *testing.T) {
	t.Parallel()
	b, err := buckets.New(buckets.Config{DataDir: t.TempDir()})
	require.NoError(t, err)
	defer b.Close()
	for _, name := range []string{
		"", "ab", "..", "...", "a/b", "../x", "a..b", "a b", "a\x00b", "-ab", ".ab", "a?b=c", "a%2fb", "{bucket}", "a#b", `a\b`, "bücket",
		strings.Repeat("a", 64),
	} {
		_, err := b.OpenBucket(t.Context(), name)
		require.Equal(t, fault.Validation, fault.CodeOf(err), "%q", name)
	}
	for _, name := range []string{"abc", "My_Bucket.1", "upsolver-appflow-x", strings.Repeat("a", 63)} {
		_, err := b.OpenBucket(t.Context(), name)
		require.NoError(t, err, "%q", name)
	}
}

func TestNew_BadConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"gs://bucket", "azblob://bucket", "/srv/x", "", "file://host/x", "file:relative", "file://", "file:///x?mode=1", "file:///x?create=perhaps", "://",
	} {
		_, err := buckets.New(buckets.Config{Named: map[string]string{"orders": raw}})
		require.Equal(t, fault.Validation, fault.CodeOf(err), "%q", raw)
		require.ErrorContains(t, err, "orders")
	}
	_, err := buckets.New(buckets.Config{Named: map[string]string{"orders": "gs://bucket"}})
	require.ErrorContains(t, err, "there are file and s3")
	_, err = buckets.New(buckets.Config{Template: "file:///srv/x"})
	require.ErrorContains(t, err, "{bucket}")

	b, err := buckets.New(buckets.Config{Named: map[string]string{"orders": "file:///srv/x"}})
	require.NoError(t, err)
	_, err = b.OpenBucket(t.Context(), "others")
	require.ErrorContains(t, err, "--bucket others=URL")
}

func TestOpenBucket_S3URL(t *testing.T) {
	t.Parallel()
	b, err := buckets.New(buckets.Config{Template: "s3://{bucket}?region=eu-north-1&endpoint=http://127.0.0.1:1"})
	require.NoError(t, err)
	defer b.Close()
	bucket, err := b.OpenBucket(t.Context(), "orders")
	require.NoError(t, err)
	require.Equal(t, "orders", bucket.String())

	for _, raw := range []string{
		"s3://orders?region=r&secret=x", "s3://orders/prefix?region=r", "s3://key:secret@orders?region=r", "s3://orders?region=r&use_path_style=2x",
		"s3://orders?region=r&endpoint=ftp://x", "s3://?region=r", "s3://orders?region=r&region=s",
	} {
		b, err := buckets.New(buckets.Config{Named: map[string]string{"orders": raw}})
		require.NoError(t, err)
		_, err = b.OpenBucket(t.Context(), "orders")
		require.Equal(t, fault.Validation, fault.CodeOf(err), raw)
		require.NotContains(t, err.Error(), "key:secret")
	}
}

func TestParseNamed(t *testing.T) {
	t.Parallel()
	name, raw, err := buckets.ParseNamed("orders=s3://b?region=r")
	require.NoError(t, err)
	require.Equal(t, "orders", name)
	require.Equal(t, "s3://b?region=r", raw)
	for _, bad := range []string{"orders", "=file:///x", "orders=", "orders=ftp://x", "a/b=file:///x"} {
		_, _, err := buckets.ParseNamed(bad)
		require.Equal(t, fault.Validation, fault.CodeOf(err), "%q", bad)
	}
}
