package parquet

import (
	"fmt"
	"math/rand/v2"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"weir.dev/weir/batch"
)

// crmNames are the columns that crmBatches makes: identifiers, names, addresses, codes, dates and free text in the
// proportions of an account export, about 250 bytes a row.
var crmNames = []string{"Id", "Name", "FirstName", "LastName", "Email", "Phone", "Street", "City", "State", "PostalCode",
	"Country", "Industry", "Status", "Amount", "Currency", "CreatedDate", "LastModifiedDate", "OwnerId", "Description", "IsActive"}

// crmBatches makes text batches whose cells point into row-major text, as a CSV parser leaves them.
func crmBatches(seed uint64, batches, rows int) []*batch.Batch {
	g := newCRM(seed)
	out := make([]*batch.Batch, batches)
	for i := range out {
		out[i] = g.batch(rows, int64(i*rows)+1)
	}
	return out
}

type crm struct {
	r     *rand.Rand
	words []string
}

func newCRM(seed uint64) *crm {
	g := &crm{r: rand.New(rand.NewPCG(seed, 7))}
	for range 2000 {
		g.words = append(g.words, g.word(2+g.r.IntN(9)))
	}
	return g
}

func (g *crm) word(n int) string {
	b := make([]byte, n)
	for i := range b {
		if i%2 == 0 {
			b[i] = "bcdfghklmnprstvw"[g.r.IntN(16)]
		} else {
			b[i] = "aeiou"[g.r.IntN(5)]
		}
	}
	return string(b)
}

func (g *crm) pick(from, n int) string { return g.words[from+g.r.IntN(n)] }

func (g *crm) id(prefix string) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	b := []byte(prefix)
	for len(b) < 18 {
		b = append(b, alphabet[g.r.IntN(62)])
	}
	return string(b)
}

// cell is the text of one cell; ok is false for null.
func (g *crm) cell(col int) (text string, ok bool) {
	r := g.r
	switch crmNames[col] {
	case "Id":
		return g.id("0015g00000"), true
	case "Name":
		return g.pick(0, 1500) + " " + g.pick(0, 1500) + " Holdings Ltd", true
	case "FirstName":
		return g.pick(0, 200), true
	case "LastName":
		return g.pick(200, 1000), true
	case "Email":
		return fmt.Sprintf("%s.%s%d@%s.example.com", g.pick(0, 200), g.pick(200, 1000), r.IntN(1000), g.pick(0, 50)), true
	case "Phone":
		return fmt.Sprintf("+46 %d %03d %02d %02d", 70+r.IntN(9), r.IntN(1000), r.IntN(100), r.IntN(100)), r.IntN(10) > 0
	case "Street":
		return fmt.Sprintf("%d %s Street", r.IntN(3000), g.pick(0, 900)), true
	case "City":
		return g.pick(300, 300), true
	case "State":
		return g.pick(700, 50), r.IntN(3) > 0
	case "PostalCode":
		return fmt.Sprintf("%05d", r.IntN(30000)), true
	case "Country":
		return g.pick(800, 30), true
	case "Industry":
		return "Sector: " + g.pick(900, 20), true
	case "Status":
		return [...]string{"Open", "Closed", "Prospecting", "Negotiation", "On hold"}[r.IntN(5)], true
	case "Amount":
		return fmt.Sprintf("%d.%02d", r.IntN(1_000_000), r.IntN(100)), true
	case "Currency":
		return [...]string{"EUR", "USD", "SEK", "GBP"}[r.IntN(4)], true
	case "CreatedDate", "LastModifiedDate":
		return fmt.Sprintf("20%02d-%02d-%02dT%02d:%02d:%02d.000Z", 18+r.IntN(7), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60)), true
	case "OwnerId":
		return "0055g00000" + g.words[r.IntN(500)] + "AAAAAAAA"[:1], true
	case "Description":
		s := ""
		for range 3 + r.IntN(6) {
			s += g.pick(0, 2000) + " "
		}
		return s, r.IntN(5) > 0
	default:
		return [...]string{"true", "false"}[r.IntN(2)], true
	}
}

func (g *crm) batch(rows int, first int64) *batch.Batch {
	type span struct {
		off, n int
		ok     bool
	}
	spans := make([]span, rows*len(crmNames))
	var text []byte
	for r := range rows {
		for c := range crmNames {
			s, ok := g.cell(c)
			spans[r*len(crmNames)+c] = span{len(text), len(s), ok}
			if ok {
				text = append(text, s...)
			}
			text = append(text, ',')
		}
	}
	buf := memory.NewBufferBytes(text)
	cols := make([]batch.Column, len(crmNames))
	for c, name := range crmNames {
		tb := batch.NewTextBuilder(batch.DefaultPool, rows)
		bi := tb.Buffer(buf)
		for r := range rows {
			if s := spans[r*len(crmNames)+c]; s.ok {
				tb.Set(r, bi, text, s.off, s.n)
			} else {
				tb.SetNull(r)
			}
		}
		cols[c] = tb.Build(name, batch.Text)
	}
	return batch.New(cols, rows, batch.Origin{Object: "accounts.csv", First: first})
}
