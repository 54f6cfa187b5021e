// SPDX-License-Identifier: Apache-2.0

package shadowrollout

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/criteria"
	"github.com/vedette-dev/vedette/internal/monitor"
	"github.com/vedette-dev/vedette/internal/outcome"
	"github.com/vedette-dev/vedette/internal/prometheus"
	"github.com/vedette-dev/vedette/internal/rollout"
)

// evaluate reads the evidence when that is due, and judges it. What follows from a verdict follows in the next pass: by then it is
// on record.
func (p *pass) evaluate(ctx context.Context, s *seen) error {
	if err := p.source.shadow(ctx, s); err != nil {
		return err
	}
	if err := p.mirror(ctx, s); err != nil {
		return err
	}
	c := &p.r.Status.Candidate
	period := monitor.Duration(p.r.Spec.Analysis.Period)
	if due := c.LastEvaluationTime.Add(period).Sub(p.now); !c.LastEvaluationTime.IsZero() && due > 0 {
		p.lookAgain(due)
		return nil
	}
	p.lookAgain(period)
	judgement, err := p.judgement(ctx, s)
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	c.LastEvaluationTime = metav1.NewTime(p.now)
	if err != nil {
		log.FromContext(ctx).Error(err, "the evidence could not be read")
		c.Verdict = v1alpha1.VerdictError
		c.Errors++
		return nil
	}
	c.Errors, c.Verdict, c.Findings, c.Pairs = 0, judgement.Verdict, judgement.Findings, new(judgement.Pairs)
	if c.FirstPairTime.IsZero() && judgement.Pairs > 0 {
		c.FirstPairTime = metav1.NewTime(p.now)
	}
	switch {
	case c.Verdict == v1alpha1.VerdictFail:
		p.reject(c.Revision, v1alpha1.ReasonAnalysisFailed, rollout.Explain(c))
	case c.Verdict != v1alpha1.VerdictPass:
		return nil
	case p.now.Before(rollout.MayPass(p.r)):
		p.lookAgain(rollout.MayPass(p.r).Sub(p.now))
		return nil
	}
	p.decide(c.Revision, c.Verdict, rollout.Explain(c))
	p.lookAgain(outcome.Soon)
	return nil
}

// await keeps the shadow of a candidate that has passed, for whoever wants to look, until its longest life is over.
func (p *pass) await(ctx context.Context, s *seen, o rollout.Observed) error {
	left := o.Start.Add(rollout.MaxLifetime(p.r)).Sub(p.now)
	if left <= 0 || s.shadow == nil {
		return p.clear(ctx)
	}
	p.lookAgain(left)
	if err := p.source.shadow(ctx, s); err != nil {
		return err
	}
	return p.mirror(ctx, s)
}

// judgement reads the evidence and judges it.
func (p *pass) judgement(ctx context.Context, s *seen) (rollout.Judgement, error) {
	c, server := &p.r.Status.Candidate, prometheus.ServerOf(s.effective.Class)
	if server.URL == "" {
		return rollout.Judgement{}, errNoPrometheus
	}
	evidence, err := p.Prometheus.Evidence(ctx, server, prometheus.Try{
		Namespace: p.r.Namespace, Rollout: p.r.Name, Candidate: string(c.Revision), Attempt: strconv.FormatInt(c.Attempt, 10),
		Since: p.now.Sub(time.Unix(c.Attempt, 0)),
	})
	if err != nil {
		return rollout.Judgement{}, err
	}
	answers := map[string]rollout.Answer{}
	for _, criterion := range p.r.Spec.Analysis.Criteria {
		if criterion.PromQL.Query == "" {
			continue
		}
		value, err := p.Prometheus.Value(ctx, server, criterion.PromQL.Query)
		if err != nil && !errors.Is(err, prometheus.ErrNoValue) && !errors.Is(err, prometheus.ErrManyValues) {
			return rollout.Judgement{}, err // Prometheus is not there: nothing is known of any criterion
		}
		answers[string(criterion.Name)] = rollout.Answer{Value: value, Err: err}
	}
	if c.Pairs != nil && evidence[criteria.Everything].Compared() < *c.Pairs {
		return rollout.Judgement{}, errLost
	}
	return rollout.Judge(p.r, s.monitor, s.effective, evidence, answers), nil
}

// Errors that say that there is no evidence to judge.
var (
	errNoPrometheus = errors.New("the class names no Prometheus")
	errLost         = errors.New("prometheus holds fewer pairs than it did before")
)

// maxMessage bounds what is put on record in words.
const maxMessage = 2048

func bounded(s string) string {
	if len(s) <= maxMessage {
		return s
	}
	return strings.ToValidUTF8(s[:maxMessage-3], "") + "..."
}

// decide puts a decision on record.
func (p *pass) decide(revision v1alpha1.Revision, verdict v1alpha1.Verdict, message string) {
	p.r.Status.Decision = v1alpha1.RolloutDecision{
		Revision: revision, Verdict: verdict, Message: bounded(message), Analysis: rollout.AnalysisHash(p.r.Spec.Analysis),
		FromMonitor: p.r.Status.FromMonitor, Time: metav1.NewTime(p.now),
	}
}

// maxRejected is how many rejected revisions are remembered.
const maxRejected = 10

// reject puts a rejection on record.
func (p *pass) reject(revision v1alpha1.Revision, reason, message string) {
	status := &p.r.Status
	rejected := slices.DeleteFunc(slices.Clone(status.Rejected), func(r v1alpha1.RejectedRevision) bool { return r.Revision == revision })
	status.Rejected = slices.Insert(rejected, 0, v1alpha1.RejectedRevision{
		Revision: revision, Reason: reason, Message: bounded(message), Time: metav1.NewTime(p.now), Retry: p.retry(),
	})
	status.Rejected = status.Rejected[:min(len(status.Rejected), maxRejected)]
}
