package plaingo

// contact is a row of the input. An empty field is null: CSV knows no difference, and the JSON of this benchmark has no
// empty strings.
type contact struct {
	ID         string `parquet:"id,optional" json:"id"`
	ExternalID string `parquet:"external_id,optional" json:"external_id"`
	FirstName  string `parquet:"first_name,optional,dict" json:"first_name"`
	LastName   string `parquet:"last_name,optional,dict" json:"last_name"`
	Email      string `parquet:"email,optional" json:"email"`
	Phone      string `parquet:"phone,optional" json:"phone"`
	Company    string `parquet:"company,optional,dict" json:"company"`
	Title      string `parquet:"title,optional,dict" json:"title"`
	Street     string `parquet:"street,optional" json:"street"`
	City       string `parquet:"city,optional,dict" json:"city"`
	PostalCode string `parquet:"postal_code,optional" json:"postal_code"`
	Country    string `parquet:"country,optional,dict" json:"country"`
	CreatedAt  string `parquet:"created_at,optional" json:"created_at"`
	BirthDate  string `parquet:"birth_date,optional,dict" json:"birth_date"`
	Amount     string `parquet:"amount,optional" json:"amount"`
	Score      string `parquet:"score,optional" json:"score"`
	IsActive   string `parquet:"is_active,optional,dict" json:"is_active"`
	OwnerID    string `parquet:"owner_id,optional,dict" json:"owner_id"`
	Notes      string `parquet:"notes,optional,dict" json:"notes"`
	Website    string `parquet:"website,optional" json:"website"`
}

// lead is a row of the output. An empty field is null.
type lead struct {
	ID        string `parquet:"id,optional"`
	Ref       string `parquet:"ref,optional"`
	Name      string `parquet:"name,optional,dict"`
	Email     string `parquet:"email,optional,dict"`
	Phone     string `parquet:"phone,optional"`
	Company   string `parquet:"company,optional,dict"`
	Country   string `parquet:"country,optional,dict"`
	Segment   string `parquet:"segment,optional,dict"`
	CreatedAt string `parquet:"created_at,optional"`
	Weighted  string `parquet:"weighted,optional"`
}

// jsonLead is a lead in JSON.
type jsonLead struct {
	ID        *string `json:"id"`
	Ref       *string `json:"ref"`
	Name      *string `json:"name"`
	Email     *string `json:"email"`
	Phone     *string `json:"phone"`
	Company   *string `json:"company"`
	Country   *string `json:"country"`
	Segment   *string `json:"segment"`
	CreatedAt *string `json:"created_at"`
	Weighted  *string `json:"weighted"`
}

var leadHeader = []string{"id", "ref", "name", "email", "phone", "company", "country", "segment", "created_at", "weighted"}
