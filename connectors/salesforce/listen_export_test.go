package salesforce

import "weir.dev/weir/connector"

// KnowOrganization gives a connection the id that it would ask the organization for.
func KnowOrganization(c connector.Connection, id string) {
	conn := c.(*connection)
	conn.mu.Lock()
	defer conn.mu.Unlock()
	conn.who = &identity{Organization: id}
}
