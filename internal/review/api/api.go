// SPDX-License-Identifier: Apache-2.0

// Package api owns the REST interface of an annotation queue: JSON below /api/v1/, as openapi.yaml describes it, and the
// formats of Label Studio and Argilla, so that a team can keep its own tool. It imports no Kubernetes package.
package api

import (
	_ "embed"
	"log/slog"
	"net/http"
	"time"

	"github.com/vedette-dev/vedette/internal/review"
	"github.com/vedette-dev/vedette/internal/review/auth"
	"github.com/vedette-dev/vedette/internal/review/desk"
)

// OpenAPI describes the interface, in OpenAPI 3.1.
//
//go:embed openapi.yaml
var OpenAPI []byte

// Options configure the interface.
type Options struct {
	Desk *desk.Desk
	Auth *auth.Auth
	// HashKey gives the key of hashed business keys; nil bytes while there is none.
	HashKey func() ([]byte, error)
	Clock   func() time.Time
	Log     *slog.Logger
}

// API serves the interface.
type API struct{ Options }

// New makes an API.
func New(o Options) *API { return &API{o} }

const (
	// maxBody bounds the body of a request about one item, maxBatch that of many, maxLabels that of labels, which are in memory
	// in several forms.
	maxBody   = 64 << 10
	maxBatch  = 32 << 20
	maxLabels = 4 << 20
)

// route is one way to ask for something, and what it takes.
type route struct {
	pattern string
	role    review.Role
	body    int64
	handle  func(http.ResponseWriter, *http.Request) error
}

func (a *API) routes() []route {
	return []route{
		{"GET /api/v1/openapi.yaml", review.Annotator, maxBody, a.openAPI},
		{"GET /api/v1/me", review.Annotator, maxBody, a.me},
		{"GET /api/v1/stats", review.Annotator, maxBody, a.stats},
		{"POST /api/v1/next", review.Annotator, maxBody, a.next},
		{"GET /api/v1/items", review.Annotator, maxBody, a.items},
		{"GET /api/v1/items/{id}", review.Annotator, maxBody, a.item},
		{"GET /api/v1/items/{id}/similar", review.Annotator, maxBody, a.similar},
		{"GET /api/v1/items/{id}/answers", review.Annotator, maxBody, a.answers},
		{"POST /api/v1/items/{id}/answer", review.Annotator, maxBody, a.answer},
		{"POST /api/v1/items/{id}/skip", review.Annotator, maxBody, a.skip},
		{"POST /api/v1/items/{id}/escalate", review.Annotator, maxBody, a.escalate},
		{"POST /api/v1/items/{id}/adjudicate", review.Reviewer, maxBody, a.adjudicate},
		{"POST /api/v1/undo", review.Annotator, maxBody, a.undo},
		{"GET /api/v1/export", review.Admin, maxBody, a.export},
		{"POST /api/v1/import", review.Admin, maxBatch, a.importAnswers},
		{"POST /api/v1/labels", review.Admin, maxLabels, a.labels},
		{"GET /api/v1/labelstudio/config", review.Admin, maxBody, a.studioConfig},
		{"GET /api/v1/labelstudio/tasks", review.Admin, maxBody, a.studioTasks},
		{"POST /api/v1/labelstudio/annotations", review.Admin, maxBatch, a.studioAnnotations},
		{"POST /api/v1/labelstudio/webhook", review.Admin, maxBatch, a.studioWebhook},
		{"GET /api/v1/argilla/records", review.Admin, maxBody, a.argillaRecords},
		{"POST /api/v1/argilla/records", review.Admin, maxBatch, a.argillaResponses},
	}
}

// Register adds the interface to mux.
func (a *API) Register(mux *http.ServeMux) {
	guard := &auth.Guard{Auth: a.Auth, Deny: a.deny}
	for _, r := range a.routes() {
		mux.Handle(r.pattern, http.MaxBytesHandler(guard.Require(r.role, a.wrap(r.handle)), r.body))
	}
	mux.Handle("/api/", http.MaxBytesHandler(guard.Require(review.Annotator, a.wrap(func(http.ResponseWriter, *http.Request) error {
		return errNoRoute
	})), maxBody))
}

func (a *API) wrap(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			a.fail(w, r, err)
		}
	})
}

func (a *API) openAPI(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Content-Type", "application/yaml")
	_, err := w.Write(OpenAPI)
	return err
}

func (a *API) me(w http.ResponseWriter, r *http.Request) error {
	p := auth.From(r.Context())
	return write(w, http.StatusOK, map[string]string{"name": p.Name, "role": p.Role.String()})
}
