package flow

// ConnectorType is a connector's name as the API's ConnectorType enum spells it. The member names of the union-like
// structures are spelled differently for some; see [ConnectorType.Member].
type ConnectorType string

// Connector types.
const (
	Salesforce       ConnectorType = "Salesforce"
	Singular         ConnectorType = "Singular"
	Slack            ConnectorType = "Slack"
	Redshift         ConnectorType = "Redshift"
	S3               ConnectorType = "S3"
	Marketo          ConnectorType = "Marketo"
	GoogleAnalytics  ConnectorType = "Googleanalytics"
	Zendesk          ConnectorType = "Zendesk"
	ServiceNow       ConnectorType = "Servicenow"
	Datadog          ConnectorType = "Datadog"
	Trendmicro       ConnectorType = "Trendmicro"
	Snowflake        ConnectorType = "Snowflake"
	Dynatrace        ConnectorType = "Dynatrace"
	InforNexus       ConnectorType = "Infornexus"
	Amplitude        ConnectorType = "Amplitude"
	Veeva            ConnectorType = "Veeva"
	EventBridge      ConnectorType = "EventBridge"
	LookoutMetrics   ConnectorType = "LookoutMetrics"
	Upsolver         ConnectorType = "Upsolver"
	Honeycode        ConnectorType = "Honeycode"
	CustomerProfiles ConnectorType = "CustomerProfiles"
	SAPOData         ConnectorType = "SAPOData"
	CustomConnector  ConnectorType = "CustomConnector"
	Pardot           ConnectorType = "Pardot"
)

// Member is the connector's key in ConnectorOperator, SourceConnectorProperties and their siblings.
func (c ConnectorType) Member() string {
	switch c {
	case GoogleAnalytics:
		return "GoogleAnalytics"
	case ServiceNow:
		return "ServiceNow"
	case InforNexus:
		return "InforNexus"
	}
	return string(c)
}
