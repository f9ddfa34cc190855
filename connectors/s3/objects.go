package s3

import (
	"context"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"weir.dev/weir/blob"
	"weir.dev/weir/connector"
	"weir.dev/weir/fault"
)

// lookers is how many named objects are looked at at a time.
const lookers = 16

var _ connector.ObjectDescriber = (*connection)(nil)

// find returns the objects to read and their size: those that the request names, else those of the listing.
func find(ctx context.Context, bucket blob.Bucket, prefix string, req *connector.ReadRequest) ([]blob.Object, int64, error) {
	if req.Objects == nil {
		return list(ctx, bucket, prefix, req.Window)
	}
	objects, err := present(ctx, bucket, prefix, req.Objects)
	var total int64
	for _, o := range objects {
		total += o.Size
	}
	return objects, total, err
}

// present looks at named objects, and returns those that there are to read, in the order in which their keys were first
// named: not those under another prefix, empty ones, and those that are gone or another version than any that was named.
// Whoever names objects hears of the newer version, too.
func present(ctx context.Context, bucket blob.Bucket, prefix string, named []connector.Object) ([]blob.Object, error) {
	wanted := byKey(named)
	all := make([]blob.Object, len(wanted))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(lookers)
	for i, w := range wanted {
		if !strings.HasPrefix(w.key, prefix) {
			continue
		}
		g.Go(func() error {
			o, err := bucket.Stat(gctx, w.key)
			switch {
			case fault.Is(err, fault.NotFound), err == nil && !w.isVersion(o):
				return nil
			case err != nil:
				return classify(gctx, err, "looking at object %q of bucket %q", w.key, bucket)
			}
			all[i] = o
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(o blob.Object) bool { return o.Size == 0 }), nil
}

// wanted is a key with the versions that were named, in whatever order: "" is any.
type wanted struct {
	key   string
	etags []string
}

func byKey(named []connector.Object) []wanted {
	at := make(map[string]int, len(named))
	var list []wanted
	for _, n := range named {
		i, ok := at[n.Key]
		if !ok {
			i = len(list)
			at[n.Key] = i
			list = append(list, wanted{key: n.Key})
		}
		list[i].etags = append(list[i].etags, strings.Trim(n.ETag, `"`))
	}
	return list
}

// isVersion reports whether an object is a version that is wanted. Notifications write ETags without quotes.
func (w *wanted) isVersion(o blob.Object) bool {
	return slices.Contains(w.etags, "") || slices.Contains(w.etags, strings.Trim(o.ETag, `"`))
}
