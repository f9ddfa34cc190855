package engine

import (
	"cmp"
	"context"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// maxGathered is the most memory of rows that wait for one write.
const maxGathered = 48 << 20

// gathered is the pages that go into one write: one, unless the writer prefers more. They stand for memory that never
// waits, so that fetching the pages that are still missing cannot wait for them.
//
// Which pages go together depends on the source, the writer and the engine's memory alone, never on time: a write that is
// repeated has the same rows.
type gathered struct {
	m      *mover
	w      connector.RowWriter
	all    connector.Gatherer // w, when it is one
	pages  []page
	rows   int64
	memory int64
	limit  int64
}

func newGathered(m *mover, w connector.RowWriter) gathered {
	g := gathered{m: m, w: w, limit: min(maxGathered, m.e.opts.Memory/8)}
	g.all, _ = w.(connector.Gatherer)
	return g
}

// add takes the page's rows over.
func (g *gathered) add(p *page) {
	mine := *p
	p.res.out, p.in = nil, nil
	p.land()
	mine.cost = 0
	bytes := sizeOf(mine.in, mine.res.out)
	g.m.share.Hold(bytes)
	g.memory += bytes
	g.rows += mine.res.rows
	g.pages = append(g.pages, mine)
}

// sizeOf is the bytes that batches keep in memory, those that they share counted once.
func sizeOf(batches ...*batch.Batch) (n int64) {
	seen := map[*memory.Buffer]bool{}
	for _, b := range batches {
		if b == nil {
			continue
		}
		for _, col := range b.Columns {
			for _, buf := range col.Data.Data().Buffers() {
				if buf != nil && !seen[buf] {
					seen[buf] = true
					n += int64(buf.Len())
				}
			}
		}
	}
	return n
}

// isEnough reports whether it is time to write.
func (g *gathered) isEnough() bool {
	return g.all == nil || g.rows >= int64(g.all.PreferredRows()) || g.memory >= g.limit
}

func (g *gathered) write(ctx context.Context, sequence int64) (connector.Receipt, []connector.Refusal, error) {
	batches := make([]*batch.Batch, 0, len(g.pages))
	for i := range g.pages {
		if out := g.pages[i].res.out; out != nil {
			batches = append(batches, out)
		}
	}
	if g.all != nil {
		return g.all.WriteAll(ctx, sequence, batches)
	}
	return g.w.Write(ctx, sequence, batches[0])
}

// drop gives everything back.
func (g *gathered) drop() {
	for i := range g.pages {
		g.pages[i].dispose()
	}
	g.m.share.Hold(-g.memory)
	clear(g.pages)
	g.pages, g.rows, g.memory = g.pages[:0], 0, 0
}

// sort puts refusals into the order of their rows. Each row may be named once.
func (g *gathered) sort(refusals []connector.Refusal) ([]connector.Refusal, error) {
	refusals = slices.Clone(refusals)
	slices.SortStableFunc(refusals, func(x, y connector.Refusal) int { return cmp.Compare(x.Row, y.Row) })
	for i, r := range refusals {
		if r.Row < 0 || int64(r.Row) >= g.rows || i > 0 && r.Row == refusals[i-1].Row {
			return nil, fault.New(fault.Internal, "the destination refused row %d of %d, which is none or was refused before", r.Row, g.rows)
		}
	}
	return refusals, nil
}

// countBelow is how many of the refusals, in order, are of the first rows.
func countBelow(refusals []connector.Refusal, rows int64) int {
	n := 0
	for n < len(refusals) && int64(refusals[n].Row) < rows {
		n++
	}
	return n
}

// shift counts the rows of refusals from a later one on.
func shift(refusals []connector.Refusal, rows int64) []connector.Refusal {
	for i := range refusals {
		refusals[i].Row -= int(rows)
	}
	return refusals
}
