// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"errors"
	"slices"

	"github.com/vedette-dev/vedette/internal/reconcileerr"
)

// problems are the errors of a list that are some.
func problems(list ...error) []error {
	return slices.DeleteFunc(list, func(err error) bool { return err == nil })
}

// messageOf is what an error says to a person; empty where it is none of theirs.
func messageOf(err error) string {
	if waiting := (*reconcileerr.Waiting)(nil); errors.As(err, &waiting) {
		return waiting.Message
	}
	if stalled := (*reconcileerr.Stalled)(nil); errors.As(err, &stalled) {
		return stalled.Message
	}
	return ""
}
