package custom_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connector"
	"weir.dev/weir/connectors/custom"
	"weir.dev/weir/connectors/custom/customtest"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// doubles are what the suite has loaded, each a connector registered under a label of its own.
type doubles struct {
	mu   sync.Mutex
	list []*customtest.Function
}

var loads doubles

func (d *doubles) add(f *customtest.Function) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = append(d.list, f)
	return fmt.Sprintf("load%d", len(d.list)-1)
}

func (d *doubles) of(label string) *customtest.Function {
	d.mu.Lock()
	defer d.mu.Unlock()
	var n int
	if _, err := fmt.Sscanf(label, "load%d", &n); err != nil || n >= len(d.list) {
		return nil
	}
	return d.list[n]
}

// arnOf is a function of which every load has its own.
func arnOf(label string) string { return "arn:aws:lambda:eu-west-1:111122223333:function:" + label }

func (d *doubles) connector(t *testing.T) connector.Connector {
	t.Helper()
	find := func(_ context.Context, label string) (*flow.Registration, error) {
		if d.of(label) == nil {
			return nil, fault.New(fault.NotFound, "none")
		}
		return &flow.Registration{Label: label, LambdaArn: arnOf(label), Config: flow.Properties(`{"supportedApiVersions":["v1"]}`)}, nil
	}
	i, err := custom.NewInvoker(custom.InvokerOptions{Route: func(arn string) string {
		if f := d.of(arn[len(arnOf("")):]); f != nil {
			return f.URL
		}
		return ""
	}})
	require.NoError(t, err)
	return custom.New(custom.Options{Invoker: i, Local: &keeper{}, Find: find})
}
