// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"net/http"
	"strings"

	"github.com/vedette-dev/vedette/internal/review"
)

// proxied believes the proxy's headers. Whoever can reach us past the proxy can write them, too: a NetworkPolicy that lets
// the proxy in, and nobody else, is what makes them true.
func (a *Auth) proxied(r *http.Request) (Person, error) {
	h := a.ProxyHeader
	names := r.Header.Values(h.User)
	// Two names are a header of the client's that the proxy did not take away.
	if len(names) != 1 || checkName(names[0]) != nil {
		return Person{}, errUnknown
	}
	var groups []string
	if h.Groups != "" {
		for _, v := range r.Header.Values(h.Groups) {
			for g := range strings.SplitSeq(v, ",") {
				groups = append(groups, strings.TrimSpace(g))
			}
		}
	}
	p := Person{Person: review.Person{Name: names[0], Role: a.roleOf(names[0], groups)}}
	if p.Role == review.Nobody {
		return p, errNoRole
	}
	return p, nil
}
