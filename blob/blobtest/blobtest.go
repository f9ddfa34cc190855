// Package blobtest is the conformance kit of buckets: every driver passes it, whatever store is behind. [Faulty] makes a
// bucket fail or crash where a test wants it to.
package blobtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/blob"
	"weir.dev/weir/fault"
)

// Harness is what a driver's test gives the kit.
type Harness struct {
	// New makes an empty bucket. What it opens it closes in t.Cleanup.
	New func(t *testing.T) Fixture
	// ManyBytes is a size that takes several parts, where the driver has parts; 0 means 1 MiB.
	ManyBytes int
	// RefusesEmpty says that the store behind the driver cannot take an empty object: a waiver for a fake.
	RefusesEmpty bool
	// OddKeys are keys beyond the kit's own that the driver takes.
	OddKeys []string
	// RefusedKeys are keys that it refuses with Validation.
	RefusedKeys []string
}

// Fixture is one bucket under test.
type Fixture struct {
	Bucket blob.Bucket
	// Again opens the same store once more, as another process does.
	Again func(t *testing.T) blob.Bucket
	// Put makes an object as another program does.
	Put func(t *testing.T, key string, data []byte)
	// Traces lists what the store holds besides published objects: uploads, hidden files.
	Traces func(t *testing.T) []string
}

// Run checks a driver against the contract of [blob.Bucket].
func Run(t *testing.T, h Harness) {
	if h.ManyBytes == 0 {
		h.ManyBytes = 1 << 20
	}
	for _, c := range []struct {
		name string
		test func(*testing.T, Harness, Fixture)
	}{
		{"Check_EmptyBucketIsFine", testCheck},
		{"List_InKeyOrderByPlainPrefix", testList},
		{"List_GoesOnBeyondOnePage", testListMany},
		{"List_StopsWhenTold", testListStops},
		{"Keys_OddOnesComeBackAsTheyWere", testOddKeys},
		{"Keys_ImpossibleOnesAreRefused", testRefusedKeys},
		{"Stat_AgreesWithList", testStat},
		{"OpenAt_DeliversTheRange", testRanges},
		{"OpenAt_ChangedObjectIsConflict", testChanged},
		{"Missing_IsNotFound", testMissing},
		{"Publish_MakesStagedBytesAppear", testPublish},
		{"Publish_RepeatedIsHarmless", testPublishAgain},
		{"Publish_FromAnotherProcess", testPublishElsewhere},
		{"Publish_ReplacesAnObject", testReplace},
		{"Publish_AfterDiscardIsNotFound", testPublishGone},
		{"Stage_KeyMustNameItsOwner", testOwner},
		{"Stage_EmptyAndLargeObjects", testSizes},
		{"Abort_LeavesNothing", testAbort},
		{"Discard_DropsWhatACrashLeft", testDiscardCrash},
		{"Discard_KeepsOthersAndKept", testDiscardKeeps},
		{"Discard_RepeatedIsHarmless", testDiscardAgain},
		{"Canceled_EveryCallSaysSo", testCanceled},
		{"Concurrent_WritersDoNotMeet", testConcurrent},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(t, h, h.New(t))
		})
	}
}

// Content is size bytes that look random and are the same for the same seed.
func Content(seed uint64, size int) []byte {
	data := make([]byte, size)
	src := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 1})
	src.Read(data)
	return data
}

// Stage writes and finishes one staged object.
func Stage(t *testing.T, b blob.Bucket, owner, key string, data []byte) blob.Staged {
	t.Helper()
	w, err := b.Stage(t.Context(), owner, key)
	require.NoError(t, err)
	n, err := io.Copy(w, struct{ io.Reader }{bytes.NewReader(data)})
	require.NoError(t, err)
	require.EqualValues(t, len(data), n)
	s, err := w.Finish(t.Context())
	require.NoError(t, err)
	require.Equal(t, owner, s.Owner)
	require.Equal(t, key, s.Key)
	require.EqualValues(t, len(data), s.Size)
	require.NotEmpty(t, s.Upload)
	return s
}

