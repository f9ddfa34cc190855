package durable

import (
	"context"
	"fmt"
	"time"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// maxPostponed bounds how long a failed execution waits until it goes on.
const maxPostponed = 24 * time.Hour

// Postpone lets an execution that has failed go on later, when its flow asks for that (weir:retries) and it can help. It
// returns the time, and false for an execution that is to fail now. Nothing of what it has done is thrown away: at that
// time the engine takes it on as after a crash. An execution that is bound for Error or Canceled, or is to be canceled,
// is not postponed.
func (s *Steps) Postpone(ctx context.Context, executionID string, fence store.Fence, cause error) (at time.Time, ok bool, err error) {
	if !canHelp(cause) {
		return at, false, nil
	}
	err = s.write(ctx, func(tx store.Tx) error {
		ok = false
		if err := tx.FenceCheck(ctx, fence); err != nil {
			return err
		}
		x, err := tx.ExecutionGet(ctx, executionID)
		if err != nil {
			return err
		}
		o, err := optionsOf(ctx, tx, x)
		if err != nil {
			return err
		}
		now := s.Now()
		if x.Status != flow.ExecutionInProgress || x.Outcome != "" && x.Outcome != flow.ExecutionSuccessful {
			return nil
		}
		if x.ResumeAt != nil && x.ResumeAt.After(now) { // it was this call that postponed it; only the answer got lost
			at, ok = *x.ResumeAt, true
			return nil
		}
		if x.Failures >= o.Retries {
			return nil
		}
		at = now.Add(postponement(o.RetryDelay, x.Failures))
		message, code := userText(cause)
		x.Failures++
		x.ResumeAt, x.UpdatedAt, x.Code = &at, now, string(code)
		x.Message = fmt.Sprintf("failure %d, to go on at %s: %s", x.Failures, at.Format(time.RFC3339), message)
		ok = true
		return tx.ExecutionPut(ctx, x)
	})
	return at, ok && err == nil, err
}

// canHelp says whether time can heal the cause: not what the flow, its credentials or its data are to blame for.
func canHelp(cause error) bool {
	switch fault.CodeOf(cause) {
	case fault.ConnectorServer, fault.Throttling, fault.Quota, fault.Internal:
		return true
	}
	return false
}

// postponement doubles with each failure.
func postponement(first time.Duration, failures int) time.Duration {
	if failures > 20 || first<<failures > maxPostponed {
		return maxPostponed
	}
	return first << failures
}
