package avro_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"weir.dev/weir/connectors/salesforce/internal/avro"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
)

// account is a schema of the form that Salesforce sends, cut down.
const account = `{"name":"AccountChangeEvent","namespace":"com.sforce.eventbus","type":"record","fields":[
 {"name":"ChangeEventHeader","type":{"type":"record","name":"ChangeEventHeader","fields":[
  {"name":"entityName","type":"string"},{"name":"recordIds","type":{"type":"array","items":"string"}},
  {"name":"changeType","type":{"type":"enum","name":"ChangeType","symbols":["CREATE","UPDATE","DELETE","UNDELETE","GAP_CREATE"]}},
  {"name":"sequenceNumber","type":"int"},{"name":"commitTimestamp","type":"long"},{"name":"commitNumber","type":"long"},
  {"name":"nulledFields","type":{"type":"array","items":"string"}},{"name":"diffFields","type":{"type":"array","items":"string"}},
  {"name":"changedFields","type":{"type":"array","items":"string"}}]}},
 {"name":"Name","type":["null","string",{"type":"record","name":"Switchable_PersonName","fields":[
  {"name":"FirstName","type":["null","string"],"doc":"Data:Text"},{"name":"LastName","type":["null","string"],"doc":"Data:Text"}]}],"doc":"Data:Switchable_PersonName","default":null},
 {"name":"BillingAddress","type":["null",{"type":"record","name":"Address","fields":[
  {"name":"Street","type":["null","string"]},{"name":"City","type":["null","string"]},{"name":"Latitude","type":["null","double"]}]}],"doc":"Data:Address"},
 {"name":"ShippingAddress","type":["null","Address"],"doc":"Data:Address"},
 {"name":"Employees","type":["null","int"],"doc":"Data:Integer"},
 {"name":"LastModifiedDate","type":["null","long"],"doc":"Data:DateTime"},
 {"name":"Founded__c","type":["null","long"],"doc":"Data:DateOnly:00N000000000001"},
 {"name":"Opens__c","type":["null","long"],"doc":"Data:TimeOnly:00N000000000002"},
 {"name":"Active__c","type":["null","boolean"],"doc":"Data:Boolean:00N000000000003"}]}`

// writer makes Avro's binary form.
type writer []byte

func (w writer) long(n int64) writer { return binary.AppendVarint(w, n) }
func (w writer) text(s string) writer {
	return append(binary.AppendVarint(w, int64(len(s))), s...)
}
func (w writer) null() writer { return w.long(0) }
func (w writer) some() writer { return w.long(1) }
func (w writer) double(f float64) writer {
	return binary.LittleEndian.AppendUint64(w, math.Float64bits(f))
}

func (w writer) texts(list ...string) writer {
	if len(list) > 0 {
		w = w.long(int64(len(list)))
	}
	for _, s := range list {
		w = w.text(s)
	}
	return w.long(0)
}

// header is a ChangeEventHeader; kind is the place of the change type.
func header(kind int64, nulled, changed []string) writer {
	return writer{}.text("Account").texts("001A", "001B").long(kind).long(1).long(1714550400000).long(9007199254740993).texts(nulled...).texts().texts(changed...)
}

func parse(t *testing.T, text string) *avro.Schema {
	t.Helper()
	s, err := avro.Parse(text)
	require.NoError(t, err)
	return s
}

const headerJSON = `"entityName":"Account","recordIds":["001A","001B"],"changeType":`

func TestEvent_CreateHoldsWhatIsThere(t *testing.T) {
	t.Parallel()
	payload := header(0, nil, nil).some().text("Ünder \"x\"\n").some().null().some().text("Oslo").some().double(59.5).null().some().long(-3).
		some().long(1714550400123).some().long(1714521600000).some().long(37845000).some()
	payload = append(payload, 1)
	got, err := parse(t, account).Event(payload)
	require.NoError(t, err)
	require.Equal(t, `{"ChangeEventHeader":{`+headerJSON+`"CREATE","sequenceNumber":1,"commitTimestamp":1714550400000,"commitNumber":9007199254740993,`+
		`"nulledFields":[],"diffFields":[],"changedFields":[]},"Name":"Ünder \"x\"\n","BillingAddress":{"City":"Oslo","Latitude":59.5},"Employees":-3,`+
		`"LastModifiedDate":"2024-05-01T08:00:00.123Z","Founded__c":"2024-05-01","Opens__c":"10:30:45.000Z","Active__c":true}`, string(got))
}