// Read returns an object's content.
func Read(t *testing.T, b blob.Bucket, key string) []byte {
	t.Helper()
	r, err := b.OpenAt(t.Context(), key, 0, -1, "")
	require.NoError(t, err)
	defer r.Close()
	data, err := io.ReadAll(r)
	require.NoError(t, err)
	return data
}

// Keys lists the keys that start with prefix.
func Keys(t *testing.T, b blob.Bucket, prefix string) []string {
	t.Helper()
	var keys []string
	for o, err := range b.List(t.Context(), prefix) {
		require.NoError(t, err)
		keys = append(keys, o.Key)
	}
	return keys
}

func requireCode(t *testing.T, code fault.Code, err error, about ...any) {
	t.Helper()
	require.Error(t, err, about...)
	require.Equal(t, code, fault.CodeOf(err), "%v %v", err, about)
}

// clean checks that nothing but objects is left in the store.
func clean(t *testing.T, f Fixture) {
	t.Helper()
	require.Empty(t, f.Traces(t), "the store holds more than objects")
}

func testCheck(t *testing.T, _ Harness, f Fixture) {
	require.NoError(t, f.Bucket.Check(t.Context()))
	require.NotEmpty(t, f.Bucket.String())
	require.Empty(t, Keys(t, f.Bucket, ""))
}

func testList(t *testing.T, _ Harness, f Fixture) {
	for _, key := range []string{"a0", "a/b", "a-b", "ab/c/d", "a/c/é", "a/c/e", "b", "a/c.x"} {
		f.Put(t, key, []byte(key))
	}
	for _, c := range []struct {
		prefix string
		want   []string
	}{
		{"", []string{"a-b", "a/b", "a/c.x", "a/c/e", "a/c/é", "a0", "ab/c/d", "b"}},
		{"a", []string{"a-b", "a/b", "a/c.x", "a/c/e", "a/c/é", "a0", "ab/c/d"}},
		{"a/", []string{"a/b", "a/c.x", "a/c/e", "a/c/é"}},
		{"a/c", []string{"a/c.x", "a/c/e", "a/c/é"}},
		{"a/c/", []string{"a/c/e", "a/c/é"}},
		{"a/c/é", []string{"a/c/é"}},
		{"b", []string{"b"}},
		{"b/", nil},
		{"z", nil},
		{"z/y", nil},
		{"../", nil},
	} {
		require.Equal(t, c.want, Keys(t, f.Bucket, c.prefix), "prefix %q", c.prefix)
	}
}

func testListMany(t *testing.T, _ Harness, f Fixture) {
	var want []string
	for i := range 1_050 {
		key := fmt.Sprintf("in/%04d", i)
		f.Put(t, key, nil)
		want = append(want, key)
	}
	require.Equal(t, want, Keys(t, f.Bucket, "in/"))
}

func testListStops(t *testing.T, _ Harness, f Fixture) {
	f.Put(t, "a/1", nil)
	f.Put(t, "b/2", nil)
	seen := 0
	for _, err := range f.Bucket.List(t.Context(), "") {
		require.NoError(t, err)
		seen++
		break
	}
	require.Equal(t, 1, seen)
}

func testOddKeys(t *testing.T, h Harness, f Fixture) {
	keys := append([]string{
		"e1/region=EU north/at=2024-01-01T00:00:00Z/x",
		"e1/100%/50%25/a+b&c;d,e@f$g!h~i'(j)*",
		"e1/ünïcödé/日本/🙂",
		`e1/"quoted" <tag> [x]{y}|z^` + "`",
		"e1/.hidden/..twodots/three...",
		"e1/" + strings.Repeat("long", 60),
	}, h.OddKeys...)
	for i, key := range keys {
		data := Content(uint64(i), 10+i)
		s := Stage(t, f.Bucket, "e1", key, data)
		require.NoError(t, f.Bucket.Publish(t.Context(), s), "%q", key)
		require.Equal(t, data, Read(t, f.Bucket, key), "%q", key)
		o, err := f.Bucket.Stat(t.Context(), key)
		require.NoError(t, err, "%q", key)
		require.Equal(t, key, o.Key)
		require.Contains(t, Keys(t, f.Bucket, key), key)
		// What is staged under such a key can be found again.
		w, err := f.Bucket.Stage(t.Context(), "e1", key)
		require.NoError(t, err)
		_ = w // crashed
		require.NoError(t, f.Again(t).Discard(t.Context(), "e1", key, nil))
		clean(t, f)
	}
	require.ElementsMatch(t, keys, Keys(t, f.Bucket, ""))
}

