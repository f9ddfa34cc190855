package fake_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/salesforce/fake"
)

// written is one record's part of a collection's answer.
type written struct {
	ID      string
	Success bool
	Created bool
	Errors  []struct {
		StatusCode, Message string
		Fields              []string
	}
}

func (w written) code() string {
	if len(w.Errors) == 0 {
		return ""
	}
	return w.Errors[0].StatusCode
}

func codesOf(list []written) []string {
	out := []string{}
	for _, w := range list {
		out = append(out, w.code())
	}
	return out
}

// collection makes the body of a call; records are JSON objects without their attributes.
func collection(object string, allOrNone bool, records ...string) string {
	for i, r := range records {
		records[i] = `{"attributes":{"type":"` + object + `"},` + r + `}`
	}
	return fmt.Sprintf(`{"allOrNone":%v,"records":[%s]}`, allOrNone, strings.Join(records, ","))
}

func TestCollections_ErrorsStandInOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	taken := r.Put("Account", record{"Name": "taken", "Ext__c": "K"})
	gone := r.Put("Account", record{"Name": "gone"})
	r.Delete(gone)
	var out []written
	r.call(http.MethodPost, "/composite/sobjects", collection("Account", false,
		`"Name":"good"`,
		`"Industry":"Retail"`,
		`"Name":"`+strings.Repeat("x", 256)+`"`,
		`"Name":"d","Ext__c":"k"`,
		`"Name":"p","ParentId":"nonsense"`,
		`"Name":"p","ParentId":"`+r.UserID()+`"`,
		`"Name":"p","ParentId":"001000000000000AAA"`,
		`"Name":"p","ParentId":"`+gone+`"`,
		`"Name":"r","CreatedDate":"2024-01-01T00:00:00Z"`,
		`"Name":"parent","ParentId":"`+taken[:15]+`"`,
	), &out)
	require.Equal(t, []string{
		"", "REQUIRED_FIELD_MISSING", "STRING_TOO_LONG", "DUPLICATE_VALUE", "MALFORMED_ID", "FIELD_INTEGRITY_EXCEPTION", "INVALID_CROSS_REFERENCE_KEY",
		"ENTITY_IS_DELETED", "INVALID_FIELD_FOR_INSERT_UPDATE", "",
	}, codesOf(out))
	require.Equal(t, "Required fields are missing: [Name]", out[1].Errors[0].Message)
	require.Equal(t, []string{"Name"}, out[1].Errors[0].Fields)
	require.Contains(t, out[3].Errors[0].Message, taken)
	parent, _ := r.Record(out[9].ID)
	require.Equal(t, taken, parent["ParentId"], "ids are kept in their long form")
	require.Len(t, r.column("Id", "SELECT Id FROM Account"), 3)

	for body, code := range map[string]string{
		`"Name":"a","Nothing":1`:             "INVALID_FIELD",
		`"Name":"a","NumberOfEmployees":"x"`: "JSON_PARSER_ERROR",
		`"Name":"a","Active__c":"perhaps"`:   "JSON_PARSER_ERROR",
	} {
		status, got, _ := r.refused(http.MethodPost, "/composite/sobjects", collection("Account", false, `"Name":"first"`, body))
		require.Equal(t, []any{http.StatusBadRequest, code}, []any{status, got}, "a malformed record refuses the call")
	}
	many := make([]string, 201)
	for i := range many {
		many[i] = `"Name":"a"`
	}
	_, code, _ := r.refused(http.MethodPost, "/composite/sobjects", collection("Account", false, many...))
	require.Equal(t, "EXCEEDED_ID_LIMIT", code)
	require.Len(t, r.column("Id", "SELECT Id FROM Account"), 3, "what was refused wrote nothing")
}

func TestCollections_AllOrNoneTakesBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	a := r.Put("Account", record{"Name": "a", "Ext__c": "A"})
	_, from, _, _ := r.Changes(-1)
	var out []written
	r.call(http.MethodPatch, "/composite/sobjects/Account/Ext__c", collection("Account", true, `"Ext__c":"A","Name":"changed"`, `"Ext__c":"B","Name":"new"`, `"Ext__c":"C"`), &out)
	require.Equal(t, []string{"ALL_OR_NONE_OPERATION_ROLLED_BACK", "ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"}, codesOf(out))
	r.call(http.MethodDelete, "/composite/sobjects?allOrNone=true&ids="+a+",001000000000000AAA", "", &out)
	require.Equal(t, []string{"ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_CROSS_REFERENCE_KEY"}, codesOf(out))
	require.Equal(t, []any{"a"}, r.column("Name", "SELECT Name FROM Account"))
	changes, _, _, _ := r.Changes(from)
	require.Empty(t, changes, "what was taken back is not announced")
	// the keys are free again
	r.call(http.MethodPatch, "/composite/sobjects/Account/Ext__c", collection("Account", true, `"Ext__c":"A","Name":"changed"`, `"Ext__c":"B","Name":"new"`), &out)
	require.Equal(t, []bool{false, true}, []bool{out[0].Created, out[1].Created})
}

