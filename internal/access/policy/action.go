package policy

import "strings"

// Action is something a key may be allowed to do. Its zero value is no action and always denied.
type Action uint8

// Action prefixes: AppFlow's operations, and Weir's own pages.
const (
	appflowPrefix = "appflow:"
	weirPrefix    = "weir:"
)

// Actions that are not operations of AppFlow's API. UseConnectorProfile is AppFlow's own: it is asked for when a flow is
// created or updated to use a profile. The rest are about Weir's extension pages.
const (
	UseConnectorProfile = appflowPrefix + "UseConnectorProfile"
	TagResource         = appflowPrefix + "TagResource"
	ReadExecutions      = weirPrefix + "ReadExecutions"      // counts, splits and outputs of a flow's executions
	ReadRejectedRecords = weirPrefix + "ReadRejectedRecords" // samples of records, which hold the customer's data
	ReadAudit           = weirPrefix + "ReadAudit"
	ReadKeys            = weirPrefix + "ReadKeys"
	ManageKeys          = weirPrefix + "ManageKeys" // whoever has this can give himself everything
	Backup              = weirPrefix + "Backup"     // a copy of the whole store
	SendEvents          = weirPrefix + "SendEvents" // to an event flow
)

// actionNames lists all actions. An action is its index, so the list only grows at its end within a process's life; it is
// stored nowhere.
var actionNames = [...]string{
	"", // no action
	appflowPrefix + "CancelFlowExecutions", appflowPrefix + "CreateConnectorProfile", appflowPrefix + "CreateFlow",
	appflowPrefix + "DeleteConnectorProfile", appflowPrefix + "DeleteFlow", appflowPrefix + "DescribeConnector",
	appflowPrefix + "DescribeConnectorEntity", appflowPrefix + "DescribeConnectorProfiles", appflowPrefix + "DescribeConnectors",
	appflowPrefix + "DescribeFlow", appflowPrefix + "DescribeFlowExecutionRecords", appflowPrefix + "ListConnectorEntities",
	appflowPrefix + "ListConnectors", appflowPrefix + "ListFlows", appflowPrefix + "ListTagsForResource",
	appflowPrefix + "RegisterConnector", appflowPrefix + "ResetConnectorMetadataCache", appflowPrefix + "StartFlow",
	appflowPrefix + "StopFlow", TagResource, appflowPrefix + "UnregisterConnector", appflowPrefix + "UntagResource",
	appflowPrefix + "UpdateConnectorProfile", appflowPrefix + "UpdateConnectorRegistration", appflowPrefix + "UpdateFlow",
	UseConnectorProfile,

	// AWS's console asks for these; here they only let documents written for AWS pass.
	appflowPrefix + "DescribeConnectorFields", appflowPrefix + "DescribeFlowExecution", appflowPrefix + "DescribeFlows",
	appflowPrefix + "ListConnectorFields", appflowPrefix + "RunFlow",

	ReadExecutions, ReadRejectedRecords, ReadAudit, ReadKeys, ManageKeys, Backup, SendEvents,
}

const actionCount = len(actionNames)

// ActionOf finds an action by its full name, such as appflow:StartFlow. Case does not matter. It answers false for one
// that is not known.
func ActionOf(name string) (Action, bool) {
	for i := 1; i < actionCount; i++ {
		if strings.EqualFold(actionNames[i], name) {
			return Action(i), true
		}
	}
	return 0, false
}

// String is the action's full name.
func (a Action) String() string { return actionNames[a] }
