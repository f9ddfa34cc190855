package plaingo

import "testing"

func TestMultiply(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"5315.99", "0.401929", "2136.65054471"},
		{"2.50", "2", "5"}, {"-0.5", "0.5", "-0.25"}, {"0", "-3", "0"}, {"", "1", ""}, {"100", "1", "100"},
		{"9223372036854775807", "10.0", "92233720368547758070"},
		{"-9223372036854775807", "1.1", "-10145709240540253387.7"},
	} {
		if got, err := multiply(c[0], c[1]); err != nil || got != c[2] {
			t.Errorf("%s × %s = %q, %v instead of %s", c[0], c[1], got, err, c[2])
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for _, c := range [][4]string{
		{"", "", "", ""},
		{"é12", "***", "***", "é12"},
		{"+49 30 7461788", "+49 30 746****", "**************", "+49 30 74617"},
		{"Müller-Lüdenscheidt", "Müller-Lüdensch****", "*******************", "Müller-Lüden"},
	} {
		if got := [3]string{maskLast(c[0], 4), maskAll(c[0]), truncate(c[0], 12)}; got != [3]string(c[1:]) {
			t.Errorf("%q gives %q instead of %q", c[0], got, c[1:])
		}
	}
}
