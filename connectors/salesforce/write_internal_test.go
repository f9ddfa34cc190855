package salesforce

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
)

func texts(name string, values ...string) batch.Column {
	b := batch.NewTextBuilder(batch.DefaultPool, len(values))
	for i, v := range values {
		if v == "<null>" {
			b.SetNull(i)
		} else {
			b.Append(i, []byte(v))
		}
	}
	return b.Build(name, batch.String)
}

func TestValue_TextBecomesWhatTheFieldHolds(t *testing.T) {
	t.Parallel()
	const null, no = "<null>", "refused"
	for _, c := range []struct {
		field, text, want string
	}{
		{"string", "plain", "plain"}, {"string", "", null}, {"string", "#N/A", null}, {"string", " spaces ", " spaces "}, {"string", "a\x00b", "ab"},
		{"string", "N/A", "N/A"}, {"string", "null", "null"}, {"string", "\xff", no}, {"string", "0012", "0012"}, {"textarea", "line\r\nbreak", "line\r\nbreak"},
		{"boolean", "TRUE", "true"}, {"boolean", "0", "false"}, {"boolean", "yes", "true"}, {"boolean", "maybe", no}, {"boolean", "", null},
		{"int", "12", "12"}, {"int", "+007", "7"}, {"int", "-0012.00", "-12"}, {"int", "12.5", no}, {"int", "1.2e1", "12"}, {"int", "1e400", no}, {"int", "1,000", no},
		{"double", "1.50", "1.50"}, {"double", ".5", "0.5"}, {"double", "5.", "5"}, {"double", "-1.0E9", "-1.0E9"}, {"double", "1e", no}, {"double", "NaN", no},
		{"double", " 12 ", "12"}, {"double", "0x10", no}, {"double", "-", no}, {"double", ".", no}, {"double", strings.Repeat("1", 500), no}, {"currency", "007.10", "7.10"},
		{"percent", "12%", no},
		{"date", "2024-05-01", "2024-05-01"}, {"date", "2024-05-01T00:00:00Z", "2024-05-01"}, {"date", "2024-05-01T02:00:00+02:00", "2024-05-01"},
		{"date", "2024-05-01T10:00:00Z", no}, {"date", "05/01/2024", no}, {"date", "2024-02-30", no}, {"date", "1714521600000", "2024-05-01"},
		{"datetime", "2024-05-01T10:11:12.000+0000", "2024-05-01T10:11:12.000Z"}, {"datetime", "2024-05-01T10:11:12.123456Z", "2024-05-01T10:11:12.123Z"},
		{"datetime", "2024-05-01T10:11:12.000Z", "2024-05-01T10:11:12.000Z"}, {"datetime", "2024-05-01 10:11", "2024-05-01T10:11:00.000Z"},
		{"datetime", "2024-05-01T10:11:12+02", "2024-05-01T08:11:12.000Z"}, {"datetime", "2024-05-01", "2024-05-01T00:00:00.000Z"},
		{"datetime", "1714558272000", "2024-05-01T10:11:12.000Z"}, {"datetime", "2024-05-31 08:15:30 UTC", "2024-05-31T08:15:30.000Z"},
		{"datetime", "yesterday", no}, {"datetime", "20240501", "1970-01-01T05:37:20.501Z"}, {"datetime", "999999999999999999999", no}, {"datetime", "x", no},
		{"time", "10:11", "10:11:00.000Z"}, {"time", "10:11:12.5Z", "10:11:12.500Z"}, {"time", "25:00", no},
		{"multipicklist", `["a","b"]`, "a;b"}, {"multipicklist", "a;b", "a;b"}, {"multipicklist", "[x", "[x"}, {"id", "001xx0000000001", "001xx0000000001"},
	} {
		col := texts("f", c.text)
		cell := openCell(shapes[c.field], col)
		value, problem := cell.value(0)
		got := string(value)
		switch {
		case problem != "":
			got = no
		case len(value) == 0:
			got = null
		}
		require.Equal(t, c.want, got, "%s %q: %s", c.field, c.text, problem)
		col.Data.Release()
	}
}

