package plan

import "strconv"

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// atoi reads a number that validation has checked; 0 when the property is absent.
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

func itoa(n int) string { return strconv.Itoa(n) }
