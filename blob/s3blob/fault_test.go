package s3blob_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob"
	"weir.dev/weir/blob/blobtest"
	"weir.dev/weir/blob/s3blob"
	"weir.dev/weir/fault"
)

// roundTrip is a transport of a function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answer makes a response of the store's.
func answer(r *http.Request, status int, header http.Header, body string) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	header = header.Clone()
	header.Set("Content-Length", fmt.Sprint(len(body)))
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r,
	}
}

func errorXML(code string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n<Error><Code>" + code + "</Code><Message>as told</Message><RequestId>r-1</RequestId></Error>"
}

// drain reads what a request sends, as a server does.
func drain(r *http.Request) {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
}

func is(r *http.Request, method, query string) bool {
	return r.Method == method && r.URL.Query().Has(query)
}

// canned is a bucket whose every request is answered by f.
func canned(t *testing.T, f roundTrip) *s3blob.Bucket {
	u, err := url.Parse("s3://orders?endpoint=http://store.test")
	require.NoError(t, err)
	b, err := s3blob.Open(t.Context(), "orders", u, s3blob.Options{
		Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			drain(r)
			return f(r)
		}),
		Backoff: time.Microsecond,
	})
	require.NoError(t, err)
	return b
}

func TestClassify_StoreErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		code   string
		want   fault.Code
		retry  fault.Retry
	}{
		{404, "NoSuchBucket", fault.NotFound, fault.Never},
		{404, "NoSuchKey", fault.NotFound, fault.Never},
		{412, "PreconditionFailed", fault.Conflict, fault.Never},
		{403, "AccessDenied", fault.AccessDenied, fault.Never},
		{403, "SomethingNew", fault.AccessDenied, fault.Never},
		{403, "InvalidAccessKeyId", fault.ConnectorAuth, fault.Never},
		{403, "SignatureDoesNotMatch", fault.ConnectorAuth, fault.Never},
		{400, "ExpiredToken", fault.ConnectorAuth, fault.Never},
		{301, "PermanentRedirect", fault.Validation, fault.Never},
		{400, "AuthorizationHeaderMalformed", fault.Validation, fault.Never},
		{400, "InvalidArgument", fault.Validation, fault.Never},
		{503, "SlowDown", fault.Throttling, fault.Throttled},
		{503, "ServiceUnavailable", fault.Throttling, fault.Throttled},
		{500, "InternalError", fault.ConnectorServer, fault.Transient},
		{400, "RequestTimeout", fault.ConnectorServer, fault.Transient},
		{409, "OperationAborted", fault.ConnectorServer, fault.Transient},
		{502, "", fault.ConnectorServer, fault.Transient},
		{400, "EntityTooLarge", fault.ConnectorServer, fault.Never},
		{400, "KMS.DisabledException", fault.AccessDenied, fault.Never},
		{400, "SomethingNew", fault.ConnectorServer, fault.Never},
	} {
		t.Run(c.code, func(t *testing.T) {
			t.Parallel()
			body := errorXML(c.code)
			if c.code == "" {
				body = "<html>Bad Gateway</html>"
			}
			b := canned(t, func(r *http.Request) (*http.Response, error) {
				return answer(r, c.status, http.Header{"X-Amz-Bucket-Region": {"eu-north-1"}, "Retry-After": {"1"}}, body), nil
			})
			_, err := b.OpenAt(t.Context(), "in/x", 0, -1, "")
			retry, after := fault.RetryOf(err)
			require.Equal(t, c.want, fault.CodeOf(err), "%v", err)
			require.Equal(t, c.retry, retry)
			require.Contains(t, err.Error(), `"orders"`)
			require.Contains(t, err.Error(), `"in/x"`)
			if c.status != 412 { // said in words
				require.Contains(t, err.Error(), c.code)
			}
			if c.want == fault.Throttling {
				require.Equal(t, time.Second, after)
			}
			if c.status == 301 {
				require.Contains(t, err.Error(), "eu-north-1")
			}
		})
	}
}

