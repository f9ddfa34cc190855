package salesforce

import (
	"context"
	"slices"

	"weir.dev/weir/fault"
)

const (
	// bytesPerJob is how much CSV goes into a job. Salesforce takes 150 MB after an encoding that makes it half as large again.
	bytesPerJob = 90 << 20
	// maxHeader is the longest first line that Salesforce reads.
	maxHeader = 32_000
	// jobRounds is how often rows are sent that jobs have left over.
	jobRounds = 3
	// jobsMade is how many jobs are made of the same records, where jobs end before they are started.
	jobsMade = 5
	// sampled is after how many rows the memory for all is taken at once.
	sampled = 1000
)

// part is rows on their way in one job.
type part struct {
	rows []int // of the write
	csv  []byte
}

// byJobs sends all rows in jobs, those that jobs leave over in further ones.
func (s *sending) byJobs(ctx context.Context) error {
	var only []int
	for round := 1; ; round++ {
		again, err := s.round(ctx, only, round == 1, round == jobRounds)
		if err != nil || len(again) == 0 {
			return err
		}
		only = again
	}
}

// round sends some rows, and returns those that are to be sent once more. In the last round that is an error.
func (s *sending) round(ctx context.Context, only []int, all, last bool) (again []int, err error) {
	head := s.encoder.header(nil)
	if len(head) > maxHeader {
		return nil, noBulkError{fault.New(fault.Validation, "%s: the names of its %d fields are longer than the %d characters that the Bulk API reads; map fewer, or use REST_SYNC", s.doing(), len(s.encoder.slots), maxHeader)}
	}
	p := &part{}
	flush := func() error {
		if len(p.rows) == 0 {
			return nil
		}
		left, err := s.finishJob(ctx, p, last)
		again = append(again, left...)
		*p = part{}
		return err
	}
	err = s.each(only, all, func(row, at int) error {
		if len(p.rows) == 0 {
			p.csv = append(make([]byte, 0, 1<<20), head...)
		}
		begin := len(p.csv)
		_, problem := s.keyOf(row)
		if problem == "" {
			p.csv, problem = s.encoder.csv(p.csv, row)
		}
		if problem != "" {
			p.csv = p.csv[:begin]
			s.refuse(at, problem)
			return nil
		}
		if p.rows = append(p.rows, at); len(p.rows) == sampled {
			p.csv = slices.Grow(p.csv, min(s.conn.connector.jobBytes, len(p.csv)/sampled*(s.progress.Rows-at)*21/20))
		}
		if len(p.csv) < s.conn.connector.jobBytes {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return again, err
}

// finishJob has a job done, unless it is known what came of it, and returns the rows that it left over.
func (s *sending) finishJob(ctx context.Context, p *part, last bool) (again []int, err error) {
	sum := sumOf(p.csv)
	if n := s.number; n < len(s.progress.Steps) {
		if before := &s.progress.Steps[n]; before.Sum != sum && before.Job != "" && !before.Done {
			return nil, fault.New(fault.ConnectorServer, "%s: job %s of an attempt before holds other records than come now, and may have written them", s.doing(), before.Job)
		}
	}
	known := s.progress.at(s.number, sum)
	if known == nil || !known.Done {
		if known == nil {
			s.progress.Steps = append(s.progress.Steps, step{Sum: sum})
			known = &s.progress.Steps[s.number]
		}
		if err := s.have(ctx, p, known, last); err != nil {
			if known.Job == "" { // nothing was begun
				s.progress.Steps = s.progress.Steps[:s.number]
			}
			return nil, err
		}
		known.Done = true
	}
	s.number++
	s.bytes += int64(len(p.csv))
	s.settle(p.rows, known)
	return known.Again, nil
}

// have brings a job to its end: the one that the step names, or a new one.
func (s *sending) have(ctx context.Context, p *part, st *step, last bool) (err error) {
	found := st.Job != ""
	if !found {
		if err := s.make(ctx, p, st); err != nil {
			return err
		}
	}
	j, err := s.run(ctx, st, found)
	switch {
	case fault.Is(err, fault.Canceled):
		s.giveUp(ctx, st)
		return err
	case err != nil:
		return err
	case found && j.state == "Aborted" && j.processed == 0: // by an attempt before, or for it: nothing of it was written
		st.Job = ""
		return s.have(ctx, p, st, last)
	case j.state == "Aborted" && !found:
		return fault.New(fault.ConnectorServer, "%s: job %s was aborted in Salesforce after %d of %d records", s.doing(), st.Job, j.processed, len(p.rows))
	}
	return s.conclude(ctx, p, st, j, last)
}

// make makes a job that has the rows, and keeps its id before it is started.
func (s *sending) make(ctx context.Context, p *part, st *step) (err error) {
	if st.Made == jobsMade { // each is progress to whoever runs the writer, who would try for ever
		return fault.New(fault.ConnectorServer, "%s: %d jobs were made of the same records, and none could be started", s.doing(), st.Made)
	}
	if st.Job, err = s.upload(ctx, p); err != nil {
		return err
	}
	st.Made++
	if err = s.save(s.progress); err != nil {
		s.giveUp(ctx, st)
	}
	return err
}

// conclude says in the step what has become of its rows.
func (s *sending) conclude(ctx context.Context, p *part, st *step, j job, last bool) error {
	o, err := s.outcome(ctx, p, st.Job, j)
	if err != nil {
		return err
	}
	if len(o.left) > 0 && (last || len(o.left) == len(p.rows)) {
		return fault.New(fault.ConnectorServer, "%s: job %s left %d of %d records unprocessed%s; the organization's Bulk API allowance of the day may be spent",
			s.doing(), st.Job, len(o.left), len(p.rows), s.said(j))
	}
	st.Again, st.Refused = o.left, o.refused
	for _, l := range o.locked {
		if last {
			st.Refused = append(st.Refused, l)
		} else {
			st.Again = append(st.Again, l.Row)
		}
	}
	slices.Sort(st.Again)
	return nil
}
