package salesforce

import (
	"context"
	"strings"
)

// Ids are numbers to the base of 62 that rise with each record, behind three characters that name the object and a few
// that name the place where the record was made. So a table is divided by ids as a phone book by names; how many records
// fall between two ids only a count tells.

// bulkJobRecords is about how many records one job of the Bulk API is made for: as many as Salesforce itself takes at a
// time, or a few of them, so that the order by ids costs nothing.
const bulkJobRecords = 500_000

const idDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// idNumbers is how many characters of an id the number has.
const idNumbers = 12

// middle is the id halfway between two, of 15 characters; "" when there is none between them.
func middle(low, high string) string {
	a, b := low[3:15], high[3:15]
	// Digit by digit, from the left: half of the sum of both.
	digits := make([]int, idNumbers+1)
	for i := range idNumbers {
		digits[i+1] = strings.IndexByte(idDigits, a[i]) + strings.IndexByte(idDigits, b[i])
	}
	for i := idNumbers; i > 0; i-- {
		digits[i-1] += digits[i] / 62
		digits[i] %= 62
	}
	out, rest := []byte(low[:3]), digits[0]
	for _, d := range digits[1:] {
		d += rest * 62
		out, rest = append(out, idDigits[d/2]), d%2
	}
	if mid := string(out); mid > low[:15] && mid < high[:15] {
		return mid
	}
	return ""
}

// divider cuts a range of ids into pieces of about one size, by counting halves.
type divider struct {
	conn  *connection
	q     *question
	most  int64 // records of a piece
	asks  int   // counts that may still be made
	cuts  []string
	count []int64 // of the pieces
}

// maxCounts bounds how many counts a division costs.
const maxCounts = 64

// divide cuts a range that holds so many records, -1 for unknown, into pieces of up to about most. It returns the ids
// where pieces after the first one begin, and how many records each piece has, -1 for unknown.
func (c *connection) divide(ctx context.Context, q *question, s span, total, most int64) (cuts []string, counts []int64, err error) {
	if !q.isKeyed || total >= 0 && total <= most+most/2 {
		return nil, []int64{total}, nil
	}
	low, err := c.edge(ctx, q, s, false)
	if err != nil || low == "" {
		return nil, []int64{total}, unlessTooMuch(err)
	}
	high, err := c.edge(ctx, q, s, true)
	if err != nil || high == "" || low[:3] != high[:3] {
		return nil, []int64{total}, unlessTooMuch(err)
	}
	d := &divider{conn: c, q: q, most: most, asks: maxCounts}
	if err := d.halve(ctx, s, low, high, total); err != nil {
		return nil, nil, err
	}
	return d.cuts, d.count, nil
}

func unlessTooMuch(err error) error {
	if isTooMuch(err) {
		return nil
	}
	return err
}

// halve cuts a range between whose bounds low and high its records are known to lie.
func (d *divider) halve(ctx context.Context, s span, low, high string, total int64) error {
	mid := ""
	if total < 0 || total > d.most+d.most/2 {
		mid = middle(low, high)
	}
	if mid == "" || d.asks == 0 {
		d.count = append(d.count, total)
		return nil
	}
	left, right := s, s
	left.To, right.From, right.After = mid, mid, ""
	d.asks--
	n, err := d.conn.count(ctx, d.q, left)
	if err != nil {
		return err
	}
	rest := int64(-1)
	if n >= 0 && total >= 0 {
		rest = max(total-n, 0)
	}
	switch {
	case n == 0: // nothing there: the cut would make an empty piece
		return d.halve(ctx, s, mid, high, total)
	case rest == 0:
		return d.halve(ctx, s, low, mid, total)
	}
	if err := d.halve(ctx, left, low, mid, n); err != nil {
		return err
	}
	d.cuts = append(d.cuts, mid)
	return d.halve(ctx, right, mid, high, rest)
}