// An update says which fields it has emptied by a bitmap; those are null, and the others that are null are left out.
func TestEvent_UpdateNamesWhatChangedAndWhatWasEmptied(t *testing.T) {
	t.Parallel()
	payload := header(1, []string{"0x10", "2-0x01"}, []string{"0x0030", "2-0x3"}).null().some().null().some().text("Bergen").null().null().null().
		some().long(0).null().null().null()
	got, err := parse(t, account).Event(payload)
	require.NoError(t, err)
	require.Equal(t, `{"ChangeEventHeader":{`+headerJSON+`"UPDATE","sequenceNumber":1,"commitTimestamp":1714550400000,"commitNumber":9007199254740993,`+
		`"nulledFields":["Employees","BillingAddress.Street"],"diffFields":[],"changedFields":["Employees","LastModifiedDate","BillingAddress.Street","BillingAddress.City"]},`+
		`"BillingAddress":{"Street":null,"City":"Bergen"},"Employees":null,"LastModifiedDate":"1970-01-01T00:00:00.000Z"}`, string(got))
}

// A compound whose last part was emptied is null, and says so.
func TestEvent_CompoundThatHoldsNothingAnyMoreIsNull(t *testing.T) {
	t.Parallel()
	payload := header(1, []string{"2-0x02"}, []string{"2-0x02"})
	for range 8 {
		payload = payload.null()
	}
	got, err := parse(t, account).Event(payload)
	require.NoError(t, err)
	require.Contains(t, string(got), `,"BillingAddress":null}`)
	require.NotContains(t, string(got), "ShippingAddress")
}

// The header is the first field of all events that were ever seen, but nothing promises it.
func TestEvent_HeaderMayStandAnywhere(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"type":"record","name":"E","fields":[{"name":"A","type":["null","int"]},{"name":"B","type":["null","int"]},
		{"name":"ChangeEventHeader","type":{"type":"record","name":"H","fields":[{"name":"nulledFields","type":{"type":"array","items":"string"}}]}},
		{"name":"C","type":["null","int"]}]}`)
	got, err := s.Event(writer{}.null().null().texts("0x02").some().long(7))
	require.NoError(t, err)
	require.Equal(t, `{"ChangeEventHeader":{"nulledFields":["B"]},"B":null,"C":7}`, string(got))
}

func BenchmarkEvent(b *testing.B) {
	s, err := avro.Parse(account)
	require.NoError(b, err)
	payload := header(1, []string{"0x10"}, []string{"0x0070", "2-0x3"}).some().text("Ünder the bridge").some().some().text("Main Street 1").some().text("Oslo").null().null().
		null().some().long(1714550400123).null().null().null()
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Event(payload); err != nil {
			b.Fatal(err)
		}
	}
}

func TestEvent_GapHoldsItsHeaderAlone(t *testing.T) {
	t.Parallel()
	payload := header(4, nil, nil)
	for range 8 {
		payload = payload.null()
	}
	got, err := parse(t, account).Event(payload)
	require.NoError(t, err)
	var event map[string]any
	require.NoError(t, json.Unmarshal(got, &event))
	require.Len(t, event, 1)
	require.Equal(t, "GAP_CREATE", event["ChangeEventHeader"].(map[string]any)["changeType"])
}

func TestEvent_PlatformEventHasAllItsFields(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"type":"record","name":"Sent__e","fields":[{"name":"CreatedDate","type":"long","doc":"CreatedDate:DateTime"},
		{"name":"Text__c","type":["null","string"]},{"name":"M","type":{"type":"map","values":"float"}},{"name":"B","type":"bytes"},
		{"name":"F","type":{"type":"fixed","name":"F","size":2}},{"name":"D","type":"double"}]}`)
	payload := writer{}.long(1).null().long(-1).long(5).text("k")
	payload = binary.LittleEndian.AppendUint32(payload, math.Float32bits(0.1))
	payload = payload.long(0).text("\x00\xff")
	payload = append(payload, 1, 2)
	payload = payload.double(math.NaN())
	got, err := s.Event(payload)
	require.NoError(t, err)
	require.Equal(t, `{"CreatedDate":"1970-01-01T00:00:00.001Z","Text__c":null,"M":{"k":0.1},"B":"AP8=","F":"AQI=","D":null}`, string(got))
}

