package manifest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connector/connectortest"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/manifest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

const shop = `
name: Shop
base: https://shop.example/api
auth: {kind: apiKey, header: X-Key, prefix: "Token "}
headers: {Api-Version: "3"}
entities:
  - name: orders
    fields:
      - {name: id, type: long, key: true}
      - {name: customer.name}
      - {name: total, type: double, at: amounts.total}
      - {name: at, type: datetime, form: millis, timestamp: true}
    read:
      path: /orders
      query: {changed_after: "{from}", changed_before: "{to}"}
      records: data
      since: {fields: [at], format: millis, default: "0"}
      paging: {kind: number, param: page, first: 1, total: pages}
      filters:
        - {field: customer.name, operators: [EQUAL_TO], query: {q: "customer:{value}"}, quote: double}
`

func parse(t *testing.T, text string) *manifest.Manifest {
	t.Helper()
	m, problems := manifest.Parse([]byte(text))
	require.Empty(t, problems)
	return m
}

// api is a connection whose requests go to a function.
func api(t *testing.T, text string, handler http.HandlerFunc) connector.Connection {
	t.Helper()
	double := connectortest.NewDouble(handler, &connectortest.Moods{NoTokens: true})
	conn, err := manifest.New(parse(t, text), custom.Spec()).Connect(t.Context(), connector.Config{
		ProfileCredentials: flow.Properties(`{"apiKey":"key-0815"}`), HTTP: double.Client(), Pool: &batch.Pool{}, Now: time.Now,
	})
	require.NoError(t, err)
	return conn
}

var orders = flow.Properties(`{"entityName":"orders"}`)

func TestRead_AManifestIsEnough(t *testing.T) {
	t.Parallel()
	var asked []*http.Request
	conn := api(t, shop, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r)
		id := r.URL.Query().Get("page")
		fmt.Fprintf(w, `{"pages":2,"data":[{"id":%s,"customer":{"name":"Ada"},"amounts":{"total":9.5},"at":1700000000000}]}`, id)
	})
	reader := conn.(connector.Reader)
	schema, err := reader.Describe(t.Context(), orders)
	require.NoError(t, err)
	window := &flow.Window{From: time.UnixMilli(1_699_999_999_999).Add(time.Microsecond), To: time.UnixMilli(1_700_000_000_000).Add(time.Microsecond)}
	req := connector.ReadRequest{
		Properties: orders, Schema: schema, Fields: []string{"id", "customer.name", "total", "at"}, Window: window, WindowBy: "at",
		Filters: []connector.Filter{{Field: "customer.name", Operator: flow.OpEqualTo, DataType: "string", Values: []string{`A"da & \co`}}},
	}
	require.Equal(t, [][]string{{"1", "Ada", "9.5", "2023-11-14T22:13:20.000Z"}, {"2", "Ada", "9.5", "2023-11-14T22:13:20.000Z"}}, rows(t, reader, req))
	require.Len(t, asked, 2)
	r := asked[0]
	require.Equal(t, "/api/orders", r.URL.Path)
	require.Equal(t, "Token key-0815", r.Header.Get("X-Key"))
	require.Equal(t, "3", r.Header.Get("Api-Version"))
	require.Equal(t, url.Values{"changed_after": {"1699999999999"}, "changed_before": {"1700000000001"}, "page": {"1"}, "q": {`customer:"A\"da & \\co"`}}, r.URL.Query())
}

func rows(t *testing.T, reader connector.Reader, req connector.ReadRequest) [][]string {
	t.Helper()
	splits, err := reader.Splits(t.Context(), req, 1)
	require.NoError(t, err)
	pages, err := reader.Read(t.Context(), req, splits[0], nil)
	require.NoError(t, err)
	defer pages.Close()
	var out [][]string
	for {
		p, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		b, err := p.Decode()
		require.NoError(t, err)
		out = append(out, connectortest.Text(t, b, req.Fields)...)
		b.Release()
	}
}