func testRefusedKeys(t *testing.T, h Harness, f Fixture) {
	for _, key := range append([]string{"", "e1/" + strings.Repeat("k", 1_022), "e1/\xff\xfe"}, h.RefusedKeys...) {
		_, err := f.Bucket.Stat(t.Context(), key)
		requireCode(t, fault.Validation, err, "stat", key)
		_, err = f.Bucket.OpenAt(t.Context(), key, 0, -1, "")
		requireCode(t, fault.Validation, err, "open", key)
		_, err = f.Bucket.Stage(t.Context(), "e1", key)
		requireCode(t, fault.Validation, err, "stage", key)
	}
	clean(t, f)
}

func testStat(t *testing.T, _ Harness, f Fixture) {
	f.Put(t, "in/x", []byte("12345"))
	o, err := f.Bucket.Stat(t.Context(), "in/x")
	require.NoError(t, err)
	require.Equal(t, "in/x", o.Key)
	require.EqualValues(t, 5, o.Size)
	require.NotEmpty(t, o.ETag)
	require.False(t, o.ModTime.IsZero())
	for l, err := range f.Bucket.List(t.Context(), "in/") {
		require.NoError(t, err)
		require.Equal(t, o.ETag, l.ETag)
		require.Equal(t, o.Size, l.Size)
		// The head of an object tells whole seconds in S3, its listing may tell more.
		require.Equal(t, o.ModTime.Unix(), l.ModTime.Unix())
	}
}

func testRanges(t *testing.T, _ Harness, f Fixture) {
	data := Content(7, 100_000)
	f.Put(t, "in/x", data)
	o, err := f.Bucket.Stat(t.Context(), "in/x")
	require.NoError(t, err)
	for _, c := range []struct{ offset, length int64 }{
		{0, -1}, {0, 0}, {0, 1}, {0, 100_000}, {0, 200_000}, {1, -1}, {99_999, -1}, {99_999, 1}, {99_999, 10},
		{100_000, -1}, {100_000, 5}, {200_000, -1}, {200_000, 1}, {5_000, 60_000}, {5_000, 0},
	} {
		for _, etag := range []string{"", o.ETag} {
			r, err := f.Bucket.OpenAt(t.Context(), "in/x", c.offset, c.length, etag)
			require.NoError(t, err, "%+v", c)
			got, err := io.ReadAll(r)
			require.NoError(t, err, "%+v", c)
			require.NoError(t, r.Close())
			want := data[min(c.offset, o.Size):]
			if c.length >= 0 {
				want = want[:min(c.length, int64(len(want)))]
			}
			require.True(t, bytes.Equal(want, got), "%+v: %d bytes instead of %d", c, len(got), len(want))
		}
	}
	_, err = f.Bucket.OpenAt(t.Context(), "in/x", -1, -1, "")
	requireCode(t, fault.Validation, err)
	f.Put(t, "in/empty", nil)
	require.Empty(t, Read(t, f.Bucket, "in/empty"))
}

func testChanged(t *testing.T, _ Harness, f Fixture) {
	f.Put(t, "in/x", []byte("before"))
	o, err := f.Bucket.Stat(t.Context(), "in/x")
	require.NoError(t, err)
	f.Put(t, "in/x", []byte("after!"))
	for _, length := range []int64{-1, 0, 3} {
		_, err = f.Bucket.OpenAt(t.Context(), "in/x", 0, length, o.ETag)
		requireCode(t, fault.Conflict, err)
		require.ErrorContains(t, err, "in/x")
	}
	require.Equal(t, "after!", string(Read(t, f.Bucket, "in/x")))
}