// What a bitmap says that the schema does not know stays as it came.
func TestEvent_KeepsBitmapsThatItCannotRead(t *testing.T) {
	t.Parallel()
	odd := []string{"0xFFFF", "99-0x1", "1x", "Name", "4-0x1", "-1-0x1", "0xZZ", "2-0xFF", "0x"}
	payload := header(1, nil, odd)
	for range 8 {
		payload = payload.null()
	}
	got, err := parse(t, account).Event(payload)
	require.NoError(t, err)
	var event struct {
		ChangeEventHeader struct{ ChangedFields []string }
	}
	require.NoError(t, json.Unmarshal(got, &event))
	require.Equal(t, odd[:len(odd)-1], event.ChangeEventHeader.ChangedFields)
}

func TestEvent_RefusesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	whole := header(0, nil, nil)
	for range 8 {
		whole = whole.null()
	}
	s := parse(t, account)
	for name, payload := range map[string][]byte{
		"nothing": {}, "cut off": whole[:len(whole)-1], "more": append(append([]byte{}, whole...), 0), "text beyond the end": writer{}.long(1 << 40),
		"negative length": writer{}.long(-5), "branch": header(0, nil, nil).long(9), "symbol": header(77, nil, nil), "endless number": []byte(strings.Repeat("\xff", 40)),
	} {
		_, err := s.Event(payload)
		require.True(t, fault.Is(err, fault.ConnectorServer), name)
		require.ErrorContains(t, err, "does not fit its schema", name)
	}
}

// A few bytes can stand for values without end: nulls and empty records have no length.
func TestEvent_BoundsWhatHasNoLength(t *testing.T) {
	t.Parallel()
	for name, schema := range map[string]string{
		"nulls":   `{"type":"record","name":"R","fields":[{"name":"A","type":{"type":"array","items":"null"}}]}`,
		"records": `{"type":"record","name":"R","fields":[{"name":"A","type":{"type":"array","items":{"type":"record","name":"E","fields":[]}}}]}`,
		"itself":  `{"type":"record","name":"R","fields":[{"name":"A","type":"R"}]}`,
	} {
		begin := time.Now()
		_, err := parse(t, schema).Event(writer{}.long(math.MaxInt64))
		require.ErrorContains(t, err, "too large", name)
		require.Less(t, time.Since(begin), 5*time.Second, name)
	}
}

func TestParse_RefusesWhatIsNoSchema(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "{", "no record": `"string"`, "unknown": `{"type":"record","name":"R","fields":[{"name":"A","type":"Other"}]}`,
		"no type": `{"type":"record","name":"R","fields":[{"name":"A"}]}`, "union in union": `{"type":"record","name":"R","fields":[{"name":"A","type":["null",["int"]]}]}`,
		"deep":     `{"type":"record","name":"R","fields":[{"name":"A","type":` + strings.Repeat(`{"type":"array","items":`, 40) + `"int"` + strings.Repeat("}", 40) + `}]}`,
		"negative": `{"type":"record","name":"R","fields":[{"name":"A","type":{"type":"fixed","name":"F","size":-1}}]}`,
		"long":     `{"type":"record","name":"` + strings.Repeat("x", 5<<20) + `","fields":[]}`,
	} {
		_, err := avro.Parse(text)
		require.True(t, fault.Is(err, fault.ConnectorServer), name)
	}
}

