package flow

// TaskType is the kind of a mapping step.
type TaskType string

// Task types (https://docs.aws.amazon.com/appflow/1.0/APIReference/API_Task.html).
const (
	TaskArithmetic  TaskType = "Arithmetic"
	TaskFilter      TaskType = "Filter"
	TaskMap         TaskType = "Map"
	TaskMapAll      TaskType = "Map_all"
	TaskMask        TaskType = "Mask"
	TaskMerge       TaskType = "Merge"
	TaskPassthrough TaskType = "Passthrough"
	TaskTruncate    TaskType = "Truncate"
	TaskValidate    TaskType = "Validate"
	TaskPartition   TaskType = "Partition"
)

// Task is one mapping step. Nil and empty members are kept apart for the echo.
type Task struct {
	Type             TaskType            `json:"type"`
	SourceFields     []string            `json:"sourceFields,omitzero"`
	Operators        map[string]Operator `json:"operators,omitzero"` // connectorOperator: member name of a connector → operator
	DestinationField *string             `json:"destinationField,omitzero"`
	Properties       map[string]string   `json:"properties,omitzero"` // taskProperties
}

// Operator is what a task does to its fields. Each source connector allows a subset; see [OperatorsOf].
type Operator string

// Operators.
const (
	OpProjection           Operator = "PROJECTION"
	OpLessThan             Operator = "LESS_THAN"
	OpGreaterThan          Operator = "GREATER_THAN"
	OpContains             Operator = "CONTAINS"
	OpBetween              Operator = "BETWEEN"
	OpLessThanOrEqualTo    Operator = "LESS_THAN_OR_EQUAL_TO"
	OpGreaterThanOrEqualTo Operator = "GREATER_THAN_OR_EQUAL_TO"
	OpEqualTo              Operator = "EQUAL_TO"
	OpNotEqualTo           Operator = "NOT_EQUAL_TO"
	OpAddition             Operator = "ADDITION"
	OpMultiplication       Operator = "MULTIPLICATION"
	OpDivision             Operator = "DIVISION"
	OpSubtraction          Operator = "SUBTRACTION"
	OpMaskAll              Operator = "MASK_ALL"
	OpMaskFirstN           Operator = "MASK_FIRST_N"
	OpMaskLastN            Operator = "MASK_LAST_N"
	OpValidateNonNull      Operator = "VALIDATE_NON_NULL"
	OpValidateNonZero      Operator = "VALIDATE_NON_ZERO"
	OpValidateNonNegative  Operator = "VALIDATE_NON_NEGATIVE"
	OpValidateNumeric      Operator = "VALIDATE_NUMERIC"
	OpNoOp                 Operator = "NO_OP"
)

// Keys of task properties (the API's OperatorPropertiesKeys).
const (
	PropValue                    = "VALUE"
	PropValues                   = "VALUES"
	PropDataType                 = "DATA_TYPE"
	PropUpperBound               = "UPPER_BOUND"
	PropLowerBound               = "LOWER_BOUND"
	PropSourceDataType           = "SOURCE_DATA_TYPE"
	PropDestinationDataType      = "DESTINATION_DATA_TYPE"
	PropValidationAction         = "VALIDATION_ACTION"
	PropMaskValue                = "MASK_VALUE"
	PropMaskLength               = "MASK_LENGTH"
	PropTruncateLength           = "TRUNCATE_LENGTH"
	PropMathOperationFieldsOrder = "MATH_OPERATION_FIELDS_ORDER"
	PropConcatFormat             = "CONCAT_FORMAT"
	PropSubfieldCategoryMap      = "SUBFIELD_CATEGORY_MAP"
	PropExcludeSourceFieldsList  = "EXCLUDE_SOURCE_FIELDS_LIST"
	PropIncludeNewFields         = "INCLUDE_NEW_FIELDS"
	PropOrderedPartitionKeysList = "ORDERED_PARTITION_KEYS_LIST"
)

// Values of VALIDATION_ACTION. DropDataset ends the run as failed.
const (
	ActionDropRecord  = "DropRecord"
	ActionDropDataset = "DropDataset"
)

// MaxMaskAll bounds the fixed length of MASK_ALL: every row's output grows to it, whatever was read.
const MaxMaskAll = 1 << 16

// Operator is the task's operator for a source: the member of that connector; NO_OP when no operator was given. A Map
// with another connector's member is accepted, as the real service does.
func (t Task) Operator(source ConnectorType) Operator {
	if op, ok := t.Operators[source.Member()]; ok {
		return op
	}
	for _, op := range t.Operators {
		if len(t.Operators) == 1 {
			return op
		}
	}
	return OpNoOp
}

// IsProjection reports whether the task lists the fields to request from the source.
func (t Task) IsProjection(source ConnectorType) bool {
	return t.Type == TaskFilter && t.Operator(source) == OpProjection
}
