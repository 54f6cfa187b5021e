// SPDX-License-Identifier: Apache-2.0

// Package e2e proves, on a real cluster with a real S3 server and real flights, what Vedette promises: that everything is
// counted, that nothing of it is in the way of the model, and that what is wrong is said with its remedy. Its tests carry
// the build tag e2e and run with "make e2e".
//
// Every test has a namespace, a MonitorClass and a folder of the store of its own, made of config/samples, and removes
// them. Tests wait for conditions with a deadline, never for time to pass.
package e2e
