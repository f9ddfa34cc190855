// Package formattest makes test data for the formats: files in memory, and tables of the kind that customer software
// exports. It is used by tests and benchmarks only.
package formattest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"strconv"

	"weir.dev/weir/format"
)

// File is a stored file in memory.
type File struct {
	Label string
	Data  []byte
	// Torn, when not zero, is how many bytes at most one Read gives, as from a slow network.
	Torn int
}

var _ format.Input = File{}

// Name implements format.Input.
func (f File) Name() string { return f.Label }

// Size implements format.Input.
func (f File) Size() int64 { return int64(len(f.Data)) }

// OpenAt implements format.Input.
func (f File) OpenAt(_ context.Context, offset, length int64) (io.ReadCloser, error) {
	data := f.Data[min(offset, int64(len(f.Data))):]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	var r io.Reader = bytes.NewReader(data)
	if f.Torn > 0 {
		r = torn{r, f.Torn}
	}
	return io.NopCloser(r), nil
}

type torn struct {
	r   io.Reader
	max int
}

func (t torn) Read(p []byte) (int, error) { return t.r.Read(p[:min(len(p), t.max)]) }

// CRM is a table of contacts, about 250 bytes a row as CSV: short ids, names in several alphabets, quoted addresses with
// commas, notes with newlines and quotes, dates, numbers, and many empty cells. The same seed and number of rows always
// give the same table. Rows of a longer table begin with those of a shorter one.
type CRM struct {
	Seed uint64
	Rows int
}

// CRMColumns are the names of its 20 columns.
var CRMColumns = []string{
	"id", "external_id", "first_name", "last_name", "email", "phone", "company", "title", "street", "city",
	"postal_code", "country", "created_at", "birth_date", "amount", "score", "is_active", "owner_id", "notes", "website",
}

// crmBare are the columns that are not strings in JSON: numbers and booleans.
var crmBare = [20]bool{0: true, 14: true, 15: true, 16: true}

var (
	crmFirst   = []string{"Anna", "José", "Li", "Mehmet", "Søren", "Olga", "Priya", "Jean-Luc", "Zoë", "Иван", "美咲", "Emma", "Noah", "Liam", "Olivia", "Mary"}
	crmLast    = []string{"Miller", "García", "Wang", "Yılmaz", "Jørgensen", "Kuznetsova", "O'Neill", "Smith", "Müller-Lüdenscheidt", "Tanaka", "Brown", "Dubois"}
	crmCompany = []string{"Acme", "Globex Corporation", "Initech", "Umbrella, Inc.", "Stark Industries", "Hooli", `The "Best" Bakery`, "Wayne Enterprises", "Soylent"}
	crmTitle   = []string{"Engineer", "Vice President, Sales", "CEO", "Account Manager", "", "Head of Procurement", "Analyst"}
	crmCity    = []string{"Berlin", "São Paulo", "New York", "Tokyo", "Paris", "København", "Istanbul", "London", "Málaga", "Roma", "Warszawa", "Zürich", "Wien", "Oslo", "Göteborg", "Lisboa", "Kyiv", "Mumbai", "Sydney", "Toronto", "Ciudad de México", "Seoul"}
	crmCountry = []string{"DE", "BR", "US", "JP", "FR", "DK", "TR", "GB", "ES", "IT", "PL", "CH", "AT", "NO", "SE", "PT", "UA", "IN", "AU", "CA", "MX", "KR"}
	crmStreet  = []string{"Main Street", "Hauptstraße", "Rue de la Paix", "Long Winding Road", "5th Avenue"}
	crmNotes   = []string{"called twice, will call back", "prefers e-mail", "line one\nline two", `said "maybe"`, "renewal due in the third quarter; ask for the new contact"}
)

// WriteCSV writes the table as CSV with a header.
func (t CRM) WriteCSV(w io.Writer) error {
	var head []byte
	for i, name := range CRMColumns {
		if i > 0 {
			head = append(head, ',')
		}
		head = append(head, name...)
	}
	return t.write(w, append(head, '\n'), func(dst []byte, cells *[20][]byte) []byte {
		for i, cell := range cells {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendCSV(dst, cell)
		}
		return append(dst, '\n')
	})
}

// WriteJSON writes the table as JSON lines of flat objects. Empty cells are null.
func (t CRM) WriteJSON(w io.Writer) error {
	return t.write(w, nil, func(dst []byte, cells *[20][]byte) []byte {
		for i, cell := range cells {
			dst = append(dst, "{,"[min(i, 1)], '"')
			dst = append(append(dst, CRMColumns[i]...), '"', ':')
			dst = appendJSON(dst, i, cell)
		}
		return append(dst, '}', '\n')
	})
}

// crmNested is the text before each value of a nested row, and the value's column.
var crmNested = [20]struct {
	before string
	column int
}{
	{`{"id":`, 0}, {`,"external_id":`, 1},
	{`,"name":{"first":`, 2}, {`,"last":`, 3}, {`},"title":`, 7},
	{`,"contact":{"email":`, 4}, {`,"phone":`, 5},
	{`},"address":{"street":`, 8}, {`,"city":`, 9}, {`,"postal_code":`, 10}, {`,"country":`, 11},
	{`},"account":{"name":`, 6}, {`,"website":`, 19}, {`,"owner_id":`, 17}, {`,"deal":{"amount":`, 14}, {`,"score":`, 15},
	{`}},"created_at":`, 12}, {`,"birth_date":`, 13}, {`,"is_active":`, 16}, {`,"notes":`, 18},
}

