package fake

import (
	"fmt"
	"strings"
)

// The fields that all objects begin and end with.
func systemFields(before, after []Field) []Field {
	out := append([]Field{
		{Name: "Id", Label: "Record ID", Type: "id", Length: longID, ReadOnly: true},
		{Name: "IsDeleted", Label: "Deleted", Type: "boolean", ReadOnly: true},
	}, before...)
	out = append(out, stampFields()...)
	return append(out, after...)
}

func stampFields() []Field {
	return []Field{
		{Name: "CreatedDate", Label: "Created Date", Type: "datetime", ReadOnly: true},
		reference("CreatedById", "Created By ID", "CreatedBy", "User").readOnly(),
		{Name: "LastModifiedDate", Label: "Last Modified Date", Type: "datetime", ReadOnly: true},
		reference("LastModifiedById", "Last Modified By ID", "LastModifiedBy", "User").readOnly(),
		{Name: "SystemModstamp", Label: "System Modstamp", Type: "datetime", ReadOnly: true},
	}
}

func (f Field) readOnly() Field { f.ReadOnly = true; return f }

func reference(name, label, relationship string, to ...string) Field {
	return Field{Name: name, Label: label, Type: "reference", Length: longID, RefersTo: to, Relationship: relationship}
}

func textField(name, label string, length int) Field {
	return Field{Name: name, Label: label, Type: "string", Length: length}
}

func longText(name, label string) Field {
	return Field{Name: name, Label: label, Type: "textarea", Length: 32_000}
}

func picklist(name, label string, values ...string) Field {
	return Field{Name: name, Label: label, Type: "picklist", Length: 255, Picklist: values}
}

func owner() Field { return reference("OwnerId", "Owner ID", "Owner", "User") }

// addressFields are the parts of an address and the compound field that shows them together.
func addressFields(prefix, label string) []Field {
	compound := prefix + "Address"
	part := func(f Field) Field {
		f.Name, f.Label, f.Compound = prefix+f.Name, label+" "+f.Label, compound
		return f
	}
	return []Field{
		part(Field{Name: "Street", Label: "Street", Type: "textarea", Length: 255}),
		part(textField("City", "City", 40)),
		part(textField("State", "State/Province", 80)),
		part(textField("PostalCode", "Zip/Postal Code", 20)),
		part(textField("Country", "Country", 80)),
		part(Field{Name: "Latitude", Label: "Latitude", Type: "double", Precision: 18, Scale: 15}),
		part(Field{Name: "Longitude", Label: "Longitude", Type: "double", Precision: 18, Scale: 15}),
		part(picklist("GeocodeAccuracy", "Geocode Accuracy", "Address", "Block", "City", "Zip")),
		{Name: compound, Label: label + " Address", Type: "address", ReadOnly: true},
	}
}

func accountObject() Object {
	fields := []Field{
		reference("MasterRecordId", "Master Record ID", "MasterRecord", "Account").readOnly(),
		{Name: "Name", Label: "Account Name", Type: "string", Length: 255, Required: true, NameField: true},
		picklist("Type", "Account Type", "Prospect", "Customer", "Partner", "Other"),
		reference("ParentId", "Parent Account ID", "Parent", "Account"),
	}
	fields = append(fields, addressFields("Billing", "Billing")...)
	fields = append(fields, addressFields("Shipping", "Shipping")...)
	fields = append(fields,
		Field{Name: "Phone", Label: "Account Phone", Type: "phone", Length: 40},
		Field{Name: "Website", Label: "Website", Type: "url", Length: 255},
		picklist("Industry", "Industry", "Agriculture", "Banking", "Education", "Energy", "Retail", "Technology"),
		Field{Name: "AnnualRevenue", Label: "Annual Revenue", Type: "currency", Precision: 18},
		Field{Name: "NumberOfEmployees", Label: "Employees", Type: "int", Digits: 8},
		longText("Description", "Account Description"),
		owner(),
	)
	return Object{
		Name: "Account", Label: "Account", Plural: "Accounts", KeyPrefix: "001", Replicates: true,
		Fields: systemFields(fields, []Field{
			{Name: "LastActivityDate", Label: "Last Activity", Type: "date", ReadOnly: true},
			{Name: "Ext__c", Label: "Ext", Type: "string", Length: 40, Unique: true, ExternalID: true},
			{Name: "Active__c", Label: "Active", Type: "boolean", Default: true},
		}),
	}
}

