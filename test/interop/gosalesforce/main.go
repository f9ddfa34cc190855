// Command gosalesforce judges the stand-in of Salesforce with go-salesforce, a client that others wrote: what it reads back
// must be what it wrote, by every way that it knows.
//
//	gosalesforce http://127.0.0.1:PORT ACCOUNTS
package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/csv"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"

	"github.com/k-capehart/go-salesforce/v3"
)

type account struct {
	ID    string `json:",omitempty" salesforce:"Id"`
	Name  string
	Ext   string `json:"Ext__c" salesforce:"Ext__c"`
	Phone string
}

func main() {
	url := os.Args[1]
	count, err := strconv.Atoi(os.Args[2])
	must(err)
	sf := login(url)
	collections(sf)
	composites(sf)
	bulk(sf)
	queries(sf, count)
	fmt.Println("go-salesforce: passed")
}

// login exchanges a JWT, whose answer names the instance.
func login(url string) *salesforce.Salesforce {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(err)
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	_, err = salesforce.Init(salesforce.Creds{Domain: url, Username: "admin@example.com", ConsumerKey: "app", ConsumerRSAPem: string(text)})
	must(err)
	_, err = salesforce.Init(salesforce.Creds{Domain: url, ConsumerKey: "app", ConsumerSecret: "secret"})
	if err == nil {
		must(fmt.Errorf("client credentials were taken, which Salesforce refuses unless they are allowed"))
	}
	sf, err := salesforce.Init(salesforce.Creds{Domain: url, AccessToken: "sample"}, salesforce.WithCompressionHeaders(true)) // its own version: its paging knows no other
	must(err)
	return sf
}

func collections(sf *salesforce.Salesforce) {
	one, err := sf.InsertOne("Account", map[string]any{"Name": "one"})
	must(err)
	must(sf.UpdateOne("Account", map[string]any{"Id": one.Id, "Phone": "1"}))
	var got []account
	must(sf.Query("SELECT Id, Name, Phone FROM Account WHERE Id = '"+one.Id+"'", &got))
	same("one record", got, []account{{ID: one.Id, Name: "one", Phone: "1"}})
	must(sf.DeleteOne("Account", map[string]any{"Id": one.Id}))

	many := make([]map[string]any, 300)
	for i := range many {
		many[i] = map[string]any{"Ext__c": fmt.Sprint("go-", i), "Name": fmt.Sprint("Go ", i)}
	}
	delete(many[7], "Name")
	made, err := sf.UpsertCollection("Account", "Ext__c", many, 200)
	must(err)
	same("the count of results", len(made.Results), 300)
	same("a refused record", made.Results[7].Errors[0].StatusCode, "REQUIRED_FIELD_MISSING")
	var ids []map[string]any
	for _, r := range made.Results {
		if r.Success {
			ids = append(ids, map[string]any{"Id": r.Id})
		}
	}
	gone, err := sf.DeleteCollection("Account", ids, 200)
	must(err)
	same("the deletion", gone.HasSalesforceErrors, false)
}

func composites(sf *salesforce.Salesforce) {
	list := make([]map[string]any, 250)
	for i := range list {
		list[i] = map[string]any{"Name": fmt.Sprint("composite ", i)}
	}
	made, err := sf.InsertComposite("Account", list, 200, false)
	must(err)
	same("composite inserts", []any{len(made.Results), made.HasSalesforceErrors}, []any{250, false})
	for i, r := range made.Results {
		list[i] = map[string]any{"Id": r.Id}
	}
	gone, err := sf.DeleteComposite("Account", list, 200, false)
	must(err)
	same("composite deletes", []any{len(gone.Results), gone.HasSalesforceErrors}, []any{250, false})
}

func bulk(sf *salesforce.Salesforce) {
	list := make([]map[string]any, 120)
	for i := range list {
		list[i] = map[string]any{"Name": fmt.Sprintf("bulk \"%d\",\nnext", i), "Ext__c": fmt.Sprint("gobulk-", i)}
	}
	list[3]["Name"] = ""
	jobs, err := sf.UpsertBulk("Account", "Ext__c", list, 100, true)
	must(err)
	same("bulk jobs", len(jobs), 2)
	var ids []map[string]any
	failed := 0
	for _, id := range jobs {
		results, err := sf.GetJobResults(id)
		must(err)
		same("the job's state", results.State, "JobComplete")
		failed += len(results.FailedRecords)
		for _, r := range results.SuccessfulRecords {
			ids = append(ids, map[string]any{"Id": r["sf__Id"]})
		}
	}
	same("bulk rows", []int{len(ids), failed}, []int{119, 1})
	_, err = sf.DeleteBulk("Account", ids, 1000, true)
	must(err)
}

func queries(sf *salesforce.Salesforce, count int) {
	var all []account
	must(sf.Query("SELECT Id, Name, Ext__c FROM Account", &all))
	same("the accounts by REST", len(all), count)
	folder, err := os.MkdirTemp("", "gosalesforce")
	must(err)
	defer func() { must(os.RemoveAll(folder)) }()
	file := filepath.Join(folder, "accounts.csv")
	must(sf.QueryBulkExport("SELECT Id, Name, Ext__c FROM Account", file))
	f, err := os.Open(file)
	must(err)
	lines, err := csv.NewReader(f).ReadAll()
	must(err)
	must(f.Close())
	same("the accounts by Bulk", len(lines), count+1)
	for i, line := range lines[1:] {
		same("a record by both", line, []string{all[i].ID, all[i].Name, all[i].Ext})
	}
}

func must(err error) {
	if err != nil {
		fmt.Println("go-salesforce: FAILED:", err)
		os.Exit(1)
	}
}

func same(what string, got, want any) {
	if !reflect.DeepEqual(got, want) {
		must(fmt.Errorf("%s: got %v, want %v", what, got, want))
	}
}
