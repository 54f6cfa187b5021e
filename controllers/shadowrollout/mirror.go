// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	build "github.com/vedette-dev/vedette/internal/build/rollout"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/reconcileerr"
	"github.com/vedette-dev/vedette/internal/rollout"
	"github.com/vedette-dev/vedette/internal/wire"
)

// mirror tells the sidecars of the primary where the shadow is. A monitor that captures nothing copies nothing.
func (p *pass) mirror(ctx context.Context, s *seen) error {
	if s.primary == nil || !rollout.Captures(s.effective.Mode) {
		return p.stopMirror(ctx)
	}
	service := &corev1.Service{}
	if err := p.Client.Get(ctx, client.ObjectKey{Namespace: p.r.Namespace, Name: naming.Shadow(p.r.Name)}, service); err != nil {
		return fmt.Errorf("reading the shadow's Service: %w", err)
	}
	c := &p.r.Status.Candidate
	if ip := service.Spec.ClusterIP; ip == "" || ip == corev1.ClusterIPNone {
		return reconcileerr.NewWaiting(v1alpha1.ReasonShadowNotAvailable, "the Service %q has no cluster IP: delete it, and it is made again", service.Name)
	}
	document, err := wire.EncodeMirror(rollout.Mirror(p.r, rollout.Place{
		Primary: s.primary.Revision, Candidate: string(c.Revision),
		Version: rollout.Version(s.candidate.Template, s.monitor), Attempt: strconv.FormatInt(c.Attempt, 10),
		Address: net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(build.ServicePort)),
	}, s.effective))
	if err != nil {
		return err
	}
	_, err = p.applier.Apply(ctx, build.Mirror(p.r, document))
	return err
}

// mirroredSince is since when the sidecars can read of the trial; zero where they cannot, or the cache does not know yet.
func (p *pass) mirroredSince(ctx context.Context) (time.Time, error) {
	document := &corev1.ConfigMap{}
	err := p.Client.Get(ctx, client.ObjectKey{Namespace: p.r.Namespace, Name: naming.Mirror(string(p.r.Spec.MonitorRef.Name))}, document)
	if client.IgnoreNotFound(err) != nil {
		return time.Time{}, fmt.Errorf("reading the mirror document: %w", err)
	}
	return document.CreationTimestamp.Time, nil
}

// stopMirror ends mirroring: without the document, nothing is copied.
func (p *pass) stopMirror(ctx context.Context) error {
	document := &corev1.ConfigMap{}
	err := p.Client.Get(ctx, client.ObjectKey{Namespace: p.r.Namespace, Name: naming.Mirror(string(p.r.Spec.MonitorRef.Name))}, document)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the mirror document: %w", err)
	}
	return p.applier.Delete(ctx, document)
}