func testMissing(t *testing.T, _ Harness, f Fixture) {
	f.Put(t, "in/folder/x", []byte("x"))
	for _, key := range []string{"in/none", "none", "in/folder", "in/folder/x/y"} {
		_, err := f.Bucket.Stat(t.Context(), key)
		requireCode(t, fault.NotFound, err, "stat", key)
		for _, length := range []int64{-1, 0, 3} {
			_, err = f.Bucket.OpenAt(t.Context(), key, 0, length, "")
			requireCode(t, fault.NotFound, err, "open", key)
		}
	}
}

func testPublish(t *testing.T, h Harness, f Fixture) {
	data := Content(1, h.ManyBytes)
	s := Stage(t, f.Bucket, "e1", "out/f/e1/part-0", data)
	require.Equal(t, blob.SumOf(data), s.Sum)
	require.Empty(t, Keys(t, f.Bucket, ""), "staged bytes are visible")
	_, err := f.Bucket.Stat(t.Context(), s.Key)
	requireCode(t, fault.NotFound, err)
	require.NotEmpty(t, f.Traces(t))

	require.NoError(t, f.Bucket.Publish(t.Context(), s))
	require.Equal(t, []string{s.Key}, Keys(t, f.Bucket, ""))
	require.True(t, bytes.Equal(data, Read(t, f.Bucket, s.Key)))
	clean(t, f)
}

func testPublishAgain(t *testing.T, h Harness, f Fixture) {
	data := Content(2, h.ManyBytes)
	s := Stage(t, f.Bucket, "e1", "out/f/e1/part-0", data)
	for range 3 {
		require.NoError(t, f.Bucket.Publish(t.Context(), s))
		require.NoError(t, f.Again(t).Publish(t.Context(), s))
	}
	require.NoError(t, f.Bucket.Discard(t.Context(), "e1", "out/", nil))
	require.NoError(t, f.Bucket.Publish(t.Context(), s), "publishing again after the owner has tidied up")
	require.True(t, bytes.Equal(data, Read(t, f.Bucket, s.Key)))
	clean(t, f)
}

func testPublishElsewhere(t *testing.T, _ Harness, f Fixture) {
	proof, err := json.Marshal(Stage(t, f.Bucket, "e1", "out/f/e1/part-0", []byte("kept as plain data")))
	require.NoError(t, err)
	var s blob.Staged
	require.NoError(t, json.Unmarshal(proof, &s))
	require.NoError(t, f.Again(t).Publish(t.Context(), s))
	require.Equal(t, "kept as plain data", string(Read(t, f.Bucket, s.Key)))
	clean(t, f)
}

func testReplace(t *testing.T, _ Harness, f Fixture) {
	f.Put(t, "out/e1", []byte("old"))
	before, err := f.Bucket.Stat(t.Context(), "out/e1")
	require.NoError(t, err)
	require.NoError(t, f.Bucket.Publish(t.Context(), Stage(t, f.Bucket, "e1", "out/e1", []byte("new"))))
	require.Equal(t, "new", string(Read(t, f.Bucket, "out/e1")))
	after, err := f.Bucket.Stat(t.Context(), "out/e1")
	require.NoError(t, err)
	require.NotEqual(t, before.ETag, after.ETag)
}

func testPublishGone(t *testing.T, _ Harness, f Fixture) {
	s := Stage(t, f.Bucket, "e1", "out/f/e1/part-0", []byte("12345"))
	require.NoError(t, f.Bucket.Discard(t.Context(), "e1", "", nil))
	requireCode(t, fault.NotFound, f.Bucket.Publish(t.Context(), s))
	f.Put(t, s.Key, []byte("67890")) // of the same size
	requireCode(t, fault.NotFound, f.Bucket.Publish(t.Context(), s))
	f.Put(t, s.Key, []byte("12345"))
	require.NoError(t, f.Bucket.Publish(t.Context(), s), "the key holds what was staged")
	clean(t, f)
}

