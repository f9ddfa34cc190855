package salesforce

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/format"
	"weir.dev/weir/format/csv"
)

// pieces cuts a page of results. An answer that does not hold what its header says was torn on its way.
func (p *pages) pieces(a *rest.Answer) (list []*page, end place, err error) {
	torn := func(text string) error {
		return fault.Temporary(fault.ConnectorServer, nil, "the answer is no page of results: %s", text)
	}
	want, err := strconv.ParseInt(a.Header.Get("Sforce-NumberOfRecords"), 10, 64)
	if err != nil || want < 0 {
		return nil, place{}, torn("it does not say how many records it holds")
	}
	locator := a.Header.Get("Sforce-Locator")
	if locator == "null" {
		locator = ""
	}
	if locator != "" && locator == p.at.Next {
		return nil, place{}, fault.New(fault.ConnectorServer, "the answer leads back to itself")
	}
	text := bytes.ReplaceAll(a.Body, []byte{0}, nil)
	list, got, err := p.cut(text)
	if err == nil && got != want {
		err = torn("it holds " + strconv.FormatInt(got, 10) + " records, not " + strconv.FormatInt(want, 10))
	}
	if err != nil {
		drop(list)
		return nil, place{}, err
	}
	end = p.behind(locator, len(text), want)
	if n := len(list); n > 0 {
		end.Records, end.Span.After = list[n-1].end.Records, list[n-1].end.Span.After
		if end.Job == "" {
			end.Span.After = "" // all ids before the next job's are done with
		}
		list[n-1].end = end
	} else if end.Job == "" {
		end.Span.After = ""
	}
	return list, end, nil
}

// behind is the place behind a page: at the next one, or behind the job.
func (p *pages) behind(locator string, size int, records int64) place {
	end := p.at
	end.In = format.Position{}
	if locator != "" {
		end.Next = locator
		if records > 0 {
			end.Size = min(max(int(int64(resultBytes)*records/int64(size)), leastRecords), mostRecords)
		}
		return end
	}
	end.Job, end.Next, end.Size = "", "", 0
	end.IsDone = p.at.To == p.at.Span.To
	end.Span.From, end.To = p.at.To, ""
	return end
}

// cut cuts the text of a page at record boundaries, behind what has been read of it before, and counts all its records.
func (p *pages) cut(text []byte) (list []*page, records int64, err error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, 0, nil
	}
	in := held{p.slice.Object, text}
	columns, err := p.header(in)
	if err != nil {
		return nil, 0, err
	}
	// What is read is in memory: there is nothing that a context could end.
	r, err := csv.NewReader(context.Background(), in, format.ReadOptions{Columns: columns, From: p.at.In, ChunkBytes: p.chunkBytes, Pool: p.c.pool})
	if err != nil {
		return nil, 0, fault.Temporary(fault.ConnectorServer, err, "reading the results")
	}
	defer r.Close()
	begin, end := p.at.In.Offset, p.at
	for records = p.at.In.Record; ; {
		c, err := r.Next(context.Background())
		if errors.Is(err, io.EOF) {
			return list, records, nil
		}
		if err != nil {
			return list, 0, fault.Temporary(fault.ConnectorServer, err, "reading the results")
		}
		n := c.End().Record - records
		f := &page{of: p, chunk: c, first: end.Records + 1, count: int(n), bytes: c.Bytes()}
		list = append(list, f)
		records += n
		end.Records += n
		end.In = c.End()
		if p.q.isKeyed && n > 0 {
			end.Span.After = firstCell(lastRecord(text[begin:end.In.Offset]))
			if !idText.MatchString(end.Span.After) {
				return list, 0, fault.New(fault.ConnectorServer, "record %d of the results has no id", records)
			}
		}
		begin, f.end = end.In.Offset, end
	}
}

// header holds the first line against what was asked for: columns come in that order, and in Salesforce's spelling.
func (p *pages) header(in held) ([]format.ReadColumn, error) {
	names, err := csv.ReadHeader(context.Background(), in)
	if err != nil || !slices.EqualFunc(names, p.q.columns, strings.EqualFold) {
		return nil, fault.Temporary(fault.ConnectorServer, err, "the results do not have the columns that were asked for")
	}
	fields := p.plan.Fields()
	columns := make([]format.ReadColumn, len(fields))
	for i, f := range fields {
		at := slices.IndexFunc(names, func(name string) bool { return strings.EqualFold(name, f) })
		if at < 0 {
			return nil, fault.New(fault.Internal, "reading %q: %q was not asked for", p.slice.Object, f)
		}
		columns[i].Name = names[at]
	}
	return columns, nil
}

// held is a file in memory.
type held struct {
	name string
	text []byte
}

// Name implements [format.Input].
func (h held) Name() string { return h.name }

// Size implements [format.Input].
func (h held) Size() int64 { return int64(len(h.text)) }

// OpenAt implements [format.Input].
func (h held) OpenAt(_ context.Context, offset, length int64) (io.ReadCloser, error) {
	rest := h.text[min(max(offset, 0), int64(len(h.text))):]
	if length >= 0 && length < int64(len(rest)) {
		rest = rest[:length]
	}
	return io.NopCloser(bytes.NewReader(rest)), nil
}

// lastRecord is the last record of CSV that ends with one. A newline ends a record when the quotes before it are even.
func lastRecord(text []byte) []byte {
	text = bytes.TrimSuffix(text, []byte("\n"))
	quotes := bytes.Count(text, []byte(`"`))
	for end := len(text); ; {
		at := bytes.LastIndexByte(text[:end], '\n')
		if at < 0 {
			return text
		}
		quotes -= bytes.Count(text[at:end], []byte(`"`))
		if quotes%2 == 0 {
			return text[at+1:]
		}
		end = at
	}
}

// firstCell is a record's first cell, which holds no quote.
func firstCell(record []byte) string {
	cell, _, _ := bytes.Cut(record, []byte(","))
	return strings.Trim(string(cell), "\"\r")
}
