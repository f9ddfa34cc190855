package fake

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// finished finds a job whose results may be read; mu is held.
func (c *call) finished() *queryJob {
	j := c.job()
	switch {
	case j == nil:
		return nil
	case j.version != c.version:
		c.fail(http.StatusConflict, "API_VERSION_MISMATCH", "Job "+j.id+" was created with another version of the API: "+j.version)
	case j.state != stateComplete:
		c.fail(http.StatusPreconditionFailed, "JOB_NOT_COMPLETE", "Job "+j.id+" is not complete: its state is "+j.state)
	default:
		return j
	}
	return nil
}

// chunk is how many rows are rendered at once, so that other calls get their turn.
const chunk = 2000

func (c *call) queryResults() {
	o := c.o
	q := c.r.URL.Query()
	o.mu.Lock()
	j := c.finished()
	o.mu.Unlock()
	if j == nil {
		return
	}
	size := o.opts.BulkPageSize
	if q.Has("maxRecords") {
		n, err := strconv.Atoi(q.Get("maxRecords"))
		if err != nil || n < 1 {
			c.fail(http.StatusBadRequest, "INVALID_PARAMETER", "maxRecords must be a whole number above 0")
			return
		}
		size = n
	}
	from, ok := readLocator(q.Get("locator"))
	if !ok || from > len(j.rows) {
		c.fail(http.StatusBadRequest, "INVALID_LOCATOR", "Invalid locator: "+q.Get("locator"))
		return
	}
	to := min(from+size, len(j.rows))
	next := "null"
	if to < len(j.rows) {
		next = locator(to)
	}
	h := c.w.Header()
	h.Set("Content-Type", "text/csv; charset=UTF-8")
	h.Set("Sforce-Locator", next)
	h.Set("Sforce-NumberOfRecords", strconv.Itoa(to-from))
	c.writeCSV(j, j.rows[from:to])
}

func locator(at int) string { return base64.RawStdEncoding.EncodeToString([]byte(strconv.Itoa(at))) }

func readLocator(s string) (int, bool) {
	if s == "" {
		return 0, true
	}
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil {
		return 0, false
	}
	n, err := strconv.Atoi(string(raw))
	return n, err == nil && n > 0
}

// writeCSV sends a header and rows. The lock is given up between chunks.
func (c *call) writeCSV(j *queryJob, rows []int32) {
	p := j.plan
	delimiter, ending := delimiters[j.delimiter], "\n"
	if j.ending == "CRLF" {
		ending = "\r\n"
	}
	out := make([]byte, 0, 64<<10)
	for i, col := range p.columns {
		if i > 0 {
			out = append(out, delimiter)
		}
		out = append(out, '"')
		out = append(out, strings.Join(col.names, ".")...)
		out = append(out, '"')
	}
	out = append(out, ending...)
	for len(rows) > 0 {
		n := min(chunk, len(rows))
		c.o.mu.Lock()
		for _, place := range rows[:n] {
			for i := range p.columns {
				if i > 0 {
					out = append(out, delimiter)
				}
				out = p.value(&p.columns[i], int(place)).appendCSV(out)
			}
			out = append(out, ending...)
		}
		c.o.mu.Unlock()
		rows = rows[n:]
		if _, err := c.w.Write(out); err != nil {
			return // the client has gone
		}
		out = out[:0]
	}
	_, _ = c.w.Write(out) // the header of an empty result
}

// resultPages lists up to five addresses of parts of the results.
func (c *call) resultPages() {
	o := c.o
	o.mu.Lock()
	j := c.finished()
	o.mu.Unlock()
	if j == nil {
		return
	}
	from, ok := readLocator(c.r.URL.Query().Get("nextLocator"))
	if !ok || from > len(j.rows) {
		c.fail(http.StatusBadRequest, "INVALID_LOCATOR", "Invalid locator")
		return
	}
	base := fmt.Sprintf("%s/jobs/query/%s/", c.base(), j.id)
	pages := []Record{}
	for len(pages) < 5 && (from < len(j.rows) || from == 0 && len(pages) == 0) {
		url := base + "results"
		if from > 0 {
			url += "?locator=" + locator(from)
		}
		pages = append(pages, Record{"resultUrl": url})
		from += o.opts.BulkPageSize
	}
	body := Record{"resultPages": pages, "done": from >= len(j.rows)}
	if from < len(j.rows) {
		body["nextRecordsUrl"] = base + "resultPages?nextLocator=" + locator(from)
	}
	c.answer(http.StatusOK, body)
}
