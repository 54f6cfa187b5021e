// SPDX-License-Identifier: Apache-2.0

package review

import (
	"cmp"

	corev1 "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/vedette-dev/vedette/api/v1alpha1"
	"github.com/vedette-dev/vedette/internal/naming"
	"github.com/vedette-dev/vedette/internal/queue"
)

// Names of the volumes beside naming.ConfigVolume.
const (
	dataVolume = "data"
	tmpVolume  = "tmp"
)

func (p Params) volumes() []*corev1.VolumeApplyConfiguration {
	all := []*corev1.VolumeApplyConfiguration{
		corev1.Volume().WithName(naming.ConfigVolume).WithProjected(corev1.ProjectedVolumeSource().WithSources(p.sources()...)),
		corev1.Volume().WithName(tmpVolume).WithEmptyDir(corev1.EmptyDirVolumeSource()),
	}
	if !queue.Postgres(p.Queue) {
		all = append(all, corev1.Volume().WithName(dataVolume).
			WithPersistentVolumeClaim(corev1.PersistentVolumeClaimVolumeSource().WithClaimName(p.name())))
	}
	return all
}

func (p Params) mounts() []*corev1.VolumeMountApplyConfiguration {
	all := []*corev1.VolumeMountApplyConfiguration{
		corev1.VolumeMount().WithName(naming.ConfigVolume).WithMountPath(naming.ConfigMount).WithReadOnly(true),
		corev1.VolumeMount().WithName(tmpVolume).WithMountPath("/tmp"),
	}
	if !queue.Postgres(p.Queue) {
		all = append(all, corev1.VolumeMount().WithName(dataVolume).WithMountPath(naming.DataMount))
	}
	return all
}

// sources are the configuration and the credentials. The store's may be missing: the page serves what it has then, and says
// that nothing new comes in. What it cannot do without keeps the pod waiting, and it starts once that is there.
func (p Params) sources() []*corev1.VolumeProjectionApplyConfiguration {
	all := []*corev1.VolumeProjectionApplyConfiguration{
		corev1.VolumeProjection().WithConfigMap(corev1.ConfigMapProjection().
			WithName(p.name()).
			WithItems(item(naming.ConfigDir, naming.ReviewFile))),
	}
	if name := storeSecret(p.Class); name != "" {
		all = append(all, secret(name, true, naming.CredentialsDir, naming.CredentialKeys()...))
	}
	if name := p.Class.HashKey.SecretName; name != "" {
		all = append(all, secret(string(name), true, naming.HashKeyDir, naming.HashKeyFile))
	}
	if queue.Postgres(p.Queue) {
		name := string(p.Queue.Spec.Storage.Postgres.SecretName)
		all = append(all,
			secret(name, false, naming.DatabaseDir, naming.DatabaseURLFile),
			secret(name, true, naming.DatabaseDir, naming.CertificateKeys()...))
	}
	if name := queue.UsersSecret(p.Queue); name != "" {
		all = append(all, secret(name, false, naming.UsersDir, naming.UsersFile))
	}
	if name := p.Queue.Spec.Access.Tokens.SecretName; name != "" {
		all = append(all, secret(string(name), false, naming.TokensDir, naming.TokensFile))
	}
	if name := p.Queue.Spec.Access.OIDC.SecretName; name != "" {
		all = append(all, secret(string(name), false, naming.OIDCDir, naming.ClientSecretFile, naming.ClientIssuerFile))
	}
	return all
}

// storeSecret is the Secret with the store's credentials; "" where pods use their own identity.
func storeSecret(c *v1alpha1.MonitorClassSpec) string {
	return string(cmp.Or(c.Store.Credentials.AnalysisSecretName, c.Store.Credentials.SecretName))
}

func secret(name string, optional bool, folder string, keys ...string) *corev1.VolumeProjectionApplyConfiguration {
	projection := corev1.SecretProjection().WithName(name).WithOptional(optional)
	for _, key := range keys {
		projection.WithItems(item(folder, key))
	}
	return corev1.VolumeProjection().WithSecret(projection)
}

func item(folder, key string) *corev1.KeyToPathApplyConfiguration {
	return corev1.KeyToPath().WithKey(key).WithPath(folder + "/" + key)
}
