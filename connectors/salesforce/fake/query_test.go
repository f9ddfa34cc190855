package fake_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/salesforce/fake"
)

// people fills an org with a few records whose differences the conditions tell apart.
func people(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, fake.Options{})
	acme := r.Put("Account", record{"Name": "Acme", "NumberOfEmployees": 10, "Industry": "Retail", "BillingCity": "Leeds"})
	r.Put("Account", record{"Name": "O'Neil 100%", "NumberOfEmployees": 20, "AnnualRevenue": 1e9, "Active__c": false, "ParentId": acme})
	r.Put("Account", record{"Name": "zeta_x", "Industry": "Energy"})
	gone := r.Put("Account", record{"Name": "gone"})
	require.True(t, r.Delete(gone))
	for key, channels := range map[string]string{"a": "Mail", "b": "Mail;Portal", "c": "Fax;Mail;Portal", "d": ""} {
		r.Put("Invoice__c", record{
			"Ext__c": key, "Channels__c": channels, "Due__c": "2026-03-0" + map[string]string{"a": "1", "b": "9", "c": "9", "d": "1"}[key],
			"Sent__c": time.Date(2026, 3, 9, 23, 59, 59, 0, time.UTC).Add(time.Duration(key[0]-'a') * time.Second), "Cutoff__c": "1" + string(key[0]-'a'+'0') + ":00:00.000Z",
		})
	}
	return r
}

func TestQuery_Conditions(t *testing.T) {
	t.Parallel()
	r := people(t)
	for where, want := range map[string][]any{
		`Name = 'acme'`:                              {"Acme"},
		`Name = 'O\'Neil 100%'`:                      {"O'Neil 100%"},
		`Name LIKE '%100\%'`:                         {"O'Neil 100%"},
		`Name LIKE 'zeta\_%'`:                        {"zeta_x"},
		`(NOT Name LIKE '%e%')`:                      {},
		`Name IN ('Acme', 'zeta_x')`:                 {"Acme", "zeta_x"},
		`Name NOT IN ('Acme')`:                       {"O'Neil 100%", "zeta_x"},
		`Industry != 'Retail'`:                       {"O'Neil 100%", "zeta_x"}, // null is unlike everything
		`Industry = null`:                            {"O'Neil 100%"},
		`NumberOfEmployees > 10`:                     {"O'Neil 100%"},
		`NumberOfEmployees <= 10`:                    {"Acme"}, // null is not less
		`AnnualRevenue >= 1.0E9`:                     {"O'Neil 100%"},
		`Active__c = FALSE`:                          {"O'Neil 100%"},
		`Parent.Name = 'Acme'`:                       {"O'Neil 100%"},
		`Account.Name = 'Acme'`:                      {"Acme"},
		`Owner.Username = 'admin@example.com'`:       {"Acme", "O'Neil 100%", "zeta_x"},
		`Name = 'Acme' OR (Name > 'p' AND Id != '')`: {"Acme", "zeta_x"},
		`CreatedDate = TODAY`:                        {"Acme", "O'Neil 100%", "zeta_x"},
		`CreatedDate < TODAY`:                        {},
		`CreatedDate = LAST_N_DAYS:3`:                {"Acme", "O'Neil 100%", "zeta_x"},
		`SystemModstamp >= 2026-03-10T13:00:00+01:00 AND SystemModstamp < 2026-03-10T12:00:01Z`: {"Acme", "O'Neil 100%", "zeta_x"},
		`SystemModstamp > 2026-03-10T12:00:00.000Z`:                                             {}, // stamps are whole seconds
	} {
		got := r.column("Name", "SELECT Name FROM Account WHERE "+where+" ORDER BY Name")
		require.ElementsMatch(t, want, got, where)
	}
	for where, want := range map[string][]any{
		`Channels__c INCLUDES ('Mail;Portal', 'Fax')`: {"b", "c"},
		`Channels__c EXCLUDES ('Portal')`:             {"a", "d"},
		`Channels__c = 'Mail;Portal'`:                 {"b"},
		`Due__c = 2026-03-09`:                         {"b", "c"},
		`Due__c < THIS_MONTH`:                         {},
		`Due__c >= YESTERDAY`:                         {"b", "c"},
		`Sent__c = YESTERDAY`:                         {"a"},
		`Cutoff__c > 11:00:00.000Z`:                   {"c", "d"},
		`Sent__c > 2026-03-09T23:59:59Z AND Sent__c < 2026-03-10T00:00:02Z`: {"b", "c"},
	} {
		require.ElementsMatch(t, want, r.column("Ext__c", "SELECT Ext__c FROM Invoice__c WHERE "+where), where)
	}
}

