// Package wire is the AppFlow API as it travels: shapes, enums, constraints, JSON codecs, routes and errors of version
// 2020-08-23, generated from the pinned model in api/model. It speaks AWS's restJson1 protocol and nothing else: it
// knows no flows, no store and no connectors, and it never decides whether a request makes sense, only whether it is
// well formed.
//
// # The life of a request
//
//	Match(method, escaped path)         → Operation, Params
//	Operation.NewInput().Decode(req)    → *DecodeError     malformed JSON, wrong JSON type, too deep
//	Input.Validate()                    → *ValidationError  every violated constraint at once, with its path
//	… the server does its work …
//	WriteOutput(w, id, Output)  or  WriteError(w, id, name, status, message)
//
// # What decoding keeps
//
// A decoded structure encodes to the same JSON value again: an absent member, {}, [], [""] and "" stay what they were
// (pointers for scalars and structures, nil against empty for lists and maps). Four things are not kept, on purpose:
// unknown members (the protocol ignores them, but they must be well-formed JSON), an explicit null (it means absent),
// the first of two equal members (the last wins), and digits of a timestamp behind the millisecond. Integer members
// take any number with an integral value that fits (1, 1.0, 1e3), because JSON has one kind of number. Invalid UTF-8 and
// lone surrogates are refused, because they could not be echoed. Strings share the memory of one copy of the body.
//
// # Constraints
//
// Lengths count Unicode code points. Patterns are the model's: they match anywhere unless anchored, $ is the very end of
// the text, and \s and \w mean ASCII, as in Java. A value of a member that the model marks as sensitive appears in no
// error.
//
// # For maintainers
//
// The files named *_gen.go are written by internal/gen/wire; never edit them, run "go generate ./api/wire". What the
// generator adds to the model (members that newer SDKs send) is listed in its overlay.go. The hand-written rest is the
// runtime: json_read.go and json_write.go (JSON text), decode.go and encode.go (members), check.go, rule.go and
// pattern.go (constraints), route.go, errors.go, redact.go (what logs may show).
//
// Everything here may be used concurrently, except that a structure must not be changed while another goroutine reads it.
package wire

//go:generate go run ../../internal/gen/wire
