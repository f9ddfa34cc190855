package wire

import (
	"math"
	"slices"
	"strconv"
)

// This file writes the members that the generated encode methods name: one function per kind of member. An absent member
// (nil) writes nothing; an empty list, map or structure is written. Map entries are sorted by key, so that equal values
// have equal texts.

// encodable is implemented by the pointer of every generated structure.
type encodable[T any] interface {
	*T
	AppendJSON(dst []byte) []byte
}

func encodeString(b []byte, name string, v *string) []byte {
	if v == nil {
		return b
	}
	return appendQuoted(appendName(b, name), *v)
}

func encodeBool(b []byte, name string, v *bool) []byte {
	if v == nil {
		return b
	}
	return strconv.AppendBool(appendName(b, name), *v)
}

func encodeInteger[N int32 | int64](b []byte, name string, v *N) []byte {
	if v == nil {
		return b
	}
	return strconv.AppendInt(appendName(b, name), int64(*v), 10)
}

// encodeFloat leaves out what JSON has no number for.
func encodeFloat(b []byte, name string, v *float64) []byte {
	if v == nil || math.IsNaN(*v) || math.IsInf(*v, 0) {
		return b
	}
	return appendNumber(appendName(b, name), *v)
}

func encodeTimestamp(b []byte, name string, v *Timestamp) []byte {
	if v == nil {
		return b
	}
	return appendTimestamp(appendName(b, name), *v)
}

func encodeStruct[T any, P encodable[T]](b []byte, name string, v P) []byte {
	if v == nil {
		return b
	}
	return v.AppendJSON(appendName(b, name))
}

func encodeStructs[T any, P encodable[T]](b []byte, name string, items []T) []byte {
	if items == nil {
		return b
	}
	return appendStructs[T, P](appendName(b, name), items)
}

func appendStructs[T any, P encodable[T]](b []byte, items []T) []byte {
	b = append(b, '[')
	for i := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = P(&items[i]).AppendJSON(b)
	}
	return append(b, ']')
}

func encodeStrings[S ~string](b []byte, name string, items []S) []byte {
	if items == nil {
		return b
	}
	b = append(appendName(b, name), '[')
	for i, s := range items {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, string(s))
	}
	return append(b, ']')
}

func encodeStringMap[K ~string](b []byte, name string, m map[K]string) []byte {
	return encodeMap(b, name, m, appendQuoted)
}

func encodeStructMap[K ~string, T any, P encodable[T]](b []byte, name string, m map[K]T) []byte {
	return encodeMap(b, name, m, func(b []byte, v T) []byte { return P(&v).AppendJSON(b) })
}

func encodeStructsMap[K ~string, T any, P encodable[T]](b []byte, name string, m map[K][]T) []byte {
	return encodeMap(b, name, m, appendStructs[T, P])
}

func encodeMap[K ~string, V any](b []byte, name string, m map[K]V, value func([]byte, V) []byte) []byte {
	if m == nil {
		return b
	}
	b = append(appendName(b, name), '{')
	for i, key := range sortedKeys(m, make([]K, 0, 16)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendQuoted(b, string(key)), ':')
		b = value(b, m[key])
	}
	return append(b, '}')
}

// sortedKeys appends m's keys to buf, which lets small maps do without an allocation.
func sortedKeys[K ~string, V any](m map[K]V, buf []K) []K {
	for key := range m {
		buf = append(buf, key)
	}
	slices.Sort(buf)
	return buf
}
