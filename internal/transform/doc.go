// Package transform compiles a plan's program and runs it over batches: tasks become column kernels, once per split, and
// then loops over columns, once per batch.
//
//	filter → validate → derive → edit → cast and copy
//
// A row leaves at the first step that turns it away, with one reason; a row that fails never stops its batch, except
// under a validation that ends the run. Every row is accounted for: Read = Filtered + len(Rejects) + Out.Rows. Filters
// and validations shrink a selection of row numbers and move nothing; outputs are made from what is left of it, once.
//
// Kernels live in the kernel folder. What they decide (nulls, comparisons, rounding, masks) is written down in
// docs/data-plane.md. Nothing here knows where rows come from or go, and no message holds a value.
package transform
