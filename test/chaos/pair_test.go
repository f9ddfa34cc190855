package chaos_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
	"github.com/stretchr/testify/require"

	"weir.dev/weir/flow"
	"weir.dev/weir/format/formattest"
	"weir.dev/weir/test/pgtest"
)

// takenOver is how long a run may stand still whose server does: a lease and a half, and the rest of its rows.
const takenOver = 30 * time.Second

// startedOn starts runs until one is under way in the given server, and returns it. Another server may be faster to take
// one, and a run may be over before anybody has looked.
func (s *server) startedOn(v variant) began {
	s.t.Helper()
	for i := range 20 {
		b := began{variant: v.named(fmt.Sprint(i)), original: v.name}
		s.create(b.variant)
		b.id = s.tryStart(b.variant)
		require.NotEmpty(s.t, b.id)
		isHere := false
		s.until(func() bool {
			x := s.view(b.id)
			isHere = x.Live != nil && x.Live.Totals.Read > 0
			return isHere || x.Status != flow.ExecutionInProgress || x.Totals.Read > 0
		})
		if isHere {
			return b
		}
	}
	require.FailNow(s.t, "no run was caught under way")
	return began{}
}

func TestPair_ARunOfAServerThatStandsStillOrDiesGoesOnInTheOther(t *testing.T) {
	v := variants[3] // has checkpoints in the middle of splits
	want := undisturbed(t, v)
	for name, stop := range map[string]syscall.Signal{"standing still": syscall.SIGSTOP, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, "--store", pgtest.Start(t))
			first, second := r.boot(), r.boot()
			b := first.startedOn(v)
			first.signal(stop)
			stopped := time.Now()
			require.Equal(t, types.ExecutionStatusSuccessful, second.wait(b.variant, b.id), second.view(b.id).Message)
			took := time.Since(stopped)
			t.Logf("%s: the run is over %s after", name, took.Round(100*time.Millisecond))
			require.Less(t, took, takenOver)
			second.checkOwn(b.variant, b.id, want, b.original)
			if stop == syscall.SIGSTOP { // the zombie wakes up, and may do nothing
				first.signal(syscall.SIGCONT)
				staged := filepath.Join(first.data, "buckets", b.dest, ".weir")
				first.until(func() bool { _, err := os.Stat(staged); return errors.Is(err, fs.ErrNotExist) }) // it tidies up after itself
				second.checkOwn(b.variant, b.id, want, b.original)
				require.Equal(t, 0, first.term(), "%s", first.log)
			}
			second.checkOwn(b.variant, b.id, want, b.original)
		})
	}
}

// writeFew gives a rig a bucket "few" with a hundred rows.
func writeFew(t *testing.T, r *rig) {
	t.Helper()
	folder := filepath.Join(r.data, "buckets", "few", "contacts")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, writeSource(filepath.Join(folder, "a.csv"), formattest.CRM{Rows: 100}))
}

// Both servers, which share a database without a fleet, keep all timetables. Each due time gets one execution all the same.
func TestPair_EachDueTimeGetsOneExecution(t *testing.T) {
	const flows = 30
	v := variants[0]
	v.source = "few"
	r := newRig(t, "--store", pgtest.Start(t))
	writeFew(t, r)
	first, second := r.boot(), r.boot()
	due := time.Now().Add(time.Duration(moments(15, 30)) * time.Second).Truncate(time.Second)
	var all []variant
	for i := range flows {
		f := v.named(fmt.Sprint("due", i))
		all = append(all, f)
		in := f.createInput()
		in.TriggerConfig = &types.TriggerConfig{TriggerType: types.TriggerTypeScheduled, TriggerProperties: &types.TriggerProperties{
			Scheduled: &types.ScheduledTriggerProperties{
				ScheduleExpression: aws.String("rate(1minutes)"), ScheduleStartTime: &due, DataPullMode: types.DataPullModeComplete,
			},
		}}
		_, err := first.api.CreateFlow(t.Context(), in)
		require.NoError(t, err)
		_, err = first.api.StartFlow(t.Context(), &appflow.StartFlowInput{FlowName: &f.name})
		require.NoError(t, err)
	}
	require.True(t, time.Now().Before(due), "the machine is too slow for this test")
	<-time.After(time.Until(due.Add(time.Duration(moments(20, 170)) * time.Second)))
	shares := map[string]int{}
	for _, f := range all {
		records := first.records(f)
		require.Len(t, records, moments(1, 3), f.name)
		for i, x := range records {
			require.Equal(t, types.ExecutionStatusSuccessful, x.ExecutionStatus, second.view(*x.ExecutionId).Message)
			at := due.Add(time.Duration(len(records)-1-i) * time.Minute)
			require.WithinDuration(t, at.Add(10*time.Second), *x.StartedAt, 10*time.Second, "begun for its due time")
			shares[aws.ToTime(x.StartedAt).Format(time.RFC3339)]++
			require.True(t, second.view(*x.ExecutionId).Closes)
		}
	}
	t.Logf("begun at: %v", shares)
}
