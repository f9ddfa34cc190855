package page

import "strings"

// nextLink is the address with the relation next in headers as RFC 8288 writes them, "" when there is none:
//
//	Link: <https://api.example/items?page=2>; rel="next", <https://api.example/items?page=9>; rel="last"
func nextLink(headers []string) string {
	for _, rest := range headers {
		for {
			_, after, ok := strings.Cut(rest, "<")
			if !ok {
				break
			}
			address, params, ok := strings.Cut(after, ">")
			if !ok {
				break
			}
			rest = params
			if next := strings.IndexByte(params, '<'); next >= 0 {
				params, rest = params[:next], params[next:]
			}
			if isNext(params) {
				return address
			}
		}
	}
	return ""
}

func isNext(params string) bool {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.Trim(param, " \t,"), "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		for relation := range strings.FieldsSeq(strings.Trim(strings.TrimSpace(value), `"`)) {
			if strings.EqualFold(relation, "next") {
				return true
			}
		}
	}
	return false
}