// personName is the Name of objects whose records are persons.
func personName() []Field {
	return []Field{
		{Name: "LastName", Label: "Last Name", Type: "string", Length: 80, Required: true, Compound: "Name"},
		{Name: "FirstName", Label: "First Name", Type: "string", Length: 40, Compound: "Name"},
		{
			Name: "Name", Label: "Full Name", Type: "string", Length: 121, ReadOnly: true, NameField: true,
			Formula: func(r Record) any {
				first, _ := r["FirstName"].(string)
				last, _ := r["LastName"].(string)
				return strings.TrimSpace(first + " " + last)
			},
		},
	}
}

func contactObject() Object {
	fields := append([]Field{reference("AccountId", "Account ID", "Account", "Account")}, personName()...)
	fields = append(fields, addressFields("Mailing", "Mailing")...)
	fields = append(fields,
		Field{Name: "Phone", Label: "Business Phone", Type: "phone", Length: 40},
		Field{Name: "Email", Label: "Email", Type: "email", Length: 80},
		textField("Title", "Title", 128),
		Field{Name: "Birthdate", Label: "Birthdate", Type: "date"},
		Field{Name: "DoNotCall", Label: "Do Not Call", Type: "boolean"},
		owner(),
	)
	return Object{
		Name: "Contact", Label: "Contact", Plural: "Contacts", KeyPrefix: "003", Replicates: true,
		Fields: systemFields(fields, []Field{{Name: "Ext__c", Label: "Ext", Type: "string", Length: 40, Unique: true, ExternalID: true}}),
	}
}

func leadObject() Object {
	fields := append(personName(),
		Field{Name: "Company", Label: "Company", Type: "string", Length: 255, Required: true},
		Field{Name: "Email", Label: "Email", Type: "email", Length: 80},
		Field{Name: "Status", Label: "Status", Type: "picklist", Length: 255, Default: "Open", Picklist: []string{"Open", "Working", "Closed"}},
		Field{Name: "IsConverted", Label: "Converted", Type: "boolean", ReadOnly: true},
	)
	fields = append(fields, addressFields("", "Lead")...)
	return Object{
		Name: "Lead", Label: "Lead", Plural: "Leads", KeyPrefix: "00Q", Replicates: true,
		Fields: systemFields(append(fields, owner()), nil),
	}
}

func opportunityObject() Object {
	return Object{
		Name: "Opportunity", Label: "Opportunity", Plural: "Opportunities", KeyPrefix: "006", Replicates: true,
		Fields: systemFields([]Field{
			reference("AccountId", "Account ID", "Account", "Account"),
			{Name: "Name", Label: "Name", Type: "string", Length: 120, Required: true, NameField: true},
			longText("Description", "Description"),
			{Name: "StageName", Label: "Stage", Type: "picklist", Length: 255, Required: true, Picklist: []string{"Prospecting", "Negotiation", "Closed Won", "Closed Lost"}},
			{Name: "Amount", Label: "Amount", Type: "currency", Precision: 18, Scale: 2},
			{Name: "Probability", Label: "Probability (%)", Type: "percent", Precision: 3},
			{Name: "CloseDate", Label: "Close Date", Type: "date", Required: true},
			{Name: "IsClosed", Label: "Closed", Type: "boolean", ReadOnly: true, Formula: func(r Record) any {
				stage, _ := r["StageName"].(string)
				return strings.HasPrefix(stage, "Closed")
			}},
			{Name: "ExpectedRevenue", Label: "Expected Amount", Type: "currency", Precision: 18, Scale: 2, ReadOnly: true, Formula: func(r Record) any {
				amount, ok := r["Amount"].(float64)
				share, ok2 := r["Probability"].(float64)
				if !ok || !ok2 {
					return nil
				}
				return amount * share / 100
			}},
			owner(),
		}, nil),
		Rule: func(r Record) (string, string) {
			if share, ok := r["Probability"].(float64); ok && share > 100 {
				return "Probability", "A probability is at most 100."
			}
			return "", ""
		},
	}
}

