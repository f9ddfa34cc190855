package simulation

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
)

// check holds a finished history against what must be true of any:
//
//   - every run has ended, its ledger closes, and what it says it wrote is what there is of it
//   - runs that failed or were canceled have left no file; what they staged is left only where a process died before the
//     bucket came back
//   - no version of a record comes twice in one run
//   - the windows of an incremental flow's successful runs meet, without gap or overlap, and end at its watermark
//   - every record that has come to rest before the watermark was delivered in that last version, exactly once; those that
//     were deleted meanwhile need not
func check(t *testing.T, w *world, flows []string) {
	staged := w.bucket.Staged()
	files := w.files(t)
	rows := w.vendor.rows()
	for _, name := range flows {
		list, mark := w.executions(t, name)
		var got []string // of all successful runs
		var windows []flow.Window
		for _, x := range slices.Backward(list) {
			out := slices.Concat(files[x.ID], rows[x.ID])
			delete(files, x.ID)
			delete(rows, x.ID)
			require.True(t, x.Status.Done(), "%s: %s", name, x.ID)
			isRows := x.Definition.Destinations[0].Connector == rowsType
			if x.Status != flow.ExecutionSuccessful {
				require.True(t, isRows || len(out) == 0, "%s of %s is %s and has left %v", x.ID, name, x.Status, out)
				continue
			}
			require.NotContains(t, strings.Join(staged, " "), x.ID, "staged output is left of a successful run")
			require.True(t, x.Totals.Closes(), "%s: %+v", x.ID, x.Totals)
			require.EqualValues(t, len(out), x.Totals.Written, "%s of %s says it wrote %d", x.ID, name, x.Totals.Written)
			require.Len(t, distinct(out), len(out), "%s of %s has doubles: %v", x.ID, name, out)
			got = append(got, out...)
			if x.Window != nil {
				windows = append(windows, *x.Window)
			}
		}
		if len(windows) > 0 {
			w.checkWindows(t, name, windows, mark, got)
		}
	}
	require.Empty(t, files, "files that belong to no run")
	require.Empty(t, rows, "rows that belong to no run")
}

func (w *world) checkWindows(t *testing.T, name string, windows []flow.Window, mark *flow.Watermark, got []string) {
	slices.SortFunc(windows, func(a, b flow.Window) int { return a.To.Compare(b.To) })
	for i := 1; i < len(windows); i++ {
		require.Equal(t, windows[i-1].To, windows[i].From, "%s: windows do not meet: %v", name, windows)
	}
	require.NotNil(t, mark, name)
	end := windows[len(windows)-1].To
	require.Equal(t, end, mark.To, "%s: the watermark", name)
	count := map[string]int{}
	for _, v := range got {
		count[v]++
	}
	for v, n := range count {
		require.Equal(t, 1, n, "%s: %s was delivered %d times", name, v, n)
	}
	for id, list := range w.vendor.versions {
		last := list[len(list)-1]
		if w.vendor.gone[id].Before(w.began.Add(horizon)) || last.stamp.Before(windows[0].From) || !last.stamp.Before(end) {
			continue
		}
		require.Equal(t, 1, count[last.String()], "%s: %s, changed %s, was not delivered; windows %v", name, last, last.stamp.Format(time.RFC3339), windows)
	}
}

// executionID finds the execution in a key.
var executionID = regexp.MustCompile(`00000000-0000-4000-8000-[0-9]{12}`)

// files reads the output, by execution.
func (w *world) files(t *testing.T) map[string][]string {
	out := map[string][]string{}
	b := w.bucket.Open()
	for o, err := range b.List(t.Context(), "") {
		require.NoError(t, err)
		in, err := b.OpenAt(t.Context(), o.Key, 0, -1, "")
		require.NoError(t, err)
		data, err := io.ReadAll(in)
		require.NoError(t, err)
		id := executionID.FindString(o.Key)
		for line := range strings.Lines(string(data)) {
			var row struct{ Version string }
			require.NoError(t, json.Unmarshal([]byte(line), &row), "%s: %s", o.Key, line)
			out[id] = append(out[id], row.Version)
		}
	}
	return out
}

func distinct(list []string) []string {
	sorted := slices.Clone(list)
	slices.Sort(sorted)
	return slices.Compact(sorted)
}

// text is the history for people.
func (w *world) text() string { return fmt.Sprintf("seed %d\n%s", w.seed, strings.Join(w.log, "\n")) }
