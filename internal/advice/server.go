// SPDX-License-Identifier: Apache-2.0

package advice

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/vedette-dev/vedette/api/v1alpha1"
)

// Times of a connection, and how much of a request is read: nobody keeps one that does nothing.
const (
	headerTimeout   = 5 * time.Second
	requestTimeout  = 10 * time.Second
	idleTimeout     = time.Minute
	shutdownTimeout = 5 * time.Second
	maxHeader       = 8 << 10
)

// SetUp serves verdicts on the address in every replica of the manager: each has the rollouts in its cache, whoever leads.
// The cache has those of the namespaces, or all where none are named.
func SetUp(ctx context.Context, mgr manager.Manager, address string, namespaces []string) error {
	// The cache must hold rollouts also where no controller has asked for them.
	if _, err := mgr.GetCache().GetInformer(ctx, &v1alpha1.ShadowRollout{}); err != nil {
		return fmt.Errorf("watching ShadowRollouts: %w", err)
	}
	return mgr.Add(&manager.Server{
		Name: "verdicts",
		Server: &http.Server{
			Addr: address, Handler: Handler(mgr.GetClient(), namespaces), MaxHeaderBytes: maxHeader,
			ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout, IdleTimeout: idleTimeout,
		},
		ShutdownTimeout: new(shutdownTimeout),
	})
}
