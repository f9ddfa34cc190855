package plaingo

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const buffer = 1 << 20

// readCSV takes the columns by position, having seen that the header is as expected.
func readCSV(r io.Reader, fresh func() []contact, emit func([]contact) error) error {
	in := csv.NewReader(bufio.NewReaderSize(r, buffer))
	in.ReuseRecord = true
	header, err := in.Read()
	if err != nil {
		return err
	}
	if len(header) != 20 || header[0] != "id" || header[19] != "website" {
		return fmt.Errorf("header %q is not the contacts table's", header)
	}
	rows := fresh()
	for {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			return emit(rows)
		}
		if err != nil {
			return err
		}
		// The strings of a record share memory of their own, which the reader does not reuse.
		rows = append(rows, contact{
			ID: rec[0], ExternalID: rec[1], FirstName: rec[2], LastName: rec[3], Email: rec[4], Phone: rec[5],
			Company: rec[6], Title: rec[7], Street: rec[8], City: rec[9], PostalCode: rec[10], Country: rec[11],
			CreatedAt: rec[12], BirthDate: rec[13], Amount: rec[14], Score: rec[15], IsActive: rec[16], OwnerID: rec[17],
			Notes: rec[18], Website: rec[19],
		})
		if len(rows) == batchRows {
			if err := emit(rows); err != nil {
				return err
			}
			rows = fresh()
		}
	}
}

// jsonContact has the fields that the mapped flows need. Numbers keep their digits.
type jsonContact struct {
	ID         json.Number `json:"id"`
	ExternalID string      `json:"external_id"`
	Name       struct {
		First string `json:"first"`
		Last  string `json:"last"`
	} `json:"name"`
	Title   string `json:"title"`
	Contact struct {
		Email string `json:"email"`
		Phone string `json:"phone"`
	} `json:"contact"`
	Address struct {
		Country string `json:"country"`
	} `json:"address"`
	Account struct {
		Name string `json:"name"`
		Deal struct {
			Amount json.Number `json:"amount"`
			Score  json.Number `json:"score"`
		} `json:"deal"`
	} `json:"account"`
	CreatedAt string `json:"created_at"`
}

func readJSON(r io.Reader, fresh func() []contact, emit func([]contact) error) error {
	in := json.NewDecoder(bufio.NewReaderSize(r, buffer))
	rows := fresh()
	for {
		var c jsonContact
		if err := in.Decode(&c); errors.Is(err, io.EOF) {
			return emit(rows)
		} else if err != nil {
			return err
		}
		rows = append(rows, contact{
			ID: c.ID.String(), ExternalID: c.ExternalID, FirstName: c.Name.First, LastName: c.Name.Last, Email: c.Contact.Email,
			Phone: c.Contact.Phone, Company: c.Account.Name, Title: c.Title, Country: c.Address.Country, CreatedAt: c.CreatedAt,
			Amount: c.Account.Deal.Amount.String(), Score: c.Account.Deal.Score.String(),
		})
		if len(rows) == batchRows {
			if err := emit(rows); err != nil {
				return err
			}
			rows = fresh()
		}
	}
}