func testOwner(t *testing.T, _ Harness, f Fixture) {
	for _, owner := range []string{"e2", "", ".", "..", "a/b", "e"} {
		_, err := f.Bucket.Stage(t.Context(), owner, "out/e1/part-0")
		requireCode(t, fault.Validation, err, "owner", owner)
		err = f.Bucket.Publish(t.Context(), blob.Staged{Owner: owner, Key: "out/e1/part-0", Upload: "x"})
		requireCode(t, fault.Validation, err, "owner", owner)
	}
	for _, owner := range []string{"", ".", "..", "a/b"} {
		requireCode(t, fault.Validation, f.Bucket.Discard(t.Context(), owner, "", nil), "owner", owner)
	}
	clean(t, f)
}

func testSizes(t *testing.T, h Harness, f Fixture) {
	for _, size := range []int{0, 1, h.ManyBytes - 1, h.ManyBytes, 2*h.ManyBytes + 1} {
		if size == 0 && h.RefusesEmpty {
			continue
		}
		data := Content(uint64(size), size)
		s := Stage(t, f.Bucket, "e1", fmt.Sprintf("out/e1/%d", size), data)
		require.NoError(t, f.Bucket.Publish(t.Context(), s))
		require.True(t, bytes.Equal(data, Read(t, f.Bucket, s.Key)), "size %d", size)
	}
	clean(t, f)
}

func testAbort(t *testing.T, h Harness, f Fixture) {
	w, err := f.Bucket.Stage(t.Context(), "e1", "out/e1/part-0")
	require.NoError(t, err)
	_, err = w.Write(Content(3, h.ManyBytes))
	require.NoError(t, err)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, w.Abort(ended), "a canceled caller can abort")
	require.NoError(t, w.Abort(t.Context()))
	_, err = w.Write([]byte("x"))
	require.Error(t, err)
	_, err = w.Finish(t.Context())
	require.Error(t, err)
	require.Empty(t, Keys(t, f.Bucket, ""))
	clean(t, f)

	w, err = f.Bucket.Stage(t.Context(), "e1", "out/e1/part-1")
	require.NoError(t, err)
	_, err = w.Write([]byte("x"))
	require.NoError(t, err)
	s, err := w.Finish(t.Context())
	require.NoError(t, err)
	require.NoError(t, w.Abort(t.Context()), "a no-op after Finish")
	require.NoError(t, f.Bucket.Publish(t.Context(), s))
}

func testDiscardCrash(t *testing.T, h Harness, f Fixture) {
	dead := f.Again(t)
	begun, err := dead.Stage(t.Context(), "e1", "out/f/e1/begun") // crashed at once
	require.NoError(t, err)
	require.NotNil(t, begun)
	half, err := dead.Stage(t.Context(), "e1", "out/f/e1/half") // crashed in the middle
	require.NoError(t, err)
	_, err = half.Write(Content(4, h.ManyBytes))
	require.NoError(t, err)
	Stage(t, dead, "e1", "out/f/e1/done", []byte("crashed before the receipt was kept"))

	require.NoError(t, f.Bucket.Discard(t.Context(), "e1", "out/f/", nil))
	if traces := f.Traces(t); len(traces) > 0 {
		// A part that was on its way when the upload was aborted may arrive after it; S3 asks to abort again then.
		require.NoError(t, f.Bucket.Discard(t.Context(), "e1", "out/f/", nil))
	}
	clean(t, f)
	require.Empty(t, Keys(t, f.Bucket, ""))
}

func testDiscardKeeps(t *testing.T, _ Harness, f Fixture) {
	mine := Stage(t, f.Bucket, "e1", "out/f/e1/a", []byte("mine"))
	same := Stage(t, f.Bucket, "e1", "out/f/e1/a", []byte("of the same key"))
	elsewhere := Stage(t, f.Bucket, "e1", "out/g/e1/a", []byte("elsewhere"))
	theirs := Stage(t, f.Bucket, "e10", "out/f/e10/a", []byte("theirs"))
	published := Stage(t, f.Bucket, "e1", "out/f/e1/b", []byte("published"))
	require.NoError(t, f.Bucket.Publish(t.Context(), published))

	require.NoError(t, f.Bucket.Discard(t.Context(), "e1", "out/f/", []blob.Staged{mine, published}))
	requireCode(t, fault.NotFound, f.Bucket.Publish(t.Context(), same))
	for _, s := range []blob.Staged{mine, elsewhere, theirs, published} {
		require.NoError(t, f.Bucket.Publish(t.Context(), s), "%+v", s)
	}
	require.Equal(t, []string{"out/f/e1/a", "out/f/e1/b", "out/f/e10/a", "out/g/e1/a"}, Keys(t, f.Bucket, ""))
	require.Equal(t, "mine", string(Read(t, f.Bucket, "out/f/e1/a")))
	clean(t, f)
}