// invoiceObject is a custom object with a field of every custom type.
func invoiceObject() Object {
	custom := []Field{
		{Name: "Ext__c", Label: "External Key", Type: "string", Length: 40, Unique: true, ExternalID: true},
		{Name: "Account__c", Label: "Account", Type: "reference", Length: longID, RefersTo: []string{"Account"}, Relationship: "Account__r"},
		{Name: "Amount__c", Label: "Amount", Type: "currency", Precision: 16, Scale: 2},
		{Name: "Discount__c", Label: "Discount", Type: "percent", Precision: 5, Scale: 2},
		{Name: "Weight__c", Label: "Weight", Type: "double", Precision: 18, Scale: 6},
		{Name: "Paid__c", Label: "Paid", Type: "boolean"},
		{Name: "Due__c", Label: "Due", Type: "date"},
		{Name: "Sent__c", Label: "Sent", Type: "datetime"},
		{Name: "Cutoff__c", Label: "Cut-off", Type: "time"},
		{Name: "Status__c", Label: "Status", Type: "picklist", Length: 255, Restricted: true, Picklist: []string{"Draft", "Sent", "Settled"}},
		{Name: "Channels__c", Label: "Channels", Type: "multipicklist", Length: 4099, Restricted: true, Picklist: []string{"Mail", "Portal", "Fax"}},
		{Name: "Contact_Email__c", Label: "Contact Email", Type: "email", Length: 80},
		{Name: "Document__c", Label: "Document", Type: "url", Length: 255},
		{Name: "Secret__c", Label: "Secret", Type: "encryptedstring", Length: 175},
		{Name: "Note__c", Label: "Note", Type: "textarea", Length: 32_768, HTML: true},
		{Name: "Place__Latitude__s", Label: "Place (Latitude)", Type: "double", Precision: 15, Scale: 12, Compound: "Place__c"},
		{Name: "Place__Longitude__s", Label: "Place (Longitude)", Type: "double", Precision: 15, Scale: 12, Compound: "Place__c"},
		{Name: "Place__c", Label: "Place", Type: "location", ReadOnly: true},
		{Name: "Net__c", Label: "Net", Type: "currency", Precision: 16, Scale: 2, ReadOnly: true, Calculated: true, Formula: func(r Record) any {
			amount, ok := r["Amount__c"].(float64)
			if !ok {
				return nil
			}
			discount, _ := r["Discount__c"].(float64)
			return amount * (100 - discount) / 100
		}},
	}
	return Object{
		Name: "Invoice__c", Label: "Invoice", Plural: "Invoices", KeyPrefix: "a01", Custom: true, Replicates: true,
		Fields: systemFields([]Field{
			owner(),
			{Name: "Name", Label: "Invoice Number", Type: "string", Length: 80, NameField: true, ReadOnly: true, AutoNumber: "INV-{000000}"},
		}, custom),
		Rule: func(r Record) (string, string) {
			if amount, ok := r["Amount__c"].(float64); ok && amount < 0 {
				return "Amount__c", "An invoice's amount is not negative."
			}
			return "", ""
		},
	}
}

func userObject() Object {
	return Object{
		Name: "User", Label: "User", Plural: "Users", KeyPrefix: "005",
		Fields: append([]Field{
			{Name: "Id", Label: "User ID", Type: "id", Length: longID, ReadOnly: true},
			{Name: "Username", Label: "Username", Type: "string", Length: 80, Required: true, Unique: true},
		}, append(append(personName(),
			Field{Name: "Email", Label: "Email", Type: "email", Length: 128, Required: true},
			Field{Name: "IsActive", Label: "Active", Type: "boolean", Default: true},
		), stampFields()...)...),
	}
}

// taskObject has a field that refers to several objects, and a combobox.
func taskObject() Object {
	return Object{
		Name: "Task", Label: "Task", Plural: "Tasks", KeyPrefix: "00T",
		Fields: systemFields([]Field{
			reference("WhoId", "Name ID", "Who", "Contact", "Lead"),
			reference("WhatId", "Related To ID", "What", "Account", "Opportunity"),
			{Name: "Subject", Label: "Subject", Type: "combobox", Length: 255, Picklist: []string{"Call", "Send Letter"}, NameField: true},
			{Name: "ActivityDate", Label: "Due Date Only", Type: "date"},
			{Name: "Status", Label: "Status", Type: "picklist", Length: 255, Default: "Not Started", Picklist: []string{"Not Started", "Completed"}},
			owner(),
		}, nil),
	}
}

