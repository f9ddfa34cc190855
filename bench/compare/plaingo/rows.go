package plaingo

// contact is a row of the input, and lead one of the output. An empty field is null: CSV knows no difference, and the
// JSON of this benchmark has no empty strings.
type contact struct {
	ID, ExternalID, FirstName, LastName, Email, Phone, Company, Title, Street, City             string
	PostalCode, Country, CreatedAt, BirthDate, Amount, Score, IsActive, OwnerID, Notes, Website string
}

type lead struct {
	ID, Ref, Name, Email, Phone, Company, Country, Segment, CreatedAt, Weighted string
}

// storedContact and storedLead are the rows as the writers of Parquet and JSON want them, nil for null. (parquet-go takes
// plain strings too, and "" for null, but v0.32 then writes some nulls as empty text when it gets few rows at a time.)
// Columns with few values have dictionaries, which parquet-go leaves to the programmer.
type storedContact struct {
	ID         *string `parquet:"id,optional"`
	ExternalID *string `parquet:"external_id,optional"`
	FirstName  *string `parquet:"first_name,optional,dict"`
	LastName   *string `parquet:"last_name,optional,dict"`
	Email      *string `parquet:"email,optional"`
	Phone      *string `parquet:"phone,optional"`
	Company    *string `parquet:"company,optional,dict"`
	Title      *string `parquet:"title,optional,dict"`
	Street     *string `parquet:"street,optional"`
	City       *string `parquet:"city,optional,dict"`
	PostalCode *string `parquet:"postal_code,optional"`
	Country    *string `parquet:"country,optional,dict"`
	CreatedAt  *string `parquet:"created_at,optional"`
	BirthDate  *string `parquet:"birth_date,optional,dict"`
	Amount     *string `parquet:"amount,optional"`
	Score      *string `parquet:"score,optional"`
	IsActive   *string `parquet:"is_active,optional,dict"`
	OwnerID    *string `parquet:"owner_id,optional,dict"`
	Notes      *string `parquet:"notes,optional,dict"`
	Website    *string `parquet:"website,optional"`
}

type storedLead struct {
	ID        *string `parquet:"id,optional" json:"id"`
	Ref       *string `parquet:"ref,optional" json:"ref"`
	Name      *string `parquet:"name,optional,dict" json:"name"`
	Email     *string `parquet:"email,optional,dict" json:"email"`
	Phone     *string `parquet:"phone,optional" json:"phone"`
	Company   *string `parquet:"company,optional,dict" json:"company"`
	Country   *string `parquet:"country,optional,dict" json:"country"`
	Segment   *string `parquet:"segment,optional,dict" json:"segment"`
	CreatedAt *string `parquet:"created_at,optional" json:"created_at"`
	Weighted  *string `parquet:"weighted,optional" json:"weighted"`
}

var leadHeader = []string{"id", "ref", "name", "email", "phone", "company", "country", "segment", "created_at", "weighted"}

func storeContact(r *contact) storedContact {
	return storedContact{
		present(&r.ID), present(&r.ExternalID), present(&r.FirstName), present(&r.LastName), present(&r.Email),
		present(&r.Phone), present(&r.Company), present(&r.Title),
		present(&r.Street), present(&r.City),
		present(&r.PostalCode), present(&r.Country), present(&r.CreatedAt), present(&r.BirthDate),
		present(&r.Amount), present(&r.Score), present(&r.IsActive), present(&r.OwnerID), present(&r.Notes), present(&r.Website),
	}
}

func storeLead(r *lead) storedLead {
	return storedLead{
		present(&r.ID), present(&r.Ref), present(&r.Name), present(&r.Email), present(&r.Phone),
		present(&r.Company), present(&r.Country), present(&r.Segment), present(&r.CreatedAt), present(&r.Weighted),
	}
}

func present(s *string) *string {
	if *s == "" {
		return nil
	}
	return s
}