func TestQuery_OrderLimitAndDeleted(t *testing.T) {
	t.Parallel()
	r := people(t)
	require.Equal(t, []any{"zeta_x", "O'Neil 100%"}, r.column("Name", "SELECT Name FROM Account ORDER BY Name DESC LIMIT 2"))
	require.Equal(t, []any{"O'Neil 100%", "zeta_x", "Acme"}, r.column("Name", "select name from account order by Industry nulls first, Name"))
	require.Equal(t, []any{"zeta_x", "Acme", "O'Neil 100%"}, r.column("Name", "SELECT Name FROM Account ORDER BY Industry NULLS LAST"))
	require.Equal(t, []any{"zeta_x"}, r.column("Name", "SELECT a.Name FROM Account a ORDER BY a.Name LIMIT 5 OFFSET 2"))
	require.Equal(t, 3, r.query("SELECT COUNT() FROM Account").TotalSize)
	var all page
	r.get("/queryAll?q="+url.QueryEscape("SELECT Name FROM Account WHERE IsDeleted = true"), &all)
	require.Len(t, all.Records, 1)
	require.Equal(t, "gone", all.Records[0]["Name"])
}

func TestQuery_RefusalsSayWhere(t *testing.T) {
	t.Parallel()
	r := people(t)
	for soql, want := range map[string]string{
		"SELECT Id, Bad FROM Account":                                             "INVALID_FIELD: \nSELECT Id, Bad FROM Account\n           ^\nERROR at Row:1:Column:12\nNo such column 'Bad' on entity 'Account'.",
		"SELECT Id\nFROM Account\nWHERE Bad = 1":                                  "INVALID_FIELD: \nWHERE Bad = 1\n      ^\nERROR at Row:3:Column:7\nNo such column",
		"SELECT Id FROM Nothing":                                                  "INVALID_TYPE: \nSELECT Id FROM Nothing\n               ^\nERROR at Row:1:Column:16\nsObject type 'Nothing' is not supported.",
		"SELECT Nobody.Name FROM Account":                                         "INVALID_FIELD: …Didn't understand relationship 'Nobody' in field path.",
		"SELECT Id, Id FROM Account":                                              "INVALID_FIELD: …duplicate field selected: Id",
		"SELECT Id FROM Account WHERE Name = 'a' AND Name = 'b' OR Name = 'c'":    "MALFORMED_QUERY: …unexpected token: 'OR'",
		"SELECT Id FROM Account WHERE Name = 5":                                   "INVALID_FIELD: …value of filter criterion for field 'Name' must be of type string and should be enclosed in quotes",
		"SELECT Id FROM Account WHERE NumberOfEmployees = '5'":                    "INVALID_FIELD: …must be of type int and should not be enclosed in quotes",
		"SELECT Id FROM Account WHERE CreatedDate > '2024-01-01'":                 "INVALID_FIELD: …must be of type dateTime and should not be enclosed in quotes",
		"SELECT Id FROM Account WHERE CreatedDate > 2024-01-01":                   "INVALID_FIELD: …must be of type dateTime",
		"SELECT Id FROM Account WHERE Active__c = 'true'":                         "INVALID_FIELD: …must be of type boolean and should not be enclosed in quotes",
		"SELECT Id FROM Invoice__c WHERE Channels__c LIKE 'M%'":                   "INVALID_QUERY_FILTER_OPERATOR: …invalid operator on multipicklist field",
		"SELECT Id FROM Account WHERE NumberOfEmployees LIKE '1%'":                "INVALID_QUERY_FILTER_OPERATOR: …invalid operator on int field",
		"SELECT Id FROM Account WHERE Id = 'nonsense'":                            "INVALID_QUERY_FILTER_OPERATOR: …invalid ID field: nonsense",
		"SELECT Id FROM Account WHERE Description = 'x'":                          "INVALID_FIELD: …field 'Description' can not be filtered in a query call",
		"SELECT Id FROM Account WHERE BillingAddress = 'x'":                       "INVALID_FIELD: …field 'BillingAddress' can not be filtered in a query call",
		"SELECT Id FROM Account ORDER BY Description":                             "INVALID_FIELD: …field 'Description' can not be sorted in a query call",
		"SELECT Id FROM Account WHERE Name = 'a":                                  "MALFORMED_QUERY: …expecting '''",
		`SELECT Id FROM Account WHERE Name = '\q'`:                                "MALFORMED_QUERY: …Illegal character sequence",
		"SELECT Id FROM Account LIMIT x":                                          "MALFORMED_QUERY: …unexpected token: 'x'",
		"SELECT Id FROM Account WHERE":                                            "MALFORMED_QUERY: …unexpected token: '<EOF>'",
		"SELECT FIELDS(ALL) FROM Account":                                         "MALFORMED_QUERY: The SOQL FIELDS function must have a LIMIT of at most 200",
		"SELECT Id FROM AccountChangeEvent":                                       "INVALID_TYPE_FOR_OPERATION: entity type AccountChangeEvent does not support query",
		"SELECT Id FROM Account WHERE " + strings.Repeat("(", 200) + "Name = 'a'": "MALFORMED_QUERY: …nested too deeply",
	} {
		status, code, message := r.refused(http.MethodGet, "/query?q="+url.QueryEscape(soql), "")
		require.Equal(t, http.StatusBadRequest, status)
		begin, rest, _ := strings.Cut(want, ": ")
		require.Equal(t, begin, code, "%s: %s", soql, message)
		if tail, cut := strings.CutPrefix(rest, "…"); cut {
			require.Contains(t, message, tail, soql)
			require.Contains(t, message, "ERROR at Row:1:Column:")
		} else {
			require.True(t, strings.HasPrefix(message, rest), message)
		}
	}
}

