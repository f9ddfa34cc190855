package custom

import "encoding/json"

// The requests of the protocol, as both of AWS's SDKs read them
// (https://github.com/awslabs/aws-appflow-custom-connector-python). Absent members are written as null, which is what
// AppFlow does; members that an SDK does not know it passes over.

// connectorContext accompanies every question but those of configuration and credentials.
type connectorContext struct {
	APIVersion  string            `json:"apiVersion"`
	Credentials *credentials      `json:"credentials"`
	Settings    map[string]string `json:"connectorRuntimeSettings"`
	Entity      json.RawMessage   `json:"entityDefinition"` // as DescribeEntity answered it
	FlowName    *string           `json:"flowName"`         // for the connector's logs, in a run
	ExecutionID *string           `json:"executionId"`
	Profile     string            `json:"connectorProfileLabel"`
}

// credentials say where the function finds what authenticates it; they never hold it.
type credentials struct {
	SecretARN string `json:"secretArn"`
	Type      string `json:"authenticationType"`
}

type validateSettingsRequest struct {
	Type     string            `json:"type"`
	Scope    string            `json:"scope"`
	Settings map[string]string `json:"connectorRuntimeSettings"`
	AuthType *string           `json:"authenticationType"` // of the profile, as the protocol spells it
}

type validateCredentialsRequest struct {
	Type        string            `json:"type"`
	Credentials *credentials      `json:"credentials"`
	Settings    map[string]string `json:"connectorRuntimeSettings"`
}

type listEntitiesRequest struct {
	Type       string            `json:"type"`
	Path       *string           `json:"entitiesPath"`
	MaxResults int               `json:"maxResult"` // in the singular, here
	NextToken  *string           `json:"nextToken"`
	Context    *connectorContext `json:"connectorContext"`
}

type describeEntityRequest struct {
	Type    string            `json:"type"`
	Entity  string            `json:"entityIdentifier"`
	Context *connectorContext `json:"connectorContext"`
}

type queryDataRequest struct {
	Type       string            `json:"type"`
	Entity     string            `json:"entityIdentifier"`
	Fields     []string          `json:"selectedFieldNames"`
	Filter     *string           `json:"filterExpression"`
	MaxResults int               `json:"maxResults"` // in the plural, here
	NextToken  *string           `json:"nextToken"`
	Context    *connectorContext `json:"connectorContext"`
}

type retrieveDataRequest struct {
	Type    string            `json:"type"`
	Entity  string            `json:"entityIdentifier"`
	Fields  []string          `json:"selectedFieldNames"`
	IDField string            `json:"idFieldName"`
	IDs     []string          `json:"ids"`
	Context *connectorContext `json:"connectorContext"`
}

// writeDataRequest lacks its records, which are spliced in: they are bytes already.
type writeDataRequest struct {
	Type      string            `json:"type"`
	Entity    string            `json:"entityIdentifier"`
	Operation string            `json:"operation"`
	IDFields  []string          `json:"idFieldNames"`
	AllOrNone bool              `json:"allOrNone"`
	Context   *connectorContext `json:"connectorContext"`
	// IdempotencyToken is Weir's own member: the same for the same records of the same run, so that a connector that
	// keeps it can recognise what it has written before. SDKs pass over it.
	IdempotencyToken string `json:"idempotencyToken"`
}

// The answers, beside what all have in common.

type validateSettingsAnswer struct {
	Errors map[string]string `json:"errorsByInputField"`
}

type listEntitiesAnswer struct {
	Entities []struct {
		Name      string  `json:"entityIdentifier"`
		Label     *string `json:"label"`
		HasNested bool    `json:"hasNestedEntities"`
	} `json:"entities"`
	NextToken *string       `json:"nextToken"`
	Cache     *cacheControl `json:"cacheControl"`
}

type describeEntityAnswer struct {
	Definition json.RawMessage `json:"entityDefinition"`
	Cache      *cacheControl   `json:"cacheControl"`
}

type writeDataAnswer struct {
	Results []struct {
		IsSuccess bool    `json:"isSuccess"`
		RecordID  *string `json:"recordId"`
		Message   *string `json:"errorMessage"`
	} `json:"writeRecordResults"`
}

// cacheControl says how long an answer about entities holds.
type cacheControl struct {
	TimeToLive float64 `json:"timeToLive"`
	Unit       string  `json:"timeToLiveUnit"`
}

// optional is nil for an empty text.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
