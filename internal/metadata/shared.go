package metadata

import (
	"context"
	"strconv"

	"weir.dev/weir/fault"
	"weir.dev/weir/internal/store"
)

// setting is the name of the generation in the store: a number that rises with every reset.
const setting = "metadata.generation"

// ShareBy makes the cache one of many over a store: a reset in one process reaches the caches of all.
func (o *Options) ShareBy(st store.Store) {
	read := func(ctx context.Context, tx store.ReadTx) (string, error) {
		value, err := tx.SettingGet(ctx, setting)
		if fault.Is(err, fault.NotFound) {
			return "", nil
		}
		return value, err
	}
	o.Generation = func(ctx context.Context) (now string, err error) {
		err = st.Read(ctx, func(tx store.ReadTx) error {
			now, err = read(ctx, tx)
			return err
		})
		return now, err
	}
	o.Advance = func(ctx context.Context) (before, after string, err error) {
		err = st.Write(ctx, func(tx store.Tx) error {
			if before, err = read(ctx, tx); err != nil {
				return err
			}
			n, _ := strconv.ParseInt(before, 10, 64) // none yet is 0
			after = strconv.FormatInt(n+1, 10)
			return tx.SettingPut(ctx, setting, after)
		})
		return before, after, err
	}
}