func TestQuery_NestsParentsAndCompounds(t *testing.T) {
	t.Parallel()
	r := people(t)
	rows := r.query("SELECT Name, Parent.Name, Parent.BillingAddress, BillingAddress, Owner.Id FROM Account ORDER BY Name LIMIT 2").Records
	require.Nil(t, rows[0]["Parent"])
	require.Equal(t, "Leeds", rows[0]["BillingAddress"].(record)["city"])
	parent := rows[1]["Parent"].(record)
	require.Equal(t, "Account", parent["attributes"].(record)["type"])
	require.Equal(t, "Acme", parent["Name"])
	require.Equal(t, "Leeds", parent["BillingAddress"].(record)["city"])
	require.Nil(t, rows[1]["BillingAddress"])
	require.Equal(t, r.UserID(), rows[1]["Owner"].(record)["Id"])

	lead := r.Put("Lead", record{"LastName": "Eze", "Company": "C"})
	r.Put("Task", record{"WhoId": lead, "Subject": "Call"})
	who := r.query("SELECT Who.Name, Who.Email FROM Task").Records[0]["Who"].(record)
	require.Equal(t, "Lead", who["attributes"].(record)["type"], "a reference to several objects tells which")
	require.Equal(t, "Eze", who["Name"])
}

func TestQuery_PagesAreAHint(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{Accounts: 5000})
	seen := map[any]bool{}
	p := r.query("SELECT Id FROM Account")
	for pages := 1; ; pages++ {
		for _, rec := range p.Records {
			seen[rec["Id"]] = true
		}
		require.Equal(t, 5000, p.TotalSize)
		if p.Done {
			require.Equal(t, 3, pages)
			break
		}
		next := p.Next
		p = page{}
		ask(t, http.MethodGet, r.url+next, "", &p)
	}
	require.Len(t, seen, 5000)

	size := func(soql, option string) int {
		res := send(t, http.MethodGet, r.base+"/query?q="+url.QueryEscape(soql), "", "Sforce-Query-Options", option)
		defer res.Body.Close()
		var p page
		decode(t, res, &p)
		return len(p.Records)
	}
	require.Equal(t, 300, size("SELECT Id FROM Account", "batchSize=300"))
	require.Equal(t, 200, size("SELECT Id FROM Account", "batchSize=7"))
	require.Equal(t, 2000, size("SELECT Id FROM Account", "batchSize=9999"))
	r.AddField("Account", fake.Field{Name: "More__c", Label: "More", Type: "textarea", Length: 32_000})
	require.Equal(t, 200, size("SELECT Id, Description, More__c FROM Account", "batchSize=2000"), "long texts make short pages")
}