// typed is a column of each kind, with a null behind its value.
func typed(t *testing.T) map[string]batch.Column {
	t.Helper()
	pool := memory.DefaultAllocator
	out := map[string]batch.Column{}
	add := func(name string, kind batch.Kind, fill func(array.Builder)) {
		b := array.NewBuilder(pool, kind.ArrowType())
		fill(b)
		b.AppendNull()
		out[name] = batch.Column{Name: name, Kind: kind, Data: b.NewArray()}
	}
	add("flag", batch.Kind{Type: batch.Bool}, func(b array.Builder) { b.(*array.BooleanBuilder).Append(true) })
	add("long", batch.Kind{Type: batch.Int64}, func(b array.Builder) { b.(*array.Int64Builder).Append(-9007199254740993) })
	add("float", batch.Kind{Type: batch.Float64}, func(b array.Builder) { b.(*array.Float64Builder).Append(1e21) })
	add("inf", batch.Kind{Type: batch.Float64}, func(b array.Builder) { b.(*array.Float64Builder).Append(math.Inf(1)) })
	add("day", batch.Kind{Type: batch.Date}, func(b array.Builder) { b.(*array.Date32Builder).Append(19844) })
	add("moment", batch.Kind{Type: batch.Timestamp}, func(b array.Builder) { b.(*array.TimestampBuilder).Append(arrow.Timestamp(1714558272123456)) })
	add("clock", batch.Kind{Type: batch.Time}, func(b array.Builder) { b.(*array.Time64Builder).Append(36_672_000_000) })
	return out
}

func TestValue_TypedColumns(t *testing.T) {
	t.Parallel()
	columns := typed(t)
	for _, c := range []struct{ column, field, want string }{
		{"flag", "boolean", "true"}, {"flag", "string", "true"}, {"flag", "double", "refused"}, {"long", "long", "-9007199254740993"}, {"long", "string", "-9007199254740993"},
		{"long", "boolean", "refused"}, {"float", "double", "1e+21"}, {"float", "int", "refused"}, {"inf", "double", "refused"}, {"day", "date", "2024-05-01"},
		{"day", "datetime", "2024-05-01T00:00:00.000Z"}, {"moment", "datetime", "2024-05-01T10:11:12.123Z"}, {"moment", "date", "refused"}, {"clock", "time", "10:11:12.000Z"},
	} {
		cell := openCell(shapes[c.field], columns[c.column])
		value, problem := cell.value(0)
		if problem != "" {
			value = []byte("refused")
		}
		require.Equal(t, c.want, string(value), "%s in %s", c.column, c.field)
		value, problem = cell.value(1)
		require.Empty(t, value)
		require.Empty(t, problem)
	}
}

// account is a described object with fields of many kinds.
func account() *object {
	o := &object{Name: "Account", can: can{Create: true, Update: true, Delete: true}, byName: map[string]*field{}, Fields: []*field{
		{Name: "Id", Type: "id"}, {Name: "Name", Type: "string", Createable: true, Updateable: true}, {Name: "Ext__c", Type: "string", ExternalID: true, IDLookup: true, Createable: true, Updateable: true},
		{Name: "Employees", Type: "int", Createable: true, Updateable: true, Nillable: true}, {Name: "Active__c", Type: "boolean", Createable: true, Updateable: true},
		{Name: "CreatedDate", Type: "datetime"}, {Name: "OwnerId", Type: "reference", Relationship: "Owner", ReferenceTo: []string{"User"}, Createable: true, Updateable: true},
		{Name: "WhoId", Type: "reference", Relationship: "Who", ReferenceTo: []string{"Lead", "Contact"}, Createable: true, Updateable: true},
	}}
	for _, f := range o.Fields {
		o.byName[strings.ToLower(f.Name)] = f
	}
	return o
}

func encoderFor(t *testing.T, operation string, columns ...batch.Column) *encoder {
	t.Helper()
	a := &aim{object: account(), operation: operation}
	if operation == opUpdate {
		a.key = a.object.find("id")
	}
	var slots []slot
	for i, col := range columns {
		s := slot{column: i, field: a.object.find(col.Name)}
		if s.field == nil {
			owner := a.object.find("WhoId")
			s = parentOf(owner, &object{Name: "Lead"}, &field{Name: "Email", Type: "email"})
			s.column = i
		} else {
			require.NoError(t, s.fill(a))
		}
		slots = append(slots, s)
	}
	e := newEncoder(a, slots)
	b := batch.New(columns, columns[0].Data.Len(), batch.Origin{})
	e.open(b)
	return e
}

