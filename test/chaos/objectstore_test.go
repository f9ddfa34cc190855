package chaos_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
)

// cloud is an object store with the sources in the bucket "cloud".
type cloud struct {
	t      *testing.T
	url    string
	client *s3.Client
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	at := newObjectStore(t)
	c := &cloud{t: t, url: at, client: s3.New(s3.Options{
		BaseEndpoint: &at, Region: "us-east-1", UsePathStyle: true, Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})}
	c.make("cloud")
	folder := filepath.Join(sources, "good", "contacts")
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		f, err := os.Open(filepath.Join(folder, e.Name()))
		require.NoError(t, err)
		_, err = c.client.PutObject(t.Context(), &s3.PutObjectInput{Bucket: aws.String("cloud"), Key: aws.String("contacts/" + e.Name()), Body: f})
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	return c
}

func (c *cloud) make(bucket string) {
	c.t.Helper()
	_, err := c.client.CreateBucket(c.t.Context(), &s3.CreateBucketInput{Bucket: &bucket})
	require.NoError(c.t, err)
}

// files reads a bucket whole, as [rig.files] does a folder.
func (c *cloud) files(t *testing.T, bucket, id string) map[string]string {
	t.Helper()
	found := map[string]string{}
	pages := s3.NewListObjectsV2Paginator(c.client, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		require.NoError(t, err)
		for _, o := range page.Contents {
			got, err := c.client.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: o.Key})
			require.NoError(t, err)
			content, err := io.ReadAll(got.Body)
			require.NoError(t, err)
			require.NoError(t, got.Body.Close())
			sum := sha256.Sum256(content)
			found[strings.ReplaceAll(*o.Key, id, "EXECUTION")] = hex.EncodeToString(sum[:])
		}
	}
	return found
}

// uploads is how many uploads are left unfinished.
func (c *cloud) uploads(t *testing.T, bucket string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/"+bucket+"?uploads", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode, "%s", text)
	return strings.Count(string(text), "<Upload>")
}

// under is a rig with a server whose object store stands in a weather, and the flow like the variant from there to there.
func (c *cloud) under(t *testing.T, v variant, bucket string) (*weather, *server, variant) {
	c.make(bucket)
	sky, at := newWeather(t, c.url)
	query := "?region=us-east-1&endpoint=" + url.QueryEscape(at)
	r := newRig(t, "--bucket", "cloud=s3://cloud"+query, "--bucket", bucket+"=s3://"+bucket+query)
	r.env = []string{
		"AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_CONFIG_FILE=" + os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull, "AWS_EC2_METADATA_DISABLED=true",
	}
	v.source, v.dest = "cloud", bucket
	return sky, r.boot(), v
}

// checkCloud wants what the undisturbed run left in a folder, and no upload unfinished.
func (c *cloud) checkCloud(s *server, v variant, id string, want outcome) {
	s.t.Helper()
	files := map[string]string{}
	for key, sum := range want.files {
		if sum != "folder" {
			files[key] = sum
		}
	}
	require.Equal(s.t, files, c.files(s.t, v.dest, id))
	require.Zero(s.t, c.uploads(s.t, v.dest))
	got := s.view(id)
	require.True(s.t, got.Closes)
	got.Totals.Parallelism, got.Totals.BytesRead = want.totals.Parallelism, want.totals.BytesRead
	require.Equal(s.t, want.totals, got.Totals)
	require.Len(s.t, s.records(v), 1)
}

func TestObjectStore_TroubleLeavesTheUndisturbedOutput(t *testing.T) {
	c := newCloud(t)
	for _, v := range []variant{variants[1], variants[3]} {
		undisturbed(t, v)
	}
	for i, drill := range []struct {
		kind        trouble
		method      string
		every, left int
	}{
		{serverError, "", 3, 1000},
		{slowDown, "", 3, 1000},
		{cut, http.MethodGet, 2, 20},
		{cut, http.MethodPut, 2, 20},
		{late, "", 10, 1000},
		{unanswered, http.MethodPut, 2, 1},
		{stalled, http.MethodGet, 2, 1},
	} {
		t.Run(string(drill.kind)+drill.method, func(t *testing.T) {
			t.Parallel()
			v := variants[3]
			if i%2 == 1 && drill.method != http.MethodPut { // that has one upload, too few to strike every other
				v = variants[1]
			}
			want := references[v.name]
			sky, s, v := c.under(t, v, "out-"+string(rune('a'+i)))
			s.create(v)
			sky.turn(drill.kind, drill.method, drill.every, drill.left)
			id := s.tryStart(v)
			require.NotEmpty(t, id)
			require.Equal(t, types.ExecutionStatusSuccessful, s.wait(v, id), s.view(id).Message)
			require.NotZero(t, sky.struck())
			t.Logf("%d requests were struck", sky.struck())
			sky.turn("", "", 1, 0)
			c.checkCloud(s, v, id, want)
		})
	}
}

// A store that refuses for good ends the run with its reason. weir:retries lets the run go on when the store has healed.
func TestObjectStore_ThatDoesNotHealFailsTheRun(t *testing.T) {
	c := newCloud(t)
	v := variants[3]
	want := undisturbed(t, v)
	kinds := []trouble{refused}
	if os.Getenv("WEIR_SLOW_TESTS") != "" {
		kinds = append(kinds, slowDown, serverError) // some minutes, until all tries are used up
	}
	for i, kind := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			sky, s, v := c.under(t, v, "gone-"+string(rune('a'+i)))
			s.patience = endless
			s.create(v)
			sky.turn(kind, http.MethodPut, 1, 1<<30)
			id := s.tryStart(v)
			require.Equal(t, types.ExecutionStatusError, s.wait(v, id))
			require.Contains(t, s.view(id).Message, v.dest)
			require.Contains(t, s.view(id).Message, strings.Fields(string(kind))[0])
			t.Logf("after %d refusals: %s", sky.struck(), s.view(id).Message)
			require.Empty(t, c.files(t, v.dest, id))
			require.Zero(t, c.uploads(t, v.dest))
		})
	}
	t.Run("heals before the next try", func(t *testing.T) {
		t.Parallel()
		sky, s, v := c.under(t, v, "healed")
		in := v.createInput()
		in.Tags = map[string]string{"weir:retries": "3/3s"}
		_, err := s.api.CreateFlow(t.Context(), in)
		require.NoError(t, err)
		sky.turn(refused, http.MethodPut, 1, 1)
		id := s.tryStart(v)
		s.until(func() bool { return strings.Contains(s.view(id).Message, "failure 1, to go on at") })
		t.Log(s.view(id).Message)
		require.Equal(t, types.ExecutionStatusSuccessful, s.wait(v, id), s.view(id).Message)
		c.checkCloud(s, v, id, want)
	})
}
