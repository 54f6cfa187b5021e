// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/bcrypt"

	"github.com/vedette-dev/vedette/internal/review"
)

// localUser is a line of the file of local users: name:bcrypt:role.
type localUser struct {
	hash []byte
	role review.Role
}

// stamp changes with the line, so that a new password or role ends the sessions of the old one.
func (u localUser) stamp() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d:%s", u.role, u.hash))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

func parseUsers(b []byte) (map[string]localUser, error) {
	users := map[string]localUser{}
	err := fields(b, 3, func(_ int, f []string) error {
		name, hash := f[0], []byte(f[1])
		if err := checkName(name); err != nil {
			return err
		}
		if _, twice := users[name]; twice {
			return errors.New("the same user is there twice")
		}
		cost, err := bcrypt.Cost(hash)
		if err != nil {
			return errors.New("the password is no bcrypt hash: make one with htpasswd -nB NAME")
		}
		if cost > maxCost {
			return fmt.Errorf("the hash has cost %d: more than %d takes too long", cost, maxCost)
		}
		role, err := review.ParseRole(f[2])
		if err != nil {
			return errNoSuchRole
		}
		users[name] = localUser{hash: hash, role: role}
		return nil
	})
	return users, err
}

// errNoSuchRole is of a line that names another role than there is.
var errNoSuchRole = errors.New("no such role: want annotator, reviewer or admin")

// maxCost bounds what one attempt to sign in costs us, a second or so.
const maxCost = 14

// maxNameBytes bounds the name of a person, wherever it comes from.
const maxNameBytes = 200

func checkName(name string) error {
	if name == "" || len(name) > maxNameBytes {
		return fmt.Errorf("a name has 1 to %d bytes", maxNameBytes)
	}
	for _, r := range name {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return errors.New("a name holds no control characters")
		}
	}
	return nil
}

// nobody is compared with when there is no such user, so that the answer takes as long.
var nobody = func() []byte {
	hash, err := bcrypt.GenerateFromPassword([]byte("nobody"), bcrypt.DefaultCost)
	if err != nil {
		panic(err) // The cost is a valid one.
	}
	return hash
}

// checkPassword finds the local user who has this password.
func (a *Auth) checkPassword(name, password string) (localUser, error) {
	users, err := a.users.get()
	if err != nil {
		return localUser{}, err
	}
	u, known := users[name]
	if !known {
		u.hash = a.nobody()
	}
	if bcrypt.CompareHashAndPassword(u.hash, []byte(password)) != nil || !known {
		return localUser{}, ErrRefused
	}
	return u, nil
}