func TestClassify_NoAnswer(t *testing.T) {
	t.Parallel()
	b := canned(t, func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") })
	err := b.Check(t.Context())
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.Equal(t, fault.Transient, retry)
}

func TestRetry_SlowDownThenFine(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	b := canned(t, func(r *http.Request) (*http.Response, error) {
		if calls.Add(1) == 1 {
			return answer(r, 503, nil, errorXML("SlowDown")), nil
		}
		return answer(r, 200, http.Header{"Etag": {`"e"`}}, "content"), nil
	})
	require.Equal(t, "content", string(blobtest.Read(t, b, "in/x")))
	require.EqualValues(t, 2, calls.Load())
}

// tearing serves one object and breaks every stream after some bytes.
func tearing(t *testing.T, data []byte, after int, mood func(request int64, r *http.Request, w http.ResponseWriter) bool) (*s3blob.Bucket, *atomic.Int64) {
	var requests atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := requests.Add(1)
		if mood != nil && mood(n, r, w) {
			return
		}
		w.Header().Set("ETag", `"e1"`)
		if m := r.Header.Get("If-Match"); m != "" && m != `"e1"` {
			w.WriteHeader(http.StatusPreconditionFailed)
			return
		}
		first, last := 0, len(data)-1
		if rng := r.Header.Get("Range"); rng != "" {
			fmt.Sscanf(rng, "bytes=%d-%d", &first, &last)
			last = min(last, len(data)-1)
			w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(data)))
			w.Header().Set("Content-Length", fmt.Sprint(last+1-first))
			w.WriteHeader(http.StatusPartialContent)
		} else {
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		}
		rest := data[first : last+1]
		w.Write(rest[:min(after, len(rest))])
		if after < len(rest) {
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler) // the connection breaks
		}
	}))
	srv.Config.ErrorLog = nil
	t.Cleanup(srv.Close)
	u, err := url.Parse("s3://orders?endpoint=" + url.QueryEscape(srv.URL))
	require.NoError(t, err)
	b, err := s3blob.Open(t.Context(), "orders", u, s3blob.Options{Backoff: time.Microsecond, Stall: 200 * time.Millisecond})
	require.NoError(t, err)
	t.Cleanup(func() { b.Close() })
	return b, &requests
}

func TestOpenAt_TornStreamIsResumed(t *testing.T) {
	t.Parallel()
	data := blobtest.Content(1, 100_000)
	b, requests := tearing(t, data, 30_000, nil)
	for _, c := range []struct{ offset, length int64 }{{0, -1}, {10_000, -1}, {10_000, 70_000}} {
		requests.Store(0)
		r, err := b.OpenAt(t.Context(), "in/x", c.offset, c.length, "e1")
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		want := data[c.offset:]
		if c.length >= 0 {
			want = want[:c.length]
		}
		require.True(t, bytes.Equal(want, got), "%+v", c)
		require.Greater(t, requests.Load(), int64(1), "the stream was torn")
		require.NoError(t, r.Close())
	}
}