func TestCollections_UpdateUpsertDelete(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	a, b := r.Put("Account", record{"Name": "a", "Phone": "1"}), r.Put("Account", record{"Name": "b"})
	r.at = r.at.Add(time.Hour)
	var out []written
	r.call(http.MethodPatch, "/composite/sobjects", collection("Account", false,
		`"id":"`+a+`","Phone":null,"Name":"a2"`, `"Id":"`+a[:15]+`","Name":"twice"`, `"Name":"no id"`, `"id":"bad","Name":"x"`, `"id":"`+b+`","Name":null`,
	), &out)
	require.Equal(t, []string{"", "DUPLICATE_VALUE", "MISSING_ARGUMENT", "MALFORMED_ID", "REQUIRED_FIELD_MISSING"}, codesOf(out))
	got, _ := r.Record(a)
	require.Equal(t, []any{"a2", nil}, []any{got["Name"], got["Phone"]}, "null clears")
	require.Equal(t, r.at.Truncate(time.Second), got["SystemModstamp"], "stamps are whole seconds")
	require.NotEqual(t, got["CreatedDate"], got["SystemModstamp"])

	r.call(http.MethodPatch, "/composite/sobjects/Account/Ext__c", collection("Account", false, `"Ext__c":"X","Name":"x"`, `"Ext__c":"x","Name":"again"`, `"Name":"no key"`, `"Ext__c":"Y","id":"`+a+`"`), &out)
	require.Equal(t, []string{"", "DUPLICATE_VALUE", "MISSING_ARGUMENT", "INVALID_FIELD"}, codesOf(out))
	status, code, _ := r.refused(http.MethodPatch, "/composite/sobjects/Account/Phone", collection("Account", false, `"Phone":"X"`))
	require.Equal(t, []any{http.StatusNotFound, "NOT_FOUND"}, []any{status, code})

	r.call(http.MethodDelete, "/composite/sobjects?ids="+strings.Join([]string{a, a, b, "x"}, ","), "", &out)
	require.Equal(t, []string{"", "DUPLICATE_VALUE", "", "MALFORMED_ID"}, codesOf(out))
	r.call(http.MethodDelete, "/composite/sobjects?ids="+a, "", &out)
	require.Equal(t, []string{"ENTITY_IS_DELETED"}, codesOf(out))
	require.True(t, r.Undelete(a))
	require.False(t, r.Undelete(a))
	require.True(t, r.Purge(b))
	r.call(http.MethodPatch, "/composite/sobjects", collection("Account", false, `"id":"`+b+`","Name":"x"`), &out)
	require.Equal(t, []string{"INVALID_CROSS_REFERENCE_KEY"}, codesOf(out))
}

