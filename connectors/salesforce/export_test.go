package salesforce

// SetJobBytes makes ingest jobs small, which are else larger than a test wants to fill.
func (c *Connector) SetJobBytes(n int) { c.jobBytes = n }

// SetPieces makes query jobs and splits small.
func (c *Connector) SetPieces(records int64) { c.jobRecords, c.restSplit = records, records }
