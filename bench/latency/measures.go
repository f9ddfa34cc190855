package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/appflow"
	"github.com/aws/aws-sdk-go-v2/service/appflow/types"
)

// measures are what was measured over one store.
type measures struct {
	store               string
	runs                []time.Duration // from StartFlow to Successful, in order of their lengths
	lastBegun, lastDone time.Duration   // after the flows were due
	cpuPerRun           time.Duration
	commitsPerRun       float64
	idleCPU             float64  // share of a processor
	idleCommits         float64  // a second
	idleMemory, memory  [2]int64 // bytes: in all, and its own
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// settled is how long a server may take to come to rest.
const settled = 3 * time.Second

// measureIdle watches a server that has nothing to do.
func (m *measures) measureIdle(ctx context.Context, s *server, o options) error {
	if err := sleep(ctx, settled); err != nil {
		return err
	}
	commits, err := s.committed(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	before, err := s.cpu()
	if err != nil {
		return err
	}
	if err := sleep(ctx, o.idle); err != nil {
		return err
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	m.idleCPU = (after - before).Seconds() / time.Since(began).Seconds()
	if m.idleMemory[0], m.idleMemory[1], err = s.memory(); err != nil {
		return err
	}
	now, err := s.committed(ctx)
	m.idleCommits = float64(now-commits) / time.Since(began).Seconds()
	return err
}

// measureRuns runs a flow again and again, and asks every other millisecond whether it is over.
func (m *measures) measureRuns(ctx context.Context, s *server, o options) error {
	name := "one-by-one"
	if _, err := s.api.CreateFlow(ctx, small(name, &types.TriggerConfig{TriggerType: types.TriggerTypeOndemand})); err != nil {
		return err
	}
	for i := range o.runs + 1 {
		began := time.Now()
		out, err := s.api.StartFlow(ctx, &appflow.StartFlowInput{FlowName: &name})
		if err != nil {
			return err
		}
		if err := s.await(ctx, name, *out.ExecutionId); err != nil {
			return err
		}
		if i > 0 { // the first one opens connections
			m.runs = append(m.runs, time.Since(began))
		}
	}
	slices.Sort(m.runs)
	return nil
}

func (s *server) await(ctx context.Context, name, id string) error {
	for tick := time.NewTicker(2 * time.Millisecond); ; <-tick.C {
		out, err := s.api.DescribeFlowExecutionRecords(ctx, &appflow.DescribeFlowExecutionRecordsInput{FlowName: &name, MaxResults: aws.Int32(1)})
		if err != nil {
			tick.Stop()
			return err
		}
		x := out.FlowExecutions[0]
		if *x.ExecutionId == id && x.ExecutionStatus != types.ExecutionStatusInprogress {
			tick.Stop()
			return checkEnd(name, x)
		}
	}
}

func checkEnd(name string, x types.ExecutionRecord) error {
	if x.ExecutionStatus != types.ExecutionStatusSuccessful || aws.ToInt64(x.ExecutionResult.RecordsProcessed) != rows {
		return fmt.Errorf("a run of %s ended as %s with %d records", name, x.ExecutionStatus, aws.ToInt64(x.ExecutionResult.RecordsProcessed))
	}
	return nil
}

// measureDue lets many flows fall due at the same moment.
func (m *measures) measureDue(ctx context.Context, s *server, o options) error {
	due := time.Now().Add(20*time.Second + time.Duration(o.flows)*60*time.Millisecond).Truncate(time.Second)
	for i := range o.flows {
		if err := s.schedule(ctx, flowName(i), due); err != nil {
			return err
		}
	}
	commits, err := s.committed(ctx)
	if err != nil {
		return err
	}
	counted := time.Now()
	if !counted.Before(due) {
		return fmt.Errorf("the flows were due %s before all were there", counted.Sub(due))
	}
	if err := sleep(ctx, time.Until(due)-100*time.Millisecond); err != nil {
		return err
	}
	before, err := s.cpu()
	if err != nil {
		return err
	}
	for i := range o.flows {
		if err := m.awaitDue(ctx, s, flowName(i), due); err != nil {
			return err
		}
	}
	after, err := s.cpu()
	if err != nil {
		return err
	}
	if m.memory[0], m.memory[1], err = s.memory(); err != nil {
		return err
	}
	now, err := s.committed(ctx)
	idle := m.idleCommits * time.Since(counted).Seconds()
	m.cpuPerRun, m.commitsPerRun = (after-before)/time.Duration(o.flows), (float64(now-commits)-idle-float64(o.flows))/float64(o.flows)
	return err
}

// awaitDue waits for the end of a flow's only run; it asks once when that is over already.
func (m *measures) awaitDue(ctx context.Context, s *server, name string, due time.Time) error {
	for {
		out, err := s.api.DescribeFlowExecutionRecords(ctx, &appflow.DescribeFlowExecutionRecordsInput{FlowName: &name})
		if err != nil {
			return err
		}
		if len(out.FlowExecutions) > 1 {
			return fmt.Errorf("%s was run %d times", name, len(out.FlowExecutions))
		}
		if len(out.FlowExecutions) == 1 && out.FlowExecutions[0].ExecutionStatus != types.ExecutionStatusInprogress {
			x := out.FlowExecutions[0]
			m.lastBegun = max(m.lastBegun, x.StartedAt.Sub(due))
			m.lastDone = max(m.lastDone, x.LastUpdatedAt.Sub(due))
			return checkEnd(name, x)
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil { // so seldom that asking costs nothing beside the runs
			return err
		}
	}
}

func flowName(i int) string { return fmt.Sprintf("due-%04d", i) }

// schedule creates a flow and activates it, to be run once in a day from then on.
func (s *server) schedule(ctx context.Context, name string, at time.Time) error {
	_, err := s.api.CreateFlow(ctx, small(name, &types.TriggerConfig{
		TriggerType: types.TriggerTypeScheduled,
		TriggerProperties: &types.TriggerProperties{Scheduled: &types.ScheduledTriggerProperties{
			ScheduleExpression: aws.String("rate(1days)"), ScheduleStartTime: &at, DataPullMode: types.DataPullModeComplete,
		}},
	}))
	if err == nil {
		_, err = s.api.StartFlow(ctx, &appflow.StartFlowInput{FlowName: &name})
	}
	return err
}

// small is a flow of a thousand rows, CSV to Parquet.
func small(name string, trigger *types.TriggerConfig) *appflow.CreateFlowInput {
	return &appflow.CreateFlowInput{
		FlowName: &name, TriggerConfig: trigger,
		SourceFlowConfig: &types.SourceFlowConfig{
			ConnectorType: types.ConnectorTypeS3,
			SourceConnectorProperties: &types.SourceConnectorProperties{S3: &types.S3SourceProperties{
				BucketName: aws.String("source"), BucketPrefix: aws.String("in"),
				S3InputFormatConfig: &types.S3InputFormatConfig{S3InputFileType: types.S3InputFileTypeCsv},
			}},
		},
		DestinationFlowConfigList: []types.DestinationFlowConfig{{
			ConnectorType: types.ConnectorTypeS3,
			DestinationConnectorProperties: &types.DestinationConnectorProperties{S3: &types.S3DestinationProperties{
				BucketName: aws.String("out"), S3OutputFormatConfig: &types.S3OutputFormatConfig{FileType: types.FileTypeParquet},
			}},
		}},
		Tasks: []types.Task{{
			TaskType: types.TaskTypeMapAll, SourceFields: []string{}, TaskProperties: map[string]string{},
			ConnectorOperator: &types.ConnectorOperator{S3: types.S3ConnectorOperatorNoOp},
		}},
	}
}
