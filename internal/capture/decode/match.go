// SPDX-License-Identifier: Apache-2.0

package decode

import (
	"net/http"
	"strings"

	"github.com/vedette-dev/vedette/internal/wire"
)

// Matches says whether a request is an inference call. Health checks, metadata and other paths are none.
func (d *Decoder) Matches(method, path string) bool {
	if method != http.MethodPost {
		return false
	}
	switch d.protocol {
	case wire.ProtocolJSON:
		return d.path == "" || d.path == path
	case wire.ProtocolAuto:
		return recognise(path) != ""
	default:
		return recognise(path) == d.protocol
	}
}

// recognise names the protocol whose inference calls go to path; "" if it is none:
//
//	/v2/models/{model}/infer, /v2/models/{model}/versions/{version}/infer, /v1/models/{model}:predict
//
// A prefix before them, as gateways and multi-model servers use, is ignored.
func recognise(path string) wire.Protocol {
	if i := strings.LastIndex(path, "/v2/models/"); i >= 0 {
		parts := strings.Split(path[i+len("/v2/models/"):], "/")
		n := len(parts)
		if parts[0] != "" && parts[n-1] == "infer" && (n == 2 || n == 4 && parts[1] == "versions" && parts[2] != "") {
			return wire.ProtocolOpenInferenceV2
		}
	}
	if i := strings.LastIndex(path, "/v1/models/"); i >= 0 {
		model, verb, _ := strings.Cut(path[i+len("/v1/models/"):], ":")
		if model != "" && verb == "predict" && !strings.Contains(model, "/") {
			return wire.ProtocolKServeV1
		}
	}
	return ""
}
