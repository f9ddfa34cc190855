package page_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/batch"
	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/page"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// api answers requests of a test.
type api func(r *http.Request) (body string, header http.Header)

func (a api) RoundTrip(r *http.Request) (*http.Response, error) {
	body, header := a(r)
	status := http.StatusOK
	if body == "" {
		status = http.StatusBadRequest
	}
	return &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func options(t *testing.T, s page.Style, a api) page.Options {
	t.Helper()
	c, err := rest.New(rest.Options{HTTP: &http.Client{Transport: a}, Base: "https://api.example", Vendor: "Example"})
	require.NoError(t, err)
	schema := flow.Schema{Entity: "things", Fields: []flow.Field{{Name: "id", Type: flow.TypeLong}}}
	p, err := rest.NewPlan(schema, rest.PlanOptions{Fields: []string{"id"}, Key: []string{"id"}, Pool: &batch.Pool{}})
	require.NoError(t, err)
	return page.Options{Client: c, Request: rest.Request{Path: "/things"}, Style: s, Records: "items", Plan: p, Entity: "things"}
}

// read reads to the end, from a new place after every page, as processes do that die.
func read(t *testing.T, o page.Options) ([]int, error) {
	t.Helper()
	var ids []int
	for {
		pages, err := page.Open(o)
		require.NoError(t, err)
		p, err := pages.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return ids, nil
		}
		if err != nil {
			return ids, err
		}
		o.From = p.Cursor()
		b, err := p.Decode()
		require.NoError(t, err)
		for i := range b.Rows {
			id, err := strconv.Atoi(string(batch.AppendText(nil, b.Columns[0], i)))
			require.NoError(t, err)
			ids = append(ids, id)
		}
		b.Release()
		require.NoError(t, pages.Close())
	}
}

const total = 25