func TestParse_FindsNamesInTheirNamespaces(t *testing.T) {
	t.Parallel()
	s := parse(t, `{"type":"record","name":"R","namespace":"a.b","fields":[
		{"name":"X","type":{"type":"enum","name":"c.E","symbols":["P","Q"]}},{"name":"Y","type":"c.E"},
		{"name":"Z","type":{"type":"fixed","name":"F","size":1}},{"name":"W","type":"a.b.F"},{"name":"V","type":"F"},
		{"name":"T","type":{"type":"long","logicalType":"timestamp-millis"}}]}`)
	got, err := s.Event(append(writer{}.long(1).long(0), 1, 2, 3, 4))
	require.NoError(t, err)
	require.JSONEq(t, `{"X":"Q","Y":"P","Z":"AQ==","W":"Ag==","V":"Aw==","T":2}`, string(got))
}

func TestDescribe_ListsWhatEventsHold(t *testing.T) {
	t.Parallel()
	s := parse(t, account).Describe("AccountChangeEvent")
	require.Equal(t, "AccountChangeEvent", s.Entity)
	types := map[string]flow.Type{}
	for _, f := range s.Fields {
		types[f.Name] = f.Type
	}
	require.Equal(t, map[string]flow.Type{
		"ChangeEventHeader.entityName": flow.TypeString, "ChangeEventHeader.recordIds": flow.TypeJSON, "ChangeEventHeader.changeType": flow.TypeString,
		"ChangeEventHeader.sequenceNumber": flow.TypeInteger, "ChangeEventHeader.commitTimestamp": flow.TypeLong, "ChangeEventHeader.commitNumber": flow.TypeLong,
		"ChangeEventHeader.nulledFields": flow.TypeJSON, "ChangeEventHeader.diffFields": flow.TypeJSON, "ChangeEventHeader.changedFields": flow.TypeJSON,
		"Name":                  flow.TypeString,
		"BillingAddress.Street": flow.TypeString, "BillingAddress.City": flow.TypeString, "BillingAddress.Latitude": flow.TypeDouble,
		"ShippingAddress.Street": flow.TypeString, "ShippingAddress.City": flow.TypeString, "ShippingAddress.Latitude": flow.TypeDouble,
		"Employees": flow.TypeInteger, "LastModifiedDate": flow.TypeDatetime, "Founded__c": flow.TypeDate, "Opens__c": flow.TypeTime, "Active__c": flow.TypeBoolean,
	}, types)
	at := s.Find("BillingAddress.City")
	require.Equal(t, []string{"BillingAddress", "City"}, s.Fields[at].Path)
	require.Equal(t, "BillingAddress", s.Fields[at].Parent)
	require.True(t, s.Fields[at].IsNullable)
	require.Contains(t, s.Fields[s.Find("ChangeEventHeader.changeType")].SupportedValues, "UNDELETE")
	require.Equal(t, "DateOnly", s.Fields[s.Find("Founded__c")].VendorType)
}

func TestHeader_ListsWhatAllChangeEventsHave(t *testing.T) {
	t.Parallel()
	s := avro.Header().Describe("ChangeEvents")
	require.Len(t, s.Fields, 12)
	require.Equal(t, "ChangeEventHeader.entityName", s.Fields[0].Name)
	require.Equal(t, flow.TypeLong, s.Fields[s.Find("ChangeEventHeader.commitNumber")].Type)
}

// Whatever a schema and a payload hold, reading them ends, and what comes out is JSON.
func FuzzEvent(f *testing.F) {
	f.Add(account, []byte(header(0, nil, nil)))
	f.Add(account, []byte(header(1, []string{"0x10", "2-0x01"}, []string{"0x0030"}).null().null().null().null().null().null().null().null()))
	f.Add(`{"type":"record","name":"R","fields":[{"name":"A","type":["null","R"]}]}`, []byte{2, 2, 2, 0})
	f.Add(`{"type":"record","name":"R","fields":[{"name":"A","type":{"type":"map","values":"bytes"}}]}`, []byte{1, 4, 2, 'k', 2, 'v', 0})
	f.Fuzz(func(t *testing.T, schema string, payload []byte) {
		s, err := avro.Parse(schema)
		if err != nil {
			return
		}
		s.Describe("E")
		got, err := s.Event(payload)
		if err == nil && !json.Valid(got) {
			t.Fatalf("no JSON: %q", got)
		}
	})
}
