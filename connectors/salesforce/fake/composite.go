package fake

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
)

// maxSubrequests is how many calls one composite call holds.
const maxSubrequests = 25

// sub makes one call of a composite one, without a check of its own: the outer call's token stands for all.
func (c *call) sub(method, url string, body json.RawMessage, headers map[string]string) (status int, answer json.RawMessage, header http.Header) {
	if !strings.HasPrefix(url, "/services/data/") {
		if strings.HasPrefix(url, "services/data/") {
			url = "/" + url
		} else { // composite/batch takes v58.0/…
			url = "/services/data/" + strings.TrimPrefix(url, "/")
		}
	}
	fault := func(code, text string) json.RawMessage {
		out, _ := json.Marshal([]Record{{"errorCode": code, "message": text}}) // strings alone
		return out
	}
	r, err := http.NewRequestWithContext(c.r.Context(), strings.ToUpper(method), url, bytes.NewReader(body))
	if err != nil {
		return http.StatusBadRequest, fault("INVALID_URL", "the address of a subrequest is none"), nil
	}
	r.RequestURI = url
	r.Host = c.r.Host
	for name, v := range headers {
		r.Header.Set(name, v)
	}
	r.Header.Set("Authorization", c.r.Header.Get("Authorization"))
	if strings.Contains(r.URL.Path, "/composite") && !strings.Contains(r.URL.Path, "/composite/sobjects") {
		return http.StatusBadRequest, fault("INVALID_OPERATION", "composite calls do not nest"), nil
	}
	k := &keeper{header: http.Header{}, status: http.StatusOK}
	c.o.mux.ServeHTTP(k, r)
	if answer = k.body.Bytes(); !json.Valid(answer) {
		answer = json.RawMessage("null")
	}
	return k.status, answer, k.header
}

func (c *call) tooMany(n int) bool {
	if n > maxSubrequests {
		c.fail(http.StatusBadRequest, "INVALID_INPUT", "at most 25 subrequests are allowed")
	}
	return n > maxSubrequests
}

// batch makes calls that know nothing of each other.
func (c *call) batch() {
	var body struct {
		HaltOnError   bool
		BatchRequests []struct {
			Method, URL string
			RichInput   json.RawMessage
		}
	}
	if !c.body(&body) || c.tooMany(len(body.BatchRequests)) {
		return
	}
	results, bad := []Record{}, false
	for _, one := range body.BatchRequests {
		if bad && body.HaltOnError {
			results = append(results, Record{"statusCode": http.StatusPreconditionFailed, "result": []Record{{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}}})
			continue
		}
		status, answer, _ := c.sub(one.Method, one.URL, one.RichInput, nil)
		bad = bad || status >= http.StatusBadRequest
		results = append(results, Record{"statusCode": status, "result": answer})
	}
	c.answer(http.StatusOK, Record{"hasErrors": bad, "results": results})
}

var referenceForm = regexp.MustCompile(`@\{([A-Za-z0-9_]+)\.([A-Za-z0-9_.\[\]]+)\}`)

// composite makes calls that may use the answers of earlier ones, as @{account.id}. allOrNone is not played: what was
// written before a failure stays, as with allOrNone false.
func (c *call) composite() {
	var body struct {
		AllOrNone        bool
		CompositeRequest []struct {
			Method, URL, ReferenceID string
			Body                     json.RawMessage
			HTTPHeaders              map[string]string
		}
	}
	if !c.body(&body) || c.tooMany(len(body.CompositeRequest)) {
		return
	}
	if body.AllOrNone && len(body.CompositeRequest) > 1 {
		c.fail(http.StatusBadRequest, "INVALID_INPUT", "this stand-in takes allOrNone for one subrequest alone")
		return
	}
	known := map[string]any{}
	results := []Record{}
	for _, one := range body.CompositeRequest {
		url, ok := dereference(one.URL, known)
		text, ok2 := dereference(string(one.Body), known)
		if !ok || !ok2 {
			results = append(results, Record{"referenceId": one.ReferenceID, "httpStatusCode": http.StatusBadRequest, "httpHeaders": Record{}, "body": []Record{{"errorCode": "PROCESSING_HALTED", "message": "Invalid reference specified. No value for " + one.URL + " found"}}})
			continue
		}
		status, answer, header := c.sub(one.Method, url, json.RawMessage(text), one.HTTPHeaders)
		var value any
		if json.Unmarshal(answer, &value) == nil && status < http.StatusMultipleChoices {
			known[one.ReferenceID] = value
		}
		headers := Record{}
		if at := header.Get("Location"); at != "" {
			headers["Location"] = at
		}
		results = append(results, Record{"referenceId": one.ReferenceID, "httpStatusCode": status, "httpHeaders": headers, "body": answer})
	}
	c.answer(http.StatusOK, Record{"compositeResponse": results})
}

// dereference puts earlier answers in the place of references; ok is false when there is none such.
func dereference(s string, known map[string]any) (out string, ok bool) {
	ok = true
	out = referenceForm.ReplaceAllStringFunc(s, func(ref string) string {
		m := referenceForm.FindStringSubmatch(ref)
		v := known[m[1]]
		for _, step := range strings.FieldsFunc(m[2], func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
			switch x := v.(type) {
			case map[string]any:
				v = x[step]
			case []any:
				at := 0
				for _, d := range step {
					at = min(at*10+int(d-'0'), len(x))
				}
				if v = nil; at >= 0 && at < len(x) {
					v = x[at]
				}
			default:
				v = nil
			}
		}
		text, isText := v.(string)
		ok = ok && isText
		return text
	})
	return out, ok
}
