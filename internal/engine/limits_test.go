package engine

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/flow"
	"weir.dev/weir/format/formattest"
)

func TestRun_TargetSizeIsMetWithinTenPercent(t *testing.T) {
	t.Parallel()
	files := crmFiles(t, 80_000) // 20 MB, ten times
	for len(files) < 10 {
		files = append(files, files[0])
	}
	for _, typ := range []flow.FileType{flow.FileCSV, flow.FileJSON, flow.FileParquet} {
		t.Run(string(typ), func(t *testing.T) {
			t.Parallel()
			const targetSize = 5 << 20
			p := crmPlan(flow.FileOutput{Type: typ, TargetFileSize: targetSize})
			p.Source.Read.ChunkBytes = 0
			pool := &batch.Pool{}
			hooks := &ledger{t: t}
			target := connector.Target{Bucket: nowhere{}, Output: *p.Dest.Files}
			totals, err := New(Options{Threads: 2, Pool: pool, TempDir: t.TempDir()}).Run(t.Context(),
				Transfer{Plan: p, Source: &filesSource{files: files, pool: pool}, Target: &target}, hooks)
			require.NoError(t, err)
			require.EqualValues(t, 800_000, totals.Written)
			require.Greater(t, len(hooks.receipts), 5)
			for _, r := range hooks.receipts[:len(hooks.receipts)-1] {
				require.InEpsilon(t, targetSize, r.Bytes, 0.1)
			}
		})
	}
}

func TestRun_TenThousandPartitionsWithinTheBudget(t *testing.T) {
	t.Parallel()
	const memory = 32 << 20
	var file bytes.Buffer
	file.WriteString(strings.Join(formattest.CRMColumns, ",") + "\n")
	for i := range 100_000 {
		for c := range formattest.CRMColumns {
			if c > 0 {
				file.WriteByte(',')
			}
			file.WriteString(strconv.Itoa(i % 10_000)) // each value of every column makes a partition
			file.WriteString([]string{"", " and some text behind it"}[c%2])
		}
		file.WriteByte('\n')
	}
	for _, typ := range []flow.FileType{flow.FileJSON, flow.FileParquet} {
		p := crmPlan(flow.FileOutput{Type: typ, SingleFile: true}, partitionKey)
		p.Source.Read.ChunkBytes = 1 << 20
		pool := &batch.Pool{}
		var most int64
		source := &filesSource{files: []formattest.File{{Label: "many.csv", Data: file.Bytes()}}, pool: pool}
		source.decoding = func(int) { most = max(most, pool.InUse()) }
		hooks := &ledger{t: t}
		target := connector.Target{Bucket: nowhere{}, Output: *p.Dest.Files}
		totals, err := New(Options{Threads: 1, Memory: memory, Pool: pool, TempDir: t.TempDir()}).Run(t.Context(),
			Transfer{Plan: p, Source: source, Target: &target}, hooks)
		require.NoError(t, err)
		require.EqualValues(t, 100_000, totals.Written)
		require.Len(t, hooks.receipts, 10_000)
		require.Less(t, most, int64(memory*5/4))
		require.Zero(t, pool.InUse())
	}
}

func TestRun_ReportsProgressAtMostTenTimesASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, outputs["one CSV file"](), crmFiles(t, 3000), Options{Threads: 1})
		r.ledger.now = time.Now
		r.source.decoding = func(int) { <-time.After(30 * time.Millisecond) }
		start := time.Now()
		_, err := r.run(t.Context())
		require.NoError(t, err)
		require.Greater(t, len(r.ledger.progress), 2)
		for i := 1; i < len(r.ledger.progress); i++ {
			require.GreaterOrEqual(t, r.ledger.progress[i].Sub(r.ledger.progress[i-1]), progressEvery)
		}
		require.LessOrEqual(t, len(r.ledger.progress), 1+int(time.Since(start)/progressEvery))
	})
}
