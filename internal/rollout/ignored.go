// SPDX-License-Identifier: Apache-2.0

package rollout

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
)

// revisionPattern is that of v1alpha1.Revision.
var revisionPattern = regexp.MustCompile(`^[0-9a-f]{10}$`)

// maxShown is as much of an annotation as is shown.
const maxShown = 40

// Ignored says of each annotation by which a person decides, and whose value can be no revision, that it is so. One that may be that of
// an earlier revision is left alone: annotations stay, and what is on record of old revisions does not.
func Ignored(annotations map[string]string) []string {
	var out []string
	for _, key := range []string{naming.AnnotationPromote, naming.AnnotationReject, naming.AnnotationAbort, naming.AnnotationPause, naming.AnnotationRetry} {
		value := annotations[key]
		named := value
		if key == naming.AnnotationRetry {
			named, _, _ = strings.Cut(value, "/")
		}
		if value != "" && !revisionPattern.MatchString(named) {
			out = append(out, fmt.Sprintf("the annotation %s names %q", key, strings.ToValidUTF8(value[:min(len(value), maxShown)], "")))
		}
	}
	return out
}

// ignoredMessage tells people of what is ignored, and what they may have meant.
func ignoredMessage(ignored []string, candidate v1alpha1.Revision) string {
	meant := "there is no candidate now"
	if candidate != "" {
		meant = fmt.Sprintf("its candidate is %s", candidate)
	}
	return fmt.Sprintf("%s, which is no revision of this rollout, and has no effect: %s", strings.Join(ignored, ", and "), meant)
}

// Told says whether a message tells of everything that is ignored now.
func Told(message string, annotations map[string]string) bool {
	for _, text := range Ignored(annotations) {
		if !strings.Contains(message, text) {
			return false
		}
	}
	return true
}
