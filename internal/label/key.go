// SPDX-License-Identifier: Apache-2.0

package label

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"github.com/vedette-dev/vedette/internal/wire"
)

// Key is the form in which a business key is stored, in rows of predictions and in labels alike. It reports false, and
// nothing is to be stored, while the key that it must be hashed with is missing.
func Key(c wire.LabelKey, hashKey []byte, plain string) (string, bool) {
	if c.Store == wire.LabelKeyPlain {
		return plain, true
	}
	if len(hashKey) == 0 {
		return "", false
	}
	mac := hmac.New(sha256.New, hashKey)
	mac.Write([]byte(plain))
	return hex.EncodeToString(mac.Sum(nil)), true
}
