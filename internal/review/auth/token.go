// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/vedette-dev/vedette/internal/review"
)

// machinePrefix begins the names of machines, so that none can be taken for a person.
const machinePrefix = "token:"

// machine is a line of the file of tokens: name:SHA-256 of the token in hex:role. A token is long and random, so that a
// plain digest tells nothing of it.
type machine struct {
	name string
	role review.Role
}

func parseTokens(b []byte) (map[[sha256.Size]byte]machine, error) {
	machines := map[[sha256.Size]byte]machine{}
	err := fields(b, 3, func(_ int, f []string) error {
		name := f[0]
		if err := checkName(name); err != nil {
			return err
		}
		sum, err := hex.DecodeString(f[1])
		if err != nil || len(sum) != sha256.Size {
			return errors.New("the token is no SHA-256 digest: make one with printf %s TOKEN | sha256sum")
		}
		role, err := review.ParseRole(f[2])
		if err != nil {
			return errNoSuchRole
		}
		key := [sha256.Size]byte(sum)
		if _, twice := machines[key]; twice {
			return errors.New("an earlier line has the same token")
		}
		machines[key] = machine{name: machinePrefix + name, role: role}
		return nil
	})
	return machines, err
}

// bearer is the token of a request, and whether it has one at all.
func bearer(r *http.Request) (string, bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}

// machineOf finds whose token it is. Looking up a digest tells no one how much of a token was right.
func (a *Auth) machineOf(token string) (Person, error) {
	if a.tokens == nil || token == "" {
		return Person{}, errUnknown
	}
	machines, err := a.tokens.get()
	if err != nil {
		return Person{}, err
	}
	m, ok := machines[sha256.Sum256([]byte(token))]
	if !ok {
		return Person{}, errUnknown
	}
	return Person{Person: review.Person{Name: m.name, Role: m.role}, Machine: true}, nil
}