func TestOpenAt_StalledStreamIsResumed(t *testing.T) {
	t.Parallel()
	data := blobtest.Content(2, 50_000)
	b, _ := tearing(t, data, len(data), func(n int64, r *http.Request, w http.ResponseWriter) bool {
		if n > 1 {
			return false
		}
		w.Header().Set("ETag", `"e1"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		w.Write(data[:20_000])
		w.(http.Flusher).Flush()
		<-r.Context().Done() // says nothing more, until the client has had enough
		return true
	})
	require.True(t, bytes.Equal(data, blobtest.Read(t, b, "in/x")))
}

func TestOpenAt_GivesUpWhenNothingArrives(t *testing.T) {
	t.Parallel()
	b, requests := tearing(t, blobtest.Content(3, 1_000), 0, nil)
	r, err := b.OpenAt(t.Context(), "in/x", 0, -1, "")
	require.NoError(t, err)
	_, err = io.ReadAll(r)
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.Transient, retry, "%v", err)
	require.LessOrEqual(t, requests.Load(), int64(10))
}

func TestOpenAt_ReplacedWhileTornIsConflict(t *testing.T) {
	t.Parallel()
	for name, obeys := range map[string]bool{"store that obeys If-Match": true, "store that ignores it": false} {
		b, _ := tearing(t, blobtest.Content(4, 1_000), 100, func(n int64, r *http.Request, w http.ResponseWriter) bool {
			if n == 1 {
				return false
			}
			w.Header().Set("ETag", `"e2"`)
			if obeys {
				w.WriteHeader(http.StatusPreconditionFailed)
				return true
			}
			w.Header().Set("Content-Range", "bytes 100-999/1000")
			w.WriteHeader(http.StatusPartialContent)
			w.Write(make([]byte, 900))
			return true
		})
		r, err := b.OpenAt(t.Context(), "in/x", 0, -1, "")
		require.NoError(t, err)
		_, err = io.ReadAll(r)
		require.Equal(t, fault.Conflict, fault.CodeOf(err), name)
	}
}

// TestOpenAt_StoreThatIgnoresRanges must not pass the object's beginning off as its middle.
func TestOpenAt_StoreThatIgnoresRanges(t *testing.T) {
	t.Parallel()
	b := canned(t, func(r *http.Request) (*http.Response, error) {
		return answer(r, 200, http.Header{"Etag": {`"e"`}}, "0123456789"), nil
	})
	_, err := b.OpenAt(t.Context(), "in/x", 5, 2, "")
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.ErrorContains(t, err, "range")
}

// withFake opens a bucket on a server of the test's own, behind a transport that may answer in its place.
func withFake(t *testing.T, opts s3blob.Options, mood func(*http.Request) *http.Response) (*store, *s3blob.Bucket) {
	s := newFake(t)
	opts.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		if a := mood(r); a != nil {
			drain(r)
			return a, nil
		}
		return http.DefaultTransport.RoundTrip(r)
	})
	return s, s.open(t, opts)
}

func TestPublish_ErrorAfterStatus200IsNoSuccess(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	broken.Store(true)
	_, b := withFake(t, s3blob.Options{}, func(r *http.Request) *http.Response {
		if is(r, "POST", "uploadId") && broken.Load() {
			return answer(r, 200, nil, "   \n  "+errorXML("InternalError"))
		}
		return nil
	})
	s := blobtest.Stage(t, b, "e1", "out/e1", []byte("x"))
	err := b.Publish(t.Context(), s)
	retry, _ := fault.RetryOf(err)
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.Equal(t, fault.Transient, retry, "%v", err)
	require.Empty(t, blobtest.Keys(t, b, ""))
	broken.Store(false)
	require.NoError(t, b.Publish(t.Context(), s))
	require.Equal(t, "x", string(blobtest.Read(t, b, "out/e1")))
}

func TestPublish_LostAnswerIsRecognised(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	var lost atomic.Int64
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil && is(r, "POST", "uploadId") && lost.Add(1) == 1 {
			resp.Body.Close()
			return nil, errors.New("connection reset") // after it has been completed
		}
		return resp, err
	})
	b := s.open(t, s3blob.Options{Transport: transport})
	require.NoError(t, b.Publish(t.Context(), blobtest.Stage(t, b, "e1", "out/e1", []byte("x"))))
	require.Greater(t, lost.Load(), int64(1), "it was asked again")
	require.Equal(t, []string{"out/e1"}, blobtest.Keys(t, b, ""))
}

// TestPublish_StoreSaysYesToWhatItDoesNotHave: the key holds another object of the same size.
func TestPublish_StoreSaysYesToWhatItDoesNotHave(t *testing.T) {
	t.Parallel()
	s, b := withFake(t, s3blob.Options{}, func(r *http.Request) *http.Response {
		if is(r, "POST", "uploadId") {
			return answer(r, 200, nil, `<CompleteMultipartUploadResult><ETag>"made-up"</ETag></CompleteMultipartUploadResult>`)
		}
		return nil
	})
	staged := blobtest.Stage(t, b, "e1", "out/e1", []byte("12345"))
	require.Equal(t, fault.NotFound, fault.CodeOf(b.Publish(t.Context(), staged)))
	s.put(t, "out/e1", []byte("67890"))
	require.Equal(t, fault.NotFound, fault.CodeOf(b.Publish(t.Context(), staged)))
	s.put(t, "out/e1", []byte("12345"))
	require.NoError(t, b.Publish(t.Context(), staged))
}

func TestPublish_WithoutTheRightToRead(t *testing.T) {
	t.Parallel()
	_, b := withFake(t, s3blob.Options{}, func(r *http.Request) *http.Response {
		if r.Method == http.MethodHead {
			return answer(r, 403, nil, "")
		}
		return nil
	})
	s := blobtest.Stage(t, b, "e1", "out/e1", []byte("x"))
	require.NoError(t, b.Publish(t.Context(), s))
	require.Equal(t, fault.AccessDenied, fault.CodeOf(b.Publish(t.Context(), s)), "whether it was published before cannot be told")
}

func TestStage_FailedPartEndsTheUploadAndLeavesNothing(t *testing.T) {
	t.Parallel()
	s, b := withFake(t, s3blob.Options{}, func(r *http.Request) *http.Response {
		if r.Method == http.MethodPut && r.URL.Query().Get("partNumber") == "2" {
			return answer(r, 400, nil, errorXML("EntityTooLarge"))
		}
		return nil
	})
	w, err := b.Stage(t.Context(), "e1", "out/e1")
	require.NoError(t, err)
	for range 4 {
		if _, err = w.Write(blobtest.Content(5, partBytes)); err != nil {
			break
		}
	}
	_, err = w.Finish(t.Context())
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
	require.ErrorContains(t, err, "part 2")
	require.Empty(t, s.uploads(t))
}

func TestStage_FailedPartIsSentAgain(t *testing.T) {
	t.Parallel()
	var failed sync.Map
	_, b := withFake(t, s3blob.Options{}, func(r *http.Request) *http.Response {
		if part := r.URL.Query().Get("partNumber"); part != "" {
			if _, again := failed.LoadOrStore(part, true); !again {
				return answer(r, 500, nil, errorXML("InternalError"))
			}
		}
		return nil
	})
	data := blobtest.Content(6, 2*partBytes+7)
	s := blobtest.Stage(t, b, "e1", "out/e1", data)
	require.Len(t, s.Parts, 3)
	require.NoError(t, b.Publish(t.Context(), s))
	require.True(t, bytes.Equal(data, blobtest.Read(t, b, "out/e1")))
}

func TestList_SmallPages(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	b := s.open(t, s3blob.Options{PageKeys: 3})
	var want []string
	for i := range 10 {
		want = append(want, fmt.Sprintf("in/%d", i))
		s.put(t, want[i], nil)
	}
	require.Equal(t, want, blobtest.Keys(t, b, "in/"))
}

func TestList_CutWithoutATokenIsAnError(t *testing.T) {
	t.Parallel()
	b := canned(t, func(r *http.Request) (*http.Response, error) {
		return answer(r, 200, nil, `<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents></ListBucketResult>`), nil
	})
	var last error
	for _, err := range b.List(t.Context(), "") {
		last = err
	}
	require.Equal(t, fault.ConnectorServer, fault.CodeOf(last))
}

// TestDiscard_FollowsPages lists the uploads in two pages, with keys encoded, and looks at which are aborted.
func TestDiscard_FollowsPages(t *testing.T) {
	t.Parallel()
	var aborted []string
	b := canned(t, func(r *http.Request) (*http.Response, error) {
		if r.Method == http.MethodDelete {
			aborted = append(aborted, r.URL.Path+" "+r.URL.Query().Get("uploadId"))
			return answer(r, 204, nil, ""), nil
		}
		require.Equal(t, "url", r.URL.Query().Get("encoding-type"))
		if r.URL.Query().Get("key-marker") == "" {
			return answer(r, 200, nil, `<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
				<NextKeyMarker>out/e1/a+b%2Bc</NextKeyMarker><NextUploadIdMarker>u1</NextUploadIdMarker>
				<Upload><Key>out/e1/a+b%2Bc</Key><UploadId>u1</UploadId></Upload></ListMultipartUploadsResult>`), nil
		}
		require.Equal(t, "out/e1/a b+c", r.URL.Query().Get("key-marker"))
		return answer(r, 200, nil, `<ListMultipartUploadsResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>
			<Upload><Key>out/e10/x</Key><UploadId>u2</UploadId></Upload><Upload><Key>out/e1/kept</Key><UploadId>u3</UploadId></Upload>
			<Upload><Key>out/e1/x</Key><UploadId>u4</UploadId></Upload></ListMultipartUploadsResult>`), nil
	})
	require.NoError(t, b.Discard(t.Context(), "e1", "out/", []blob.Staged{{Key: "out/e1/kept", Upload: "u3"}}))
	require.Equal(t, []string{"/orders/out/e1/a b+c u1", "/orders/out/e1/x u4"}, aborted)
}

func TestStage_HangingPartEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s := newFake(t)
	b := s.open(t, s3blob.Options{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Has("partNumber") {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		return http.DefaultTransport.RoundTrip(r)
	})})
	ctx, cancel := context.WithCancel(t.Context())
	w, err := b.Stage(ctx, "e1", "out/e1")
	require.NoError(t, err)
	_, err = w.Write([]byte("x"))
	require.NoError(t, err)
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err = w.Finish(ctx)
	require.Equal(t, fault.Canceled, fault.CodeOf(err))
	require.Empty(t, s.uploads(t))
}
