package transform_test

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"weir.dev/weir/batch"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/plan"
)

// The twin is the meaning of a program, one row and one value at a time, with big numbers and strings and without a
// thought for speed. Tests compare it with the kernels on random batches.

// value is one cell.
type value struct {
	kind  batch.Kind
	null  bool
	text  string // text kinds: the cell as it stands; Binary: the bytes
	bool  bool
	int   int64 // Int32, Int64, Date, Time, Timestamp, and the unscaled Decimal where big is nil
	big   *big.Int
	float float64
}

func text(s string) value { return value{kind: batch.Kind{Type: batch.Text}, text: s} }

func str(s string) value { return value{kind: batch.Kind{Type: batch.String}, text: s} }

var null = value{null: true}

// missing is the one meaning of null.
func (v value) missing() bool {
	return v.null || v.kind.Type == batch.Text && v.text == "" || v.kind.Type == batch.JSON && v.text == "null"
}

// form is the text form.
func (v value) form() string {
	switch v.kind.Type {
	case batch.Text, batch.String:
		return v.text
	case batch.JSON:
		var s string
		if v.text[0] == '"' && json.Unmarshal([]byte(v.text), &s) == nil {
			return s
		}
		return v.text
	case batch.Bool:
		return strconv.FormatBool(v.bool)
	case batch.Int32, batch.Int64:
		return strconv.FormatInt(v.int, 10)
	case batch.Float64:
		return string(batch.AppendFloat(nil, v.float))
	case batch.Decimal:
		return new(big.Rat).SetFrac(v.unscaled(), pow10(int(v.kind.Scale))).FloatString(int(v.kind.Scale))
	case batch.Date:
		return time.Unix(v.int*86400, 0).UTC().Format("2006-01-02")
	case batch.Time:
		return clock(time.UnixMicro(v.int).UTC())
	case batch.Timestamp:
		t := time.UnixMicro(v.int).UTC()
		return t.Format("2006-01-02T") + clock(t) + "Z"
	}
	return base64.StdEncoding.EncodeToString([]byte(v.text))
}

func (v value) unscaled() *big.Int {
	if v.big != nil {
		return v.big
	}
	return big.NewInt(v.int)
}

