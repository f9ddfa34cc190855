package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"sync/atomic"

	"weir.dev/weir/fault"
)

// A sealed secret, version 1, where each field but the last begins with its length in two bytes:
//
//	0x01 | master id | wrapped data key | nonce (12 bytes, no length) | ciphertext with tag
//
// Purpose, id and everything before the nonce are authenticated with the ciphertext.
const sealedVersion = 1

const (
	keyBytes   = 32
	nonceBytes = 12
	// maxSeals is far below the 2^32 random nonces that one AES-GCM key can bear.
	maxSeals = 1 << 28
)

// dataKey encrypts secrets of one process.
type dataKey struct {
	masterID string
	wrapped  []byte
	aead     cipher.AEAD
	seals    atomic.Int64
}

func newDataKey(masterID string, wrapped, plain []byte) (*dataKey, error) {
	if len(plain) != keyBytes {
		return nil, fault.New(fault.Internal, "a data key has %d bytes, not %d", len(plain), keyBytes)
	}
	block, err := aes.NewCipher(plain)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing a data key")
	}
	clear(plain)
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing a data key")
	}
	return &dataKey{masterID: masterID, wrapped: wrapped, aead: aead}, nil
}

func (k *dataKey) isFresh() bool { return k != nil && k.seals.Load() < maxSeals }

func (k *dataKey) seal(purpose, id string, secret []byte) []byte {
	k.seals.Add(1)
	sealed := appendField([]byte{sealedVersion}, []byte(k.masterID))
	sealed = appendField(sealed, k.wrapped)
	bound := boundTo(purpose, id, sealed)
	nonce := make([]byte, nonceBytes)
	_, _ = rand.Read(nonce) // never fails: the runtime ends the process instead
	sealed = append(sealed, nonce...)
	return k.aead.Seal(sealed, nonce, secret, bound)
}

func (k *dataKey) open(purpose, id string, parts *sealedParts) ([]byte, error) {
	secret, err := k.aead.Open(nil, parts.nonce, parts.ciphertext, boundTo(purpose, id, parts.header))
	if err != nil {
		return nil, fault.New(fault.Internal, "it is damaged, or was sealed for something else")
	}
	return secret, nil
}

// boundTo is the associated data. Lengths go first, so that no purpose and id run into others.
func boundTo(purpose, id string, header []byte) []byte {
	var b []byte
	for _, part := range [][]byte{[]byte("weir vault"), []byte(purpose), []byte(id), header} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// appendField adds a length and a value. Master ids and wrapped keys of every key service are far below 64 KiB.
func appendField(b, value []byte) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(value))), value...)
}

type sealedParts struct {
	masterID   string
	wrapped    []byte
	header     []byte // all before the nonce
	nonce      []byte
	ciphertext []byte
}

func parse(sealed []byte) (*sealedParts, error) {
	if len(sealed) == 0 || sealed[0] != sealedVersion {
		return nil, fault.New(fault.Internal, "it is not a sealed secret of a known version")
	}
	p, rest := &sealedParts{}, sealed[1:]
	for _, field := range []func([]byte){
		func(b []byte) { p.masterID = string(b) },
		func(b []byte) { p.wrapped = b },
	} {
		if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
			return nil, fault.New(fault.Internal, "the sealed secret is cut short")
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		field(rest[2:end])
		rest = rest[end:]
	}
	if len(rest) < nonceBytes {
		return nil, fault.New(fault.Internal, "the sealed secret is cut short")
	}
	p.header = sealed[:len(sealed)-len(rest)]
	p.nonce, p.ciphertext = rest[:nonceBytes], rest[nonceBytes:]
	return p, nil
}