func TestQuery_WithoutOrderThereIsNone(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{Accounts: 100, Unordered: true})
	mixed := r.column("Id", "SELECT Id FROM Account")
	ordered := r.column("Id", "SELECT Id FROM Account ORDER BY Id")
	require.ElementsMatch(t, ordered, mixed)
	require.NotEqual(t, ordered, mixed)
	require.Equal(t, mixed, r.column("Id", "SELECT Id FROM Account"), "the same query again gives the same")
	require.Equal(t, mixed[:5], r.column("Id", "SELECT Id FROM Account LIMIT 5"))
}

func TestServer_WhatThereIsNot(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	status, code, _ := r.refused(http.MethodGet, "/nothing", "")
	require.Equal(t, []any{http.StatusNotFound, "NOT_FOUND"}, []any{status, code})
	status, code, message := r.refused(http.MethodPut, "/limits", "")
	require.Equal(t, []any{http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "HTTP Method 'PUT' not allowed. Allowed are GET"}, []any{status, code, message})
	res := send(t, http.MethodGet, r.url+"/services/data/v12.0/limits", "")
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNotFound, res.StatusCode, "a version that is no more")
}

func TestQuery_LocatorsEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{Accounts: 2001})
	path := func() string {
		next := r.query("SELECT Id FROM Account").Next
		return strings.TrimPrefix(next, "/services/data/v58.0")
	}
	first := path()
	for range 2 { // a page may be fetched again
		var p page
		r.get(first, &p)
		require.Len(t, p.Records, 1)
	}
	r.at = r.at.Add(49 * time.Hour)
	_, code, _ := r.refused(http.MethodGet, first, "")
	require.Equal(t, "INVALID_QUERY_LOCATOR", code)
	second := path()
	r.ExpireCursors()
	_, code, _ = r.refused(http.MethodGet, second, "")
	require.Equal(t, "INVALID_QUERY_LOCATOR", code)
}

func TestQuery_LongOnesNeedABody(t *testing.T) {
	t.Parallel()
	r := people(t)
	soql := "SELECT Name FROM Account WHERE Name IN ('Acme'" + strings.Repeat(",'"+strings.Repeat("x", 100)+"'", 160) + ")"
	status, _, _ := r.refused(http.MethodGet, "/query?q="+url.QueryEscape(soql), "")
	require.Equal(t, http.StatusRequestURITooLong, status)
	status, _, _ = r.refused(http.MethodGet, "/limits", "", "X-Long", strings.Repeat("x", 16_400))
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, status)
	var batch struct {
		HasErrors bool
		Results   []struct {
			StatusCode int
			Result     page
		}
	}
	r.call(http.MethodPost, "/composite/batch", `{"batchRequests":[{"method":"GET","url":"v58.0/query?q=`+url.QueryEscape(soql)+`"}]}`, &batch)
	require.False(t, batch.HasErrors)
	require.Equal(t, 1, batch.Results[0].Result.TotalSize)
	huge := "SELECT Name FROM Account WHERE Name IN ('Acme'" + strings.Repeat(",'"+strings.Repeat("x", 100)+"'", 1000) + ")"
	var refused struct {
		Results []struct{ Result []struct{ ErrorCode string } }
	}
	r.call(http.MethodPost, "/composite/batch", `{"batchRequests":[{"method":"GET","url":"v58.0/query?q=`+url.QueryEscape(huge)+`"}]}`, &refused)
	require.Equal(t, "QUERY_TOO_COMPLICATED", refused.Results[0].Result[0].ErrorCode, "100,000 characters are the most")
}

func TestQuery_AFieldThatIsHiddenOrRemovedIsNoColumn(t *testing.T) {
	t.Parallel()
	r := people(t)
	r.HideField("Account", "Industry", true)
	_, code, message := r.refused(http.MethodGet, "/query?q=SELECT+Industry+FROM+Account", "")
	require.Equal(t, "INVALID_FIELD", code)
	require.Contains(t, message, "No such column 'Industry' on entity 'Account'")
	r.HideField("Account", "Industry", false)
	require.Contains(t, r.column("Industry", "SELECT Industry FROM Account"), "Retail")
	r.RemoveField("Account", "Industry")
	_, code, _ = r.refused(http.MethodGet, "/query?q=SELECT+Industry+FROM+Account", "")
	require.Equal(t, "INVALID_FIELD", code)
	r.AddField("Account", fake.Field{Name: "Later__c", Label: "Later", Type: "string", Length: 10})
	require.Equal(t, []any{nil, nil, nil}, r.column("Later__c", "SELECT Later__c FROM Account"))
}

