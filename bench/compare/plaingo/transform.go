package plaingo

import (
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
	"unicode/utf8"
)

// transformed applies the tasks of the mapped flows and passes on the rows that stay.
type transformed struct {
	out  sink[lead]
	rows []lead
}

func (t *transformed) close() error { return t.out.close() }

func (t *transformed) write(rows []contact) error {
	t.rows = t.rows[:0]
	for i := range rows {
		c := &rows[i]
		if c.Score == "" || c.Email == "" {
			continue
		}
		score, err := strconv.ParseFloat(c.Score, 64)
		if err != nil {
			return fmt.Errorf("score of %s: %w", c.ID, err)
		}
		if score <= 0.4 {
			continue
		}
		weighted, err := multiply(c.Amount, c.Score)
		if err != nil {
			return fmt.Errorf("amount and score of %s: %w", c.ID, err)
		}
		t.rows = append(t.rows, lead{
			ID: c.ID, Ref: c.ExternalID, Name: c.FirstName + " " + c.LastName, Email: maskAll(c.Email), Phone: maskLast(c.Phone, 4),
			Company: truncate(c.Company, 12), Country: c.Country, Segment: c.Title, CreatedAt: c.CreatedAt, Weighted: weighted,
		})
	}
	return t.out.write(t.rows)
}

func maskAll(s string) string { return strings.Repeat("*", utf8.RuneCountInString(s)) }

func maskLast(s string, n int) string {
	end, masked := len(s), 0
	for ; masked < n && end > 0; masked++ {
		_, size := utf8.DecodeLastRuneInString(s[:end])
		end -= size
	}
	return s[:end] + "****"[:masked]
}

func truncate(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// multiply gives the exact product of two decimals without exponents, or nothing if one of them is missing.
func multiply(a, b string) (string, error) {
	if a == "" || b == "" {
		return "", nil
	}
	x, xs, err := decimal(a)
	if err != nil {
		return "", err
	}
	y, ys, err := decimal(b)
	if err != nil {
		return "", err
	}
	if high, low := bits.Mul64(magnitude(x), magnitude(y)); high == 0 {
		return format(strconv.FormatUint(low, 10), (x < 0) != (y < 0), xs+ys), nil
	}
	product := new(big.Int).Mul(big.NewInt(x), big.NewInt(y))
	return format(new(big.Int).Abs(product).String(), product.Sign() < 0, xs+ys), nil
}

// decimal gives the digits of a decimal as a whole number, and how many of them stand after the point.
func decimal(s string) (digits int64, scale int, err error) {
	whole, fraction, _ := strings.Cut(s, ".")
	digits, err = strconv.ParseInt(whole+fraction, 10, 64)
	return digits, len(fraction), err
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// format puts the point into the digits and leaves out zeros at the end of the fraction.
func format(digits string, negative bool, scale int) string {
	if missing := scale + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	point := len(digits) - scale
	whole, fraction := digits[:point], strings.TrimRight(digits[point:], "0")
	if fraction != "" {
		whole += "." + fraction
	}
	if negative && whole != "0" {
		return "-" + whole
	}
	return whole
}
