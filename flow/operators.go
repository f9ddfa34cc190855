package flow

import "slices"

var (
	transforms = []Operator{OpAddition, OpMultiplication, OpDivision, OpSubtraction, OpMaskAll, OpMaskFirstN, OpMaskLastN,
		OpValidateNonNull, OpValidateNonZero, OpValidateNonNegative, OpValidateNumeric, OpNoOp}
	orderings = []Operator{OpLessThan, OpGreaterThan, OpLessThanOrEqualTo, OpGreaterThanOrEqualTo}
	every     = with(orderings, OpProjection, OpBetween, OpContains, OpEqualTo, OpNotEqualTo)
)

func with(base []Operator, more ...Operator) []Operator { return append(slices.Clone(base), more...) }

// filters lists, per source connector, the operators besides the transforms
// (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_ConnectorOperator.html).
var filters = map[ConnectorType][]Operator{
	Salesforce:      every,
	ServiceNow:      every,
	SAPOData:        every,
	Veeva:           every,
	CustomConnector: every,
	S3:              with(orderings, OpProjection, OpBetween, OpEqualTo, OpNotEqualTo),
	Slack:           with(orderings, OpProjection, OpBetween, OpEqualTo),
	Marketo:         {OpProjection, OpLessThan, OpGreaterThan, OpBetween},
	Zendesk:         {OpProjection, OpGreaterThan},
	Datadog:         {OpProjection, OpBetween, OpEqualTo},
	Dynatrace:       {OpProjection, OpBetween, OpEqualTo},
	InforNexus:      {OpProjection, OpBetween, OpEqualTo},
	Singular:        {OpProjection, OpEqualTo},
	Trendmicro:      {OpProjection, OpEqualTo},
	Pardot:          {OpProjection, OpEqualTo},
	GoogleAnalytics: {OpProjection, OpBetween},
	Amplitude:       {OpBetween},
}

// OperatorsOf lists the operators that tasks of a flow with this source may use. Amplitude and Google Analytics have no
// transforms, not even NO_OP: their Map tasks carry no operator.
func OperatorsOf(source ConnectorType) []Operator {
	if source == GoogleAnalytics || source == Amplitude {
		return filters[source]
	}
	if f, ok := filters[source]; ok {
		return with(f, transforms...)
	}
	return nil
}

// operatorsFor lists the operators that make sense for a task type.
func operatorsFor(t TaskType) []Operator {
	switch t {
	case TaskFilter:
		return every
	case TaskArithmetic:
		return []Operator{OpAddition, OpSubtraction, OpMultiplication, OpDivision}
	case TaskMask:
		return []Operator{OpMaskAll, OpMaskFirstN, OpMaskLastN}
	case TaskValidate:
		return []Operator{OpValidateNonNull, OpValidateNonZero, OpValidateNonNegative, OpValidateNumeric}
	}
	return []Operator{OpNoOp}
}
