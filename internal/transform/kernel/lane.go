package kernel

import "weir.dev/weir/batch"

// Lane is a column with the rows of it that count, ascending.
type Lane struct {
	Col  batch.Column
	Rows []int32
}

// Failure is a row that could not be done. For kernels that make a column, At is the row of the new column, which holds
// a null there; for [Validate] it is the row of the column that was looked at.
type Failure struct {
	At  int32
	Why Reason
}

// Reason is why a row failed. It never tells the value.
type Reason uint8

// Reasons.
const (
	Missing Reason = iota + 1
	NotNumber
	IsZero
	IsNegative
	DivisionByZero
	TooManyDigits
	TooLong
	NotOfType
	reasons
)

// Reasons is the number of reasons plus one, for tables of messages.
const Reasons = int(reasons)

func (r Reason) String() string {
	switch r {
	case Missing:
		return "the value is missing"
	case NotNumber:
		return "the value is not a number"
	case IsZero:
		return "the value is zero"
	case IsNegative:
		return "the value is negative"
	case DivisionByZero:
		return "division by zero"
	case TooManyDigits:
		return "the number has more than 1000 digits before or after its point"
	case TooLong:
		return "the result is longer than 1 GiB"
	case NotOfType:
		return "the value does not fit the type"
	}
	return "unknown reason"
}

// blockRows is how many rows go through a loop together: what the scratch holds of them stays in the first-level cache.
const blockRows = 512

// Scratch is the memory kernels work in. The zero value is ready. For one goroutine; kernels leave nothing in it that
// another call needs.
type Scratch struct {
	numbers [2][blockRows]number
	ints    [blockRows]int64
	state   [blockRows]uint8 // of ints and texts: isNull, isBad or isGood
	pass    [blockRows]uint8 // 1 for rows that match
	texts   [blockRows][]byte
	text    []byte // bytes that texts made here point into
}

// States of a value brought into plain form. isLarge is for numbers only.
const (
	isGood  uint8 = iota // a value
	isLarge              // a number outside the fast form: read the cell again
	isNull
	isBad // not of the wanted form
)

// Forget drops what the scratch still points to of columns that are gone, and memory that one huge value made it take.
func (s *Scratch) Forget() {
	clear(s.texts[:])
	if cap(s.text) > 1<<20 {
		s.text = nil
	}
}
