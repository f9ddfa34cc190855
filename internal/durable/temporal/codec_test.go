package temporal

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	sdk "go.temporal.io/sdk/temporal"

	"weir.dev/weir/internal/vault"
)

func TestCodec_NothingIsInClear(t *testing.T) {
	t.Parallel()
	v, err := vault.Open(t.Context(), vault.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	data, failures := converters(v, "weir")
	in := TransferInput{ExecutionID: "5e8f1a5c-7d1b-4b0e-9c53-1f2e3d4c5b6a", Split: 3, Token: 42}
	payloads, err := data.ToPayloads(in)
	require.NoError(t, err)
	require.NotContains(t, payloads.String(), in.ExecutionID)
	require.NotContains(t, payloads.String(), "executionId")
	var out TransferInput
	require.NoError(t, data.FromPayloads(payloads, &out))
	require.Equal(t, in, out)

	failure := failures.ErrorToFailure(sdk.NewApplicationError("a text that is nobody's business", reasonFailed))
	require.NotContains(t, failure.String(), "nobody's business")
	require.ErrorContains(t, failures.FailureToError(failure), "nobody's business")
}

func TestCodec_TakesNothingFromStrangers(t *testing.T) {
	t.Parallel()
	v, err := vault.Open(t.Context(), vault.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	data, _ := converters(v, "weir")
	clear, err := converter.GetDefaultDataConverter().ToPayloads(StepInput{ExecutionID: "x"})
	require.NoError(t, err)
	var out StepInput
	require.ErrorContains(t, data.FromPayloads(clear, &out), "not sealed")

	others, _ := converters(v, "another-installation")
	theirs, err := others.ToPayloads(StepInput{ExecutionID: "x"})
	require.NoError(t, err)
	require.Error(t, data.FromPayloads(theirs, &out), "sealed for another queue")

	broken := &commonpb.Payloads{Payloads: []*commonpb.Payload{{Metadata: map[string][]byte{converter.MetadataEncoding: []byte(sealed)}, Data: []byte("junk")}}}
	require.Error(t, data.FromPayloads(broken, &out))
}

func TestConverters_WithoutSealerAreTemporalsOwn(t *testing.T) {
	t.Parallel()
	data, _ := converters(nil, "weir")
	payloads, err := data.ToPayloads(StepInput{ExecutionID: "x"})
	require.NoError(t, err)
	require.Contains(t, payloads.String(), "executionId")
}
