package fake

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

var (
	firstNames = []string{"Ada", "Björn", "Chloé", "Dmitri", "Elena", "Farid", "Grace", "Hiroshi", "Ines", "Jürgen", "Kwame", "Lucía"}
	lastNames  = []string{"Abel", "Brandt", "Costa", "Dvořák", "Eze", "Fischer", "García", "Haddad", "Ito", "Jensen", "O'Neil", "Zhang"}
	makers     = []string{"Acme", "Borealis", "Cobalt", "Delta", "Evergreen", "Fjord", "Granite", "Harbour", "Indigo", "Juniper", "Kestrel", "Lumen"}
	trades     = []string{"Foods", "Freight", "Glass", "Holdings", "Labs", "Machines", "Mills", "Networks", "Optics", "Partners", "Textiles", "Works"}
	towns      = []string{"Lisbon", "Osaka", "Kraków", "Austin", "Nairobi", "Montréal", "Leeds", "Zürich"}
	countries  = []string{"Portugal", "Japan", "Poland", "United States", "Kenya", "Canada", "United Kingdom", "Switzerland"}
	oddTexts   = []string{`a "quoted" word`, "two\nlines", "comma, semicolon; tab\t.", "N/A", "日本語 and 😀", "  spaces around  "}
)

// generatedSince is when the oldest generated account was made; each is a second younger than the one before.
var generatedSince = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// mix makes a number that looks random from a place; the same place and seed give the same.
func mix(seed uint64, place int) uint64 {
	z := seed + uint64(place+1)*0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func pick(list []string, n uint64) string { return list[n%uint64(len(list))] }

// accounts makes the generated accounts of an org.
func (o *Org) accounts(t *table) *generator {
	seed, user := o.opts.Seed, textValue(o.userID)
	prefix := t.object.KeyPrefix
	at := map[string]int{}
	for i, f := range t.object.Fields {
		at[f.Name] = i
	}
	columns := map[string]func(place int, n uint64) value{
		"Id": func(place int, _ uint64) value { return textValue(makeID(prefix, place+1)) },
		"Name": func(place int, n uint64) value {
			return textValue(pick(makers, n) + " " + pick(trades, n>>8) + " " + strconv.Itoa(place+1))
		},
		"Type": func(_ int, n uint64) value {
			return textValue(pick([]string{"Prospect", "Customer", "Partner", ""}, n>>16))
		},
		"BillingStreet": func(_ int, n uint64) value { return textValue(strconv.Itoa(int(n>>20&0x3ff)) + " Main Street") },
		"BillingCity":   func(_ int, n uint64) value { return textValue(pick(towns, n>>24)) },
		"BillingCountry": func(_ int, n uint64) value {
			return textValue(pick(countries, n>>24))
		},
		"BillingLatitude":  func(_ int, n uint64) value { return doubleValue(float64(int(n>>30&0xffff)-30_000) / 1000) },
		"BillingLongitude": func(_ int, n uint64) value { return doubleValue(float64(int(n>>34&0xffff)-32_500) / 500) },
		"Phone":            func(place int, _ uint64) value { return textValue("+1 555 " + strconv.Itoa(1_000_000+place)) },
		"Website":          func(place int, _ uint64) value { return textValue("https://example.com/" + strconv.Itoa(place+1)) },
		"Industry": func(_ int, n uint64) value {
			return textValue(pick([]string{"Agriculture", "Banking", "Education", "Energy", "Retail", "Technology", ""}, n>>36))
		},
		"AnnualRevenue": func(_ int, n uint64) value {
			if n>>40&7 == 0 {
				return value{}
			}
			return doubleValue(float64(n >> 40 & 0xffffff * 100))
		},
		"NumberOfEmployees": func(_ int, n uint64) value { return value{k: integer, n: int64(n >> 44 & 0xfff)} },
		"Description": func(_ int, n uint64) value {
			if n>>48&15 > 5 {
				return value{}
			}
			return textValue(pick(oddTexts, n>>52))
		},
		"Ext__c": func(place int, _ uint64) value { return textValue("A-" + strconv.Itoa(1_000_000+place)) },
	}
	for _, name := range []string{"CreatedDate", "LastModifiedDate", "SystemModstamp"} {
		columns[name] = func(place int, _ uint64) value {
			return value{k: moment, n: generatedSince.UnixMilli() + int64(place)*1000}
		}
	}
	for _, name := range []string{"OwnerId", "CreatedById", "LastModifiedById"} {
		columns[name] = func(int, uint64) value { return user }
	}
	columns["IsDeleted"] = func(int, uint64) value { return boolValue(false) }
	columns["Active__c"] = func(_ int, n uint64) value { return boolValue(n>>56&3 != 0) }
	byField := make([]func(int, uint64) value, len(t.object.Fields))
	for name, f := range columns {
		byField[at[name]] = f
	}
	ext := at["Ext__c"]
	return &generator{
		value: func(place, field int) value {
			if field >= len(byField) || byField[field] == nil {
				return value{}
			}
			return byField[field](place, mix(seed, place))
		},
		find: func(field int, text string) (int, bool) {
			digits, ok := strings.CutPrefix(strings.ToUpper(text), "A-")
			n, err := strconv.Atoi(digits)
			return n - 1_000_000, field == ext && ok && err == nil && len(digits) == 7 && n >= 1_000_000
		},
	}
}

// sample writes records of the other objects: some hundreds, whatever the count of accounts.
func (o *Org) sample(r *rand.Rand) {
	w := o.work(originREST)
	accounts := o.tables["account"]
	parent := func() any {
		if accounts.len() == 0 {
			return nil
		}
		return accounts.idOf(r.IntN(accounts.len()))
	}
	day := func() string { return generatedSince.AddDate(0, 0, r.IntN(900)).Format(time.DateOnly) }
	n := min(o.opts.Accounts, 200)
	for i := range n {
		town := r.IntN(len(towns))
		o.put(w, "Contact", Record{
			"AccountId": parent(), "FirstName": firstNames[r.IntN(len(firstNames))], "LastName": lastNames[r.IntN(len(lastNames))],
			"Email": fmt.Sprintf("person%d@example.com", i), "MailingCity": towns[town], "MailingCountry": countries[town],
			"Birthdate": time.Date(1950+r.IntN(50), time.Month(1+r.IntN(12)), 1+r.IntN(28), 0, 0, 0, 0, time.UTC).Format(time.DateOnly), "Ext__c": fmt.Sprintf("C-%06d", i),
		})
		o.put(w, "Opportunity", Record{
			"AccountId": parent(), "Name": fmt.Sprintf("Deal %d", i), "StageName": []string{"Prospecting", "Negotiation", "Closed Won"}[r.IntN(3)],
			"Amount": float64(r.IntN(1_000_000)) / 100, "Probability": float64(r.IntN(101)), "CloseDate": day(),
		})
		o.put(w, "Lead", Record{"LastName": lastNames[r.IntN(len(lastNames))], "Company": makers[r.IntN(len(makers))] + " & Sons", "Email": fmt.Sprintf("lead%d@example.com", i)})
		o.put(w, "Invoice__c", Record{
			"Ext__c": fmt.Sprintf("I-%06d", i), "Account__c": parent(), "Amount__c": float64(r.IntN(10_000_000)) / 100, "Discount__c": float64(r.IntN(30)),
			"Weight__c": r.Float64() * 1000, "Paid__c": r.IntN(2) == 0, "Due__c": day(), "Sent__c": generatedSince.Add(time.Duration(r.IntN(70_000_000)) * time.Second),
			"Cutoff__c": fmt.Sprintf("%02d:30:00.000Z", r.IntN(24)), "Status__c": []string{"Draft", "Sent", "Settled"}[r.IntN(3)], "Channels__c": []string{"Mail", "Mail;Portal", ""}[r.IntN(3)],
			"Place__Latitude__s": r.Float64() * 80, "Place__Longitude__s": r.Float64() * 170, "Note__c": "<p>" + oddTexts[r.IntN(len(oddTexts))] + "</p>",
		})
	}
	for i := range min(n, 20) {
		o.history(r, parent(), i)
	}
	w.pending = nil // what was there before the story begins
	w.commit()
}

// history writes what nobody can by the API.
func (o *Org) history(r *rand.Rand, account any, i int) {
	t := o.tables["accounthistory"]
	row := &row{values: make([]value, len(t.object.Fields))}
	shown := Record{
		"Id": t.idOf(i), "IsDeleted": false, "AccountId": account, "CreatedById": o.userID, "CreatedDate": generatedSince.Add(time.Duration(i) * time.Hour),
		"Field": "Name", "OldValue": makers[r.IntN(len(makers))], "NewValue": makers[r.IntN(len(makers))],
	}
	for name, v := range shown {
		at := t.position[strings.ToLower(name)]
		row.values[at], _ = parseGo(kindOf(t.object.Fields[at].Type), v) // all of their fields' types
	}
	t.written = append(t.written, row)
}
