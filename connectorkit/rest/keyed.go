package rest

import (
	"bytes"
	"io"
)

// Keyed is how some vendors hold an account's own fields: a list in each record, of objects with a key and a value.
type Keyed struct {
	List, Key, Value string // names of members
}

// Into is the name of the member that [Keyed.Spread] adds to a record; no vendor has one of that name.
func (k *Keyed) Into() string { return k.List + "{}" }

// Spread adds to each record of an array an object that has the list's values under their keys, so that a path leads to
// each of them. Records without the list stay as they are; so does a list that has another form.
func (k *Keyed) Spread(records []byte) ([]byte, error) {
	if !bytes.Contains(records, []byte(`"`+k.List+`"`)) {
		return records, nil
	}
	out := make([]byte, 0, len(records)+len(records)/8)
	s := scanner{data: records}
	copied := 0
	err := s.each(func(begin, end int) error {
		record := scanner{data: records[begin:end]}
		if record.peek() != '{' {
			return nil
		}
		from, to, err := record.find([]string{k.List})
		if err != nil || from < 0 {
			return err
		}
		members, err := k.members(record.data[from:to])
		if err != nil || len(members) == 0 {
			return err
		}
		out = append(append(out, records[copied:end-1]...), `,"`...)
		out = append(append(append(out, k.Into()...), `":{`...), members...)
		out = append(out, '}', '}')
		copied = end
		return nil
	}, func() { out = append(out, records[copied:]...) })
	return out, err
}

// members are the list's values with their keys before them, as an object's.
func (k *Keyed) members(list []byte) ([]byte, error) {
	var out []byte
	s := scanner{data: list}
	if s.peek() != '[' {
		return nil, nil
	}
	err := s.each(func(begin, end int) error {
		item := scanner{data: list[begin:end]}
		if item.peek() != '{' {
			return nil
		}
		key, err := item.member(k.Key)
		if err != nil || len(key) == 0 {
			return err
		}
		value, err := item.member(k.Value)
		if err != nil || value == nil {
			return err
		}
		if len(out) > 0 {
			out = append(out, ',')
		}
		if key[0] != '"' {
			out = append(append(append(out, '"'), key...), '"')
		} else {
			out = append(out, key...)
		}
		out = append(append(out, ':'), value...)
		return nil
	}, func() {})
	return out, err
}

// member is a member's value as it stands; nil when there is none.
func (s *scanner) member(name string) ([]byte, error) {
	s.at = 0
	begin, end, err := s.find([]string{name})
	if err != nil || begin < 0 {
		return nil, err
	}
	return s.data[begin:end], nil
}

// each goes over the values of an array, and calls done after the last.
func (s *scanner) each(do func(begin, end int) error, done func()) error {
	s.space()
	if s.peek() != '[' {
		done()
		return nil
	}
	for s.at++; ; {
		s.space()
		switch s.peek() {
		case ']':
			done()
			return nil
		case ',':
			s.at++
			continue
		case 0:
			return torn(s.data, io.ErrUnexpectedEOF)
		}
		begin := s.at
		if err := s.skip(); err != nil {
			return err
		}
		if err := do(begin, s.at); err != nil {
			return err
		}
	}
}
