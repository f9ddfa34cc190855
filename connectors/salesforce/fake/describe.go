package fake

import (
	"net/http"
	"strings"
	"time"
)

type apiRoute func(method, path string, h func(*call))

func (o *Org) objectRoutes(api apiRoute) {
	api("GET", "/sobjects", (*call).listObjects)
	api("GET", "/sobjects/{$}", (*call).listObjects)
	api("GET", "/sobjects/{object}", (*call).basicInfo)
	api("GET", "/sobjects/{object}/describe", (*call).describe)
	api("GET", "/sobjects/{object}/describe/{$}", (*call).describe)
	api("GET", "/sobjects/{object}/deleted", (*call).deleted)
	api("GET", "/sobjects/{object}/deleted/{$}", (*call).deleted)
	api("GET", "/sobjects/{object}/updated", (*call).updated)
	api("GET", "/sobjects/{object}/updated/{$}", (*call).updated)
	api("POST", "/sobjects/{object}", (*call).create)
	api("POST", "/sobjects/{object}/{$}", (*call).create)
	api("GET", "/sobjects/{object}/{id}", (*call).retrieve)
	api("PATCH", "/sobjects/{object}/{id}", (*call).change)
	api("DELETE", "/sobjects/{object}/{id}", (*call).erase)
	api("GET", "/sobjects/{object}/{key}/{value}", (*call).blob)
	api("PATCH", "/sobjects/{object}/{key}/{value}", (*call).upsertOne)
	api("POST", "/sobjects/{object}/{key}", (*call).upsertID)
}

// unchanged answers 304 when nothing has changed since the caller looked; mu is held.
func (c *call) unchanged() bool {
	at := c.o.schemaAt.UTC().Truncate(time.Second)
	c.w.Header().Set("Last-Modified", at.Format(http.TimeFormat))
	since, err := http.ParseTime(c.r.Header.Get("If-Modified-Since"))
	if err != nil || at.After(since) {
		return false
	}
	c.w.WriteHeader(http.StatusNotModified)
	return true
}

func (c *call) listObjects() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.unchanged() {
		return
	}
	list := []Record{}
	for _, name := range o.order {
		t := o.tables[name]
		list = append(list, c.objectInfo(&t.object))
		if t.object.Replicates {
			e := changeEvent(t.object)
			list = append(list, c.objectInfo(&e))
		}
	}
	c.answer(http.StatusOK, Record{"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": list})
}

// objectInfo is what the list and describe tell of an object.
func (c *call) objectInfo(object *Object) Record {
	url := c.base() + "/sobjects/" + object.Name
	var prefix any
	if object.KeyPrefix != "" {
		prefix = object.KeyPrefix
	}
	event := object.Unqueryable
	writes := !object.ReadOnly
	return Record{
		"name": object.Name, "label": object.Label, "labelPlural": object.Plural, "keyPrefix": prefix, "custom": object.Custom, "customSetting": false,
		"activateable": false, "associateEntityType": nil, "associateParentEntity": nil, "deepCloneable": false, "isInterface": false,
		"createable": writes, "updateable": writes && !event, "deletable": writes && !event, "undeletable": writes && !event, "mergeable": false,
		"queryable": !event, "retrieveable": !event, "searchable": writes && !event, "replicateable": !event, "triggerable": writes || event,
		"layoutable": writes, "feedEnabled": false, "hasSubtypes": false, "isSubtype": false, "mruEnabled": false, "deprecatedAndHidden": false,
		"urls": Record{"sobject": url, "describe": url + "/describe", "rowTemplate": url + "/{ID}"},
	}
}

func (c *call) basicInfo() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	object, ok := o.described(c.r.PathValue("object"))
	if !ok {
		c.notFound()
		return
	}
	c.answer(http.StatusOK, Record{"objectDescribe": c.objectInfo(&object), "recentItems": []Record{}})
}

func (c *call) describe() {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	object, ok := o.described(c.r.PathValue("object"))
	if !ok {
		c.notFound()
		return
	}
	if c.unchanged() {
		return
	}
	out := c.objectInfo(&object)
	fields := []Record{}
	for i := range object.Fields {
		fields = append(fields, fieldInfo(&object, &object.Fields[i]))
	}
	out["fields"] = fields
	out["childRelationships"], out["recordTypeInfos"], out["supportedScopes"] = []Record{}, []Record{}, []Record{}
	c.answer(http.StatusOK, out)
}

// soapTypes are the SOAP types of those describe types that are not strings.
var soapTypes = map[string]string{
	"id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "long": "xsd:long", "double": "xsd:double", "currency": "xsd:double",
	"percent": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime", "time": "xsd:time", "base64": "xsd:base64Binary", "address": "urn:address",
	"location": "urn:location", "anyType": "xsd:anyType", "complexvalue": "urn:ChangeEventHeader",
}

