package fake_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/salesforce/fake"
)

func TestChanges_TellWhatWasWritten(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{Accounts: 10})
	_, from, _, more := r.Changes(-1)
	require.Zero(t, from, "samples are no news")
	var out []written
	r.call(http.MethodPost, "/composite/sobjects", collection("Account", false, `"Name":"a","Phone":"1"`, `"Name":"b"`), &out)
	<-more
	a, b := out[0].ID, out[1].ID
	r.at = r.at.Add(time.Minute)
	r.call(http.MethodPatch, "/composite/sobjects", collection("Account", false, `"id":"`+a+`","Phone":null,"Website":"w"`), nil)
	r.call(http.MethodDelete, "/composite/sobjects?ids="+a+","+b, "", nil)
	require.True(t, r.Undelete(b))
	r.call(http.MethodPost, "/sobjects/Invoice_Sent__e", `{"Invoice_Key__c":"k","Amount__c":2}`, nil)
	r.Put("Task", record{"Subject": "not replicated"})

	list, next, lost, _ := r.Changes(0)
	require.False(t, lost)
	require.Len(t, list, 6)
	require.EqualValues(t, 6, next)
	kinds := []fake.ChangeType{}
	for i, c := range list {
		require.EqualValues(t, i+1, c.Position)
		require.Equal(t, r.UserID(), c.CommitUser)
		require.Greater(t, c.CommitNumber, int64(1)<<53)
		kinds = append(kinds, c.Type)
	}
	require.Equal(t, []fake.ChangeType{fake.Create, fake.Create, fake.Update, fake.Delete, fake.Undelete, fake.Published}, kinds)
	require.Equal(t, []int{1, 2, 1}, []int{list[0].Sequence, list[1].Sequence, list[2].Sequence})
	require.Equal(t, list[0].TransactionKey, list[1].TransactionKey)
	require.NotEqual(t, list[1].TransactionKey, list[2].TransactionKey)
	require.Less(t, list[1].CommitNumber, list[2].CommitNumber)
	require.Equal(t, "a", list[0].Fields["Name"])
	require.NotContains(t, list[0].Fields, "Website", "what holds nothing is not shown")
	require.NotContains(t, list[0].Fields, "SystemModstamp")
	require.Equal(t, []string{"Phone", "Website", "LastModifiedDate"}, list[2].Changed)
	require.Equal(t, []string{"Phone"}, list[2].Nulled)
	require.Equal(t, r.at.Truncate(time.Second), list[2].Fields["LastModifiedDate"])
	require.Equal(t, r.at.Truncate(time.Millisecond), list[2].CommitTime)
	require.Equal(t, []string{a, b}, list[3].RecordIDs, "alike changes of one transaction are one")
	require.Empty(t, list[3].Fields)
	require.Equal(t, "b", list[4].Fields["Name"])
	require.Equal(t, "Invoice_Sent__e", list[5].Entity)
	require.Equal(t, "k", list[5].Fields["Invoice_Key__c"])
}

func TestChanges_AreForgottenAndPublished(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	r.Put("Account", record{"Name": "a"})
	r.ForgetChanges()
	at := r.Publish(fake.Change{Entity: "Account", Type: fake.GapOverflow, RecordIDs: []string{"000000000000000AAA"}})
	require.EqualValues(t, 2, at)
	list, _, lost, _ := r.Changes(0)
	require.True(t, lost)
	require.Len(t, list, 1)
	require.Equal(t, fake.GapOverflow, list[0].Type)
	list, _, lost, more := r.Changes(at)
	require.False(t, lost)
	require.Empty(t, list)
	select {
	case <-more:
		require.Fail(t, "there is nothing more")
	default:
	}
}

func TestChanges_OldOnesMakeRoom(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{KeepChanges: 4})
	for range 10 {
		r.Put("Account", record{"Name": "a"})
	}
	list, next, lost, _ := r.Changes(0)
	require.True(t, lost)
	require.LessOrEqual(t, len(list), 5)
	require.EqualValues(t, 10, next)
	require.EqualValues(t, 10, list[len(list)-1].Position)
	_, _, lost, _ = r.Changes(9)
	require.False(t, lost)
}

func TestChanges_NameTheirInterface(t *testing.T) {
	t.Parallel()
	r := newRig(t, fake.Options{})
	require.Equal(t, "JobComplete", r.ingest(`{"object":"Account","operation":"insert"}`, "Name\na\n").State)
	list, _, _, _ := r.Changes(0)
	require.Equal(t, "com/salesforce/api/bulk/58.0", list[0].Origin)
	r.call(http.MethodPost, "/sobjects/Account", `{"Name":"b"}`, nil)
	list, _, _, _ = r.Changes(1)
	require.Equal(t, "com/salesforce/api/rest/58.0", list[0].Origin)
}
