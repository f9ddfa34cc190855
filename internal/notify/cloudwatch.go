package notify

import (
	"context"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// MetricNamespace is where metrics go unless another is set. AppFlow's own, AWS/AppFlow, is refused by AWS from anybody
// else.
const MetricNamespace = "Weir/AppFlow"

// CloudWatch puts AppFlow's five metrics of runs
// (https://docs.aws.amazon.com/appflow/latest/userguide/monitoring-cloudwatch.html), by flow. A run that is delivered
// twice counts twice: CloudWatch knows no ids.
type CloudWatch struct {
	namespace string
	client    lazily[*cloudwatch.Client]
}

// NewCloudWatch makes a receiver for a namespace; an empty one is [MetricNamespace].
func NewCloudWatch(namespace string, load LoadAWS) (*CloudWatch, error) {
	namespace = orText(namespace, MetricNamespace)
	if strings.HasPrefix(namespace, "AWS/") || strings.HasPrefix(namespace, ":") || len(namespace) > 255 {
		return nil, fault.New(fault.Validation, "--cloudwatch %q cannot be used; AWS keeps namespaces that begin with AWS/ for itself", namespace)
	}
	return &CloudWatch{namespace: namespace, client: lazily[*cloudwatch.Client]{load: load, make: func(cfg aws.Config) *cloudwatch.Client {
		return cloudwatch.NewFromConfig(cfg, func(o *cloudwatch.Options) { o.RetryMaxAttempts = 2 })
	}}}, nil
}

// Name implements [Receiver].
func (r *CloudWatch) Name() string { return "cloudwatch:" + r.namespace }

// Wants implements [Receiver].
func (r *CloudWatch) Wants(kind Kind) bool { return kind.isRun() }

// AtOnce implements [Receiver]. A request takes 1,000 values; a fact makes four at most.
func (r *CloudWatch) AtOnce() int { return 100 }

// Deliver implements [Receiver].
func (r *CloudWatch) Deliver(ctx context.Context, facts []Fact) []error {
	client, err := r.client.get(ctx)
	if err != nil {
		return sameFor(facts, fault.Temporary(fault.ConnectorServer, err, "reading the AWS settings"))
	}
	in := &cloudwatch.PutMetricDataInput{Namespace: &r.namespace}
	for i := range facts {
		in.MetricData = append(in.MetricData, metricsOf(&facts[i])...)
	}
	if len(in.MetricData) == 0 {
		return make([]error, len(facts))
	}
	_, err = client.PutMetricData(ctx, in)
	return sameFor(facts, classifyAWS(err, "putting metrics"))
}

func metricsOf(f *Fact) []types.MetricDatum {
	if f.Execution == nil {
		return nil
	}
	at := f.At
	datum := func(name string, value float64, unit types.StandardUnit) types.MetricDatum {
		return types.MetricDatum{
			MetricName: &name, Value: &value, Unit: unit, Timestamp: &at,
			Dimensions: []types.Dimension{{Name: aws.String("FlowName"), Value: aws.String(f.Flow.Name)}},
		}
	}
	if f.Kind == KindStart {
		return []types.MetricDatum{datum("FlowExecutionsStarted", 1, types.StandardUnitCount)}
	}
	x := f.Execution
	list := []types.MetricDatum{
		datum("FlowExecutionTime", float64(x.EndedAt.Sub(x.StartedAt))/float64(time.Millisecond), types.StandardUnitMilliseconds),
		datum("FlowExecutionRecordsProcessed", float64(x.Totals.Read), types.StandardUnitCount),
	}
	switch x.Status {
	case flow.ExecutionSuccessful:
		list = append(list, datum("FlowExecutionsSucceeded", 1, types.StandardUnitCount))
	case flow.ExecutionError:
		list = append(list, datum("FlowExecutionsFailed", 1, types.StandardUnitCount))
	}
	return list
}