func TestRead_RecordsThatAreNotThereAreAnError(t *testing.T) {
	t.Parallel()
	conn := api(t, shop, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"pages":1,"rows":[]}`) })
	reader := conn.(connector.Reader)
	schema, err := reader.Describe(t.Context(), orders)
	require.NoError(t, err)
	pages, err := reader.Read(t.Context(), connector.ReadRequest{Properties: orders, Schema: schema, Fields: []string{"id"}}, connector.Split{Data: []byte(`{"entity":"orders"}`)}, nil)
	require.NoError(t, err)
	_, err = pages.Next(t.Context())
	require.ErrorContains(t, err, `has no "data"`)
}

func TestWrite_IDsInPathsLeadNowhereElse(t *testing.T) {
	t.Parallel()
	var paths []string
	conn := api(t, shop+`
    write:
      update: {method: PATCH, path: "/orders/{customer.name}", ids: [customer.name]}
`, func(_ http.ResponseWriter, r *http.Request) { paths = append(paths, r.URL.EscapedPath()) })
	w, err := conn.(connector.Writer).OpenWriter(t.Context(), connector.WriteRequest{Properties: flow.Properties(`{"entityName":"orders","writeOperationType":"UPDATE"}`)})
	require.NoError(t, err)
	b := connectortest.Batch(batch.DefaultPool, connectortest.Data{Fields: []string{"customer.name", "total"}, Rows: [][]string{{"a/../b?c#d", "1"}, {"..", "2"}, {".", "3"}, {"ü", "4"}}})
	defer b.Release()
	receipt, refused, err := w.Write(t.Context(), 0, b)
	require.NoError(t, err)
	require.EqualValues(t, 2, receipt.Rows)
	require.Equal(t, []int{1, 2}, []int{refused[0].Row, refused[1].Row})
	require.Equal(t, []string{"/api/orders/a%2F..%2Fb%3Fc%23d", "/api/orders/%C3%BC"}, paths)
}

func TestParse_SaysWhereAndWhat(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to, want string }{
		"unknown member":    {"records: data", "record: data", `16:7: entities[0].read: there is no "record" here; it takes path, query, records`},
		"wrong kind":        {"path: /orders", "path: [a]", "14:13: entities[0].read.path: a text is needed here"},
		"no member":         {"base: https://shop.example/api\n", "", `2:1: "base" is missing`},
		"enum":              {"kind: number", "kind: pages", `18:22: entities[0].read.paging.kind: "pages" is none of link, header`},
		"twice":             {"name: Shop", "name: Shop\nname: Shop", `3:1: "name" is given twice`},
		"not https":         {"https://shop", "http://shop", "3:7: base: an address that begins with https://"},
		"credentials":       {"https://shop", "https://u:p@shop", "3:7: base:"},
		"path leads up":     {"path: /orders", "path: /a/../b", "14:13: entities[0].read.path: a path begins"},
		"path with a host":  {"path: /orders", "path: //evil.example", "14:13: entities[0].read.path: a path begins"},
		"unknown value":     {"{to}", "{now}", "there is no value {now} here; there is {from}, {to}"},
		"open brace":        {`"{to}"`, `"{to"`, "braces hold a name, and are closed"},
		"unused since":      {"{from}", "0", "entities[0].read.since: no parameter of query holds {from}"},
		"not a time":        {"fields: [at]", "fields: [id]", `entities[0].read.since.fields[0]: "id" is no field of the type datetime`},
		"unknown field":     {"field: customer.name", "field: nobody", `there is no field "nobody"`},
		"operator":          {"EQUAL_TO", "LIKE", `"LIKE" is not an operator`},
		"paging needs":      {"param: page, ", "", "paging by number needs param"},
		"key where":         {`header: X-Key, prefix: "Token "`, "scheme: Bearer", "auth: apiKey goes into a header or into the query"},
		"field twice":       {"name: total", "name: id", `entities[0].fields[2].name: "id" is there twice`},
		"form of a number":  {"type: double", "type: double, form: epoch", "a form is for the type datetime"},
		"anchor":            {"name: Shop", "name: &a Shop", "2:7: name: anchors and aliases are not taken"},
		"no YAML":           {"name: Shop", "name: [", "it is no YAML"},
		"null":              {"name: Shop", "name:", "name: a text is needed here"},
		"negative":          {"first: 1", "first: -1", "a number of 0 or more"},
		"two documents":     {"\nname: Shop", "\nname: Shop\n---\n", "more than one document"},
		"default no string": {`default: "0"`, `default: [0]`, "a text is needed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, shop, c.from)
			m, problems := manifest.Parse([]byte(strings.Replace(shop, c.from, c.to, 1)))
			require.Nil(t, m)
			require.ErrorContains(t, problems, c.want)
			for _, p := range problems {
				require.Positive(t, p.Line)
				require.Positive(t, p.Column)
			}
		})
	}
}

func TestParse_WritesAreChecked(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`update: {path: /x}`:                       "it needs ids",
		`insert: {path: /x, batch: 10}`:            "needs results",
		`insert: {path: /x, job: nightly}`:         `there is no job "nightly"`,
		`delete: {path: "/x/{nobody}", ids: [id]}`: "there is no value {nobody}",
		`update: {path: "/x/{id}", ids: [nobody]}`: `there is no field "nobody"`,
		`{}`:                              "at least one operation",
		`insert: {path: /x, method: GET}`: `"GET" is none of POST`,
		`upsert: {path: "/x/{id}", batch: 2, ids: [id]}`: "there are no values for braces here",
	} {
		body := "\n    write:\n      " + text + "\n"
		if text == "{}" {
			body = "\n    write: {}\n"
		}
		_, problems := manifest.Parse([]byte(shop + body))
		require.ErrorContains(t, problems, want, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(shop))
	f.Add([]byte("a: {b: [c, {d: &x e}, *x]}"))
	f.Add([]byte("name: x\nbase: \"{instanceUrl}/{\"\nauth: {kind: none}\nentities: [{name: a, fields: [{name: b}], read: {path: /x}}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, problems := manifest.Parse(text)
		if (m == nil) != (len(problems) > 0) {
			t.Fatal("a manifest or problems, and never both")
		}
	})
}

func TestSchema_KnowsEveryMember(t *testing.T) {
	t.Parallel()
	var s map[string]any
	require.NoError(t, json.Unmarshal(manifest.Schema(), &s))
	var described func(at string, s map[string]any)
	described = func(at string, s map[string]any) {
		members, _ := s["properties"].(map[string]any)
		for name, m := range members {
			member := m.(map[string]any)
			require.True(t, strings.HasSuffix(member["description"].(string), "."), "%s.%s is described by a sentence", at, name)
			described(at+"."+name, member)
			if items, ok := member["items"].(map[string]any); ok {
				described(at+"."+name, items)
			}
		}
	}
	described("", s)
	require.Equal(t, false, s["additionalProperties"])
	require.Contains(t, s["required"], "entities")
}

func TestConnect_CredentialsThatDoNotFit(t *testing.T) {
	t.Parallel()
	c := manifest.New(parse(t, shop), custom.Spec())
	for _, credentials := range []string{``, `{}`, `{"username":"a","password":"b"}`, `{"apiKey":7}`} {
		_, err := c.Connect(t.Context(), connector.Config{ProfileCredentials: flow.Properties(credentials), HTTP: http.DefaultClient})
		require.Equal(t, fault.Validation, fault.CodeOf(err), credentials)
	}
}
