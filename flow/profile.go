package flow

import "time"

// Profile is a saved connection to one vendor (the API's ConnectorProfile). Its credentials are not part of it: they are
// sealed beside it in the store, and no operation returns them.
type Profile struct {
	Name           string            `json:"name"`
	Connector      ConnectorType     `json:"connector"`
	Label          string            `json:"label,omitzero"` // of a CustomConnector: which registered connector
	Mode           ConnectionMode    `json:"mode"`
	Properties     Properties        `json:"properties,omitzero"` // under the connector's member name
	KMSArn         *string           `json:"kmsArn,omitzero"`     // never changes after creation
	CredentialsArn string            `json:"credentialsArn"`      // of the secret, in Secrets Manager's form; never changes
	Private        *PrivateState     `json:"private,omitzero"`    // with ModePrivate
	CreatedAt      time.Time         `json:"createdAt"`
	UpdatedAt      time.Time         `json:"updatedAt"`
	CreatedBy      string            `json:"createdBy"` // ARN of the caller
	UpdatedBy      string            `json:"updatedBy"`
	Tags           map[string]string `json:"tags,omitzero"`
}

// ConnectionMode is how a vendor is reached.
type ConnectionMode string

// Connection modes. Private means that the vendor's address may be inside the operator's own network.
const (
	ModePublic  ConnectionMode = "Public"
	ModePrivate ConnectionMode = "Private"
)

// PrivateState is how far a private connection has come (privateConnectionProvisioningState).
type PrivateState struct {
	Status  string `json:"status"` // PENDING, CREATED, FAILED
	Message string `json:"message,omitzero"`
	Cause   string `json:"cause,omitzero"` // the API's failureCause
}

// Registration is a custom connector that the account has registered (RegisterConnector).
type Registration struct {
	Label        string            `json:"label"`
	Description  *string           `json:"description,omitzero"`
	LambdaArn    string            `json:"lambdaArn"`
	Config       Properties        `json:"config"` // what the connector answered to DescribeConnectorConfiguration
	RegisteredAt time.Time         `json:"registeredAt"`
	RegisteredBy string            `json:"registeredBy"`
	Tags         map[string]string `json:"tags,omitzero"`
}