func fieldInfo(object *Object, f *Field) Record {
	values := []Record{}
	for _, v := range f.Picklist {
		values = append(values, Record{"value": v, "label": v, "active": true, "defaultValue": v == f.Default, "validFor": nil})
	}
	text := kindOf(f.Type) == text && !f.compound() && f.Type != "base64" && f.Type != "complexvalue"
	length := 0
	if text {
		length = f.Length
	}
	orNull := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	writes := !f.ReadOnly && !object.ReadOnly && !f.compound()
	refers := f.RefersTo
	if refers == nil {
		refers = []string{}
	}
	idLookup := f.Type == "id" || f.ExternalID || f.Type == "email" || f.NameField && object.Name != "Task"
	return Record{
		"name": f.Name, "label": f.Label, "type": f.Type, "soapType": orDefault(soapTypes[f.Type], "xsd:string"),
		"length": length, "byteLength": length * 3, "precision": f.Precision, "scale": f.Scale, "digits": f.Digits,
		"nillable": !f.Required && f.Type != "boolean" && f.Type != "id" && !systemField(f.Name), "createable": writes, "updateable": writes && !object.Event,
		"defaultedOnCreate": f.Default != nil || f.Type == "boolean" || f.AutoNumber != "" || f.Name == "OwnerId" || systemField(f.Name), "defaultValue": f.Default, "defaultValueFormula": nil,
		"calculated": f.Calculated, "calculatedFormula": nil, "autoNumber": f.AutoNumber != "", "unique": f.Unique, "caseSensitive": false,
		"externalId": f.ExternalID, "idLookup": idLookup, "nameField": f.NameField, "namePointing": len(f.RefersTo) > 1,
		"filterable": f.filterable(), "sortable": f.filterable() && f.Type != "multipicklist", "groupable": f.filterable() && text, "aggregatable": f.filterable(),
		"custom": f.custom(), "deprecatedAndHidden": false, "compoundFieldName": orNull(f.Compound), "relationshipName": orNull(f.Relationship), "relationshipOrder": nil,
		"referenceTo": refers, "picklistValues": values, "restrictedPicklist": f.Restricted, "dependentPicklist": false, "controllerName": nil,
		"encrypted": f.Type == "encryptedstring", "htmlFormatted": f.HTML, "extraTypeInfo": nil, "inlineHelpText": nil, "permissionable": !f.Required && !systemField(f.Name),
		"aiPredictionField": false, "cascadeDelete": false, "restrictedDelete": false, "writeRequiresMasterRead": false, "queryByDistance": f.Type == "location", "polymorphicForeignKey": len(f.RefersTo) > 1,
	}
}

func systemField(name string) bool {
	switch name {
	case "Id", "IsDeleted", "CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp", "OwnerId":
		return true
	}
	return false
}

// span reads start and end, which may be at most thirty days ago.
func (c *call) span() (from, to time.Time, ok bool) {
	q := c.r.URL.Query()
	from, fine := parseMoment(strings.ReplaceAll(q.Get("start"), " ", "+"))
	to, fine2 := parseMoment(strings.ReplaceAll(q.Get("end"), " ", "+"))
	now := c.o.now()
	switch {
	case !fine || !fine2:
		c.fail(http.StatusBadRequest, "INVALID_FIELD", "start and end must be dateTimes")
	case !from.Before(to):
		c.fail(http.StatusBadRequest, "INVALID_REPLICATION_DATE", "endDate must be at least one minute greater than startDate")
	case now.Sub(from) > 30*24*time.Hour:
		c.fail(http.StatusBadRequest, "INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago")
	default:
		return from, to, true
	}
	return from, to, false
}

func (c *call) deleted() {
	c.replicate(func(t *table, place int) (bool, any) {
		deleted, purged := t.state(place)
		return deleted && !purged, Record{"id": t.idOf(place), "deletedDate": t.shown(place, t.stamp)}
	}, "deletedRecords")
}

func (c *call) updated() {
	c.replicate(func(t *table, place int) (bool, any) {
		deleted, purged := t.state(place)
		return !deleted && !purged, t.idOf(place)
	}, "ids")
}

func (t *table) shown(place, field int) string {
	return string(t.get(place, field).appendText(nil, true))
}

// replicate lists the records that changed in a span.
func (c *call) replicate(pick func(t *table, place int) (bool, any), key string) {
	o := c.o
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.tables[strings.ToLower(c.r.PathValue("object"))]
	if t == nil || t.stamp < 0 {
		c.notFound()
		return
	}
	from, to, ok := c.span()
	if !ok {
		return
	}
	list := []any{}
	for place := range t.len() {
		at := time.UnixMilli(t.get(place, t.stamp).n)
		if yes, shown := pick(t, place); yes && !at.Before(from) && at.Before(to) {
			list = append(list, shown)
		}
	}
	stamp := func(at time.Time) string { return string(momentValue(at.Truncate(time.Minute)).appendText(nil, true)) }
	body := Record{key: list, "latestDateCovered": stamp(to)}
	if key == "deletedRecords" {
		body["earliestDateAvailable"] = stamp(o.now().Add(-30 * 24 * time.Hour))
	}
	c.answer(http.StatusOK, body)
}
