package kernel

import (
	"github.com/apache/arrow-go/v18/arrow/memory"

	"weir.dev/weir/batch"
)

// TextForm makes a dense column of the lane's text forms: of kind Text where the lane is, else String. Text stays where
// it is, shared, and so does the text of a JSON string without escapes.
func TextForm(mem memory.Allocator, lane Lane) batch.Column {
	switch lane.Col.Kind.Type {
	case batch.Text, batch.String:
		return Gather(mem, lane)
	case batch.JSON:
		return jsonTextForm(mem, lane)
	}
	dense := Gather(mem, lane)
	defer dense.Data.Release()
	return batch.ToText(mem, dense, batch.String)
}

func jsonTextForm(mem memory.Allocator, lane Lane) batch.Column {
	view := batch.OpenText(lane.Col)
	out := batch.NewRawTextBuilder(mem, len(lane.Rows))
	out.Share(lane.Col)
	w := arena{mem: mem, b: out}
	defer w.close()
	for at, row := range lane.Rows {
		token := view.Bytes(int(row))
		if view.IsNull(int(row)) || isJSONNull(token) {
			out.SetNull(at)
			continue
		}
		from, to := &view.Views[row], &out.Views[at]
		inner, plain, ok := batch.StringToken(token)
		switch {
		case !ok:
			*to = *from
		case plain && len(inner) > inlineMax:
			*to = *from
			to.SetBytes(inner) // length and prefix
			to.SetIndexOffset(from.BufferIndex(), from.BufferOffset()+1)
		default: // an escape is never shorter than what it stands for
			text := batch.AppendUnescaped(w.room(len(inner) + inlineMax)[:0], inner)
			w.put(to, len(text))
		}
	}
	return out.Build(lane.Col.Name, batch.String)
}
