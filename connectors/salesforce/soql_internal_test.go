package salesforce

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/pace"
	"weir.dev/weir/flow"
)

func queryable(name, vendorType string) *flow.Field {
	f := (&field{Name: name, Type: vendorType, Filterable: true}).shown()
	return &f
}

func TestFilterSOQL_PerOperatorAndType(t *testing.T) {
	t.Parallel()
	const noon, midnight = "1714564800000", "1714521600000" // on 2024-05-01
	for _, c := range []struct {
		field    *flow.Field
		operator flow.Operator
		dataType string
		values   []string
		want     string
	}{
		{queryable("A", "string"), flow.OpEqualTo, "string", []string{"x"}, "(A = 'x')"},
		{queryable("A", "picklist"), flow.OpEqualTo, "picklist", []string{"x", "y"}, "(A IN ('x', 'y'))"},
		{queryable("A", "string"), flow.OpEqualTo, "string", []string{`O'B "r" \ ` + "\n\t."}, `(A = 'O\'B \"r\" \\ \n\t.')`},
		{queryable("A", "string"), flow.OpEqualTo, "string", []string{""}, ""},
		{queryable("A", "string"), flow.OpEqualTo, "string", []string{" x"}, ""},
		{queryable("A", "string"), flow.OpEqualTo, "string", []string{"a\x00"}, ""},
		{queryable("A", "string"), flow.OpEqualTo, "string", []string{strings.Repeat("x", 4_001)}, ""},
		{queryable("A", "string"), flow.OpNotEqualTo, "string", []string{"x"}, ""},
		{queryable("A", "string"), flow.OpLessThan, "string", []string{"x"}, ""},
		{queryable("A", "email"), flow.OpContains, "string", []string{"a%b_c'"}, `(A LIKE '%a\%b\_c\'%')`},
		{queryable("A", "url"), flow.OpContains, "string", []string{"x", "y"}, "(A LIKE '%x%' OR A LIKE '%y%')"},
		{queryable("A", "double"), flow.OpContains, "string", []string{"1"}, ""},
		{queryable("A", "multipicklist"), flow.OpEqualTo, "string", []string{"a;b"}, "(A INCLUDES ('a;b'))"},
		{queryable("A", "multipicklist"), flow.OpContains, "string", []string{"a"}, ""},
		{queryable("A", "id"), flow.OpEqualTo, "id", []string{"001xx0000000001AAA"}, "(A = '001xx0000000001AAA')"},
		{queryable("A", "reference"), flow.OpEqualTo, "string", []string{"not an id"}, ""},
		{queryable("A", "id"), flow.OpGreaterThan, "id", []string{"001xx0000000001AAA"}, ""},
		{queryable("A", "currency"), flow.OpGreaterThanOrEqualTo, "double", []string{" +12.5 "}, "(A >= 12.5)"},
		{queryable("A", "currency"), flow.OpNotEqualTo, "double", []string{"12"}, "(A != 12 OR A = null)"},
		{queryable("A", "currency"), flow.OpNotEqualTo, "double", []string{"12", "13"}, ""},
		{queryable("A", "percent"), flow.OpLessThan, "double", []string{"1", "2"}, "(A < 1 OR A < 2)"},
		{queryable("A", "double"), flow.OpEqualTo, "double", []string{"1e5"}, ""},
		{queryable("A", "int"), flow.OpEqualTo, "integer", []string{"5.5"}, ""},
		{queryable("A", "int"), flow.OpBetween, "integer", []string{"5", "9"}, "(A > 5 AND A < 9)"},
		{queryable("A", "double"), flow.OpEqualTo, "string", []string{"5"}, ""},
		{queryable("A", "boolean"), flow.OpEqualTo, "boolean", []string{"TRUE"}, "(A = true)"},
		{queryable("A", "boolean"), flow.OpLessThan, "boolean", []string{"true"}, ""},
		{queryable("A", "datetime"), flow.OpGreaterThan, "datetime", []string{noon}, "(A > 2024-05-01T12:00:00Z)"},
		{queryable("A", "datetime"), flow.OpGreaterThan, "datetime", []string{"1714564800500"}, "(A >= 2024-05-01T12:00:00Z)"},
		{queryable("A", "datetime"), flow.OpLessThan, "datetime", []string{"1714564800500"}, "(A <= 2024-05-01T12:00:01Z)"},
		{queryable("A", "datetime"), flow.OpEqualTo, "datetime", []string{"1714564800500"}, ""},
		{queryable("A", "datetime"), flow.OpEqualTo, "datetime", []string{noon, midnight}, "(A = 2024-05-01T12:00:00Z OR A = 2024-05-01T00:00:00Z)"},
		{queryable("A", "datetime"), flow.OpLessThan, "datetime", []string{"9223372036854775807"}, ""},
		{queryable("A", "date"), flow.OpLessThan, "date", []string{midnight}, "(A < 2024-05-01)"},
		{queryable("A", "date"), flow.OpLessThan, "date", []string{noon}, "(A <= 2024-05-02)"},
		{queryable("A", "date"), flow.OpGreaterThan, "date", []string{noon}, "(A >= 2024-05-01)"},
		{queryable("A", "date"), flow.OpBetween, "date", []string{midnight, noon}, "(A > 2024-05-01 AND A <= 2024-05-02)"},
		{queryable("A", "date"), flow.OpEqualTo, "string", []string{"2024-05-01"}, ""},
		{queryable("A", "time"), flow.OpEqualTo, "string", []string{"10:00"}, ""},
		{&flow.Field{Name: "A", VendorType: "textarea"}, flow.OpContains, "string", []string{"x"}, ""},
	} {
		got := filterSOQL(c.field, &connector.Filter{Field: "A", Operator: c.operator, DataType: c.dataType, Values: c.values})
		require.Equal(t, c.want, got, "%s %s %v", c.field.VendorType, c.operator, c.values)
	}
}

