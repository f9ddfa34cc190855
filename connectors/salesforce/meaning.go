package salesforce

import (
	"net/http"

	"weir.dev/weir/connectorkit/rest"
)

// wordsAt are the places of an error's code and text: data answers are arrays of errors, OAuth's are objects, and those of
// a composite request hold the answers of what it is made of.
var wordsAt = []string{"0.errorCode", "0.message", "error", "error_description", "results.0.result.0.errorCode", "results.0.result.0.message", "errorCode", "message"}

// codeAt is where data answers have their code.
const codeAt = "0.errorCode"

// meanings are what Salesforce's errors come to where the status does not say it, or says too little. What is Missing
// here is an answer that the caller has a way around: a cursor that has expired, an object that the Bulk API lacks.
func meanings() []rest.Rule {
	forbidden, bad := []int{http.StatusForbidden}, []int{http.StatusBadRequest}
	rules := []rest.Rule{
		// Two refusals of a token that is good: another one would be refused as well.
		{Status: []int{http.StatusUnauthorized}, Text: "Connected app is not attached to Agent", Means: rest.Forbidden, Hint: "give the connected app the right to act for this user"},
		{Status: []int{http.StatusUnauthorized}, Text: "This session is not valid for use with the REST API", Means: rest.Forbidden, Hint: "give the connected app the scope api"},
		// One code for two limits: that of requests at the same time passes by itself, that of a day does not.
		{Status: forbidden, At: codeAt, Code: "REQUEST_LIMIT_EXCEEDED", Text: "oncurrent", Means: rest.Throttled},
		{
			Status: forbidden, At: codeAt, Code: "REQUEST_LIMIT_EXCEEDED", Means: rest.Fatal,
			Hint: "the API calls that the organization has for 24 hours are used up; wait, or move more records with each call by dataTransferApi BULKV2",
		},
		{Status: forbidden, At: codeAt, Code: "TXN_SECURITY_METERING_ERROR", Means: rest.Transient},
		{Status: bad, At: codeAt, Code: "INVALID_QUERY_LOCATOR", Means: rest.Missing},
		{Status: bad, At: codeAt, Code: "INVALIDENTITY", Means: rest.Missing},
		{Status: bad, Text: "is not supported by the Bulk API", Means: rest.Missing},
		{Status: bad, Text: "does not support query", Means: rest.Missing},
		{Status: bad, At: codeAt, Code: "INVALID_FIELD", Means: rest.Fatal, Hint: "a field that is gone, or hidden from this user, must leave the flow's tasks"},
		{Status: bad, At: codeAt, Code: "INVALID_TYPE", Means: rest.Fatal, Hint: "the object is gone, or hidden from this user"},
		{Status: bad, At: codeAt, Code: "LIMIT_EXCEEDED", Means: rest.Fatal, Hint: "the organization's daily limit is reached"},
		{Status: bad, At: codeAt, Code: "EXCEEDED_QUOTA", Means: rest.Fatal, Hint: "the organization's daily limit is reached"},
		// A job of the Bulk API that is asked too early.
		{Status: []int{http.StatusPreconditionFailed}, At: codeAt, Code: "JOB_NOT_COMPLETE", Means: rest.Transient},
		// What gateways say.
		{Status: []int{http.StatusNotAcceptable, 420}, Means: rest.Transient},
	}
	for _, code := range []string{"QUERY_TIMEOUT", "OPERATION_TOO_LARGE"} {
		rules = append(rules, rest.Rule{Status: bad, At: codeAt, Code: code, Means: rest.Fatal, Hint: "take fewer records at a time, or read by dataTransferApi BULKV2"})
	}
	for _, code := range []string{"UNABLE_TO_LOCK_ROW", "SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION"} {
		rules = append(rules, rest.Rule{Status: bad, At: codeAt, Code: code, Means: rest.Transient})
	}
	return rules
}
