package fake

import (
	"encoding/binary"
	"errors"
)

// The messages of the Pub/Sub API's proto3 definition, as far as the bus needs them, by their field numbers:
// https://github.com/forcedotcom/pub-sub-api/blob/main/pubsub_api.proto.

// protoField is one field of a message: a number, or bytes.
type protoField struct {
	number int
	n      uint64
	bytes  []byte
}

// protoMessage is a message as it was read, its fields in order.
type protoMessage []protoField

var errProto = errors.New("the message is not in the form of protocol buffers")

func parseProto(b []byte) (protoMessage, error) {
	var m protoMessage
	for len(b) > 0 {
		tag, size := binary.Uvarint(b)
		if size <= 0 || tag>>3 == 0 || tag>>3 > 1<<29-1 {
			return nil, errProto
		}
		b = b[size:]
		f := protoField{number: int(tag >> 3)} //nolint:gosec // checked
		switch tag & 7 {
		case 0:
			f.n, size = binary.Uvarint(b)
			if size <= 0 {
				return nil, errProto
			}
			b = b[size:]
		case 1, 5:
			n := 8 >> (tag & 4 >> 2)
			if len(b) < n {
				return nil, errProto
			}
			b = b[n:]
		case 2:
			n, size := binary.Uvarint(b)
			if size <= 0 || n > uint64(len(b)-size) {
				return nil, errProto
			}
			f.bytes, b = b[size:size+int(n)], b[size+int(n):] //nolint:gosec // checked
		default:
			return nil, errProto
		}
		m = append(m, f)
	}
	return m, nil
}

// text and number are the last value of a field, which is what counts.
func (m protoMessage) raw(number int) []byte {
	for i := len(m) - 1; i >= 0; i-- {
		if m[i].number == number {
			return m[i].bytes
		}
	}
	return nil
}

func (m protoMessage) text(number int) string { return string(m.raw(number)) }

func (m protoMessage) number(number int) int64 {
	for i := len(m) - 1; i >= 0; i-- {
		if m[i].number == number {
			return int64(m[i].n) //nolint:gosec // negative numbers are written so
		}
	}
	return 0
}

// all are the values of a repeated field of messages.
func (m protoMessage) all(number int) ([]protoMessage, error) {
	var list []protoMessage
	for _, f := range m {
		if f.number != number {
			continue
		}
		one, err := parseProto(f.bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func protoBytes(dst []byte, number int, b []byte) []byte {
	if len(b) == 0 {
		return dst
	}
	return protoPart(dst, number, b)
}

// protoPart writes a message in a message, which counts even when it is empty.
func protoPart(dst []byte, number int, b []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(number)<<3|2) //nolint:gosec // small
	dst = binary.AppendUvarint(dst, uint64(len(b)))
	return append(dst, b...)
}

func protoText(dst []byte, number int, s string) []byte { return protoBytes(dst, number, []byte(s)) }

func protoNumber(dst []byte, number int, n uint64) []byte {
	if n == 0 {
		return dst
	}
	return binary.AppendUvarint(binary.AppendUvarint(dst, uint64(number)<<3), n) //nolint:gosec // small
}