func TestMetadata_ListsDescribesAndSaysUnchanged(t *testing.T) {
	t.Parallel()
	r := people(t)
	var list struct{ Sobjects []record }
	r.get("/sobjects", &list)
	flags := map[any][]any{}
	for _, o := range list.Sobjects {
		flags[o["name"]] = []any{o["queryable"], o["createable"], o["custom"]}
	}
	require.Equal(t, []any{true, true, false}, flags["Account"])
	require.Equal(t, []any{true, false, false}, flags["AccountHistory"])
	require.Equal(t, []any{false, false, false}, flags["AccountChangeEvent"])
	require.Equal(t, []any{false, false, true}, flags["Invoice__ChangeEvent"])
	require.Equal(t, []any{false, true, true}, flags["Invoice_Sent__e"])

	var describe struct{ Fields []record }
	r.get("/sobjects/invoice__c/describe", &describe)
	types := map[any]any{}
	for _, f := range describe.Fields {
		types[f["name"]] = f["type"]
	}
	for name, kind := range map[string]string{
		"Id": "id", "Account__c": "reference", "Amount__c": "currency", "Discount__c": "percent", "Weight__c": "double", "Paid__c": "boolean", "Due__c": "date",
		"Sent__c": "datetime", "Cutoff__c": "time", "Status__c": "picklist", "Channels__c": "multipicklist", "Secret__c": "encryptedstring", "Place__c": "location",
	} {
		require.Equal(t, kind, types[name], name)
	}
	since := r.at.UTC().Format(http.TimeFormat)
	for _, path := range []string{"/sobjects", "/sobjects/Account/describe"} {
		res := send(t, http.MethodGet, r.base+path, "", "If-Modified-Since", since)
		require.NoError(t, res.Body.Close())
		require.Equal(t, http.StatusNotModified, res.StatusCode)
	}
	r.at = r.at.Add(time.Minute)
	r.AddField("Account", fake.Field{Name: "New__c", Label: "New", Type: "string", Length: 10})
	res := send(t, http.MethodGet, r.base+"/sobjects", "", "If-Modified-Since", since)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	status, code, _ := r.refused(http.MethodGet, "/sobjects/Nothing/describe", "")
	require.Equal(t, []any{http.StatusNotFound, "NOT_FOUND"}, []any{status, code})

	var counts struct{ SObjects []record }
	r.get("/limits/recordCount?sObjects=Account", &counts)
	require.Equal(t, []record{{"name": "Account", "count": 4.0}}, counts.SObjects)
	var versions []record
	ask(t, http.MethodGet, r.url+"/services/data", "", &versions)
	require.Contains(t, versions, record{"label": "Spring '23", "url": "/services/data/v58.0", "version": "58.0"})
}

func TestReplication_DeletedAndUpdated(t *testing.T) {
	t.Parallel()
	r := people(t)
	window := "?start=2026-03-10T11:00:00%2B00:00&end=2026-03-10T13:00:00Z"
	var deleted struct{ DeletedRecords []record }
	r.get("/sobjects/Account/deleted/"+window, &deleted)
	require.Len(t, deleted.DeletedRecords, 1)
	require.Equal(t, "2026-03-10T12:00:00.000+0000", deleted.DeletedRecords[0]["deletedDate"])
	var updated struct{ IDs []string }
	r.get("/sobjects/Account/updated/"+window, &updated)
	require.Len(t, updated.IDs, 3)
	_, code, _ := r.refused(http.MethodGet, "/sobjects/Account/deleted/?start=2025-01-01T00:00:00Z&end=2026-03-10T13:00:00Z", "")
	require.Equal(t, "INVALID_REPLICATION_DATE", code)
}

func TestSeed_TheSameOrgTwice(t *testing.T) {
	t.Parallel()
	o := fake.Options{Seed: 7, Accounts: 50}
	a, b := newRig(t, o), newRig(t, o)
	for _, object := range []string{"Account", "Contact", "Invoice__c", "Opportunity", "Lead"} {
		require.NotEmpty(t, a.Records(object))
		require.Equal(t, a.Records(object), b.Records(object))
	}
	require.NotEqual(t, a.Records("Account"), newRig(t, fake.Options{Seed: 8, Accounts: 50}).Records("Account"))
}
