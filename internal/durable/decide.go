package durable

import (
	"context"
	"errors"
	"strings"
	"unicode/utf8"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// decide binds the execution for an outcome, once and for all, before anything irreversible is done about it: before the
// first file appears, or before the first staged one is thrown away. It returns the outcome that holds, which is another
// one when that was decided earlier, or when a cancellation came before.
func (s *Steps) decide(ctx context.Context, executionID string, fence store.Fence, outcome flow.ExecutionStatus, code fault.Code, message string) (flow.ExecutionStatus, error) {
	var holds flow.ExecutionStatus
	err := s.write(ctx, func(tx store.Tx) error {
		if err := tx.FenceCheck(ctx, fence); err != nil {
			return err
		}
		x, err := tx.ExecutionGet(ctx, executionID)
		if err != nil {
			return err
		}
		switch {
		case x.Status.Done():
			holds = x.Status
			return nil
		case x.Outcome == flow.ExecutionSuccessful && outcome == flow.ExecutionError:
			x.Outcome, x.Code, x.Message = outcome, string(code), message
		case x.Outcome != "":
			holds = x.Outcome
			return nil
		case x.Status == flow.ExecutionCancelStarted:
			x.Outcome, x.Message = flow.ExecutionCanceled, canceledText
		default:
			x.Outcome, x.Code, x.Message = outcome, string(code), message
		}
		holds = x.Outcome
		x.UpdatedAt = s.Now()
		return tx.ExecutionPut(ctx, x)
	})
	return holds, err
}

const canceledText = "the run was canceled on request"

// Fail binds the execution for Error because of the cause: its text is what the user is told. An execution that is bound
// for Canceled, or over, stays so. One that is bound for Successful fails when its output cannot be published; what
// appeared until then stays, because nothing that others may have seen is taken back.
func (s *Steps) Fail(ctx context.Context, executionID string, fence store.Fence, cause error) error {
	message, code := userText(cause)
	_, err := s.decide(ctx, executionID, fence, flow.ExecutionError, code, message)
	return err
}

// maxText is the longest message the API may return, in characters.
const maxText = 2048

// userText is what a user is told of an error. An error that nobody classified is told in brief: its text was written
// for the log.
func userText(err error) (string, fault.Code) {
	code := fault.CodeOf(err)
	if e := (*fault.Error)(nil); !errors.As(err, &e) {
		return "an internal error stopped the run; the log says more", fault.Internal
	}
	text := strings.ToValidUTF8(err.Error(), "?")
	if utf8.RuneCountInString(text) > maxText {
		text = string([]rune(text)[:maxText-1]) + "…"
	}
	return text, code
}