// items are the records [from, to).
func items(from, to int) string {
	var list []string
	for i := max(from, 0); i < min(to, total); i++ {
		list = append(list, fmt.Sprintf(`{"id":%d}`, i))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func number(r *http.Request, name string) int {
	n, err := strconv.Atoi(r.URL.Query().Get(name))
	if err != nil {
		return 0
	}
	return n
}

func TestPages_EveryKindReadsAll(t *testing.T) {
	t.Parallel()
	one := func(r *http.Request) (string, http.Header) { return `{"items":` + items(0, total) + `}`, nil }
	for name, c := range map[string]struct {
		style page.Style
		api   api
	}{
		"one": {page.Style{}, one},
		"link": {page.Style{Kind: page.Link, NextAt: "links.next"}, func(r *http.Request) (string, http.Header) {
			at, next := number(r, "at"), `null`
			if at+10 < total {
				next = fmt.Sprintf(`"https://api.example/things?at=%d"`, at+10)
			}
			return fmt.Sprintf(`{"items":%s,"links":{"next":%s}}`, items(at, at+10), next), nil
		}},
		"relative link": {page.Style{Kind: page.Link, NextAt: "next"}, func(r *http.Request) (string, http.Header) {
			at, next := number(r, "at"), ``
			if at+10 < total {
				next = fmt.Sprintf(`/things?at=%d`, at+10)
			}
			return fmt.Sprintf(`{"items":%s,"next":%q}`, items(at, at+10), next), nil
		}},
		"link with a flag": {page.Style{Kind: page.Link, NextAt: "next", MoreAt: "more"}, func(r *http.Request) (string, http.Header) {
			at := number(r, "at")
			return fmt.Sprintf(`{"items":%s,"next":"https://api.example/things?at=%d","more":%t}`, items(at, at+10), at+10, at+10 < total), nil
		}},
		"header": {page.Style{Kind: page.Header}, func(r *http.Request) (string, http.Header) {
			at, h := number(r, "at"), http.Header{}
			if at+10 < total {
				h.Set("Link", fmt.Sprintf(`<https://api.example/things?at=0>; rel="first", <https://api.example/things?at=%d>; title="a, b"; rel="last next"`, at+10))
			}
			return `{"items":` + items(at, at+10) + `}`, h
		}},
		"token": {page.Style{Kind: page.Token, Param: "cursor", NextAt: "cursor", OnlyFirst: []string{"size"}, SizeParam: "size", Size: 10}, func(r *http.Request) (string, http.Header) {
			at, next := number(r, "cursor"), ""
			if r.URL.Query().Has("size") != (at == 0) {
				return "", nil
			}
			if at+10 < total {
				next = strconv.Itoa(at + 10)
			}
			return fmt.Sprintf(`{"items":%s,"cursor":%q}`, items(at, at+10), next), nil
		}},
		"token with empty pages": {page.Style{Kind: page.Token, Param: "cursor", NextAt: "cursor", EndAt: "end"}, func(r *http.Request) (string, http.Header) {
			at := number(r, "cursor")
			from := at / 2 * 10
			if at%2 == 1 { // every other page holds nothing
				from = total
			}
			return fmt.Sprintf(`{"items":%s,"cursor":%d,"end":%t}`, items(from, from+10), at+1, at == 5), nil
		}},
		"offset": {page.Style{Kind: page.Offset, Param: "offset", SizeParam: "limit", Size: 10}, func(r *http.Request) (string, http.Header) {
			at := number(r, "offset")
			return fmt.Sprintf(`{"items":%s}`, items(at, at+min(number(r, "limit"), 7))), nil // fewer than asked for
		}},
		"offset with a total": {page.Style{Kind: page.Offset, Param: "offset", TotalAt: "total"}, func(r *http.Request) (string, http.Header) {
			at := number(r, "offset")
			if at >= total {
				return "", nil
			}
			return fmt.Sprintf(`{"items":%s,"total":%d}`, items(at, at+10), total), nil
		}},
		"number": {page.Style{Kind: page.Number, Param: "page", First: 1}, func(r *http.Request) (string, http.Header) {
			at := (number(r, "page") - 1) * 10
			return fmt.Sprintf(`{"items":%s}`, items(at, at+10)), nil
		}},
		"number with pages": {page.Style{Kind: page.Number, Param: "page", First: 1, TotalAt: "pages"}, func(r *http.Request) (string, http.Header) {
			at := (number(r, "page") - 1) * 10
			if at >= total {
				return "", nil
			}
			return fmt.Sprintf(`{"items":%s,"pages":3}`, items(at, at+10)), nil
		}},
		"number, short ends": {page.Style{Kind: page.Number, Param: "page", SizeParam: "size", Size: 10, ShortEnds: true}, func(r *http.Request) (string, http.Header) {
			at := number(r, "page") * 10
			if at >= total {
				return "", nil
			}
			return fmt.Sprintf(`{"items":%s}`, items(at, at+10)), nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids, err := read(t, options(t, c.style, c.api))
			require.NoError(t, err)
			require.Len(t, ids, total)
			for i := range ids {
				require.Equal(t, i, ids[i])
			}
		})
	}
}

// Three records share each second, and pages hold four: each page begins with what the one before ended with.
func TestPages_SinceLeavesOutWhatComesTwice(t *testing.T) {
	t.Parallel()
	o := options(t, page.Style{Kind: page.Since, Param: "start", NextAt: "end_time", EndAt: "end"}, func(r *http.Request) (string, http.Header) {
		from := number(r, "start") * 3
		to := min(from+4, total)
		return fmt.Sprintf(`{"items":%s,"end_time":%d,"end":%t}`, items(from, to), (to-1)/3, to == total), nil
	})
	o.Dedup = true
	ids, err := read(t, o)
	require.NoError(t, err)
	require.Len(t, ids, total)
	for i := range ids {
		require.Equal(t, i, ids[i])
	}
}

func TestPages_SinceThatStandsStillIsAnError(t *testing.T) {
	t.Parallel()
	o := options(t, page.Style{Kind: page.Since, Param: "start", NextAt: "end_time", EndAt: "end"}, func(*http.Request) (string, http.Header) {
		return `{"items":` + items(0, 4) + `,"end_time":7,"end":false}`, nil
	})
	o.Dedup = true
	_, err := read(t, o)
	require.ErrorContains(t, err, "more records share the moment 7 than a page holds")
}

func TestPages_CirclesAreFound(t *testing.T) {
	t.Parallel()
	for _, length := range []int{1, 2, 3, 7, 20} {
		for _, tail := range []int{0, 5} {
			t.Run(fmt.Sprint(length, tail), func(t *testing.T) {
				t.Parallel()
				asked := 0
				_, err := read(t, options(t, page.Style{Kind: page.Token, Param: "c", NextAt: "c"}, func(r *http.Request) (string, http.Header) {
					asked++
					at := number(r, "c") + 1
					if at > tail+length {
						at = tail + 1
					}
					return fmt.Sprintf(`{"items":[{"id":1}],"c":%d}`, at), nil
				}))
				require.ErrorContains(t, err, "circle")
				require.Equal(t, fault.ConnectorServer, fault.CodeOf(err))
				require.LessOrEqual(t, asked, 3*(length+tail)+5)
			})
		}
	}
}

func TestPages_LinksToOthersAreRefused(t *testing.T) {
	t.Parallel()
	_, err := read(t, options(t, page.Style{Kind: page.Link, NextAt: "next"}, func(r *http.Request) (string, http.Header) {
		require.Equal(t, "api.example", r.URL.Host)
		return `{"items":[{"id":1}],"next":"https://evil.example/things"}`, nil
	}))
	require.ErrorContains(t, err, "leads to another host")
}

func TestOpen_CursorsOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	o := options(t, page.Style{}, func(*http.Request) (string, http.Header) { return `{"items":[]}`, nil })
	for _, cursor := range []string{`"x"`, `[]`, `{`, `{}`, `{"entity":"others","pages":1,"records":1}`, `{"entity":"things","pages":0,"records":0}`, `{"entity":"things","pages":1,"records":-1}`, `{"entity":"things","pages":1,"records":1,"row":2}`} {
		o.From = connector.Cursor(cursor)
		_, err := page.Open(o)
		require.Equal(t, fault.Internal, fault.CodeOf(err), cursor)
	}
}

func TestPages_CursorsStaySmall(t *testing.T) {
	t.Parallel()
	o := options(t, page.Style{Kind: page.Since, Param: "start", NextAt: "t", EndAt: "end"}, func(*http.Request) (string, http.Header) {
		var list []string
		for i := range 1000 {
			list = append(list, fmt.Sprintf(`{"id":%d}`, i))
		}
		return `{"items":[` + strings.Join(list, ",") + `],"t":9,"end":false}`, nil
	})
	o.Dedup = true
	pages, err := page.Open(o)
	require.NoError(t, err)
	p, err := pages.Next(t.Context())
	require.NoError(t, err)
	require.True(t, json.Valid(p.Cursor()))
	require.Less(t, len(p.Cursor()), 32<<10)
}
