package sigv4

import "sync"

// derivedKeys remembers signing keys: deriving one takes four HMACs, and clients use one for a whole day.
type derivedKeys struct {
	mu   sync.RWMutex
	list map[derivation][]byte
}

// derivation is all a signing key depends on. The secret is part of it, so that a rotated key is derived anew.
type derivation struct{ id, secret, date, region, service string }

// maxDerived bounds the memory that requests with ever-new regions could take.
const maxDerived = 4096

func (d *derivedKeys) get(k Key, c *Claim) []byte {
	id := derivation{k.ID, k.Secret, c.date, c.region, c.service}
	d.mu.RLock()
	key, ok := d.list[id]
	d.mu.RUnlock()
	if ok {
		return key
	}
	key = hmacSHA256([]byte("AWS4"+k.Secret), c.date)
	key = hmacSHA256(key, c.region)
	key = hmacSHA256(key, c.service)
	key = hmacSHA256(key, "aws4_request")
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.list == nil || len(d.list) >= maxDerived {
		d.list = make(map[derivation][]byte)
	}
	d.list[id] = key
	return key
}
