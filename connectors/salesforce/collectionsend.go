package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

const (
	// lockTries is how often a record is sent that somebody else is writing at the moment.
	lockTries = 5
	// deleteTries is how often a deletion is sent whose answer is lost: one that has been done is told from one that has not.
	deleteTries = 4
)

// send sends a call, and says what has become of its records. Those that are locked are to be sent again, unless it is the
// last time.
func (s *sending) send(ctx context.Context, c *call, last bool) (st step, err error) {
	all := make([]int, len(c.rows))
	for i := range all {
		all[i] = i
	}
	answers, err := s.ask(ctx, c, all)
	if err != nil {
		return st, err
	}
	for i := range answers {
		a := &answers[i]
		w := a.first()
		switch {
		case a.Success:
		case isLocked(w.Code) && !last:
			st.Again = append(st.Again, c.rows[i])
		case a.reason != "":
			st.Refused = append(st.Refused, connector.Refusal{Row: c.rows[i], Reason: a.reason})
		default:
			st.Refused = append(st.Refused, connector.Refusal{Row: c.rows[i], Reason: s.conn.reason(w.Code, w.Message, w.Fields)})
		}
	}
	return st, nil
}

// waitAfter is how long to wait after some tries.
func waitAfter(tries int) time.Duration {
	step := time.Second << (tries - 1)
	return step/2 + rand.N(step)
}

// answer is what Salesforce says of one record.
type answer struct {
	Success bool    `json:"success"`
	Errors  []wrong `json:"errors"`

	reason string // in place of errors
}

// wrong is one thing that is wrong with a record.
type wrong struct {
	Code    string   `json:"statusCode"`
	Message string   `json:"message"`
	Fields  []string `json:"fields"`
}

// first is what is wrong with the record, where something is.
func (a *answer) first() (w wrong) {
	if len(a.Errors) > 0 {
		w = a.Errors[0]
	}
	return w
}

// reason is why a record was refused, in the same words whichever API says it: "CODE: message [Field, …]".
func (c *connection) reason(code, message string, fields []string) string {
	text := code
	if message != "" {
		text += ": " + message
	}
	if len(fields) > 0 {
		text += " [" + strings.Join(fields, ", ") + "]"
	}
	if text == "" {
		text = "Salesforce refused it without a reason"
	}
	return rest.Plain(c.client.Hide(text), maxReason)
}

// ask sends some records of a call, and returns an answer for each. Where one record fails them all they are halved until
// it stands alone.
func (s *sending) ask(ctx context.Context, c *call, which []int) ([]answer, error) {
	answers, err := s.once(ctx, c, which)
	reason, ok := aboutOne(err)
	if !ok {
		return answers, err
	}
	if len(which) == 1 {
		return []answer{{reason: reason}}, nil
	}
	half := len(which) / 2
	first, err := s.ask(ctx, c, which[:half])
	if err != nil {
		return nil, err
	}
	second, err := s.ask(ctx, c, which[half:])
	return append(first, second...), err
}

// aboutOne reports whether the error of a whole call is about a value of one of its records, and what it says.
func aboutOne(err error) (reason string, ok bool) {
	if err == nil {
		return "", false
	}
	text := err.Error()
	for _, about := range []string{"JSON_PARSER_ERROR", "INVALID_FIELD: Foreign key external ID", "INVALID_FIELD: More than one record found for external id"} {
		if at := strings.Index(text, about); at >= 0 {
			reason, _, _ = strings.Cut(text[at:], "; a field that is gone") // advice for other fields
			return reason, true
		}
	}
	return "", false
}

// once sends one request.
func (s *sending) once(ctx context.Context, c *call, which []int) ([]answer, error) {
	r := s.request(c, which)
	var answers []answer
	r.Accept = func(a *rest.Answer) error {
		answers = nil
		if err := json.Unmarshal(a.Body, &answers); err != nil {
			return fault.Temporary(fault.ConnectorServer, nil, "the answer is no list of results")
		}
		if len(answers) != len(which) {
			return fault.New(fault.ConnectorServer, "of %d records Salesforce says what became of %d", len(which), len(answers))
		}
		return nil
	}
	for try := 1; ; try++ {
		_, err := s.conn.client.Do(ctx, r)
		class, _ := fault.RetryOf(err)
		lost := err != nil && class == fault.Transient
		switch {
		case err == nil:
			s.forgive(c, answers)
			s.inDoubt = false
			return answers, nil
		case lost && c.method == http.MethodPost:
			return nil, fault.Temporary(fault.CodeOf(err), err, "%d new records may have been written or not, and are sent again: they may be there twice", len(which))
		case !lost || c.method != http.MethodDelete || try == deleteTries:
			return nil, err
		}
		s.inDoubt = true
		if err := sleep(ctx, waitAfter(try), s.doing()); err != nil {
			return nil, err
		}
	}
}

// forgive takes a record that is gone for deleted, where an earlier request may have been the one that did it.
func (s *sending) forgive(c *call, answers []answer) {
	if !s.inDoubt || c.method != http.MethodDelete {
		return
	}
	for i := range answers {
		if answers[i].first().Code == "ENTITY_IS_DELETED" {
			answers[i] = answer{Success: true}
		}
	}
}

func (s *sending) request(c *call, which []int) *rest.Request {
	r := &rest.Request{Doing: s.doing(), Method: c.method, Path: c.path, Once: c.method != http.MethodPatch}
	if c.method == http.MethodDelete {
		ids := make([]string, len(which))
		for i, n := range which {
			ids[i] = string(c.record(n))
		}
		r.Query = url.Values{"ids": {strings.Join(ids, ",")}, "allOrNone": {"false"}}
		return r
	}
	r.Body = fmt.Append(make([]byte, 0, len(c.text)+len(which)+64), `{"allOrNone":false,"records":[`)
	for i, n := range which {
		if i > 0 {
			r.Body = append(r.Body, ',')
		}
		r.Body = append(r.Body, c.record(n)...)
	}
	r.Body = append(r.Body, "]}"...)
	return r
}