func clock(t time.Time) string {
	if t.Nanosecond()%1e6 != 0 {
		return t.Format("15:04:05.000000")
	}
	return t.Format("15:04:05.000")
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

var numeral = regexp.MustCompile(`^[ \t]*([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?[0-9]{1,9}))?[ \t]*$`)

// number reads a numeral exactly. Exponents beyond a few thousand are the tests' to avoid.
func number(s string) (*big.Rat, bool) {
	m := numeral.FindStringSubmatch(s)
	if m == nil || m[2]+m[3] == "" {
		return nil, false
	}
	digits, _ := new(big.Int).SetString(m[2]+m[3], 10)
	exp, _ := strconv.Atoi(m[4])
	exp -= len(m[3])
	r := new(big.Rat).SetInt(digits)
	if exp < 0 {
		r.Quo(r, new(big.Rat).SetInt(pow10(-exp)))
	} else {
		r.Mul(r, new(big.Rat).SetInt(pow10(exp)))
	}
	if m[1] == "-" {
		r.Neg(r)
	}
	return r, true
}

// number is the value's number, if it is one.
func (v value) number() (*big.Rat, bool) {
	switch v.kind.Type {
	case batch.Float64:
		if math.IsNaN(v.float) || math.IsInf(v.float, 0) {
			return nil, false
		}
		return number(v.form())
	case batch.Text, batch.String, batch.JSON, batch.Int32, batch.Int64, batch.Decimal:
		return number(v.form())
	}
	return nil, false
}

var instantForm = regexp.MustCompile(`^[ \t]*([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[Tt ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]+))?)?(?: ?(?:[Zz]|UTC|([+-])([0-9]{2})(?::?([0-9]{2}))?))?)?[ \t]*$`)
var millisForm = regexp.MustCompile(`^[ \t]*(-?[0-9]{1,15})[ \t]*$`)

// instant reads a text as a time in microseconds.
func instant(s string) (int64, bool) {
	if m := millisForm.FindStringSubmatch(s); m != nil {
		ms, _ := strconv.ParseInt(m[1], 10, 64)
		return ms * 1000, plausible(ms)
	}
	m := instantForm.FindStringSubmatch(s)
	if m == nil {
		return 0, false
	}
	n := func(i int) int { x, _ := strconv.Atoi(m[i]); return x }
	t := time.Date(n(1), time.Month(n(2)), n(3), n(4), n(5), n(6), 0, time.UTC)
	if t.Month() != time.Month(n(2)) || t.Day() != n(3) || n(4) > 23 || n(5) > 59 || n(6) > 59 || n(9) > 23 || n(10) > 59 {
		return 0, false
	}
	fraction, _ := strconv.Atoi((m[7] + "000000")[:6])
	offset := time.Duration(n(9))*time.Hour + time.Duration(n(10))*time.Minute
	if m[8] == "-" {
		offset = -offset
	}
	return t.Unix()*1e6 + int64(fraction) - offset.Microseconds(), true
}

// plausible keeps counts of milliseconds within the years 0 to 9999.
func plausible(ms int64) bool {
	return ms >= time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli() && ms < time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
}

func (v value) instant() (int64, bool) {
	switch v.kind.Type {
	case batch.Text, batch.String, batch.JSON:
		return instant(v.form())
	case batch.Int32, batch.Int64:
		return v.int * 1000, plausible(v.int)
	case batch.Date:
		return v.int * 86400e6, true
	case batch.Timestamp:
		return v.int, true
	}
	return 0, false
}

func (v value) boolean() (int64, bool) {
	if v.kind.Type == batch.Bool {
		return map[bool]int64{true: 1}[v.bool], true
	}
	if v.kind.IsText() {
		switch strings.ToLower(strings.Trim(v.form(), " \t")) {
		case "true":
			return 1, true
		case "false":
			return 0, true
		}
	}
	return 0, false
}

// matches decides a filter for one value.
func matches(f plan.Filter, v value) bool {
	if v.missing() {
		return false
	}
	one := func(literal string) (c int, ok bool) {
		switch f.Compare {
		case flow.CompareNumber:
			x, ok := v.number()
			l, _ := number(literal)
			if !ok {
				return 0, false
			}
			if v.kind.Type == batch.Float64 {
				nearest, _ := l.Float64()
				return compareFloats(v.float, nearest), true
			}
			return x.Cmp(l), true
		case flow.CompareInstant:
			x, ok := v.instant()
			ms, _ := strconv.ParseInt(literal, 10, 64)
			return big.NewInt(x).Cmp(new(big.Int).Mul(big.NewInt(ms), big.NewInt(1000))), ok
		case flow.CompareBoolean:
			x, ok := v.boolean()
			l, _ := text(literal).boolean()
			return int(x - l), ok
		}
		return strings.Compare(v.form(), literal), true
	}
	test := func(literal string, op flow.Operator) bool {
		c, ok := one(literal)
		switch op {
		case flow.OpEqualTo:
			return ok && c == 0
		case flow.OpNotEqualTo:
			return ok && c != 0
		case flow.OpLessThan:
			return ok && c < 0
		case flow.OpLessThanOrEqualTo:
			return ok && c <= 0
		case flow.OpGreaterThan:
			return ok && c > 0
		case flow.OpGreaterThanOrEqualTo:
			return ok && c >= 0
		}
		return strings.Contains(v.form(), literal)
	}
	switch f.Operator {
	case flow.OpBetween:
		return test(f.Values[0], flow.OpGreaterThanOrEqualTo) && test(f.Values[1], flow.OpLessThanOrEqualTo)
	case flow.OpNotEqualTo:
		return !slices.ContainsFunc(f.Values, func(l string) bool { return !test(l, f.Operator) })
	}
	return slices.ContainsFunc(f.Values, func(l string) bool { return test(l, f.Operator) })
}

func compareFloats(x, y float64) int {
	switch {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// valid decides a validation for one value.
func valid(v plan.Validation, x value) bool {
	if x.missing() {
		return false
	}
	n, ok := x.number()
	switch v.Operator {
	case flow.OpValidateNonNull:
		return true
	case flow.OpValidateNonZero:
		return ok && n.Sign() != 0
	case flow.OpValidateNonNegative:
		return ok && n.Sign() >= 0
	}
	return ok
}

// compute is arithmetic on one row; false refuses it.
func compute(op flow.Operator, a, b value) (value, bool) {
	x, okA := a.number()
	y, okB := b.number()
	if !a.missing() && !okA || !b.missing() && !okB {
		return null, false
	}
	if a.missing() || b.missing() {
		return null, true
	}
	if op == flow.OpDivision && y.Sign() == 0 || tooLong(x) || tooLong(y) {
		return null, false
	}
	z := new(big.Rat)
	switch op {
	case flow.OpAddition:
		z.Add(x, y)
	case flow.OpSubtraction:
		z.Sub(x, y)
	case flow.OpMultiplication:
		z.Mul(x, y)
	case flow.OpDivision:
		z = roundQuotient(z.Quo(x, y))
	}
	return text(canonical(z)), !tooLong(z)
}

// roundQuotient rounds half to even to 16 decimals, or below one to 16 significant digits.
func roundQuotient(z *big.Rat) *big.Rat {
	places := 16
	limit := big.NewRat(1, 10)
	for abs := new(big.Rat).Abs(z); abs.Sign() > 0 && abs.Cmp(limit) < 0; abs.Mul(abs, big.NewRat(10, 1)) {
		places++
	}
	return roundTo(z, places)
}

// roundTo rounds half to even to a number of decimals.
func roundTo(z *big.Rat, places int) *big.Rat {
	unit := new(big.Rat).SetInt(pow10(places))
	scaled := new(big.Rat).Mul(z, unit)
	floor, rest := new(big.Int).DivMod(scaled.Num(), scaled.Denom(), new(big.Int))
	switch c := rest.Lsh(rest, 1).Cmp(scaled.Denom()); {
	case c > 0, c == 0 && floor.Bit(0) == 1:
		floor.Add(floor, big.NewInt(1))
	}
	return new(big.Rat).Quo(new(big.Rat).SetInt(floor), unit)
}

// canonical writes a number that ends, without anything it does not need.
func canonical(z *big.Rat) string {
	prec, _ := z.FloatPrec()
	return z.FloatString(prec)
}

func tooLong(z *big.Rat) bool {
	prec, _ := z.FloatPrec()
	whole := strings.TrimPrefix(new(big.Int).Quo(z.Num(), z.Denom()).String(), "-")
	return prec > 1000 || len(whole) > 1000
}

// edited applies one edit to one value.
func edited(e plan.Edit, v value) value {
	out := str(v.form0())
	if v.kind.Type == batch.Text {
		out.kind = v.kind
	}
	if v.missing() {
		out.null = v.null || v.kind.Type == batch.JSON
		out.text = ""
		return out
	}
	runes := []rune(nil)
	var parts []string // characters; a byte that is not UTF-8 is one
	for i, r := range out.text {
		runes = append(runes, r)
		size := 1
		if r != '\uFFFD' || strings.HasPrefix(out.text[i:], "\uFFFD") {
			size = len(string(r))
		}
		parts = append(parts, out.text[i:i+size])
	}
	n := min(e.Length, len(parts))
	switch {
	case e.Truncate > 0:
		out.text = strings.Join(parts[:min(e.Truncate, len(parts))], "")
	case e.Mask == flow.OpMaskFirstN:
		out.text = strings.Repeat(e.With, n) + strings.Join(parts[n:], "")
	case e.Mask == flow.OpMaskLastN:
		out.text = strings.Join(parts[:len(parts)-n], "") + strings.Repeat(e.With, n)
	case out.text == "":
	case e.Length > 0:
		out.text = strings.Repeat(e.With, e.Length)
	default:
		out.text = strings.Repeat(e.With, len(runes))
	}
	return out
}

// form0 is the text form, empty for null.
func (v value) form0() string {
	if v.missing() {
		return ""
	}
	return v.form()
}

// cast brings one value to a type; false refuses the row.
func cast(v value, kind batch.Kind) (value, bool) {
	if v.kind == kind {
		return v, true
	}
	out := value{kind: kind}
	if v.missing() {
		out.null = true
		return out, true
	}
	switch kind.Type {
	case batch.Int32, batch.Int64:
		x, ok := v.number()
		if !ok || !x.IsInt() || !x.Num().IsInt64() || kind.Type == batch.Int32 && (x.Num().Int64() != int64(int32(x.Num().Int64()))) {
			return out, false
		}
		out.int = x.Num().Int64()
	case batch.Float64:
		x, ok := v.number()
		if !ok {
			return out, false
		}
		out.float, _ = x.Float64()
		if x.Sign() == 0 && strings.Contains(v.form(), "-") && len(v.form()) > 18 {
			out.float = math.Copysign(0, -1) // as strconv reads it
		}
		return out, !math.IsInf(out.float, 0)
	case batch.Decimal:
		x, ok := v.number()
		if !ok {
			return out, false
		}
		x = roundTo(x, int(kind.Scale))
		x.Mul(x, new(big.Rat).SetInt(pow10(int(kind.Scale))))
		out.big = x.Num()
		return out, new(big.Int).Abs(out.big).Cmp(pow10(int(kind.Precision))) < 0
	case batch.Bool:
		x, ok := v.boolean()
		out.bool = x == 1
		return out, ok
	case batch.Timestamp, batch.Date:
		x, ok := v.instant()
		out.int = x
		if kind.Type == batch.Date {
			out.int = x / 86400e6
			ok = ok && x%86400e6 == 0
		}
		return out, ok
	case batch.Time:
		if !v.kind.IsText() {
			return out, false
		}
		x, ok := instant("1970-01-01T" + strings.Trim(v.form(), " \t"))
		out.int = x
		return out, ok && !strings.ContainsAny(v.form(), "+-UTC") && !strings.Contains(strings.Trim(v.form(), " \t"), " ")
	case batch.Binary:
		out.text = v.text
		return out, v.kind.Type == batch.Text || v.kind.Type == batch.String
	}
	return out, true
}

// outcome is what becomes of one row.
type outcome struct {
	fate   string // "kept", "filtered", "dropped", "refused", "ends the run"
	task   string
	values []value // of the outputs, when kept
}

// twin runs the program on one row.
func twin(p plan.Program, row []value, kinds func(flow.Type, [2]int32) batch.Kind) outcome {
	fields := map[string]value{}
	for i, c := range p.Input {
		fields[c.Name] = row[i]
	}
	for _, f := range p.Filters {
		if !matches(f, fields[f.Field]) {
			return outcome{fate: "filtered"}
		}
	}
	for _, ends := range []bool{true, false} {
		for _, v := range p.Validations {
			if v.DropDataset == ends && !valid(v, fields[v.Field]) {
				return outcome{fate: map[bool]string{true: "ends the run", false: "dropped"}[ends], task: v.Task.Label}
			}
		}
	}
	for _, d := range p.Derived {
		if d.Operator != flow.OpNoOp {
			z, ok := compute(d.Operator, fields[d.Fields[0]], fields[d.Fields[1]])
			if !ok {
				return outcome{fate: "refused", task: d.Task.Label}
			}
			fields[d.Name] = z
			continue
		}
		var s string
		for _, piece := range d.Format {
			if piece.Field != "" {
				s += fields[piece.Field].form0()
			}
			s += piece.Literal
		}
		fields[d.Name] = str(s)
	}
	for _, truncations := range []bool{true, false} {
		for _, e := range p.Edits {
			if (e.Truncate > 0) == truncations {
				fields[e.Field] = edited(e, fields[e.Field])
			}
		}
	}
	out := outcome{fate: "kept"}
	for _, o := range p.Outputs {
		v := fields[o.Field]
		if kind := kinds(o.Type, o.Dec); kind.Type != 0 {
			var ok bool
			if v, ok = cast(v, kind); !ok {
				return outcome{fate: "refused", task: o.Task.Label}
			}
		}
		out.values = append(out.values, v)
	}
	return out
}