func testDiscardAgain(t *testing.T, _ Harness, f Fixture) {
	require.NoError(t, f.Bucket.Discard(t.Context(), "e1", "", nil), "of nothing")
	for range 3 {
		Stage(t, f.Bucket, "e1", "out/e1/a", []byte("x"))
	}
	for range 3 {
		require.NoError(t, f.Bucket.Discard(t.Context(), "e1", "out/e1/", nil))
		clean(t, f)
	}
}

func testCanceled(t *testing.T, _ Harness, f Fixture) {
	f.Put(t, "in/x", []byte("x"))
	s := Stage(t, f.Bucket, "e1", "out/e1/a", []byte("x"))
	ctx, cancel := context.WithCancel(t.Context())
	r, err := f.Bucket.OpenAt(ctx, "in/x", 0, -1, "")
	require.NoError(t, err)
	defer r.Close()
	w, err := f.Bucket.Stage(ctx, "e1", "out/e1/b")
	require.NoError(t, err)
	cancel()

	_, err = r.Read(make([]byte, 1))
	requireCode(t, fault.Canceled, err, "read")
	_, err = w.Write([]byte("x"))
	requireCode(t, fault.Canceled, err, "write")
	_, err = w.Finish(ctx)
	requireCode(t, fault.Canceled, err, "finish")
	for _, err := range f.Bucket.List(ctx, "") {
		requireCode(t, fault.Canceled, err, "list")
	}
	_, err = f.Bucket.Stat(ctx, "in/x")
	requireCode(t, fault.Canceled, err, "stat")
	_, err = f.Bucket.OpenAt(ctx, "in/x", 0, -1, "")
	requireCode(t, fault.Canceled, err, "open")
	_, err = f.Bucket.Stage(ctx, "e1", "out/e1/c")
	requireCode(t, fault.Canceled, err, "stage")
	requireCode(t, fault.Canceled, f.Bucket.Publish(ctx, s), "publish")
	requireCode(t, fault.Canceled, f.Bucket.Discard(ctx, "e1", "", nil), "discard")
	requireCode(t, fault.Canceled, f.Bucket.Check(ctx), "check")
	require.ErrorIs(t, f.Bucket.Check(ctx), context.Canceled)

	require.NoError(t, f.Bucket.Publish(t.Context(), s), "nothing happened to what was staged")
	clean(t, f)
}

func testConcurrent(t *testing.T, _ Harness, f Fixture) {
	const writers, rounds = 8, 5
	done := make(chan error, writers)
	for i := range writers {
		go func() {
			done <- func() error {
				owner := fmt.Sprintf("e%d", i)
				for n := range rounds {
					data := Content(uint64(i*rounds+n), 50_000)
					w, err := f.Bucket.Stage(t.Context(), owner, fmt.Sprintf("out/f/%d/%s", n, owner))
					if err != nil {
						return err
					}
					if _, err := w.Write(data); err != nil {
						return err
					}
					s, err := w.Finish(t.Context())
					if err != nil {
						return err
					}
					if n%2 == 1 {
						err = f.Bucket.Discard(t.Context(), owner, "out/", nil)
					} else {
						err = f.Bucket.Publish(t.Context(), s)
					}
					if err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range writers {
		require.NoError(t, <-done)
	}
	require.Len(t, Keys(t, f.Bucket, ""), writers*(rounds+1)/2)
	clean(t, f)
}