func TestWindowSOQL_HalfOpenToTheSecond(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 5, 1, 10, 0, 0, 1, time.UTC)
	got, err := windowSOQL(queryable("M", "datetime"), &flow.Window{From: at, To: at.Add(time.Hour - 1)})
	require.NoError(t, err)
	require.Equal(t, "(M >= 2024-05-01T10:00:01Z AND M < 2024-05-01T11:00:00Z)", got)
	got, err = windowSOQL(queryable("M", "date"), &flow.Window{To: at})
	require.NoError(t, err)
	require.Equal(t, "(M >= 1700-01-01 AND M < 2024-05-02)", got)
	_, err = windowSOQL(queryable("M", "string"), &flow.Window{})
	require.Error(t, err)
}

// A literal that is read back as SOQL has it is the text that was meant.
func FuzzQuoteSOQL(f *testing.F) {
	for _, s := range []string{"", "x", `'`, `\'`, "\\\n\"\f\b", "日本", "' OR Name != '"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := quoteSOQL(s)
		var b strings.Builder
		for i := 1; i < len(q)-1; i++ {
			require.NotEqual(t, byte('\''), q[i], "the literal ends too early: %q", q)
			if q[i] == '\\' {
				i++
				at := strings.IndexByte("nrtbf\\'\"", q[i])
				require.GreaterOrEqual(t, at, 0)
				b.WriteByte("\n\r\t\b\f\\'\""[at])
				continue
			}
			b.WriteByte(q[i])
		}
		require.Equal(t, s, b.String())
	})
}

func TestMiddle_LiesBetween(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{
		{"001000000000000", "001zzzzzzzzzzzz", "001Uzzzzzzzzzzz"},
		{"0015g0000000001AAA", "0015g0000000003AAA", "0015g0000000002"},
		{"0015g0000000001AAA", "0015g0000000002AAA", ""},
		{"0015g0000000001AAA", "0015g0000000001AAA", ""},
		{"0015g000000000zAAA", "0015g0000000011AAA", "0015g0000000010"},
	} {
		got := middle(c[0], c[1])
		require.Equal(t, c[2], got, "%v", c)
	}
	low, high := "0015g0000000001", "001Kz00000XyZaB"
	for n := 0; ; n++ {
		mid := middle(low, high)
		if mid == "" {
			require.Less(t, n, 80)
			break
		}
		require.Less(t, low, mid)
		require.Less(t, mid, high)
		if n%2 == 0 {
			low = mid
		} else {
			high = mid
		}
	}
}

func TestLastRecord_NewlinesInQuotes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"\"a1\",\"x\"\n":                                "a1",
		"\"a1\",\"x\"\n\"b2\",\"y\"":                    "b2",
		"\"a1\",\"x\"\n\"b2\",\"line\nb9,\nother\"\n":   "b2",
		"\"a1\",\"\"\"\n\"\"\"\n\"b2\",\"\"\n":          "b2",
		"a1,x\r\nb2,\"q\"\"\n,\n\"\"\"\r\n":             "b2",
		"\"a1\",\"\n\n\n\"\n":                           "a1",
		"\"a1\",\"\"\"c3\"\",\"\n\"b2\",\"\"\"d4\n\"\n": "b2",
	} {
		require.Equal(t, want, firstCell(lastRecord([]byte(text))), "%q", text)
	}
}

func TestWithoutNUL_EscapedOnesAlone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":"x\u0000y"}`: `{"a":"xy"}`, `{"a":"\\u0000"}`: `{"a":"\\u0000"}`, `{"a":"\\\u0000\n"}`: `{"a":"\\\n"}`, `{"a":1}`: `{"a":1}`, `"\u0000`: `"`, `\`: `\`,
	} {
		require.Equal(t, want, string(withoutNUL([]byte(text))))
	}
}

func TestUsage_HeaderOfAnswers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]int{
		"api-usage=18/5000": {4982, 5000}, "per-app-api-usage=17/250(appName=x); api-usage=20/100": {80, 100}, "api-usage=120/100": {0, 100},
		"": {-1, 0}, "api-usage=x/5": {-1, 0}, "api-usage=1/0": {-1, 0}, "api-usage=": {-1, 0},
	} {
		hint := hintOf(text)
		require.Equal(t, want, [2]int{hint.Remaining, hint.Of}, text)
	}
}

func hintOf(text string) pace.Hint {
	hint := pace.Hint{Remaining: -1}
	usage(http.Header{"Sforce-Limit-Info": {text}}, &hint)
	return hint
}
