package app

import (
	"context"
	"time"
)

// pruneEvery is how often old audit events are forgotten.
const pruneEvery = time.Hour

// keepAudit forgets audit events older than the retention, now and every hour. Every server of a fleet does; they do not
// disturb each other.
func (a *App) keepAudit(ctx context.Context) {
	ticker := time.NewTicker(pruneEvery)
	defer ticker.Stop()
	for {
		n, err := a.Server.PruneAudit(ctx, time.Now().Add(-a.Config.AuditRetention))
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.Log.Warn("old audit events are still there", "error", err)
		case n > 0:
			a.Log.Info("old audit events forgotten", "events", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
