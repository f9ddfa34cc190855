package fake

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

var (
	subjects   = []string{"Printer", "Invoice", "Login", "Delivery", "Refund", "Password", "Webhook", "Export"}
	troubles   = []string{"is on fire", "does not arrive", "shows the wrong total", "needs a new address", "worked yesterday", "asks twice"}
	statuses   = []string{"new", "open", "pending", "hold", "solved", "closed"}
	priorities = []string{"low", "normal", "high", "urgent"}
	firstNames = []string{"Ada", "Grace", "Edsger", "Barbara", "Alan", "Frances", "Ken", "Radia", "Zoë", "Søren"}
	lastNames  = []string{"Lovelace", "Hopper", "Dijkstra", "Liskov", "Turing", "Allen", "Thompson", "Perlman", "Ångström", "O'Neill"}
)

// sample fills the account: organizations, their users, groups, and tickets whose changes spread over half a year.
func (a *Account) sample(rnd *rand.Rand) {
	now := a.o.Now().UTC().Truncate(time.Second)
	ago := func(most time.Duration) string {
		return now.Add(-2 * time.Minute).Add(-time.Duration(rnd.Int64N(int64(most)))).Truncate(time.Second).Format(time.RFC3339)
	}
	const halfYear = 180 * 24 * time.Hour
	var groups, organizations, users []int64
	for _, name := range []string{"Support", "Billing", "Engineering"} {
		groups = append(groups, a.put("groups", Record{"name": name, "description": name + " team", "default": name == "Support", "deleted": false, "is_public": true, "created_at": ago(halfYear), "updated_at": ago(halfYear)}))
	}
	a.put("ticket_fields", Record{"type": "subject", "title": "Subject", "active": true, "removable": false})
	a.put("ticket_fields", Record{"id": 27642, "type": "text", "title": "Order number", "active": true, "removable": true})
	a.put("user_fields", Record{"key": "plan", "type": "dropdown", "title": "Plan", "active": true})
	a.put("user_fields", Record{"key": "seats", "type": "integer", "title": "Seats", "active": true})
	a.put("organization_fields", Record{"key": "renewal", "type": "date", "title": "Renewal", "active": true})
	for i := range max(a.o.Records/20, 1) {
		organizations = append(organizations, a.put("organizations", Record{
			"name": fmt.Sprintf("Company %d", i+1), "external_id": fmt.Sprintf("org-%d", i+1), "details": nil, "notes": nil,
			"domain_names": []string{fmt.Sprintf("company%d.example", i+1)}, "tags": []string{}, "shared_tickets": false, "shared_comments": false,
			"group_id": nil, "organization_fields": Record{"renewal": now.AddDate(0, 0, rnd.IntN(365)).Format(time.DateOnly)},
			"created_at": ago(halfYear), "updated_at": ago(halfYear),
		}))
	}
	for i := range max(a.o.Records/4, 1) {
		first, last := pick(rnd, firstNames), pick(rnd, lastNames)
		users = append(users, a.put("users", Record{
			"name": first + " " + last, "email": fmt.Sprintf("user%d@example.com", i+1), "external_id": fmt.Sprintf("user-%d", i+1), "role": "end-user",
			"active": true, "verified": rnd.IntN(2) == 0, "suspended": false, "locale": "en-US", "locale_id": 1, "time_zone": "UTC", "tags": []string{},
			"organization_id": pick(rnd, organizations), "phone": nil, "notes": nil, "details": nil,
			"user_fields": Record{"plan": pick(rnd, priorities), "seats": rnd.IntN(50)}, "created_at": ago(halfYear), "updated_at": ago(halfYear),
		}))
	}
	for i := range a.o.Records {
		subject := pick(rnd, subjects) + " " + pick(rnd, troubles)
		updated := ago(halfYear)
		status := pick(rnd, statuses)
		ticket := a.put("tickets", Record{
			"external_id": nil, "type": "incident", "subject": subject, "raw_subject": subject, "description": subject + ". Please help.\nThank you!",
			"priority": pick(rnd, priorities), "status": status, "requester_id": pick(rnd, users), "submitter_id": pick(rnd, users), "assignee_id": nil,
			"organization_id": pick(rnd, organizations), "group_id": pick(rnd, groups), "collaborator_ids": []int64{}, "follower_ids": []int64{},
			"email_cc_ids": []int64{}, "has_incidents": false, "is_public": true, "due_at": nil, "tags": []string{"sample", strings.ToLower(pick(rnd, subjects))},
			"custom_fields": []Record{{"id": 27642, "value": fmt.Sprint(rnd.IntN(1000))}}, "satisfaction_rating": Record{"score": "unoffered"},
			"brand_id": 123, "via": Record{"channel": "web", "source": Record{"from": Record{}, "to": Record{}, "rel": nil}},
			"allow_attachments": true, "allow_channelback": false, "from_messaging_channel": false, "created_at": updated, "updated_at": updated,
		})
		a.put("ticket_metrics", Record{"ticket_id": ticket, "reopens": rnd.IntN(3), "replies": i % 7, "assignee_stations": 1, "group_stations": 1, "created_at": updated, "updated_at": updated})
	}
}

func pick[T any](rnd *rand.Rand, list []T) T { return list[rnd.IntN(len(list))] }
