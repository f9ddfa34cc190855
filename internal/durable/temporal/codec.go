package temporal

import (
	"context"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	sdk "go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
	"google.golang.org/protobuf/proto"
)

// sealed is the encoding of payloads that a [Sealer] has encrypted; purpose is what it was told they are.
const (
	sealed  = "binary/weir-sealed"
	purpose = "temporal"
)

// converters turn values into payloads and errors into failures. With a sealer neither can be read in Temporal, nor in
// its database.
func converters(s Sealer, queue string) (converter.DataConverter, converter.FailureConverter) {
	data := converter.GetDefaultDataConverter()
	if s != nil {
		// Opening may ask a key service, which the detector of deadlocks must not take for a workflow that hangs.
		data = workflow.DataConverterWithoutDeadlockDetection(converter.NewCodecDataConverter(data, &codec{sealer: s, id: queue}))
	}
	return data, sdk.NewDefaultFailureConverter(sdk.DefaultFailureConverterOptions{DataConverter: data, EncodeCommonAttributes: s != nil})
}

// codec encrypts payloads.
type codec struct {
	sealer Sealer
	id     string
}

// Encode implements [converter.PayloadCodec].
func (c *codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		raw, err := proto.Marshal(p)
		if err != nil {
			return nil, fmt.Errorf("sealing a payload: %w", err)
		}
		data, err := c.sealer.Seal(context.Background(), purpose, c.id, raw)
		if err != nil {
			return nil, fmt.Errorf("sealing a payload: %w", err)
		}
		out[i] = &commonpb.Payload{Metadata: map[string][]byte{converter.MetadataEncoding: []byte(sealed)}, Data: data}
	}
	return out, nil
}

// Decode implements [converter.PayloadCodec]. A payload in clear is none of ours: nobody but an installation with the
// same key may tell a worker what to do.
func (c *codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if encoding := string(p.GetMetadata()[converter.MetadataEncoding]); encoding != sealed {
			return nil, fmt.Errorf("opening a payload: it is not sealed, but %q", encoding)
		}
		raw, err := c.sealer.Open(context.Background(), purpose, c.id, p.GetData())
		if err != nil {
			return nil, fmt.Errorf("opening a payload: %w", err)
		}
		out[i] = &commonpb.Payload{}
		if err := proto.Unmarshal(raw, out[i]); err != nil {
			return nil, fmt.Errorf("opening a payload: %w", err)
		}
	}
	return out, nil
}