// attachmentObject has a file, which queries show as an address to fetch it from.
func attachmentObject() Object {
	return Object{
		Name: "Attachment", Label: "Attachment", Plural: "Attachments", KeyPrefix: "00P",
		Fields: systemFields([]Field{
			{Name: "ParentId", Label: "Parent ID", Type: "reference", Length: longID, RefersTo: []string{"Account", "Contact", "Opportunity"}, Relationship: "Parent", Required: true},
			{Name: "Name", Label: "File Name", Type: "string", Length: 255, Required: true, NameField: true},
			{Name: "ContentType", Label: "Content Type", Type: "string", Length: 120},
			{Name: "Body", Label: "Body", Type: "base64", Required: true},
			owner(),
		}, nil),
	}
}

// historyObject is written by nobody, has no SystemModstamp, and the Bulk API refuses it.
func historyObject() Object {
	return Object{
		Name: "AccountHistory", Label: "Account History", Plural: "Account History", KeyPrefix: "017", ReadOnly: true, NoBulk: true,
		Fields: []Field{
			{Name: "Id", Label: "Account History ID", Type: "id", Length: longID, ReadOnly: true},
			{Name: "IsDeleted", Label: "Deleted", Type: "boolean", ReadOnly: true},
			reference("AccountId", "Account ID", "Account", "Account").readOnly(),
			reference("CreatedById", "Created By ID", "CreatedBy", "User").readOnly(),
			{Name: "CreatedDate", Label: "Created Date", Type: "datetime", ReadOnly: true},
			{Name: "Field", Label: "Changed Field", Type: "picklist", Length: 255, ReadOnly: true, Picklist: []string{"Name", "Owner"}},
			{Name: "OldValue", Label: "Old Value", Type: "anyType", Length: 255, ReadOnly: true, Unfilterable: true},
			{Name: "NewValue", Label: "New Value", Type: "anyType", Length: 255, ReadOnly: true, Unfilterable: true},
		},
	}
}

// eventObject is a platform event: it is published and never queried.
func eventObject() Object {
	return Object{
		Name: "Invoice_Sent__e", Label: "Invoice Sent", Plural: "Invoices Sent", KeyPrefix: "e01", Custom: true, Event: true, Unqueryable: true,
		Fields: []Field{
			textField("ReplayId", "Replay ID", 1000).readOnly(),
			{Name: "CreatedDate", Label: "Created Date", Type: "datetime", ReadOnly: true},
			reference("CreatedById", "Created By ID", "CreatedBy", "User").readOnly(),
			{Name: "EventUuid", Label: "Event UUID", Type: "string", Length: 36, ReadOnly: true},
			{Name: "Invoice_Key__c", Label: "Invoice Key", Type: "string", Length: 40, Required: true},
			{Name: "Amount__c", Label: "Amount", Type: "double", Precision: 16, Scale: 2},
		},
	}
}

// changeEvent describes the notifications about an object's records: its fields, and the header that says what happened.
func changeEvent(o Object) Object {
	e := Object{
		Name: o.Name + "ChangeEvent", Label: "Change Event: " + o.Label, Plural: "Change Events: " + o.Plural, KeyPrefix: "",
		Custom: o.Custom, ReadOnly: true, Unqueryable: true,
		Fields: []Field{
			{Name: "Id", Label: "Change Event ID", Type: "id", Length: longID, ReadOnly: true},
			textField("ReplayId", "Replay ID", 1000).readOnly(),
			{Name: "ChangeEventHeader", Label: "Change Event Header", Type: "complexvalue", ReadOnly: true, Unfilterable: true},
		},
	}
	if o.Custom {
		e.Name = fmt.Sprintf("%s__ChangeEvent", strings.TrimSuffix(o.Name, "__c"))
	}
	for _, f := range o.Fields {
		if f.Name != "Id" && f.Name != "IsDeleted" && f.Name != "SystemModstamp" && !f.Hidden && !f.Calculated {
			e.Fields = append(e.Fields, f.readOnly())
		}
	}
	return e
}