func TestEncoder_NullsAndParents(t *testing.T) {
	t.Parallel()
	columns := []batch.Column{texts("ID", "001", "002"), texts("name", `a "b"`, "<null>"), texts("employees", "007", ""), texts("active__C", "yes", "<null>"), texts("Lead:Who.Email", "x@y", "<null>")}
	e := encoderFor(t, opUpdate, columns...)
	rows := make([]string, 2)
	for i := range rows {
		out, problem := e.json(nil, i, false)
		require.Empty(t, problem)
		rows[i] = string(out)
	}
	require.JSONEq(t, `{"attributes":{"type":"Account"},"id":"001","Name":"a \"b\"","Employees":7,"Active__c":true,"Who":{"attributes":{"type":"Lead"},"Email":"x@y"}}`, rows[0])
	require.JSONEq(t, `{"attributes":{"type":"Account"},"id":"002","Name":null,"Employees":null,"WhoId":null}`, rows[1])
	require.Equal(t, "Id,Name,Employees,Active__c,Lead:Who.Email\n", string(e.header(nil)))
	out, _ := e.csv(nil, 0)
	out, _ = e.csv(out, 1)
	require.Equal(t, "001,\"a \"\"b\"\"\",7,true,x@y\n002,#N/A,#N/A,,#N/A\n", string(out))

	fresh := encoderFor(t, opInsert, columns[1:]...)
	record, _ := fresh.json(nil, 1, true)
	require.JSONEq(t, `{"attributes":{"type":"Account"}}`, string(record))
	out, _ = fresh.csv(nil, 1)
	require.Equal(t, ",,,\n", string(out))
	_, problem := encoderFor(t, opInsert, texts("Employees", "many")).json(nil, 0, true)
	require.Equal(t, `"Employees" is no whole number`, problem)
}

func FuzzEncoder(f *testing.F) {
	for _, s := range []string{"", "plain", `q"q`, "a,b", "\n", " x", "x ", "\r", "#N/A", `""`, "\x00", "7", "\\", "日本 🙂", "\u2028"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, one, two string) {
		columns := []batch.Column{texts("Name", one), texts("Ext__c", two)}
		e := encoderFor(t, opInsert, columns...)
		line, problem := e.csv(e.header(nil), 0)
		record, same := e.json(nil, 0, true)
		if problem != same {
			t.Fatalf("the APIs differ: %q, %q", problem, same)
		}
		if problem != "" {
			return
		}
		rows, err := csv.NewReader(strings.NewReader(string(line))).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Fatalf("%q: %v", line, err)
		}
		var back map[string]any
		if err := json.Unmarshal(record, &back); err != nil {
			t.Fatalf("%q: %v", record, err)
		}
		for i, name := range []string{"Name", "Ext__c"} {
			text, _ := back[name].(string)
			if got := rows[1][i]; strings.ReplaceAll(text, "\r\n", "\n") != got && strings.ReplaceAll(text, "\r", "") != strings.ReplaceAll(got, "\r", "") {
				t.Fatalf("the APIs differ: %q in JSON, %q in CSV", text, got)
			}
		}
	})
}

func TestMatcher_ResultsInAnyOrder(t *testing.T) {
	t.Parallel()
	p := &part{rows: []int{3, 5, 8, 9}, csv: []byte("Name,Ext__c\n\"a\r\nb\",1\nsame,2\nsame,2\n\" x\",#N/A\n")}
	m, err := newMatcher(p)
	require.NoError(t, err)
	require.NoError(t, m.fit([]string{"sf__Id", "sf__Error", "ext__c", "NAME"}))
	for _, c := range []struct {
		cells []string
		row   int
	}{{[]string{"", "", "2", "same"}, 5}, {[]string{"", "", "#N/A", "x"}, 9}, {[]string{"", "", "2", "same"}, 8}} {
		row, ok := m.take(c.cells)
		require.True(t, ok)
		require.Equal(t, c.row, row)
	}
	_, ok := m.take([]string{"", "", "2", "same"})
	require.False(t, ok)
	require.Equal(t, []int{3}, m.rest())
	require.NoError(t, m.fit([]string{"sf__Id", "Name"}), "a column that results leave out")
	row, ok := m.take([]string{"", "a\nb"})
	require.True(t, ok)
	require.Equal(t, 3, row)
	_, ok = m.take([]string{"", "same"})
	require.False(t, ok, "it was found before")
	require.Empty(t, m.rest())
	require.Error(t, m.fit([]string{"sf__Id", "sf__Error"}))
}

func TestSplitError_SaysTheSameAsREST(t *testing.T) {
	t.Parallel()
	for said, want := range map[string]string{
		"REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --":                                   "REQUIRED_FIELD_MISSING|Required fields are missing: [Name]|[Name]",
		"DUPLICATE_VALUE:duplicate value found: Ext__c duplicates value on record with id: 001xx0000000001:--": "DUPLICATE_VALUE|duplicate value found: Ext__c duplicates value on record with id: 001xx0000000001|[]",
		"INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:A__c, B__c --":                                 "INVALID_CROSS_REFERENCE_KEY|invalid cross reference id|[A__c B__c]",
		"FIELD_CUSTOM_VALIDATION_EXCEPTION:at 10:30 nothing is taken:--":                                       "FIELD_CUSTOM_VALIDATION_EXCEPTION|at 10:30 nothing is taken|[]",
		"something else: entirely": "|something else: entirely|[]",
		"":                         "||[]",
	} {
		code, message, fields := splitError(said)
		require.Equal(t, want, fmt.Sprintf("%s|%s|%v", code, message, fields))
	}
}
