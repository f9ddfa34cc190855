package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// wantsJSON reads --output.
func wantsJSON(cmd *cobra.Command) (bool, error) {
	switch o, _ := cmd.Flags().GetString("output"); o {
	case "json":
		return true, nil
	case "table", "":
		return false, nil
	default:
		return false, usage("--output must be table or json, not %q", o)
	}
}

// answer prints a command's result: v as JSON when --output says so, else the words.
func answer(cmd *cobra.Command, v any, format string, args ...any) error {
	asJSON, err := wantsJSON(cmd)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(cmd.OutOrStdout(), v)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return err
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// table lays rows out in columns as wide as their widest cell, up to most characters.
func table(w io.Writer, head []string, rows [][]string, most int) {
	width := make([]int, len(head))
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			width[i] = max(width[i], min(utf8.RuneCountInString(cell), most))
		}
	}
	line := func(row []string) {
		var b strings.Builder
		for i, cell := range row {
			cell = shorten(cell, width[i])
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	}
	line(head)
	for _, row := range rows {
		line(row)
	}
}

// shorten keeps text on one line and within n characters.
func shorten(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	return string([]rune(s)[:n-1]) + "…"
}

// count writes a number with thousands separated: 1,234,567.
func count(n int64) string {
	s := fmt.Sprint(n)
	neg := strings.HasPrefix(s, "-")
	s = strings.TrimPrefix(s, "-")
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	if neg {
		return "-" + s
	}
	return s
}

// number writes how many there are of something: 1 file, 2 files.
func number(n int64, of string) string {
	if n != 1 {
		of += "s"
	}
	return count(n) + " " + of
}

func records(n int64) string { return number(n, "record") }

// size writes bytes in decimal units: 1.2 MB.
func size(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, units := float64(n), "kMGTPE"
	for i := range units {
		if v /= 1000; v < 999.95 {
			return fmt.Sprintf("%.1f %cB", v, units[i])
		}
	}
	return fmt.Sprintf("%d B", n)
}

// clock writes a moment in local time.
func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04:05")
}

// epoch is a moment as the API writes it: seconds since 1970 with a fraction.
type epoch float64

func (e epoch) time() time.Time {
	if e == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(float64(e)*1000 + 0.5))
}