func TestRecord_OneByOne(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	var made written
	r.call(http.MethodPost, "/sobjects/invoice__c/", `{"Ext__c":"a/b c","Amount__c":100,"Discount__c":25}`, &made)
	require.True(t, made.Success)
	var got record
	r.get("/sobjects/Invoice__c/"+made.ID, &got)
	require.InDelta(t, 75.0, got["Net__c"], 0)
	require.Equal(t, "INV-000001", got["Name"])
	res := send(t, http.MethodPatch, r.base+"/sobjects/Invoice__c/"+made.ID, `{"Amount__c":null}`)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	r.get("/sobjects/Invoice__c/"+made.ID+"?fields=Net__c,Name", &got)
	require.Nil(t, got["Net__c"])

	var up written
	r.call(http.MethodPatch, "/sobjects/Invoice__c/Ext__c/a%2Fb%20c", `{"Paid__c":true}`, &up)
	require.Equal(t, written{ID: made.ID, Success: true, Errors: up.Errors}, up)
	r.call(http.MethodPatch, "/sobjects/Invoice__c/Ext__c/new", `{}`, &up)
	require.True(t, up.Created)
	for body, code := range map[string]string{`{"Ext__c":"x"}`: "INVALID_FIELD", `{"Status__c":"Lost"}`: "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", `{"Contact_Email__c":"nobody"}`: "INVALID_EMAIL_ADDRESS", `{"Amount__c":1e15}`: "NUMBER_OUTSIDE_VALID_RANGE", `{"Amount__c":-1}`: "FIELD_CUSTOM_VALIDATION_EXCEPTION", `{`: "JSON_PARSER_ERROR"} {
		_, got, message := r.refused(http.MethodPatch, "/sobjects/Invoice__c/Ext__c/new", body)
		require.Equal(t, code, got, message)
	}
	status, code, message := r.refused(http.MethodPatch, "/sobjects/Invoice__c/Due__c/new", `{}`)
	require.Equal(t, []any{http.StatusNotFound, "NOT_FOUND", "Provided external ID field does not exist or is not accessible: Due__c"}, []any{status, code, message})
	status, code, _ = r.refused(http.MethodPost, "/sobjects/AccountHistory", `{}`)
	require.Equal(t, []any{http.StatusBadRequest, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"}, []any{status, code})

	res = send(t, http.MethodDelete, r.base+"/sobjects/Invoice__c/"+made.ID, "")
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusNoContent, res.StatusCode)
	status, code, _ = r.refused(http.MethodGet, "/sobjects/Invoice__c/"+made.ID, "")
	require.Equal(t, []any{http.StatusNotFound, "ENTITY_IS_DELETED"}, []any{status, code})
}

func TestRecord_AKeyThatSeveralHold(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	r.AddField("Account", fake.Field{Name: "Loose__c", Label: "Loose", Type: "string", Length: 10, ExternalID: true})
	r.Put("Account", record{"Name": "a", "Loose__c": "k"})
	r.Put("Account", record{"Name": "b", "Loose__c": "K"})
	res := send(t, http.MethodPatch, r.base+"/sobjects/Account/Loose__c/k", `{"Name":"c"}`)
	defer res.Body.Close()
	require.Equal(t, http.StatusMultipleChoices, res.StatusCode)
	var list []string
	decode(t, res, &list)
	require.Len(t, list, 2)
	require.True(t, strings.HasPrefix(list[0], "/services/data/v58.0/sobjects/Account/001"))
}

func TestRecord_ParentsByTheirKeysAndFiles(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	a := r.Put("Account", record{"Name": "a", "Ext__c": "P"})
	var made written
	r.call(http.MethodPost, "/sobjects/Invoice__c", `{"Account__r":{"Ext__c":"p"}}`, &made)
	got, _ := r.Record(made.ID)
	require.Equal(t, a, got["Account__c"])
	_, code, message := r.refused(http.MethodPost, "/sobjects/Invoice__c", `{"Account__r":{"Ext__c":"Q"}}`)
	require.Equal(t, []string{"INVALID_FIELD", "Foreign key external ID: q not found for field Ext__c in entity Account"}, []string{code, message})

	r.call(http.MethodPost, "/sobjects/Attachment", `{"ParentId":"`+a+`","Name":"f.txt","Body":"aGVsbG8="}`, &made)
	rows := r.query("SELECT Name, Body FROM Attachment").Records
	at, _ := rows[0]["Body"].(string)
	require.Equal(t, "/services/data/v58.0/sobjects/Attachment/"+made.ID+"/Body", at, "a file is an address")
	res := send(t, http.MethodGet, r.url+at, "")
	defer res.Body.Close()
	text := make([]byte, 10)
	n, _ := res.Body.Read(text)
	require.Equal(t, "hello", string(text[:n]))
}

func TestComposite_LaterCallsUseEarlierAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	var out struct {
		CompositeResponse []struct {
			ReferenceID    string `json:"referenceId"`
			HTTPStatusCode int    `json:"httpStatusCode"`
			Body           json.RawMessage
		}
	}
	r.call(http.MethodPost, "/composite", `{"compositeRequest":[
		{"method":"POST","url":"/services/data/v58.0/sobjects/Account","referenceId":"made","body":{"Name":"composite"}},
		{"method":"GET","url":"/services/data/v58.0/query?q=SELECT+Name+FROM+Account+WHERE+Id='@{made.id}'","referenceId":"read"},
		{"method":"GET","url":"/services/data/v58.0/sobjects/Account/@{read.records[0].Nothing}","referenceId":"lost"},
		{"method":"GET","url":"/services/data/v58.0/sobjects/Nothing/describe","referenceId":"bad"}]}`, &out)
	require.Equal(t, []int{201, 200, 400, 404}, []int{out.CompositeResponse[0].HTTPStatusCode, out.CompositeResponse[1].HTTPStatusCode, out.CompositeResponse[2].HTTPStatusCode, out.CompositeResponse[3].HTTPStatusCode})
	require.Contains(t, string(out.CompositeResponse[1].Body), `"Name":"composite"`)
	var read []record
	id := r.Records("Account")[0]["Id"].(string)
	r.call(http.MethodPost, "/composite/sobjects/Account", `{"ids":["`+id+`","001000000000000AAA"],"fields":["Name"]}`, &read)
	require.Equal(t, "composite", read[0]["Name"])
	require.Nil(t, read[1])
}