// WriteNestedJSON writes the table as JSON lines the way customer software exports them: thirteen of the columns are members
// of objects (name, contact, address and account), two of these one level deeper (account.deal). Empty cells are null.
func (t CRM) WriteNestedJSON(w io.Writer) error {
	return t.write(w, nil, func(dst []byte, cells *[20][]byte) []byte {
		for _, m := range crmNested {
			dst = appendJSON(append(dst, m.before...), m.column, cells[m.column])
		}
		return append(dst, '}', '\n')
	})
}

func appendJSON(dst []byte, column int, cell []byte) []byte {
	switch {
	case len(cell) == 0:
		return append(dst, "null"...)
	case crmBare[column]:
		return append(dst, cell...)
	}
	text, _ := json.Marshal(string(cell)) // a string has no way to fail
	return append(dst, text...)
}

func (t CRM) write(w io.Writer, head []byte, row func([]byte, *[20][]byte) []byte) error {
	rnd := rand.New(rand.NewPCG(t.Seed, 20))
	out := append(make([]byte, 0, 1<<20), head...)
	var cells [20][]byte
	for i := range t.Rows {
		crmRow(rnd, i, &cells)
		out = row(out, &cells)
		if len(out) > 1<<20-64<<10 {
			if _, err := w.Write(out); err != nil {
				return err
			}
			out = out[:0]
		}
	}
	_, err := w.Write(out)
	return err
}

func crmRow(rnd *rand.Rand, i int, cells *[20][]byte) {
	for c := range cells {
		cells[c] = cells[c][:0]
	}
	set := func(c int, parts ...string) {
		for _, p := range parts {
			cells[c] = append(cells[c], p...)
		}
	}
	number := func(c int, n int64) { cells[c] = strconv.AppendInt(cells[c], n, 10) }
	pick := func(from []string) string { return from[rnd.IntN(len(from))] }
	id := int64(i) + 1
	place := rnd.IntN(len(crmCity))
	first, last := pick(crmFirst), pick(crmLast)
	number(0, id)
	set(1, "003Kj00000")
	cells[1] = appendBase36(cells[1], rnd.Uint64(), 8)
	set(2, first)
	set(3, last)
	set(4, "user.")
	number(4, id)
	set(4, "@", [...]string{"example.com", "mail.example.org", "corp.example.net"}[rnd.IntN(3)])
	if rnd.IntN(4) > 0 {
		set(5, "+49 30 ")
		number(5, 1_000_000+rnd.Int64N(9_000_000))
	}
	set(6, pick(crmCompany))
	set(7, pick(crmTitle))
	number(8, 1+rnd.Int64N(400))
	set(8, " ", pick(crmStreet))
	if rnd.IntN(2) == 0 {
		set(8, ", Floor ")
		number(8, rnd.Int64N(30))
	}
	set(9, crmCity[place])
	number(10, 10_000+rnd.Int64N(89_999))
	set(11, crmCountry[place])
	crmDate(rnd, &cells[12], 2015, 10)
	set(12, "T")
	for k, limit := range [...]int{24, 60, 60} {
		if k > 0 {
			set(12, ":")
		}
		cells[12] = appendTwo(cells[12], rnd.IntN(limit))
	}
	set(12, ".000Z")
	if rnd.IntN(5) > 0 {
		crmDate(rnd, &cells[13], 1950, 55)
	}
	number(14, rnd.Int64N(100_000))
	set(14, ".")
	cells[14] = appendTwo(cells[14], rnd.IntN(100))
	cells[15] = strconv.AppendFloat(cells[15], float64(rnd.IntN(1_000_000))/1e6, 'f', -1, 64)
	set(16, strconv.FormatBool(rnd.IntN(3) > 0))
	set(17, "005Kj00000")
	cells[17] = appendBase36(cells[17], uint64(rnd.IntN(500)), 8)
	if rnd.IntN(3) == 0 {
		set(18, pick(crmNotes))
	}
	if rnd.IntN(2) == 0 {
		set(19, "https://www.example.com/c/")
		number(19, rnd.Int64N(1_000_000))
	}
}

func crmDate(rnd *rand.Rand, cell *[]byte, year, years int) {
	*cell = strconv.AppendInt(*cell, int64(year+rnd.IntN(years)), 10)
	*cell = appendTwo(append(*cell, '-'), 1+rnd.IntN(12))
	*cell = appendTwo(append(*cell, '-'), 1+rnd.IntN(28))
}

func appendTwo(dst []byte, n int) []byte { return append(dst, byte('0'+n/10), byte('0'+n%10)) }

func appendBase36(dst []byte, n uint64, width int) []byte {
	for range width {
		dst = append(dst, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[n%36])
		n /= 36
	}
	return dst
}

func appendCSV(dst, cell []byte) []byte {
	if !bytes.ContainsAny(cell, "\",\r\n") {
		return append(dst, cell...)
	}
	dst = append(dst, '"')
	for _, c := range cell {
		if c == '"' {
			dst = append(dst, '"')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}
