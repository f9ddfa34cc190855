// Package kernel holds the loops a program is made of. Each works on one or two columns: it drops rows from a selection
// (Filter…, [Validate]), or makes a column from others ([Arithmetic], [Merge], [Truncate], [Mask], [Cast], [Gather]).
//
// Rows are chosen by selections: ascending row numbers of a column. A [Lane] is a column with its selection. Kernels that
// make a column make a dense one, whose row k comes from the lane's k-th chosen row; they read nothing outside the
// selection. Loops run in blocks of a few hundred rows: one loop per kind of column brings a block into a plain form
// (numbers, instants, texts), and one loop per operation works on that form. What is rare (numbers of more than 18
// digits, escapes, text that is not ASCII) leaves the fast loop for a slower one that decides the same.
//
// A value is null when its row is null, when it is the JSON value null, and when it is an empty text cell (kind Text):
// CSV has no other way to say that there is nothing. An empty String is a value.
//
// A row that cannot be done is reported as a [Failure] and never stops the loop. Kernels know no tasks, no contexts and
// no logs; they allocate per column, not per row. The caller releases the columns they return and keeps what it gave.
package kernel
