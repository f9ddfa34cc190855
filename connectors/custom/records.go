package custom

import (
	"bytes"
	"context"
	"unicode/utf8"

	"weir.dev/weir/batch"
	"weir.dev/weir/connectorkit/rest"
	"weir.dev/weir/fault"
)

// recordsAnswer is an answer to QueryData or RetrieveData.
type recordsAnswer struct {
	records []byte // a JSON array of what the records' texts hold, which has not been checked yet
	count   int
	bytes   int // of the records, as the connector wrote them
	next    string
}

// readRecords takes the records out of a successful answer. First is the number of the first one, for messages.
func readRecords(entity string, first int64, answer []byte) (recordsAnswer, error) {
	wrong := func(err error) error {
		return fault.Wrap(fault.CodeOf(err), err, "reading entity %q", entity)
	}
	envelope, list, err := rest.Split(answer, "records")
	if err != nil {
		return recordsAnswer{}, wrong(err)
	}
	out := recordsAnswer{bytes: len(list), next: envelope.Text("nextToken")}
	if out.records, out.count, err = unwrap(list, first); err != nil {
		return recordsAnswer{}, wrong(err)
	}
	return out, nil
}

// unwrap turns an array of texts, each the JSON of a record, into an array of records. What the texts hold is checked by
// whoever decodes it; here it is made sure that each is there and no text but a whole one.
func unwrap(list []byte, first int64) (records []byte, count int, err error) {
	at := skipSpace(list, 0)
	if at >= len(list) || list[at] != '[' {
		return nil, 0, fault.New(fault.ConnectorServer, "records is no list")
	}
	out := append(make([]byte, 0, len(list)+2), '[')
	for at = skipSpace(list, at+1); at < len(list) && list[at] != ']'; at = skipSpace(list, at+1) {
		if list[at] != '"' {
			return nil, 0, fault.New(fault.ConnectorServer, "record %d is %s, not a text that holds a JSON object", first+int64(count), named(list[at]))
		}
		end, ok := endOfText(list, at+1)
		if !ok {
			return nil, 0, fault.New(fault.ConnectorServer, "record %d is not a whole text", first+int64(count))
		}
		if count > 0 {
			out = append(out, ',')
		}
		begin := len(out)
		out = batch.AppendUnescaped(out, list[at+1:end])
		if text := bytes.TrimSpace(out[begin:]); len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
			return nil, 0, fault.New(fault.ConnectorServer, "record %d does not hold a JSON object", first+int64(count))
		}
		count++
		at = skipSpace(list, end+1)
		if at < len(list) && list[at] == ']' {
			break
		}
		if at >= len(list) || list[at] != ',' {
			return nil, 0, fault.New(fault.ConnectorServer, "something is wrong behind record %d", first+int64(count)-1)
		}
	}
	if at >= len(list) || skipSpace(list, at+1) != len(list) {
		return nil, 0, fault.New(fault.ConnectorServer, "the list of records has no end")
	}
	if !utf8.Valid(out) {
		return nil, 0, fault.New(fault.ConnectorServer, "the records hold bytes that are not UTF-8")
	}
	return append(out, ']'), count, nil
}

// endOfText is where the quote is that ends the text which begins at an offset. Control characters and escapes that JSON
// does not have end it badly.
func endOfText(b []byte, at int) (int, bool) {
	for at < len(b) {
		switch c := b[at]; {
		case c == '"':
			return at, true
		case c < ' ':
			return 0, false
		case c != '\\':
			at++
		case at+1 >= len(b):
			return 0, false
		case b[at+1] == 'u':
			if at+6 > len(b) || !isHex(b[at+2:at+6]) {
				return 0, false
			}
			at += 6
		case bytes.IndexByte([]byte(`"\/bfnrt`), b[at+1]) < 0:
			return 0, false
		default:
			at += 2
		}
	}
	return 0, false
}

func isHex(b []byte) bool {
	for _, c := range b {
		if c-'0' > 9 && c|0x20-'a' > 5 {
			return false
		}
	}
	return true
}

func skipSpace(b []byte, at int) int {
	for at < len(b) && (b[at] == ' ' || b[at] == '\n' || b[at] == '\r' || b[at] == '\t') {
		at++
	}
	return at
}

// named says what kind of value begins with a character.
func named(c byte) string {
	switch c {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case 'n':
		return "null"
	}
	return "another value"
}

// retrieve reads records by the values of one field.
func (c *connection) retrieve(ctx context.Context, d *described, fields []string, idField string, ids []string) (recordsAnswer, error) {
	entity := d.schema.Entity
	answer, err := c.call(ctx, "RetrieveData", dataTime, func(s *session) ([]byte, error) {
		return marshal(retrieveDataRequest{Type: "RetrieveDataRequest", Entity: entity, Fields: fields, IDField: idField, IDs: ids, Context: c.context(s, nil, d.raw)})
	})
	if err != nil {
		return recordsAnswer{}, err
	}
	return readRecords(entity, 1, answer)
}
