package fake

import (
	"fmt"
	"math"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"
)

// locked refuses a record while the mood says that another transaction holds it.
func (w *work) locked(t *table, id string) *refusal {
	if t.object.ReadOnly {
		return refuse("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be inserted: "+t.object.Label)
	}
	if !w.o.lockedNext() {
		return nil
	}
	return refuse("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: "+id)
}

func readOnly(f *Field) *refusal {
	return refuse("INVALID_FIELD_FOR_INSERT_UPDATE", "Unable to create/update fields: "+f.Name+
		". Please check the security settings of this field and verify that it is read/write for your profile or permission set.", f.Name)
}

// check validates the given values, then computes what follows from them, then asks the validation rule.
func (w *work) check(t *table, r *row, place int, in []assignment) *refusal {
	for _, a := range in {
		if bad := w.checkField(t, &t.object.Fields[a.field], a.v); bad != nil {
			return bad
		}
		if _, unique := t.unique[a.field]; !unique || a.v.k != text {
			continue
		}
		if other, taken := t.holder(a.field, a.v.s); taken && other != place {
			return refuse("DUPLICATE_VALUE", "duplicate value found: "+t.object.Fields[a.field].Name+" duplicates value on record with id: "+t.idOf(other))
		}
	}
	var shown Record
	show := func() Record {
		shown = Record{}
		for i, f := range t.object.Fields {
			if !t.gone[i] {
				shown[f.Name] = r.values[i].goValue()
			}
		}
		return shown
	}
	for i, f := range t.object.Fields {
		if f.Formula != nil && !t.gone[i] {
			r.values[i], _ = parseGo(kindOf(f.Type), f.Formula(show())) // a formula gives its field's type
		}
	}
	if t.object.Rule != nil {
		if field, message := t.object.Rule(show()); message != "" {
			return refuse("FIELD_CUSTOM_VALIDATION_EXCEPTION", message, field)
		}
	}
	return nil
}

// checkField validates one value by the field's type.
func (w *work) checkField(t *table, f *Field, v value) *refusal {
	switch {
	case v.k == null:
		return nil
	case f.Type == "reference":
		return w.checkReference(f, v.s)
	case v.k == text && f.Length > 0 && f.Type != "base64" && utf8.RuneCountInString(v.s) > f.Length:
		shown := string([]rune(v.s)[:min(f.Length, 50)])
		return refuse("STRING_TOO_LONG", fmt.Sprintf("%s: data value too large: %s (max length=%d)", f.Label, shown, f.Length), f.Name)
	case f.Type == "email":
		if a, err := mail.ParseAddress(v.s); err != nil || a.Address != v.s {
			return refuse("INVALID_EMAIL_ADDRESS", f.Label+": invalid email address: "+v.s, f.Name)
		}
	case f.Restricted:
		for _, one := range strings.Split(v.s, ";") {
			if !slices.Contains(f.Picklist, one) {
				return refuse("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f.Label+": bad value for restricted picklist field: "+one, f.Name)
			}
		}
	case v.k == double && f.Precision > 0 && math.Abs(v.float()) >= math.Pow10(f.Precision-f.Scale):
		return refuse("NUMBER_OUTSIDE_VALID_RANGE", f.Label+": value outside of valid range on numeric field: "+string(appendDouble(nil, v.float())), f.Name)
	case f.Type == "int" && v.n != int64(int32(v.n)):
		return refuse("NUMBER_OUTSIDE_VALID_RANGE", f.Label+": value outside of valid range on numeric field: "+string(v.appendText(nil, false)), f.Name)
	}
	return nil
}

func (w *work) checkReference(f *Field, id string) *refusal {
	full, ok := fullID(id)
	if !ok {
		return refuse("MALFORMED_ID", f.Label+": id value of incorrect type: "+id, f.Name)
	}
	for _, name := range f.RefersTo {
		parent := w.o.tables[strings.ToLower(name)]
		if parent == nil || parent.object.KeyPrefix != full[:prefixLen] {
			continue
		}
		switch _, problem := parent.place(full); problem {
		case idFine:
			return nil
		case idDeleted:
			return refuse("ENTITY_IS_DELETED", "entity is deleted", f.Name)
		default:
			return refuse("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", f.Name)
		}
	}
	return refuse("FIELD_INTEGRITY_EXCEPTION", f.Label+": id value of incorrect type: "+id, f.Name)
}
