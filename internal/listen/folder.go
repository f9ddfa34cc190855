package listen

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
	"weir.dev/weir/flow"
	"weir.dev/weir/internal/store"
)

// A folder tells nobody when a file appears in it; so it is looked at, and what was not there before is news. The names of
// all files that were ever told of are remembered as long as they are there.

// folderSeen is the position behind the first look, whose files were there before the flow was started.
const folderSeen = `{"folder":"seen"}`

// idsAtOnce is how many files are noted in one transaction.
const idsAtOnce = 500

// objectID names one version of an object. It is short whatever the key is.
func objectID(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return "object/" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:24])
}

// folder is what a watcher knows between two looks.
type folder struct {
	bucket blob.Bucket
	prefix string
	known  map[string]bool // ids that are remembered
	// young are files that were new at the last look. One is taken when it is the same at the next: it may still be written.
	young map[string]bool
}

// watch looks at a folder until ctx ends.
func (k *keeper) watch(ctx context.Context, e *ear, f *flow.Flow) error {
	conn, err := k.m.o.Inbox.connect(ctx, f)
	if err != nil {
		return err
	}
	defer conn.Close()
	target, ok := conn.(connector.FileTarget)
	if !ok {
		return fault.New(fault.Unsupported, "the connector %s has no folders", f.Source.Connector)
	}
	at := placeOf(f)
	props, err := json.Marshal(map[string]string{"bucketName": at.Bucket})
	if err != nil {
		return err
	}
	t, err := target.Target(ctx, props)
	if err != nil {
		return err
	}
	w := &folder{bucket: t.Bucket, prefix: at.Prefix, young: map[string]bool{}}
	if w.known, err = k.remembered(ctx); err != nil {
		return err
	}
	position, err := k.position(ctx)
	if err != nil {
		return err
	}
	if position == nil {
		if err := k.baseline(ctx, w); err != nil {
			return err
		}
	}
	e.heard = true
	for isFull := false; ; {
		hasRoom, err := k.room(ctx, e, &isFull)
		if err != nil {
			return err
		}
		if hasRoom {
			if err := k.lookAround(ctx, w); err != nil {
				return err
			}
		}
		if pause(ctx, k.m.o.Poll) != nil {
			return ctx.Err()
		}
	}
}

// remembered loads the ids of the files that were told of.
func (k *keeper) remembered(ctx context.Context) (map[string]bool, error) {
	known := map[string]bool{}
	for after := "object/"; ; {
		var ids []string
		err := k.m.store().Read(ctx, func(tx store.ReadTx) (err error) {
			ids, err = tx.EventIDList(ctx, k.flow, after, idsAtOnce)
			return err
		})
		if err != nil || len(ids) == 0 {
			return known, err
		}
		for _, id := range ids {
			known[id] = true
			after = id
		}
	}
}

// list is the files under the prefix, by id. Empty ones hold no records.
func (w *folder) list(ctx context.Context, each func(id string, o blob.Object) error) error {
	for o, err := range w.bucket.List(ctx, w.prefix) {
		if err != nil {
			return err
		}
		if o.Size == 0 {
			continue
		}
		if err := each(objectID(o.Key, o.ETag), o); err != nil {
			return err
		}
	}
	return nil
}

// baseline remembers what is there, without telling of it: events are about what happens from now on.
func (k *keeper) baseline(ctx context.Context, w *folder) error {
	var ids []store.EventID
	note := func() error {
		err := k.m.store().Write(ctx, func(tx store.Tx) error {
			if err := tx.FenceCheck(ctx, k.fence); err != nil {
				return err
			}
			return tx.EventIDPut(ctx, ids)
		})
		ids = ids[:0]
		return err
	}
	err := w.list(ctx, func(id string, _ blob.Object) error {
		w.known[id] = true
		if ids = append(ids, store.EventID{FlowName: k.flow, ID: id, Until: forever}); len(ids) < idsAtOnce {
			return nil
		}
		return note()
	})
	if err == nil && len(ids) > 0 {
		err = note()
	}
	if err != nil {
		return err
	}
	_, err = k.m.o.Inbox.put(ctx, &arrival{flow: k.flow, fence: &k.fence, position: connector.Cursor(folderSeen)})
	return err
}

// lookAround takes in what is new, and forgets what is gone: a file that comes back is new.
func (k *keeper) lookAround(ctx context.Context, w *folder) error {
	a := &arrival{flow: k.flow, fence: &k.fence, until: forever}
	there, young := make(map[string]bool, len(w.known)), map[string]bool{}
	put := func() error {
		if _, err := k.m.o.Inbox.put(ctx, a); err != nil {
			return err
		}
		for _, e := range a.events {
			w.known[e.id] = true
		}
		a.events = nil
		return nil
	}
	err := w.list(ctx, func(id string, o blob.Object) error {
		there[id] = true
		switch {
		case w.known[id]:
			return nil
		case !w.young[id]:
			young[id] = true
			return nil
		}
		record, err := json.Marshal(connector.Object{Key: o.Key, ETag: o.ETag})
		if err != nil {
			return err
		}
		if a.events = append(a.events, event{record: record, id: id}); len(a.events) < idsAtOnce {
			return nil
		}
		return put()
	})
	if err == nil && len(a.events) > 0 {
		err = put()
	}
	if err != nil {
		return err
	}
	w.young = young
	return k.forget(ctx, w, there)
}

func (k *keeper) forget(ctx context.Context, w *folder, there map[string]bool) error {
	var gone []string
	for id := range w.known {
		if !there[id] {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	err := k.m.store().Write(ctx, func(tx store.Tx) error {
		if err := tx.FenceCheck(ctx, k.fence); err != nil {
			return err
		}
		for _, id := range gone {
			if err := tx.EventIDDelete(ctx, k.flow, id); err != nil {
				return err
			}
		}
		return nil
	})
	for _, id := range gone {
		delete(w.known, id)
	}
	return err
}
